"""Tests of the laws of methods that are more than a mask: each is what its paper says."""

from __future__ import annotations

import itertools
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import Experiment
from freerun.config.training_settings import Training
from freerun.engine.feeding import Lessons
from freerun.engine.jacobians import growth
from freerun.engine.replicas import Group
from freerun.engine.rollout import rollout
from freerun.engine.training import train
from freerun.laws import feeders, methods
from freerun.laws.register import of
from freerun.laws.toolkit import CLOSE, gap, gradients, weights_of
from freerun.parts import registry
from freerun.parts.feedback import one_hot
from freerun.parts.feedback.sample import Sample
from freerun.parts.models.gru import GRU
from freerun.parts.models.linear import Linear
from freerun.parts.models.shallow_plrnn import ShallowPLRNN
from freerun.parts.objectives import Lesson, prediction_loss
from freerun.parts.objectives.cross_entropy import CrossEntropy
from freerun.parts.objectives.policy_gradient import PolicyGradient, Reward
from freerun.parts.objectives.squared_error import SquaredError
from freerun.parts.regimes.data_as_demonstrator import DataAsDemonstrator
from freerun.parts.regimes.generalized_forcing import Alpha, GeneralizedForcing
from freerun.parts.regimes.noisy_forcing import NoisyForcing
from freerun.parts.tasks.hidden_markov import HiddenMarkov
from freerun.parts.tasks.lorenz63 import Lorenz63
from laws.broken import methods as broken
from laws.runs import unchecked

CAUGHT = [
    (feeders.law_parallel_passes_become_the_loop, broken.LooksAhead),
    (feeders.law_a_feeder_keeps_its_word, broken.Forgets),
    (feeders.law_a_feeder_keeps_its_word, broken.LeavesItsRange),
    (feeders.law_a_feeder_keeps_its_word, broken.BlursAnew),
    (feeders.law_a_feeder_keeps_its_word, broken.SaysItIsForced),
    (feeders.law_gathered_data_is_dealt_evenly, broken.AllAtOnce),
    *(
        (feeders.law_a_buffer_replays_what_was_said_at_the_last_visit, part)
        for part in (
            broken.OneStepOff,
            broken.InTheOrderOfTheData,
            broken.LearnsNothing,
            broken.NeverFresh,
            broken.OneSlotForAll,
        )
    ),
    (feeders.law_gathered_data_is_dealt_evenly, broken.TruthOnly),
    (feeders.law_a_corrected_state_has_a_share_less_of_the_error, broken.PullsTwiceAsFar),
    (feeders.law_a_measured_share_follows_the_growth, broken.Upside),
    (feeders.law_a_measured_share_follows_the_growth, broken.JumpsDown),
    (feeders.law_a_blurred_truth_is_near_the_truth, broken.Shifts),
    (feeders.law_a_blurred_truth_is_near_the_truth, broken.BlursInPlace),
    (methods.law_the_critic_reaches_the_model_and_not_the_other_way, broken.DiscreteCritic),
    (methods.law_the_critic_reaches_the_model_and_not_the_other_way, broken.CriticMovesTheModel),
    (methods.law_only_the_last_step_of_a_stretch_is_charged_and_remembered, broken.ChargesEveryStep),
    (methods.law_only_the_last_step_of_a_stretch_is_charged_and_remembered, broken.ChargesTheFirst),
    (methods.law_only_the_last_step_of_a_stretch_is_charged_and_remembered.__wrapped__, broken.KeepsTheGraph),
    (methods.law_whoever_steps_as_the_world_does_pays_nothing, broken.LabelsInSecret),
    (methods.law_whoever_steps_as_the_world_does_pays_nothing, broken.StopsTheTarget),
]


#: Every law of a method with every built-in objective of which it speaks.
HELD = [
    pytest.param(law, objective, id=f"{law.name}-{name}")
    for law in of("objective", "methods")
    for name, kind in registry.builtin_parts("objective").items()
    if name != "distillation" and law.applies(objective := kind())  # which needs a teacher; its laws are those of experts
]


@pytest.mark.parametrize(("law", "objective"), HELD)
def test_law(law, objective):
    law(objective)


def test_every_law_of_a_method_speaks_of_a_part():
    assert {law.name for law in of("objective", "methods")} == {param.values[0].name for param in HELD}


