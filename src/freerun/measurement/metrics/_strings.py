"""Are the strings of the closed loop like the true ones? What all counts of symbols share."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Bool, Float

from freerun.errors import given
from freerun.lazy import torch
from freerun.measurement.metrics import Comparison, Observed
from freerun.measurement.statistics.string_statistics import Variation, lengths, ngrams
from freerun.measurement.statistics.two_sample import swaps
from freerun.streams import stream

#: Swapped samples behind a floor.
SWAPPED = 19


@dataclass(kw_only=True)
class OfStrings(Comparison):
    """A total variation between what the closed loop feeds itself and the truth, from the release on."""

    per: ClassVar[str] = "rollout"
    #: The value is the floor: what a perfect model would show.
    floor: ClassVar[bool] = False

    def applies(self, observed: Observed) -> bool:
        return observed.experiment.task.symbols and given(observed.experiment.feedback).discrete

    def unit(self, observed: Observed) -> str:
        return "total variation"

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        found = self.of(observed)
        return torch.tensor([found.floor if self.floor else found.value], dtype=torch.float64)

    @abstractmethod
    def of(self, observed: Observed) -> Variation:
        """The variation, and its floor."""


@dataclass(kw_only=True)
class OfNgrams(OfStrings):
    """Of the shares of n successive symbols."""

    n: ClassVar[int]

    def of(self, observed: Observed) -> Variation:
        found: Variation = observed.once(f"ngrams/{self.n}", lambda: self._of(observed))
        return found

    def _of(self, observed: Observed) -> Variation:
        true, made, counts, own = _both(observed)
        return ngrams(true, made, self.n, observed.data.outputs, _signs(true.shape[1]), counts, own)


@dataclass(kw_only=True)
class OfLengths(OfStrings):
    """Of the numbers of symbols up to the end, where strings may end before the horizon does and it is known where."""

    def applies(self, observed: Observed) -> bool:
        return super().applies(observed) and observed.has_oracle and _has_ends(observed)

    def of(self, observed: Observed) -> Variation:
        true, _, counts, own = _both(observed)
        return lengths(counts.sum(0), own.sum(0), len(true), _signs(true.shape[1]))


def _has_ends(observed: Observed) -> bool:
    return bool((observed.weights == 0).any() or observed.truth().ended.any())


def _both(observed: Observed) -> tuple[torch.Tensor, torch.Tensor, Bool[torch.Tensor, "S N"], Bool[torch.Tensor, "S N"]]:
    """The true strings, the closed loop's, and which symbols belong to each, the end symbol among them.

    Strings that count stand in an order that depends on what they hold, so that draws go with them wherever they stood.
    """
    first = observed.warmup
    true, made, counts = observed.targets[first:], observed.fed_symbols[first:], observed.weights[first:] > 0
    own = ~observed.truth().ended[first:] if observed.has_oracle else counts
    weights = torch.from_numpy(stream(0, "evaluation/strings/order").standard_normal((2, len(true), 1)))
    held = (torch.where(counts, true + 1, 0) * weights[0] + torch.where(own, made + 1, 0) * weights[1]).sum(0)
    rows = counts.any(0).nonzero()[:, 0]
    rows = rows[held[rows].argsort(stable=True)]
    return true[:, rows], made[:, rows], counts[:, rows], own[:, rows]


def _signs(count: int) -> Float[torch.Tensor, "P N"]:
    return swaps(torch.from_numpy(stream(0, "evaluation/strings").random((SWAPPED, count))))
