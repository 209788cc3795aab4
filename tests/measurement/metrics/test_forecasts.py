"""Measures of predicted distributions: the truth's own law is best, estimates are fair, and what is broken is caught."""

import math
from dataclasses import replace

import pytest
import torch

from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import Experiment
from freerun.config.measurement_identity import measurement
from freerun.config.run_identity import canonical
from freerun.config.training_settings import Training
from freerun.engine.replicas import Group
from freerun.laws.toolkit import noise
from freerun.measurement.evaluation import evaluate
from freerun.measurement.metrics._forecast import MEMBERS
from freerun.measurement.metrics.coverage_90 import Coverage
from freerun.measurement.metrics.crps import CRPS, fair
from freerun.measurement.metrics.energy_score import EnergyScore
from freerun.measurement.metrics.spread_skill import SpreadSkill
from freerun.parts.feedback.mean import Mean
from freerun.parts.feedback.sample import Sample
from freerun.parts.gaussians import packed, unpacked
from freerun.parts.models.linear import Linear
from freerun.parts.objectives.gaussian_likelihood import GaussianLikelihood
from freerun.parts.tasks.errors_in_variables import ErrorsInVariables

PHI, LENGTH = 0.8, 8
STD = math.sqrt(1 - PHI**2)
NAMES = ["coverage_90", "crps", "loss", "spread_skill"]


def exact(feedback, shift=0.0, widen=1.0, components=1):
    """The first-order autoregression itself as a trained model: its mean and standard deviation, or shifted and wider ones."""
    task = ErrorsInVariables(phi=PHI, signal=1.0, sequences=4096, length=LENGTH)
    experiment = Experiment(
        task=task, model=Linear(), objective=GaussianLikelihood(floor=1e-6, components=components), feedback=feedback,
        training=Training(updates=1), evaluation=Evaluation(sequences=1024, metrics=NAMES), dtype="float64",
    )  # fmt: skip
    group = Group([experiment], {0: task.build(0, LENGTH)})
    raw = math.log(math.expm1(STD * widen - 1e-6))
    weights = {"output.weight": torch.tensor([[PHI, 0.0]]), "output.bias": torch.tensor([[shift, raw]])}
    group.parameters.flat = torch.cat([weights[name].double().reshape(1, -1) for name in group.parameters.shapes], -1)
    return {(s.metric, s.mode): torch.tensor(s.values) for s in evaluate(group)[0].series if s.split == "test"}


def law(lead):
    """The standard deviation of the autoregression so many steps on."""
    return math.sqrt(1 - PHI ** (2 * lead))


def test_scores_of_the_exact_autoregression_are_their_closed_forms():
    """sigma / sqrt pi, forced with one sigma at all leads, free with a growing one; within four errors of 1,024 sequences."""
    told = exact(Sample())
    for lead in range(1, LENGTH + 1):
        for mode, sigma in (("forced", law(1)), ("free", law(lead))):
            assert float(told["crps", mode][lead - 1]) == pytest.approx(sigma / math.sqrt(math.pi), rel=0.075)
            assert float(told["coverage_90", mode][lead - 1]) == pytest.approx(0.9, abs=0.045)
            assert float(told["spread_skill", mode][lead - 1]) == pytest.approx(1, abs=0.1)
    entropy = 0.5 * math.log(2 * math.pi * math.e) + math.log(STD)
    assert float(told["loss", "forced"].mean()) == pytest.approx(entropy, abs=0.02)
    assert float(told["crps", "free"][-1]) > 1.4 * float(told["crps", "free"][0]), "the spread grows with the lead"


def test_the_law_of_the_truth_is_best():
    """Forced and free, against one that is shifted, widened or narrowed; and their coverage says which."""
    truth = exact(Sample())
    for wrong, covers in (({"shift": 0.4}, None), ({"widen": 1.8}, "more"), ({"widen": 0.5}, "less")):
        told = exact(Sample(), **wrong)
        for mode in ("forced", "free"):
            assert float(told["crps", mode].mean()) > 1.03 * float(truth["crps", mode].mean()), (wrong, mode)
            share, ratio = (float(told[name, mode].mean()) for name in ("coverage_90", "spread_skill"))
            assert covers is None or ((share > 0.93 and ratio > 1.3) if covers == "more" else (share < 0.8 and ratio < 0.8))
        assert float(told["loss", "forced"].mean()) > float(truth["loss", "forced"].mean()) + 0.02


