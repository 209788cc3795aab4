"""Diverted chain: the target is what the true step makes of the model's own state, with the gradient through both.

    charge_t = mean_{s = 1..branch} |o_{t+s-1} - F^s(f_{t-1})|^2,   F the true step, f_{t-1} what was fed, t the branch's start
    mixed with the labels:  labels |o_t - y_t|^2 + (1 - labels) charge_t

The diverted chain of APEBench and trainax (Koehler, Niedermayr, Westermann & Thuerey 2024, "APEBench: a benchmark for
autoregressive neural emulators of PDEs"; `DivertedChain`, `DivertedChainBranchOne`): a branch leaves the chain of the model's
own states at every step, and the reference solver goes on beside the model for `branch` steps. The steps of a branch are those
of the chain, since the model is the same, so nothing is rolled out twice. Time levels (`training.levels`) weigh the start of a
branch, and the last start is `branch` steps before the end of the sequence.

`target=through`: the gradient runs through F too, into the states that the model went to: r_t = o_t - F(f_{t-1}) is then the
residual of the discrete equations that the solver resolves for the next state, and this is the residual objective (`Residuum`)
of a physics loss, to which no data is needed. `target=stop` cuts it there (`cut_div_chain`). Where the experiment stops
gradients on the way through the feedback (`gradient`, `training.truncate`: `cut_bptt_every`) they are stopped here as well, for
prediction and target alike. With everything stopped and one step a branch this is `objective=exact_expert` on a flow (DAgger
with the flow as expert), but that here F are the very steps that made the data, there as few as follow the equations.

The presets `residual` and `mixed_residual` are `target=through` with labels=0 and 0.5. From a state from which the flow leaves
every bound nothing is charged.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import given, require
from freerun.parts.layers import per_replica
from freerun.parts.objectives import Lesson, Objective, prediction_loss
from freerun.parts.objectives._ends import ends_as

if TYPE_CHECKING:
    from freerun.parts.objectives._experiment_protocol import Experiment


class Target(Enum):
    """Whether a gradient runs through the true step into the state that was fed."""

    through = "through"
    stop = "stop"


@dataclass(kw_only=True)
class DivertedChain(Objective):
    """The squared error from the true step of what was fed: diverted chain, or physics residual; mixed with the labels' loss.

    Attributes:
        branch: steps of the true system beside the model, from each of its states.
        target: whether the gradient runs `through` the true step, or is stopped (`stop`) at its answer.
        labels: the share of the loss against the labels, in [0, 1).
    """

    for_values: ClassVar[bool] = True
    steps_onward: ClassVar[bool] = True
    charges_each_step: ClassVar[bool] = False

    branch: int = 1
    target: Target = Target.through
    labels: float = 0.0

    def __post_init__(self) -> None:
        require(self.branch >= 1, "branch", self.branch, "be at least 1")
        require(0 <= self.labels < 1, "labels", self.labels, "lie in [0, 1)")

    def __call__(
        self, outputs: Float[torch.Tensor, "*batch O"], targets: Float[torch.Tensor, "*batch O"]
    ) -> Float[torch.Tensor, "*batch"]:
        return prediction_loss(outputs, targets)

    def charge(self, lesson: Lesson) -> Float[torch.Tensor, "S R B"]:
        starts = len(lesson.fed) - self.branch + 1
        state = torch.cat([lesson.sequences.start[None].to(lesson.fed.dtype), lesson.fed[:-1]])[:starts]
        if self.target is Target.stop:
            state = state.detach()
        parts = []
        for step in range(self.branch):
            state = lesson.onward(state)
            outputs = lesson.outputs[step : step + starts]
            known = torch.isfinite(state).all(-1, keepdim=True)
            parts.append(self(outputs, torch.where(known, state, outputs.detach())))
        chain = torch.stack(parts).mean(0)
        counted = lesson.shares[:starts] * (lesson.shares[self.branch - 1 :] > 0)
        whole, reached = (per_replica(torch.sum, x, axis=1)[:, None] for x in (lesson.shares, counted))
        factor = torch.where(counted > 0, whole / torch.where(reached > 0, reached, 1.0), 0.0)
        chain = torch.where(factor > 0, chain * factor, 0.0)
        chain = torch.cat([chain, chain.new_zeros(self.branch - 1, *chain.shape[1:])])
        if not self.labels:
            return chain
        return self.labels * self(lesson.outputs, lesson.sequences.targets) + (1 - self.labels) * chain

    def comes_to(self, experiment: Experiment) -> str | None:
        """The true step of a true state is the label."""
        return "squared_error" if ends_as(experiment) == "teacher_forcing" else None

    def misfit(self, experiment: Experiment) -> str | None:
        task, feedback = experiment.task, given(experiment.feedback)
        if task.remembers != 1:
            return "this task has no true step from one observed state to the next; choose squared_error"
        if self.target is Target.through and not task.analytic:
            return "the true step of this task has no exact derivative; choose objective.target=stop"
        if feedback.silent:
            return "it asks for the truth after what was fed, and nothing is fed; choose squared_error"
        if self.branch == 1:
            return None
        start = experiment.span[0]
        if start + self.branch > task.length:
            return f"no branch of {self.branch} steps ends within task.length={task.length}; choose a shorter objective.branch"
        if experiment.training.levels.value == "last":
            return "no branch of several steps starts at the last step; leave training.levels out"
        if ends_as(experiment) != "free_running" or feedback.random:
            return "a branch of several steps is the model's own chain; choose regime=free_running and feedback=mean"
        return None
