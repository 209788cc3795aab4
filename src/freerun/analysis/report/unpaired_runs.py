"""Runs without a partner, and so in no comparison: of a seed, or a setting, that the other side does not have."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from freerun.analysis.inference.labels import merged
from freerun.analysis.report.number_text import counted, listed

_PLACE = ["task_label", "model_label", "setting"]
#: So many conditions are named one by one.
_NAMED = 6


def _lone(runs: pd.DataFrame) -> Iterator[tuple[str, int, int]]:
    """The conditions with runs without a partner: each in words, how many it has, of how many."""
    for (task, model, setting), of_place in runs.groupby(_PLACE, observed=True, sort=False):
        regimes = [name for name in runs["regime_label"].cat.categories if (of_place["regime_label"] == name).any()]
        seeds = {name: of_place.loc[of_place["regime_label"] == name, "seed"] for name in regimes}
        others = set().union(*(set(seeds[name]) for name in regimes[1:]))
        for name in regimes if len(regimes) > 1 else ():
            lone = int((~seeds[name].isin(others if name == regimes[0] else set(seeds[regimes[0]]))).sum())
            if lone:
                yield f"{merged(str(name), str(setting))} ({task}, {model})", lone, len(seeds[name])


def uncompared(runs: pd.DataFrame, sets: pd.DataFrame) -> list[tuple[str, str, str, str]]:
    """The conditions that are neither compared nor a baseline: task, model, regime, setting; none where nothing is compared.

    Args:
        runs: with the labels of conditions.
        sets: what `verdicts.judged_sets` gives.
    """
    place, of_sets = runs[[*_PLACE, "regime_label"]].drop_duplicates(), sets[[*_PLACE, "regime_label", "baseline"]].astype(str)
    known = {(*row[:3], name) for row in of_sets.itertuples(index=False, name=None) for name in row[3:]}
    every = place.astype(str).itertuples(index=False, name=None) if known else ()
    return [
        (task, model, regime, setting) for task, model, setting, regime in every if (task, model, setting, regime) not in known
    ]


def without_baseline(runs: pd.DataFrame, sets: pd.DataFrame) -> list[str]:
    """Which conditions are compared with nothing for want of a baseline of their setting, in a sentence; arguments as above."""
    places: dict[str, list[str]] = {}
    for task, model, regime, setting in uncompared(runs, sets):
        places.setdefault(merged(regime, setting), []).append(f"{task} ({model})")
    if not places:
        return []
    named = [f"{name} on {listed(where[:_NAMED])}" for name, where in list(places.items())[:_NAMED]]
    more = [counted(len(places) - _NAMED, "more method")] if len(places) > _NAMED else []
    firsts = listed(list(dict.fromkeys(sets["baseline"].astype(str))))
    return [f"Compared with nothing, since {firsts} was not run with the same setting: {'; '.join([*named, *more])}."]


def in_short(runs: pd.DataFrame) -> list[str]:
    """How many runs have no partner, in a clause.

    Args:
        runs: with the labels of conditions.
    """
    count = sum(lone for _, lone, _ in _lone(runs))
    have = "has no partner of its seed and is" if count == 1 else "have no partner of their seed and are"
    return [f"{counted(count, 'run')} {have} in no comparison"] if count else []


def sentences(runs: pd.DataFrame) -> list[str]:
    """Which conditions have runs without a partner, in a sentence."""
    known = list(_lone(runs))
    if not known:
        return []
    named = [f"{lone} of {of} of {name}" for name, lone, of in known[:_NAMED]]
    more = [f"those of {counted(len(known) - _NAMED, 'more condition')}"] if len(known) > _NAMED else []
    return [
        "Only runs of one seed are paired. Without a partner of their seed, and so in no comparison: "
        f"{listed([*named, *more])}."
    ]