def test_with_the_mean_fed_a_forecast_is_too_sure_of_itself():
    told = exact(Mean())
    assert float(told["coverage_90", "forced"].mean()) == pytest.approx(0.9, abs=0.02)
    assert float(told["coverage_90", "free"][-1]) < 0.8


# --- the estimators, against a law that is known, and broken ones ---

WORLDS = 4000


def members(count=MEMBERS, width=1):
    """Members and a true value of one law, of many worlds."""
    drawn = noise(WORLDS, count + 1, width, seed=8)
    return drawn[None, :, :count], drawn[None, :, count]


def biased(members, targets):
    """The score of the ensemble as a distribution of its own: pairs of a member with itself among them."""
    count = members.shape[-2]
    near = (members - targets[..., None, :]).abs().mean(-2)
    return near - (near - fair(members, targets)) * (count - 1) / count


def test_the_estimate_is_fair_for_any_number_of_members():
    """sigma / sqrt pi within five standard errors for 2, 5 and 39 members; the biased one is off by 1 / M of it."""
    wanted = 1 / math.sqrt(math.pi)
    for count in (2, 5, MEMBERS):
        scores = fair(*members(count))
        error = float(scores.std()) / math.sqrt(WORLDS)
        assert float(scores.mean()) == pytest.approx(wanted, abs=5 * error)
        if count < MEMBERS:
            assert float(biased(*members(count)).mean()) > wanted + 5 * error, "a biased estimate would be seen"
        slow = (members(count)[0][0, :9, :, None, 0] - members(count)[0][0, :9, None, :, 0]).abs().sum((-1, -2))
        near = (members(count)[0] - members(count)[1][..., None, :]).abs().mean(-2)[0, :9, 0]
        assert torch.allclose(scores[0, :9, 0], near - slow / (2 * count * (count - 1)), atol=1e-12)


class OneSided(Coverage):
    """Broken: the interval has no lower end."""

    def of_members(self, members, targets):
        return ((targets <= members.sort(-2).values[..., 37, :]).double().mean(-1),)

    def of_law(self, law, targets):
        return ((law.below(targets) <= 0.95).double().mean(-1),)


def test_coverage_is_central_and_exact_for_39_members():
    error = math.sqrt(0.09 / WORLDS)
    (inside,) = Coverage().of_members(*members())
    assert float(inside.mean()) == pytest.approx(0.9, abs=4 * error)
    targets = members()[1]
    law = unpacked(packed(torch.zeros_like(targets), torch.ones_like(targets)), 1)
    assert float(Coverage().of_law(law, targets)[0].mean()) == pytest.approx(0.9, abs=4 * error)
    for shares in (OneSided().of_members(*members()), OneSided().of_law(law, targets)):
        assert float(shares[0].mean()) > 0.9 + 8 * error, "a coverage of one side would be seen"


def test_the_energy_score_is_that_of_one_coordinate_and_sees_how_several_hang_together():
    assert torch.allclose(EnergyScore().of_members(*members())[0], fair(*members())[..., 0], atol=1e-12)
    drawn, targets = members(width=2)
    together = [
        torch.stack([part[..., 0], part[..., 0] * 0.9 + part[..., 1] * math.sqrt(0.19)], -1) for part in (drawn, targets)
    ]
    apart = torch.stack([together[0][..., 0], together[0][..., 1].roll(1, -1)], -1)  # each coordinate as it was
    right, wrong = (float(EnergyScore().of_members(part, together[1])[0].mean()) for part in (together[0], apart))
    assert wrong > 1.01 * right
    alone = [float(fair(part, together[1]).mean()) for part in (together[0], apart)]
    assert alone[0] == pytest.approx(alone[1], rel=1e-9)


def test_spread_and_skill_of_an_ensemble_of_the_truth_are_equal():
    for count in (3, MEMBERS):
        spread, error = SpreadSkill().of_members(*members(count))
        assert float(spread.mean() / error.mean()) == pytest.approx(1, abs=0.1)


def test_what_predicts_no_distribution_is_measured_as_before():
    """New measures belong to runs that predict distributions: the identity of other measurements does not know them."""
    task = ErrorsInVariables(sequences=8, length=4)
    plain, likely = Experiment(task=task, model=Linear()), Experiment(task=task, model=Linear(), objective=GaussianLikelihood())
    assert not {"crps", "energy_score"} & set(measurement(plain, canonical(plain)).metrics)
    assert {"crps", "energy_score"} <= set(measurement(likely, canonical(likely)).metrics)
    named = replace(plain, evaluation=Evaluation(metrics=["crps"]))
    assert set(measurement(named, canonical(named)).metrics) == {"crps"}
    assert CRPS.of_distributions
