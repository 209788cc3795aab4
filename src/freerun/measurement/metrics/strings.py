"""Strings of the closed loop against the true ones: total variation of n-grams and of lengths, each with its floor."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from jaxtyping import Bool, Float

from freerun.errors import given
from freerun.lazy import torch
from freerun.measurement.metrics import Comparison, Observed, family
from freerun.measurement.statistics.string_statistics import Variation, lengths, ngrams
from freerun.measurement.statistics.two_sample import swaps
from freerun.store.quantity import SHARE, Quantity
from freerun.streams import stream

#: Swapped samples behind a floor.
SWAPPED = 19


@dataclass(kw_only=True)
class OfStrings(Comparison):
    """A total variation between what the closed loop feeds itself and the truth, from the release on."""

    per: ClassVar[str] = "rollout"
    #: The value is the floor: what a perfect model would show.
    floor: ClassVar[bool] = False

    quantity = Quantity(label="Strings", unit="total variation", better="lower", range=SHARE)

    def applies(self, observed: Observed) -> bool:
        return observed.experiment.task.symbols and given(observed.experiment.feedback).discrete

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


#: The name of the shares of n symbols, what they are shares of, their label, and what they are blind to.
_NGRAMS = {
    1: ("unigrams", "single symbols", "Symbol frequencies", "the order of symbols"),
    2: ("bigrams", "pairs of successive symbols", "Pairs of symbols", "what hangs together over more than two symbols"),
    3: ("trigrams", "triples of successive symbols", "Triples of symbols", "what hangs together over more than three symbols"),
}


def _both_of(name: str, label: str, what: str, blind: str) -> dict[str, dict[str, Any]]:
    """A total variation and its floor: the attributes of the two metrics."""
    own = replace(OfStrings.quantity, label=label, floor=f"{name}_floor", blind=(blind,))
    floor = Quantity(label=f"{label}, floor", unit=own.unit, better="neither", range=own.range, part="diagnostic")
    return {
        name: {"quantity": own, "__doc__": f"Total variation between the {what}; see its floor, `{name}_floor`."},
        f"{name}_floor": {
            "quantity": floor, "floor": True,
            "__doc__": f"The mean of `{name}` over samples in which strings changed places with the true ones.",
        },
    }  # fmt: skip


def _ngrams() -> Iterator[tuple[str, dict[str, Any]]]:
    for n, (name, what, label, blind) in _NGRAMS.items():
        for member, own in _both_of(name, label, f"shares of {what}", blind).items():
            yield member, {**own, "n": n}


PARTS = {
    **family(OfNgrams, dict(_ngrams())),
    **family(OfLengths, _both_of("lengths", "Lengths", "lengths of strings up to the end symbol", "what the strings say")),
}
