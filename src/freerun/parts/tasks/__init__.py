"""Task: where sequences come from, and what is known about them.

A task is a dataclass of settings with one method, `build`, a pure function of (settings, seed, length). Time comes first in
every tensor. Letters: `T` time, `N` sequences of a split, `X` exogenous inputs, `Y` target width, `K` symbols.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Inexact, Int

from freerun.deferred_imports import torch
from freerun.parts.settings import PartType, Shown

#: The splits of every task. They never overlap; training sees `train` alone, progress is measured on `validation`.
SPLITS = ("train", "validation", "test")


@dataclass(kw_only=True)
class Sequences:
    """Sequences of one split; `N` is the number of sequences (in a batch of replicas it becomes ``R B``).

    Attributes:
        targets: ``Int[T N]`` symbols or ``Float[T N Y]`` values, y_t.
        start: what stands before the first target, ``Int[N]`` (-1: nothing) or ``Float[N Y]``; it is fed at t = 0.
        weights: ``Float[T N]``, 1 where a target counts and 0 for padding.
        inputs: exogenous inputs ``Float[T N X]``, or None.
        ends: for one target a sequence, of sequences that differ in length: the step after which the answer is due,
            ``Int[N]``; what follows it is padding. None: the last step.
    """

    targets: torch.Tensor
    start: torch.Tensor
    weights: torch.Tensor
    inputs: torch.Tensor | None = None
    ends: torch.Tensor | None = None

    def __len__(self) -> int:
        return int(self.start.shape[0])

    def take(self, index: torch.Tensor, length: int) -> Sequences:
        """Return the sequences at `index`, their first `length` steps."""
        if self.targets.shape[0] == 1 and length > 1:  # sequence to one: a single target at the end
            targets, weights = self.targets[:, index], self.weights[:, index]
        else:
            targets, weights = self.targets[:length, index], self.weights[:length, index]
        inputs = None if self.inputs is None else self.inputs[:length, index]
        ends = None if self.ends is None else self.ends[index]
        return Sequences(targets=targets, start=self.start[index], weights=weights, inputs=inputs, ends=ends)

    @cached_property
    def alike(self) -> bool:
        """Whether every target counts, and all of them alike; looked at once, for nobody writes to the weights of a world."""
        return bool((self.weights == 1).all())

    def steps(self) -> int:
        """T, the number of time steps of the longest part."""
        return int((self.targets if self.inputs is None else self.inputs).shape[0])


@runtime_checkable
class Oracle(Protocol):
    """What is known exactly about a source of symbols.

    One that computes nothing, so that a prefix is answered with the same bits whatever others it is asked with, may say so by a
    class attribute ``looks_up = True``: runs that train together then ask it together.
    """

    def __call__(self, prefix: Int[torch.Tensor, "T N"]) -> Truth:
        """The true next-symbol distribution at every step, given the symbols actually fed before it."""


@dataclass(kw_only=True)
class Truth:
    """The oracle's answer for every step t of every sequence; a prefix is everything fed before t.

    Attributes:
        log_probs: log P(y_t | prefix), nats, float64; meaningful where `inside` holds and not `ended`.
        inside: the prefix has positive probability under the source.
        ended: the prefix contains the end symbol.
    """

    log_probs: Float[torch.Tensor, "T N K"]
    inside: Bool[torch.Tensor, "T N"]
    ended: Bool[torch.Tensor, "T N"]

    def from_step(self, step: int) -> Truth:
        """Return the answer for every step from `step` on."""
        return Truth(log_probs=self.log_probs[step:], inside=self.inside[step:], ended=self.ended[step:])


@dataclass(kw_only=True)
class Data:
    """Everything a run needs to know about its world, built for one seed.

    Attributes:
        splits: the sequences of train, validation and test.
        inputs: X, the width of the exogenous input (0: none).
        outputs: Y, the width of the target, or K, the number of symbols.
        oracle: the exact next-symbol distribution, where the task has one.
        mean, std: the scaling that was applied to values, ``Float[Y]``, from the training part alone.
        input_mean, input_std: that of exogenous inputs, ``Float[X]``, where they were scaled.
        residual: for tasks that predict an increment, its scale ``Float[Y]``; the prediction is then what was fed plus
            residual x output.
        alphabet: the symbols as text, where they are characters or letters.
        windows: the sequences of a split are windows of one series, one from every step on, so that neighbours overlap.
    """

    splits: dict[str, Sequences]
    inputs: int
    outputs: int
    oracle: Oracle | None = None
    mean: torch.Tensor | None = None
    std: torch.Tensor | None = None
    input_mean: torch.Tensor | None = None
    input_std: torch.Tensor | None = None
    residual: torch.Tensor | None = None
    alphabet: tuple[str, ...] | None = None
    windows: bool = False
    fingerprint: str = field(default="")

    def __post_init__(self) -> None:
        self.fingerprint = self.fingerprint or fingerprint(self.splits)
        self._made: dict[Hashable, Any] = {}

    def once(self, what: Hashable, make: Callable[[], Any]) -> Any:
        """Return what `make` gives, made once for these data, for all who know it by `what`."""
        if what not in self._made:
            self._made[what] = make()
        return self._made[what]


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Stretches of a recording that training has not seen, in the units of the data, in double precision.

    Attributes:
        index: the test sequences after whose warm-up the first begin.
        true, again: stretches of the test part, and as many of the validation part.
    """

    index: torch.Tensor
    true: Float[torch.Tensor, "T N Y"]
    again: Float[torch.Tensor, "T N Y"]


