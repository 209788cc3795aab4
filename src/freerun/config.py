"""What is an experiment? One typed tree, the same in Python, in YAML, on the command line and in the tables.

    Experiment(task=Lorenz63(), model=OutputRecurrent(hidden=64), regime=FreeRunning(), seed=0)

A run's identity is the hash of its canonical resolved experiment.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import Enum
from typing import Any

from freerun import catalog
from freerun.errors import ConfigError, nearest, require
from freerun.feedback import Feedback
from freerun.models import Model
from freerun.objectives import Objective
from freerun.regimes import Regime
from freerun.regimes.teacher_forcing import TeacherForcing
from freerun.tasks import Task

#: Part of every identity. Raise it when a change of the engine changes the numbers of a run.
GENERATION = 1
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
    """

    warmup: int | None = None
    horizon: int | None = None
    sequences: int = 128

    def __post_init__(self) -> None:
        require(self.warmup is None or self.warmup >= 0, "warmup", self.warmup, "not be negative")
        require(self.horizon is None or self.horizon >= 1, "horizon", self.horizon, "be at least 1")
        require(self.sequences >= 1, "sequences", self.sequences, "be at least 1")


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
        if self.feedback is None:
            silent = self.model.emits == "last"
            self.feedback = catalog.get("feedback", "none" if silent else self.task.default_feedback)()
        if self.objective is None:
            self.objective = catalog.get("objective", self.task.default_objective)()
        cut = gradient_cut(self.gradient)
        self.gradient = {0: "through", 1: "stop"}.get(cut, f"every {cut}")
        self._check_span()
        self._check_fit()

    def _check_span(self) -> None:
        length = self.task.length
        if length < 1:
            raise ConfigError(f"task.length must be at least 1, got {length}")
        warmup = self.evaluation.warmup
        if warmup is None:
            warmup = self.task.default_warmup if self.task.default_warmup < length else 0
        if warmup >= length:
            raise ConfigError(f"evaluation.warmup must be smaller than task.length ({length}), got {warmup}")
        horizon = self.evaluation.horizon or self.task.default_horizon or length - warmup
        if self.task.emits == "last" and (warmup, horizon) != (0, length):
            name = catalog.name_of(self.task)
            raise ConfigError(f"evaluation.warmup and horizon have no meaning for task {name}; leave them out")
        self.evaluation = replace(self.evaluation, warmup=warmup, horizon=horizon)

    def _check_fit(self) -> None:
        assert self.feedback is not None
        assert self.objective is not None
        names = {key: catalog.name_of(getattr(self, key)) for key in PARTS}
        kind = "symbols" if self.task.symbols else "real values"
        if self.task.emits != self.model.emits:
            wanted = "one target at the end of a sequence" if self.task.emits == "last" else "a target at every step"
            fits = [n for n, m in catalog.parts("model").items() if m.emits == self.task.emits]  # type: ignore[attr-defined]
            raise ConfigError(f"model={names['model']}: task {names['task']} has {wanted}; choose one of: {', '.join(fits)}")
        if self.model.emits == "last" and not self.feedback.silent:
            raise ConfigError(f"feedback={names['feedback']}: model {names['model']} feeds nothing back; choose feedback=none")
        if not (self.feedback.for_symbols if self.task.symbols else self.feedback.for_values):
            attribute = "for_symbols" if self.task.symbols else "for_values"
            fits = [n for n, f in catalog.parts("feedback").items() if getattr(f, attribute)]
            raise ConfigError(
                f"feedback={names['feedback']}: not for the {kind} of task {names['task']}; choose one of: {', '.join(fits)}"
            )
        if self.objective.symbols != self.task.symbols:
            fits = [n for n, o in catalog.parts("objective").items() if o.symbols == self.task.symbols]  # type: ignore[attr-defined]
            raise ConfigError(
                f"objective={names['objective']}: not for the {kind} of task {names['task']}; choose one of: {', '.join(fits)}"
            )
        if self.task.increments and self.feedback.silent:
            raise ConfigError(f"feedback=none: task {names['task']} adds the output to what was fed; choose another feedback")
        if self.model.memoryless and self.feedback.silent:
            raise ConfigError(f"feedback=none: model {names['model']} has no memory but its feedback; choose another model")
        for key, choices in (("device", ("cpu", "cuda")), ("dtype", ("float32", "float64"))):
            if getattr(self, key) not in choices:
                raise ConfigError(f"{key}={getattr(self, key)}: unknown {key}; {nearest(getattr(self, key), choices)}")
        if self.device == "cuda":
            from freerun.lazy import torch

            if not torch.cuda.is_available():
                raise ConfigError("device=cuda: this machine shows no CUDA device to torch; choose device=cpu")

    @property
    def span(self) -> tuple[int, int]:
        """(warmup, horizon), resolved."""
        assert self.evaluation.warmup is not None
        assert self.evaluation.horizon is not None
        return self.evaluation.warmup, self.evaluation.horizon


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


