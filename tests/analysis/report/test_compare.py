"""Tests of comparisons: two sides are paired where they can be, and said not to be where they cannot."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from freerun.analysis.inference.side_comparison import Side
from freerun.analysis.report import comparison
from freerun.analysis.report.comparison_text import sentences
from freerun.analysis.report.headline_kinds import FORMS, Kind
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


@pytest.mark.parametrize("apart", [False, True])
def test_where_seeds_learn_all_or_nothing_both_tests_have_to_agree(tmp_path, apart):
    """Ten seeds a side, three of one side learn and eight of the other: by pairs, and of other seeds."""
    learned = np.zeros((1, 2, 10, 2))
    learned[:, 0, :3], learned[:, 1, 2:] = 1, 1
    frames = simulated(learned, forced=learned * 0 + 0.5, metric="exact_match", unit="share of sequences")
    if apart:
        late = 100 * (frames.runs["regime"] == "regime_1"), 100 * (frames.gaps["regime"] == "regime_1")
        frames = replace(
            frames, runs=frames.runs.assign(seed=frames.runs["seed"] + late[0]),
            gaps=frames.gaps.assign(seed=frames.gaps["seed"] + late[1]),
        )  # fmt: skip
    table = comparison.in_study("regime_1", "teacher_forcing", frames, tmp_path).table
    row = table[table["level"] == "free"].iloc[0]
    other, first = learned[0, 1, :, 0], learned[0, 0, :, 0]
    alone = stats.ttest_ind(other, first, equal_var=False).pvalue if apart else stats.ttest_rel(other, first).pvalue
    assert row["paired"] != apart
    assert row["at_ends"]
    assert alone < row["p_signs"] == row["p"]
    assert (row["own_low"] > 0) == (row["p"] < 0.05)


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
    assert "Not paired, since no seed is shared over the same data, in 1" in said(found)
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
    assert "Running free, regime 1 is better than teacher forcing in its one condition" in said(found)
    row = found.table.iloc[0]
    assert row["p"] < 0.05 < row["p_signs"]


def test_what_is_not_distinguished_says_how_many_seeds_it_takes(tmp_path):
    found = comparison.in_study("regime_1", "teacher_forcing", drawn(seeds=5, factor=1.0), tmp_path)
    assert "neither regime 1 nor teacher forcing is shown to be better" in said(found)
    assert "Not distinguished in 1" in said(found)
    needed = int(found.table.iloc[0]["needed"])
    assert f"it takes {needed} pairs to find a change as large as the margin" in said(found)


def test_what_lies_within_the_margin_is_equivalent(tmp_path):
    frames = drawn(seeds=5, factor=1.0)
    alike = replace(frames, gaps=frames.gaps.assign(value=1 + 0.01 * (frames.gaps["value"] - 1)))
    found = comparison.in_study("regime_1", "teacher_forcing", alike, tmp_path)
    assert "Equivalent, within 5 %, in 1" in said(found)
    strict = comparison.in_study("regime_1", "teacher_forcing", replace(alike, margin=1e-4), tmp_path)
    assert "Equivalent" not in said(strict)


def test_two_seeds_give_no_interval_and_nothing_is_claimed(tmp_path):
    found = comparison.in_study("regime_1", "teacher_forcing", drawn(seeds=2), tmp_path)
    assert "Without a verdict, since by some headline fewer than three seeds" in said(found)
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
    assert "In conditions of the same name a and b differ in training.lr (0.003 against 0.01)." in said(found)
    assert "training.lr (0.003 against 0.01)" in found.path.read_text()


def test_lost_runs_are_said(tmp_path):
    store, ids = study(tmp_path / "s", grid(seeds=4), {1: ("diverged", "x")})
    found = comparison.in_study("scheduled_sampling", "teacher_forcing", tidy.frames(store, ids, "s"), tmp_path)
    assert "Runs without a result, left out of every mean: 1 of teacher forcing." in said(found)
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


def compared(folder, experiments, a, b, statuses=None):
    store, ids = study(folder / "s", experiments, statuses)
    return comparison.in_study(a, b, tidy.frames(store, ids, "s"), folder)


def own(found, level="free"):
    """The rows of the task's own error, by the names of their conditions, with the number of seeds."""
    rows = found.table[found.table["own"] & (found.table["level"] == level)]
    return {(row["model_label"], row["setting"]): row["n"] for row in rows.to_dict("records")}


