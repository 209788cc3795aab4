"""Tests of bootstraps, effect sizes, power and ranks against other implementations and worked examples."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from freerun.analysis.inference.bootstrap import bca, mean_weights
from freerun.analysis.inference.change_interval import Changes, all_at_ends
from freerun.analysis.inference.confidence_intervals import mean_interval
from freerun.analysis.inference.effect_sizes import cliffs_delta, hedges, improvement, improvement_paired
from freerun.analysis.inference.interquartile_mean import iqm_weights, middles
from freerun.analysis.inference.mean_ranks import ranking
from freerun.analysis.inference.multiple_comparisons import corrected, holm
from freerun.analysis.inference.paired_differences import sign_flips
from freerun.analysis.inference.power import assessed, detectable, seeds_to_detect, smallest_p
from freerun.analysis.inference.random_effects import effects, over_tasks
from freerun.analysis.inference.t_test import interval, p_value
from freerun.analysis.inference.unpaired_differences import dealt, welch
from freerun.analysis.tables.quantities import Quantities
from freerun.store.quantity import SHARE, Quantity


def middle(values):
    """The interquartile mean of some seeds, and the ends of its interval."""
    (row,) = middles(pd.DataFrame({"who": 0, "value": values}), ["who"], "value")[["iqm", "iqm_low", "iqm_high"]].to_numpy()
    return row


@pytest.mark.parametrize("draw", ["normal", "exponential"])
@pytest.mark.parametrize("n", [20, 40])
def test_bca_of_the_mean_is_that_of_scipy(n, draw):
    values = getattr(np.random.default_rng(n), draw)(size=n)
    oracle = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="BCa", rng=1).confidence_interval
    low, high = bca(values[None], mean_weights, 0.95, expand=False)
    # both bounds are quantiles of 10,000 resamples or more: their own error is below 0.03 standard errors of the mean
    assert (low[0], high[0]) == pytest.approx(tuple(oracle), abs=0.08 * values.std() / np.sqrt(n))


def test_the_expanded_bca_is_that_of_scipy_at_a_higher_level():
    n, values = 20, np.random.default_rng(5).exponential(size=20)
    tail = stats.norm.cdf(np.sqrt(n / (n - 1)) * stats.t.ppf(0.025, n - 1))
    oracle = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="BCa", confidence_level=1 - 2 * tail, rng=1)
    low, high = bca(values[None], mean_weights, 0.95)
    assert (low[0], high[0]) == pytest.approx(tuple(oracle.confidence_interval), abs=0.1 * values.std() / np.sqrt(n))


def test_bca_of_the_interquartile_mean_is_that_of_scipy():
    values = np.random.default_rng(1).standard_t(3, size=24)
    oracle = stats.bootstrap(
        (values,), lambda x, axis: stats.trim_mean(x, 0.25, axis=axis), n_resamples=20_000, method="BCa", rng=1
    ).confidence_interval
    low, high = bca(values[None], iqm_weights, 0.95, expand=False)
    assert (low[0], high[0]) == pytest.approx(tuple(oracle), abs=0.1 * values.std() / np.sqrt(24))


def test_equal_values_have_an_interval_of_no_width():
    low, high = bca(np.full((1, 20), 0.1), mean_weights, 0.95)
    assert low[0] == high[0] == pytest.approx(0.1)


@pytest.mark.parametrize("n", [1, 2])
def test_the_interquartile_mean_of_fewer_than_three_seeds_is_undefined(n):
    assert np.isnan(middle(np.arange(float(n)))).all()


@pytest.mark.parametrize("n", [3, 5, 8, 13, 25])
def test_the_interquartile_mean_is_the_trimmed_mean_of_scipy(n):
    values = np.random.default_rng(n).normal(size=n)
    mean, low, high = middle(values)
    assert mean == pytest.approx(stats.trim_mean(values, 0.25))
    assert low < mean < high
    if n < 20:
        yuen = stats.ttest_ind(values, np.zeros(n), equal_var=False, trim=0.25)
        half = stats.t.ppf(0.975, n - 2 * int(n / 4) - 1) * mean / yuen.statistic
        assert (low, high) == (pytest.approx(mean - half), pytest.approx(mean + half))


def test_the_interquartile_mean_ignores_one_wild_seed():
    values = np.arange(8.0)
    assert middle(np.r_[values[:-1], 1e9])[0] == middle(values)[0]
    np.testing.assert_array_equal(middle([1, np.nan, 2, 3]), middle([1, 2, 3]))


def test_groups_have_the_interquartile_mean_that_they_have_alone():
    sizes = {"a": 2, "b": 5, "c": 25, "d": 5}
    values = np.exp(np.random.default_rng(0).normal(size=sum(sizes.values())))
    frame = pd.DataFrame({"who": np.repeat(list(sizes), list(sizes.values())), "value": values})
    table = middles(frame.sample(frac=1, random_state=1), ["who"], "value", log=True).set_index("who")
    assert table.loc["a"].isna().all()
    for who in "bcd":
        np.testing.assert_allclose(table.loc[who], np.exp(middle(np.log(frame.loc[frame["who"] == who, "value"]))))


def test_the_interquartile_mean_covers_95_percent():
    studies, seeds = 3_000, 10
    values = np.random.default_rng(0).normal(size=studies * seeds)
    found = middles(pd.DataFrame({"study": np.repeat(range(studies), seeds), "value": values}), ["study"], "value")
    # an approximation of Yuen's: 95 % within 2 %
    assert ((found["iqm_low"] <= 0) & (found["iqm_high"] >= 0)).mean() == pytest.approx(0.95, abs=0.02)


def test_hedges_is_unbiased():
    true, n = 1.2, 4
    values = np.random.default_rng(0).normal(true, size=(200_000, n))
    d = values.mean(1) / values.std(1, ddof=1)
    assert hedges(d, n - 1).mean() == pytest.approx(true, abs=0.01)
    assert d.mean() > 1.5
    assert np.isnan(hedges(1.0, 1))


def test_probability_of_improvement_is_mann_whitney():
    x, y = np.array([1.0, 2, 5, 7]), np.array([0.0, 2, 3])
    found = improvement(x, y)
    assert found.mean == pytest.approx(stats.mannwhitneyu(x, y).statistic / 12)
    assert cliffs_delta(x, y) == pytest.approx(2 * found.mean - 1)
    assert np.isnan(cliffs_delta(x, y[:2]))
    assert found.low < found.mean < found.high
    assert not improvement(x, y[:2]).known


def test_separate_samples_leave_a_doubt():
    found = improvement([5, 6, 7, 8, 9], [0, 1, 2, 3, 4])
    assert (found.mean, found.high) == (1, 1)
    assert found.low < 0.75


@pytest.mark.parametrize(("m", "n", "shift"), [(5, 5, 0.0), (10, 10, 0.7), (5, 15, 1.0)])
def test_probability_of_improvement_covers(m, n, shift):
    chance, true = np.random.default_rng([m, n]), stats.norm.cdf(shift / np.sqrt(2))
    found = [improvement(chance.normal(shift, size=m), chance.normal(size=n)) for _ in range(1_000)]
    assert (
        np.mean([one.low <= true <= one.high for one in found]) >= 0.93
    )  # a score interval, on the safe side in small samples


def test_a_seed_that_does_better_counts_once_and_a_tie_half():
    found = improvement_paired(np.array([1.0, 2, -1, 0, np.nan]))
    assert (found.mean, found.n) == (2.5 / 4, 4)
    sure = improvement_paired(np.ones(5))
    assert (sure.low, sure.high) == pytest.approx(tuple(stats.binomtest(5, 5).proportion_ci(0.95, method="exact")))


def test_a_lost_run_is_a_loss():
    survivors, lost = np.array([1.0, 2, 1]), -np.inf
    found = improvement_paired(np.r_[survivors, [lost] * 7])
    assert (found.mean, found.n) == (0.3, 10)
    assert improvement_paired(np.r_[survivors, 0, np.inf]).mean == 4.5 / 5
    apart = np.r_[survivors, lost, lost]
    assert improvement(apart, np.zeros(3)).mean == 0.6
    assert cliffs_delta(apart, np.zeros(3)) == pytest.approx(0.2)
    assert improvement(apart, np.full(3, lost)).mean == (3 + 0.5 * 2) / 5


def test_the_smallest_p_of_sign_flips():
    assert smallest_p(5) == 1 / 16


@pytest.mark.parametrize("n", [3, 5, 20])
def test_the_t_test_and_its_interval_are_those_of_scipy(n):
    values = np.random.default_rng(n).normal(0.5, size=n)
    oracle = stats.ttest_1samp(values, 0)
    mean, error = values.mean(), values.std(ddof=1) / np.sqrt(n)
    assert p_value(mean, error, n - 1) == pytest.approx(oracle.pvalue)
    wanted = oracle.confidence_interval(0.99)
    assert interval(mean, error, n - 1, 0.99) == (pytest.approx(wanted.low), pytest.approx(wanted.high))


def test_an_interval_ends_at_no_change_at_the_level_of_its_p():
    p = float(p_value(0.7, 0.4, 4))
    assert interval(0.7, 0.4, 4, 1 - p)[0] == pytest.approx(0, abs=1e-12)


def test_differences_that_all_agree_are_as_sure_as_their_signs():
    np.testing.assert_array_equal(p_value(np.array([0.0, 0.1, 1.0]), np.array([0.0, 0.0, np.nan]), 4.0), [1, 0, np.nan])
    np.testing.assert_array_equal(p_value(np.array([0.0, 0.1]), np.zeros(2), 4.0, by_chance=True), [1, 0.5**4])
    for n in (3, 8, 12):
        p = float(p_value(0.125 + 1e-17, 1e-17, n - 1.0, by_chance=True))
        assert p == pytest.approx(sign_flips([np.full(n, 0.125)])[0])
        low, high = interval(0.125, 0.0, n - 1.0, by_chance=True)
        assert (low <= 0 <= high) == (p > 0.05)


def changes_of(differences, quantity, *, at_ends=True, in_two=False, p_signs=np.nan):
    n = len(differences)
    numbers = {
        "mean": differences.mean(), "error": differences.std(ddof=1) / np.sqrt(n), "freedom": n - 1.0, "n": n, "ratio": False,
        "at_ends": at_ends, "in_two": in_two, "p_signs": p_signs,
    }  # fmt: skip
    return Changes(**{name: np.array([value]) for name, value in numbers.items()}, measures=[quantity])


@pytest.mark.parametrize("width", [1.0, 0.3])
@pytest.mark.parametrize(
    ("up", "down", "neither"), [(5, 0, 5), (9, 0, 1), (0, 12, 3), (8, 2, 4), (3, 0, 0), (11, 0, 0), (1, 1, 8), (12, 3, 7)]
)
def test_where_seeds_learn_all_or_nothing_sign_flips_count_besides(up, down, neither, width):
    """Ten seeds of which five pairs differ, all one way: Student's t has p = .015, five heads in a row .06."""
    quantity = Quantity(name="m", label="M", unit="share", better="higher", range=(0.0, width))
    differences = np.repeat([width, -width, 0.0], [up, down, neither])
    signs = float(sign_flips([differences])[0])
    assert signs == pytest.approx(stats.binomtest(up, up + down).pvalue), "McNemar's test"
    found, alone = changes_of(differences, quantity, p_signs=signs), changes_of(differences, quantity)
    assert found.p()[0] == max(signs, alone.p()[0])
    assert changes_of(differences, quantity, p_signs=signs, at_ends=False).p()[0] == alone.p()[0]
    assert changes_of(differences, quantity, p_signs=signs, at_ends=False, in_two=True).p()[0] == found.p()[0]
    for confidence in (0.9, 0.95, 0.99):
        low, high = (found.interval(confidence)[end][0] for end in ("low", "high"))
        own = {end: bound[0] for end, bound in alone.interval(confidence).items()}
        assert (low <= 0 <= high) == (found.p()[0] >= 1 - confidence), "the interval is that of the p-value"
        assert (low, high) in {(own["low"], own["high"]), (min(own["low"], 0), max(own["high"], 0))}


