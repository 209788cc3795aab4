"""A window of a long rollout: charged alone, cut off from what came before it, its place drawn anew at every update."""

from __future__ import annotations

import pytest
import torch

from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import Experiment
from freerun.config.level_weights import Levels
from freerun.config.training_settings import Training
from freerun.engine import engine_choice
from freerun.engine.feeding import Lessons
from freerun.engine.replicas import Group
from freerun.engine.rollout import Gradient, rollout
from freerun.errors import ConfigError
from freerun.laws.toolkit import gap
from freerun.parts.models.gru import GRU
from freerun.parts.models.linear import Linear
from freerun.parts.models.lstm import LSTM
from freerun.parts.models.output_recurrent import OutputRecurrent
from freerun.parts.models.sequence_to_one import SequenceToOne
from freerun.parts.models.transformer import Transformer
from freerun.parts.objectives.diverted_chain import DivertedChain
from freerun.parts.objectives.professor_forcing import ProfessorForcing
from freerun.parts.regimes.free_running import FreeRunning
from freerun.parts.regimes.parallel_scheduled_sampling import ParallelScheduledSampling
from freerun.parts.regimes.scheduled_sampling import ScheduledSampling
from freerun.parts.regimes.teacher_forcing import TeacherForcing
from freerun.parts.tasks.adding import Adding
from freerun.parts.tasks.lorenz63 import Lorenz63

STEPS, BATCH, WARMUP, WINDOW = 9, 4, 2, 3
TASK = Lorenz63(sequences=8, length=STEPS, transient=0.0, predict="increment")
MODELS = {
    "linear": Linear(), "gru": GRU(hidden=3), "lstm": LSTM(hidden=3), "memoryless": OutputRecurrent(hidden=3),
    "transformer": Transformer(hidden=4, heads=2), "two layers": GRU(hidden=3, layers=2), "order": OutputRecurrent(order=2),
}  # fmt: skip
REGIMES = {
    "free": FreeRunning(), "forced": TeacherForcing(), "mixed": ScheduledSampling(start=0.5, end=0.5),
}  # fmt: skip


def experiment(model="gru", regime="free", seed=3, task=TASK, **settings):
    training = {"updates": 400, "batch": BATCH, "window": WINDOW, **settings.pop("training", {})}
    return Experiment(
        task=task, model=MODELS[model] if isinstance(model, str) else model, dtype="float64", seed=seed,
        regime=REGIMES[regime] if isinstance(regime, str) else regime, training=Training(**training),
        **{"evaluation": Evaluation(warmup=WARMUP, horizon=STEPS - WARMUP), **settings},
    )  # fmt: skip


def group_of(model="gru", regime="free", seeds=(3, 4), **settings):
    return Group([experiment(model, regime, seed, **settings) for seed in seeds], {s: TASK.build(s, STEPS) for s in seeds})


def slopes_of(group, engine="auto", update=1):
    try:
        engine_choice.use(engine)
        weights = group.parameters.named(differentiable=True)
        lesson = Lessons(group).give(update, weights, {})
        loss = (group.objective.charge(lesson) * lesson.shares).sum()
        return lesson, torch.autograd.grad(loss, list(weights.values()))
    finally:
        engine_choice.use(None)


def by_hand(group, lesson, update=1):
    """Gradient of the mean loss of a rollout that begins where the window does, with the state and feed that were reached."""
    weights = group.parameters.named(differentiable=True)
    encoded, start = group.encoded(lesson.sequences)
    mask = torch.ones(STEPS, 2, BATCH).double() if lesson.mask is None else lesson.mask
    total = torch.zeros(()).double()
    for r, first in enumerate(group.windows(update, STEPS)):
        own = {name: value[r : r + 1] for name, value in weights.items()}
        given = {"feedback": group.feedback, "residual": None if group.residual is None else group.residual[r : r + 1]}
        before = rollout(
            group.model, {name: value.detach() for name, value in own.items()}, truth=encoded[:first, r : r + 1],
            start=start[r : r + 1], mask=mask[:first, r : r + 1], states=True, **given,
        )  # fmt: skip
        within = rollout(
            group.model, own, truth=encoded[first : first + WINDOW, r : r + 1], start=before.fed[-1],
            mask=mask[first : first + WINDOW, r : r + 1], state=before.states[-1], **given,
        )  # fmt: skip
        total = total + (within.outputs - lesson.sequences.targets[first : first + WINDOW, r : r + 1]).square().mean(-1).mean()
    return torch.autograd.grad(total, list(weights.values()))


