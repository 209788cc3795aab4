"""Tests of confidence intervals: they cover what they promise."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from freerun.analysis.inference.bootstrap import bca, mean_weights
from freerun.analysis.inference.confidence_intervals import clopper_pearson, counts, mean_interval, of_positive, summarise
from freerun.analysis.inference.interquartile_mean import iqm_weights, middles
from freerun.analysis.tables import gap, tidy
from freerun.analysis.tables.quantities import Quantities, declared
from synthetic import grid, study


@pytest.mark.parametrize("n", [3, 5, 19])
def test_mean_interval_is_that_of_scipy(n):
    values = np.random.default_rng(n).normal(size=n)
    found = mean_interval(values)
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.mean, found.low, found.high, found.n) == (
        pytest.approx(values.mean()),
        pytest.approx(low),
        pytest.approx(high),
        n,
    )


def test_log_interval_is_that_of_the_logarithms():
    values = np.exp(np.random.default_rng(0).normal(size=6))
    plain, log = mean_interval(np.log(values)), mean_interval(values, log=True)
    np.testing.assert_allclose([log.mean, log.low, log.high], np.exp([plain.mean, plain.low, plain.high]))
    assert log.mean == pytest.approx(stats.gmean(values))


def test_a_geometric_mean_of_what_is_not_positive_is_undefined():
    assert np.isnan(mean_interval([1.0, 2.0, 0.0], log=True).mean)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_below_three_seeds_there_is_no_interval(n):
    found = mean_interval(np.arange(1.0, n + 1))
    assert not found.known
    assert found.n == n


def test_undefined_is_left_out_and_counted_out():
    found = mean_interval([1.0, np.nan, 2.0, 3.0])
    assert (found.mean, found.n) == (2.0, 3)


def test_from_20_seeds_on_it_is_the_bootstrap():
    values = np.random.default_rng(0).exponential(size=20)
    low, high = bca(values[None], mean_weights, 0.95)
    found = mean_interval(values)
    assert (found.low, found.high) == (low[0], high[0])
    assert found.high - found.mean > found.mean - found.low, "skewed values have a skewed interval"


def test_a_group_has_the_same_interval_alone_and_beside_others():
    frame = pd.DataFrame({"who": np.repeat(["a", "b", "c"], [25, 30, 4]), "value": np.random.default_rng(0).normal(size=59)})
    table = summarise(frame, ["who"], "value").set_index("who")
    for who, values in frame.groupby("who")["value"]:
        alone = mean_interval(values.to_numpy())
        assert (alone.low, alone.high) == (table.loc[who, "low"], table.loc[who, "high"])


def shares(count, n):
    """Groups of values that repeat, as shares do: many resamples have the very mean of the sample."""
    return np.random.default_rng(n).choice(np.arange(1, 7) / 20, size=(count, n))


@pytest.mark.parametrize("n", [20, 30, 41])
@pytest.mark.parametrize("weights", [mean_weights, iqm_weights])
def test_values_that_repeat_have_the_same_interval_alone_beside_others_and_elsewhere(weights, n):
    """Which resamples lie below the sample's mean is not decided by the last bits of a sum."""
    rows = shares(40, n)
    ends = np.stack(bca(rows, weights, 0.95))
    alone = [np.concatenate(bca(row[None], weights, 0.95)) for row in rows]
    assert np.array_equal(ends.T, np.stack(alone))
    for shift in (1 / 3, 0.7, 5.1):
        assert np.stack(bca(rows + shift, weights, 0.95)) - shift == pytest.approx(ends, abs=1e-8)


def test_the_smallest_of_numbers_have_an_interval():
    tiny = np.random.default_rng(0).random((2, 20)) * np.array([[5e-324], [1e-310]])
    assert np.isfinite(bca(tiny, mean_weights, 0.95)).all()


def test_the_resamples_are_an_argument():
    values = np.random.default_rng(0).normal(size=25)
    assert mean_interval(values, key=1) == mean_interval(values, key=1) != mean_interval(values, key=2)


def test_the_width_does_not_depend_on_the_number_of_steps(tmp_path):
    frames = tidy.frames(*study(tmp_path, grid(regimes=("teacher_forcing",), seeds=5)), "s")
    frame, meant = frames.gaps, Quantities(frames.quantities)
    chosen = frame[(frame["metric"] == "rmse") & (frame["split"] == "test")]
    many = pd.concat([chosen.assign(step=chosen["step"] + 100 * k) for k in range(20)], ignore_index=True)
    one, more = (mean_interval(gap.over_horizon(each, meant)["gap"].to_numpy()) for each in (chosen, many))
    assert (more.low, more.high, more.n) == (pytest.approx(one.low), pytest.approx(one.high), 5)


