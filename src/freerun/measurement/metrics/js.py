"""Jensen-Shannon divergence from the true next-symbol distribution, which is always finite.

    js_t = KL(P || M) / 2 + KL(Q || M) / 2,   M = (P + Q) / 2,   at most ln 2        (He et al. 2021)

where the prefix is what was fed: the truth in forced mode, the model's own symbols in free mode.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.measurement.metrics import Observed
from freerun.measurement.metrics._accumulated import OfTruth, step_divergences
from freerun.store.quantity import EASY_PREFIXES, INSIDE_SUPPORT, Quantity


@dataclass(kw_only=True)
class JS(OfTruth):
    """Jensen-Shannon divergence of the true and the model's next-symbol distribution, over prefixes inside the support.

    As with `kl`, prefixes outside the support are counted by `off_support`, never averaged in.
    """

    quantity = Quantity(
        label="JS to the truth", unit="nats", better="lower", range=(0.0, math.log(2)), floor=0.0,
        conditioned=INSIDE_SUPPORT, left_out="off_support", blind=(EASY_PREFIXES,),
    )  # fmt: skip

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return self.inside(observed, step_divergences(observed)[3])
