"""Tests of what is said of studies that are easily told wrongly: too much, of other runs, or of nothing."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from findings.drawn import judged_by
from freerun.analysis import report
from freerun.analysis.figures import Material
from freerun.analysis.report import comparison, comparisons_section, findings
from freerun.analysis.report.answer_table import answer_table
from freerun.analysis.report.number_text import change
from freerun.analysis.report.opening import opening
from freerun.analysis.report.summary_table import full
from freerun.analysis.report.verdicts import comparisons, judged_sets
from freerun.analysis.tables.quantities import of_frames
from synthetic import simulated

UNITS = {"valid_time": "Lyapunov times", "worst_one_step": "of persistence", "own_state_error": "attractor std"}
#: Measures that set both modes side by side.
COMPARED = ("worst_one_step", "d_pairs")
TEXTS = ("run", "study", "task", "model", "regime", "feedback", "gradient", "metric", "unit")


def drawn(levels, seeds=6, regimes=3, tasks=1, spread=0.05, **settings):
    """Tables of a study; `levels` has by metric a function of (task, regime, seed) that gives a level, or NaN.

    Args:
        settings: columns of the table of runs.
    """
    chance, frames, keys = np.random.default_rng(1), [], np.indices((tasks, regimes, seeds)).reshape(3, -1).T
    for name, level in levels.items():
        values = np.array([level(*key) for key in keys.tolist()], dtype=float).reshape(tasks, regimes, seeds, 1)
        values = values * np.exp(spread * chance.normal(size=values.shape))
        frames.append(simulated(values, forced=values, metric=name, unit=UNITS.get(name, "nats")))
    plain = [frame.gaps.astype(dict.fromkeys(TEXTS, "str")) for frame in frames]
    every = pd.concat(plain, ignore_index=True)
    beside = every["metric"].isin(COMPARED)
    compared = every[beside & (every["mode"].astype(str) == "free")].drop(columns="mode").assign(low=np.nan, high=np.nan)
    gaps, compared = (
        rows.reset_index(drop=True).astype(dict.fromkeys(TEXTS, "category")) for rows in (every[~beside], compared)
    )
    runs = frames[0].runs.assign(data="a", **settings)
    return replace(frames[0], runs=runs, gaps=gaps, compared=compared, quantities=of_frames([gaps, compared]))


def read(tables):
    """What a reader meets: the opening, the short table by method, the findings, the words above the comparisons."""
    material = Material.of(tables, {})
    table, compared = full(material), comparisons(material)
    answer = answer_table(table, judged_sets(compared), material)
    rows = {row[2]: row[3:] for row in answer.rows}
    return (
        " ".join(opening(table, compared, material)),
        rows,
        " ".join(findings.headline(table, compared, material)),
        " ".join(comparisons_section.sentences(compared, material)),
    )


def alike(*_):
    return 1.0


def of_regime(*levels):
    return lambda task, regime, seed: levels[regime]


def test_a_task_with_comparisons_alone_is_judged_and_told_of():
    """It had no measure of both modes: a table without a row made objects of the p-values of the other one."""
    said, rows, _, _ = read(drawn({"worst_one_step": of_regime(0.1, 0.3, 0.1), "d_pairs": alike}))
    assert "regime 1 did worst" in said
    assert "No run" not in said
    assert rows["regime 1"][0] == "worse"
    assert rows["regime 1"][3] == "6", "seeds"


def test_its_findings_and_its_whole_report_are_there(tmp_path, monkeypatch):
    """Beside a task with measures of both modes, through every section."""
    tables = drawn({"worst_one_step": of_regime(0.1, 0.3, 0.1), "d_pairs": alike, "own_state_error": alike}, tasks=2)
    first = tables.gaps["task"].astype(str) == "task0"
    monkeypatch.setattr(report.figures, "write", lambda *_: [])
    page = report.build_from_tables(tmp_path, replace(tables, gaps=tables.gaps[~first]), {"name": "s", "ids": []})
    text = page.with_name("report.md").read_text()
    for task in ("Task0", "Task1"):
        block = text.casefold().split(f"\n### {task.casefold()}\n")[1].split("\n#")[0]
        assert "regime 1 against teacher forcing, worst one-step error: worse" in block


@pytest.mark.parametrize("other", [0.3, 3.0])
def test_a_method_with_an_undefined_headline_is_neither_better_nor_worse(other):
    """What is undefined, as where a closed loop leaves every bound, may be the measure by which the other side is better."""
    undefined = of_regime(1.0, np.nan, 1.0)
    said, rows, found, _ = read(
        drawn({"worst_one_step": of_regime(1.0, other, 1.0), "d_pairs": undefined, "valid_time": alike})
    )
    assert rows["regime 1"][0] == "no verdict"
    assert "1 comparison has too few seeds with a result for a verdict" in said
    assert "Over 6 seeds" in said
    assert "Regime 1 against teacher forcing: without a verdict" in found


def test_a_method_that_kept_one_run_is_said_to_be_unjudged():
    """Five of six diverged: the seeds that are counted are those of the number beside."""
    tables = drawn({"own_state_error": alike, "valid_time": alike}, regimes=2)
    lost = (tables.runs["regime"].astype(str) == "regime_1") & (tables.runs["seed"] > 0)
    gone = tables.runs.loc[lost, "run"]
    gaps = tables.gaps[~tables.gaps["run"].astype(str).isin(gone)]
    status = tables.runs["status"].mask(lost, "diverged")
    said, rows, _, _ = read(replace(tables, gaps=gaps, runs=tables.runs.assign(status=status)))
    assert said.startswith("Over 6 seeds")
    assert "regime 1 cannot be judged against teacher forcing" in said
    assert rows["regime 1"][-2:] == ["1", "5 of 6"]


def test_one_case_is_not_counted_twice():
    said, *_ = read(drawn({"valid_time": alike}, spread=1e-4))
    assert "none of 2 ways of training is shown to be better or worse than teacher forcing on Task0 (GRU)".casefold() in (
        said.casefold()
    )
    assert "each is shown to be as good within 5 %" in said


def test_better_here_and_worse_there_is_said_with_the_places():
    said, *_ = read(drawn({"worst_one_step": lambda task, regime, seed: 3.0 ** (regime * (2 * task - 1))}, regimes=2, tasks=2))
    assert "regime 1 was worse than teacher forcing on Task1 (GRU) and better on Task0 (GRU)".casefold() in said.casefold()


def test_whoever_is_in_conflict_is_not_called_the_worst():
    said, *_ = read(drawn({"valid_time": of_regime(1.0, 3.0, 3.0), "worst_one_step": of_regime(1.0, 3.0, 1.0)}))
    assert "regime 2 did best" in said
    assert "did worst" not in said
    assert "the other is not shown to be worse" in said


def test_the_baseline_of_each_setting_is_called_one():
    tables = drawn({"valid_time": of_regime(1.0, 2.0, 1.0)}, seeds=12)
    half = tables.runs["seed"] < 6
    seeds = tables.runs["seed"].where(half, tables.runs["seed"] - 6)
    gaps = tables.gaps.assign(seed=tables.gaps["seed"] % 6)
    lr = np.where(half, 0.1, 0.01)
    said, rows, _, _ = read(replace(tables, gaps=gaps, runs=tables.runs.assign(seed=seeds, **{"training.lr": lr})))
    assert {name: row[0] for name, row in rows.items() if name.startswith("teacher")} == {
        "teacher forcing (lr=0.1)": "baseline",
        "teacher forcing (lr=0.01)": "baseline",
    }
    assert "of 2 ways of training, compared with teacher forcing at the same setting," in said


def unpaired():
    """Tables in which half of the seeds of either method are its own: its level is of 8 runs, the comparison of 4 pairs."""
    tables = drawn({"valid_time": of_regime(1.0, 2.0)}, seeds=8, regimes=2)
    own = (tables.runs["regime"].astype(str) == "regime_1") & (tables.runs["seed"] >= 4)
    seeds = tables.runs["seed"].mask(own, tables.runs["seed"] + 100)
    gaps = tables.gaps.assign(seed=tables.gaps["run"].astype(str).map(dict(zip(tables.runs["run"], seeds, strict=True))))
    return replace(tables, gaps=gaps, runs=tables.runs.assign(seed=seeds))


def test_runs_of_seeds_that_the_other_side_has_not_are_told_of():
    said, _, _, above = read(unpaired())
    assert "8 runs have no partner of their seed and are in no comparison" in said
    assert "4 of 8 of teacher forcing (Task0, GRU) and 4 of 8 of regime 1 (Task0, GRU)".casefold() in above.casefold()
    assert "partner" not in "".join(read(drawn({"valid_time": alike}, regimes=2))[0::3])


def test_compare_tells_of_them_too(monkeypatch):
    monkeypatch.setattr(comparison._comparison_figure, "draw", lambda *_: None)
    monkeypatch.setattr(comparison, "_written", lambda of, *_: of)
    told = " ".join(comparison.in_study("teacher_forcing", "regime_1", unpaired(), None).sentences)
    assert "for want of a partner of the same seed and data: 4 runs of teacher forcing and 4 runs of regime 1" in told


def test_a_list_of_measures_is_no_condition_and_a_headline_that_one_side_lacks_is_told_of():
    """Runs that were measured by other lists are the same runs; they were not compared, and their labels held the lists."""
    tables = drawn({"valid_time": of_regime(1.0, 2.0), "d_pairs": alike, "worst_one_step": alike}, regimes=2)
    other = tables.runs["regime"].astype(str) == "regime_1"
    lists = np.where(other, '["d_pairs", "valid_time"]', '["d_pairs", "valid_time", "worst_one_step"]')
    lacking = (tables.compared["metric"] == "worst_one_step") & (tables.compared["regime"].astype(str) == "regime_1")
    said, rows, found, _ = read(
        replace(tables, compared=tables.compared[~lacking], runs=tables.runs.assign(**{"evaluation.metrics": lists}))
    )
    assert set(rows) == {"teacher forcing", "regime 1"}
    assert "Judged without headlines that are not measured of both sides: on Task0 Worst one-step error".casefold() in (
        found.casefold()
    )
    assert "judged without headlines that one side lacks" in said


def test_a_companion_that_stands_in_for_headlines_is_called_one():
    """A user may measure the error alone by which collapse wins."""
    tables = judged_by(drawn({"own_state_error": of_regime(1.0, 0.3)}, regimes=2), ())
    said, _, found, _ = read(tables)
    assert "a degenerate model may win by what stands in" in said
    assert "No headline of this task was measured" in found


def test_a_conclusion_on_one_kind_of_measure_says_so_at_once():
    levels = {"valid_time": of_regime(1.0, 2.0), "worst_one_step": alike}
    assert "rests on one kind of measure alone" in read(drawn(levels, regimes=2))[0]
    levels["worst_one_step"] = of_regime(1.0, 0.5)
    assert "one kind" not in read(drawn(levels, regimes=2))[0]


@pytest.mark.filterwarnings("error")
def test_no_factor_overflows():
    """A difference of 1e6 is no logarithm; three tasks apart by 1e60 have an interval beyond every number."""
    comparisons(Material.of(drawn({"d_pairs": of_regime(1.0, 1e6)}, regimes=2), {}))
    tables = drawn({"rmse": lambda task, regime, seed: 10.0 ** (60 * regime * (task - 1))}, tasks=4)
    assert report.across_tasks_section.section(Material.of(tables, {})) is not None


def test_an_undefined_change_has_no_unit():
    assert change(float("nan"), float("nan"), float("nan"), False, "of persistence") == "undefined"
