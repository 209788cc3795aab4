"""Are pairs pairs, and are their p-values exact?"""

import numpy as np
import pytest
from scipy import stats

from freerun import gap, tables
from freerun.stats.conditions import conditions
from freerun.stats.paired import against_baseline, holm, sign_flip
from synthetic import grid, study, tree


def compared(folder, experiments, **more):
    frames = tables.frames(*study(folder, experiments), "s")
    return frames, against_baseline(
        gap.exposure_gap(frames.gaps[frames.gaps["split"] == "test"]), conditions(frames.runs), **more
    )


@pytest.mark.parametrize("n", [3, 5, 8])
def test_sign_flip_is_the_permutation_test_of_scipy(n):
    differences = np.random.default_rng(n).normal(0.7, size=n)
    oracle = stats.permutation_test(
        (differences, np.zeros(n)), lambda x, y, axis: np.mean(x - y, axis=axis), permutation_type="samples", vectorized=True
    )
    assert sign_flip(differences) == pytest.approx(oracle.pvalue)


def test_sign_flip_of_many_pairs_is_drawn_and_repeats():
    differences = np.random.default_rng(0).normal(0.3, size=30)
    assert sign_flip(differences) == sign_flip(differences)
    assert sign_flip(differences) == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, abs=0.02)


def test_no_p_below_three_pairs_and_one_without_any_difference():
    assert np.isnan(sign_flip(np.array([1.0, 2.0])))
    assert sign_flip(np.zeros(4)) == 1


def test_holm_by_hand():
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, np.nan, 0.03])), [0.03, 0.06, np.nan, 0.06])


def test_a_comparison_is_the_paired_t_interval_of_the_logarithms(tmp_path):
    frames, found = compared(tmp_path, grid(seeds=5))
    row = found[found["metric"] == "rmse"].iloc[0]
    level = gap.over_horizon(frames.gaps[(frames.gaps["split"] == "test") & (frames.gaps["metric"] == "rmse")])
    first, other = (level.loc[level["regime"] == name, "free"].to_numpy() for name in ("teacher_forcing", "scheduled_sampling"))
    interval = stats.ttest_rel(np.log(other), np.log(first)).confidence_interval(0.95)
    assert row["ratio"]
    np.testing.assert_allclose([row["low"], row["high"]], np.exp([interval.low, interval.high]))


def test_runs_with_other_settings_are_no_pair(tmp_path):
    plain = [tree(seed=s) for s in range(3)] + [tree(regime="free_running", seed=s, training__lr=0.1) for s in range(3)]
    assert compared(tmp_path, plain)[1].empty


def test_only_seeds_that_both_have_are_compared(tmp_path):
    _, found = compared(tmp_path, [*grid(seeds=4), tree(seed=9)])
    assert set(found["n"]) == {4}


def test_one_regime_alone_is_compared_with_nothing(tmp_path):
    assert compared(tmp_path, grid(regimes=("teacher_forcing",)))[1].empty
