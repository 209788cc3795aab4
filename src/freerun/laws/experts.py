"""Laws of objectives that ask an expert: its answer belongs to what was fed, and it is the optimum under every regime."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import Experiment
from freerun.config.training_settings import Training
from freerun.engine.feeding import Lessons
from freerun.engine.replicas import Group
from freerun.errors import ConfigError, given
from freerun.laws.toolkit import CLOSE, demand, gap, gradients, noise, only
from freerun.parts import registry
from freerun.parts.models.gru import GRU
from freerun.parts.objectives import Lesson, Objective, prediction_loss
from freerun.parts.tasks import Data, Task
from freerun.parts.tasks.embedded_reber import EmbeddedReber
from freerun.parts.tasks.hidden_markov import HiddenMarkov
from freerun.parts.tasks.lorenz63 import Lorenz63

#: Of the last updates of a short training: every regime then feeds what is the model's own.
UPDATES, LAST = 8, 6
#: Recursions over a dozen steps in float64, and the scaling of values, twice.
SAME = 1e-10
#: Reverse KL prices an impossible symbol as one of probability 1e-6, of which there are up to 7.
NEAR = 1e-5


def _worlds() -> list[Task]:
    """A source that can generate any string, one whose support a model can leave, and a flow."""
    return [
        HiddenMarkov(sequences=20, length=6),
        EmbeddedReber(sequences=20, length=12),
        Lorenz63(sequences=8, length=6, transient=0.0),
    ]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A lesson of the real engine in float64, of two runs of different seeds, with the answer of their expert."""

    what: str
    lesson: Lesson
    group: Group

    @property
    def symbols(self) -> bool:
        """Whether the world is one of symbols."""
        return self.group.symbols


def asked(objective: Objective, worlds: list[Task] | None = None) -> Iterator[Asked]:
    """Lessons under every regime that the objective goes with, in every world that it goes with."""
    for task in _worlds() if worlds is None else worlds:
        for name, regime in registry.parts("regime").items():
            try:
                chosen = Experiment(
                    task=task, model=GRU(hidden=3), regime=regime(), objective=objective, gradient="stop", dtype="float64",
                    training=Training(updates=UPDATES, batch=5), evaluation=Evaluation(warmup=1, horizon=5, orbit=0),
                )  # fmt: skip
            except ConfigError:
                continue
            runs = [replace(chosen, seed=seed) for seed in (0, 1)]
            group = Group(runs, {run.seed: task.build(run.seed, task.length) for run in runs})
            lessons = Lessons(group)
            for update in range(LAST):
                lesson = lessons.give(update, group.parameters.named(differentiable=True), {})
                group.parameters.flat += 0.3
            yield Asked(what=f"{name} on {registry.name_of(task)}", lesson=lesson, group=group)


def _asks(objective: Objective) -> bool:
    return objective.asks_the_world or objective.teaches() is not None


@only(lambda objective: objective.asks_the_world, "objectives that ask the world")
def law_the_answer_is_the_worlds_own_to_what_was_fed(objective: Objective) -> None:
    """Each answer is the oracle's after this prefix alone, or the flow's from this state alone; none outside the support.

    Cure: read `lesson.answer()` at the step of the prediction, and charge nothing where it is not `known`.
    """
    tried = 0
    for case in asked(objective):
        answer, fed = case.lesson.answer(), case.lesson.fed.detach()
        demand(not answer.target.requires_grad, f"{case.what}: a gradient runs into the answer")
        for r, run in enumerate(case.group.experiments):
            world = case.group.data[run.seed]
            for b in range(fed.shape[2]):
                start = case.lesson.sequences.start[r, b]
                for t in range(len(fed)):
                    tried += 1
                    known, wanted = _alone(case, world, start, fed[:t, r, b])
                    where = f"{case.what}, step {t} of sequence {b} of seed {run.seed}"
                    demand(bool(answer.known[t, r, b]) is known, f"{where}: known is {bool(answer.known[t, r, b])}")
                    if known:
                        off = float((answer.target[t, r, b].exp() - wanted).abs().max()) if case.symbols else None
                        off = gap(answer.target[t, r, b], wanted) if off is None else off
                        demand(off < SAME, f"{where}: the answer is {off:.1e} off the world's own")
    demand(tried > 0, "goes with none of the regimes")


def _alone(case: Asked, world: Data, start: torch.Tensor, fed: torch.Tensor) -> tuple[bool, torch.Tensor]:
    """The world's answer after one prefix, or from one state: whether it has one, and probabilities or the next value."""
    if case.symbols:
        prefix = torch.cat([fed.argmax(-1), torch.zeros(1, dtype=torch.int64)])[:, None]
        truth = given(world.oracle)(prefix)
        return bool(truth.inside[-1, 0] & ~truth.ended[-1, 0]), truth.log_probs[-1, 0].exp()
    mean, std = given(world.mean).double(), given(world.std).double()
    before = (start.double() if not len(fed) else fed[-1]) * std + mean
    after = torch.from_numpy(case.group.experiments[0].task.advance(before[None].numpy(), 1))[0, 0]
    return True, (after - mean) / std


