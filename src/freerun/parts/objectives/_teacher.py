"""Teacher: a trained run in the store, whose model says what it would have said to what another one was fed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from freerun.errors import ConfigError, FreerunError
from freerun.parts import registry
from freerun.parts.feedback import Feedback
from freerun.parts.models import Model
from freerun.parts.part_source import source_of
from freerun.parts.settings import build
from freerun.parts.tasks import Task
from freerun.store.records import IDENTITY, Store, trained_run

#: Where a teacher that is named by its identity alone is looked for.
STORE = Path("results/.store")
_KEY = "objective.teacher"
#: Settings of a task that say how much of its world is seen, not which world it is.
_AMOUNTS = ("length", "sequences")


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """A trained run.

    Attributes:
        run: its identity.
        task, model, feedback, seed: of its experiment.
        content: the SHA-256 of its identity and its weights.
        weights: by name, without the replica axis.
        files: the digest of the data that its task read, and of the plugins that its task and its model came from.
    """

    run: str
    task: Task
    model: Model
    feedback: Feedback
    seed: int
    content: str
    weights: Mapping[str, np.ndarray]
    files: Mapping[str, str | None]

    def differs(self, task: Task) -> str | None:
        """Return how a task's world differs from the teacher's; None where it is the same."""
        name = registry.name_of(self.task)
        if type(task) is not type(self.task):
            return f"was trained on task {name}"
        amounts = {key: getattr(self.task, key) for key in _AMOUNTS if hasattr(self.task, key)}
        if replace(task, **amounts) != self.task:
            return f"was trained on task {name} with other settings"
        if (self.files["data"], self.files["source"]) != (task.content(), source_of(task)):
            return f"was trained on another file of task {name}"
        return None


def teacher(name: str) -> Teacher:
    """Return the trained run of an identity in results/.store, or that of the path of a record.

    Raises:
        ConfigError: in one line, if there is none, it has not been trained to the end, or its parts are not known here.
    """
    shown = name[-60:]
    path = Store(STORE).path(name) if IDENTITY.fullmatch(name) else Path(name)
    if path.suffix != ".json" or not IDENTITY.fullmatch(path.stem):
        raise ConfigError(f"{_KEY}={shown}: must be the identity of a run, 16 hexadecimal digits, or the path of its record")
    path = path.with_name(f"{trained_run(path.stem)}.json")  # what is measured of it is no matter
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        remedy = f"in {STORE}; train it first, or give the path of its record" if IDENTITY.fullmatch(name) else "at this path"
        raise ConfigError(f"{_KEY}={shown}: there is no record of such a run {remedy}") from None
    return _read(path, changed, shown)


@lru_cache(maxsize=8)
def _read(path: Path, changed: int, shown: str) -> Teacher:
    """Return the teacher of a record, kept as long as the record stays as it is."""
    store, run = Store(path.parent.parent), path.stem
    try:
        record = store.read(run)
        if record["status"] != "done":
            raise ConfigError(f"{_KEY}={shown}: its training {record['status']}; choose a run that is done")
        tree, weights = record["experiment"], store.weights(run)
        if _part("objective", tree["objective"]).head is not None:
            raise ConfigError(f"{_KEY}={shown}: it predicts distributions of values; choose a run that predicts values")
        parts = {key: _part(key, tree[key]) for key in ("task", "model", "feedback")}
        seed = int(tree["seed"])
    except ConfigError:
        raise
    except (FreerunError, OSError, LookupError, TypeError) as fault:
        raise ConfigError(f"{_KEY}={shown}: its record cannot be used: {' '.join(str(fault).split())[:80]}") from None
    digest = hashlib.sha256(run.encode())
    for name in sorted(weights):
        digest.update(f"{name}:{weights[name].dtype}:{weights[name].shape}".encode() + weights[name].tobytes())
    files = {"data": tree["task"].get("content"), "source": tree["task"].get("source")}
    return Teacher(run=run, seed=seed, content=digest.hexdigest(), weights=weights, files=files, **parts)


def _part(kind: str, node: Mapping[str, Any]) -> Any:
    """Return a part of the teacher's experiment, as it was set."""
    settings = {name: value for name, value in node.items() if name not in ("name", "source", "content")}
    part = build(registry.get(kind, node["name"]), kind, settings)
    if source_of(part) != node.get("source"):
        raise ConfigError(f"{_KEY}: the plugin of {kind}={node['name']} has changed since the teacher was trained")
    return part
