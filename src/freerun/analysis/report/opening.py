"""Opening of the report: the answer in at most three sentences of plain words, with numbers, intervals and seeds.

Where headlines contradict each other, that is said first: whole, or, where it is so in few comparisons, as a count, and whole
at the end. Beside it: which way of training is best and which is last, and the largest change; what a reader must be told
with the answer (runs that were lost, budgets that differ, a "better" that a source which was spoilt on purpose has too); what
a model's own outputs do to it, or that no measure tells; and as far as a sentence has room, what is not shown, and how many
seeds would show it. `findings` says everything in full.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.inference.confidence_intervals import FEWEST
from freerun.analysis.report import unpaired_runs
from freerun.analysis.report.findings import capital, condition_name, nothing
from freerun.analysis.report.number_text import counted, listed, plain_ratio, with_unit
from freerun.analysis.report.opening_caveats import caveats, not_shown, too_few, without_result
from freerun.analysis.report.opening_exposure import OPEN, UNKNOWN, exposure_in_words, feeds_itself, only_built_in, tells
from freerun.analysis.report.opening_levels import SURE, levels_in_words, over, plain_number, within_sentence
from freerun.analysis.report.opening_order import (
    BETTER,
    NAMED,
    WORSE,
    comparable_ways,
    on_case,
    one_case,
    order_in_words,
    other_ways,
    tasks_of,
    ways_of_training,
)
from freerun.analysis.report.verdicts import CONFLICT, NONE, judged_sets, of_headlines

#: So many sentences there are at most.
_SENTENCES = 3
#: So many words a sentence has, unless what must be said with it takes more.
_WORDS = 40
#: And so many where it is of the exposure bias, with an example.
_WORDS_OF_EXPOSURE = 52
#: Contradictions in at most this share of the comparisons are counted before the answer, and told after it.
_FEW_CONFLICTS = 0.1


def opening(table: pd.DataFrame, compared: pd.DataFrame, material: Material) -> list[str]:
    """The answer of a study in three sentences at most.

    Args:
        table: what `summary_table.full` gives.
        compared: what `verdicts.comparisons` gives.
        material: of the study.
    """
    if not len(table) or not table["n"].any():
        return [nothing(material.runs)]
    sets = judged_sets(compared)
    judged = sets[sets["verdict"] != NONE]
    must = [*without_result(material.runs), *unpaired_runs.in_short(material.runs)]
    must += too_few(sets)
    exposure, open_still = _exposure(table, material), not_shown(sets, of_headlines(compared), material.margin)
    if alone := len(unpaired_runs.uncompared(material.runs, sets)):
        is_ = "is" if alone == 1 else "are"
        open_still.append(
            f"{counted(alone, 'condition')} {is_} compared with nothing, for want of a baseline with the same setting"
        )
    if judged.empty:
        return _with_rest(levels_in_words(table, sets), must, open_still, exposure)
    return _compared(judged, of_headlines(compared), material.margin, material, must, exposure, open_still)


def _exposure(table: pd.DataFrame, material: Material) -> list[str]:
    """What being fed its own outputs does to a model, or that it is not known; nothing where no model is fed any.

    Nor is anything said where a metric of a plugin was measured, which may tell without declaring so.
    """
    known = exposure_in_words(table, material)
    if known or not (feeds_itself(material) and only_built_in(material)):
        return known
    return [OPEN if tells(material) and not (table["n"] >= FEWEST).any() else UNKNOWN]


def _with_rest(said: Sequence[str], must: Sequence[str], may: Sequence[str], exposure: Sequence[str] = ()) -> list[str]:
    """Some sentences, and what must be said and what may be said as far as there is room.

    Args:
        said: sentences, two at most where there is an `exposure`.
        must, may: clauses of one sentence.
        exposure: clauses of a sentence of its own where that is the third at most, else the first of them is one that must be
            said.
    """
    if exposure and (len(said) < _SENTENCES - 1 or not must):
        known = _filled(exposure[0], [], exposure[1:], most=_WORDS_OF_EXPOSURE)
        own = [f"{capital(_filled(known, [], may if len(said) == _SENTENCES - 1 else []))}."]
        return [*(_with_rest(said, must, may) if len(said) < _SENTENCES - 1 else said), *own]
    must, may = [*must, *exposure[:1]], [*may, *exposure[1:]]
    if not must and not may:
        return list(said)
    last = _filled(must[0], must[1:], may) if must else _filled(may[0], [], may[1:])
    return [*said, f"{capital(last)}."]


def _filled(start: str, must: Sequence[str], may: Sequence[str], most: int = _WORDS) -> str:
    """A sentence with the clauses that must be in it, and those of the others for which it has room, in their order."""
    parts = [start, *must]
    for clause in may:
        if len(" ".join([*parts, clause]).split()) <= most:
            parts.append(clause)
    return "; ".join(parts)


def of_studies(headlines: pd.DataFrame, margin: float, alone: tuple[int, int], remarks: Sequence[str]) -> list[str]:
    """The answer to which of two studies is better, in three sentences at most.

    Args:
        headlines: the rows of `side_comparison.versus` by headlines.
        margin: within which a change is none.
        alone: how many conditions only the first study has, and only the second.
        remarks: clauses that must be said with the answer.
    """
    rows = headlines.assign(headline=True, setting="", model_label=_whole(headlines))
    sets, (a, b) = judged_sets(rows), (str(headlines["regime_label"].iloc[0]), str(headlines["baseline"].iloc[0]))
    judged = sets[sets["verdict"] != NONE]
    lone = [f"{counted(n, 'condition')} of {name}" for n, name in zip(alone, (a, b), strict=True) if n]
    must = [f"{listed(lone)} {'is' if sum(alone) == 1 else 'are'} not in the other study"] if lone else []
    must, open_still = [*must, *remarks, *too_few(sets)], not_shown(sets, of_headlines(rows), margin)
    if judged.empty:
        cases = counted(len(sets), "condition")
        why = f"with too few seeds for an interval, which takes {FEWEST}"
        if sets["spared"].all():
            why = "and one side lost runs that the other finished"
        said = [f"{a} and {b} share {cases}, {why}: neither is called better."]
        return _with_rest(said, must, open_still)
    case = "a case is a task, a model and a way of training that both have"
    return _compared(judged, of_headlines(rows), margin, None, must, [], open_still, case)


def _whole(rows: pd.DataFrame) -> list[str]:
    """Model and setting in one name."""
    pairs = zip(rows["model_label"].astype(str), rows["setting"].astype(str), strict=True)
    return [", ".join(part for part in pair if part) for pair in pairs]


def _compared(
    sets: pd.DataFrame,
    rows: pd.DataFrame,
    margin: float,
    material: Material | None,
    must: Sequence[str],
    exposure: Sequence[str],
    open_still: Sequence[str],
    case: str = "a case is a task with a model",
) -> list[str]:
    """Who is best and who is last, with the largest change; before it or behind it, where headlines contradict each other.

    Args:
        sets: the verdicts over the headlines of each comparison.
        rows: the comparisons by headlines.
        margin: within which a change is none.
        material: of the study; None where two studies are compared.
        must: clauses that have to be said with the answer.
        exposure: what `_exposure` gives.
        open_still: what `opening_caveats.not_shown` gives, said where there is room.
        case: what a case is.
    """
    every, apart = ways_of_training(sets), sets["verdict"] == CONFLICT
    conflict = [_conflict(sets[apart], len(sets))] if apart.any() else []
    ways = comparable_ways(every)
    beside, others = other_ways(every, ways)
    must = [*must, *beside]
    where = tasks_of(every, ways)
    start = f"Over {over(int(sets['n'].min()), int(sets['n'].max()))}, {where}{order_in_words(ways, sets, margin, case)}"
    shown, word = (ways[0], BETTER) if ways[0]["score"] > 0 else (ways[-1], WORSE)
    if not shown[word]:
        return _with_rest(
            [*(f"{capital(clause)}." for clause in conflict), f"{start}."], must, [*others, *open_still], exposure
        )
    largest = _largest(rows, shown, word, alone=len(every) == 1 and len(shown["names"]) == 1, one_case=one_case(ways))
    grave, light = caveats(sets, rows, shown, material, word) if material else ([], [])
    if conflict:
        change = capital(_filled(largest, [*grave, *must], [*light, *others, *open_still]))
        if apart.mean() > _FEW_CONFLICTS:
            known = exposure and UNKNOWN not in exposure
            first = [conflict[0].partition(":")[0], exposure[0]] if known else [*conflict, *exposure]
            return [f"{capital('; '.join(first))}.", f"{start}.", f"{change}."]
        disagree = f"Measures disagree in {int(apart.sum())} of {counted(len(sets), 'comparison')}"
        return [f"{disagree}; {start[0].lower()}{start[1:]}.", *_last_two(change, conflict[0], exposure)]
    agree = ["no two measures contradict each other"] if (sets["words"].map(len) > 1).any() else []
    with_largest = _filled(largest, grave, light)
    left = [clause for clause in light if clause not in with_largest]
    said = [f"{_filled(start, [], agree)}.", f"{capital(with_largest)}."]
    return _with_rest(said, must, [*others, *left, *open_still], exposure)


def _last_two(change: str, conflict: str, exposure: Sequence[str]) -> list[str]:
    """The largest change, and the exposure bias; where that is not known, where measures contradict each other."""
    known = exposure and UNKNOWN not in exposure
    ends = [change, capital(_filled(exposure[0], [], exposure[1:], most=_WORDS_OF_EXPOSURE) if known else conflict)]
    if exposure and not known:
        ends[int(len(change.split()) > len(conflict.split()))] += f"; {UNKNOWN}"
    return [f"{one}." for one in ends]


def _conflict(rows: pd.DataFrame, of: int) -> str:
    """Where one headline is better and another worse: in how many of all comparisons, and one place."""
    count = f"the measures contradict each other in {len(rows)} of {counted(of, 'comparison')}, so that nothing is called"
    row: Mapping[Any, Any] = rows.iloc[0].to_dict()
    better, worse = (_few([label for label, said in row["words"] if said == word]) for word in (BETTER, WORSE))
    where = f"{'for example ' if len(rows) > 1 else ''}{row['regime_label']} {on_case(row['task_label'], condition_name(row))}"
    return f"{count} better there: {where} is better than {row['baseline']} by {better} and worse by {worse}"


def _few(labels: Sequence[str]) -> str:
    return listed([within_sentence(label) for label in labels[:NAMED]])


def _largest(rows: pd.DataFrame, way: Mapping[str, Any], word: str, *, alone: bool, one_case: bool) -> str:
    """The largest change that is shown of a way of training, by the ratio of the two levels, in words.

    Args:
        rows: the comparisons by headlines.
        way: of `ways_of_training`.
        word: which changes.
        alone: whether there is no other way, so that it need not be named.
        one_case: whether there is no other case, so that it need not be named where a way is.
    """
    keys = zip(rows["regime_label"].astype(str), rows["setting"].astype(str), strict=True)
    own = np.array([key in way["keys"] for key in keys], dtype=bool) & (rows["verdict"] == word).to_numpy()
    known = rows[own & (rows["baseline"].astype(str) == way["baseline"]).to_numpy()].to_dict("records")
    top = max(known, key=_size)
    said, place = _change(top), on_case(top["task_label"], condition_name(top))
    if len(known) == 1:
        return f"there {said}" if way["of"] == 1 else f"{place} {said}"
    if alone:
        return f"the largest change is {place}, where {said}"
    if len(way["names"]) > 1:
        return f"the largest change of these is that of {top['regime_label']}{'' if one_case else f' {place}'}, where {said}"
    return f"the largest change of {top['regime_label']} is {f'that {said}' if one_case else f'{place}, where {said}'}"


def _size(row: Mapping[Any, Any]) -> float:
    """How far the two levels are apart: the logarithm of their ratio without its sign, without end where one is 0."""
    if row["ratio"]:
        return abs(math.log(row["mean"])) if row["mean"] > 0 else math.inf
    old, new = row["baseline_mean"], row["baseline_mean"] + row["mean"]
    if old * new < 0:
        return 0.0  # of a measure with both signs there are no ratios
    return abs(math.log(new / old)) if old * new > 0 else math.inf


def _change(row: Mapping[Any, Any]) -> str:
    """What became of a headline, with the interval of the change in words."""
    label, numbers = within_sentence(str(row["label"])), (row["mean"], row["low"], row["high"])
    if row["ratio"]:
        if not plain_ratio(*numbers):
            mean, low, high = (plain_number(value) for value in numbers)
            return f"{label} is multiplied by {mean} ({low} to {high} {SURE})"
        mean, *ends = (100 * abs(value - 1) for value in numbers)
        low, high = (f"{value:.2g}" if value < 10 else f"{value:.0f}" for value in sorted(ends))
        amount = f"{mean:.2g}" if mean < 10 else f"{mean:.0f}"
        return f"{label} {'falls' if row['mean'] < 1 else 'rises'} by {amount} % ({low} to {high} % {SURE})"
    old, new = row["baseline_mean"], row["baseline_mean"] + row["mean"]
    levels = f"from {plain_number(old)} to {with_unit(plain_number(new), str(row['unit']).partition(',')[0])}"
    way = "falls" if row["mean"] < 0 else "rises"
    low, high = sorted(abs(value) for value in numbers[1:])
    return f"{label} {way} {levels} (by {plain_number(low)} to {plain_number(high)} {SURE})"
