"""Tests of error growth: it is found where it was put in, with an interval that covers, and nowhere else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from freerun.analysis.inference.curve_fits import choose, fitted
from freerun.analysis.inference.error_growth_fit import _median, _shown, growth, verdict

TIME = np.arange(1, 101, dtype=float)
TRUE = {
    "constant": (np.full(100, 0.3), np.nan),
    "linear": (0.02 * (1 + 0.05 * TIME), 0.05),
    "exponential": (0.01 * np.exp(0.03 * TIME), 0.03),
    "saturating": (1.2 * (1 - np.exp(-TIME / 15)), 15.0),
    "logistic": (1.2 / (1 + np.exp(-0.08 * (TIME - 60))), 0.08),
}


def frame(curve, seeds=5, noise=0.1, between=0.0, chance=0, condition="a"):
    """Steps of some seeds: the curve, with noise at every step and a level of its own for every seed, both as factors."""
    draws = np.random.default_rng(chance)
    rows = []
    for seed in range(seeds):
        values = curve * np.exp(noise * draws.normal(size=len(curve)) + between * draws.normal())
        rows += [
            {"condition": condition, "run": f"{condition}{seed}", "step": t, "free": v}
            for t, v in zip(TIME, values, strict=False)
        ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("form", TRUE)
def test_the_form_is_found_with_its_number(form):
    curve, true = TRUE[form]
    row = growth(frame(curve, between=0.3), ["condition"]).iloc[0]
    assert row["form"] == form
    assert (row["n"], row["seeds"], row["steps"]) == (5, 5, 100)
    if form != "constant":
        assert row["value"] == pytest.approx(true, rel=0.15)
        assert row["low"] < row["value"] < row["high"]
        assert row["fits"] >= 4


@pytest.mark.parametrize("form", TRUE)
def test_the_fitted_curve_runs_through_the_errors(form):
    curve, _ = TRUE[form]
    np.testing.assert_allclose(fitted(form, TIME, curve), curve, rtol=1e-2)


@pytest.mark.parametrize(("curve", "words"), [(0.01 * TIME, "in proportion"), (1 - np.exp(-TIME / 1e6), "in proportion")])
def test_a_number_that_cannot_be_told_from_an_infinite_one_is_not_given(curve, words):
    row = growth(frame(curve, noise=0.01), ["condition"]).iloc[0]
    assert words in row["verdict"]
    assert np.isinf(row["value"])
    assert np.isnan(row["low"])


def test_no_growth_is_rarely_called_growth():
    """Of 200 curves without growth, each with noise of 10 %, at most 1 % are given a form (the BIC's odds are 1 to 150)."""
    draws = np.random.default_rng(1)
    found = [choose(TIME, 0.3 * np.exp(0.1 * draws.normal(size=100)))[0] for _ in range(200)]
    assert found.count("constant") >= 198


def law_errors_that_wander_do_not_grow(chosen):
    """Five seeds of 50 steps, logarithms that follow an AR(1) about one level: a form in 5 % of studies, as of any t."""
    draws, shape, rho = np.random.default_rng(3), (100, 5, 50), 0.95
    logs = draws.normal(size=shape)
    for t in range(1, shape[-1]):
        logs[..., t] = rho * logs[..., t - 1] + np.sqrt(1 - rho**2) * logs[..., t]
    found = [chosen(np.exp(0.3 * study), np.arange(1.0, 51), 0)[0] for study in logs]
    assert sum(form != "constant" for form in found) <= 13  # scipy.stats.binom.ppf(0.999, 100, 0.05)


def test_errors_that_wander_do_not_grow():
    law_errors_that_wander_do_not_grow(_shown)


def test_the_best_fit_alone_is_caught():
    with pytest.raises(AssertionError):
        law_errors_that_wander_do_not_grow(lambda curves, time, _: choose(time, np.exp(np.log(curves).mean(axis=0))))


def test_one_seed_does_not_turn_a_verdict_round():
    """Nine seeds that saturate after 5 steps, and one that rises for ever."""
    draws = np.random.default_rng(4)

    curves = [1 - np.exp(-TIME / 5)] * 9 + [TIME**1.3 / 100]
    rows = [
        pd.DataFrame({"c": "a", "run": n, "step": TIME, "free": curve * np.exp(0.05 * draws.normal(size=100))})
        for n, curve in enumerate(curves)
    ]
    row = growth(pd.concat(rows), ["c"]).iloc[0]
    assert row["form"] == "saturating"
    assert row["low"] < row["value"] < row["high"]
    assert row["value"] == pytest.approx(5, rel=0.1)
    assert row["verdict"].endswith("steps (the median: in 1 of 10 seeds it does not saturate)")


def test_the_median_of_numbers_without_an_end():
    """Between the order statistics of the sign test: of ten numbers the 2nd and the 9th; none of five."""
    each = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9, np.inf])
    found = _median(each)
    assert (found.mean, found.low, found.high) == (pytest.approx(np.sqrt(30)), 2, 9)
    assert _median(np.r_[each[:5], [np.inf] * 5]).mean == 5
    assert np.isinf(_median(np.r_[each[:4], [np.inf] * 6]).mean)
    assert not _median(each[:5]).known


