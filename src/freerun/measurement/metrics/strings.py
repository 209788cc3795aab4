"""Strings of the closed loop against the true ones: total variation of n-grams and of lengths, each with its floor.

The floor is the same distance between the true strings and others of the same part of the data that were not measured, equally
many; it knows nothing of the model, and is undefined where there are not so many.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

from jaxtyping import Bool, Float, Int

from freerun.deferred_imports import torch
from freerun.errors import given
from freerun.measurement.metrics import Comparison, Observed, family
from freerun.measurement.statistics.string_statistics import lengths, ngrams
from freerun.store.quantity import SHARE, Quantity


class Strings(NamedTuple):
    """Strings, and which of their symbols belong to them."""

    symbols: Int[torch.Tensor, "S _"]
    inside: Bool[torch.Tensor, "S _"]


@dataclass(kw_only=True)
class OfStrings(Comparison):
    """A total variation between what the closed loop feeds itself and the truth, from the release on."""

    per: ClassVar[str] = "rollout"
    #: The value is the floor: what other true strings show.
    floor: ClassVar[bool] = False

    quantity = Quantity(label="Strings", unit="total variation", better="lower", range=SHARE)

    def applies(self, observed: Observed) -> bool:
        return observed.experiment.task.symbols and given(observed.experiment.feedback).discrete

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        compared = _others(observed) if self.floor else _own(observed)
        apart = torch.nan if compared is None else self.between(observed, _true(observed), compared)
        return torch.tensor([apart], dtype=torch.float64)

    @abstractmethod
    def between(self, observed: Observed, true: Strings, compared: Strings) -> float:
        """The variation between the true strings and others; NaN is undefined."""


@dataclass(kw_only=True)
class OfNgrams(OfStrings):
    """Of the shares of n successive symbols."""

    n: ClassVar[int]

    def between(self, observed: Observed, true: Strings, compared: Strings) -> float:
        return ngrams(true.symbols, compared.symbols, self.n, observed.data.outputs, true.inside, compared.inside)


@dataclass(kw_only=True)
class OfLengths(OfStrings):
    """Of the numbers of symbols up to the end, where strings may end before the horizon does and it is known where."""

    def applies(self, observed: Observed) -> bool:
        return super().applies(observed) and observed.has_oracle and _has_ends(observed)

    def between(self, observed: Observed, true: Strings, compared: Strings) -> float:
        return lengths(true.inside.sum(0), compared.inside.sum(0), len(true.symbols))


def _has_ends(observed: Observed) -> bool:
    return bool((observed.weights == 0).any() or observed.truth().ended.any())


def _true(observed: Observed) -> Strings:
    """The true strings; those of which nothing counts are left out."""
    return _counted(observed.targets, observed.weights, observed.warmup)


def _own(observed: Observed) -> Strings:
    """The strings of the closed loop that stand beside true strings that count."""
    first, counts = observed.warmup, observed.weights > 0
    counted = ~observed.truth().ended if observed.has_oracle else counts
    rows = counts[first:].any(0)
    return Strings(observed.fed_symbols[first:, rows], counted[first:, rows])


def _others(observed: Observed) -> Strings | None:
    """True strings of the same part that were not measured, in number like those that were; None where there are too few."""
    part, steps = observed.data.splits[observed.split], len(observed.targets)
    from freerun.engine.replicas import spread

    measured = spread(len(part), observed.experiment.evaluation.sequences)
    if observed.data.windows:
        index = (measured[1:] + measured[:-1]) // 2
        index = index[(index - measured[:-1] >= steps) & (measured[1:] - index >= steps)]
    else:
        free = torch.ones(len(part), dtype=torch.bool)
        free[measured] = False
        left = free.nonzero()[:, 0]
        index = left[spread(len(left), len(measured))] if len(left) >= len(measured) else left[:0]
    if len(index) < len(measured) - 1 or not len(index):
        return None
    spare = part.take(index, steps)
    return _counted(spare.targets, spare.weights, observed.warmup)


def _counted(targets: torch.Tensor, weights: torch.Tensor, first: int) -> Strings:
    counts = weights[first:] > 0
    rows = counts.any(0)
    return Strings(targets[first:, rows], counts[:, rows])


#: The name of the shares of n symbols, what they are shares of, their label, and what they are blind to.
_NGRAMS = {
    1: ("unigrams", "single symbols", "Symbol frequencies", "the order of symbols"),
    2: ("bigrams", "pairs of successive symbols", "Pairs of symbols", "what hangs together over more than two symbols"),
    3: ("trigrams", "triples of successive symbols", "Triples of symbols", "what hangs together over more than three symbols"),
}


def _both_of(name: str, label: str, what: str, blind: str) -> dict[str, dict[str, Any]]:
    """A total variation and its floor: the attributes of the two metrics."""
    quantity = replace(OfStrings.quantity, label=label, floor=f"{name}_floor", blind=(blind,))
    floor = Quantity(label=f"{label}, floor", unit=quantity.unit, better="neither", range=quantity.range, part="diagnostic")
    return {
        name: {"quantity": quantity, "__doc__": f"Total variation between the {what}; see its floor, `{name}_floor`."},
        f"{name}_floor": {
            "quantity": floor, "floor": True,
            "__doc__": f"What `{name}` is between the true strings and equally many other true ones.",
        },
    }  # fmt: skip


def _ngrams() -> Iterator[tuple[str, dict[str, Any]]]:
    for n, (name, counted, label, blind) in _NGRAMS.items():
        for member, attributes in _both_of(name, label, f"shares of {counted}", blind).items():
            yield member, {**attributes, "n": n}


PARTS = {
    **family(OfNgrams, dict(_ngrams())),
    **family(OfLengths, _both_of("lengths", "Lengths", "lengths of strings up to the end symbol", "what the strings say")),
}
