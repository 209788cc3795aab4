"""Order of the ways of training in the opening of a report: which did best and which worst, in words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from freerun.analysis.inference.labels import merged
from freerun.analysis.report.findings import together
from freerun.analysis.report.number_text import counted, listed
from freerun.analysis.report.verdicts import CONFLICT, EQUIVALENT, WORDS

#: So many things are named one by one.
NAMED = 3
BETTER, WORSE = WORDS[:2]
#: In brackets: three ways of setting it or more, and the first two of four settings or more.
_MANY_SETTINGS = re.compile(r"\([^()]*;[^()]*;[^()]*\)")
_LONG_SETTING = re.compile(r"\(([^(),;]*, [^(),;]*)((?:, [^(),;]*=[^(),;]*){2,})\)")


def ways_of_training(sets: pd.DataFrame) -> list[dict[str, Any]]:
    """Every way of training with its verdicts, the best on balance first; those with the same ones together.

    Of two that are worse as often more than they are better the one that is better less often comes first.
    """
    ways: dict[tuple[Any, ...], dict[str, Any]] = {}
    for (regime, setting, first), of in sets.groupby(["regime_label", "setting", "baseline"], observed=True, sort=False):
        counts = of["verdict"].value_counts()
        tally = tuple(int(counts.get(word, 0)) for word in (*WORDS, CONFLICT))
        where = tuple(zip(of["task_label"], of["model_label"], strict=True))
        words = tuple(of["verdict"]) if len(of) <= NAMED else tally
        new = {"names": [], "keys": [], "baseline": str(first), "where": where, "words": words}
        way = ways.setdefault((first, words, where), new)
        way["names"].append(merged(str(regime), str(setting)))
        way["keys"].append((str(regime), str(setting)))
        way |= {
            "better": tally[0],
            "worse": tally[1],
            "same": tally[2],
            "torn": tally[-1],
            "of": len(of),
            "score": (tally[0] - tally[1]) / len(of),
        }
    return sorted(ways.values(), key=lambda way: (-way["score"], way[WORSE] / way["of"]))


def comparable_ways(ways: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The ways of training that can be put in an order: of one baseline, compared in the same cases, as many as there are.

    A way that was run in the easy cases alone would else be the best. Those of which something is shown come first.
    """
    same: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for way in ways:
        same.setdefault((way["baseline"], frozenset(way["where"])), []).append(way)
    return max(same.values(), key=lambda of: (any(way["better"] or way["worse"] for way in of), of[0]["of"]))


def other_ways(every: Sequence[Mapping[str, Any]], ways: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """How many ways of training are in no order, for they were compared in other cases; what must be said of it, and may be.

    That some of them are better and never worse has to be said beside an order in which they do not stand.
    """
    others = [way for way in every if way not in ways]
    won = [way for way in others if way[BETTER] and not way[WORSE] and not way["torn"]]
    left, good = (sum(len(way["names"]) for way in some) for some in (others, won))
    if not left:
        return [], []
    if not good:
        return [], [f"{counted(left, 'other way')} of training {'was' if left == 1 else 'were'} not compared in the same cases"]
    whole, of = ("", "") if left == good else ("of ", f" {good}")
    verb = "is" if good == 1 else "are"
    return [f"{whole}{counted(left, 'other way')} of training, compared in other cases,{of} {verb} better and never worse"], []


def tasks_of(every: Sequence[Mapping[str, Any]], ways: Sequence[Mapping[str, Any]]) -> str:
    """On which tasks some ways of training were compared, where others were on others too."""
    tasks, whole = (list(dict.fromkeys(flat_label(task) for way in of for task, _ in way["where"])) for of in (ways, every))
    few = len(tasks) <= NAMED + 1 and not one_case(ways)
    return f"on {listed(tasks)} " if few and len(tasks) < len(whole) else ""


def order_in_words(ways: Sequence[Mapping[str, Any]], sets: pd.DataFrame, margin: float, case: str) -> str:
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
    if one_case(ways):
        return _in_one_case(ways, baseline)
    start = f"of {count} ways of training compared with {baseline} in {counted(first['of'], 'case')} (tasks with a model)"
    if first["score"] > 0:
        start = f"{start} {_names(first)} did best, {_became(first, counted_cases=True)}"
    else:
        start = f"{start} none did better on balance: nearest was {_names(first)}, {_became(first, counted_cases=True)}"
    if not last[WORSE]:
        return f"{start}, and {'the other is' if count == 2 else 'no other is'} {'not ' if count == 2 else ''}shown to be worse"
    return f"{start}, and {_names(last)} did worst, {_became(last, counted_cases=True)}"


def one_case(ways: Sequence[Mapping[str, Any]]) -> bool:
    """Whether all ways of training were compared in one case, a task with a model."""
    return len({pair for way in ways for pair in way["where"]}) == 1


def _in_one_case(ways: Sequence[Mapping[str, Any]], baseline: str) -> str:
    """Which ways of training are better and which worse in the only case that there is."""
    said, neither = list[str](), sum(len(way["names"]) for way in ways if not way[BETTER] and not way[WORSE])
    for word in (BETTER, WORSE):
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
    names = [_LONG_SETTING.sub(_first_settings, _MANY_SETTINGS.sub(_counted_settings, name)) for name in together(way["names"])]
    return listed(names) if len(names) <= NAMED else f"{names[0]} (and {len(names) - 1} like it)"


def _counted_settings(settings: re.Match[str]) -> str:
    """Settings in brackets as their number."""
    return f"({settings[0].count(';') + 1} settings)"


def _first_settings(settings: re.Match[str]) -> str:
    """The first two settings in brackets, and how many more there are."""
    return f"({settings[1]} and {settings[2].count(', ')} more settings)"


def _case(way: Mapping[str, Any]) -> str:
    ((task, model),) = set(way["where"])
    return on_case(task, model)


def on_case(task: str, model: str) -> str:
    """Where something holds, without brackets in brackets."""
    return f"on {flat_label(task)} ({flat_label(model)})"


def flat_label(label: str) -> str:
    """A label without brackets, its settings behind commas."""
    return label.replace(" (", ", ").replace(")", "")


def _cases(way: Mapping[str, Any], word: str) -> str:
    """The cases in which a way of training has one verdict."""
    of_word = [place for place, said in zip(way["where"], way["words"], strict=True) if said == word]
    return listed([on_case(task, model) for task, model in of_word])


def _became(way: Mapping[str, Any], than: str = "", case: str = "", *, counted_cases: bool = False) -> str:
    """In how many cases a way of training is better and in how many worse, in words; `counted_cases`: of how many was said."""
    words = (BETTER, WORSE) if way["score"] > 0 else (WORSE, BETTER)
    shown = [word for word in words if way[word]]
    if not shown:
        return f"neither better nor worse{than} {_case(way) if way['of'] == 1 else 'in any of ' + counted(way['of'], 'case')}"
    if way["of"] == 1:
        return f"{shown[0]}{than} {_case(way)}"
    if way["of"] <= NAMED and way[shown[0]] < way["of"]:
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