@pytest.mark.parametrize("n", [3, 10, 100])
def test_seeds_that_all_learned_leave_room_for_one_that_does_not(n):
    """The interval of a change that no pair showed: Clopper and Pearson's for none in n, over the range of the measure."""
    quantity = Quantity(name="m", label="M", unit="share", better="higher", range=SHARE)
    ends = changes_of(np.zeros(n), quantity).interval()
    assert ends["high"][0] == pytest.approx(stats.binomtest(0, n).proportion_ci(0.9, "exact").high)
    assert ends["low"][0] == -ends["high"][0]
    assert changes_of(np.zeros(n), quantity, at_ends=False).interval()["high"][0] == 0
    assert all_at_ends(np.array([0.0, 1.0, np.nan]), quantity)
    assert not all_at_ends(np.array([0.5, 1.0]), quantity)


def test_power_is_that_of_simulated_t_tests():
    d = detectable(8)
    values = np.random.default_rng(0).normal(d, size=(20_000, 8))
    assert (stats.ttest_1samp(values, 0, axis=1).pvalue <= 0.05).mean() == pytest.approx(0.8, abs=0.01)
    assert detectable(8, family=10) > d
    assert np.isnan(detectable(2))


def test_seeds_to_detect_is_the_inverse_of_what_is_detectable():
    n = seeds_to_detect(0.5)
    assert detectable(n) <= 0.5 < detectable(n - 1)
    assert n == 34  # the paired t test of G*Power: d = 0.5, two-sided 0.05, power 0.8
    assert seeds_to_detect(100.0) == 3
    assert seeds_to_detect(1.0, family=24) > seeds_to_detect(1.0)
    with pytest.raises(ValueError, match="effect must"):
        seeds_to_detect(1e-4)


