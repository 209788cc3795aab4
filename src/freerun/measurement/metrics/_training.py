"""Base class of the metrics that set an evaluation beside the training on the same sequences.

Three things are looked at from the release on: what was fed, the hidden states, and the outputs (for symbols, probabilities).
The unit of replication is the sequence. Partners, row i in training and row i in evaluation, are one sequence. Rows stand in an
order that depends on what they hold alone, so that whatever is drawn for them goes with them wherever they stood.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from freerun.deferred_imports import torch
from freerun.errors import given
from freerun.measurement.metrics import Metric, Observed
from freerun.random_streams import stream

#: The stream of all draws: they are a measure's own, the same for every run.
STREAM = "evaluation/distances"


@dataclass(kw_only=True)
class BesideTraining(Metric):
    """A distance between training and this rollout. `part` is ``fed``, ``hidden`` or ``outputs``."""

    of_training: ClassVar[bool] = True
    part: ClassVar[str]

    def applies(self, observed: Observed) -> bool:
        there = observed.training is not None
        return there and (self.part != "hidden" or given(observed.hidden).shape[-1] > 0)


def unit_of(observed: Observed, part: str) -> str:
    """The unit of the values of a part."""
    if part == "hidden":
        return "activation"
    if observed.experiment.task.symbols:
        return "probability" if part == "outputs" else "one-hot"
    return observed.experiment.task.unit or "scaled"


def at_steps(observed: Observed, part: str) -> tuple[torch.Tensor, torch.Tensor, Bool[torch.Tensor, "S N"]]:
    """The values in training and in this rollout, ``[S N D]``, from the release on, and where they count."""
    return _seen(observed, part, torch.arange(observed.warmup, len(observed.weights)))


def whole(observed: Observed, part: str, steps: int) -> tuple[Float[torch.Tensor, "S N D"], Float[torch.Tensor, "S N D"]]:
    """At most `steps` steps of those sequences that count anywhere, 0 where they do not, in an order of their own."""
    pair: tuple[torch.Tensor, torch.Tensor] = observed.once(f"training/{part}/{steps}", lambda: _chosen(observed, part, steps))
    return pair


def _chosen(observed: Observed, part: str, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    first, last = observed.warmup, len(observed.weights) - 1
    keep = torch.linspace(first, last, min(steps, last - first + 1), dtype=torch.float64).round().long()
    anywhere = (observed.weights[first:] > 0).any(0)
    x, y, counts = _seen(observed, part, keep)
    x, y = (torch.where(counts[..., None], side.double(), 0.0)[:, anywhere] for side in (x, y))
    order = _order(x, y)
    return x[:, order], y[:, order]


def vectors(x: Float[torch.Tensor, "S N D"]) -> Float[torch.Tensor, "N P"]:
    """Every sequence as one vector."""
    return x.permute(1, 0, 2).flatten(1)


def _seen(observed: Observed, part: str, steps: Int[torch.Tensor, " S"]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Training and evaluation at some steps, and where they count."""
    pair = [getattr(rollout, part).index_select(0, steps) for rollout in (given(observed.training), observed)]
    if part == "outputs" and observed.experiment.task.symbols:
        pair = [torch.softmax(outputs.double(), -1) for outputs in pair]
    return pair[0], pair[1], observed.weights.index_select(0, steps) > 0


def _order(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """An order of the sequences that depends on what they hold, not on where they stand."""
    rows = torch.cat([vectors(x), vectors(y)], 1)
    with np.errstate(over="ignore", invalid="ignore"):
        terms = rows.numpy() * _weights(rows.shape[1])
        sums = terms.sum(1)  # row by row: each has the same bits wherever it stands
        if not np.isfinite(sums).all():
            sums = np.nan_to_num(terms, posinf=0.0, neginf=0.0).sum(1)
    return torch.from_numpy(sums.argsort(kind="stable"))


@lru_cache(maxsize=8)
def _weights(width: int) -> np.ndarray:
    drawn: np.ndarray = stream(0, f"{STREAM}/order").standard_normal(width)
    return drawn
