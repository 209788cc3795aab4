"""Excess accumulated error by an n-gram oracle that was counted on the training part, in place of the source.

100 (R(l) / E(l) - 1) with kl_t = KL(P_n(.|prefix) || Q(.|prefix)), P_n counted: what is done where no source is known (a language
model in the place of P: Arora et al. 2022, section 5). Where P_n is wrong its own error enters R and E alike.
"""

from dataclasses import dataclass

import torch

from freerun.errors import require
from freerun.measurement.accumulated_error import divergences
from freerun.measurement.accumulated_error_estimate import estimated
from freerun.measurement.metrics import Comparison, Quantity
from freerun.measurement.players._speakers import grams
from freerun.parts.tasks import Truth


@dataclass(kw_only=True)
class CountedOracle(Comparison):
    """The excess accumulated error that an n-gram model of the training part would claim; the source is not asked.

    Attributes:
        order: n; 1 knows how often symbols come, 2 after which one.
    """

    order: int = 2

    quantity = Quantity(
        label="Excess accumulated error by a counted oracle", unit="%", better="neither", part="diagnostic",
        blind=("whether the oracle is right",),
    )  # fmt: skip

    def __post_init__(self):
        require(self.order >= 1, "order", self.order, "be at least 1")

    def applies(self, observed):
        asked = observed.has_oracle and observed.heard and observed.forced is not None and not observed.data.windows
        return asked and observed.experiment.task.emits == "each"

    def measure(self, observed):
        return self._gathered(observed).ex_acc_err()

    def interval(self, observed):
        ratio, wide = self.measure(observed) + 100, self._gathered(observed).ratio_factor("kl", summed=True)
        return ratio / wide - 100, ratio * wide - 100

    def _gathered(self, observed):
        return observed.once(f"counted {self.order}", lambda: self._gather(observed))

    def _gather(self, observed):
        free, forced = (self._said(seen) for seen in (observed, observed.forced))
        return estimated(free[:2], forced[:2], free[2])

    def _said(self, seen):
        """The counted answer at every step, the model's divergences from it, and what the model says."""
        speak, fed = grams(seen.data, self.order), seen.fed_symbols
        log_p = torch.stack([speak(fed[:step]) for step in range(len(fed))])
        log_q = torch.log_softmax(seen.outputs.double(), -1)
        everywhere = torch.ones(log_p.shape[:2], dtype=torch.bool)
        counted = Truth(log_probs=log_p, inside=everywhere, ended=~everywhere)
        return counted.from_step(seen.warmup), divergences(log_p, log_q)[:, seen.warmup :], log_q[seen.warmup :]
