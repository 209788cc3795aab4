"""Opening of the report: the answer in at most three sentences of plain words, with numbers, intervals and seeds.

Where headlines contradict each other, that is said first. Then: which way of training is best and which is last, and the
largest change; what a reader must be told with the answer (runs that were lost, budgets that differ, a "better" that a source
which was spoilt on purpose has too); and as far as a sentence has room, the gap, what is not shown, and how many seeds would
show it. `findings` says everything in full.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.inference.confidence_intervals import FEWEST
from freerun.analysis.inference.labels import merged
from freerun.analysis.report import unequal_budgets, unpaired_runs
from freerun.analysis.report.findings import capital, condition_name, nothing, together, unbeaten_better
from freerun.analysis.report.gap_findings import baseline_rows, first_method, judged_gaps
from freerun.analysis.report.headline_kinds import PAIR, by_no_headline, kinds, not_of_both, on_one_kind
from freerun.analysis.report.number_text import counted, listed, number, plain_ratio, with_unit
from freerun.analysis.report.verdicts import CONFLICT, EQUIVALENT, NONE, OPEN, WORDS, judged_sets, needed, of_headlines

#: So many things are named one by one; so many words a sentence has, unless what must be said with it takes more.
_NAMED, _WORDS = 3, 40
_BETTER, _WORSE = WORDS[:2]
_SURE = "with 95 % confidence"
#: Three settings or more in brackets.
_MANY_SETTINGS = re.compile(r"\([^()]*;[^()]*;[^()]*\)")


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
    must = [*_without_result(material.runs), *unpaired_runs.in_short(material.runs)]
    must += _too_few(sets)
    gap, open_still = _gap(table), _not_shown(sets, of_headlines(compared), material.margin)
    if judged.empty:
        return _with_rest(_levels(table, sets), must, [*gap, *open_still])
    return _compared(judged, of_headlines(compared), material.margin, material, must, gap, open_still)


def _with_rest(said: Sequence[str], must: Sequence[str], may: Sequence[str]) -> list[str]:
    """Some sentences, and one more of what must be said and of what may be said as far as it has room."""
    if not must and not may:
        return list(said)
    last = _filled(must[0], must[1:], may) if must else _filled(may[0], [], may[1:])
    return [*said, f"{capital(last)}."]


def _filled(start: str, must: Sequence[str], may: Sequence[str]) -> str:
    """A sentence with the clauses that must be in it, and those of the others for which it has room, in their order."""
    parts = [start, *must]
    for clause in may:
        if len(" ".join([*parts, clause]).split()) <= _WORDS:
            parts.append(clause)
    return "; ".join(parts)


def _number(value: float) -> str:
    """Three figures, without a power of ten where the number can be read without."""
    text = number(value)
    if "e" not in text or not 1e-7 < abs(value) < 1e7:
        return text
    return np.format_float_positional(value, precision=3, fractional=False, trim="-").replace("-", "\N{MINUS SIGN}")


def over(few: int, many: int) -> str:
    """On how many seeds something rests, with what a seed is."""
    count = counted(many, "seed") if few == many else f"{few} to {counted(many, 'seed')}"
    return f"{count} ({'one training' if many == 1 else 'repeated trainings'})"


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
    must, open_still = [*must, *remarks, *_too_few(sets)], _not_shown(sets, of_headlines(rows), margin)
    if judged.empty:
        cases = counted(len(sets), "condition")
        said = [
            f"{a} and {b} share {cases}, with too few seeds for an interval, which takes {FEWEST}: neither is called better."
        ]
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
    gap: Sequence[str],
    open_still: Sequence[str],
    case: str = "a case is a task with a model",
) -> list[str]:
    """Who is best and who is last, with the largest change; before it, where headlines contradict each other.

    Args:
        sets: the verdicts over the headlines of each comparison.
        rows: the comparisons by headlines.
        margin: within which a change is none.
        material: of the study; None where two studies are compared.
        must: clauses that have to be said with the answer.
        gap, open_still: what `_gap` and `_not_shown` give, said where there is room.
        case: what a case is.
    """
    every, conflict = _ways(sets), _conflict(sets, gap)
    ways = _comparable(every)
    others = _others(every, ways)
    where = _tasks(every, ways)
    start = f"Over {over(int(sets['n'].min()), int(sets['n'].max()))}, {where}{_order(ways, sets, margin, case)}"
    shown, word = (ways[0], _BETTER) if ways[0]["score"] > 0 else (ways[-1], _WORSE)
    if not shown[word]:
        return _with_rest([*conflict, f"{start}."], must, [*others, *open_still, *([] if conflict else gap)])
    largest = _largest(rows, shown, word, alone=len(every) == 1 and len(shown["names"]) == 1, one_case=_one_case(ways))
    grave, light = _caveats(sets, rows, shown, material) if material else ([], [])
    if conflict:
        return [*conflict, f"{start}.", f"{capital(_filled(largest, [*grave, *must], [*light, *others, *open_still]))}."]
    agree = ["no two measures contradict each other"] if (sets["words"].map(len) > 1).any() else []
    with_largest = _filled(largest, grave, light)
    left = [clause for clause in light if clause not in with_largest]
    return _with_rest([f"{_filled(start, [], agree)}.", f"{capital(with_largest)}."], must, [*gap, *others, *left, *open_still])


def _ways(sets: pd.DataFrame) -> list[dict[str, Any]]:
    """Every way of training with its verdicts, the best on balance first; those with the same ones together."""
    ways: dict[tuple[Any, ...], dict[str, Any]] = {}
    for (regime, setting, first), of in sets.groupby(["regime_label", "setting", "baseline"], observed=True, sort=False):
        counts = of["verdict"].value_counts()
        tally = tuple(int(counts.get(word, 0)) for word in (*WORDS, CONFLICT))
        where = tuple(zip(of["task_label"], of["model_label"], strict=True))
        words = tuple(of["verdict"]) if len(of) <= _NAMED else tally
        new = {"names": [], "keys": [], "baseline": str(first), "where": where, "words": words}
        way = ways.setdefault((first, words, where), new)
        way["names"].append(merged(str(regime), str(setting)))
        way["keys"].append((str(regime), str(setting)))
        way |= {
            "better": tally[0],
            "worse": tally[1],
            "same": tally[2],
            "of": len(of),
            "score": (tally[0] - tally[1]) / len(of),
        }
    return sorted(ways.values(), key=lambda way: -way["score"])


def _comparable(ways: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The ways of training that can be put in an order: of one baseline, compared in the same cases, as many as there are.

    A way that was run in the easy cases alone would else be the best. Those of which something is shown come first.
    """
    same: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for way in ways:
        same.setdefault((way["baseline"], frozenset(way["where"])), []).append(way)
    return max(same.values(), key=lambda of: (any(way["better"] or way["worse"] for way in of), of[0]["of"]))