def widths(gru, lstm, **settings):
    sides = (("gru", gru), ("lstm", lstm))
    return [tree(model=m, model__hidden=h, seed=s, **settings) for m, some in sides for h in some for s in range(3)]


def test_one_width_each_is_compared_and_told(tmp_path):
    found = compared(tmp_path, widths((8,), (12,)), "gru", "lstm")
    assert own(found) == {("teacher forcing", ""): 3}
    assert "GRU and LSTM also differ in model.hidden (8 against 12)." in said(found)


def test_a_width_without_a_partner_is_left_out_and_told(tmp_path):
    found = compared(tmp_path, widths((8, 16), (8,)), "gru", "lstm")
    assert own(found) == {("teacher forcing", "hidden=8"): 3}
    assert "Not compared, since the other side has no condition alike in all else: 1 condition of GRU." in said(found)


def test_one_width_is_compared_with_each_of_two_and_named(tmp_path):
    found = compared(tmp_path, widths((8,), (12, 20)), "gru", "lstm")
    assert own(found) == {("teacher forcing", "hidden=12"): 3, ("teacher forcing", "hidden=20"): 3}
    assert "also differ in model.hidden (8 against 12 or 20)." in said(found)


def test_a_key_that_does_not_tell_one_side_s_runs_apart_pools_nothing(tmp_path):
    """Two regimes end at a half: each is compared with teacher forcing on its own."""
    names = ("scheduled_sampling", "generalized_forcing")
    runs = [*grid(regimes=("teacher_forcing",)), *(each for name in names for each in grid(regimes=(name,), regime__end=0.5))]
    found = compared(tmp_path, runs, "regime.end=0.5", "regime=teacher_forcing")
    assert list(own(found).values()) == [3, 3]


def test_conditions_without_partners_are_refused_and_the_settings_named(tmp_path):
    with pytest.raises(ConfigError, match=r"they differ in model.hidden \(8 or 16 against 12 or 20\)"):
        compared(tmp_path / "a", widths((8, 16), (12, 20)), "gru", "lstm")
    rates = [*widths((8,), (), training__lr=0.1), *widths((), (8,), training__lr=0.01)]
    with pytest.raises(ConfigError, match=r"training.lr \(0.1 against 0.01\)") as refused:
        compared(tmp_path / "b", rates, "gru", "lstm")
    remedy = re.search(r"freerun compare (\S+) (\S+) --study", str(refused.value)).groups()
    assert remedy == ("model=gru,training.lr=0.1", "model=lstm,training.lr=0.01")
    assert own(compared(tmp_path / "c", rates, *remedy)) == {("teacher forcing", ""): 3}


def test_any_setting_is_compared_within_the_whole_remaining_condition(tmp_path):
    runs = [each for lr in (0.1, 0.01) for each in grid(models=("gru", "lstm"), seeds=3, training__lr=lr)]
    found = compared(tmp_path, runs, "training.lr=1e-1", "training.lr=0.01")
    named = [(model, regime) for model in ("GRU", "LSTM") for regime in ("teacher forcing", "scheduled sampling")]
    assert own(found) == dict.fromkeys(named, 3)
    assert "lr=1e-1" in said(found)


def test_a_setting_of_a_regime_is_compared_with_another_value_and_with_a_regime_without_it(tmp_path):
    ends = [tree(regime="scheduled_sampling", regime__end=end, seed=s) for end in (0.0, 0.5) for s in range(3)]
    runs = [*grid(regimes=("teacher_forcing",)), *ends]
    assert own(compared(tmp_path / "a", runs, "regime.end=0", "regime.end=0.5")) == {("GRU", ""): 3}
    found = compared(tmp_path / "b", runs, "scheduled_sampling", "teacher_forcing")
    assert own(found) == {("GRU", "end=0"): 3, ("GRU", "end=0.5"): 3}
    found = compared(tmp_path / "c", runs, "scheduled sampling (end=0)", "scheduled sampling (end=0.5)")
    assert own(found) == {("GRU", ""): 3}


