"""Tests of the chaos share: the parts of a gap add up to it, seed by seed, and an overflow is left out."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from freerun.analysis.inference.chaos_share import shares, split
from freerun.analysis.tables.quantities import Quantities, of_frames

SEEDS, STEPS = 5, 4


def frames(forced, floor, free, unit="u"):
    """Steps and floors of some seeds, [seeds steps] each."""
    run, step = (each.ravel() for each in np.indices(np.shape(free)))
    keys = {"run": [f"r{n}" for n in run], "step": step + 1, "condition": "a"}
    steps = pd.DataFrame({**keys, "metric": "rmse", "unit": "u", "forced": np.ravel(forced), "free": np.ravel(free)})
    compared = pd.DataFrame({**keys, "metric": "chaos_floor", "unit": unit, "value": np.ravel(floor)})
    meant = Quantities(of_frames([each.assign(task="t") for each in (steps, compared)]))
    return steps.assign(gap=steps["free"] - steps["forced"]), compared, meant


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
    assert row["share"] == pytest.approx((free - floor).mean() / (free - forced).mean())
    for bound in ("share_low", "share_high"):  # by its definition: there the rest is as far from 0 as a test at 5 % allows
        rest = (free - floor).mean(1) - row[bound] * (free - forced).mean(1)
        assert stats.ttest_1samp(rest, 0).pvalue == pytest.approx(0.05)


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


def test_a_seed_whose_gap_is_next_to_nothing_does_not_decide_the_share():
    """Four seeds with a share of .2, and one with a gap of .001 of which .101 is bias."""
    forced, gap, bias = np.ones(5), np.array([1, 1.1, 0.9, 1, 0.001]), np.array([0.2, 0.22, 0.18, 0.2, 0.101])
    row = shares(
        split(*frames(*(np.repeat(x[:, None], STEPS, 1) for x in (forced, forced + gap - bias, forced + gap)))), ["condition"]
    )
    assert 0 < row["share_low"].item() < row["share"].item() < row["share_high"].item() < 0.6


def test_a_gap_that_may_be_nothing_has_no_shares():
    forced, floor, _ = drawn()
    free = forced + np.array([1, -1, 0.5, -0.5, 0.1])[:, None]
    row = shares(split(*frames(forced, floor, free)), ["condition"]).iloc[0]
    assert row.filter(like="share").isna().all()
    assert row["n"] == SEEDS


@pytest.mark.parametrize(("n", "spread"), [(3, 0.1), (5, 0.5), (25, 1.0)])
def test_the_interval_of_a_share_covers(n, spread):
    """Of 1000 studies with normal gaps, 95 % cover the share or leave it undefined, within 99.9 %; a mean of ratios 78 %."""
    chance = np.random.default_rng(n)
    gap = 1 + spread * chance.normal(size=(1000, n))
    bias = 0.3 + 0.15 * (gap - 1) + 0.1 * chance.normal(size=gap.shape)
    study, run = (each.ravel() for each in np.indices(gap.shape))
    levels = {"forced": 1.0, "floor": (1 + gap - bias).ravel(), "free": (1 + gap).ravel()}
    parts = pd.DataFrame({"study": study, "run": run, "unit": "u", **levels})
    found = shares(parts.assign(world=parts["floor"] - 1, bias=parts["free"] - parts["floor"]), ["study"])
    covers = ((found["share_low"] <= 0.3) & (found["share_high"] >= 0.3)) | found["share"].isna()
    assert 926 <= covers.sum() <= 971  # scipy.stats.binom.interval(0.999, 1000, 0.95)


def test_what_overflowed_is_left_out_and_two_seeds_have_no_interval():
    forced, floor, free = drawn()
    free[0, 2] = np.nan
    assert shares(split(*frames(forced, floor, free)), ["condition"]).iloc[0]["n"] == SEEDS - 1
    few = shares(split(*frames(forced[1:3], floor[1:3], free[1:3])), ["condition"]).iloc[0]
    assert few.filter(regex="_(low|high)$").isna().all()


def test_a_floor_in_another_unit_is_none():
    assert split(*frames(*drawn(), unit="v")).empty
