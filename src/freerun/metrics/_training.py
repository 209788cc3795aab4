"""How far is what happens in evaluation from what happened in training, on the same sequences?

Three things are looked at from the release on: what was fed, the hidden states, and the outputs (for symbols, probabilities).
The unit of replication is the sequence. Partners, row i in training and row i in evaluation, are one sequence. Where chance is
needed, it is drawn for rows in an order that depends on what they hold alone, so that the order of sequences never matters.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float

from freerun.errors import given
from freerun.lazy import torch
from freerun.measures.classifier import classify, null_interval
from freerun.measures.two_sample import Distance, mmd, sliced_wasserstein, swaps
from freerun.metrics import Metric, Observed
from freerun.streams import stream

#: Swapped samples behind a p-value or a floor; projections of the sliced distance; steps that are looked at as one whole.
SWAPPED, FEW, DIRECTIONS, STEPS = 199, 19, 64, 32
#: Steps that a classifier reads, and the fewest sequences worth it: half are judged, and of fewer than 8 chance gets all right.
READ, FEWEST = 8, 16
#: The stream of all draws below: they are a measure's own, the same for every run.
STREAM = "evaluation/distances"


@dataclass(kw_only=True)
class BesideTraining(Metric):
    """A distance between training and this rollout. `part` is ``fed``, ``hidden`` or ``outputs``."""

    of_training: ClassVar[bool] = True
    part: ClassVar[str]

    def applies(self, observed: Observed) -> bool:
        there = observed.training is not None
        return there and (self.part != "hidden" or given(observed.hidden).shape[-1] > 0)

    def at_steps(self, observed: Observed) -> tuple[torch.Tensor, torch.Tensor, Bool[torch.Tensor, "S N"]]:
        """What happened in training and here, ``[S N D]``, from the release on, and where it counts."""
        return _at_steps(observed, self.part)


@dataclass(kw_only=True)
class WholeBesideTraining(BesideTraining):
    """A distance between whole rollouts: a sequence is one vector, of at most `STEPS` steps, evenly spread."""

    per: ClassVar[str] = "rollout"

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return torch.tensor([self.of(observed)], dtype=torch.float64)

    @abstractmethod
    def of(self, observed: Observed) -> float:
        """The distance; NaN is undefined."""


def kernel_test(observed: Observed, part: str) -> Distance:
    """MMD^2 of whole sequences with its p-value."""

    def find() -> Distance:
        x, y = _whole(observed, part, STEPS)
        return mmd(_vectors(x), _vectors(y), _signs(SWAPPED, x.shape[1]))

    found: Distance = observed.once(f"training/mmd/{part}", find)
    return found


def sliced(observed: Observed, part: str) -> float:
    """The sliced Wasserstein distance of whole sequences, less its floor."""
    x, y = _whole(observed, part, STEPS)
    a, b = _vectors(x), _vectors(y)
    directions = torch.from_numpy(stream(0, f"{STREAM}/directions").standard_normal((DIRECTIONS, a.shape[1])))
    return sliced_wasserstein(a, b, directions, _signs(FEW, len(a))).value


def accuracy(observed: Observed, part: str) -> float:
    """The accuracy of a classifier on held-out sequences, of which it reads `READ` steps; 1/2 where nothing differs at all.

    The classifiers of all parts train side by side; narrow parts are filled up with zeros.
    """

    def find() -> dict[str, float]:
        both = {name: _whole(observed, name, READ) for name in ("fed", "hidden", "outputs")}
        count = both["fed"][0].shape[1]
        if count < FEWEST:
            return dict.fromkeys(both, math.nan)
        found = dict.fromkeys(both, 0.5)
        differ = {name: pair for name, pair in both.items() if pair[0].shape[-1] and not torch.equal(*pair)}
        if not differ:
            return found
        width = max(x.shape[-1] for x, _ in differ.values())
        x, y = (
            torch.stack([torch.nn.functional.pad(pair[side], (0, width - pair[side].shape[-1])) for pair in differ.values()], 1)
            for side in range(2)
        )
        drawn: np.ndarray = stream(0, f"{STREAM}/classifier").random((3, count))
        return found | {name: each.accuracy for name, each in zip(differ, classify(x, y, drawn, 0), strict=True)}

    return float(observed.once("training/classifiers", find)[part])


def unit(observed: Observed, part: str) -> str:
    """In what the values of a part are measured."""
    if part == "hidden":
        return "activation"
    if observed.experiment.task.symbols:
        return "probability" if part == "outputs" else "one-hot"
    return observed.experiment.task.unit or "scaled"


def chance(observed: Observed) -> str:
    """What mere chance would give, in words."""
    count = int((observed.weights[observed.warmup :] > 0).any(0).sum())
    low, high = null_interval(count - count // 2)
    return f"share, by chance {low:.3f} to {high:.3f}"


def _at_steps(observed: Observed, part: str) -> tuple[torch.Tensor, torch.Tensor, Bool[torch.Tensor, "S N"]]:
    both = [_part(each, part)[observed.warmup :] for each in (given(observed.training), observed)]
    return both[0], both[1], observed.weights[observed.warmup :] > 0


def _whole(observed: Observed, part: str, steps: int) -> tuple[Float[torch.Tensor, "S N D"], Float[torch.Tensor, "S N D"]]:
    """At most `steps` steps of those sequences that count anywhere, 0 where they do not, in an order of their own."""
    x, y, counts = _at_steps(observed, part)
    keep = torch.linspace(0, len(x) - 1, min(steps, len(x)), dtype=torch.float64).round().long()
    seen = counts.any(0)
    x, y = (torch.where(counts[keep][..., None], each[keep].double(), 0.0)[:, seen] for each in (x, y))
    order = _order(x, y)
    return x[:, order], y[:, order]


def _signs(swapped: int, count: int) -> Float[torch.Tensor, "P N"]:
    return swaps(torch.from_numpy(stream(0, f"{STREAM}/swaps").random((swapped, count))))


def _vectors(x: Float[torch.Tensor, "S N D"]) -> Float[torch.Tensor, "N P"]:
    return x.permute(1, 0, 2).flatten(1)


def _part(observed: Observed, part: str) -> torch.Tensor:
    if part == "outputs" and observed.experiment.task.symbols:
        return torch.softmax(observed.outputs.double(), -1)
    found: torch.Tensor = getattr(observed, part)
    return found


def _order(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """An order of the sequences that depends on what they hold, not on where they stand."""
    both = torch.cat([_vectors(x), _vectors(y)], 1)
    weights = torch.from_numpy(stream(0, f"{STREAM}/order").standard_normal(both.shape[1]))
    sums = [torch.nan_to_num(row * weights).sum() for row in both.unbind(0)]
    return torch.stack(sums).argsort(stable=True) if sums else torch.zeros(0, dtype=torch.int64)
