"""How far is the model from the true distribution, by a divergence that is always finite?

    js_t = KL(P || M) / 2 + KL(Q || M) / 2,   M = (P + Q) / 2,   at most ln 2        (He et al. 2021)

where the prefix is what was fed: the truth in forced mode, the model's own symbols in free mode.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.lazy import torch
from freerun.measurement.metrics import Observed
from freerun.measurement.metrics._accumulated import OfTruth, step_divergences


@dataclass(kw_only=True)
class JS(OfTruth):
    """Jensen-Shannon divergence of the true and the model's next-symbol distribution, over prefixes inside the support.

    As with `kl`, prefixes outside the support are counted by `off_support`, never averaged in.
    """

    def unit(self, observed: Observed) -> str:
        return "nats"

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return self.inside(observed, step_divergences(observed)[3])
