"""How far is what happens in evaluation from what happened in training, on the same sequences?

Three things are looked at from the release on: what was fed, the hidden states, and the outputs (for symbols, probabilities).
The unit of replication is the sequence. Partners, row i in training and row i in evaluation, are one sequence. Where chance is
needed, it is drawn for rows in an order that depends on what they hold alone, so that the order of sequences never matters.
"""

from __future__ import annotations

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
#: Steps that a classifier reads.
READ = 16
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
        both = [_part(each, self.part)[observed.warmup :] for each in (given(observed.training), observed)]
        return both[0], both[1], observed.weights[observed.warmup :] > 0


@dataclass(kw_only=True)
class WholeBesideTraining(BesideTraining):
    """A distance between whole rollouts: a sequence is one vector, of at most `STEPS` steps, evenly spread."""

    per: ClassVar[str] = "rollout"

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        x, y, counts = self.at_steps(observed)
        seen = counts.any(0)
        x, y, counts = x[:, seen], y[:, seen], counts[:, seen]
        if x.shape[1] < 2:
            return torch.tensor([torch.nan], dtype=torch.float64)
        keep = torch.linspace(0, len(x) - 1, min(STEPS, len(x)), dtype=torch.float64).round().long()
        x, y = (torch.where(counts[keep][..., None], part[keep].double(), 0.0) for part in (x, y))
        order = _order(x, y)
        return torch.tensor([self.between(x[:, order], y[:, order])], dtype=torch.float64)

    @abstractmethod
    def between(self, x: Float[torch.Tensor, "S N D"], y: Float[torch.Tensor, "S N D"]) -> float:
        """The distance of the rollout `y` from training, `x`; NaN is undefined."""


def kernel_test(x: Float[torch.Tensor, "S N D"], y: Float[torch.Tensor, "S N D"]) -> Distance:
    """MMD^2 of whole sequences with its p-value."""
    return mmd(_vectors(x), _vectors(y), _signs(SWAPPED, x.shape[1]))


def sliced(x: Float[torch.Tensor, "S N D"], y: Float[torch.Tensor, "S N D"]) -> float:
    """The sliced Wasserstein distance of whole sequences, less its floor."""
    a, b = _vectors(x), _vectors(y)
    directions = torch.from_numpy(stream(0, f"{STREAM}/directions").standard_normal((DIRECTIONS, a.shape[1])))
    return sliced_wasserstein(a, b, directions, _signs(FEW, len(a))).value


def accuracy(x: Float[torch.Tensor, "S N D"], y: Float[torch.Tensor, "S N D"]) -> float:
    """The accuracy of a classifier on held-out sequences, of which it reads at most `READ` steps, evenly spread."""
    if x.shape[1] < 4:
        return float("nan")
    keep = torch.linspace(0, len(x) - 1, min(READ, len(x)), dtype=torch.float64).round().long()
    drawn: np.ndarray = stream(0, f"{STREAM}/classifier").random((3, x.shape[1]))
    return classify(x[keep][:, None], y[keep][:, None], drawn, 0)[0].accuracy


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
    return torch.stack([torch.nan_to_num(row * weights).sum() for row in both]).argsort(stable=True)