def test_power_is_told_of_each_number_of_pairs():
    """A family of three comparisons, of which one has lost runs: it takes more, and the other two are not judged by it."""
    rows = pd.DataFrame({"metric": ["rmse"] * 4, "n": [9, 9, 4, 2], "p": [0.01, 0.5, 0.3, np.nan]})
    found = corrected(rows, ["metric"])
    assert set(found["family"]) == {"rmse"}
    table = assessed(found)
    assert table[["comparisons", "tested", "seeds"]].to_numpy().tolist() == [[1, 3, 4], [2, 3, 9]]
    np.testing.assert_allclose(table["detectable"], [detectable(4, 3), detectable(9, 3)])
    assert set(table["seeds_for_one"]) == {seeds_to_detect(1.0, 3)}


def test_holm_does_not_count_what_was_never_tested():
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, np.nan, 0.03])), [0.03, 0.06, np.nan, 0.06])


def test_the_critical_difference_is_that_of_demsars_example():
    """Four methods on 14 data sets: CD = 1.25 (Demsar 2006, section 3.2.2)."""
    errors = pd.DataFrame(np.random.default_rng(0).normal(size=(14, 4)) + 3 * np.array([0, 0, 1, 1]), columns=list("abcd"))
    found = ranking(errors)
    assert found.critical_difference == pytest.approx(1.25, abs=0.005)
    assert found.ranks.is_monotonic_increasing
    assert {frozenset(clique) for clique in found.cliques} == {frozenset("ab"), frozenset("cd")}


