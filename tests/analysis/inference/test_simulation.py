"""Simulated experiments whose truth is known: each promise of the tables, with a variant that breaks it.

Every simulated experiment goes through the code of the tables: frames, gap, conditions, summary, comparisons. A repetition
is a task of one large study. Bounds: with 3,000 repetitions a coverage of 95 % has a standard error of 0.4 %, so the 1.5 %
around it are four of them; a level of 5 % stays below 6 % with two and a half.
"""

import functools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from freerun.analysis.figures import Material
from freerun.analysis.inference import change_interval, confidence_intervals
from freerun.analysis.inference.confidence_intervals import counts, summarise
from freerun.analysis.inference.paired_differences import against_baseline
from freerun.analysis.inference.replicates import annotated, conditions
from freerun.analysis.report.summary_table import full
from freerun.analysis.tables import gap
from freerun.analysis.tables.quantities import Quantities
from synthetic import simulated
from tiers import tiered

REPETITIONS, TRUE, STEPS = 3_000, 2.0, 4
BOUNDS = (0.935, 0.965)
WANTED = 0.05


@functools.cache
def material(n, spread=0.5):
    """Repetitions with n seeds; every run has its own error, and its steps (the windows) scatter around it."""
    chance = np.random.default_rng([n, 1])
    runs = TRUE + chance.normal(size=(REPETITIONS, 1, n, 1))
    return Material.of(simulated(runs + spread * chance.normal(size=(REPETITIONS, 1, n, STEPS))), {})


def covered(table):
    """The share of intervals of the free error and of the gap that hold the truth (forced errors are 0)."""
    return np.mean([(table[f"{name}_low"] <= TRUE) & (table[f"{name}_high"] >= TRUE) for name in ("free", "gap")])


def law_covers(n):
    share = covered(full(material(n)))
    assert BOUNDS[0] <= share <= BOUNDS[1], f"n = {n}: covers {share:.4f}"


@pytest.mark.slow  # the quick one is among the laws of test_pitfalls.py
@pytest.mark.parametrize("n", [3, 5, 10, 30])
def test_intervals_cover_what_they_promise(n):
    law_covers(n)


@pytest.mark.slow
def test_the_normal_quantile_is_caught(monkeypatch):
    monkeypatch.setattr(confidence_intervals, "half_width", lambda std, n, confidence=0.95: 1.96 * std / np.sqrt(n))
    with pytest.raises(AssertionError, match="n = 5"):
        law_covers(5)


def percentile(values, weights, confidence, key=0):
    """The percentile bootstrap of the mean."""
    n = values.shape[1]
    chance = np.random.default_rng(key)
    drawn = values @ (chance.multinomial(n, np.full(n, 1 / n), size=999) / n).T
    return tuple(np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2], axis=1))


@pytest.mark.slow
def test_a_percentile_bootstrap_of_ten_seeds_is_caught(monkeypatch):
    monkeypatch.setattr(confidence_intervals, "MANY", 10)
    monkeypatch.setattr(confidence_intervals, "bca", percentile)
    with pytest.raises(AssertionError, match="n = 10"):
        law_covers(10)


def law_the_seed_is_the_unit(summary):
    """Many times the windows, drawn again around the same runs: the width of the intervals stays."""
    runs = TRUE + np.random.default_rng(0).normal(size=(200, 1, 5, 1))
    widths = []
    for steps in (4, 400):
        table = summary(Material.of(simulated(runs + np.zeros(steps)), {}))
        widths.append((table["free_high"] - table["free_low"]).to_numpy())
    np.testing.assert_allclose(widths[1], widths[0], rtol=1e-9)


def over_windows(of):
    """Windows as replicates."""
    found = summarise(of.steps, ["task_label"], "free")
    return found.rename(columns={"low": "free_low", "high": "free_high"})


def test_the_width_of_an_interval_does_not_depend_on_the_number_of_windows():
    law_the_seed_is_the_unit(full)


@pytest.mark.slow
def test_windows_as_replicates_are_caught():
    with pytest.raises(AssertionError):
        law_the_seed_is_the_unit(over_windows)
    table = over_windows(material(5))
    assert ((table["free_low"] <= TRUE) & (table["free_high"] >= TRUE)).mean() < 0.8


def fired(n, comparisons, repetitions, against=against_baseline):
    """How often a study in which nothing differs finds at least one difference after Holm; a repetition is a task."""
    chance = np.random.default_rng([n, comparisons])
    shared = chance.normal(size=(repetitions, 1, n, 1))
    frames = simulated(TRUE + shared + chance.normal(size=(repetitions, comparisons + 1, n, 1)))
    meant = Quantities(frames.quantities)
    found = against(gap.exposure_gap(frames.gaps), conditions(frames.runs), "free", ("task_label",), quantities=meant)
    assert len(found) == repetitions * comparisons
    return (found["holm"] <= WANTED).groupby(found["task_label"]).any().mean()


