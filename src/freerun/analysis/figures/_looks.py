"""Looks: the colour and the marker of each method, the same in every figure of a study, whichever of its runs are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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

    Args:
        labels: what `analysis.inference.replicates.conditions` gives of the runs that are shown.
        whole: the same of all runs of the study, in which a method can be called otherwise.
    """
    codes, beyond = whole["method"].cat.codes, len(whole["method"].cat.categories)
    places: dict[str, int] = {}
    for method in labels["method"].cat.categories:
        place = int(codes[labels.index[labels["method"] == method]].min())
        if place in places.values():
            place, beyond = beyond, beyond + 1
        places[str(method)] = place
    return {name: _at(place) for name, place in places.items()}


def _at(place: int) -> Look:
    return Look(colour=COLOURS[place % len(COLOURS)], marker=MARKERS[place % len(MARKERS)])
