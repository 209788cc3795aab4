"""Feeders: how runs are fed while they train, update by update.

    f_t = m_t e(y_t) + (1 - m_t) phi(o_t)

A regime returns a feeder, and the engine asks it for all that it has to know: with which others a run may train (`key`), what
is fed in an update (`feed`), and what is remembered from one update to the next (`remember`, `kept`). A feeder holds settings,
no state: its `Memory` belongs to the engine, which puts it into checkpoints. A new way of feeding is a new feeder.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, TypeVar, runtime_checkable

from jaxtyping import Float, Int

from freerun.deferred_imports import torch
from freerun.errors import given
from freerun.parts.feedback import Feedback

F = TypeVar("F", bound="Feeder")


@runtime_checkable
class Masking(Protocol):
    """What a feeder may ask of the regime that it was made by.

    Attributes:
        tosses: the mask depends on the coins.
    """

    tosses: ClassVar[bool]

    def mask(self, coins: Float[torch.Tensor, "T B"], update: int, updates: int) -> Float[torch.Tensor, "T B"]:
        """Return the share of truth for every step and sequence (`freerun.parts.regimes.Regime`)."""

    def probability(self, update: int, updates: int) -> float:
        """Return the mean of the mask at this update."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Sizes of a run's tensors.

    Attributes:
        steps, batch: of the sequences of an update.
        width: of what is fed.
        weights: of the model, all in one row.
    """

    updates: int
    steps: int
    batch: int
    width: int
    weights: int


@dataclass(frozen=True, kw_only=True)
class Number:
    """A finite number that is remembered: what it is before the first update, and the range that it never leaves."""

    start: float
    least: float = -math.inf
    most: float = math.inf


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What a checkpoint of one run holds of its feeder's memory.

    Attributes:
        tensors: the shape of each tensor, without the replica axis.
        numbers: each number.
    """

    tensors: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    numbers: Mapping[str, Number] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What is remembered from update to update, of all runs of a group.

    Attributes:
        tensors: by name, ``[R ...]``.
        numbers: by name, one of each run.
    """

    tensors: dict[str, torch.Tensor] = field(default_factory=dict)
    numbers: dict[str, list[float]] = field(default_factory=dict)

    def of(self, r: int) -> dict[str, float]:
        """Return the numbers of one run."""
        return {name: values[r] for name, values in self.numbers.items()}


@dataclass(frozen=True, kw_only=True)
class Feed:
    """What is fed in an update. In the warm-up it is the truth, whatever stands here.

    Attributes:
        mask: m_t, the share of truth; None where nothing but `truth` is fed.
        truth: what is fed where the mask is 1; None for the truth itself. The gradient runs through it.
        noise: what is added to the model's own output where it is fed; None for nothing.
        beforehand: all that is fed is `truth`, which was made by the mask: the loop does not mix once more.
        pull: the share of the error of an output by which the state behind it is corrected; None for nothing.
    """

    mask: Float[torch.Tensor, "T R B"] | None = None
    truth: Float[torch.Tensor, "T R B F"] | None = None
    beforehand: bool = False
    noise: Float[torch.Tensor, "T R B F"] | None = None
    pull: Float[torch.Tensor, "T R B"] | None = None


@dataclass(kw_only=True, eq=False)
class Batch(ABC):
    """The sequences of one update, all runs of a group side by side, and what a feeder can ask of the engine.

    Attributes:
        update, updates: the update, counted from 0, and their number.
        steps, count: how long the sequences are, and how many each run has.
        warmup: the steps that are always forced.
        symbols: whether the targets are symbols, fed as unit vectors.
        feedback: the rule phi as it stands at this update.
        uniform: the draws of the rule, ``[T R B]`` or ``[T R B K]``; None if it needs none.
        runs: the feeder of every run.
        index: which of the training sequences these are, for a feeder that `chooses`; None where they are none of them.
    """

    update: int
    updates: int
    steps: int
    count: int
    warmup: int
    symbols: bool
    feedback: Feedback
    uniform: torch.Tensor | None
    runs: list[Feeder]
    index: Int[torch.Tensor, "R B"] | None = None

    @property
    @abstractmethod
    def truth(self) -> Float[torch.Tensor, "T R B F"]:
        """e(y_t), the encoded truth."""

    def feeders(self, kind: type[F]) -> list[F]:
        """Return the feeder of every run, all of one class.

        Raises:
            TypeError: if one is of another class: then its `key` equals that of this class, and must not.
        """
        for feeder in self.runs:
            if not isinstance(feeder, kind):
                raise TypeError(f"a {type(feeder).__name__} is no {kind.__name__}; it must have a key of its own")
        return [feeder for feeder in self.runs if isinstance(feeder, kind)]

    @property
    @abstractmethod
    def closed(self) -> bool:
        """Whether nothing that is fed carries a gradient, by the experiment's settings."""

    @abstractmethod
    def stopped(self, feeds: Float[torch.Tensor, "T R B F"]) -> Float[torch.Tensor, "T R B F"]:
        """Return feeds without a gradient where the experiment stops it on its way into the step after."""

    @abstractmethod
    def draws(self, name: str, *shape: int) -> Float[torch.Tensor, "T R *rest"]:
        """Uniform draws on [0, 1) of a stream, equal for runs of one seed.

        Args:
            name: of the stream: `coins`, `noise`, or one of the feeder's own.
            shape: without the replica axis, which follows the first.
        """

    @abstractmethod
    def normals(self, name: str, *shape: int) -> Float[torch.Tensor, "T R *rest"]:
        """Standard normal draws, as `draws`."""

    @abstractmethod
    def weights(self) -> Float[torch.Tensor, "R P"]:
        """Return a copy of the weights as they are now, each run's in one row."""

    @abstractmethod
    def roll(
        self,
        *,
        mask: Float[torch.Tensor, "T R B"] | None = None,
        truth: Float[torch.Tensor, "T R B F"] | None = None,
        weights: Float[torch.Tensor, "R P"] | None = None,
        chosen: Int[torch.Tensor, " N"] | None = None,
    ) -> tuple[Float[torch.Tensor, "S R N O"], Float[torch.Tensor, "T R N F"]]:
        """Roll the models out over the sequences; returns the outputs, and what was fed after each step.

        Args:
            mask: the share of truth; None to feed nothing but the truth, which is the fast path.
            truth: what is fed where the mask is 1; None for the truth itself.
            weights: other weights than those that are trained, as `weights` gives them.
            chosen: the sequences that are rolled out; None for all.
        """

    @abstractmethod
    def growth(self) -> list[float]:
        """Return for every run the factor per step by which its closed loop stretches errors; infinite if not finite."""


