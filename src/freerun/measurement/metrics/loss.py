"""Loss: the objective that training charged, measured against the truth.

A headline where there is one answer. Where a source may go on in many ways it is none: running free, it is taken against the
one continuation that was written, so that the source itself pays for every other one, and a model that knows no more than how
often each symbol comes pays less. There its free level is no error, and free minus forced no gap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import given
from freerun.measurement.metrics import Metric, Observed
from freerun.store.quantity import FROM_0, OTHER_CONTINUATIONS, OWN_TEXT, Quantity


@dataclass(kw_only=True)
class Loss(Metric):
    """The objective itself, measured against the truth at every step since the release."""

    of_objective: ClassVar[bool] = True

    quantity = Quantity(
        label="Loss",
        unit="nats",
        better="lower",
        range=FROM_0,
        scale="logarithm",
        blind=(OTHER_CONTINUATIONS, OWN_TEXT),
    )

    def applies(self, observed: Observed) -> bool:
        return True

    def quantity_of(self, observed: Observed) -> Quantity:
        task, feedback = observed.experiment.task, given(observed.experiment.feedback)
        answered = task.emits == "last" or (task.answers and (feedback.discrete or feedback.silent))
        blind = (OTHER_CONTINUATIONS, OWN_TEXT) if task.symbols and not answered else ()
        quantity = given(observed.experiment.objective).quantity(task.symbols)
        return replace(quantity, blind=blind, part="headline" if task.symbols and answered else "companion")

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        objective, targets = given(observed.experiment.objective), observed.targets
        said = observed.outputs if objective.head is None else given(observed.numbers)
        losses = objective(said.double(), targets.double() if targets.is_floating_point() else targets)
        return observed.mean(losses, observed.weights)
