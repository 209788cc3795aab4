"""Tests of how a report begins: the answer in three sentences, a figure, a short table, then the contents."""

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from findings.drawn import tables as drawn_tables
from freerun.analysis import report
from freerun.analysis.figures import Drawn, Material
from freerun.analysis.report.answer_table import MOST, answer_table
from freerun.analysis.report.key_figure import key_figure
from freerun.analysis.report.opening import opening
from freerun.analysis.report.opening_exposure import UNKNOWN
from freerun.analysis.report.opening_order import comparable_ways, order_in_words, other_ways, ways_of_training
from freerun.analysis.report.summary_table import full
from freerun.analysis.report.verdicts import CONFLICT, comparisons, judged_sets
from freerun.analysis.tables import quantities, selection, tidy
from freerun.store.quantity import Quantity
from synthetic import grid, simulated, study, tree

#: Of a page before its first figure.
WORDS, SENTENCES = 400, 3
#: Of a sentence, in words.
LONGEST = 48
PIXEL = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x01\x00\x00\x00\x01\x00"


def errors(tasks=1, methods=2, seeds=6, factors=(1,), spread=0.02):
    """Tables of a study in which each method has its own factor on the free error."""
    noise = np.exp(spread * np.random.default_rng(0).normal(size=(tasks, methods, seeds, 3)))
    factor = np.resize(np.array(factors, dtype=float), methods)[None, :, None, None]
    return simulated(0.5 * noise * factor, forced=0.4 * noise, metric="rmse", unit="attractor std")


def conflict():
    return drawn_tables({"rmse": (1.0, 2.0), "one_step_error": (2.0, 1.0)}, {"rmse": "u", "one_step_error": "total variation"})


CASES = {
    "one task and method": lambda: errors(methods=1),
    "one seed": lambda: errors(seeds=1),
    "two seeds of three methods on two tasks": lambda: errors(tasks=2, methods=3, seeds=2),
    "better": lambda: errors(factors=(1, 0.5)),
    "worse": lambda: errors(factors=(1, 2)),
    "nothing differs": lambda: errors(seeds=4, spread=0.5),
    "equivalent": lambda: errors(spread=1e-4),
    "conflict": conflict,
    "twelve tasks and methods": lambda: errors(tasks=12, methods=12, seeds=3, factors=np.linspace(0.8, 1.4, 12)),
}


@cache
def case_begun(case):
    return begun(CASES[case]())


def begun(tables):
    material = Material.of(tables, {})
    table, compared = full(material), comparisons(material)
    return opening(table, compared, material), answer_table(table, judged_sets(compared), material)


def sentences(said):
    return [part for one in said for part in re.split(r"(?<=[.!?])\s+(?=[A-Z])", one)]


@pytest.mark.parametrize("methods", [2, 3])
def test_a_better_mean_of_the_runs_that_did_not_diverge_is_no_merit(methods):
    """Once: "regime 1 did better", of six runs of ten."""
    errors_ = np.exp(0.1 * np.random.default_rng(0).normal(size=(1, methods, 10, 1)))
    errors_[:, 1] *= 0.3
    lost = [(0, 1, seed) for seed in range(6, 10)]
    said, answer = begun(simulated(errors_, forced=errors_ / 2, metric="rmse", unit="u", lost=lost))
    text = " ".join(said)
    assert "did better" not in text
    assert "one side lost runs that the other finished" in text
    assert "4 of" in text
    assert answer.rows[1][3] == "no verdict"