def test_groups_are_summarised_apart():
    frame = pd.DataFrame({"who": ["a", "b"] * 4, "value": np.arange(8.0)})
    table = summarise(frame, ["who"], "value").set_index("who")
    for who, values in frame.groupby("who")["value"]:
        assert table.loc[who, "high"] == pytest.approx(mean_interval(values.to_numpy()).high)


def test_groups_of_positive_values_alone_have_a_geometric_mean():
    values = {"c": [1.0, 2.0, 8.0], "a": [1.0, -2.0, 8.0], "b": [0.5, np.nan, 3.0, 4.0], "d": [np.nan]}
    frame = pd.DataFrame([(name, value) for name, of in values.items() for value in of], columns=["name", "value"])
    table = of_positive(frame, ["name"], "value", log=True)
    assert list(table["name"]) == list(values), "groups stand as they come first"
    for name, *found in table[["name", "mean", "low", "high", "n"]].itertuples(index=False, name=None):
        one = mean_interval(values[name], log=name != "a")
        np.testing.assert_equal(found, [one.mean, one.low, one.high, one.n])
    plain = summarise(frame, ["name"], "value").set_index("name").loc[list(values)].reset_index()
    pd.testing.assert_frame_equal(of_positive(frame, ["name"], "value", log=False), plain)
    assert list(of_positive(frame[:0], ["name"], "value", log=True)) == ["name", "mean", "low", "high", "n"]


@pytest.mark.parametrize(("count", "n"), [(0, 5), (1, 5), (5, 5), (3, 40)])
def test_clopper_pearson_is_that_of_scipy(count, n):
    exact = stats.binomtest(count, n).proportion_ci(0.95, method="exact")
    np.testing.assert_allclose(clopper_pearson(count, n), (exact.low, exact.high))


def test_lost_runs_are_counted():
    frame = pd.DataFrame({"who": ["a"] * 4, "status": ["done", "diverged", "failed", "pending"]})
    row = counts(frame, ["who"]).iloc[0]
    assert tuple(row[["runs", "done", "diverged", "failed", "pending"]]) == (4, 1, 1, 1, 1)
    assert row["lost_low"] == pytest.approx(stats.binomtest(2, 3).proportion_ci(0.95, method="exact").low)


@pytest.mark.parametrize("n", [3, 8])
def test_the_interval_of_a_share_stays_a_share_and_covers_what_it_covered(n):
    chance = np.random.default_rng(n)
    values = chance.beta(4, 0.5, size=(400, n))
    frame = pd.DataFrame({"who": np.repeat(np.arange(400), n), "value": values.ravel()})
    free, held = (
        summarise(frame, ["who"], "value"),
        summarise(frame, ["who"], "value", within=declared("accuracy", "share").range),
    )
    assert (free["high"] > 1).any(), "else nothing was to be held"
    assert held["high"].max() == 1.0
    assert (held["low"] >= 0).all()
    true = 4 / 4.5
    for one, other in ((free, held), (middles(frame, ["who"], "value"), middles(frame, ["who"], "value", within=(0.0, 1.0)))):
        low, high = ("low", "high") if "low" in one else ("iqm_low", "iqm_high")
        assert other[high].max() <= 1
        np.testing.assert_array_equal((one[low] <= true) & (true <= one[high]), (other[low] <= true) & (true <= other[high]))
    difference = mean_interval([-0.9, -0.99, -0.2], within=declared("accuracy", "share").change)
    assert difference.low == -1.0


def test_what_lies_beyond_its_range_keeps_its_interval():
    assert mean_interval([1.1, 1.2, 1.4], within=(0.0, 1.0)) == mean_interval([1.1, 1.2, 1.4])


def test_every_kept_value_lies_within_the_range_of_its_metric():
    tables_kept = [*Path(__file__).parents[3].glob("results/*/gaps.parquet")]
    tables_kept += [path.with_name("compared.parquet") for path in tables_kept]
    seen = set()
    for path in tables_kept:
        for (metric, unit), values in pd.read_parquet(path).groupby(["metric", "unit"], observed=True)["value"]:
            low, high = declared(str(metric), str(unit)).range
            assert values.min() >= low, metric
            assert values.max() <= high, metric
            seen.add((low, high))
    assert len(seen) > 1, "nothing was kept whose range is known"
