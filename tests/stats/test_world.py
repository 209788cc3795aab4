"""Do the parts of a gap add up to it, seed by seed, and is what overflowed left out?"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from freerun.stats.world import shares, split

SEEDS, STEPS = 5, 4


def frames(forced, floor, free, unit="u"):
    """Steps and floors of some seeds, [seeds steps] each."""
    run, step = (each.ravel() for each in np.indices(np.shape(free)))
    keys = {"run": [f"r{n}" for n in run], "step": step + 1, "condition": "a"}
    steps = pd.DataFrame({**keys, "metric": "rmse", "unit": "u", "forced": np.ravel(forced), "free": np.ravel(free)})
    compared = pd.DataFrame({**keys, "metric": "chaos_floor", "unit": unit, "value": np.ravel(floor)})
    return steps.assign(gap=steps["free"] - steps["forced"]), compared


def drawn():
    chance = np.random.default_rng(0)
    forced = chance.uniform(0.1, 0.2, size=(SEEDS, STEPS))
    floor = forced + chance.uniform(0.1, 0.5, size=(SEEDS, STEPS))
    return forced, floor, floor + chance.uniform(-0.1, 1.0, size=(SEEDS, STEPS))


def law_the_parts_are_the_gap(parts):
    forced, floor, free = drawn()
    row = shares(parts(*frames(forced, floor, free)), ["condition"]).iloc[0]
    assert row["world"] + row["bias"] == pytest.approx((free - forced).mean())
    assert row["world"] == pytest.approx((floor - forced).mean())
    each = (free - floor).mean(1) / (free - forced).mean(1)
    interval = stats.ttest_1samp(each, 0).confidence_interval(0.95)
    assert tuple(row[["share", "share_low", "share_high"]]) == pytest.approx((each.mean(), interval.low, interval.high))


def test_the_parts_are_the_gap():
    law_the_parts_are_the_gap(split)


def test_the_whole_gap_as_exposure_bias_is_caught():
    with pytest.raises(AssertionError):
        law_the_parts_are_the_gap(lambda *given: split(*given).assign(bias=lambda table: table["gap"]))


def test_a_perfect_model_has_no_exposure_bias_and_a_model_below_the_floor_a_negative_one():
    forced, floor, _ = drawn()
    row = shares(split(*frames(forced, floor, floor)), ["condition"]).iloc[0]
    assert (row["bias"], row["share"]) == (0, 0)
    assert shares(split(*frames(forced, floor, floor - 0.01)), ["condition"]).iloc[0]["bias_high"] < 0


def test_what_overflowed_is_left_out_and_two_seeds_have_no_interval():
    forced, floor, free = drawn()
    free[0, 2] = np.nan
    assert shares(split(*frames(forced, floor, free)), ["condition"]).iloc[0]["n"] == SEEDS - 1
    few = shares(split(*frames(forced[1:3], floor[1:3], free[1:3])), ["condition"]).iloc[0]
    assert few.filter(regex="_(low|high)$").isna().all()


def test_a_floor_in_another_unit_is_none():
    assert split(*frames(*drawn(), unit="v")).empty