@pytest.mark.slow
def test_the_interval_covers_the_true_rate_over_seeds():
    """Rates that differ between seeds: of 150 studies of 4 seeds, 95 % cover the mean rate, within its 99.9 % bounds."""
    draws, covered = np.random.default_rng(2), 0
    for _ in range(150):
        rates = 0.03 + 0.005 * draws.normal(size=4)
        parts = [
            pd.DataFrame(
                {"condition": "a", "run": f"r{n}", "step": TIME, "free": 0.01 * np.exp(g * TIME + 0.1 * draws.normal(size=100))}
            )
            for n, g in enumerate(rates)
        ]
        row = growth(pd.concat(parts), ["condition"]).iloc[0]
        covered += row["low"] <= 0.03 <= row["high"]
    assert 132 <= covered <= 150  # scipy.stats.binom.interval(0.999, 150, 0.95) = (132, 150)


def test_the_width_does_not_depend_on_how_many_steps_there_are():
    """Rates differ by seed alone: four times as many steps give the same interval but for the noise of the fit."""
    rates, widths = [0.02, 0.03, 0.05], []
    for every in (4, 1):
        time = TIME[::every]
        parts = [pd.DataFrame({"c": "a", "run": str(g), "step": time, "free": np.exp(g * time)}) for g in rates]
        row = growth(pd.concat(parts), ["c"]).iloc[0]
        widths.append(row["high"] - row["low"])
    assert widths[0] == pytest.approx(widths[1], rel=1e-6)


def test_conditions_stand_apart_and_two_seeds_have_no_interval():
    steps = pd.concat([frame(TRUE["linear"][0], seeds=2), frame(TRUE["exponential"][0], condition="b")])
    table = growth(steps, ["condition"]).set_index("condition")
    assert table["form"].tolist() == ["linear", "exponential"]
    assert np.isnan(table.loc["a", "low"])
    assert table.loc["a", "verdict"].startswith("no growth is shown by one or two seeds; what fits best: accumulates")
    assert "no interval" in table.loc["a", "verdict"]


def test_seeds_that_broke_down_are_counted():
    steps = frame(TRUE["exponential"][0])
    steps.loc[(steps["run"] == "a3") & (steps["step"] > 50), "free"] = np.nan
    row = growth(steps, ["condition"]).iloc[0]
    assert (row["n"], row["seeds"]) == (4, 5)
    assert "1 of 5 seeds could not be fitted" in row["verdict"]


@pytest.mark.parametrize("curve", [np.zeros(100), np.full(100, np.nan), TRUE["linear"][0][:5]])
def test_what_cannot_be_fitted_is_undefined(curve):
    row = growth(frame(curve, noise=0.0), ["condition"]).iloc[0]
    assert (row["form"], row["verdict"]) == ("undefined", "too few steps, or seeds, with an error to be fitted")


def test_verdicts_are_sentences():
    assert verdict("exponential", 0.02, 0.018, 0.022, 100).startswith("grows exponentially, by a factor e in 50 steps")
    assert verdict("exponential", -0.02, -0.03, -0.01, 100).startswith("shrinks")
    assert verdict("constant", np.nan, np.nan, np.nan, 100) == "no growth is shown"
    assert "no growth that holds" in verdict("exponential", 0.01, -0.01, 0.03, 100)
    assert verdict("linear", 0.05, 0.04, 0.06, 100).startswith("accumulates at a constant rate")
    assert "at first, by a factor e in 20 steps" in verdict("logistic", 0.05, 0.04, 0.06, 100)
    assert verdict("saturating", 300, 250, 350, 100).endswith("beyond what was measured")
