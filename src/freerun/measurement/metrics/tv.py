"""Total variation from the true next-symbol distribution, in the context that was fed.

    tv_t = 1/2 sum_y |P(y | prefix) - Q(y | prefix)|        (He et al. 2021)

where the prefix is what was fed: the truth in forced mode, the model's own symbols in free mode.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.measurement.metrics import Observed
from freerun.measurement.metrics._accumulated import OfTruth, step_divergences
from freerun.store.quantity import EASY_PREFIXES, INSIDE_SUPPORT, SHARE, Quantity


@dataclass(kw_only=True)
class TV(OfTruth):
    """Total variation between the true and the model's next-symbol distribution, over prefixes inside the source's support.

    As with `kl`, prefixes outside the support are counted by `off_support`, never averaged in.
    """

    quantity = Quantity(
        label="TV to the truth", unit="probability", better="lower", range=SHARE, floor=0.0,
        conditioned=INSIDE_SUPPORT, left_out="off_support", account="one-step error",
        blind=(EASY_PREFIXES,),
    )  # fmt: skip

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return self.inside(observed, step_divergences(observed)[2])
