"""Plan files: the canonical experiment and the metrics behind an identity, beside the place of its record.

A worker is handed a store and identities, nothing else. The plan of a run is its canonical experiment and what is measured of
it, with the files of its plugins; it is trusted only if it hashes to the identity it stands for. It goes when the run has its
record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from freerun.config.measurement_identity import MEASURED, Measurement
from freerun.config.run_identity import from_canonical, identity, sources
from freerun.errors import ConfigError, CorruptRecord, refused
from freerun.execution.planned_run import Planned
from freerun.io.reading import content
from freerun.io.text import one_line
from freerun.io.writing import write_atomic
from freerun.parts import notebook_parts
from freerun.parts.plugins import load_plugin, plugin_files
from freerun.store.records import Store

SUFFIX = ".plan"
LARGEST = 2**20


class MetricPlan(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A metric of a plan: its settings, and for one of a plugin the SHA-256 of its file."""

    settings: dict[str, bool | int | float | str | None]
    source: str | msgspec.UnsetType = msgspec.UNSET


class PlanFile(msgspec.Struct, kw_only=True):
    """A plan as its file holds it.

    Attributes:
        plugins: the files of the plugins that the run needs, for whoever has to name them again; none is loaded for that.
        experiment: its canonical experiment.
        metrics: what is measured of it (`freerun.config.measurement_identity.Measurement`).
        train: whether it may be trained.
        classes: the kind and the name of its parts that were defined in a notebook, and are in no file.
    """

    plugins: list[str]
    experiment: dict[str, Any]
    metrics: dict[str, MetricPlan]
    train: bool
    classes: list[str] = msgspec.field(default_factory=list)


_PLAN = msgspec.json.Decoder(PlanFile)


def write(store: Store, runs: Iterable[Planned]) -> None:
    """Write the plans of runs to the store, unsynced: a plan that a crash tears does not match its hash and is refused.

    Raises:
        StoreError: if the disk refuses.
    """
    digest_of, class_digests = plugin_files(), notebook_parts.sources()
    for run in runs:
        needed = sources(run.tree) | run.measurement.sources
        plugins = [file for file, digest in digest_of.items() if digest in needed]
        classes = [name for name, digest in class_digests.items() if digest in needed]
        path = store.path(run.id).with_suffix(SUFFIX)
        metrics = msgspec.convert(run.measurement.metrics, dict[str, MetricPlan])
        plan = msgspec.json.encode(
            PlanFile(plugins=plugins, experiment=run.tree, metrics=metrics, train=run.train, classes=classes)
        )
        try:
            store.make_room(path)
            write_atomic(path, plan, settle=False)
        except OSError as fault:
            raise refused(path, "cannot be written", fault) from None


class PluginNotNamed(ConfigError):
    """A run needs a plugin that the command does not name."""


def read(store: Store, run: str, plugins: Mapping[str, str]) -> Planned:
    """Return the planned run behind an identity; the plugins it needs are loaded, if they are among those given.

    Args:
        store: where the plan is.
        run: the identity.
        plugins: the files of the plugins that the command names, or a study file that its user has named, with their digests:
            code runs because a user asks for it, never because a file of the store does.

    Raises:
        PluginNotNamed: if it needs another one.
        CorruptRecord: if there is no plan, or it is not that of this run.
        ConfigError: if a plugin or a metric is missing or has changed.
    """
    path = store.path(run).with_suffix(SUFFIX)
    try:
        plan = _PLAN.decode(content(path, LARGEST))
        evaluation = {name: value for name, value in plan.experiment["evaluation"].items() if name in MEASURED}
        metrics = msgspec.to_builtins(plan.metrics)
        measurement = Measurement(run=identity(plan.experiment), evaluation=evaluation, metrics=metrics)
        sound = measurement.id == run
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        sound = False
    if not sound:
        raise CorruptRecord(f"{path}: the plan of the run is missing or damaged; start the study again")
    tree = plan.experiment
    needed = sources(tree) | measurement.sources
    missing = needed - set(plugins.values()) - set(notebook_parts.sources().values())
    if missing and plan.classes:
        raise PluginNotNamed(lost_class(one_line(", ".join(plan.classes), 100)))
    if missing:
        files = one_line(",".join(plan.plugins), 200)
        raise PluginNotNamed(f"its plugin is not named, or has changed; add plugins=[{files}], if you trust what is there")
    for file, digest in plugins.items():
        if digest in needed:
            load_plugin(file, digest)
    measurement.made()
    return Planned(tree=tree, experiment=from_canonical(tree), measurement=measurement, train=plan.train)


def lost_class(name: str) -> str:
    """Return in one line what became of a part, by kind and name, that was defined in a notebook."""
    file = f"{name.rpartition(' ')[2]}.py"
    return (
        f"{name} was defined in a notebook or a script and is in no file; run it there again, or put it into {file} and start "
        f"anew with plugins=[{file}]"
    )


def remove(store: Store, run: str) -> None:
    """Remove the plan of a run that has its record; one that cannot be removed does no harm."""
    with suppress(OSError):
        store.path(run).with_suffix(SUFFIX).unlink(missing_ok=True)


def clear(store: Store) -> None:
    """Remove the plans of runs that have their records, left by processes killed in between."""
    for path in store.root.glob(f"[0-9a-f][0-9a-f]/*{SUFFIX}"):
        if path.with_suffix(".json").exists():
            remove(store, path.stem)