def _others(every: Sequence[Mapping[str, Any]], ways: Sequence[Mapping[str, Any]]) -> list[str]:
    """How many ways of training are in no order, for they were compared in other cases."""
    left = sum(len(way["names"]) for way in every) - sum(len(way["names"]) for way in ways)
    were = "was" if left == 1 else "were"
    return [f"{counted(left, 'other way')} of training {were} not compared in the same cases"] if left else []


def _tasks(every: Sequence[Mapping[str, Any]], ways: Sequence[Mapping[str, Any]]) -> str:
    """On which tasks some ways of training were compared, where others were on others too."""
    tasks, whole = (list(dict.fromkeys(_flat(task) for way in of for task, _ in way["where"])) for of in (ways, every))
    few = len(tasks) <= _NAMED + 1 and not _one_case(ways)
    return f"on {listed(tasks)} " if few and len(tasks) < len(whole) else ""


def _order(ways: Sequence[Mapping[str, Any]], sets: pd.DataFrame, margin: float, case: str) -> str:
    """Which way of training is best and which is last."""
    first, last, count = ways[0], ways[-1], sum(len(way["names"]) for way in ways)
    baseline = first["baseline"]
    if not any(way["better"] or way["worse"] for way in ways):
        return _nothing_shown(ways, sets, count, margin, case)
    baseline += " at the same setting" if any(setting for way in ways for _, setting in way["keys"]) else ""
    if len(ways) == 1:
        same = f", and as good within {100 * margin:g} % in {first['same']}" if first["same"] else ""
        were = "were" if len(together(first["names"])) > 1 else "was"
        return f"{_names(first)} {were} {_became(first, f' than {baseline}', case)}{same}"
    if _one_case(ways):
        return _in_one_case(ways, baseline)
    start = f"of {count} ways of training compared with {baseline} in {counted(first['of'], 'case')} (tasks with a model)"
    if first["score"] > 0:
        start = f"{start} {_names(first)} did best, {_became(first, counted_cases=True)}"
    else:
        start = f"{start} none did better on balance: nearest was {_names(first)}, {_became(first, counted_cases=True)}"
    if not last[_WORSE]:
        return f"{start}, and {'the other is' if count == 2 else 'no other is'} {'not ' if count == 2 else ''}shown to be worse"
    return f"{start}, and {_names(last)} did worst, {_became(last, counted_cases=True)}"