@only(_asks, "objectives that ask an expert")
def law_the_expert_is_the_optimum_under_every_regime(objective: Objective) -> None:
    """A model that says what the expert says pays nothing, its gradient is 0, and whoever says something else pays more.

    Cure: charge a divergence from the answer, which is 0 where the prediction agrees, whatever was fed.
    """
    if (labels := getattr(objective, "labels", 0.0)) != 0:
        objective = replace(objective, labels=0.0)  # type: ignore[call-arg]
    demand(labels < 1, "asks an expert and hears only the labels")
    count = 0
    for case in asked(objective, _taught(objective)):
        count += 1
        lesson, answer = case.lesson, case.lesson.answer()
        said = torch.where(answer.target > -torch.inf, answer.target, torch.full_like(answer.target, -745.0))
        said = torch.where(answer.known[..., None], said, torch.zeros_like(said)).double().requires_grad_()
        counts = (lesson.shares > 0).double()
        best = objective.charge(replace(lesson, outputs=said))
        demand(best.shape == counts.shape, f"{case.what}: charges {tuple(best.shape)} for predictions {tuple(counts.shape)}")
        dearest = float((best.detach() * counts).abs().max())
        demand(dearest < NEAR, f"{case.what}: to say what the expert says costs {dearest:.1e}")
        (slope,) = gradients((best * counts).sum(), [said])
        steep = float(slope.abs().max())
        demand(steep < NEAR, f"{case.what}: where the model says what the expert says, the gradient is {steep:.1e}")
        for size in (1e-2, 1.0):
            moved = said.detach() + size * noise(*said.shape, seed=count)
            charge = objective.charge(replace(lesson, outputs=moved)).detach()
            dearer = (charge - best.detach())[answer.known & (counts > 0)]
            least, mean = float(dearer.min()), float(dearer.mean())
            demand(least > -NEAR, f"{case.what}: another answer, {size:g} away, costs less than the expert's by {-least:.1e}")
            demand(mean > 0, f"{case.what}: other answers, {size:g} away, cost {mean:.1e} more than the expert's on average")
            free = float(torch.where(answer.known, 0.0, charge).abs().max())
            demand(free == 0, f"{case.what}: {free:.2g} is charged where there is no answer")
    demand(count > 0, "goes with none of the regimes")


@only(lambda objective: objective.teaches() is not None, "objectives that learn from a trained run")
def law_the_teacher_hears_what_was_fed(objective: Objective) -> None:
    """Its answer is what its model says, step by step, in its own units, and the labels have the share that is promised.

    Cure: ask the teacher for the prefixes that were fed, not for the true ones, and mix label and answer by the declared share.
    """
    teacher = given(objective.teaches())
    weights = {name: torch.from_numpy(value.copy())[None].double() for name, value in teacher.weights.items()}
    share = float(getattr(objective, "labels", 0.0))
    teacher_data = teacher.task.build(teacher.seed, teacher.task.length)
    for case in asked(objective, _taught(objective)):
        lesson, answer = case.lesson, case.lesson.answer()
        fed, start = lesson.fed.detach(), case.group.encoded(lesson.sequences)[1]
        for r, run in enumerate(case.group.experiments):
            scale, shift = torch.ones(1).double(), torch.zeros(1).double()
            if not case.symbols:
                world = case.group.data[run.seed]
                scale = given(world.std).double() / given(teacher_data.std).double()
                shift = (given(world.mean).double() - given(teacher_data.mean).double()) / given(teacher_data.std).double()
            u, state = start[r : r + 1], teacher.model.start(1, fed.shape[2], start[r : r + 1])
            for t in range(len(fed)):
                out, state = teacher.model.step(weights, u * scale + shift, state)
                wanted = torch.log_softmax(out[0], -1) if case.symbols else (out[0] - shift) / scale
                off = gap(answer.target[t, r], wanted)
                demand(off < 1e-6, f"{case.what}: at step {t} the teacher's answer is {off:.1e} off what its model says")
                u = fed[t, r : r + 1]
        alone = replace(objective, labels=0.0).charge(lesson)  # type: ignore[call-arg]
        wanted = share * prediction_loss(lesson.outputs, lesson.sequences.targets) + (1 - share) * alone
        demand(gap(objective.charge(lesson), wanted) < CLOSE, f"{case.what}: labels do not have their share of {share}")


def _taught(objective: Objective) -> list[Task] | None:
    """The worlds of an objective's teacher; None for those of the laws."""
    teacher = objective.teaches()
    return None if teacher is None else [teacher.task]