def test_ways_of_evaluation_are_never_mixed(tmp_path):
    """Nor in a report: a run that was measured over two horizons has two conditions."""
    runs = [each for horizon in (5, 20) for each in grid(seeds=3, evaluation__horizon=horizon)]
    found = compared(tmp_path, runs, "scheduled_sampling", "teacher_forcing")
    assert own(found) == {("GRU", "horizon=5"): 3, ("GRU", "horizon=20"): 3}
    found = compared(
        tmp_path / "b",
        [
            *grid(regimes=("teacher_forcing",), evaluation__horizon=5),
            *grid(regimes=("scheduled_sampling",), evaluation__horizon=5, evaluation__orbit=0),
        ],
        "scheduled_sampling",
        "teacher_forcing",
    )
    assert own(found) == {("GRU", ""): 3}


def test_one_side_never_holds_two_runs_of_a_seed():
    runs = pd.DataFrame({"run": ["a", "b"], "of": ["a", "b"], "seed": 0, "task_label": "t", "model_label": "m", "setting": ""})
    with pytest.raises(ValueError, match="one run for each seed"):
        Side(name="x", runs=runs, steps=pd.DataFrame(), whole=pd.DataFrame())


def test_one_condition_is_one(tmp_path):
    errors = np.exp(np.random.default_rng(0).normal(size=(1, 2, 4, 2)))
    frames = simulated(errors, forced=errors / 4, metric="rmse", unit="u")
    assert " in its one condition (with a risk of at most 5 %" in said(
        comparison.in_study("regime_1", "teacher_forcing", frames, tmp_path)
    )


@pytest.mark.parametrize(
    ("factor", "words"), [(0.8, "\N{MINUS SIGN}1"), (1.25, "\N{MINUS SIGN}2"), (1e8, "\N{MULTIPLICATION SIGN}9")]
)
def test_the_change_is_the_winner_s(tmp_path, factor, words):
    """Whichever side wins, the number beside its name says by how much less its error is."""
    found = comparison.in_study("regime_1", "teacher_forcing", drawn(factor=factor), tmp_path)
    told = next(sentence for sentence in found.sentences if " is better than " in sentence)
    assert f"(RMSE {words}" in told


def test_other_measures_are_in_the_table_and_in_a_word_of_their_own(tmp_path):
    found = compared(tmp_path, grid(seeds=4), "scheduled_sampling", "teacher_forcing")
    assert {"loss", "valid_time", "rmse"} == set(found.table["metric"])
    assert set(found.table.loc[found.table["own"], "metric"]) == {"rmse"}
    assert "Which side is shown to be better, running free, by other measures: Loss (" in said(found), "neither may be"


def levels(rmse, valid_time):
    """The rows of `two_sides.versus` of one condition with two headlines, each with a verdict."""
    shared = {"task_label": "T", "model_label": "M", "setting": "", "level": "free", "paired": True, "n": 5, "common": 1}
    shared |= {"regime_label": "A", "baseline": "B", "needed": np.nan}
    shared |= {"holm": 0.01, "mean": 0.5, "low": 0.4, "high": 0.6, "unit": "u", "ratio": False, "own": True}
    named = {"RMSE": (rmse, "lower"), "Valid time": (valid_time, "higher")}
    rows = [{**shared, "metric": label, "label": label, "verdict": word, "better": way} for label, (word, way) in named.items()]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("better", "worse"), "The headlines contradict each other in 1 of 1 condition: T, M (RMSE"),
        (("better", "equivalent"), "Running free, A is better than B"),
        (("worse", "not distinguished"), "Running free, B is better than A"),
        (("equivalent", "not distinguished"), "Not distinguished in 1"),
        (("equivalent", "equivalent"), "Equivalent, within 5 %, in 1"),
    ],
)
def test_a_condition_is_judged_over_its_headlines(words, told):
    runs = pd.DataFrame({"run": ["x"], "of": ["x"], "seed": [0], "lost": [False]})
    runs = runs.assign(task_label="T", model_label="M", setting="")
    empty = pd.DataFrame({"run": ["x"], "free": [1.0], "own": [True]})
    sides = [Side(name=name, runs=runs, steps=empty, whole=empty) for name in "AB"]
    kind_of = {
        ("T", label): Kind(form=form, blind=frozenset()) for label, form in zip(("RMSE", "Valid time"), FORMS[:2], strict=True)
    }
    found = sentences(levels(*words), *sides, kind_of)
    assert any(sentence.startswith(told) for sentence in found), found
    if words == ("better", "worse"):
        assert found[0].startswith(told), "a conflict is said first"


