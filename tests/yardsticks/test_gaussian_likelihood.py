"""Yardstick of the likelihood: trained, it reaches the entropy of an autoregression whose next value is Gaussian."""

import math

import pytest

from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import Experiment
from freerun.config.training_settings import Training
from freerun.engine.replicas import Group
from freerun.engine.training import train
from freerun.execution.training_work import work
from freerun.laws.toolkit import same_bits, small
from freerun.measurement.evaluation import evaluate
from freerun.parts import registry
from freerun.parts.feedback.mean import Mean
from freerun.parts.feedback.sample import Sample
from freerun.parts.models.gru import GRU
from freerun.parts.objectives.gaussian_likelihood import GaussianLikelihood
from freerun.parts.tasks.lorenz63 import Lorenz63
from tiers import tiered
from yardsticks.learned import learned

PHI = 0.8
BASE = [
    "task=errors_in_variables", f"task.phi={PHI}", "task.signal=1", "task.sequences=4096", "task.length=10", "model=linear",
    "objective=gaussian_likelihood", "feedback=sample", "training.updates=400", "training.batch=128", "training.lr=0.03",
    "training.log_every=1000", "evaluation.sequences=512", "evaluation.metrics=[crps,loss]",
]  # fmt: skip


def reached(words):
    """The forced loss of a trained run, and its score at the first and the last lead of a free one."""
    ((_, record, weights),) = learned([*BASE, *words])
    assert record["status"] == "done"
    return {(s["metric"], s["mode"]): s["values"] for s in record["series"] if s["split"] == "test"}, weights


@pytest.mark.slow
@pytest.mark.parametrize("components", [1, 2])
def test_the_likelihood_reaches_the_entropy(components):
    """Within what a loss over 512 x 10 values varies by, .707 / root(5120) = .01, and what 400 updates leave."""
    found, weights = reached([f"objective.components={components}"])
    std = math.sqrt(1 - PHI**2)
    loss = sum(found["loss", "forced"]) / 10
    assert loss == pytest.approx(0.5 * math.log(2 * math.pi * math.e) + math.log(std), abs=0.04)
    for lead in (1, 10):
        wanted = math.sqrt((1 - PHI ** (2 * lead)) / math.pi)
        assert found["crps", "free"][lead - 1] == pytest.approx(wanted, rel=0.12)
    if components == 1:
        assert float(weights["output.weight"][0, 0, 0]) == pytest.approx(PHI, abs=0.03)


def run(regime="teacher_forcing", feedback=None, seed=0, components=1, model=None):
    return Experiment(
        task=Lorenz63(sequences=40, length=6, transient=0.0, predict="increment"), model=model or GRU(hidden=3),
        regime=small(registry.get("regime", regime)), feedback=feedback or Sample(), seed=seed,
        objective=GaussianLikelihood(components=components), training=Training(updates=3, batch=4),
        evaluation=Evaluation(warmup=2, horizon=4, sequences=5, orbit=0),
    )  # fmt: skip


def trained(*experiments):
    group = Group(list(experiments), {e.seed: e.task.build(e.seed, 6) for e in experiments})
    assert [outcome.broke for outcome in train(group)] == [None] * len(experiments)
    return group


#: All but the one that is refused: it corrects by the error of a value.
REGIMES = [name for name in registry.parts("regime") if name != "error_forcing"]


@pytest.mark.parametrize("regime", tiered(REGIMES, quick=lambda name: name == "free_running"))
def test_every_regime_trains_and_every_run_is_measured(regime):
    """Increments, two components, mean and draws: alone and in a group with the same bits."""
    for feedback in (Mean(), Sample()):
        experiments = [run(regime, feedback, seed, components=2) for seed in (0, 1)]
        group, alone = trained(*experiments), trained(experiments[0])
        assert same_bits(group.parameters.flat[:1], alone.parameters.flat)
        first, *_ = evaluate(group)
        (again,) = evaluate(alone)
        assert first.series == again.series
        names = {s.metric for s in first.series if any(value is not None for value in s.values)}
        assert {"crps", "energy_score", "coverage_90", "spread_skill", "loss", "rmse"} <= names


def test_products_are_those_of_all_numbers_that_are_put_out():
    one, three = (work(run(components=components)).products for components in (1, 3))
    assert (three - one) == 3 * 6 * 4 * 4 * (21 - 6)
