"""Are the strings of the closed loop like the true ones? What all counts of symbols share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Bool, Float

from freerun.errors import given
from freerun.lazy import torch
from freerun.measures.strings import Variation, lengths, ngrams
from freerun.measures.two_sample import swaps
from freerun.metrics import Comparison, Observed
from freerun.streams import stream

#: Swapped samples behind a floor.
SWAPPED = 19


@dataclass(kw_only=True)
class OfStrings(Comparison):
    """A total variation between what the closed loop feeds itself and the truth, from the release on."""

    per: ClassVar[str] = "rollout"

    def applies(self, observed: Observed) -> bool:
        return observed.experiment.task.symbols and given(observed.experiment.feedback).discrete

    def unit(self, observed: Observed) -> str:
        return "total variation"


def variation(observed: Observed, n: int) -> Variation:
    """Of the shares of n successive symbols."""

    def find() -> Variation:
        true, made, counts, own = _both(observed)
        return ngrams(true, made, n, observed.data.outputs, _signs(true.shape[1]), counts, own)

    found: Variation = observed.once(f"ngrams/{n}", find)
    return found


def length_variation(observed: Observed) -> Variation:
    """Of the numbers of symbols up to the end."""
    true, _, counts, own = _both(observed)
    return lengths(counts.sum(0), own.sum(0), len(true), _signs(true.shape[1]))


def has_ends(observed: Observed) -> bool:
    """Strings may end before the horizon does, and it is known where."""
    return observed.has_oracle and bool((observed.weights == 0).any() or observed.truth().ended.any())


def one(value: float) -> Float[torch.Tensor, " S"]:
    """One value of the whole rollout."""
    return torch.tensor([value], dtype=torch.float64)


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
