"""Yardstick of the exact expert: all of the harm of improper regimes is the label's, and its optimum is the truth.

The first is the study `exact_expert` with fewer seeds: KL to the truth in closed loop, of a GRU on the hidden Markov source.
The second is a source of two symbols whose optima are known exactly (Huszar 2015): under every regime and divergence the
expert's is the true distribution, from which labels are led away.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from freerun.analysis.inference.confidence_intervals import Interval, mean_interval
from freerun.config.presets import config_folder
from freerun.io.yaml import read_yaml
from yardsticks.exact import huszar_stopped
from yardsticks.learned import learned, over_seeds, says

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SEEDS = 4
#: Levels that were found before, with labels and with the expert; scheduled sampling then stayed at end=0 for a last fifth.
LABELS = {"TeacherForcing": 0.0122, "FreeRunning": 0.1025}
STAYED = 0.0765
EXPERT = {"TeacherForcing": 0.0071, "ScheduledSampling": 0.0072, "FreeRunning": 0.0063}


@pytest.fixture(scope="module")
def levels() -> dict[tuple[str, str], np.ndarray]:
    """KL to the truth, free on the test split, of every seed, by objective and regime."""
    (case,) = read_yaml(config_folder() / "study/exact_expert.yaml")["cases"]
    case["seed"] = f"range({SEEDS})"
    words = [f"{key}={','.join(value) if isinstance(value, list) else value}" for key, value in case.items()]
    found: dict[tuple[str, str], list[float]] = {}
    for run, record, _ in learned(words):
        (series,) = [s for s in record["series"] if (s["metric"], s["split"], s["mode"]) == ("kl", "test", "free")]
        key = type(run.experiment.objective).__name__, type(run.experiment.regime).__name__
        found.setdefault(key, []).append(float(np.mean(series["values"])))
    return {key: np.array(values) for key, values in found.items()}


def ratio(one: np.ndarray, other: np.ndarray) -> Interval:
    """The factor between two levels, paired by seed, with its 95 % interval."""
    interval = mean_interval(np.log(one / other))
    mean, low, high = (float(np.exp(value)) for value in (interval.mean, interval.low, interval.high))
    return Interval(mean=mean, low=low, high=high, n=interval.n)


@pytest.mark.parametrize("regime", ["ScheduledSampling", "FreeRunning"])
def test_with_labels_the_regime_does_harm(levels, regime):
    harm = ratio(levels["CrossEntropy", regime], levels["CrossEntropy", "TeacherForcing"])
    assert harm.low > 2, f"{regime} against teacher forcing, with labels: {harm}"


@pytest.mark.parametrize("regime", ["ScheduledSampling", "FreeRunning"])
def test_with_the_expert_it_does_none(levels, regime):
    harm = ratio(levels["ExactExpert", regime], levels["ExactExpert", "TeacherForcing"])
    assert harm.high < 1.6, f"{regime} against teacher forcing, with the expert: {harm}"


@pytest.mark.parametrize("regime", EXPERT)
def test_the_expert_is_better_than_labels_under_every_regime(levels, regime):
    assert ratio(levels["ExactExpert", regime], levels["CrossEntropy", regime]).high < 0.9


@pytest.mark.parametrize(("objective", "known"), [("CrossEntropy", LABELS), ("ExactExpert", EXPERT)])
def test_levels_are_those_that_were_found_before(levels, objective, known):
    for regime, wanted in known.items():
        level = float(np.exp(np.log(levels[objective, regime]).mean()))
        assert 0.6 < level / wanted < 1.67, f"{objective} under {regime}: {level:.4f}, {wanted} was found before"


def test_a_schedule_that_ends_with_training_does_less_harm(levels):
    assert mean_interval(levels["CrossEntropy", "ScheduledSampling"]).high < STAYED


# --- two symbols, whose optima are known ---

A, P = 0.2, (0.3, 0.8)
TRUTH = A, *P
BASE = [
    "task=two_step", f"task.a={A}", f"task.p0={P[0]}", f"task.p1={P[1]}", "task.sequences=16384", "model=output_recurrent",
    "model.hidden=8", "training.updates=500", "training.batch=256", "training.lr=0.03", "training.log_every=1000",
    "evaluation.sequences=4", "seed=range(4)",
]  # fmt: skip


def optimum(*words: str) -> list[Interval]:
    """Q(x1=1), Q(x2=1|0), Q(x2=1|1) over seeds."""
    rows = []
    for run, record, weights in learned([*BASE, *words]):
        assert record["status"] == "done"
        eye = torch.eye(2)
        first = says(run, weights, eye[:0], 2)[0, 1]
        rows.append([float(first), *(float(says(run, weights, eye[c : c + 1], 2)[1, 1]) for c in (0, 1))])
    return [over_seeds(column) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize("divergence", ["forward", "reverse", "jensen_shannon"])
@pytest.mark.parametrize("regime", ["teacher_forcing", "free_running", "scheduled_sampling", "parallel_scheduled_sampling"])
def test_the_optimum_is_the_truth(regime, divergence):
    """Nothing is noisy but the contexts: what is left is the optimiser's, a thousandth of probability."""
    intervals = optimum(f"regime={regime}", "objective=exact_expert", f"objective.divergence={divergence}")
    for name, found, wanted in zip(("Q(x1=1)", "Q(x2=1|0)", "Q(x2=1|1)"), intervals, TRUTH, strict=True):
        assert found.low - 1e-3 <= wanted <= found.high + 1e-3, f"{name}: {found}, the truth is {wanted}"
        assert found.high - found.low < 0.01, f"{name}: the interval says little, {found}"


def test_labels_lead_elsewhere():
    """The same sweep with labels ends at Huszar's optimum of free running, which the test above would refuse."""
    found = optimum("regime=free_running", "objective=cross_entropy")
    exact = huszar_stopped(A, P, 0.0)
    assert max(abs(a - b) for a, b in zip(exact, TRUTH, strict=True)) > 0.1
    for interval, wanted in zip(found, exact, strict=True):
        assert interval.low - 0.005 <= wanted <= interval.high + 0.005
