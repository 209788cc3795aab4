"""Professor forcing: an adversarial critic of the difference between closed loop and forced loop.

Lamb, Goyal et al. 2016. Behaviour b is the sequence of hidden states beside what the outputs say (softmax or values); a
`sequence_to_one` network D reads it and says whether it was forced:

    critic     L_D = -log D(b_forced) - log(1 - D(b_free))                                      (their eq. 3)
    model      L   = loss + weight * [-log D(b_free)]  (+ weight * [-log(1 - D(b_forced))])     (their eq. 4 and 5)

The model's term is used while the critic is right more often than `trust`, the critic learns while it is right less often than
`rest` (their section 3.2: 75 % and 99 %). The gradient reaches the model through hidden states and softmax, never through drawn
symbols, so that it is not 0 for discrete feedback. The loss itself is that of the regime, whose targets keep their meaning; the
critic asks only that the two behaviours are alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import given, require
from freerun.parts.layers import Shape, Weights, per_replica
from freerun.parts.objectives import Lesson, Objective, prediction_loss

if TYPE_CHECKING:
    from freerun.parts.objectives._experiment_protocol import Experiment


@dataclass(kw_only=True)
class ProfessorForcing(Objective):
    """The prediction loss and an adversarial term that makes free behaviour look forced.

    Attributes:
        weight: of the adversarial term.
        both: also ask that forced behaviour looks free.
        hidden: width of the critic.
        trust: the critic's accuracy above which the model listens to it.
        rest: the critic's accuracy above which it stops learning.
    """

    for_symbols: ClassVar[bool] = True
    for_values: ClassVar[bool] = True
    rollouts: ClassVar[int] = 2
    charges_each_step: ClassVar[bool] = False

    weight: float = 1.0
    both: bool = False
    hidden: int = 32
    trust: float = 0.75
    rest: float = 0.99

    def __post_init__(self) -> None:
        require(self.weight > 0, "weight", self.weight, "be positive")
        require(self.hidden >= 1, "hidden", self.hidden, "be at least 1")
        require(0 <= self.trust < 1, "trust", self.trust, "lie in [0, 1)")
        require(self.trust < self.rest <= 1, "rest", self.rest, f"lie above trust ({self.trust}) and be at most 1")

    def __call__(self, outputs: Float[torch.Tensor, "*batch O"], targets: torch.Tensor) -> Float[torch.Tensor, "*batch"]:
        return prediction_loss(outputs, targets)

    def critic(self, behaviour: int) -> Mapping[str, Shape]:
        from freerun.parts.models.sequence_to_one import SequenceToOne

        return SequenceToOne(hidden=self.hidden).shapes(behaviour, 1)

    def verdict(self, critic: Weights, behaviour: Float[torch.Tensor, "T R B W"]) -> Float[torch.Tensor, "R B 2"]:
        """Log of (1 - D, D) for every sequence."""
        from freerun.parts.models.sequence_to_one import SequenceToOne

        reader = SequenceToOne(hidden=self.hidden)
        logit = reader.unroll(critic, behaviour, reader.start(behaviour.shape[1], behaviour.shape[2], behaviour[0]))[0][-1]
        return torch.log_softmax(torch.cat([torch.zeros_like(logit), logit], -1), -1)

    def charge(self, lesson: Lesson) -> Float[torch.Tensor, "S R B"]:
        free, forced = (self.verdict(lesson.critic, lesson.behave(mode)) for mode in (False, True))
        adverse = -free[..., 1] - (forced[..., 0] if self.both else 0.0)
        heard = (_accuracy(forced, free) > self.trust).to(adverse.dtype)[:, None]
        losses = self(lesson.outputs, lesson.sequences.targets)
        return losses + _repeated(self.weight * heard * adverse, len(losses))

    def criticise(self, lesson: Lesson) -> Float[torch.Tensor, "R B"]:
        free, forced = (self.verdict(lesson.critic, lesson.behave(mode).detach()) for mode in (False, True))
        learning = (_accuracy(forced, free) < self.rest).to(free.dtype)[:, None]
        return learning * (-forced[..., 1] - free[..., 0])

    def misfit(self, experiment: Experiment) -> str | None:
        if experiment.model.emits == "last" or given(experiment.feedback).silent:
            return "nothing is fed back, so that forced and free behaviour are the same; choose cross_entropy or squared_error"
        return None


def _repeated(x: Float[torch.Tensor, "R B"], steps: int) -> Float[torch.Tensor, "S R B"]:
    """Repeat values at every step; the gradient is summed over steps per replica, see `freerun.parts.layers`."""
    rows = [part.expand(steps, -1) for part in x.unbind(0)]
    for part in rows:
        if part.requires_grad:
            part.register_hook(torch.Tensor.contiguous)  # type: ignore[no-untyped-call]
    return torch.stack(rows, 1)


def _accuracy(forced: Float[torch.Tensor, "R B 2"], free: Float[torch.Tensor, "R B 2"]) -> Float[torch.Tensor, " R"]:
    """Return how often the critic is right, for each replica."""
    right = (forced[..., 1] > forced[..., 0]).to(forced.dtype) + (free[..., 0] > free[..., 1]).to(free.dtype)
    return per_replica(torch.mean, right) / 2