@pytest.mark.parametrize("case", CASES)
def test_it_begins_with_at_most_three_sentences(case):
    said, answer = case_begun(case)
    assert 1 <= len(sentences(said)) <= SENTENCES
    assert len(" ".join(said).split()) <= WORDS / 2, "the question, a title and headings need some"
    assert max(len(one.split()) for one in said) <= LONGEST
    assert not re.search(r"\([^()]*\(", " ".join(said)), "brackets in brackets"
    assert all(one[0].isupper() and one.endswith(".") and ".." not in one for one in said)
    assert re.search(r"\bseeds?\b", " ".join(said))
    assert re.search(r"\d", " ".join(said))
    assert not re.search(r"Holm|p <|Student|\bt test|nan|undefined|e[+\N{MINUS SIGN}-]\d\d", " ".join(said)), said
    assert len({tuple(row[:3]) for row in answer.rows}) == len(answer.rows) <= MOST


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("one task and method", "Over 6 seeds (repeated trainings), RMSE of"),
        ("one seed", "With 1 seed (one training) there are no intervals, which take 3 seeds, so that nothing is called better"),
        ("better", "regime 1 was better than teacher forcing on Task0 (GRU)"),
        ("worse", "regime 1 was worse than teacher forcing on Task0 (GRU)"),
        ("nothing differs", "regime 1 is not shown to be better or worse than teacher forcing on Task0 (GRU)"),
        (
            "nothing differs",
            "in 1 of 1 comparison neither a difference nor its absence is shown; by the spread seen here it takes",
        ),
        ("equivalent", "and it is shown to be as good within 5 %"),
        (
            "twelve tasks and methods",
            "of 11 ways of training compared with teacher forcing in 12 cases (tasks with a model) none did better on balance",
        ),
    ],
)
def test_it_says_what_was_found(case, words):
    said = " ".join(case_begun(case)[0])
    assert words.casefold() in said.casefold(), said


def test_the_best_and_the_worst_are_named_with_the_largest_change():
    said = " ".join(begun(errors(tasks=2, methods=3, factors=(1, 0.5, 3)))[0])
    assert "Regime 1 did best, better in both, and regime 2 did worst, worse in both".casefold() in said.casefold()
    assert re.search(r"The largest change of regime 1 is on task\d \(GRU\), where RMSE falls", said), (
        "of what is named, not of all"
    )
    assert re.search(r"RMSE falls by \d+ % \(\d+ to \d+ % with 95 % confidence\)", said)


def test_a_way_of_training_that_was_run_in_one_easy_case_alone_is_not_the_best():
    """Regime 1 halves the error on four tasks and regime 2 doubles it; regime 3 has a twentieth of it, on one task."""
    whole = errors(tasks=4, methods=4, factors=(1, 0.5, 2, 0.05))
    easy = (whole.runs["regime"].astype(str) != "regime_3") | (whole.runs["task"].astype(str) == "task0")
    said = " ".join(begun(selection.some(whole, whole.runs[easy]))[0])
    assert "of 2 ways of training" in said
    assert "regime 1 did best, better in all, and regime 2 did worst" in said.casefold()
    assert "1 other way of training, compared in other cases, is better and never worse" in said
    assert "regime 3" not in said.casefold()


