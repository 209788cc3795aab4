"""Trained runs in Python: one run of a study, its experiment, its numbers, and its model to go on with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from freerun.analysis.tables import tidy
from freerun.api.trained_model import TrainedModel
from freerun.config.experiment import Experiment
from freerun.config.run_identity import from_canonical
from freerun.errors import ConfigError, given
from freerun.execution.task_data import worlds
from freerun.parts.tasks import Data
from freerun.store.records import Store, trained_run


@dataclass(frozen=True, kw_only=True, repr=False)
class TrainedRun:
    """One run of a study.

    Attributes:
        id: its identity.
        tree: its canonical experiment.
        store: where its record and its weights are.
        tables: its rows of the tables of the study.
    """

    id: str
    tree: Mapping[str, Any]
    store: Store
    tables: tidy.Tables

    @cached_property
    def experiment(self) -> Experiment:
        """The experiment, as it can be run again.

        Raises:
            ConfigError: if a part is of a plugin that is not loaded, or has changed.
        """
        return from_canonical(dict(self.tree))

    @property
    def status(self) -> str:
        """What became of it: done, diverged, failed or pending."""
        return str(self.tables.runs["status"].iloc[0])

    @property
    def curves(self) -> pd.DataFrame:
        """Training: run, update, quantity, value."""
        return self.tables.curves

    @property
    def gaps(self) -> pd.DataFrame:
        """Its measurements, forced and free."""
        return self.tables.gaps

    @cached_property
    def data(self) -> Data:
        """The world of this run as it was trained on: its splits, its scaling, its alphabet."""
        return worlds([self.experiment], self.experiment.task.length)[self.experiment.seed]

    def model(self) -> TrainedModel:
        """Return the trained model.

        Raises:
            ConfigError: if the run is not trained, its weights were not kept, or they are not those of this model.
        """
        run = trained_run(self.id)
        if not self.store.has(run):
            raise ConfigError(f"run {self.id}: has no weights in {self.store.root}; train it first")
        experiment, data = self.experiment, self.data
        fed = 0 if experiment.feedback is None or experiment.feedback.silent else data.outputs
        head = given(experiment.objective).head
        shapes = experiment.model.shapes(data.inputs + fed, data.outputs if head is None else head.width(data.outputs))
        weights = self.store.weights(run, {name: (shape.rows, shape.columns) for name, shape in shapes.items()})
        return TrainedModel(experiment, data, weights)

    def __repr__(self) -> str:
        axes = " ".join(str(self.tree[axis]["name"]) for axis in ("task", "model", "regime"))
        return f"Run {self.id}: {axes}, seed {self.tree['seed']}, {self.status}"