@pytest.mark.parametrize("engine", ["auto", "reference"])
@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("model", MODELS)
def test_the_gradient_is_that_of_a_rollout_that_begins_at_the_window(model, regime, engine):
    group = group_of(model, regime)
    lesson, slopes = slopes_of(group, engine)
    assert len({*group.windows(1, STEPS)}) == 2, "the runs have windows at two places"
    assert all(gap(ours, theirs) < 1e-10 for ours, theirs in zip(slopes, by_hand(group, lesson), strict=True))


@pytest.mark.parametrize("engine", ["auto", "reference"])
def test_a_gradient_that_flows_in_from_before_the_window_is_seen(engine, monkeypatch):
    from freerun.engine.compiled import operation

    group = group_of()
    monkeypatch.setattr(Gradient, "windowed", lambda self, x, step: x)
    monkeypatch.setattr(operation, "_cuts", lambda gradient, steps, replicas: torch.zeros(steps, replicas, dtype=torch.uint8))
    lesson, slopes = slopes_of(group, engine)
    assert max(gap(ours, theirs) for ours, theirs in zip(slopes, by_hand(group, lesson), strict=True)) > 1e-4


@pytest.mark.parametrize("engine", ["auto", "reference"])
def test_a_run_has_the_same_bits_alone(engine):
    together = slopes_of(group_of("gru"), engine)[1]
    for r, seed in enumerate((3, 4)):
        alone = slopes_of(group_of("gru", seeds=(seed,)), engine)[1]
        assert all(torch.equal(one[0], both[r]) for one, both in zip(alone, together, strict=True))


def test_every_place_behind_the_warmup_is_drawn_about_as_often():
    group = group_of()
    places = [group.windows(update, STEPS) for update in range(400)]
    first, second = (torch.bincount(torch.tensor(drawn), minlength=STEPS) for drawn in zip(*places, strict=True))
    for counts in (first, second):
        assert counts.nonzero().flatten().tolist() == list(range(WARMUP, STEPS - WINDOW + 1))
        assert int(counts[WARMUP : STEPS - WINDOW + 1].min()) > 45  # of 80 expected
    assert places == [group.windows(update, STEPS) for update in range(400)]


@pytest.mark.parametrize("levels", ["constant", "ramp", "last"])
def test_the_window_alone_is_charged_and_the_weights_of_a_run_sum_to_1(levels):
    group = group_of(training={"levels": Levels[levels]})
    lesson, _ = slopes_of(group)
    for r, first in enumerate(group.windows(1, STEPS)):
        charged = lesson.shares[:, r].sum(1).nonzero().flatten().tolist()
        assert charged == ([first + WINDOW - 1] if levels == "last" else list(range(first, first + WINDOW)))
        assert float(lesson.shares[:, r].sum()) == pytest.approx(1)


def test_another_gradient_is_cut_too():
    group = group_of(gradient="stop")
    lesson, slopes = slopes_of(group)
    plain = slopes_of(group_of())[1]
    assert max(gap(one, other) for one, other in zip(slopes, plain, strict=True)) > 1e-5
    assert not lesson.fed.requires_grad


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"training": {"window": 8}}, "training.window=8: a sequence has only 7 steps behind the warm-up; choose at most 7"),
        (
            {"objective": ProfessorForcing()},
            "objective professor_forcing charges more than single steps; leave",
        ),
        ({"objective": DivertedChain()}, "objective diverted_chain charges more than single steps; leave training.window out"),
        (
            {"task": Adding(), "model": SequenceToOne(hidden=3), "evaluation": Evaluation()},
            "training.window=3: task adding has one target at the end of a sequence; leave it out",
        ),
    ],
)
def test_what_has_no_window_is_refused(settings, says):
    with pytest.raises(ConfigError, match=says):
        experiment(**settings)


def test_a_window_of_nothing_is_refused():
    with pytest.raises(ConfigError, match="window must be at least 1, or null for none, got 0"):
        Training(window=0)


def test_parallel_passes_let_no_gradient_in_from_before_the_window():
    regime = ParallelScheduledSampling(start=0.0, end=0.0, mixing=STEPS)
    group = Group([experiment("gru", regime, seed) for seed in (3, 4)], {seed: TASK.build(seed, STEPS) for seed in (3, 4)})
    slopes = slopes_of(group)[1]
    loop = slopes_of(group_of("gru", "free"))[1]  # so many passes are the loop
    assert all(gap(ours, theirs) < 1e-10 for ours, theirs in zip(slopes, loop, strict=True))