@pytest.mark.parametrize(("law", "part"), CAUGHT, ids=lambda x: x.__name__)
def test_law_catches(law, part):
    with pytest.raises(AssertionError):
        law(part())


def test_every_law_has_been_seen_to_fail():
    laws = {**vars(feeders), **vars(methods)}
    assert {law for name, law in laws.items() if name.startswith("law_")} <= {law for law, _ in CAUGHT}


def test_adaptive_forcing_keeps_the_laws_of_a_regime():
    with unchecked():  # as the matrix has checked them
        for law in of("regime"):
            law(GeneralizedForcing(mode=Alpha.adaptive))


# --- policy gradient: the expectation over all strings that can be drawn is the exact gradient ---

STEPS, SYMBOLS, BATCH = 3, 2, 2


def expected_gradients(objective, free_from: int) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """The expected gradient of what is charged, and the gradient of the expected objective, by going through all strings."""
    model = GRU(hidden=2)
    weights = weights_of(model, SYMBOLS, SYMBOLS, 1)
    leaves = list(weights.values())
    targets = torch.tensor([[0, 1], [1, 1], [0, 0]])[:, None]
    start = torch.zeros(1, BATCH, SYMBOLS).double()
    like = torch.zeros(STEPS, 1, BATCH, SYMBOLS).double()
    mask = (torch.arange(STEPS) < free_from).double()[:, None, None].expand(STEPS, 1, BATCH).contiguous()
    shares = torch.full((STEPS, 1, BATCH), 1 / (STEPS * BATCH)).double()
    free = range(free_from, STEPS)
    found = [torch.zeros_like(leaf) for leaf in leaves]
    whole = torch.zeros(()).double()
    for drawn in itertools.product(range(SYMBOLS), repeat=len(free) * BATCH):
        path = targets.clone()
        path[free_from:, 0] = torch.tensor(drawn).reshape(len(free), BATCH)
        fed = one_hot(path, like)
        outputs = rollout(model, weights, truth=fed, start=start, feedback=Sample(), mask=None).outputs
        log_p = -(prediction_loss(outputs, path) * (mask == 0)).sum()
        lesson = Lesson(
            sequences=SimpleNamespace(targets=targets), outputs=outputs, fed=fed, mask=mask, shares=shares,
            behave=lambda forced, shown=fed: shown, critic={},
        )  # fmt: skip
        charged = (objective.charge(lesson) * shares).sum()
        slopes = gradients(charged * log_p.exp().detach(), leaves)
        found = [a + b for a, b in zip(found, slopes, strict=True)]
        losses = prediction_loss(outputs, targets)
        matched = (mask == 0) & (objective.reward is Reward.match)
        cost = torch.where(matched, -(path == targets).double(), losses)
        whole = whole + log_p.exp() * (cost * shares).sum()
    return found, gradients(whole, leaves)


@pytest.mark.parametrize("free_from", [0, 1, 3])
@pytest.mark.parametrize("reward", Reward)
def test_the_expected_policy_gradient_is_the_exact_one(reward, free_from):
    for a, b in zip(*expected_gradients(PolicyGradient(reward=reward), free_from), strict=True):
        assert gap(a, b) < CLOSE


@pytest.mark.parametrize("fault", [broken.NoBaselineForOthers, broken.RewardsThePast])
def test_a_biased_policy_gradient_is_caught(fault):
    pairs = zip(*expected_gradients(fault(), 0), strict=True)
    assert max(gap(a, b) for a, b in pairs) > 1e-3


def test_the_score_alone_is_missing_from_a_sampled_feed():
    """Without the objective the gradient through `sample` is that of the fed contexts alone: another one."""
    found, exact = expected_gradients(SimpleNamespace(reward=Reward.likelihood, charge=_plain), 0)
    assert max(gap(a, b) for a, b in zip(found, exact, strict=True)) > 1e-3


def _plain(lesson):
    return prediction_loss(lesson.outputs, lesson.sequences.targets)


