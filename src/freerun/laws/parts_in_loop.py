"""Laws of a part inside the loop: models and feedback rules, rolled out beside a textbook's loop."""

from __future__ import annotations

from freerun.engine.rollout import rollout
from freerun.laws.backward import law_gradient_is_the_textbook_loops
from freerun.laws.rollouts import law_ones_and_none_are_the_same
from freerun.laws.toolkit import only
from freerun.parts.feedback import Feedback
from freerun.parts.feedback.expected import Expected
from freerun.parts.feedback.mean import Mean
from freerun.parts.models import Model
from freerun.parts.models.hidden_recurrent import HiddenRecurrent
from freerun.parts.models.output_recurrent import OutputRecurrent

#: Lengths of the loop: none, one and several steps through which a gradient can flow back.
HORIZONS = (1, 2, 5)


def law_fast_path_is_the_loop(model: Model) -> None:
    """Full forcing on the fast path is full forcing step by step, in value and gradient.

    Cure: `unroll` must be the repeated `step` in value and gradient; what stands between steps goes into the state.
    """
    law_ones_and_none_are_the_same(rollout, model)


@only(lambda model: model.emits == "each", "models with an output at every step")
def law_model_has_the_textbooks_gradient(model: Model) -> None:
    """In closed loop, value and gradient are those of the textbook loop, wherever the gradient is cut.

    Cure: detach nothing inside of the model: where the gradient is cut says the experiment (`gradient`, `training.truncate`).
    """
    for horizon in HORIZONS:
        for rule in (Mean(),) if model.for_fields else (Mean(), Expected()):
            law_gradient_is_the_textbook_loops(rollout, model, horizon, rule)


@only(lambda rule: not rule.silent, "rules that feed something")
def law_rule_has_the_textbooks_gradient(rule: Feedback) -> None:
    """In closed loop, value and gradient are those of the textbook loop, wherever the gradient is cut.

    Cure: detach nothing inside of the rule: where the gradient is cut says the experiment (`gradient`, `training.truncate`).
    """
    for horizon in HORIZONS:
        for model in (OutputRecurrent(hidden=3), HiddenRecurrent(hidden=3)):
            law_gradient_is_the_textbook_loops(rollout, model, horizon, rule)
