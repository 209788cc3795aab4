"""Looks: the colour and the marker of each method, the same in every figure of a study, whichever of its runs are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

#: Okabe & Ito 2008, without the yellow, which is too pale for a line.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h")


@dataclass(frozen=True, kw_only=True)
class Look:
    """The colour and the marker of a method, the same in every figure of a study."""

    colour: str
    marker: str


def looks(methods: Sequence[str]) -> dict[str, Look]:
    """A look for each method, by its place."""
    return {name: _at(place) for place, name in enumerate(methods)}


def looks_of_study(labels: pd.DataFrame, whole: pd.DataFrame) -> dict[str, Look]:
    """The looks that the methods of some runs have in the figures of their whole study.

    Methods of one task have colours of their own as long as there are some, and no two methods look alike.

    Args:
        labels: what `analysis.inference.replicates.conditions` gives of the runs that are shown.
        whole: the same of all runs of the study, in which a method can be called otherwise.
    """
    codes, beyond = whole["method"].cat.codes, len(whole["method"].cat.categories)
    colours, places = _colours(whole), dict[str, int]()
    for method in labels["method"].cat.categories:
        place = int(codes[labels.index[labels["method"] == method]].min())
        if place in places.values():
            place, beyond = beyond, beyond + 1
        places[str(method)] = place
    return {name: replace(_at(place), colour=colours.get(place, _at(place).colour)) for name, place in places.items()}


def _colours(whole: pd.DataFrame) -> dict[int, str]:
    """The colour of each method, by its place: that of its place, or the next one that no method before it has on its tasks."""
    on_tasks = [set(codes) for _, codes in whole["method"].cat.codes.groupby(whole["task_label"].astype("str"))]
    colours: dict[int, str] = {}
    for place in range(len(whole["method"].cat.categories)):
        beside = {colours[other] for codes in on_tasks if place in codes for other in codes if other in colours}
        beside |= {colours[other] for other in range(place % len(MARKERS), place, len(MARKERS))}  # with the same marker
        own = [COLOURS[(place + step) % len(COLOURS)] for step in range(len(COLOURS))]
        colours[place] = next((colour for colour in own if colour not in beside), own[0])
    return colours


def _at(place: int) -> Look:
    return Look(colour=COLOURS[place % len(COLOURS)], marker=MARKERS[place % len(MARKERS)])