def _one_case(ways: Sequence[Mapping[str, Any]]) -> bool:
    return len({pair for way in ways for pair in way["where"]}) == 1


def _in_one_case(ways: Sequence[Mapping[str, Any]], baseline: str) -> str:
    """Which ways of training are better and which worse in the only case that there is."""
    said, neither = list[str](), sum(len(way["names"]) for way in ways if not way[_BETTER] and not way[_WORSE])
    for word in (_BETTER, _WORSE):
        if names := [_names(way) for way in ways if way[word]]:
            said.append(f"{listed(names)} did {word}{'' if said else f' than {baseline}'}")
    said += [f"{counted(neither, 'other way')} of training {'is' if neither == 1 else 'are'} called neither"] if neither else []
    return f"{_case(ways[0])} {', and '.join(said)}"


def _nothing_shown(ways: Sequence[Mapping[str, Any]], sets: pd.DataFrame, count: int, margin: float, case: str) -> str:
    """That no way of training is shown to be better or worse, and where it is shown to be as good."""
    baseline = ways[0]["baseline"]
    who = _names(ways[0]) if count == 1 else f"none of {count} ways of training"
    cases = len({pair for way in ways for pair in way["where"]})
    if count == 1:
        where = _case(ways[0]) if cases == 1 else f"in any of {counted(cases, 'case')} ({case})"
    else:
        where = _case(ways[0]) if cases == 1 else f"in any of {counted(len(sets), 'comparison')}"
    same = int((sets["verdict"] == EQUIVALENT).sum())
    where_same = "" if same == len(sets) else f" in {same} of {counted(len(sets), 'comparison')}"
    subject = "it is" if count == 1 else "each is" if same == len(sets) else "one is"
    alike = f", and {subject} shown to be as good within {100 * margin:g} %{where_same}" if same else ""
    return f"{who} is {'not ' if count == 1 else ''}shown to be better or worse than {baseline} {where}{alike}"


def _names(way: Mapping[str, Any]) -> str:
    names = [_MANY_SETTINGS.sub(_counted_settings, name) for name in together(way["names"])]
    return listed(names) if len(names) <= _NAMED else f"{names[0]} (and {len(names) - 1} like it)"


def _counted_settings(settings: re.Match[str]) -> str:
    """Settings in brackets as their number."""
    return f"({settings[0].count(';') + 1} settings)"


def _case(way: Mapping[str, Any]) -> str:
    ((task, model),) = set(way["where"])
    return _on(task, model)


def _on(task: str, model: str) -> str:
    """Where something holds, without brackets in brackets."""
    return f"on {_flat(task)} ({_flat(model)})"


def _flat(label: str) -> str:
    return label.replace(" (", ", ").replace(")", "")


def _cases(way: Mapping[str, Any], word: str) -> str:
    """The cases in which a way of training has one verdict."""
    of_word = [place for place, said in zip(way["where"], way["words"], strict=True) if said == word]
    return listed([_on(task, model) for task, model in of_word])


def _became(way: Mapping[str, Any], than: str = "", case: str = "", *, counted_cases: bool = False) -> str:
    """In how many cases a way of training is better and in how many worse, in words; `counted_cases`: of how many was said."""
    words = (_BETTER, _WORSE) if way["score"] > 0 else (_WORSE, _BETTER)
    shown = [word for word in words if way[word]]
    if not shown:
        return f"neither better nor worse{than} {_case(way) if way['of'] == 1 else 'in any of ' + counted(way['of'], 'case')}"
    if way["of"] == 1:
        return f"{shown[0]}{than} {_case(way)}"
    if way["of"] <= _NAMED and way[shown[0]] < way["of"]:
        return " and ".join(f"{word}{than if word == shown[0] else ''} {_cases(way, word)}" for word in shown)
    number, of = way[shown[0]], way["of"]
    if counted_cases:
        return " and ".join(
            f"{word} in {way[word] if way[word] < of else 'all' if of > len(words) else 'both'}" for word in shown
        )
    share = f"{number} of {of}" if number < of else f"all {of}" if of > len(words) else "both"
    first = f"{shown[0]}{than} in {share} cases"
    explained = f"{first} ({case})" if case else first
    return explained + (f" and {shown[1]} in {way[shown[1]]}" if len(shown) > 1 else "")


