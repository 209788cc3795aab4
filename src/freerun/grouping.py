"""Which runs train together?

Runs that differ in nothing but seed, regime, learning rate, weight decay and clipping fill one set of batched products. Runs
that take another way through the engine keep to themselves, for a run must give the same bits in any group: those that are
always forced (the fast path), those fed by passes over data, those whose forcing is measured.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from freerun import catalog
from freerun.canonical import canonical, identity
from freerun.config import Experiment

#: What may differ inside a group.
FREE = ("seed", "regime")
FREE_TRAINING = ("lr", "weight_decay", "clip")


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A run to be done: its identity, its canonical experiment, and the experiment itself."""

    id: str
    tree: dict[str, Any]
    experiment: Experiment

    @property
    def label(self) -> str:
        """Task and model, for progress and messages."""
        return f"{catalog.name_of(self.experiment.task)} {catalog.name_of(self.experiment.model)}"


def plan(experiments: list[Experiment]) -> list[Planned]:
    """The runs of a list of experiments, each once, in the order of the list."""
    runs: dict[str, Planned] = {}
    for experiment in experiments:
        tree = canonical(experiment)
        run = Planned(id=identity(tree), tree=tree, experiment=experiment)
        runs.setdefault(run.id, run)
    return list(runs.values())


def groups(runs: list[Planned], limit: int, room: Callable[[Planned], int] | None = None) -> list[list[Planned]]:
    """Split runs into groups of at most `limit`, the most expensive group first.

    Args:
        runs: to be done.
        limit: most runs of a group.
        room: how many runs like a given one fit a worker's memory; None where that is no question.
    """
    found: dict[str, list[Planned]] = {}
    for run in runs:
        found.setdefault(_key(run), []).append(run)
    pieces = []
    for same in found.values():
        most = limit if room is None else max(1, min(limit, room(same[0])))
        pieces += [same[i : i + most] for i in range(0, len(same), most)]
    return sorted(pieces, key=_cost, reverse=True)


def _key(run: Planned) -> str:
    tree = {key: value for key, value in run.tree.items() if key not in FREE}
    tree["training"] = {key: value for key, value in tree["training"].items() if key not in FREE_TRAINING}
    regime = run.experiment.regime
    tree["way"] = [regime.always_forced, regime.passes, regime.measured_every]
    if regime.demonstrations:
        tree["way"].append(run.tree["regime"])
    return json.dumps(tree, sort_keys=True)


def _cost(group: list[Planned]) -> float:
    experiment = group[0].experiment
    path = 1 if experiment.regime.always_forced else 3
    return len(group) * path * experiment.training.updates * experiment.task.length


def titles(trees: Mapping[str, dict[str, Any]]) -> dict[str, str]:
    """Each run in a few words, by identity: task, model, regime, the settings in which the runs of a study differ, seed."""
    flat = {run: _flat(tree) for run, tree in trees.items()}
    keys = dict.fromkeys(key for settings in flat.values() for key in settings)
    differ = [key for key in keys if len({repr(settings.get(key)) for settings in flat.values() if key in settings}) > 1]
    found = {}
    for run, tree in trees.items():
        words = [str(tree[axis]["name"]) for axis in ("task", "model", "regime")]
        words += [f"{key}={flat[run][key]}" for key in differ if key in flat[run]]
        found[run] = " ".join([*words, f"seed {tree['seed']}"])
    return found


def _flat(tree: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= {f"{key}.{name}": each for name, each in value.items() if name not in ("name", "source", "content")}
            flat |= {key: value["name"]} if "name" in value and key not in ("task", "model", "regime") else {}
        elif key != "seed":
            flat[key] = value
    return flat