def law_rarely_fires(n, comparisons, repetitions, against=against_baseline):
    share = fired(n, comparisons, repetitions, against)
    assert share <= 0.06, f"fires in {share:.4f} of studies without a difference"


@pytest.mark.parametrize("n", tiered([3, 5, 10], quick=lambda n: n == 5))
def test_better_is_rarely_said_where_nothing_differs(n):
    law_rarely_fires(n, 1, 4_000)


def test_better_is_rarely_said_over_a_family():
    law_rarely_fires(10, 4, 2_000)


@pytest.mark.slow
def test_a_family_without_holm_is_caught():
    def uncorrected(*arguments, **named):
        found = against_baseline(*arguments, **named)
        return found.assign(holm=found["p"])

    with pytest.raises(AssertionError, match=r"fires in 0\.1"):
        law_rarely_fires(10, 4, 2_000, uncorrected)


def test_a_normal_test_of_few_seeds_is_caught(monkeypatch):
    normal = lambda mean, error, freedom, by_chance: 2 * stats.norm.sf(np.abs(mean / error))  # noqa: E731
    monkeypatch.setattr(change_interval, "p_value", normal)
    with pytest.raises(AssertionError, match=r"fires in 0\.1"):
        law_rarely_fires(5, 1, 4_000)


def test_a_true_difference_is_found():
    chance = np.random.default_rng(0)
    errors = 3 + chance.normal(size=(200, 2, 10, 1))
    errors[:, 1] -= 3
    frames = simulated(errors)
    meant = Quantities(frames.quantities)
    found = against_baseline(gap.exposure_gap(frames.gaps), conditions(frames.runs), "free", ("task_label",), quantities=meant)
    assert (found["holm"] <= WANTED).mean() > 0.95
    assert (found["mean"] < 0).all()


def law_no_run_disappears(count):
    """Diverged runs stay in the count beside the mean of those that are left."""
    frames = simulated(TRUE + np.random.default_rng(0).normal(size=(1, 2, 5, 1)), lost=[(0, 1, 3), (0, 1, 4)])
    became = count(annotated(frames.runs, conditions(frames.runs)), ["task_label", "method"]).set_index("method")
    assert became.loc["regime 1", "runs"] == 5
    assert became.loc["regime 1", "diverged"] == 2
    exact = stats.binomtest(2, 5).proportion_ci(0.95, method="exact")
    assert became.loc["regime 1", "lost_high"] == pytest.approx(exact.high)


def test_no_run_disappears():
    law_no_run_disappears(counts)
    frames = simulated(TRUE + np.random.default_rng(0).normal(size=(1, 2, 5, 1)), lost=[(0, 1, 3), (0, 1, 4)])
    table = full(Material.of(frames, {})).set_index("method")
    assert tuple(table.loc["regime 1", ["n", "runs", "diverged"]]) == (3, 5, 2)


def test_dropped_runs_are_caught():
    with pytest.raises(AssertionError):
        law_no_run_disappears(lambda runs, by: counts(runs[runs["status"] == "done"], by))


def law_nothing_over_nothing_is_undefined(against):
    """Two regimes without any error: their difference is 0, and no standardised difference or ratio is."""
    frames = simulated(np.zeros((1, 2, 4, 1)), metric="rmse")
    row = against(gap.exposure_gap(frames.gaps), conditions(frames.runs), quantities=Quantities(frames.quantities)).iloc[0]
    assert not row["ratio"]
    assert row["mean"] == 0
    assert row["p"] == 1
    assert np.isnan(row["effect"])
    assert np.isnan(row["hedges"])


def test_nothing_over_nothing_is_undefined():
    law_nothing_over_nothing_is_undefined(against_baseline)


def test_nothing_over_nothing_as_0_is_caught():
    with pytest.raises(AssertionError):
        law_nothing_over_nothing_is_undefined(lambda *given, **named: against_baseline(*given, **named).fillna(0))


@pytest.mark.parametrize("n", [1, 2])
def test_no_interval_and_no_p_below_three_seeds(n):
    frames = simulated(TRUE + np.random.default_rng(0).normal(size=(2, 2, n, 3)))
    table = full(Material.of(frames, {}))
    assert table[["free", "gap"]].notna().all(axis=None)
    assert table.filter(regex="^(forced|free|gap)_(low|high)$").isna().all(axis=None)
    meant = Quantities(frames.quantities)
    found = against_baseline(gap.exposure_gap(frames.gaps), conditions(frames.runs), quantities=meant)
    assert found[["low", "high", "improved_low", "improved_high", "p", "holm"]].isna().all(axis=None)
    assert isinstance(found, pd.DataFrame)