def _conflict(sets: pd.DataFrame, gap: Sequence[str]) -> list[str]:
    """Where one headline is better and another worse: how often, with what is known of the gap, else with one place."""
    rows = sets[sets["verdict"] == CONFLICT]
    if rows.empty:
        return []
    count = (
        f"The measures contradict each other in {len(rows)} of {counted(len(sets), 'comparison')}, so that nothing is called"
    )
    if gap:
        return [f"{count} better there; {'; '.join(gap)}."]
    row: Mapping[Any, Any] = rows.iloc[0].to_dict()
    better, worse = (_few([label for label, said in row["words"] if said == word]) for word in (_BETTER, _WORSE))
    where = f"{'for example ' if len(rows) > 1 else ''}{row['regime_label']} {_on(row['task_label'], condition_name(row))}"
    return [f"{count} better there: {where} is better than {row['baseline']} by {better} and worse by {worse}."]


def _few(labels: Sequence[str]) -> str:
    return listed([_lower(label) for label in labels[:_NAMED]])


def _lower(label: str) -> str:
    """A label within a sentence; one that begins with an abbreviation stays as it is, but for one that few know."""
    if label.startswith("TV "):
        return f"total variation {label.removeprefix('TV ')}"
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]


def _largest(rows: pd.DataFrame, way: Mapping[str, Any], word: str, *, alone: bool, one_case: bool) -> str:
    """The largest change that is shown of a way of training, by the ratio of the two levels, in words.

    Args:
        rows: the comparisons by headlines.
        way: of `_ways`.
        word: which changes.
        alone: whether there is no other way, so that it need not be named.
        one_case: whether there is no other case, so that it need not be named where a way is.
    """
    keys = zip(rows["regime_label"].astype(str), rows["setting"].astype(str), strict=True)
    own = np.array([key in way["keys"] for key in keys], dtype=bool) & (rows["verdict"] == word).to_numpy()
    known = rows[own & (rows["baseline"].astype(str) == way["baseline"]).to_numpy()].to_dict("records")
    top = max(known, key=_size)
    said, place = _change(top), _on(top["task_label"], condition_name(top))
    if len(known) == 1:
        return f"there {said}" if way["of"] == 1 else f"{place} {said}"
    whose = [] if alone else [f"that of {top['regime_label']}"]
    return f"the largest change is {' '.join(whose if whose and one_case else [*whose, place])}, where {said}"


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
    label, numbers = _lower(str(row["label"])), (row["mean"], row["low"], row["high"])
    if row["ratio"]:
        if not plain_ratio(*numbers):
            mean, low, high = (_number(value) for value in numbers)
            return f"{label} is multiplied by {mean} ({low} to {high} {_SURE})"
        mean, *ends = (100 * abs(value - 1) for value in numbers)
        low, high = (f"{value:.2g}" if value < 10 else f"{value:.0f}" for value in sorted(ends))
        amount = f"{mean:.2g}" if mean < 10 else f"{mean:.0f}"
        return f"{label} {'falls' if row['mean'] < 1 else 'rises'} by {amount} % ({low} to {high} % {_SURE})"
    old, new = row["baseline_mean"], row["baseline_mean"] + row["mean"]
    levels = f"from {_number(old)} to {with_unit(_number(new), str(row['unit']).partition(',')[0])}"
    way = "falls" if row["mean"] < 0 else "rises"
    low, high = sorted(abs(value) for value in numbers[1:])
    return f"{label} {way} {levels} (by {_number(low)} to {_number(high)} {_SURE})"


