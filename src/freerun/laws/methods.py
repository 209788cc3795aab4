"""Laws of methods that are more than a mask: what they feed, measure or charge is what their paper says."""

from __future__ import annotations

from dataclasses import replace

import torch

from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import Experiment
from freerun.config.training_settings import Training
from freerun.engine.feeding import Lessons
from freerun.engine.replicas import Group
from freerun.errors import ConfigError
from freerun.laws.toolkit import CLOSE, demand, gap, gradients, only
from freerun.parts.models.gru import GRU
from freerun.parts.objectives import Lesson, Objective, prediction_loss
from freerun.parts.registry import get
from freerun.parts.tasks.hidden_markov import HiddenMarkov
from freerun.parts.tasks.lorenz63 import Lorenz63


def lesson(objective: Objective, symbols: bool, regime: str, gradient: str) -> tuple[Lesson, dict[str, torch.Tensor], Group]:
    """A lesson of the real engine in float64, with the weights, and the critic's, as leaves."""
    task = HiddenMarkov(sequences=8, length=6) if symbols else Lorenz63(sequences=8, length=6, transient=0.0)
    experiment = Experiment(
        task=task, model=GRU(hidden=3), regime=get("regime", regime)(), objective=objective, gradient=gradient, dtype="float64",
        training=Training(updates=4, batch=4), evaluation=Evaluation(warmup=1, horizon=5),
    )  # fmt: skip
    group = Group([experiment], {0: task.build(0, 6)})
    weights = group.parameters.named(differentiable=True)
    critic = {} if group.critic is None else group.critic.named(differentiable=True)
    given = Lessons(group).give(0, weights, critic)
    return given, {**weights, **critic}, group


@only(lambda objective: bool(objective.critic(1)), "objectives with a critic")
def law_the_critic_reaches_the_model_and_not_the_other_way(objective: Objective) -> None:
    """With drawn symbols too: a critic that has learnt has a gradient in the weights; its own loss moves the critic alone.

    Cure: let `charge` read the critic with its weights detached, and `criticise` read behaviours that are detached.
    """
    for symbols in (True, False):
        try:
            given, leaves, group = lesson(objective, symbols, "teacher_forcing", "stop")
        except ConfigError:
            continue
        what = "drawn symbols" if symbols else "values"
        model, critic = ([value for name, value in leaves.items() if name.startswith("critic.") is c] for c in (False, True))
        critic_loss = objective.criticise(given)
        demand(
            critic_loss.shape == given.shares.shape[1:], f"the critic's loss is {tuple(critic_loss.shape)}, not one a sequence"
        )
        demand(not any(bool(slope.any()) for slope in gradients(critic_loss.sum(), model)), "the critic's loss moves the model")
        demand(
            any(bool(slope.any()) for slope in gradients(critic_loss.sum(), critic)),
            "the critic's loss does not move the critic",
        )
        learner = torch.optim.Adam(critic, lr=0.02)
        for _ in range(200):
            for leaf, slope in zip(critic, gradients(objective.criticise(given).sum(), critic), strict=True):
                leaf.grad = slope
            learner.step()
        plain = objective(given.outputs, given.sequences.targets)
        extra = (objective.charge(given) - plain) * given.shares
        moved = [float(slope.abs().max()) for slope in gradients(extra.sum(), model)]
        demand(max(moved) > 0, f"after 200 steps of the critic the gradient of its term is 0 for {what}")
        demand(group.critic is not None, "the critic has no weights")


@only(lambda objective: objective.last_step_only, "objectives of the last step alone")
def law_only_the_last_step_of_a_stretch_is_charged_and_remembered(objective: Objective) -> None:
    """Value and gradient are those of a hand-written loop: cut everything, charge the step before each return of the truth.

    Cure: charge a step whose next feed is the truth, and no other.
    """
    for symbols in (True, False):
        for regime in ("teacher_forcing", "sparse_forcing", "free_running"):
            given, leaves, group = lesson(objective, symbols, regime, "stop")
            charged = (objective.charge(given) * given.shares).sum()
            truth, fed = group.encoded(given.sequences)
            state, outputs, steps = group.model.start(1, 4, fed), [], len(truth)
            mask = torch.ones(steps, 1, 4).double() if given.mask is None else given.mask
            for t in range(steps):
                out, state = group.model.step(leaves, fed.detach(), tuple(part.detach() for part in state))
                outputs.append(out)
                fed = torch.where(mask[t, ..., None] == 1, truth[t], given.fed[t])
            last = torch.cat([mask[:-1], torch.ones_like(mask[:1])]) == 1
            last[: group.warmup] = False
            losses = prediction_loss(torch.stack(outputs), given.sequences.targets)
            wanted = torch.where(last, losses, 0.0).sum() / last.sum()
            what = f"{regime} on {'symbols' if symbols else 'values'}"
            demand(
                gap(charged, wanted) < CLOSE,
                f"{what}: charged {float(charged.detach()):.6f}, a loop by hand {float(wanted.detach()):.6f}",
            )
            pairs = zip(
                leaves, gradients(charged, list(leaves.values())), gradients(wanted, list(leaves.values())), strict=True
            )
            for name, a, b in pairs:
                demand(gap(a, b) < CLOSE, f"{what}: the gradient of {name} is {gap(a, b):.1e} off the loop by hand")


@only(lambda objective: objective.steps_onward, "objectives of the true step")
def law_whoever_steps_as_the_world_does_pays_nothing(objective: Objective) -> None:
    """Predictions that are the true steps of what was fed cost 0 (labels apart), others more, and what is cut stays cut.

    Cure: charge the distance from `lesson.onward(lesson.fed)` at the step after it, 0 where the two agree.
    """
    if getattr(objective, "labels", 0.0):
        objective = replace(objective, labels=0.0)  # type: ignore[call-arg]
    tried = 0
    for regime in ("free_running", "sparse_forcing", "teacher_forcing"):
        for gradient in ("through", "stop"):
            try:
                given, leaves, group = lesson(objective, False, regime, gradient)
            except ConfigError:
                continue
            tried += 1
            what = f"{regime}, gradient={gradient}"
            state, steps = given.sequences.start.numpy()[0], []
            mean, std = (getattr(group.data[0], name).double().numpy() for name in ("mean", "std"))
            for t in range(len(given.fed)):
                after = (group.experiments[0].task.onward((state * std + mean)[None]) - mean) / std
                steps.append(torch.from_numpy(after)[None])
                state = steps[-1][0].numpy() if regime == "free_running" and t else given.fed[t, 0].detach().numpy()
            said = torch.stack(steps)
            fed = torch.cat([given.fed[:1], said[1:]]) if regime == "free_running" else given.fed
            right = objective.charge(replace(given, outputs=said, fed=fed)) * given.shares
            dearest = float(right.detach().abs().max())
            demand(dearest < CLOSE, f"{what}: to step as the world does costs {dearest:.1e}")
            moved = objective.charge(replace(given, outputs=said + 0.1, fed=fed)).detach() * given.shares
            demand(float(moved.sum()) > 1e-3, f"{what}: another step costs {float(moved.sum()):.1e}")
            carries = any(
                bool(x.any()) for x in gradients(objective.charge(replace(given, outputs=said + 0.1)).sum(), [*leaves.values()])
            )
            through = getattr(getattr(objective, "target", None), "value", "") == "through"
            wanted = through and gradient == "through" and regime != "teacher_forcing"
            demand(carries is wanted, f"{what}: a gradient through the target runs: {carries}")
    demand(tried > 0, "goes with none of the regimes")