def canonical(experiment: Experiment) -> dict[str, Any]:
    """The experiment as plain data: every setting resolved, every part with its name (from a plugin also its source's hash)."""
    tree: dict[str, Any] = {}
    for item in fields(experiment):
        value = getattr(experiment, item.name)
        if item.name in PARTS:
            tree[item.name] = {"name": catalog.name_of(value), **_settings(value)}
            if digest := catalog.source_of(value):
                tree[item.name]["source"] = digest
        else:
            tree[item.name] = _settings(value) if is_dataclass(value) else value
    return tree


def _settings(node: Any) -> dict[str, Any]:
    settings = {}
    for item in fields(node):
        value = getattr(node, item.name)
        if isinstance(value, Enum):
            value = value.value
        elif isinstance(value, int) and not isinstance(value, bool) and "float" in str(item.type):
            value = float(value)
        settings[item.name] = value
    return settings


def identity(tree: dict[str, Any]) -> str:
    """The identity of a run: 16 hexadecimal digits of the SHA-256 of its canonical experiment."""
    text = json.dumps({"generation": GENERATION, **tree}, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def from_canonical(tree: dict[str, Any]) -> Experiment:
    """The experiment that `canonical` described.

    Raises:
        ConfigError: for an unknown part or setting, or a part whose plugin is not loaded or has changed.
    """
    values: dict[str, Any] = dict(tree)
    for key in PARTS:
        node = dict(values[key])
        digest = node.pop("source", None)
        values[key] = build(catalog.get(key, node.pop("name")), key, node)
        if catalog.source_of(values[key]) != digest:
            raise ConfigError(f"{key}={tree[key]['name']}: the plugin's file has changed since this run was planned")
    values["training"] = build(Training, "training", values["training"])
    values["evaluation"] = build(Evaluation, "evaluation", values["evaluation"])
    return Experiment(**values)


def build(cls: type, key: str, settings: dict[str, Any]) -> Any:
    """Make one node of the tree from plain settings.

    Raises:
        ConfigError: naming the key, the value and the rule, if a setting is unknown or out of range.
    """
    known = {item.name: item for item in fields(cls)}
    values = dict(settings)
    for name, value in settings.items():
        if name not in known:
            raise ConfigError(f"{key}.{name}: unknown key; {nearest(name, known)}")
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{key}.{name} must be finite, got {value}")
        default = known[name].default
        if isinstance(default, Enum) and not isinstance(value, Enum):
            try:
                values[name] = type(default)(value)
            except ValueError:
                choices = [str(member.value) for member in type(default)]
                raise ConfigError(f"{key}.{name}={value}: unknown {name}; {nearest(str(value), choices)}") from None
    try:
        return cls(**values)
    except ValueError as fault:
        raise ConfigError(f"{key}.{fault}") from None