def _caveats(sets: pd.DataFrame, rows: pd.DataFrame, way: Mapping[str, Any], material: Material) -> tuple[list[str], list[str]]:
    """What must be said with a way of training that is named as the best or the last, and what is said where there is room."""
    keys = zip(sets["regime_label"].astype(str), sets["setting"].astype(str), strict=True)
    own = sets[[key in way["keys"] for key in keys]]
    kind_of = kinds(material)
    by_headlines = rows.merge(own[PAIR], on=PAIR)
    one_kind = len(by_headlines.loc[on_one_kind(by_headlines, kind_of), PAIR].drop_duplicates())
    players = unbeaten_better(own, material)
    grave, light = [], []
    if len(players):
        alone = len(players.drop_duplicates(["task_label", "model_label", "method"]))
        names = listed(list(dict.fromkeys(players["player"]))[:_NAMED])
        better = way["better"] * len(way["names"])
        where = "there" if better == 1 else f"in all {better} cases" if alone == better else f"in {alone} of {better} cases"
        grave.append(f"yet {where} a source spoilt on purpose ({names}) is not shown to be worse")
    if by_no_headline(by_headlines, kind_of):
        grave.append("no headline of a task was measured there, so that a degenerate model may win by what stands in")
    elif one_kind:
        of = int(own["verdict"].isin(WORDS[:3]).sum())
        where = "" if one_kind == of else f" in {one_kind} of {of} cases"
        light.append(f"that rests on one kind of measure alone{where}")
    if missing := not_of_both(by_headlines, kind_of):
        light.append(f"it is judged without headlines that one side lacks ({missing})")
    if unequal_budgets.of_pairs(material, own):
        grave.append("its training was not given as much work as the baseline's")
    return grave, light


def _levels(table: pd.DataFrame, sets: pd.DataFrame) -> list[str]:
    """The errors where no two ways of training can be compared: with intervals, or without where there are too few seeds."""
    rows = table[table["primary"] & (table["n"] > 0)]
    few, many = int(rows["n"].min()), int(rows["n"].max())
    if many >= FEWEST:
        first = baseline_rows(table)
        first = first if len(first) else rows
        few, many = int(first["n"].min()), int(first["n"].max())
        uncompared = f"; {_uncompared(sets)}" if len(sets) else ""
        return [f"Over {over(few, many)}, {_each(first)}{uncompared}."]
    missing = (
        f"With {over(few, many)} there are no intervals, which take {FEWEST} seeds, so that nothing is called better or worse."
    )
    return [missing, f"{capital(_lowest(rows) if rows['method'].nunique() > 1 else _each(rows))}."]


def _uncompared(sets: pd.DataFrame) -> str:
    """That no way of training has a verdict."""
    names = together(list(dict.fromkeys(sets["regime_label"].astype(str))))
    who = listed(names) if len(names) <= _NAMED else f"{len(names)} ways of training"
    first = listed(list(dict.fromkeys(sets["baseline"].astype(str))))
    return f"{who} cannot be judged against {first}: by some measure fewer than {FEWEST} seeds have a result on both sides"


def _each(rows: pd.DataFrame) -> str:
    """The level of each condition running free, where there are few; else how many there are."""
    row: Mapping[Any, Any] = rows.iloc[0].to_dict()
    by = f"trained by {row['method'] if rows['method'].nunique() == 1 else row['method'].partition(' (')[0]}"
    if rows["label"].nunique() > 1 or len(rows) > _NAMED:
        spans = [
            f"{_lower(str(label))} {_between(of['free'])}" for label, of in rows.groupby("label", observed=True, sort=False)
        ]
        more = "" if len(spans) <= _NAMED else f" ({len(spans) - _NAMED} more measures are in the table)"
        over_cases = f"over {counted(len(rows), 'case')} (a case is a task with a model)"
        return f"models {by}, running free, have {listed(spans[:_NAMED])}{more}, {over_cases}"
    several, levels = rows["model_label"].nunique() > 1, list[str]()
    for each in rows.to_dict("records"):
        ends = f" ({_number(each['free_low'])} to {_number(each['free_high'])})" if math.isfinite(each["free_low"]) else ""
        level = with_unit(_number(each["free"]), str(each["unit"]).partition(",")[0])
        task = _flat(str(each["task_label"]))
        levels.append(f"{level}{ends} {_on(task, str(each['model_label'])) if several else f'on {task}'}")
    sure = ""
    if rows["free_low"].notna().any():
        sure = f", {'the range' if len(rows) == 1 else 'each range'} {_SURE}"
    who = "models" if several else str(row["model_label"])
    return f"{_lower(str(row['label']))} of {who} {by}, running free, is {listed(levels)}{sure}"


