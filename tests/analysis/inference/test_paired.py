"""Tests of paired differences: pairs are pairs, and their p-values are exact."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from freerun.analysis.figures import Material
from freerun.analysis.inference.change_interval import two_levels
from freerun.analysis.inference.equivalence import within_share
from freerun.analysis.inference.mean_ranks import ranking, votes
from freerun.analysis.inference.paired_differences import against_baseline, holm, sign_flips
from freerun.analysis.inference.replicates import conditions
from freerun.analysis.report.verdicts import comparisons
from freerun.analysis.tables import gap, tidy
from freerun.analysis.tables.quantities import Quantities
from synthetic import grid, simulated, study, tree


def compared(folder, experiments, **more):
    frames = tidy.frames(*study(folder, experiments), "s")
    steps = gap.exposure_gap(frames.gaps[frames.gaps["split"] == "test"])
    return frames, against_baseline(steps, conditions(frames.runs), quantities=Quantities(frames.quantities), **more)


@pytest.mark.parametrize("n", [3, 5, 8])
def test_sign_flip_is_the_permutation_test_of_scipy(n):
    differences = np.random.default_rng(n).normal(0.7, size=n)
    oracle = stats.permutation_test(
        (differences, np.zeros(n)), lambda x, y, axis: np.mean(x - y, axis=axis), permutation_type="samples", vectorized=True
    )
    assert sign_flips([differences])[0] == pytest.approx(oracle.pvalue)


def test_sign_flip_of_many_pairs_is_drawn_and_repeats():
    differences = np.random.default_rng(0).normal(0.3, size=30)
    assert sign_flips([differences])[0] == sign_flips([differences])[0]
    assert sign_flips([differences])[0] == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, abs=0.02)


def test_no_p_below_three_pairs_and_one_without_any_difference():
    assert np.isnan(sign_flips([np.array([1.0, 2.0])])[0])
    assert sign_flips([np.zeros(4)])[0] == 1


@pytest.mark.parametrize(
    ("other", "first", "known"),
    [
        ([0.98, 0.97, 0.26], [0.25, 0.24, 0.26], True),  # one side has both
        ([0.98, 0.97, 0.99], [0.25, 0.98, 0.24], True),
        ([1, 0, np.nan], [1, 1, 0], True),
        ([0.98, 0.97, 0.99], [0.25, 0.24, 0.26], False),  # as after a large change
        ([0.9, 0.5, 0.3], [0.2, 0.4, 0.8], False),
        ([0.98, 0.97, 0.3], [0.25, 0.2, 0.26], False),  # not ten times as far as they scatter
        ([0.5, 0.5], [0.5, 0.5], False), ([np.nan], [np.nan, 0.5], False), ([], [], False),
    ],
)  # fmt: skip
def test_levels_of_two_kinds_are_those_far_apart_of_which_a_side_has_both(other, first, known):
    assert two_levels(np.array(other, dtype=float), np.array(first, dtype=float)) is known


def test_a_change_within_a_share_is_two_one_sided_t_tests_of_the_sums():
    chance, found = np.random.default_rng(5), []
    for number in range(200):
        first = chance.choice([-1, 1]) * (1 + 0.3 * chance.normal(size=6))
        change = 0.04 * chance.normal() + 0.02 * chance.normal(size=6)
        size = abs(first.mean()) / first.mean() * first
        oracle = max(
            stats.ttest_1samp(change - 0.05 * size, 0, alternative="less").pvalue,
            stats.ttest_1samp(change + 0.05 * size, 0, alternative="greater").pvalue,
        )
        of_both = np.cov(change, first) / 6
        known = (change.mean(), of_both[0, 0] ** 0.5, 5.0, first.mean(), of_both[1, 1] ** 0.5, of_both[0, 1])
        said = within_share(*(np.array([value]) for value in known), 0.05, np.array([0.8]))
        assert bool(said[0]) == (oracle <= 0.1), number
        found.append(bool(said[0]))
    assert 20 < sum(found) < 180


def test_holm_by_hand():
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, np.nan, 0.03])), [0.03, 0.06, np.nan, 0.06])


def test_a_comparison_is_the_paired_t_interval_of_the_logarithms(tmp_path):
    frames, found = compared(tmp_path, grid(seeds=5))
    row = found[found["metric"] == "rmse"].iloc[0]
    own = frames.gaps[(frames.gaps["split"] == "test") & (frames.gaps["metric"] == "rmse")]
    level = gap.over_horizon(own, Quantities(frames.quantities))
    first, other = (level.loc[level["regime"] == name, "free"].to_numpy() for name in ("teacher_forcing", "scheduled_sampling"))
    interval = stats.ttest_rel(np.log(other), np.log(first)).confidence_interval(0.95)
    assert row["ratio"]
    assert row["p"] == pytest.approx(stats.ttest_rel(np.log(other), np.log(first)).pvalue)
    np.testing.assert_allclose([row["low"], row["high"]], np.exp([interval.low, interval.high]))


def test_runs_with_other_settings_are_no_pair(tmp_path):
    plain = [tree(seed=s) for s in range(3)] + [tree(regime="free_running", seed=s, training__lr=0.1) for s in range(3)]
    assert compared(tmp_path, plain)[1].empty


def test_only_seeds_that_both_have_are_compared(tmp_path):
    _, found = compared(tmp_path, [*grid(seeds=4), tree(seed=9)])
    assert set(found["n"]) == {4}


def test_one_regime_alone_is_compared_with_nothing(tmp_path):
    assert compared(tmp_path, grid(regimes=("teacher_forcing",)))[1].empty


def survivors(of=1, factor=0.5):
    """Three tasks, five seeds: teacher forcing is always off by 1, the other by `factor`, where it survives."""
    errors = np.ones((3, 2, 5, 4)) * np.array([1, factor])[None, :, None, None] * (1 + 0.01 * np.arange(5))[:, None]
    lost = [(task, 1, seed) for task in range(3) for seed in range(of, 5)]
    return Material.of(simulated(errors, forced=errors / 2, metric="rmse", unit="u", lost=lost), {})


def law_those_that_are_lost_do_not_win(material):
    """One seed in five with half of the error, the others lost: the last rank, and better with a probability of 1 in 5."""
    ranks = ranking(votes(material.whole, material.headlines, material.runs, quantities=material.quantities)).ranks
    assert ranks["regime 1"] == 2
    found = comparisons(material)
    assert len(found) == 6
    assert set(found["n"]) == {1}
    np.testing.assert_allclose(found[["improved", "delta"]], [[0.2, -0.6]] * 6)
    assert (found["improved_high"] < 0.75).all()


def test_those_that_are_lost_do_not_win():
    law_those_that_are_lost_do_not_win(survivors())


def test_runs_that_nobody_misses_are_caught():
    full = survivors()
    with pytest.raises(AssertionError):
        law_those_that_are_lost_do_not_win(replace(full, runs=full.runs[full.runs["status"] == "done"]))


def test_a_method_that_is_lost_everywhere_is_the_last_and_stands_in_the_comparisons():
    material = survivors(of=0)
    assert (
        ranking(votes(material.whole, material.headlines, material.runs, quantities=material.quantities)).ranks["regime 1"] == 2
    )
    found = comparisons(material)
    assert (found["n"] == 0).all()
    assert (found["improved"] == 0).all()
    assert set(found["verdict"]) == {"no verdict"}


def test_an_overflow_is_a_loss_of_the_run_that_it_comes_to_first():
    errors = np.ones((1, 2, 5, 4))
    errors[0, 1] = 0.5
    errors[0, 1, :3, 2:] = np.nan
    errors[0, 0, 0, 1:] = np.nan
    row = comparisons(Material.of(simulated(errors, forced=np.ones_like(errors), metric="rmse", unit="u"), {})).iloc[0]
    assert (row["level"], row["n"], row["improved"]) == ("free", 2, 0.6)


def test_less_than_half_lost_may_win():
    ranks = ranking(votes((of := survivors(of=3)).whole, of.headlines, of.runs, quantities=of.quantities)).ranks
    assert ranks["regime 1"] == 1