def test_tied_methods_are_one_clique_and_a_task_that_lacks_a_method_has_no_vote():
    errors = pd.DataFrame({"a": [1.0, 2, 3, 4, np.nan], "b": [1.0, 2, 3, 4, 0]})
    found = ranking(errors)
    assert (found.tasks, found.p, found.cliques) == (4, 1, (("a", "b"),))


def test_friedman_is_that_of_scipy():
    errors = pd.DataFrame(np.random.default_rng(0).normal(size=(9, 4)))
    chi = stats.friedmanchisquare(*errors.to_numpy().T).statistic
    assert ranking(errors).p == pytest.approx(stats.f.sf(8 * chi / (27 - chi), 3, 24))


def test_no_p_of_ranks_is_smaller_than_that_of_orders_that_all_agree():
    """Of four tasks with three methods 1 in 6^3 agree by chance; an F distribution alone says 0."""
    assert ranking(pd.DataFrame([[1.0, 2.0, 3.0]] * 4)).p == pytest.approx(1 / 216)


@pytest.mark.parametrize("shape", [(2, 3), (3, 1)])
def test_too_few_tasks_or_methods_are_refused(shape):
    with pytest.raises(ValueError, match="at least"):
        ranking(pd.DataFrame(np.arange(float(np.prod(shape))).reshape(shape)))


def test_a_summary_over_tasks_by_hand():
    y, s = np.array([0.1, 0.5, 0.9]), np.array([0.1, 0.2, 0.1])
    w = 1 / s**2
    q = (w * (y - (w * y).sum() / w.sum()) ** 2).sum()
    tau2 = (q - 2) / (w.sum() - (w**2).sum() / w.sum())
    ws = 1 / (s**2 + tau2)
    mean = (ws * y).sum() / ws.sum()
    found = over_tasks(y, s)
    assert (found.mean, found.tau, found.share) == pytest.approx((mean, tau2**0.5, 1 - 2 / q))
    half = stats.t.ppf(0.975, 2) * np.sqrt(max(1, (ws * (y - mean) ** 2).sum() / 2) / ws.sum())
    assert (found.low, found.high) == pytest.approx((mean - half, mean + half))
    assert found.new_low < found.low