def test_the_baseline_takes_variance_away():
    """Rewards with a large constant part: without a baseline the charge scales with it, with one it does not move."""
    objective = PolicyGradient()
    like, targets = torch.zeros(4, 1, 6, 3).double(), torch.zeros(4, 1, 6, dtype=torch.int64)
    mask = like[..., 0]
    lesson = Lesson(
        sequences=SimpleNamespace(targets=targets), outputs=like, fed=one_hot(targets, like), mask=mask, shares=mask + 1,
        behave=lambda forced: like, critic={},
    )  # fmt: skip
    assert not objective.charge(lesson).any(), "all strings earn the same, and yet something is charged"


# --- data as demonstrator ---

FLOW = Lorenz63(sequences=8, length=6, transient=0.0)


def trained(regime, task, updates=8):
    experiment = Experiment(
        task=task, model=GRU(hidden=3), regime=regime, training=Training(updates=updates, batch=6, lr=0.05, log_every=100),
        evaluation=Evaluation(warmup=2, horizon=4), dtype="float64",
    )  # fmt: skip
    return Group([experiment], {0: task.build(0, 6)})


@pytest.mark.parametrize(
    "task", [Lorenz63(sequences=8, length=6, transient=0.0), HiddenMarkov(sequences=8, length=6)], ids=repr
)
def test_what_is_fed_is_the_rollout_of_the_kept_weights_and_the_target_is_true(task):
    group = trained(DataAsDemonstrator(iterations=2), task)
    lessons, marks = Lessons(group), []
    for update in range(8):
        given = lessons.give(update, group.weights(), {})
        kept = list(lessons.memory.tensors.values())
        if len(kept) > len(marks):
            marks.append(update)
            assert torch.equal(kept[-1], group.parameters.flat), "what is kept is not the model of this moment"
        encoded, _ = group.encoded(given.sequences)
        dealt = DataAsDemonstrator(iterations=2).dealt(6, update, 8)
        for b, number in enumerate(dealt.tolist()):
            one = replace_columns(given.sequences, b)
            if number == 0:
                assert torch.equal(given.fed[:, :, b], encoded[:, :, b]), "the truth is not fed where it was dealt"
                continue
            uniform = group.chance("samples", update, 6, 6)
            shown = group.roll(
                group.parameters.named(flat=kept[number - 1]), one, group.release(6, 1),
                None if uniform is None else uniform[:, :, b : b + 1],
            )  # fmt: skip
            assert gap(given.fed[:, :, b], shown.fed[:, :, 0]) < CLOSE, f"set {number} is not the rollout of its stage"
        assert given.mask is None
        group.parameters.flat += 0.1 * (update + 1)
    assert marks == [3, 6]


def replace_columns(sequences, b):
    return replace(
        sequences, targets=sequences.targets[:, :, b : b + 1], start=sequences.start[:, b : b + 1],
        weights=sequences.weights[:, :, b : b + 1],
    )  # fmt: skip


# --- measured forcing ---


def test_the_growth_of_a_linear_map_is_the_norm_of_its_power():
    task = Lorenz63(sequences=8, length=6, transient=0.0)
    experiment = Experiment(task=task, model=Linear(), dtype="float64", evaluation=Evaluation(warmup=1, horizon=5))
    group = Group([replace(experiment, seed=seed) for seed in range(2)], {seed: task.build(seed, 6) for seed in range(2)})
    weights = group.weights()
    sequences = group.batch("train", {seed: torch.arange(8) for seed in range(2)}, 6)
    for r, found in enumerate(growth(group, weights, sequences)):
        power = torch.linalg.matrix_power(weights["output.weight"][r], 6)
        assert found == pytest.approx(float(torch.linalg.matrix_norm(power, 2)) ** (1 / 6), rel=1e-12)


def test_the_growth_of_a_plrnn_is_that_of_its_jacobians_along_the_forced_orbit():
    """The product of Jacobians, each by central differences (error 1e-9) at the true state."""
    task = Lorenz63(sequences=8, length=4, transient=0.0)
    experiment = Experiment(
        task=task, model=ShallowPLRNN(hidden=6), dtype="float64", evaluation=Evaluation(warmup=1, horizon=3)
    )
    group = Group([experiment], {0: task.build(0, 4)})
    weights = group.weights()
    sequences = group.batch("train", {0: torch.arange(8)}, 4)
    truth, start = group.encoded(sequences)
    logs = []
    for b in range(8):
        product = torch.eye(3).double()
        for t in range(4):
            at = (start if t == 0 else truth[t - 1])[:, b : b + 1]
            columns = []
            for i in range(3):
                step = torch.zeros(1, 1, 3).double()
                step[..., i] = 1e-6
                ahead, back = (group.model.step(weights, at + sign * step, group.model.start(1, 1, at))[0] for sign in (1, -1))
                columns.append(((ahead - back) / 2e-6).flatten())
            product = torch.stack(columns, 1) @ product
        logs.append(torch.linalg.matrix_norm(product, 2).log())
    wanted = float((torch.stack(logs).mean() / 4).exp())
    assert growth(group, weights, sequences)[0] == pytest.approx(wanted, rel=1e-7)


