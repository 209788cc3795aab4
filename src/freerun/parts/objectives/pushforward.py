"""Pushforward trick: only the last of several unrolled steps is charged and carries a gradient.

    L = loss(o_t, y_t),   o_t = step(sg(f_{t-1}), sg(s_{t-1}))        (sg: no gradient)

for the last step t of every free stretch, n steps after the truth was last fed (Brandstetter, Worrall & Welling 2022, section
3.1: the model sees inputs disturbed by its own error, but is not asked to undo it through time). The stretches are the
regime's: ``regime=sparse_forcing regime.tau=n regime.phase=n-1`` is n-step pushforward, ``teacher_forcing`` the one-step loss.
The target is the true continuation of an orbit that the model itself has left: right on a deterministic system up to its own
error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import given
from freerun.parts.layers import per_replica
from freerun.parts.objectives import Lesson, Objective, needs_the_loop, prediction_loss

if TYPE_CHECKING:
    from freerun.parts.objectives._experiment_protocol import Experiment


@dataclass(kw_only=True)
class Pushforward(Objective):
    """Charges the last step of every free stretch, with a gradient through that step alone."""

    for_symbols: ClassVar[bool] = True
    for_values: ClassVar[bool] = True
    last_step_only: ClassVar[bool] = True
    charges_each_step: ClassVar[bool] = False

    def __call__(self, outputs: Float[torch.Tensor, "*batch O"], targets: torch.Tensor) -> Float[torch.Tensor, "*batch"]:
        return prediction_loss(outputs, targets)

    def charge(self, lesson: Lesson) -> Float[torch.Tensor, "S R B"]:
        losses = self(lesson.outputs, lesson.sequences.targets)
        if lesson.mask is None:
            return losses
        last = (lesson.mask == 1).to(losses.dtype)
        last[-1] = 1
        counted = per_replica(torch.sum, lesson.shares * last, axis=1)
        return torch.where(last > 0, losses / torch.where(counted > 0, counted, torch.ones_like(counted))[:, None], 0.0)

    def misfit(self, experiment: Experiment) -> str | None:
        if given(experiment.feedback).silent:
            return "nothing is fed back, so that no stretch is free; choose cross_entropy or squared_error"
        cut = experiment.gradient == "stop" or not given(experiment.feedback).carries or experiment.regime.feeder().forced
        if not cut:
            return "its gradient runs through the last step alone; choose gradient=stop"
        if experiment.training.truncate is not None:
            return "its gradient runs through the last step alone; leave training.truncate out"
        return needs_the_loop(experiment)
