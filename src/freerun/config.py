"""What is an experiment? One typed tree, the same in Python, in YAML, on the command line and in the tables.

    Experiment(task=Lorenz63(), model=OutputRecurrent(hidden=64), regime=FreeRunning(), seed=0)

Everything is validated at construction; `freerun.fit` says which parts go together, `freerun.canonical` by what a run is known.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from enum import Enum

from freerun import catalog, fit
from freerun.errors import ConfigError, given, require
from freerun.feedback import Feedback
from freerun.models import Model
from freerun.objectives import Objective
from freerun.regimes import Regime
from freerun.regimes.teacher_forcing import TeacherForcing
from freerun.settings import normalised, whole
from freerun.tasks import Task

#: The keys of an experiment that are parts, chosen by name.
PARTS = ("task", "model", "regime", "feedback", "objective")


class Optimizer(Enum):
    """The optimiser: weight decay inside the gradient (Adam) or beside it (AdamW)."""

    adam = "adam"
    adamw = "adamw"


class Decay(Enum):
    """How the learning rate moves over the updates."""

    constant = "constant"
    cosine = "cosine"


@dataclass(kw_only=True)
class Training:
    """How a model is trained.

    Attributes:
        updates: number of gradient steps.
        batch: B, sequences in a batch.
        lr: the learning rate.
        decay: the learning rate over the updates: constant, or half a cosine from `lr` to 0.
        clip: largest norm of a run's gradient; null for no clipping.
        truncate: cut back-propagation through time every so many steps, state and feedback; null for none.
        log_every: updates between two points of the training curves.
    """

    updates: int = 2000
    batch: int = 32
    lr: float = 3e-3
    decay: Decay = Decay.cosine
    optimizer: Optimizer = Optimizer.adam
    weight_decay: float = 0.0
    clip: float | None = 1.0
    truncate: int | None = None
    log_every: int = 100

    def __post_init__(self) -> None:
        require(self.updates >= 0, "updates", self.updates, "not be negative")
        require(self.batch >= 1, "batch", self.batch, "be at least 1")
        require(0 < self.lr < math.inf, "lr", self.lr, "be positive")
        require(0 <= self.weight_decay < math.inf, "weight_decay", self.weight_decay, "not be negative")
        require(self.clip is None or 0 < self.clip < math.inf, "clip", self.clip, "be positive, or null for none")
        require(self.truncate is None or self.truncate >= 1, "truncate", self.truncate, "be at least 1, or null for none")
        require(self.log_every >= 1, "log_every", self.log_every, "be at least 1")

    def rate(self, update: int) -> float:
        """The factor on the learning rate at an update, counted from 0."""
        if self.decay is Decay.constant:
            return 1.0
        return 0.5 * (1 + math.cos(math.pi * update / self.updates))


@dataclass(kw_only=True)
class Evaluation:
    """How a trained model is measured, forced and free, on the training and on the test split.

    Attributes:
        warmup: steps that are forced before the release, in training and in every evaluation; null for the task's own.
        horizon: steps measured from the release on; null for the task's own.
        sequences: how many sequences of each split are measured.
        orbit: steps of a long closed loop, for the statistics of its states; null for the task's own, 0 for none.
        distances: measure how far what the model is fed, its states and its outputs are from what they were in training.
    """

    warmup: int | None = None
    horizon: int | None = None
    sequences: int = 128
    orbit: int | None = None
    distances: bool = False

    def __post_init__(self) -> None:
        require(self.warmup is None or self.warmup >= 0, "warmup", self.warmup, "not be negative")
        require(self.horizon is None or self.horizon >= 1, "horizon", self.horizon, "be at least 1")
        require(self.sequences >= 1, "sequences", self.sequences, "be at least 1")
        require(self.orbit is None or self.orbit == 0 or self.orbit >= 100, "orbit", self.orbit, "be 0, or at least 100")


@dataclass(kw_only=True)
class Experiment:
    """One run: a task, a model, how it is fed, how it is trained and measured, and a seed.

    `feedback`, `objective`, `evaluation.warmup` and `evaluation.horizon` are filled in from the task if they are None.

    Attributes:
        gradient: how a gradient flows through what is fed back: `through`, `stop`, or `every N` (cut at every N-th step).
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

    def __post_init__(self) -> None:
        self.seed = whole("seed", self.seed)
        for key in (*PARTS, "training", "evaluation"):
            if getattr(self, key) is not None:
                setattr(self, key, normalised(getattr(self, key), key))
        if self.feedback is None:
            silent = self.model.emits == "last" or self.task.silent
            self.feedback = catalog.get("feedback", "none" if silent else self.task.default_feedback)()
        if self.objective is None:
            self.objective = catalog.get("objective", self.task.default_objective)()
        cut = gradient_cut(self.gradient)
        self.gradient = {0: "through", 1: "stop"}.get(cut, f"every {cut}")
        self.evaluation = fit.resolved_evaluation(self.task, self.model, self.feedback, self.evaluation)
        fit.check(self)

    @property
    def span(self) -> tuple[int, int]:
        """(warmup, horizon), resolved."""
        return given(self.evaluation.warmup), given(self.evaluation.horizon)


def gradient_cut(text: str) -> int:
    """`through` -> 0, `stop` -> 1, `every N` -> N: how often the gradient through the feedback is cut.

    Raises:
        ConfigError: if `text` is none of these.
    """
    if text in ("through", "stop"):
        return int(text == "stop")
    match = re.fullmatch(r"every[ _-]?([1-9][0-9]{0,8})", text)
    if match is None:
        raise ConfigError(f"gradient={text!r}: must be through, stop or every_N with N of at least 1")
    return int(match[1])