def _between(values: pd.Series) -> str:
    low, high = _number(values.min()), _number(values.max())
    return f"of {low}" if low == high else f"between {low} and {high}"


def _lowest(rows: pd.DataFrame) -> str:
    """Which way of training has the lowest error running free: of one case with numbers, of several in how many."""
    best, cases = dict[str, int](), 0
    for _, of in rows.groupby(["task_label", "model_label"], observed=True, sort=False):
        of = of[of["free"].notna()].sort_values("free", ascending=bool((of["better"] != "higher").all()), kind="stable")
        if of["method"].nunique() > 1:
            cases += 1
            first, last = of.iloc[0], of.iloc[-1]
            best[str(first["method"])] = best.get(str(first["method"]), 0) + 1
    if not cases:
        return _each(baseline_rows(rows))
    if cases == 1:
        more = "more" if first["better"] == "higher" else "less"
        numbers = " to ".join(f"{_number(row['free'])} ({row['method']})" for row in (first, last))
        where = f"on {first['task_label']} ({first['model_label']})"
        return f"running free {where}, {_lower(str(first['label']))} is from {numbers}, and {more} is better"
    name = max(best, key=lambda one: best[one])
    return f"running free, the best mean is that of {name} in {best[name]} of {cases} cases (a case is a task with a model)"


def _gap(table: pd.DataFrame) -> list[str]:
    """What being fed its own outputs does to the baseline: with numbers of one condition, in how many of several."""
    known = judged_gaps(table)
    if known.empty:
        return []
    harm = known["gap"].mask(known["better"] == "higher", -known["gap"])
    more, less = (int((known["shown"] & side).sum()) for side in (harm > 0, harm < 0))
    who = f"models trained by {first_method(table)}"
    if len(known) > 1:
        shown = f"more in {more} and less in {less} of {len(known)} cases"
        return [f"fed their own outputs, {who} are shown to err {shown}"]
    row = known.iloc[0]
    unit = str(row["unit"]).partition(",")[0]
    free, forced = with_unit(_number(row["free"]), "" if unit == "probability" else unit), _number(row["forced"])
    err = "are shown to err more" if more else "are shown to err less" if less else "are not shown to err more or less"
    sure = f"a difference between {_number(row['gap_low'])} and {_number(row['gap_high'])} {_SURE}"
    levels = f"{_lower(str(row['label']))} of {free} against {forced} when fed the truth, {sure}"
    return [f"fed their own outputs, {who} {err}: {levels}"]


def _not_shown(sets: pd.DataFrame, rows: pd.DataFrame, margin: float) -> list[str]:
    """In how many comparisons no difference is shown, and how many seeds would find one as large as the margin."""
    unknown, said = int((sets["verdict"] == OPEN).sum()), list[str]()
    if unknown:
        said.append(f"in {unknown} of {counted(len(sets), 'comparison')} neither a difference nor its absence is shown")
        takes = rows.loc[(rows["verdict"] == OPEN) & rows["needed"].notna(), "needed"]
        if len(takes):
            ends = [needed(value, "seed") for value in (takes.min(), takes.max())]
            span = ends[0] if ends[0] == ends[1] else f"{ends[0].removesuffix(' seeds')} to {ends[1]}"
            said.append(f"by the spread seen here it takes {span} to find one of {100 * margin:g} %")
    return said


def _too_few(sets: pd.DataFrame) -> list[str]:
    """How many comparisons have no verdict, where others have one."""
    few = int((sets["verdict"] == NONE).sum())
    have = "has" if few == 1 else "have"
    return [f"{counted(few, 'comparison')} {have} too few seeds with a result for a verdict"] if 0 < few < len(sets) else []


def _without_result(runs: pd.DataFrame) -> list[str]:
    """How many runs are in no mean."""
    lost = int(runs["status"].isin(["diverged", "failed"]).sum())
    pending = int((~runs["status"].isin(["done", "diverged", "failed"])).sum())
    said = (
        [f"{lost} of {counted(len(runs), 'run')} diverged or failed and {'is' if lost == 1 else 'are'} in no mean"]
        if lost
        else []
    )
    return [
        *said,
        *([f"{counted(pending, 'run')} of {len(runs)} {'has' if pending == 1 else 'have'} not ended"] if pending else []),
    ]
