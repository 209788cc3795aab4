"""Regimes: who feeds, by a mask that says how much of the truth is fed back at every step.

    f_t = m_t e(y_t) + (1 - m_t) phi(o_t)

A regime is a dataclass of settings with one method that returns m. It is asked once an update, before the loop, with coins that
were drawn for it; it holds no state and no progress. One that is more than a mask returns a feeder of its own.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.parts.feeders import Feeder
from freerun.parts.feeders.masked import Masked
from freerun.parts.settings import PartType, Shown

if TYPE_CHECKING:
    from freerun.parts.experiment_protocol import Experiment


class Coin(Enum):
    """What one coin decides for, where coins decide."""

    step = "step"
    sequence = "sequence"
    batch_step = "batch_step"
    batch = "batch"
    epoch = "epoch"


@dataclass(kw_only=True)
class Regime(Shown, metaclass=PartType):
    """How a model is fed while it trains. Subclasses are final: one file, one class.

    A subclass declares in its body, as `name = value`, what differs from the default here.

    Attributes:
        coin: what one coin decides for, a `Coin`; ``Coin.step`` where a regime neither declares it nor has it as a setting.
        draws_stretches: the first coin of a sequence draws how many steps are free between two truths, and where they lie.
            Such a regime has `longest(update, updates)`, the most that are drawn, from 0 on and all equally often.
        tosses: the mask depends on the coins; where it does not, none are drawn, and zeros are given.
    """

    tosses: ClassVar[bool] = True
    draws_stretches: ClassVar[bool] = False

    def feeder(self) -> Feeder:
        """Return the feeder of this regime; by default it feeds by the mask, in the loop (`freerun.parts.feeders`)."""
        return Masked(self)

    def misfit(self, experiment: Experiment) -> str | None:
        """Return why this regime cannot be used in an experiment, with the remedy, in a few words; None if it can."""
        return None

    def comes_to(self, steps: range) -> str | None:
        """Return the name of the regime that this one is by its settings, for a note to the user; None where it is its own.

        Args:
            steps: the steps after which it is decided what is fed: from the warm-up on, but for the last.
        """
        return None

    @abstractmethod
    def probability(self, update: int, updates: int) -> float:
        """Return the mean of the mask at this update, for curves; `update` counts from 0, `updates` is their number."""

    @abstractmethod
    def mask(self, coins: Float[torch.Tensor, "T B"], update: int, updates: int) -> Float[torch.Tensor, "T B"]:
        """m_t in [0, 1] for every step and sequence.

        Args:
            coins: one uniform draw on [0, 1) for each step of each sequence.
            update: i, the update, counted from 0.
            updates: the number of updates of the run.
        """
