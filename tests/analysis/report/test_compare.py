"""Tests of comparisons: two sides are paired where they can be, and said not to be where they cannot."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from freerun.analysis.report import comparison
from freerun.analysis.tables import tidy
from freerun.errors import ConfigError
from synthetic import grid, record, simulated, study, tree


def drawn(seeds=8, factor=0.5, regimes=2):
    errors = np.exp(0.1 * np.random.default_rng(0).normal(size=(1, regimes, seeds, 2)))
    errors[:, 1] *= factor
    return simulated(errors, forced=errors / 4, metric="rmse", unit="u")


def said(found):
    return " ".join(found.sentences)


@pytest.mark.parametrize(("factor", "winner"), [(0.5, "regime 1"), (2.0, "teacher forcing")])
def test_it_says_who_is_better_and_teacher_forcing_may(tmp_path, factor, winner):
    found = comparison.in_study("regime_1", "teacher_forcing", drawn(factor=factor), tmp_path)
    assert f"Running free, {winner} is better than" in said(found)
    assert "Paired by seed, over the same data, in 1: 8 seeds" in said(found)
    for ending in ("md", "csv", "png", "pdf"):
        assert found.path.with_suffix(f".{ending}").stat().st_size > 100


def test_a_paired_comparison_is_that_of_the_report(tmp_path):
    frames = drawn()
    row = comparison.in_study("regime_1", "teacher_forcing", frames, tmp_path).table.iloc[0]
    free = frames.gaps[frames.gaps["mode"] == "free"].groupby(["regime", "seed"], observed=True)["value"].mean()
    interval = stats.ttest_rel(np.log(free["regime_1"]), np.log(free["teacher_forcing"])).confidence_interval(0.95)
    assert row["level"] == "free"
    assert row["paired"]
    np.testing.assert_allclose([row["low"], row["high"]], np.exp([interval.low, interval.high]))


def test_other_seeds_are_not_paired(tmp_path):
    frames = drawn()
    late = frames.runs["regime"] == "regime_1"
    runs = frames.runs.assign(seed=frames.runs["seed"] + 100 * late)
    gaps = frames.gaps.assign(seed=frames.gaps["seed"] + 100 * (frames.gaps["regime"] == "regime_1"))
    found = comparison.in_study("regime_1", "teacher_forcing", replace(frames, runs=runs, gaps=gaps), tmp_path)
    row = found.table.iloc[0]
    free = gaps[gaps["mode"] == "free"].groupby(["regime", "seed"], observed=True)["value"].mean()
    oracle = stats.ttest_ind(np.log(free["regime_1"]), np.log(free["teacher_forcing"]), equal_var=False).confidence_interval(
        0.95
    )
    assert not row["paired"]
    np.testing.assert_allclose([row["low"], row["high"]], np.exp([oracle.low, oracle.high]))
    assert "Not paired, since seeds or data are not shared, in 1" in said(found)
    assert "Paired by seed" not in said(found)


def test_other_data_are_not_paired(tmp_path):
    frames = drawn()
    other = frames.runs["regime"].map({"regime_1": "aa", "teacher_forcing": "bb"})
    runs = frames.runs.assign(data=other)
    found = comparison.in_study("regime_1", "teacher_forcing", replace(frames, runs=runs), tmp_path)
    assert not found.table["paired"].any()


def test_five_seeds_can_show_a_difference(tmp_path):
    """With sign flips, whose p cannot be below 1/16 there, they never could."""
    found = comparison.in_study("regime_1", "teacher_forcing", drawn(seeds=5), tmp_path)
    assert "Running free, regime 1 is better than teacher forcing in 1 of 1 conditions" in said(found)
    row = found.table.iloc[0]
    assert row["p"] < 0.05 < row["p_signs"]


def test_what_is_not_distinguished_says_how_many_seeds_it_takes(tmp_path):
    found = comparison.in_study("regime_1", "teacher_forcing", drawn(seeds=5, factor=1.0), tmp_path)
    assert "neither regime 1 nor teacher forcing is shown to be better" in said(found)
    assert "Not distinguished in 1" in said(found)
    needed = int(found.table.iloc[0]["needed"])
    assert f"found with 80 % power after Holm by {needed} pairs" in said(found)


def test_what_lies_within_the_margin_is_equivalent(tmp_path):
    frames = drawn(seeds=5, factor=1.0)
    alike = replace(frames, gaps=frames.gaps.assign(value=1 + 0.01 * (frames.gaps["value"] - 1)))
    found = comparison.in_study("regime_1", "teacher_forcing", alike, tmp_path)
    assert "Equivalent, within 5 %, in 1" in said(found)
    strict = comparison.in_study("regime_1", "teacher_forcing", replace(alike, margin=1e-4), tmp_path)
    assert "Equivalent" not in said(strict)


def test_two_seeds_give_no_interval_and_nothing_is_claimed(tmp_path):
    found = comparison.in_study("regime_1", "teacher_forcing", drawn(seeds=2), tmp_path)
    assert "Without a verdict, for lack of three seeds" in said(found)
    assert found.table[["low", "high", "p"]].isna().all(axis=None)


def test_two_models_are_compared_within_each_method(tmp_path):
    store, ids = study(tmp_path / "s", grid(models=("gru", "lstm"), seeds=4))
    found = comparison.in_study("GRU", "lstm", tidy.frames(store, ids, "s"), tmp_path)
    assert set(found.table["model_label"]) == {"teacher forcing", "scheduled sampling"}
    assert found.table["paired"].all()


def test_two_studies_are_compared_over_what_they_share(tmp_path):
    first = tidy.frames(*study(tmp_path / "a", grid(seeds=4)), "a")
    store, ids = study(tmp_path / "b", [*grid(seeds=4), *grid(tasks=("text",), seeds=4)])
    for run in ids:
        store.write(record(run, store.read(run)["experiment"], chance=np.random.default_rng([1, int(run, 16)])), None)
    found = comparison.of_studies("a", "b", (first, tidy.frames(store, ids, "b")), tmp_path)
    assert set(found.table["task_label"]) == {"Lorenz-63"}
    assert found.table["paired"].all()
    assert "no setting differs" in said(found)


def test_the_settings_in_which_two_studies_differ_are_said(tmp_path):
    sides = [
        tidy.frames(*study(tmp_path / name, grid(seeds=3, training__lr=lr)), name) for name, lr in (("a", 0.003), ("b", 0.01))
    ]
    found = comparison.of_studies("a", "b", (sides[0], sides[1]), tmp_path)
    assert "they differ in training.lr (0.003 against 0.01)." in said(found)
    assert "training.lr (0.003 against 0.01)" in found.path.read_text()


def test_lost_runs_are_said(tmp_path):
    store, ids = study(tmp_path / "s", grid(seeds=4), {1: ("diverged", "x")})
    found = comparison.in_study("scheduled_sampling", "teacher_forcing", tidy.frames(store, ids, "s"), tmp_path)
    assert "Runs without a result, in no mean: 1 of teacher forcing." in said(found)
    assert "a run that diverged or failed is worse than any other" in said(found)
    assert set(found.table["n"]) == {3}
    assert (found.table["improved"] * 4 % 1 == 0).all()
    assert (found.table["improved"] >= 0.25).all()  # the seed that the baseline lost


@pytest.mark.parametrize("shift", [0, 100])
def test_four_survivors_of_eight_win_half(tmp_path, shift):
    """Better at the seeds that it did not lose: by seed, and of other seeds, where a lost run is one of eight in any case."""
    errors = np.ones((1, 2, 8, 2)) * np.array([1, 0.5])[None, :, None, None] * (1 + 0.01 * np.arange(8))[:, None]
    frames = simulated(errors, forced=errors / 4, metric="rmse", unit="u", lost=[(0, 1, seed) for seed in range(4, 8)])
    late = {name: shift * (getattr(frames, name)["regime"] == "regime_1") for name in ("runs", "gaps")}
    moved = {name: getattr(frames, name).assign(seed=getattr(frames, name)["seed"] + each) for name, each in late.items()}
    found = comparison.in_study("regime_1", "teacher_forcing", replace(frames, **moved), tmp_path)
    assert set(found.table["paired"]) == {shift == 0}
    np.testing.assert_allclose(found.table[["improved", "delta"]], [[0.5, 0]] * 2)


def test_the_bytes_are_the_same(tmp_path):
    paths = [comparison.in_study("regime_1", "teacher_forcing", drawn(), tmp_path / name).path for name in "ab"]
    for ending in ("md", "csv", "png", "pdf"):
        first, second = (path.with_suffix(f".{ending}").read_bytes() for path in paths)
        assert first == second


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [("regime_1", "regime_1", "the same"), ("regime_1", "teacher_forcin", "did you mean"), ("gru", "regime_1", "not both")],
)
def test_what_cannot_be_compared_is_refused(tmp_path, a, b, words):
    with pytest.raises(ConfigError, match=words):
        comparison.in_study(a, b, drawn(), tmp_path)


def test_studies_with_nothing_in_common_are_refused(tmp_path):
    sides = [
        tidy.frames(*study(tmp_path / task, [tree(task, seed=s) for s in range(3)]), task) for task in ("lorenz63", "text")
    ]
    with pytest.raises(ConfigError, match="share no task"):
        comparison.of_studies("a", "b", (sides[0], sides[1]), tmp_path)
