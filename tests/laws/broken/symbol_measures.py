"""Measures of symbols that a degenerate player wins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from freerun.measurement.accumulated_error_estimate import half_width
from freerun.measurement.metrics import Comparison
from freerun.measurement.metrics.kl import KL
from freerun.measurement.statistics import text_distance
from freerun.store.quantity import Quantity


@dataclass(kw_only=True)
class FreeLoss(Comparison):
    """The loss, running free, against the one continuation that was written: a unigram model beats the source."""

    per: ClassVar[str] = "rollout"
    quantity = Quantity(label="Broken", unit="nats", better="lower")

    def applies(self, observed):
        return True

    def measure(self, observed):
        return self.of_each(observed).mean()[None]

    def interval(self, observed):
        each = self.of_each(observed)
        half = half_width(each[None] - each.mean())
        return each.mean() - half, each.mean() + half

    def of_each(self, observed):
        chances = torch.log_softmax(observed.outputs.double(), -1).gather(-1, observed.targets[..., None])[..., 0]
        counts = (observed.weights > 0)[observed.warmup :]
        return -torch.where(counts, chances[observed.warmup :], 0.0).sum(0) / counts.sum(0)


@dataclass(kw_only=True)
class SurvivorsKL(Comparison):
    """KL to the truth at every lead over what is still inside the support there: what has left costs nothing any more."""

    per: ClassVar[str] = "rollout"
    quantity = Quantity(label="Broken", unit="nats", better="lower", floor=0.0)

    def applies(self, observed):
        return observed.has_oracle

    def measure(self, observed):
        return KL().measure(observed).nanmean()[None]

    def interval(self, observed):
        return self.measure(observed), self.measure(observed)


def floor_of_the_truth_alone(true, made, symbols):
    """N-gram divergence less the floor of the truth alone: a text that says less is as far from itself as it is nearer."""
    across = []
    for table in text_distance._tables(np.stack([true, made]), symbols, 0)[: text_distance.LONGEST]:
        (true_a, true_b), (made_a, made_b) = (table.counts / table.counts.sum(-1, keepdim=True))[:, :, -1]
        across.append((_js(true_a, made_b) + _js(made_a, true_b)) / 2 - _js(true_a, true_b))
    return float(torch.stack(across).mean())


def _js(p, q):
    entropy = text_distance._entropy
    return entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2
