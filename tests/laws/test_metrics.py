"""Tests of the laws of metrics: what is measured is what the metric's name says."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from freerun.laws import metrics, quantities
from freerun.laws._observed_rollouts import HORIZON, WARMUP, observed
from freerun.laws.register import of
from freerun.laws.toolkit import CLOSE, gap, small_parts
from freerun.measurement.metrics.accuracy import Accuracy
from freerun.measurement.metrics.kl import KL
from freerun.measurement.metrics.loss import Loss
from freerun.measurement.metrics.off_support import OffSupport
from freerun.measurement.metrics.rmse import RMSE
from freerun.measurement.metrics.valid_time import ValidTime
from freerun.measurement.metrics.validity import Validity
from freerun.parts.feedback import one_hot
from freerun.parts.tasks.embedded_reber import LETTERS, EmbeddedReber
from freerun.parts.tasks.hidden_markov import HiddenMarkov
from freerun.parts.tasks.lorenz63 import Lorenz63
from laws.broken import metrics as broken

LAWS = of("metric", "metrics", "quantities")
METRICS = small_parts("metric")
REBER, MARKOV, LORENZ = EmbeddedReber(sequences=80), HiddenMarkov(sequences=40), Lorenz63(sequences=40, transient=0.0)


def law_ending_at_once_is_worst(metric: Loss) -> None:
    """A model that only ever says E has a larger loss than one that knows nothing."""
    seen = observed(REBER)
    ends = one_hot(torch.full_like(seen.targets, LETTERS.index("E")), seen.outputs) * 20
    knows_nothing = torch.zeros_like(seen.outputs)
    a, b = (metric.measure(replace(seen, outputs=o, picks=o.argmax(-1))).nanmean() for o in (ends, knows_nothing))
    assert a > b, f"ending at once costs {a:.2f}, knowing nothing {b:.2f}"


CAUGHT = [
    (metrics.law_warmup_is_not_counted, broken.CountsTheWarmup),
    (metrics.law_padding_changes_nothing, broken.CountsThePadding),
    (metrics.law_order_does_not_matter, broken.TheFirstSequence),
    (metrics.law_never_infinite, broken.InfiniteKL),
    (metrics.law_measures_one_value_a_step_or_one_in_all, broken.NormalisesInPlace),
    (metrics.law_nothing_to_count_is_undefined, broken.ZeroWhereNothingCounts),
    (metrics.law_the_truths_own_distribution_wins, broken.RewardsSharpness),
    (metrics.law_the_truths_own_distribution_wins, broken.OfTheMean),
    (quantities.law_says_what_its_number_means, broken.SaysNothing),
    (quantities.law_says_what_its_number_means, broken.TwoMinds),
    (quantities.law_values_lie_in_the_declared_range, broken.NegativeRMSE),
    (quantities.law_values_lie_in_the_declared_range, broken.ShareInPercent),
    (quantities.law_the_declared_way_is_better, broken.LessAccuracyIsBetter),
    (quantities.law_the_declared_way_is_better, broken.MoreKLIsBetter),
    (quantities.law_the_declared_way_is_better, broken.BetterThanWhat),
    (law_ending_at_once_is_worst, broken.StopsWithTheModel),
]


CASES = [(law, name) for name, metric in METRICS.items() for law in LAWS if law.applies(metric)]


@pytest.mark.parametrize(("law", "name"), CASES, ids=[f"{name}-{law.name}" for law, name in CASES])
def test_law(law, name):
    law(METRICS[name])


@pytest.mark.parametrize(("law", "metric"), CAUGHT, ids=lambda x: x.__name__)
def test_law_catches(law, metric):
    with pytest.raises(AssertionError):
        law(metric())


def test_every_law_has_been_seen_to_fail():
    assert {*(law.function for law in LAWS), law_ending_at_once_is_worst} == {law for law, _ in CAUGHT}


def test_a_model_that_ends_at_once_has_the_worst_loss():
    law_ending_at_once_is_worst(Loss())


def _perfect(task):
    """A model whose outputs are the oracle's own log-probabilities (a large negative number stands for log 0)."""
    seen = observed(task)
    outputs = seen.truth().log_probs.clamp(min=-1e3)
    return replace(seen, outputs=outputs, picks=outputs.argmax(-1))


