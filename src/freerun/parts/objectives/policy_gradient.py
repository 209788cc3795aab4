"""Sequence-level policy gradient: a reward for whole strings, instead of a loss of single symbols.

REINFORCE on the symbols that the model drew and was fed (Williams 1992; Ranzato et al. 2016, "Sequence level training", MIXER):

    charge_t = -log q_t(s_t) (G_t - b_t)   where s_t ~ q_t was fed,        charge_t = -log q_t(y_t)   where the truth was fed,

with G_t the reward from step t on and b_t its mean over the other sequences of the batch that are free at t (a leave-one-out
baseline, unbiased: Kool, van Hoof & Welling 2019; the paper fits a regression instead). The annealed start of MIXER is the
regime: ``regime=prefix_curriculum`` forces a prefix that shrinks over the updates.

`match` rewards each symbol that equals the reference's at its place; under it the target is never charged in a wrong context,
but the optimum is the most probable string, not the distribution. `likelihood` rewards with -sum_{k>t} -log q_k(y_k), and the
free steps are charged their own loss as well: the full gradient of the scheduled-sampling objective, through the sampling
distribution (Huszar 2015, section 2), which `sample` alone leaves out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.parts.objectives import Lesson, Objective, needs_the_loop, prediction_loss
from freerun.parts.objectives._ends import ends_as

if TYPE_CHECKING:
    from freerun.parts.objectives._experiment_protocol import Experiment


class Reward(Enum):
    """What a string is rewarded for."""

    match = "match"
    likelihood = "likelihood"


@dataclass(kw_only=True)
class PolicyGradient(Objective):
    """REINFORCE with a leave-one-out baseline on what was drawn, cross-entropy on what was forced.

    Attributes:
        reward: `match`: symbols equal to the reference; `likelihood`: minus the loss of the steps that follow.
    """

    for_symbols: ClassVar[bool] = True
    charges_each_step: ClassVar[bool] = False

    reward: Reward = Reward.match

    def __call__(self, outputs: Float[torch.Tensor, "*batch O"], targets: torch.Tensor) -> Float[torch.Tensor, "*batch"]:
        return prediction_loss(outputs, targets)

    def charge(self, lesson: Lesson) -> Float[torch.Tensor, "S R B"]:
        targets = lesson.sequences.targets
        losses = self(lesson.outputs, targets)
        if lesson.mask is None:
            return losses
        free = (lesson.mask == 0).to(losses.dtype)
        counts = (lesson.shares > 0).to(losses.dtype)
        drawn = lesson.fed.detach().argmax(-1)
        surprise = prediction_loss(lesson.outputs, drawn)
        if self.reward is Reward.match:
            earned = (drawn == targets).to(losses.dtype) * counts * free
            advantage = _advantage(_from_here_on(earned), free)
            return torch.where(free > 0, surprise * advantage, losses)
        owed = -losses.detach() * counts
        advantage = _advantage(_from_here_on(owed) - owed, free)
        return losses + free * surprise * advantage

    def comes_to(self, experiment: Experiment) -> str | None:
        """Nothing is rewarded where nothing is drawn."""
        return "cross_entropy" if experiment.regime.feeder().forced or ends_as(experiment) == "teacher_forcing" else None

    def misfit(self, experiment: Experiment) -> str | None:
        from freerun.parts.feedback.sample import Sample

        if not isinstance(experiment.feedback, Sample):
            return "it rewards symbols that were drawn; choose feedback=sample"
        if experiment.training.levels.value != "constant":
            return "it rewards a symbol by all that follows, each step alike; leave training.levels out"
        return needs_the_loop(experiment)


def _from_here_on(rewards: Float[torch.Tensor, "T R B"]) -> Float[torch.Tensor, "T R B"]:
    """Return the sum of the rewards from each step to the end."""
    return rewards.flip(0).cumsum(0).flip(0)


def _advantage(value: Float[torch.Tensor, "T R B"], free: Float[torch.Tensor, "T R B"]) -> Float[torch.Tensor, "T R B"]:
    """Return the reward above the mean of the other sequences that are free at the step; a single one has no baseline."""

    def sums(x: torch.Tensor) -> torch.Tensor:
        return torch.stack([part.contiguous().sum(-1) for part in x.unbind(1)], 1)[..., None]

    peers = sums(free) - free
    mean = (sums(value * free) - value * free) / peers.clamp(min=1)
    return value - torch.where(peers > 0, mean, torch.zeros_like(mean))