def test_a_summary_over_tasks_covers():
    chance, hit = np.random.default_rng(0), []
    for _ in range(2_000):
        values = 1 + 0.5 * chance.normal(size=(6, 1)) + chance.normal(size=(6, 5))
        found = over_tasks(values.mean(1), values.std(1, ddof=1) / np.sqrt(5))
        hit.append(found.low <= 1 <= found.high)
    assert 0.935 <= np.mean(hit) <= 0.985  # the scale that is not below 1 makes it the wider one


def test_two_tasks_are_not_summarised():
    with pytest.raises(ValueError, match="at least 3"):
        over_tasks(np.ones(2), np.ones(2))


def test_welch_and_its_permutation_are_those_of_scipy():
    chance = np.random.default_rng(0)
    x, y = chance.normal(0.8, 1, size=6), chance.normal(0, 2, size=5)
    oracle = stats.ttest_ind(x, y, equal_var=False)
    found = welch(x, y)
    wanted = oracle.confidence_interval(0.95)
    assert interval(found.mean, found.error, found.freedom) == (pytest.approx(wanted.low), pytest.approx(wanted.high))
    assert p_value(found.mean, found.error, found.freedom) == pytest.approx(oracle.pvalue)
    permuted = stats.permutation_test(
        (x, y), lambda a, b, axis: np.abs(stats.ttest_ind(a, b, equal_var=False, axis=axis).statistic),
        permutation_type="independent", alternative="greater", vectorized=True, n_resamples=np.inf,
    )  # fmt: skip
    assert dealt(x, y) == pytest.approx(permuted.pvalue)


@pytest.mark.parametrize("number", range(12))
def test_p_values_of_values_that_repeat_are_those_of_whole_numbers_in_any_order(number):
    """Many patterns and deals are exactly as extreme as what was seen: their last bits decide nothing."""
    chance = np.random.default_rng(number)
    for whole in chance.integers(-4, 5, (20, int(chance.integers(6, 11)))):
        tenths = whole * 0.1
        shuffled = chance.permutation(tenths)
        flips = sign_flips([whole.astype(float), tenths, shuffled])
        assert flips == pytest.approx(np.full(3, flips[0]), abs=1e-12)
        half = len(whole) // 2
        sides = [(part[:half], part[half:]) for part in (whole.astype(float), tenths, 0.3 + tenths)]
        deals = [dealt(*pair) for pair in (*sides, tuple(side[::-1] for side in sides[1]))]
        assert deals == pytest.approx(np.full(4, deals[0]), abs=1e-12)


def test_many_unpaired_runs_are_dealt_at_random_and_repeat():
    chance = np.random.default_rng(0)
    x, y = chance.normal(0.5, 1, size=15), chance.normal(size=15)
    assert dealt(x, y) == dealt(x, y)
    assert dealt(x, y) == pytest.approx(stats.ttest_ind(x, y, equal_var=False).pvalue, abs=0.02)
    assert np.isnan(dealt(x, y[:2]))
    assert mean_interval(x).n == 15


def test_unpaired_permutations_hold_their_level_where_spreads_differ():
    chance = np.random.default_rng(0)
    p = [dealt(chance.normal(0, 1, size=5), chance.normal(0, 4, size=8)) for _ in range(1_000)]
    assert np.mean(np.array(p) <= 0.05) <= 0.07


@pytest.mark.parametrize(("better", "sign"), [("lower", 1), ("higher", -1)])
def test_an_effect_over_tasks_is_one_on_errors(better, sign):
    """A valid time that doubles and an error that doubles are no common effect."""
    empty = ("floor_metric", "conditioned", "left_out", "blind", "sees", "signs", "account")
    meant = {
        "label": "Times",
        "better": better,
        "scale": "ratio",
        "low": 0.0,
        "high": np.inf,
        "floor": np.nan,
        "part": "headline",
    }
    quantities = Quantities(pd.DataFrame([{"task": "t", "metric": "m", "unit": "u", **meant, **dict.fromkeys(empty, "")}]))
    names = ("baseline", "regime_label", "setting", "task_label", "model_label", "metric", "unit")
    row = {**dict(zip(names, "brstgmu", strict=True)), "task": "t", "difference": 0.7, "ratio": True}
    pairs = pd.DataFrame([{**row, "seed": seed} for seed in range(3)])
    assert effects(pairs, quantities)["effect"].tolist() == [pytest.approx(0.7 * sign)]
