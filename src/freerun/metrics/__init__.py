"""What is measured on a rollout?

A metric looks at one run, one split and one mode; that the modes are compared on the same sequences, with the same warm-up, is
settled before (`freerun.evaluation`), and what their difference means after (`freerun.gap`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from jaxtyping import Float, Int

from freerun.errors import given
from freerun.lazy import torch
from freerun.tasks import Data, Truth

if TYPE_CHECKING:
    from freerun.config import Experiment


@dataclass(kw_only=True)
class Observed:
    """One rollout of one run, with everything a metric may look at. Time runs over warm-up and horizon.

    Attributes:
        outputs: predictions, ``Float[T N O]`` (logits for symbols).
        targets, weights: the truth and where it counts, as in `Sequences`.
        fed: what was fed after each step, ``Float[T N F]``.
        picks: the symbol that the feedback rule takes from each output, ``Int[T N]``, for discrete rules.
        warmup: steps before the release.
    """

    experiment: Experiment
    data: Data
    outputs: Float[torch.Tensor, "S N O"]
    targets: torch.Tensor
    weights: Float[torch.Tensor, "S N"]
    fed: Float[torch.Tensor, "T N F"]
    picks: Int[torch.Tensor, "T N"] | None
    warmup: int

    @cached_property
    def fed_symbols(self) -> Int[torch.Tensor, "T N"]:
        """The symbols that were fed, for discrete feedback rules."""
        return self.fed.argmax(-1)

    @cached_property
    def _truth(self) -> Truth:
        return given(self.data.oracle)(self.fed_symbols)

    def truth(self) -> Truth:
        """The oracle's distribution at every step, given what was really fed before it."""
        return self._truth

    @property
    def has_oracle(self) -> bool:
        """The true distribution is known for every prefix that can come up."""
        return self.data.oracle is not None and given(self.experiment.feedback).discrete

    def mean(self, values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """The weighted mean over sequences for each step from the release on; NaN where nothing counts."""
        values, weights = values[self.warmup :].double(), weights[self.warmup :].double()
        return torch.where(weights > 0, values * weights, torch.zeros_like(values)).sum(1) / weights.sum(1)


@dataclass(kw_only=True)
class Metric(ABC):
    """A measure on one rollout. Subclasses are final: one file, one class."""

    #: ``step``: one value for each step since the release; ``rollout``: one for the whole rollout.
    per: ClassVar[str] = "step"

    @abstractmethod
    def applies(self, observed: Observed) -> bool:
        """Whether the measure has a meaning here."""

    @abstractmethod
    def unit(self, observed: Observed) -> str:
        """The unit of the values, for tables and axes."""

    @abstractmethod
    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        """The values, averaged over sequences: one a step, or one in all. NaN is undefined."""
