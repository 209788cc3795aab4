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
        made, true = observed.fed_symbols[observed.warmup :], observed.targets[observed.warmup :]
        own, counts = _lasts(observed)
        return ngrams(true, made, n, observed.data.outputs, _signs(observed), counts, own)

    found: Variation = observed.once(f"ngrams/{n}", find)
    return found


def length_variation(observed: Observed) -> Variation:
    """Of the numbers of symbols up to the end."""
    own, counts = _lasts(observed)
    return lengths(counts.sum(0), own.sum(0), len(counts), _signs(observed))


def has_ends(observed: Observed) -> bool:
    """Strings may end before the horizon does, and it is known where."""
    return observed.has_oracle and bool((observed.weights == 0).any() or observed.truth().ended.any())


def one(value: float) -> Float[torch.Tensor, " S"]:
    """One value of the whole rollout."""
    return torch.tensor([value], dtype=torch.float64)


def _lasts(observed: Observed) -> tuple[Bool[torch.Tensor, "S N"], Bool[torch.Tensor, "S N"]]:
    """Which symbols belong to a string, the end symbol among them: the closed loop's own, and the truth's."""
    counts = observed.weights[observed.warmup :] > 0
    if not observed.has_oracle:
        return counts, counts
    began = counts.any(0)
    return ~observed.truth().ended[observed.warmup :] & began, counts


def _signs(observed: Observed) -> Float[torch.Tensor, "P N"]:
    return swaps(torch.from_numpy(stream(0, "evaluation/strings").random((SWAPPED, observed.targets.shape[1]))))
