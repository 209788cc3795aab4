"""Who feeds? The mask: how much of the truth is fed back at every step.

    f_t = m_t e(y_t) + (1 - m_t) phi(o_t)

A regime is a dataclass of settings with one method that returns m. It is asked once an update, before the loop, with coins that
were drawn for it; it holds no state and no progress.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from jaxtyping import Float, Int

from freerun.lazy import torch

if TYPE_CHECKING:
    from freerun.parts.chosen import Experiment


@dataclass(kw_only=True)
class Regime(ABC):
    """How a model is fed while it trains. Subclasses are final: one file, one class."""

    @property
    def always_forced(self) -> bool:
        """The mask is known to be 1 everywhere at every update, so training may take the fast path."""
        return False

    #: Steps are neither forced nor free: what is fed lies between truth and own output.
    blends: ClassVar[bool] = False
    #: The truth is blurred before it is fed (see `blur`).
    blurs: ClassVar[bool] = False

    @property
    def passes(self) -> int:
        """Data passes instead of the loop: how often the sequences are run in parallel before the one that is charged."""
        return 0

    @property
    def demonstrations(self) -> int:
        """Earlier states of the model whose rollouts are fed as data, beside the truth itself (aggregation)."""
        return 0

    def sets(self, update: int, updates: int) -> int:
        """For aggregation: how many sets of data there are at this update, the truth among them."""
        return 1

    def dealt(self, batch: int, update: int, updates: int) -> Int[torch.Tensor, " B"]:
        """For aggregation: the set from which each sequence of a batch is fed; 0 is the truth, then in order of age."""
        return torch.zeros(batch, dtype=torch.int64)

    @property
    def measured_every(self) -> int:
        """Updates between two measurements of how fast errors grow, which `adapted` is told; 0 for a mask that needs none."""
        return 0

    def adapted(self, share: float, growth: float) -> float:
        """The share of truth from now on, for a regime that is measured (`measured_every`); it begins at 1.

        Args:
            share: the share of truth so far.
            growth: the factor a step by which the closed loop stretches errors, the geometric mean over a window.
        """
        raise NotImplementedError

    def blur(
        self, truth: Float[torch.Tensor, "T B F"], noise: Float[torch.Tensor, "T B N"], symbols: bool
    ) -> Float[torch.Tensor, "T B F"]:
        """The truth as it is fed, for a regime that `blurs`.

        Args:
            truth: values, or symbols as unit vectors.
            noise: for values N = F standard normal draws, for symbols N = 2 uniform draws on [0, 1).
        """
        raise NotImplementedError

    def misfit(self, experiment: Experiment) -> str | None:
        """Why this regime cannot be used in an experiment, with the remedy, in a few words; None if it can."""
        return None

    @abstractmethod
    def probability(self, update: int, updates: int) -> float:
        """The mean of the mask at this update, for curves; `update` counts from 0, `updates` is their number."""

    @abstractmethod
    def mask(self, coins: Float[torch.Tensor, "T B"], update: int, updates: int) -> Float[torch.Tensor, "T B"]:
        """m_t in [0, 1] for every step and sequence.

        Args:
            coins: one uniform draw on [0, 1) for each step of each sequence.
            update: i, the update, counted from 0.
            updates: the number of updates of the run.
        """