@pytest.mark.parametrize("task", [REBER, MARKOV], ids=["reber", "markov"])
def test_the_oracles_own_distribution_has_kl_0_and_is_valid(task):
    seen = _perfect(task)
    assert KL().measure(seen).nan_to_num().abs().max() < CLOSE
    assert not OffSupport().measure(seen).any()
    if task is REBER:
        assert Validity().measure(seen).tolist() == [1.0]


def test_kl_is_the_textbooks():
    seen = observed(MARKOV)
    p, q = seen.truth().log_probs.exp(), torch.softmax(seen.outputs, -1)
    assert gap(KL().measure(seen), (p * (p / q).log()).sum(-1).mean(1)[WARMUP:]) < CLOSE


def test_a_strayed_prefix_is_counted_and_not_averaged_in():
    seen = _perfect(REBER)
    fed = seen.fed.clone()
    fed[5, ::4] = one_hot(torch.tensor(LETTERS.index("B")), fed[0, 0])  # B is admissible at the second step only
    strayed = replace(seen, fed=fed)
    share = len(range(0, fed.shape[1], 4)) / fed.shape[1]
    assert OffSupport().measure(strayed).tolist() == pytest.approx([0.0] * 2 + [share] * 14)
    assert KL().measure(strayed).nan_to_num().abs().max() < CLOSE
    assert Validity().measure(strayed).tolist() == pytest.approx([1 - share])


def test_one_wrong_pick_makes_a_string_invalid():
    seen = _perfect(REBER)
    picks = seen.picks.clone()
    picks[WARMUP, 0] = LETTERS.index("B")
    assert Validity().measure(replace(seen, picks=picks)).item() == pytest.approx(1 - 1 / picks.shape[1])


def test_accuracy_and_loss_against_known_values():
    seen = observed(MARKOV)
    right = replace(seen, outputs=one_hot(seen.targets, seen.outputs) * 1e3)
    assert Accuracy().measure(right).tolist() == [1.0] * HORIZON
    assert not Loss().measure(right).any()
    blind = replace(seen, outputs=torch.zeros_like(seen.outputs))
    assert Loss().measure(blind).tolist() == pytest.approx([torch.tensor(6.0).log().item()] * HORIZON)


def test_where_nothing_counts_the_value_is_undefined_and_not_0():
    seen = observed(MARKOV)
    empty = replace(seen, weights=seen.weights.clone())
    empty.weights[WARMUP + 2] = 0
    for metric in (Loss(), Accuracy()):
        values = metric.measure(empty)
        assert values.isnan().tolist() == [t == 2 for t in range(HORIZON)]


def test_rmse_and_valid_time_of_a_known_error():
    seen = observed(LORENZ)
    time = LORENZ.lyapunov_steps()
    perfect = replace(seen, outputs=seen.targets.clone())
    assert not RMSE().measure(perfect).any()
    assert ValidTime().measure(perfect).item() == pytest.approx(HORIZON / time)
    off = replace(seen, outputs=seen.targets + 0.3)
    assert RMSE().measure(off).tolist() == pytest.approx([0.3] * HORIZON, rel=1e-5)  # float32 targets
    assert ValidTime().measure(off).item() == pytest.approx(HORIZON / time)
    late = seen.targets.clone()
    late[WARMUP + 5 :] += 0.5
    assert ValidTime().measure(replace(seen, outputs=late)).item() == pytest.approx(5 / time)


def test_a_forecast_that_breaks_down_has_failed():
    seen = observed(LORENZ)
    outputs = seen.targets.clone()
    outputs[WARMUP + 3 :] = torch.nan
    assert ValidTime().measure(replace(seen, outputs=outputs)).item() == pytest.approx(3 / LORENZ.lyapunov_steps())
    assert ValidTime().measure(replace(seen, outputs=torch.full_like(outputs, torch.nan))).item() == 0