def test_a_measured_share_is_what_the_mask_holds_and_the_curves_show():
    task = Lorenz63(sequences=8, length=6, transient=0.0)
    regime = GeneralizedForcing(mode=Alpha.adaptive, every=2, decay=0.5)
    experiment = Experiment(
        task=task, model=GRU(hidden=3), regime=regime, training=Training(updates=5, batch=4, log_every=1),
        evaluation=Evaluation(warmup=2, horizon=4), dtype="float64",
    )  # fmt: skip
    group = Group([experiment], {0: task.build(0, 6)})
    lessons = Lessons(group)
    shares = []
    for update in range(4):
        given = lessons.give(update, group.weights(), {})
        assert (given.mask[:2] == 1).all()
        (share,) = lessons.memory.numbers["share"]
        assert (given.mask[2:] == share).all()
        shares.append(share)
    assert shares[0] == shares[1] != shares[2] == shares[3], "measured at another update than every second"
    (outcome,) = train(Group([experiment], {0: task.build(0, 6)}))
    shown = [p.value for p in outcome.curves if p.quantity == "forcing_probability"]
    assert shown[0] == shares[0]
    assert shown == sorted(shown, reverse=True), "an untrained model stretches nothing, and yet the share does not fall"


# --- noisy forcing ---


def test_noise_is_fed_after_the_warmup_and_nowhere_else():
    task = Lorenz63(sequences=400, length=6, transient=0.0)
    experiment = Experiment(
        task=task, model=GRU(hidden=2), regime=NoisyForcing(noise=0.3), training=Training(updates=2, batch=400),
        evaluation=Evaluation(warmup=2, horizon=4), dtype="float64",
    )  # fmt: skip
    group = Group([experiment], {0: task.build(0, 6)})
    given = Lessons(group).give(0, group.weights(), {})
    truth, _ = group.encoded(given.sequences)
    assert torch.equal(given.fed[:2], truth[:2]), "the warm-up is blurred"
    error = (given.fed - truth)[2:]
    assert float(error.std()) == pytest.approx(0.3, rel=5 / (2 * error.numel()) ** 0.5)  # five standard errors of a deviation
    assert torch.equal(group.roll(group.weights(), given.sequences, None, None).fed, truth), "an evaluation is blurred"


def test_symbols_are_replaced_at_their_rate():
    regime, size = NoisyForcing(noise=0.25), 40_000
    chance = torch.rand(1, size, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    truth = one_hot(torch.zeros(1, size, dtype=torch.int64), torch.zeros(1, size, 4).double())
    rates = regime.blur(truth, chance, True).mean((0, 1))
    for found, wanted in zip(rates.tolist(), [1 - 0.25 * 0.75, *3 * [0.0625]], strict=True):
        assert abs(found - wanted) < 5 * (wanted * (1 - wanted) / size) ** 0.5


@pytest.mark.parametrize("regime", ["free_running", "sparse_forcing", "generalized_forcing"])
def test_what_an_objective_reads_of_the_feeds_is_stopped_where_the_experiment_stops_it(regime):
    """Were it not, an objective that looks at `lesson.fed` would train through what `gradient=stop` cuts."""
    for symbols in (True, False):
        for gradient in ("stop", "through") if not symbols else ("stop",):
            given, leaves, _ = methods.lesson(SquaredError() if not symbols else CrossEntropy(), symbols, regime, gradient)
            slopes = gradients(given.fed.square().sum(), list(leaves.values()))
            assert any(bool(slope.any()) for slope in slopes) is (gradient == "through"), (symbols, gradient)
