"""Exact expert: the target is what the world itself would have said to what was really fed.

    symbols   charge_t = D(P(. | fed prefix), Q_t),   P the oracle's distribution of the next symbol
    flows     charge_t = (o_t - F(f_{t-1}))^2,         F the true flow, one step on from the state that was fed

Known as on-policy distillation with the world as teacher (Agarwal et al. 2024, section 3) and as DAgger with an exact oracle
(Ross, Gordon & Bagnell 2011, "A reduction of imitation learning and structured prediction to no-regret online learning"): the
regime chooses which contexts are visited, the expert labels them. A label y_t belongs to the true prefix alone, so that under
every regime that feeds something else cross-entropy is improper (Huszar 2015); the expert's answer belongs to the prefix that
was fed. So the truth is the optimum under every regime, which cross-entropy has under teacher forcing alone, and what a regime
still does is to choose where the model is good.

As in DAgger, what was fed is data. It carries no gradient: a model is not paid for going where its errors are small. Rules that
let a gradient through need `gradient=stop`, unless the truth is always fed.

Where the world has no answer nothing is charged, with weight 0: at a prefix that is impossible under the source, or behind its
end, and at a state from which the flow leaves every bound. So a grammar teaches nothing about what follows a wrong letter, only
not to make it. A true prefix is always answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import given
from freerun.parts.objectives import Lesson, prediction_loss
from freerun.parts.objectives._divergence import Diverging

if TYPE_CHECKING:
    from freerun.parts.objectives._experiment_protocol import Experiment
    from freerun.parts.tasks import Task


@dataclass(kw_only=True)
class ExactExpert(Diverging):
    """The divergence from what the world itself would have said to what was fed: on-policy distillation, DAgger.

    Attributes:
        divergence: `forward` KL, `reverse` KL or `jensen_shannon`; of symbols alone, of values it is the squared error.
        beta: the weight of the truth in the mixture of `jensen_shannon`, in (0, 1); null for 0.5.
    """

    for_symbols: ClassVar[bool] = True
    for_values: ClassVar[bool] = True
    asks_the_world: ClassVar[bool] = True

    def __call__(self, outputs: Float[torch.Tensor, "*batch O"], targets: torch.Tensor) -> Float[torch.Tensor, "*batch"]:
        return prediction_loss(outputs, targets)

    def charge(self, lesson: Lesson) -> Float[torch.Tensor, "S R B"]:
        return self.departure(lesson.outputs, lesson.answer(), not lesson.sequences.targets.is_floating_point())

    def misfit(self, experiment: Experiment) -> str | None:
        task, feedback, feeder = experiment.task, given(experiment.feedback), experiment.regime.feeder()
        if not can_answer(task):
            return "this task has neither an oracle nor a flow to ask; choose objective=distillation, with a trained run"
        if task.symbols and not feedback.discrete:
            return "it asks for the truth after whole symbols; choose feedback=sample, argmax or straight_through"
        if task.symbols and feeder.blends:
            return "it asks for the truth after whole symbols, and this regime blends two; choose a regime whose mask is 0 or 1"
        if not task.symbols and feedback.silent:
            return "it asks for the truth after what was fed, and nothing is fed; choose squared_error"
        return self.unfit(experiment)


#: Whether a symbolic task has an oracle, which only its data says; for the life of the process.
_oracles: dict[tuple[type[Task], str], bool] = {}


def can_answer(task: Task) -> bool:
    """Return whether the world knows what follows whatever was fed: by an oracle, or by a flow that goes on from any state."""
    if task.emits == "last":
        return False
    if not task.symbols:
        return task.continues
    key = type(task), repr(task)
    if key not in _oracles:
        _oracles[key] = task.build(0, task.length).oracle is not None
    return _oracles[key]
