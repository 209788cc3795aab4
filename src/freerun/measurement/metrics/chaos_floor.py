"""Chaos floor: the growth of the model's one-step error in the true system.

The first prediction after the release is off by e, the model's one-step error in the true context. A perfect model that started
there would not get it back: the true system itself carries e on,

    floor(k) = rms | F^(k-1)(y_1 + e) - F^(k-1)(y_1) | ,      k = 1, 2, ...

with F one step of the truth. A free RMSE at this floor is what one step's error grows to in this world; what lies above it, the
model has added in closed loop. On a chaotic system the floor itself grows by e in a Lyapunov time, up to the attractor's size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from jaxtyping import Float

from freerun.arithmetic import root
from freerun.deferred_imports import torch
from freerun.measurement.metrics import Comparison, Observed, once_for_all
from freerun.store.quantity import FROM_0, Quantity


@dataclass(kw_only=True)
class ChaosFloor(Comparison):
    """The error of the true system when it is started off by the model's own one-step error, by lead time, as `rmse`."""

    quantity = Quantity(label="Chaos floor", unit="scaled", better="neither", range=FROM_0, scale="ratio", part="diagnostic")

    def applies(self, observed: Observed) -> bool:
        return observed.experiment.task.continues

    def quantity_of(self, observed: Observed) -> Quantity:
        return replace(self.quantity, unit=observed.experiment.task.unit or "scaled")

    def together(self, observed: list[Observed]) -> None:
        once_for_all(observed, "chaos_floor", _carried)

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        (errors,) = once_for_all([observed], "chaos_floor", _carried)
        return root(_mean(errors, observed.weights[observed.warmup :].double()))


def _carried(observed: list[Observed]) -> list[Float[torch.Tensor, "S N"]]:
    """The squared errors of the true system after each first prediction, for runs of one task and horizon."""
    from freerun.measurement.true_orbits import continued

    first, steps = observed[0].warmup, len(observed[0].targets) - observed[0].warmup
    begun = []
    for seen in observed:
        off = torch.nan_to_num(seen.outputs[first].double(), nan=torch.nan, posinf=torch.nan, neginf=torch.nan)
        begun.append(torch.cat([seen.targets[first].double(), off]))
    places = [(seen.data, states) for seen, states in zip(observed, begun, strict=True)]
    errors = []
    for states, went in zip(begun, continued(observed[0].experiment.task, places, steps - 1), strict=True):
        orbits, count = torch.cat([states[None], went]), len(states) // 2
        errors.append((orbits[:, count:] - orbits[:, :count]).square().mean(-1))
    return errors


def _mean(errors: Float[torch.Tensor, "S N"], weights: Float[torch.Tensor, "S N"]) -> Float[torch.Tensor, " S"]:
    """As `Observed.mean`; an error that left every bound is undefined."""
    mean = torch.where(weights > 0, errors * weights, torch.zeros_like(errors)).sum(1) / weights.sum(1)
    return torch.where(torch.isfinite(mean), mean, torch.nan)
