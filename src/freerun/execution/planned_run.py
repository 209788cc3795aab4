"""Planned run: what is trained and what is measured of it, with its identity and its title."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

from freerun.config.experiment import Experiment
from freerun.config.left_out_settings import left_out
from freerun.config.measurement_identity import MEASURING, Measurement, measurement
from freerun.config.run_identity import RESERVED, canonical, identity, unstopped
from freerun.parts import registry
from freerun.store import player_records


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A run to be trained and measured.

    Attributes:
        tree: its canonical experiment.
        measurement: what is measured of it.
        train: whether it may be trained; if not, the store has to hold it already.
    """

    tree: dict[str, Any]
    experiment: Experiment
    measurement: Measurement
    train: bool = True

    @property
    def id(self) -> str:
        """The identity of the measurement, by which its record is known; that of the trained run is its first part."""
        return self.measurement.id

    @property
    def trained(self) -> str:
        """The identity of the trained run."""
        return self.measurement.run

    @property
    def course(self) -> str:
        """The identity of the run that trains to the last update: runs that differ in where they stop share checkpoints."""
        return identity(unstopped(self.tree))

    @property
    def players(self) -> str:
        """The identity of the reference players that belong to it (`freerun.store.player_records`)."""
        asked = self.measurement
        return player_records.identity(self.tree, asked.evaluation, asked.metrics, MEASURING)

    @property
    def label(self) -> str:
        """Task and model, for progress and messages."""
        return f"{registry.name_of(self.experiment.task)} {registry.name_of(self.experiment.model)}"


def plan(experiments: list[Experiment]) -> list[Planned]:
    """Return the runs of a list of experiments, each once, in the order of the list."""
    runs: dict[str, Planned] = {}
    for experiment in experiments:
        tree = canonical(experiment)
        run = Planned(tree=tree, experiment=experiment, measurement=measurement(experiment, tree))
        runs.setdefault(run.id, run)
    return list(runs.values())


def titles(trees: Mapping[str, dict[str, Any]]) -> dict[str, str]:
    """Return a title for every run, by identity: task, model, regime, the settings in which the runs differ, seed."""
    return {run: f"{name} seed {trees[run]['seed']}" for run, name in method_names(trees).items()}


def method_names(trees: Mapping[str, dict[str, Any]], apart_from: Container[str] = ()) -> dict[str, str]:
    """Return the name of the method of every run, by the keys of `trees`: task, model, regime, and where the runs differ.

    Args:
        trees: canonical experiments.
        apart_from: settings, by dotted key, that no name says.
    """
    flat = {run: flat_settings(tree) for run, tree in trees.items()}
    keys = dict.fromkeys(key for settings in flat.values() for key in settings if key not in apart_from)
    varied = [key for key in keys if len({repr(settings.get(key)) for settings in flat.values() if key in settings}) > 1]
    name_by_run = {}
    for run, tree in trees.items():
        words = [str(tree[axis]["name"]) for axis in ("task", "model", "regime")]
        name_by_run[run] = " ".join([*words, *(f"{key}={flat[run][key]}" for key in varied if key in flat[run])])
    return name_by_run


def flat_settings(tree: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a canonical experiment by dotted key, those that it leaves out at the end.

    Without its seed, and the names of task, model and regime.
    """
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= {f"{key}.{name}": setting for name, setting in value.items() if name not in RESERVED}
            flat |= {key: value["name"]} if "name" in value and key not in ("task", "model", "regime") else {}
        elif key != "seed":
            flat[key] = value
    return flat | left_out(tree)
