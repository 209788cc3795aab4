"""How much of the free error is the world's own?

The first prediction after the release is off by e, the model's one-step error in the true context. A perfect model that started
there would not get it back: the true system itself carries e on,

    floor(k) = rms | F^(k-1)(y_1 + e) - F^(k-1)(y_1) | ,      k = 1, 2, ...

with F one step of the truth. A free RMSE at this floor is what one step's error grows to in this world; what lies above it, the
model has added in closed loop. On a chaotic system the floor itself grows by e in a Lyapunov time, up to the attractor's size.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.lazy import torch
from freerun.metrics import Comparison, Observed


@dataclass(kw_only=True)
class ChaosFloor(Comparison):
    """The error of the true system when it is started off by the model's own one-step error, by lead time, as `rmse`."""

    def applies(self, observed: Observed) -> bool:
        return observed.experiment.task.continues

    def unit(self, observed: Observed) -> str:
        return observed.experiment.task.unit or "scaled"

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        from freerun.orbits import continued

        first, steps = observed.warmup, len(observed.targets) - observed.warmup
        true, begun = observed.targets[first].double(), observed.outputs[first].double()
        both = torch.cat([true, torch.nan_to_num(begun, nan=torch.nan, posinf=torch.nan, neginf=torch.nan)])
        went = torch.cat([both[None], continued(observed.experiment.task, observed.data, both, steps - 1)])
        errors = (went[:, len(true) :] - went[:, : len(true)]).square().mean(-1)
        return _mean(errors, observed.weights[first:].double()).sqrt()


def _mean(errors: Float[torch.Tensor, "S N"], weights: Float[torch.Tensor, "S N"]) -> Float[torch.Tensor, " S"]:
    """As `Observed.mean`; an error that left every bound is undefined."""
    mean = torch.where(weights > 0, errors * weights, torch.zeros_like(errors)).sum(1) / weights.sum(1)
    return torch.where(torch.isfinite(mean), mean, torch.nan)