def sets_of(**verdicts):
    """Verdicts over the headlines by way of training, a case a letter: b(etter), w(orse), e(quivalent), c(onflict), - none."""
    words = {"b": "better", "w": "worse", "e": "equivalent", "c": CONFLICT}
    rows = [
        {"regime_label": name, "setting": "", "baseline": "teacher forcing", "task_label": f"T{case}", "model_label": "GRU",
         "verdict": words[letter]}
        for name, letters in verdicts.items() for case, letter in enumerate(letters) if letter != "-"
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_of_ways_that_are_alike_on_balance_the_one_that_is_worse_more_often_did_worst():
    """Once "parallel sampling did worst, worse in 2", beside one that is worse in 3 and better in 1."""
    sets = sets_of(sampling="wwee", running="wwwb", replay="wwwb", unrolling="wwbb")
    ways = comparable_ways(ways_of_training(sets))
    said = order_in_words(ways, sets, 0.05, "")
    assert said.endswith("and running and replay did worst, worse in 3 and better in 1"), said
    assert "nearest was unrolling, worse in 2 and better in 2" in said


def test_who_is_better_in_cases_of_its_own_is_told_beside_an_order_that_leaves_it_out():
    """Once "none did better on balance", where an exact expert is better in both of its cases."""
    for verdicts, must, may in (
        (
            {"one": "be--", "two": "wb--"},
            "of 2 other ways of training, compared in other cases, 1 is better and never worse",
            "",
        ),
        ({"one": "bb--"}, "1 other way of training, compared in other cases, is better and never worse", ""),
        ({"one": "bc--"}, "", "1 other way of training was not compared in the same cases"),
        ({"one": "ee--"}, "", "1 other way of training was not compared in the same cases"),
        ({}, "", ""),
    ):  # fmt: skip
        every = ways_of_training(sets_of(sampling="wwee", running="wwwb", **verdicts))
        assert tuple("; ".join(some) for some in other_ways(every, comparable_ways(every))) == (must, may)


@pytest.mark.parametrize(
    ("factors", "where"), [((0.5, 3, 3), "yet where it is better"), ((0.5, 0.5, 0.5), "yet in all 3 cases")]
)
def test_a_spoilt_source_that_is_as_good_is_told_of_the_cases_that_are_better(factors, where):
    """Once "yet there", at the largest change of a way that is worse there and better elsewhere."""
    errors_ = np.exp(0.02 * np.random.default_rng(0).normal(size=(3, 2, 6, 1)))
    errors_[:, 1] *= np.array(factors)[:, None, None]
    material = Material.of(simulated(errors_, forced=errors_ / 2, metric="rmse", unit="u"), {})
    rows = [
        {"task": f"task{task}", "task_label": label, "player": player, "stands": stands, "mode": "free", "metric": "rmse",
         "step": 0, "ignorant": False, "unit": "u", "value": value, "seed": seed, "low": np.nan, "high": np.nan}
        for task, label in enumerate(material.headlines)
        for player, stands, value in (("noisy truth", "best", 0.01), ("shrunk", "degenerate", 0.1))
        for seed in range(4)
    ]  # fmt: skip
    material = replace(material, players=pd.DataFrame(rows))
    said = " ".join(opening(full(material), comparisons(material), material))
    assert f"{where} a source spoilt on purpose (shrunk) is not shown to be worse" in said


def test_a_contradiction_is_said_first():
    said, _ = begun(conflict())
    assert said[0].startswith("The measures contradict each other in 1 of 1 comparison, so that nothing is called better there")
    assert "is better than" in said[0]
    assert "no two measures contradict each other" not in " ".join(said)


def test_a_contradiction_in_one_of_many_comparisons_is_counted_first_and_told_after_the_answer():
    """Regime 1 has twice either error on twelve tasks, but for one error on one of them, which it halves."""
    levels = {"rmse": [(1.0, 2.0)] * 12, "one_step_error": [(2.0, 1.0), *[(1.0, 2.0)] * 11]}
    said, _ = begun(drawn_tables(levels, {"rmse": "u", "one_step_error": "total variation"}))
    assert said[0].startswith("Measures disagree in 1 of 12 comparisons; ")
    assert "was worse than teacher forcing in 11 of 12 cases" in said[0]
    assert said[1].startswith("The largest change is")
    assert said[2].startswith("The measures contradict each other in 1 of 12 comparisons")
    assert len(sentences(said)) == SENTENCES


def test_lost_runs_are_said_with_the_answer(tmp_path):
    store, ids = study(tmp_path, grid(seeds=4), {0: ("diverged", "x"), 7: ("failed", "y")})
    assert "2 of 8 runs diverged or failed and are in no mean" in " ".join(begun(tidy.frames(store, ids, "s"))[0])


def test_of_a_study_without_a_result_it_says_why(tmp_path):
    store, ids = study(tmp_path, grid(seeds=2), dict.fromkeys(range(4), ("diverged", "loss not finite at update 7")))
    said, answer = begun(tidy.frames(store, ids, "s"))
    assert said == ["No run of this study has a result: 4 diverged of 4. The reason: loss not finite at update 7."]
    assert answer is None


def test_several_models_of_a_task_are_one_row_and_nothing_is_pooled(tmp_path):
    store, ids = study(tmp_path, grid(models=("gru", "lstm"), seeds=4))
    _, answer = begun(tidy.frames(store, ids, "s"))
    assert [[row[2], row[5]] for row in answer.rows] == [["teacher forcing", "2"], ["scheduled sampling", "2"]]
    assert all(re.fullmatch(r"0\.\d+( to 0\.\d+)?", row[4]) for row in answer.rows)
    assert answer.rows[0][3] == "baseline"


def test_beyond_so_many_rows_there_is_one_a_method():
    _, answer = case_begun("twelve tasks and methods")
    assert len(answer.rows) == 12
    head = list(answer.head)
    verdicts = [at for at, name in enumerate(head) if name in ("Better", "Worse", "Equivalent", "Not distinguished")]
    counts = [sum(int(row[at]) for at in verdicts) for row in answer.rows if "baseline" not in row]
    assert counts == [12] * 11


@pytest.fixture
def sketched(monkeypatch):
    """Figures of one pixel, so that pages have them without drawing."""
    names = ("error_over_lead", "gap_by_model", "training_curves", "ranking")

    def write(_, __, folder, *___):
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        for name in names:
            (folder / "figures" / f"{name}.png").write_bytes(PIXEL)
        return [Drawn(name=name, caption=f"What {name} shows.") for name in names]

    monkeypatch.setattr(report.figures, "write", write)


@pytest.mark.usefixtures("sketched")
def test_both_pages_have_the_same_order(tmp_path):
    """Answer, one figure, short table, contents; then everything else, folded in the HTML; each link leads somewhere."""
    store, ids = study(tmp_path / "store", [*grid(seeds=3), tree("text")])
    question = "What does it do about it?"
    path = report.build(tmp_path / "out", store, {"name": "s", "ids": ids, "question": question})
    html, markdown = path.read_text(), path.with_suffix(".md").read_text()
    before = markdown.split("![Figure 1](")[0]
    assert len(before.split()) <= WORDS
    assert question in before
    assert "![Figure 1](figures/gap_by_model.svg)" in markdown
    assert markdown.count("![Figure") == 4
    headings = re.findall(r"^## (.*)$", markdown, re.MULTILINE)
    assert headings[:3] == ["In short", "Contents", "Findings"]
    linked = re.findall(r"^- \[(.*)\]\(#(.*)\)$", markdown, re.MULTILINE)
    assert [title for title, _ in linked] == headings[2:]
    assert re.findall(r'<a href="#([^"]*)">', html) == [anchor for _, anchor in linked]
    assert re.findall(r'<div class="at" id="([^"]*)">', html) == [anchor for _, anchor in linked]
    opened = html.split("<details")[0]
    assert opened.count("<figure") == 1
    assert html.index('class="opening"') < html.index("<figure") < html.index(">In short<") < html.index('class="contents"')
    assert html.count("<details") == html.count("</details>") >= len(linked)
    assert "<details open" not in html


def test_the_figure_that_opens_the_page():
    few, many = (Material.of(errors(tasks=tasks, methods=2, seeds=3), {}) for tasks in (1, 5))
    drawn = ["training_curves", "error_over_lead", "closed_loop", "gap_by_model", "ranking"]
    assert key_figure(few, drawn) == "gap_by_model"
    assert key_figure(many, drawn) == "ranking"
    assert key_figure(few, drawn[:3]) == "closed_loop"
    assert key_figure(few, ["training_curves"]) == "training_curves"
    assert key_figure(few, []) == ""


def compared_alone(tables, measures=None):
    """The same runs with a headline that is a comparison, and with comparisons that are the exposure bias themselves.

    Args:
        measures: by label a scale (`logarithm` or `difference`) and the mean on each task.
    """
    gaps = tables.gaps
    one = gaps[(gaps["mode"] == "free") & (gaps["step"] == 1)].drop(columns="mode").assign(step=0, low=np.nan, high=np.nan)
    head = one.assign(metric="one_step_error", unit="total variation", value=0.1 * one["value"])
    frames, said = [head], {}
    for place, (label, (scale, means)) in enumerate((measures or {}).items()):
        unit = "total variation" if scale == "difference" else "logarithm of a factor"
        noise = 0.01 * np.random.default_rng(place).normal(size=len(one))
        values = np.array(means)[one["task"].astype(str).str.removeprefix("task").astype(int)] + noise
        frames.append(one.assign(metric=f"measure_{place}", unit=unit, value=values))
        meant = Quantity(label=label, unit=unit, better="neither", scale=scale, part="diagnostic", account="exposure bias")
        said |= {(task, f"measure_{place}", unit): replace(meant, name=f"measure_{place}") for task in one["task"].unique()}
    compared = pd.concat(frames, ignore_index=True).astype({"metric": "category", "unit": "category"})
    declared = pd.concat([quantities.of_frames([head]), quantities._table(said)], ignore_index=True)
    return replace(tables, gaps=gaps[:0], compared=compared, quantities=declared)


def test_the_exposure_bias_is_told_by_measures_that_are_it():
    tables = errors(tasks=5, factors=(1, 2))
    scales = {
        "Bias early": ("logarithm", [np.log(3), 0.2, -0.5, 0.0, 0.3]), "Bias late": ("logarithm", [0.4, 0, 0, 0, -0.1]),
    }  # fmt: skip
    said = " ".join(begun(compared_alone(tables, scales))[0])
    start = (
        "models trained by teacher forcing are shown to err more in 3 and less in 1 of 5 cases (bias early); on task0 (GRU) "
    )
    assert f"Fed their own outputs, {start}" in said
    assert re.search(r"\(GRU\) (2\.9\d|3\.0\d|3) times as much \(2\.9\d* to 3(\.\d+)? with 95 % confidence\)", said), said
    assert "; bias late: more in 1 and less in 1 of 5 cases" in said


@pytest.mark.parametrize(
    ("means", "words"),
    [
        ([0.4, 0.5, 0.0], "are shown to err more in 2 of 3 cases and less in none (bias)"),
        ([-0.4, 0.0, 0.0], "are shown to err less in 1 of 3 cases and more in none (bias)"),
        ([-0.4, 0.5, 0.0], "are shown to err more in 1 and less in 1 of 3 cases (bias)"),
        ([0.0, 0.0, 0.0], "are not shown to err more or less in any of 3 cases (bias)"),
    ],
)
def test_none_is_said_in_words(means, words):
    """Once "more in 0 and less in 3 of 9 cases"."""
    assert words in " ".join(begun(compared_alone(errors(tasks=3, factors=(1, 2)), {"Bias": ("logarithm", means)}))[0])


def test_the_tasks_on_which_it_is_not_measured_apart_are_named():
    """Once the cases that were counted hid that Text and Digits are not among them."""
    tables = compared_alone(errors(tasks=3, factors=(1, 2)), {"Bias": ("logarithm", [0.4, 0.5, 0.0])})
    rows = tables.compared[tables.compared["metric"] == "measure_0"]
    gone = rows.index[rows["task"].isin(rows["task"].unique()[2:])]
    said = begun(replace(tables, compared=tables.compared.drop(gone)))[0]
    assert "more in 2 of 2 cases and less in none (bias); on task2 that is not measured apart" in " ".join(said).casefold()
    assert "not measured apart" not in " ".join(begun(tables)[0])


def test_a_gap_of_errors_that_add_up_is_not_told_as_exposure_bias():
    said = " ".join(begun(errors(tasks=2, factors=(1, 2)))[0])
    assert "err more in 2 of 2 cases and less in none; how much of that is exposure bias is not known" in said, said


def test_the_exposure_bias_of_one_condition_is_told_with_its_interval():
    one = errors(factors=(1, 2))
    for mean, words in (
        (0.3, "are shown to err more"),
        (-0.3, "are shown to err less"),
        (0.0, "are not shown to err more or less"),
    ):
        said = " ".join(begun(compared_alone(one, {"Bias": ("difference", [mean])}))[0])
        number = r"\N{MINUS SIGN}?0\.\d+"
        assert re.search(
            rf"{words} \(bias\): by {number} total variation \({number} to {number} with 95 % confidence\)", said
        ), said


def test_where_no_measure_tells_the_exposure_bias_it_says_so():
    tables = errors(factors=(1, 2))
    assert UNKNOWN not in " ".join(begun(tables)[0])
    alone = compared_alone(tables)
    assert UNKNOWN in " ".join(begun(alone)[0]).lower()
    # a measure of a user's own may tell it without declaring so: nothing is claimed
    own = alone.compared.assign(metric=pd.Categorical(["own_measure"] * len(alone.compared)))
    quantities = alone.quantities.assign(metric="own_measure")
    assert UNKNOWN not in " ".join(begun(replace(alone, compared=own, quantities=quantities))[0]).lower()
