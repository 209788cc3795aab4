"""Tests of the gap: the difference of its two levels, undefined where one of them is."""

import numpy as np
import pandas as pd
import pytest

from freerun.analysis.tables import gap, quantities, tidy
from synthetic import grid, study


def rows(metric, forced, free, first=1):
    """The gaps table of one run and one metric."""
    parts = [
        {"run": "a", "seed": 0, "split": "test", "mode": mode, "metric": metric, "step": first + i, "value": value, "unit": "u"}
        for mode, values in (("forced", forced), ("free", free))
        for i, value in enumerate(values)
    ]
    return pd.DataFrame(parts)


def over_horizon(frame):
    return gap.over_horizon(frame, quantities.Quantities(quantities.of_frames([frame.assign(task="a")])))


@pytest.fixture
def gaps(tmp_path):
    return tidy.frames(*study(tmp_path, grid(seeds=2)), "s").gaps


def test_exposure_gap_is_free_minus_forced(gaps):
    found = gap.exposure_gap(gaps)
    np.testing.assert_array_equal(found["gap"], found["free"] - found["forced"])
    wide = gaps.pivot_table(index=["run", "split", "metric", "step"], columns="mode", values="value", observed=True)
    one = found.set_index(["run", "split", "metric", "step"]).loc[wide.index]
    np.testing.assert_array_equal(one["gap"], (wide["free"] - wide["forced"]).to_numpy())


def test_the_order_of_the_rows_does_not_matter(gaps):
    keys = ["run", "split", "metric", "step"]
    straight = gap.exposure_gap(gaps).set_index(keys)["gap"].sort_index()
    shuffled = gap.exposure_gap(gaps.sample(frac=1, random_state=0)).set_index(keys)["gap"].sort_index()
    pd.testing.assert_series_equal(straight, shuffled)


def test_undefined_stays_undefined():
    found = gap.exposure_gap(rows("kl", [1, np.nan, 2], [2, 3, np.nan]))
    np.testing.assert_array_equal(found["gap"], [1, np.nan, np.nan])


def test_a_missing_mode_has_an_undefined_gap():
    whole = rows("rmse", [1, 1], [2, 2])
    found = gap.exposure_gap(whole[(whole["mode"] == "forced") | (whole["step"] == 1)])
    np.testing.assert_array_equal(found["gap"], [1, np.nan])


def test_the_average_is_over_steps_at_which_both_modes_are_defined():
    found = over_horizon(rows("kl", [1, 2, 9, np.nan], [2, 4, np.nan, np.nan])).iloc[0]
    assert (found["forced"], found["free"], found["gap"]) == (1.5, 3.0, 1.5)
    assert (found["steps"], found["horizon"]) == (2, 3)


def test_an_overflow_is_not_averaged_away():
    found = over_horizon(rows("rmse", [1, 1], [2, np.nan])).iloc[0]
    assert found[["forced", "free", "gap"]].isna().all()


def test_padding_that_is_undefined_in_both_modes_is_left_out():
    found = over_horizon(rows("loss", [1, np.nan], [3, np.nan])).iloc[0]
    assert found["gap"] == 2


def test_never_defined_is_never_zero():
    found = over_horizon(rows("kl", [np.nan], [np.nan])).iloc[0]
    assert np.isnan(found["gap"])


def test_a_value_of_the_whole_rollout_is_itself():
    assert over_horizon(rows("validity", [0.9], [0.4], first=0)).iloc[0]["gap"] == pytest.approx(-0.5)
