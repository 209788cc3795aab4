"""Growth factor of an error in the closed loop, a step: the spectral norm of a product of Jacobians.

The spectral norm of the Jacobian d f_{t+T} / d f_t of the closed loop along forced orbits, to the power 1/T, its geometric mean
over sequences: what adaptive forcing goes by (Hess et al. 2023, proposition 2 and algorithm 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float

from freerun.arithmetic import logarithm
from freerun.engine.replicas import Group
from freerun.engine.rollout import rollout
from freerun.parts.feedback import Feedback
from freerun.parts.feeders.adaptive import LOOKED_AT
from freerun.parts.gaussians import Head
from freerun.parts.tasks import Sequences

#: Sequences that are looked at, and coordinates whose gradient is followed (more of either change the mean, or a norm, little).
SEQUENCES, COORDINATES = LOOKED_AT, 8


@dataclass(kw_only=True)
class _Shadow(Feedback):
    """Has the value of the truth, which comes in place of the draws, and the gradient of the model's own."""

    for_values: ClassVar[bool] = True

    head: Head | None = None

    def __call__(
        self, outputs: Float[torch.Tensor, "*batch P"], uniform: torch.Tensor | None
    ) -> Float[torch.Tensor, "*batch F"]:
        said = outputs if self.head is None else self.head.mean(outputs)
        return said if uniform is None else said + (uniform - said).detach()


def growth(group: Group, weights: dict[str, torch.Tensor], sequences: Sequences) -> list[float]:
    """Return the growth factor per step of every replica; infinite where a Jacobian is not finite.

    Args:
        weights: of the model; no gradient reaches them.
        sequences: a batch, ``[T R B ...]``, of which the first few are looked at.
    """
    truth, start = (part[..., :SEQUENCES, :] for part in group.encoded(sequences))
    start = start.detach().requires_grad_()
    inputs = None if sequences.inputs is None else sequences.inputs[:, :, :SEQUENCES]
    with torch.enable_grad():
        end = rollout(
            group.model, weights, truth=truth, start=start, feedback=_Shadow(head=group.head),
            mask=torch.zeros_like(truth[..., 0]), inputs=inputs, uniform=truth, residual=group.residual, head=group.head,
            release=0,
        ).fed[-1]  # fmt: skip
        rows = [
            torch.autograd.grad(end[..., i].sum(), start, retain_graph=True)[0] for i in range(min(COORDINATES, end.shape[-1]))
        ]
    jacobians = torch.stack(rows, -2).double()
    factors = []
    for matrices in jacobians.unbind(0):
        if not bool(matrices.isfinite().all()):
            factors.append(math.inf)
            continue
        norms = torch.linalg.matrix_norm(matrices.contiguous(), 2).clamp(min=1e-300)
        factors.append(math.exp(float(logarithm(norms).mean()) / len(truth)))
    return factors
