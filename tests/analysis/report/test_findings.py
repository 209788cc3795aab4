"""Tests of sentences about gaps: which way is better is the metric's own word."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from freerun.analysis.figures import Material
from freerun.analysis.report import findings, gap_findings, players_section, task_findings
from freerun.analysis.report.number_text import RISK
from freerun.analysis.report.summary_table import full
from freerun.analysis.report.verdicts import comparisons
from synthetic import simulated


def rows(better: str, gaps: list[tuple[float, float, float]]) -> pd.DataFrame:
    """The rows of teacher forcing for a model each, with its gap and the interval of that."""
    return pd.DataFrame(gaps, columns=["gap", "gap_low", "gap_high"]).assign(
        gap_p=[0.001 if low > 0 or high < 0 else 0.5 for _, low, high in gaps], primary=True, n=5,
        horizon=9, log=False, forced=0.5, free=0.5 + pd.Series([gap for gap, _, _ in gaps]), unit="share",
        written=False, label="Accuracy" if better == "higher" else "Loss", better=better, task_label="Text",
        model_label=[f"model {k}" for k in range(len(gaps))], method=pd.Categorical(["teacher forcing"] * len(gaps)),
    )  # fmt: skip


def gap_sentence(table: pd.DataFrame, judged: pd.DataFrame | None = None) -> str:
    said = task_findings._gap_sentence(table, ["sample"], gap_findings.judged_gaps(table) if judged is None else judged)
    return said.replace("\N{NO-BREAK SPACE}", " ")


UP, DOWN, OPEN = (0.2, 0.1, 0.3), (-0.2, -0.3, -0.1), (0.0, -0.1, 0.1)


@pytest.mark.parametrize(
    ("better", "worse", "fine", "words"),
    [("lower", UP, DOWN, "the free error is smaller in 1"), ("higher", DOWN, UP, "free is better than forced in 1")],
)
def test_a_gap_is_shown_where_free_is_worse(better, worse, fine, words):
    (said,) = gap_findings.gap_tally(rows(better, [worse, worse, fine, OPEN]))
    assert "is shown in 2 of 4 conditions" in said
    assert words in said
    assert "no difference is shown in 1" in said


def test_one_interval_of_many_that_leaves_out_no_gap_shows_none():
    """Of twenty conditions one lies beyond its own 95 % interval by chance; Holm over all of them says so."""
    table = rows("lower", [UP, *[OPEN] * 19]).assign(gap_p=[0.03, *[0.5] * 19])
    (said,) = gap_findings.gap_tally(table)
    assert "is shown in none of 20 conditions" in said
    (said,) = gap_findings.gap_tally(table[:1])
    assert "is shown in 1 of 1 condition" in said


def test_the_largest_gap_is_the_worst_one():
    assert "that of model 1:" in gap_sentence(rows("higher", [UP, DOWN, OPEN]))
    assert "that of model 0:" in gap_sentence(rows("lower", [UP, DOWN, OPEN]))


@pytest.mark.parametrize(
    ("better", "gap", "end"),
    [
        ("lower", DOWN, "The gap is negative: the free error is smaller than the forced one."),
        ("higher", UP, "The gap is positive, and more is better: free is better than forced."),
        ("higher", DOWN, "More is better: free is worse than forced."),
        ("lower", UP, "(5 seeds)."),
    ],
)
def test_what_a_sign_means_is_said(better, gap, end):
    said = gap_sentence(rows(better, [gap]))
    assert said.endswith(end), said


def test_two_learning_rates_are_not_two_models():
    table = rows("lower", [UP, UP, OPEN])
    methods = ["teacher forcing (lr=0.1)", "teacher forcing (lr=0.01)", "teacher forcing + professor forcing"]
    table = table.assign(model_label="GRU", method=pd.Categorical(methods, categories=methods))
    (said,) = gap_findings.gap_tally(table)
    assert "is shown in 2 of 2 conditions" in said, "another objective is another method"
    assert "the largest mean gap of 2 conditions" in gap_sentence(table)


def test_a_loss_against_what_was_written_is_no_exposure_gap():
    """As on path-star graphs, whose whole answers are right as often free as forced."""
    whole = rows("higher", [(0.0, 0.0, 0.0)]).assign(primary=False, label="Whole answers right", horizon=1)
    table = pd.concat([rows("lower", [UP]).assign(written=True), whole], ignore_index=True)
    table["method"] = pd.Categorical(table["method"])
    (said,) = gap_findings.details(table)
    assert said.endswith("is not an exposure gap. The same forced and free: whole answers right on Text.")


def test_what_is_the_same_under_one_method_alone_is_not_called_the_same():
    """Accuracy, of a model that always says the most frequent letter, is; trained by teacher forcing it is not."""
    accuracy = rows("higher", [DOWN, (0.0, 0.0, 0.0)]).assign(primary=False)
    table = pd.concat([rows("lower", [UP]).assign(written=True), accuracy], ignore_index=True)
    table["method"] = pd.Categorical(table["method"])
    (said,) = gap_findings.details(table)
    assert said.endswith("is not an exposure gap.")


def test_no_two_sentences_judge_a_gap_differently():
    """Where an interval alone leaves out 0 and Holm over all conditions shows nothing, both sentences say so."""
    table = rows("lower", [UP, *[OPEN] * 19]).assign(gap_p=[0.03, *[0.5] * 19], log=True)
    (tally,), (widest,) = gap_findings.gap_tally(table), gap_findings.details(table)
    assert "is shown in none of 20 conditions" in tally
    assert widest.endswith("though no difference is shown there.")
    said = gap_sentence(table[:1], gap_findings.judged_gaps(table))
    assert said.endswith(f"Its own interval excludes 0, but of 20 conditions one does so by chance: none is shown, {RISK}.")
    assert gap_sentence(table[:1]).endswith("(geometric means, 5 seeds)."), "alone it is shown"


def test_what_a_gap_leaves_out_is_said_beside_it():
    table = pd.concat([rows("lower", [UP]).assign(task_label="Reber"), rows("lower", [UP]).assign(written=True)])
    table["method"] = pd.Categorical(table["method"])
    (said,) = gap_findings.gap_tally(table, ["Reber", "Elsewhere"])
    assert said.endswith(". On Reber it is over prefixes that the source can write alone and on Text it is not measured.")
    (said,) = gap_findings.gap_tally(table[1:])
    assert said.endswith("is not an exposure gap."), "with nothing else to say that is the answer"


def test_the_same_forced_and_free_is_no_finding_where_it_cannot_be_otherwise():
    """Whole answers of the most probable symbols: constant nonsense has none right, forced and free."""
    table = rows("higher", [(0.0, 0.0, 0.0)]).assign(
        label="Whole answers right", horizon=1, forced_low=0.4, forced_high=0.6
    )  # fmt: skip
    judged = gap_findings.judged_gaps(table)
    assert "nothing of it" not in task_findings._gap_sentence(table, ["sample"], judged)
    assert "that shows nothing where the most probable symbol" in task_findings._gap_sentence(table, ["argmax"], judged)
    assert task_findings._gap_sentence(table, [], judged).startswith("Nothing is fed back, so there is no gap.")


def test_names_that_differ_by_their_setting_are_said_together():
    names = ["sampling (end=0.5)", "sampling (end=0.75)", "free running", "sampling + expert (lr=0.1)"]
    assert findings.together(names) == ["sampling (end=0.5, 0.75)", "free running", "sampling + expert (lr=0.1)"]
    assert findings.together(["sampling (end=0.5, lr=1)", "sampling (lr=2)"]) == ["sampling (end=0.5, lr=1; lr=2)"]
    experts = [f"sampling (end={end}) + exact expert" for end in (1, 0)]
    assert findings.together([*experts, "sampling (end=0)"]) == ["sampling (end=1, 0) + exact expert", "sampling (end=0)"]
    assert findings.together(["sampling (end=1) + expert (lr=2)"]) == ["sampling (end=1) + expert (lr=2)"]
    assert findings.together(["sampling", "sampling (end=0)"]) == ["sampling", "sampling (end=0)"]


@pytest.mark.parametrize(("forced", "level", "said"), [(2.0, 0.1, True), (2.0, 1e3, False), (0.5, 0.1, False)])
def test_a_free_error_that_is_smaller_is_no_merit_of_who_beats_no_degenerate_player(forced, level, said):
    """A model that rests is accurate where it is: its forced error is the larger one, and a fixed point has less than it."""
    errors = np.exp(0.01 * np.random.default_rng(0).normal(size=(1, 2, 6, 2)))
    material = Material.of(simulated(errors, forced=forced * errors, metric="rmse", unit="u"), {})
    (task,) = material.headlines
    rows = [
        {"task": "task0", "task_label": task, "player": player, "stands": stands, "mode": "free", "metric": "rmse", "step": 0,
         "ignorant": False, "unit": "u", "value": value * (1 + 0.01 * seed), "seed": seed, "low": np.nan, "high": np.nan}
        for player, stands, value in (("noisy truth", "best", 0.01), ("fixed point", "degenerate", level))
        for seed in range(4)
    ]  # fmt: skip
    material = replace(material, players=pd.DataFrame(rows))
    opening = findings.headline(full(material), comparisons(material), material)
    words = f"1 of 1 condition is by no headline shown to beat a source that was spoilt on purpose (fixed point on {task})"
    assert any(words in sentence for sentence in opening) == said


@pytest.mark.parametrize(("level", "unbeaten", "rewarded"), [(0.1, True, False), (1e3, False, False), (1e-3, False, True)])
def test_a_verdict_better_that_a_degenerate_player_would_win_says_so(level, unbeaten, rewarded):
    """Half the error of teacher forcing is better, and yet an orbit that has shrunk has less; or even less than the truth."""
    errors = np.exp(0.05 * np.random.default_rng(0).normal(size=(1, 2, 6, 1)))
    errors[:, 1] /= 2
    material = Material.of(simulated(errors, forced=errors / 2, metric="rmse", unit="u"), {})
    (task,) = material.headlines
    rows = [
        {"task": "task0", "task_label": task, "player": player, "stands": stands, "mode": "free", "metric": "rmse", "step": 0,
         "ignorant": False, "unit": "u", "value": value * (1 + 0.01 * seed), "seed": seed, "low": np.nan, "high": np.nan}
        for player, stands, value in (("noisy truth", "best", 0.01), ("shrunk", "degenerate", level))
        for seed in range(4)
    ]  # fmt: skip
    material = replace(material, players=pd.DataFrame(rows))
    opening = findings.headline(full(material), comparisons(material), material)
    assert any("better on" in sentence for sentence in opening)
    words = f"yet by no headline shown to beat a source that was spoilt on purpose: shrunk on {task} (1 of 1)."
    assert any(words in sentence for sentence in opening) == unbeaten
    assert bool(players_section.rewards(material, task, ["rmse"])) == rewarded