@dataclass(frozen=True)
class Feeder(ABC):
    """How a run is fed while it trains.

    Attributes:
        regime: by which it was made.
    """

    #: The truth is fed at every step of every update, so that training may take the fast path.
    forced: ClassVar[bool] = False
    #: What is charged was fed step by step, as the mask says: objectives that tell free steps from forced ones can be used.
    looped: ClassVar[bool] = False
    #: A gradient may run through what it feeds; if not, all of that is data.
    carries: ClassVar[bool] = True
    #: It says which training sequences are shown (`chosen`) and is told what became of them (`learn`).
    chooses: ClassVar[bool] = False
    #: It corrects states (`Feed.pull`), of a model that is `correctable`; also where nothing is fed back.
    corrects: ClassVar[bool] = False

    regime: Masking

    @property
    def blends(self) -> bool:
        """Steps are neither forced nor free: the mask lies between 0 and 1."""
        return False

    @property
    def key(self) -> Hashable:
        """Runs train together only if their keys are equal; by default runs of one regime with equal settings."""
        return type(self), repr(self)

    def kept(self, update: int, sizes: Sizes) -> Kept:
        """Return the form of the memory after so many updates; numbers are there from the beginning, tensors once made."""
        return Kept()

    def remember(self, batch: Batch, memory: Memory) -> Memory:
        """Return the memory from this update on; called once an update, before anything is fed. No gradient is taken.

        Args:
            memory: what was remembered so far.
        """
        return memory

    def chosen(self, batch: Batch, memory: Memory) -> Int[torch.Tensor, "R B"]:
        """Return which training sequences are shown, if it `chooses`: a function of draws, memory and settings alone.

        Args:
            batch: of the sequences that the order of the data gives.
        """
        return given(batch.index)

    def learn(self, batch: Batch, memory: Memory, outputs: Float[torch.Tensor, "S R B O"]) -> Memory:
        """Return the memory after what was charged was rolled out, if it `chooses`. No gradient is taken.

        Args:
            outputs: of the rollout.
        """
        return memory

    def rolled(self, batch: int, update: int, updates: int) -> int:
        """Return how many sequences are rolled out for a batch in an update, those that are charged among them.

        Args:
            batch: of the sequences that are charged.
        """
        return batch

    @abstractmethod
    def feed(self, batch: Batch, memory: Memory) -> Feed:
        """Return what is fed in an update, to all runs of the group; a second call returns the same."""

    def probability(self, update: int, updates: int, numbers: Mapping[str, float]) -> float:
        """Return the share of truth that is shown in the training curves.

        Args:
            numbers: what is remembered of this run.
        """
        return self.regime.probability(update, updates)


def blend(share: torch.Tensor, truth: torch.Tensor, prediction: torch.Tensor, split: bool) -> torch.Tensor:
    """Mix truth and prediction by the share of truth; where it is 1 or 0, exactly one of them, whatever the other is.

    Args:
        split: whether any share lies between 0 and 1.
    """
    if split:
        prediction = torch.where(
            share > 0, torch.where(share < 1, share * truth + (1 - share) * prediction, prediction), prediction
        )
    return torch.where(share == 1, truth, prediction)


def after_warmup(x: torch.Tensor, first: torch.Tensor, warmup: int) -> torch.Tensor:
    """Return the steps of `first` in the warm-up and those of `x` after it."""
    return torch.cat([first[:warmup], x[warmup:]]) if warmup else x