def fingerprint(splits: dict[str, Sequences]) -> str:
    """SHA-256 over the generated tensors: recorded with a run, so that data that changed with a library's version shows."""
    digest = hashlib.sha256()
    for name in SPLITS:
        for part in fields(Sequences):
            value = getattr(splits[name], part.name)
            if value is not None:
                digest.update(f"{name}.{part.name}:{tuple(value.shape)}".encode())
                digest.update(np.ascontiguousarray(value.numpy()).tobytes())
    return digest.hexdigest()


@dataclass(kw_only=True)
class Task(Shown, metaclass=PartType):
    """A world to predict. Subclasses are final: one file, one class.

    A subclass declares in its body, as `name = value`, what differs from the default here.

    Attributes:
        symbols: targets are symbols (cross-entropy, sampling) rather than real values.
        emits: ``each``: a target at every step; ``last``: one target for the whole sequence.
        field: values are one a point on a ring of points, so that a `stencil` can run over them.
        answers: what is to be said follows from the input, so that an answer is right or wrong as a whole.
        recording: values are a measured series, which is compared with the baselines of forecasting.
        unit: the unit of values, for axes ("" for symbols).
        default_feedback, default_objective: feedback and objective that an experiment gets if it names none.
        default_warmup, default_horizon: steps that are always forced before a release, and steps measured after it (None:
            up to the end of `length`).
        default_orbit: steps of a long closed loop in the evaluation, for a task that `continues` (0: none).
        usual_error: for values: the size of what a trained model usually errs in one step at true states, in standard
            deviations of the data. The noisy truth, a reference player beside which forecasts are judged, makes fresh
            errors of this size at every step.
        length: steps of a training sequence; a setting, which the user may change.
        analytic: `onward` takes complex states too and is analytic in them (sums, products, sines: no absolute values, no
            parts of a complex number, no transforms of real numbers alone), so that its derivative can be had exactly.
    """

    symbols: ClassVar[bool] = True
    emits: ClassVar[str] = "each"
    field: ClassVar[bool] = False
    answers: ClassVar[bool] = False
    recording: ClassVar[bool] = False
    unit: ClassVar[str] = ""
    default_feedback: ClassVar[str] = "sample"
    default_objective: ClassVar[str] = "cross_entropy"
    default_warmup: ClassVar[int] = 0
    default_horizon: ClassVar[int | None] = None
    default_orbit: ClassVar[int] = 0
    usual_error: ClassVar[float] = 0.01
    analytic: ClassVar[bool] = False

    length: int = 50

    @abstractmethod
    def build(self, seed: int, length: int) -> Data:
        """Sequences of `length` steps for one seed; a pure function of the settings, the seed and the length."""

    def check(self, length: int) -> None:
        """Refuse, before anything is built, sequences of a length that this world cannot give.

        Raises:
            ConfigError: naming the key and what is possible.
        """

    def content(self) -> str | None:
        """For a task that reads data from outside the settings, the SHA-256 of that data: other data is another run."""
        return None

    def notes(self) -> tuple[str, ...]:
        """What a reader should know of the data, a line each: what was taken and left out, steps that are too wide.

        Printed before a run, and kept in its record for the report.
        """
        return ()

    @property
    def own_warmup(self) -> int:
        """The warm-up that an experiment gets if it names none: `default_warmup`, unless it follows from the settings."""
        return self.default_warmup

    @property
    def silent(self) -> bool:
        """Nothing may be fed back: the only feedback is then `none`."""
        return False

    @property
    def increments(self) -> bool:
        """The output is added to what was fed, so that something has to be fed."""
        return False

    @property
    def continues(self) -> bool:
        """What is observed determines what follows, so that the true system can be run from any state (`advance`)."""
        return False

    def advance(self, states: Float[np.ndarray, "N Y"], steps: int) -> Float[np.ndarray, "T N Y"]:
        """Return the next `steps` observations of the true system, in its own units, for a task that `continues`.

        Args:
            states: observations to go on from, whether an orbit passes there or not.
        """
        raise NotImplementedError

    @property
    def remembers(self) -> int | None:
        """The number of last observations that determine the next (`onward`); None if no finite number does."""
        return None

    def onward(self, history: Inexact[np.ndarray, "H N Y"]) -> Inexact[np.ndarray, "N Y"]:
        """Return the next observation of the true system, in its own units, for a task that `remembers`.

        Args:
            history: the last `remembers` observations, whether an orbit passes there or not.
        """
        raise NotImplementedError

    def own_orbit(self, warmup: int) -> int:
        """Return the steps of a long closed loop that an experiment gets if it names none; 0 where there can be none."""
        return self.default_orbit if self.continues else 0

    def orbit_fault(self, warmup: int, steps: int) -> str | None:
        """Return why there is no long closed loop of so many steps to compare with the truth; None if there is one."""
        return None if self.continues else "cannot be continued from what is observed"

    def held_out(self, data: Data, warmup: int, steps: int) -> HeldOut | None:
        """For a recording that has long orbits, the stretches of it that stand for those of the true system; else None.

        Args:
            data: as it was built.
            warmup: steps that are forced before an orbit begins.
            steps: of the orbits.
        """
        return None

    def lyapunov_steps(self) -> float | None:
        """Return the Lyapunov time in steps, for chaotic systems; None for others."""
        return None

    def season_steps(self) -> int | None:
        """Return the steps after which a series comes round again, for a seasonal baseline; None where none is known."""
        return None

    def show(self, observed: Any) -> dict[str, Any] | None:
        """Return a sample of the closed loop for figures, as JSON data (see `evaluation.Observed`); None for nothing."""
        return None
