"""Experiment: one typed tree, the same in Python, in YAML, on the command line and in the tables.

    Experiment(task=Lorenz63(), model=OutputRecurrent(hidden=64), regime=FreeRunning(), seed=0)

Everything is validated at construction; `freerun.config.compatibility` says which parts go together,
`freerun.config.run_identity` by what a run is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from freerun.config import compatibility, named_parts, settings_without_effect, start_weights
from freerun.config.evaluation_settings import Evaluation
from freerun.config.training_settings import Training
from freerun.errors import ConfigError, given
from freerun.io import html
from freerun.io.text import brief
from freerun.parts import notebook_parts, registry
from freerun.parts.feedback import Feedback
from freerun.parts.models import Model
from freerun.parts.objectives import Objective
from freerun.parts.regimes import Regime
from freerun.parts.regimes.teacher_forcing import TeacherForcing
from freerun.parts.settings import checked, normalised, whole
from freerun.parts.tasks import Task

#: The keys of an experiment that are parts, chosen by name.
PARTS = ("task", "model", "regime", "feedback", "objective")
#: Those that are settings alone.
NODES: dict[str, type] = {"training": Training, "evaluation": Evaluation}


@checked("", nodes=NODES)
@dataclass(kw_only=True)
class Experiment:
    """One run: a task, a model, how it is fed, how it is trained and measured, and a seed.

    A part may be given by its name, or that of a preset: ``Experiment(task="lorenz63", model="gru", regime="free_running")``.
    `feedback`, `objective`, `evaluation.warmup` and `evaluation.horizon` are filled in from the task if they are None.

    Attributes:
        task: the world that is predicted.
        model: who learns it.
        regime: how it is fed while it trains.
        feedback: what becomes of an output before it is fed; None for what the task has by default.
        objective: what is minimised; None for what the task has by default.
        training: how it is trained.
        evaluation: how it is measured.
        seed: of the data, the first weights, the order of batches and every coin.
        gradient: how a gradient flows through what is fed back: `through`, `stop`, or `every N` (cut at every N-th step). Where
            no gradient flows, as through `sample`, there is nothing to cut: it becomes `through`, and `notes` says so.
        device: `cpu`, or `cuda` for a GPU.
        dtype: `float32` or `float64`.

    Raises:
        ConfigError: if the parts do not fit together.
    """

    task: Task
    model: Model
    regime: Regime = field(default_factory=TeacherForcing)
    feedback: Feedback | None = None
    objective: Objective | None = None
    gradient: str = "through"
    training: Training = field(default_factory=Training)
    evaluation: Evaluation = field(default_factory=Evaluation)
    seed: int = 0
    device: str = "cpu"
    dtype: str = "float32"

    if TYPE_CHECKING:

        def __init__(
            self, *, task: Task | str, model: Model | str, regime: Regime | str = ..., feedback: Feedback | str | None = None,
            objective: Objective | str | None = None, gradient: str = "through", training: Training = ...,
            evaluation: Evaluation = ..., seed: int = 0, device: str = "cpu", dtype: str = "float32",
        ) -> None: ...  # fmt: skip

    def __post_init__(self) -> None:
        self.seed = whole("seed", self.seed)
        for key in PARTS:
            if key in ("task", "model", "regime") or getattr(self, key) is not None:
                setattr(self, key, named_parts.part(key, getattr(self, key)))
            notebook_parts.adopt(key, getattr(self, key))
        for key, kind in NODES.items():
            if not isinstance(value := getattr(self, key), kind):
                raise ConfigError(f"{key} must be {kind.__name__}(...), got {brief(value)}")
        for key in (*PARTS, "training", "evaluation"):
            if getattr(self, key) is not None:
                setattr(self, key, normalised(getattr(self, key), key))
        self._complete()

    def _complete(self) -> None:
        """Fill in what follows from the task, and see that the parts go together."""
        if self.feedback is None:
            silent = self.model.emits == "last" or self.task.silent
            self.feedback = registry.get("feedback", "none" if silent else self.task.default_feedback)()
        if self.objective is None:
            self.objective = registry.get("objective", self.task.default_objective)()
        self._settle_gradient()
        self.evaluation = compatibility.resolved_evaluation(self.task, self.model, self.feedback, self.evaluation)
        compatibility.check(self)
        start_weights.check(self)
        self._notes += settings_without_effect.lines(self)

    def _settle_gradient(self) -> None:
        """Write the gradient in one way for each run: a cut without effect becomes `through`, with a line in `notes`."""
        cut = gradient_cut(self.gradient)
        self.gradient = {0: "through", 1: "stop"}.get(cut, f"every {cut}")
        regime = None if self.model.solves or given(self.objective).rollouts else self.regime
        idle = compatibility.idle_cut(cut, given(self.feedback), regime, self.training.truncate, self.task.length)
        self._notes: tuple[str, ...] = ()
        if idle is not None:
            self._notes = (f"gradient={self.gradient}: {idle}, so that the run is that of gradient=through",)
            self.gradient = "through"

    def __repr__(self) -> str:
        from freerun.config import short_form

        return f"Experiment({', '.join(f'{key}={text}' for key, text in short_form.settings(self).items())})"

    def _repr_html_(self) -> str:
        from freerun.config import short_form

        return html.titled("Experiment", html.table((), short_form.settings(self).items()))

    def note(self, lines: Iterable[str]) -> None:
        """Add lines to `notes`: what was done about the words that ask for this experiment."""
        self._notes = (*lines, *self._notes)

    @property
    def notes(self) -> tuple[str, ...]:
        """Lines for the user: settings that were replaced by an equivalent one, and what was taken of the user's own data."""
        return (*self._notes, *self.task.notes())

    @property
    def span(self) -> tuple[int, int]:
        """(warmup, horizon), resolved."""
        return given(self.evaluation.warmup), given(self.evaluation.horizon)


def assemble(nodes: Mapping[str, Any]) -> Experiment:
    """Return the experiment of nodes that `freerun.parts.settings.build` has made and checked, each for itself.

    Args:
        nodes: a value for every key of an experiment.

    Raises:
        ConfigError: if the parts do not fit together, or the seed is no whole number.
    """
    experiment = object.__new__(Experiment)
    for item in fields(Experiment):
        setattr(experiment, item.name, nodes[item.name])
    experiment.seed = whole("seed", experiment.seed)
    experiment._complete()
    return experiment


def gradient_cut(text: str) -> int:
    """Return every how many steps the gradient through the feedback is cut: `through` -> 0, `stop` -> 1, `every N` -> N.

    Raises:
        ConfigError: if `text` is none of these.
    """
    if text in ("through", "stop"):
        return int(text == "stop")
    match = re.fullmatch(r"every[ _-]?([1-9][0-9]{0,8})", text)
    if match is None:
        raise ConfigError(f"gradient={text!r}: must be through, stop or every_N with N of at least 1")
    return int(match[1])
