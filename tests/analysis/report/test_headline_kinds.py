"""Tests of what conclusions rest on: two headlines of different kind, or a sentence that says that they do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from freerun.analysis.figures import Material
from freerun.analysis.report import comparison, findings, paper_table, paper_table_note
from freerun.analysis.report.headline_kinds import FORMS, Kind, kinds, resting, two_kinds
from freerun.analysis.report.summary_table import full
from freerun.analysis.report.verdicts import comparisons
from synthetic import simulated

LEAD, WHOLE, BESIDE = FORMS
MISSES_COPIES, MISSES_TIME = frozenset({"copies"}), frozenset({"the direction of time"})


@pytest.mark.parametrize(
    ("first", "second", "different"),
    [
        ((BESIDE, MISSES_COPIES), (BESIDE, MISSES_TIME), True),
        ((BESIDE, MISSES_COPIES), (WHOLE, MISSES_COPIES | MISSES_TIME), False),
        ((LEAD, frozenset()), (LEAD, MISSES_TIME), False),
        ((LEAD, frozenset()), (WHOLE, frozenset()), True),
    ],
)
def test_headlines_that_miss_the_same_are_of_one_kind(first, second, different):
    pair = [Kind(form=form, blind=blind) for form, blind in (first, second)]
    assert two_kinds(pair) is different
    assert not two_kinds(pair[:1])


def rows(**words):
    """Comparisons of one condition by headlines, each with its verdict."""
    pair = {"task_label": "T", "model_label": "M", "setting": "", "regime_label": "free running", "baseline": "forced"}
    return pd.DataFrame([{**pair, "metric": name, "label": name.upper(), "verdict": word} for name, word in words.items()])


#: Two headlines that see in different ways, and one that misses what the second does.
KNOWN = {
    ("T", "lead"): Kind(form=LEAD, blind=frozenset()),
    ("T", "pairs"): Kind(form=BESIDE, blind=MISSES_COPIES),
    ("T", "grams"): Kind(form=BESIDE, blind=MISSES_COPIES),
}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"lead": "better", "pairs": "better"}, None),
        ({"lead": "better", "pairs": "worse"}, None),
        ({"lead": "not distinguished", "pairs": "equivalent"}, None),
        ({"lead": "better"}, "on T LEAD (the task has no other headline)"),
        ({"lead": "worse", "pairs": "not distinguished"}, "on T LEAD (not shown by PAIRS)"),
        ({"pairs": "better", "grams": "better"}, "on T PAIRS and GRAMS (all blind to copies; the task has no other headline)"),
        ({"pairs": "equivalent", "grams": "equivalent"}, "all blind to copies"),
        ({"lead": "better", "pairs": "better", "grams": "equivalent"}, None),
    ],
)
def test_a_conclusion_on_one_kind_of_headline_is_told(words, said):
    """Better and worse rest on the headlines that say so, not on those that show nothing."""
    told = resting(rows(**words), {key: kind for key, kind in KNOWN.items() if key[1] in words})
    assert len(told) == (said is not None)
    if said:
        assert told[0].startswith("1 of 1 conclusion (better, worse or equivalent) rests on one kind of headline alone: ")
        assert said in told[0]


def test_a_headline_that_one_side_lacks_and_a_companion_that_stands_in_are_told():
    lacking = KNOWN | {("T", "grams"): Kind(form=BESIDE, blind=MISSES_COPIES, label="GRAMS")}
    assert resting(rows(lead="better", pairs="better"), lacking) == [
        "Judged without headlines that are not measured of both sides: on T GRAMS."
    ]
    alone = {("T", "lead"): Kind(form=LEAD, blind=MISSES_COPIES, label="LEAD", headline=False)}
    assert resting(rows(lead="better"), alone)[0] == (
        "No headline of this task was measured, and what stands in may be won by a degenerate model: "
        "T by LEAD, blind to copies."
    )


def two(factor=1.5):
    """A study of two methods, of which the second has larger errors, judged by RMSE at each lead time alone."""
    errors = np.exp(0.01 * np.random.default_rng(0).normal(size=(1, 2, 5, 3)))
    errors[:, 1] *= factor
    return simulated(errors, forced=errors / 2, metric="rmse", unit="u")


def with_a_second(frames, factor):
    """The same with a headline of the whole rollout, whose values for the second method are `factor` times as large."""
    last = frames.gaps[frames.gaps["step"] == frames.gaps["step"].max()]
    chance = 1 + 0.01 * np.random.default_rng(1).normal(size=len(last))
    value = np.where(last["regime"] == "regime_1", factor, 1.0) * chance
    added = last.assign(metric="whole", step=0, value=value, unit="v")
    like = frames.quantities.iloc[0].to_dict()
    meant = pd.DataFrame([like | {"metric": "whole", "label": "Whole", "unit": "v", "blind": ""}])
    gaps = pd.concat([frames.gaps.astype({"metric": "str", "unit": "str"}), added.astype({"metric": "str", "unit": "str"})])
    for name in ("metric", "unit"):
        gaps[name] = pd.Categorical(gaps[name])
    return replace(
        frames, gaps=gaps.reset_index(drop=True), quantities=pd.concat([frames.quantities, meant], ignore_index=True)
    )


def everywhere(frames, folder):
    """What the opening of the report, `compare` and the note of the paper's table say."""
    material = Material.of(frames, {})
    opening = findings.headline(full(material), comparisons(material), material)
    beside = comparison.in_study("regime_1", "teacher_forcing", frames, folder)
    note = paper_table_note.note(paper_table.tidy(material), material)
    return [" ".join(opening), " ".join(beside.sentences), note]


@pytest.mark.usefixtures("undrawn")
def test_report_compare_and_table_say_it_in_the_same_words(tmp_path):
    said = everywhere(two(), tmp_path)
    assert all("1 of 1 conclusion (better, worse or equivalent) rests on one kind of headline alone" in text for text in said)
    assert "A mark is of one measure alone" in said[2]
    for text in everywhere(with_a_second(two(), 1.5), tmp_path):
        assert "headline alone" not in text


@pytest.mark.usefixtures("undrawn")
def test_a_mark_that_another_headline_contradicts_is_told(tmp_path):
    frames = with_a_second(two(), 0.7)
    note = everywhere(frames, tmp_path)[2]
    assert "Over all headlines of the task the verdict is another one. In conflict: " in note
    assert note.index("In conflict") < note.index("A mark is of one measure alone")
    assert len(kinds(Material.of(frames, {}))) == 2
