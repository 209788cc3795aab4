"""Kullback-Leibler divergence from the true next-symbol distribution, in the context that was fed.

    kl_t = KL(P(. | prefix) || Q(. | prefix))        (He et al. 2021; Arora et al. 2022)

where the prefix is what was fed: the truth in forced mode, the model's own symbols in free mode.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.measurement.metrics import Observed
from freerun.measurement.metrics._accumulated import OfTruth, step_divergences
from freerun.store.quantity import EASY_PREFIXES, FROM_0, INSIDE_SUPPORT, Quantity


@dataclass(kw_only=True)
class KL(OfTruth):
    """KL divergence from the true to the model's next-symbol distribution, over prefixes inside the source's support.

    Prefixes outside the support have no true distribution; they are counted by `off_support`, never averaged in.
    """

    quantity = Quantity(
        label="KL to the truth", unit="nats", better="lower", range=FROM_0, floor=0.0,
        conditioned=INSIDE_SUPPORT, left_out="off_support", blind=(EASY_PREFIXES,),
    )  # fmt: skip

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return self.inside(observed, step_divergences(observed)[0])