def test_a_headline_that_is_a_comparison_counts(tmp_path):
    """One that belongs to neither mode is judged beside those of the free rollout."""
    store, ids = study(tmp_path / "s", grid(seeds=4))
    for number, run in enumerate(ids):
        record = store.read(run)
        record["comparisons"] = [
            {
                "split": "test", "metric": "worst_one_step", "unit": "persistence", "first": 0, "low": None, "high": None,
                "values": [0.1 + 0.001 * (number % 4) + (number >= 4)],
            }
        ]  # fmt: skip
        record["quantities"]["worst_one_step"] = {
            "label": "Worst one-step error", "unit": "persistence", "better": "lower", "part": "headline",
        }  # fmt: skip
        store.write(record, None)
    found = comparison.in_study("scheduled_sampling", "teacher_forcing", tidy.frames(store, ids, "s"), tmp_path)
    rows = found.table[found.table["metric"] == "worst_one_step"]
    assert set(rows["level"]) == {"free"}
    assert list(rows["verdict"]) == ["worse"]


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ("seed=1", "seed=2", "runs are paired by it"),
        ("training.lt=1", "training.lr=2", "did you mean 'training.lr'"),
        ("training.lr=1", "training.lr=0.003", "it has '?0.003"),
        ("training.lr=0.003", "model.hidden=8", "the two sides set different keys"),
        ("training.lr=0.003", "training.lr=3e-3", "some runs are on both sides"),
        ("regime=free_running", "regime=teacher_forcing", "no run of this study has regime"),
    ],
)
def test_settings_that_cannot_be_compared_are_refused(tmp_path, a, b, words):
    with pytest.raises(ConfigError, match=words):
        compared(tmp_path, grid(), a, b)


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ("regime_1", "regime_1", "the same"),
        ("regime_1", " ", "a side is empty"),
        ("regime_1", "teacher_forcin", "did you mean"),
        ("gru", "regime_1", "not both"),
    ],
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


def test_studies_whose_measures_are_others_are_refused_by_their_measures(tmp_path):
    frames = tidy.frames(*study(tmp_path / "a", grid(seeds=3)), "a")
    other = replace(
        frames,
        **{
            name: table.assign(unit=(table["unit"].astype("str") + ", otherwise").astype("category"))
            for name in ("gaps", "compared", "quantities")
            if "unit" in (table := getattr(frames, name))
        },
    )
    with pytest.raises(ConfigError, match=r"have no measure in common: they differ in rmse \(.* against .*, otherwise\)"):
        comparison.of_studies("a", "b", (frames, other), tmp_path)


def test_a_setting_of_a_measure_that_is_not_written_has_its_default(tmp_path):
    sides = []
    for name in ("a", "b"):
        frames = tidy.frames(*study(tmp_path / name, grid(seeds=3)), name)
        own = {"evaluation.valid_time.threshold": 0.2} if name == "b" else {}
        sides.append(replace(frames, runs=frames.runs.assign(**own)))
    found = comparison.of_studies("a", "b", (sides[0], sides[1]), tmp_path)
    assert "differ in evaluation.valid_time.threshold (default against 0.2)" in said(found)
