"""Earlier run: a trained run in the store that another one learns from, or begins with the weights of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from freerun.errors import ConfigError, FreerunError
from freerun.parts import registry
from freerun.parts.feedback import Feedback
from freerun.parts.gaussians import Head
from freerun.parts.layers import Shape
from freerun.parts.models import Model
from freerun.parts.part_source import source_of
from freerun.parts.settings import build
from freerun.parts.tasks import Task
from freerun.store.claims import owners
from freerun.store.record_types import Provenance
from freerun.store.records import IDENTITY, Store, trained_run

#: Where a run that is named by its identity alone is looked for.
STORE = Path("results/.store")
#: The settings that name an earlier run, by its identity or by a path.
KEYS = ("objective.teacher", "training.start")
#: Endings of the files of a run: its record, and its weights beside it.
_FILES = (".json", ".safetensors")
#: Settings of a task that say how much of its world is seen, not which world it is.
_AMOUNTS = ("length", "sequences")


@dataclass(frozen=True, kw_only=True)
class EarlierRun:
    """A trained run.

    Attributes:
        run: its identity.
        task, model, feedback, seed, dtype: of its experiment.
        head: how its outputs are read as distributions of values; None where they are not.
        tree: its canonical experiment.
        content: the SHA-256 of its identity and its weights.
        weights: by name, without the replica axis.
        files: the digest of the data that its task read, and of the plugins that its task and its model came from.
        provenance: what its record says of how it was made, and what it cost.
    """

    run: str
    task: Task
    model: Model
    feedback: Feedback
    head: Head | None
    seed: int
    dtype: str
    tree: Mapping[str, Any]
    content: str
    weights: Mapping[str, np.ndarray]
    files: Mapping[str, str | None]
    provenance: Provenance

    def fits(self, shapes: Mapping[str, Shape]) -> bool:
        """Return whether its weights have these names and shapes, ``[in out]``."""
        held = {name: tuple(value.shape) for name, value in self.weights.items()}
        return held == {name: (shape.rows, shape.columns) for name, shape in shapes.items()}

    def differs(self, task: Task) -> str | None:
        """Return how a task's world differs from that of this run; None where it is the same."""
        name = registry.name_of(self.task)
        if type(task) is not type(self.task):
            return f"was trained on task {name}"
        amounts = {key: getattr(self.task, key) for key in _AMOUNTS if hasattr(self.task, key)}
        if replace(task, **amounts) != self.task:
            return f"was trained on task {name} with other settings"
        if (self.files["data"], self.files["source"]) != (task.content(), source_of(task)):
            return f"was trained on another file of task {name}"
        return None


def earlier_run(key: str, name: str) -> EarlierRun:
    """Return the trained run of an identity in results/.store, or that of the path of a record or of its weights.

    Args:
        key: the setting that names it, for messages.
        name: the identity or the path.

    Raises:
        ConfigError: in one line, if there is none, it has not been trained to the end, or its parts are not known here.
    """
    path = Store(STORE).path(name) if IDENTITY.fullmatch(name) else Path(name).expanduser()
    try:
        if path.suffix not in _FILES or not IDENTITY.fullmatch(path.stem):
            raise ConfigError(
                "must be the identity of a run, 16 hexadecimal digits, or the path of its record or of its weights"
            )
        path = path.with_name(f"{trained_run(path.stem)}.json")  # what is measured of it is no matter
        try:
            changed = path.stat().st_mtime_ns
        except OSError:
            if path.stem in {trained_run(run) for run in owners(Store(path.parent.parent))}:
                raise ConfigError("it is still being trained; wait until it is done") from None
            remedy = f"in {STORE}; train it first, or give the path of its record"
            where = remedy if IDENTITY.fullmatch(name) else "at this path"
            raise ConfigError(f"there is no record of such a run {where}") from None
        return _read(path.absolute(), changed)
    except ConfigError as fault:
        raise ConfigError(f"{key}={name[-60:]}: {fault}") from None


@lru_cache(maxsize=32)
def _read(path: Path, changed: int) -> EarlierRun:
    """Return the run of a record, kept as long as the record stays as it is."""
    store, run = Store(path.parent.parent), path.stem
    try:
        record = store.read(run)
        if record["status"] != "done":
            raise ConfigError(f"its training {record['status']}; choose a run that is done")
        tree, weights = record["experiment"], store.weights(run)
        parts = {key: _part(key, tree[key]) for key in ("task", "model", "feedback")}
        head: Head | None = _part("objective", tree["objective"]).head
        seed, dtype = int(tree["seed"]), str(tree["dtype"])
        provenance = msgspec.convert(record["provenance"], Provenance)
    except ConfigError:
        raise
    except (FreerunError, OSError, LookupError, TypeError, ValueError) as fault:
        raise ConfigError(f"its record cannot be used: {' '.join(str(fault).split())[:80]}") from None
    digest = hashlib.sha256(run.encode())
    for name in sorted(weights):
        digest.update(f"{name}:{weights[name].dtype}:{weights[name].shape}".encode() + weights[name].tobytes())
    files = {"data": tree["task"].get("content"), "source": tree["task"].get("source")}
    return EarlierRun(
        run=run, head=head, seed=seed, dtype=dtype, tree=tree, content=digest.hexdigest(), weights=weights, files=files,
        provenance=provenance, **parts,
    )  # fmt: skip


def _part(kind: str, node: Mapping[str, Any]) -> Any:
    """Return a part of the run's experiment, as it was set."""
    settings = {name: value for name, value in node.items() if name not in ("name", "source", "content")}
    part = build(registry.get(kind, node["name"]), kind, settings)
    if source_of(part) != node.get("source"):
        raise ConfigError(f"the plugin of {kind}={node['name']} has changed since it was trained")
    return part
