"""Own-state error: the one-step error against the true flow's own answer to what was really fed.

    e_t = o_t - F(f_{t-1})

with F one step of the true flow, of the model's own history where the flow has a memory. Forced, what was fed is the truth and
F its next state; free, it is what the model made. So the ratio of the two is exposure bias and nothing else: by how much a
model is less accurate where it goes itself, whatever the world makes of an error afterwards. It is 1 for the truth with fresh
errors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from jaxtyping import Float

from freerun.arithmetic import mean_over_coordinates
from freerun.deferred_imports import torch
from freerun.measurement.metrics import Metric, Observed
from freerun.measurement.metrics._true_flow import answered, own_errors, step_rms
from freerun.store.quantity import FROM_0, Quantity


@dataclass(kw_only=True)
class OwnStateError(Metric):
    """Root mean square of o_t - F(f_{t-1}) over coordinates and sequences: free less forced is the exposure bias."""

    quantity = Quantity(
        label="Own-state error", unit="scaled", better="lower", range=FROM_0, scale="ratio", floor=0.0,
        account="one-step error",
        blind=(
            "errors that hang together and make a climate of their own",
            "an equilibrium of the flow, where it is 0, and whatever stays where the flow is slow",
            "climatology and persistence in its gap, which is 0 for both",
        ),
    )  # fmt: skip

    def applies(self, observed: Observed) -> bool:
        return answered(observed)

    def quantity_of(self, observed: Observed) -> Quantity:
        return replace(self.quantity, unit=observed.experiment.task.unit or "scaled")

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return step_rms(mean_over_coordinates(own_errors(observed).square()), observed.weights)
