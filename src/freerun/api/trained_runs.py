"""Trained runs in Python: one run of a study, its experiment, its numbers, and its model to go on with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from freerun.analysis.tables import tidy
from freerun.api.frames import Frames
from freerun.config import short_form
from freerun.config.experiment import NODES, Experiment
from freerun.config.run_identity import from_canonical
from freerun.config.training_settings import Training
from freerun.errors import ConfigError, given
from freerun.execution.planned_run import flat_settings
from freerun.io import html
from freerun.io.suggestions import nearest
from freerun.io.text import brief
from freerun.parts.earlier_run import STORE
from freerun.parts.regimes import Regime
from freerun.parts.settings import demand_place
from freerun.parts.tasks import Data
from freerun.store.records import Store, trained_run

if TYPE_CHECKING:
    from freerun.api.trained_model import TrainedModel


@dataclass(frozen=True, kw_only=True, repr=False)
class TrainedRun(Frames):
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

    @cached_property
    def data(self) -> Data:
        """The world of this run as it was trained on: its splits, its scaling, its alphabet."""
        from freerun.execution.task_data import worlds  # loads torch

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
        from freerun.api.trained_model import TrainedModel  # loads torch

        return TrainedModel(experiment, data, weights)

    def continue_(self, updates: int | None = None, regime: Regime | str | None = None, **settings: Any) -> Experiment:
        """Return the experiment that goes on with the weights of this run: a run of its own, `freerun.run` does it.

        Its updates, schedules and curves begin at 0, and its optimiser anew (`freerun.config.start_weights`).

        Args:
            updates: of the new run; None for as many as this run had.
            regime: one, or its name; None for that of this run.
            settings: any other one of an `Experiment`; ``training=Training(...)`` for a rate or a batch of its own. What is not
                given is that of this run, but for `training.stop`.

        Raises:
            ConfigError: if this run is not trained, there is no such setting, or its weights do not fit what is asked for.
        """
        run, known = trained_run(self.id), [item.name for item in fields(Experiment)]
        if unknown := next((name for name in settings if name not in known), None):
            demand_place(unknown, NODES)
            near = nearest(unknown, [*known, "updates"])
            raise ConfigError(f"continue_ {brief(unknown)}: no setting of an experiment; {near}")
        if not self.store.has(run):
            raise ConfigError(f"run {self.id}: has no weights in {self.store.root}; train it first")
        usual = self.store.root.absolute() == STORE.absolute()
        training: Training = settings.pop("training", None) or replace(self.experiment.training, stop=None)
        count = training.updates if updates is None else updates
        training = replace(training, start=run if usual else str(self.store.path(run)), updates=count)
        if regime is not None:
            settings["regime"] = regime
        return replace(self.experiment, training=training, **settings)

    def __repr__(self) -> str:
        axes = " ".join(str(self.tree[axis]["name"]) for axis in ("task", "model", "regime"))
        return f"Run {self.id}: {axes}, seed {self.tree['seed']}, {self.status}"

    def _repr_html_(self) -> str:
        try:
            settings: Mapping[str, Any] = short_form.settings(self.experiment)
        except ConfigError:  # of a part that is not there
            settings = flat_settings(dict(self.tree))
        return html.titled(repr(self), html.table((), settings.items()))
