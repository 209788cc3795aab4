"""Notes on a series: how many stretches it has, what is trained, validated and tested on, how it is scaled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from freerun.io.text import one_line
from freerun.parts.tasks import SPLITS
from freerun.parts.tasks._scaling import scaling

#: Most columns of which the scaling is told.
_TOLD = 6

Pieces = Mapping[str, Sequence[np.ndarray]]


def stretches(file: str, pieces: Pieces, taken: Pieces, room: int) -> list[str]:
    """Return a line on the stretches that are too short for a window; nothing where each part is one.

    Args:
        file: as notes name it.
        pieces: of the file, by split.
        taken: those of them that have windows.
        room: steps of the longest window.
    """
    count, kept = (sum(len(some) for some in each.values()) for each in (pieces, taken))
    rows, held = (sum(len(piece) for some in each.values() for piece in some) for each in (pieces, taken))
    if count == len(SPLITS) == kept:
        return []
    lost = f"; {count - kept} of them, {rows - held} rows, are too short for windows of {room} steps" if rows > held else ""
    return [f"{file}: {count} stretches in the three parts{lost}"]


def parts(file: str, taken: Pieces, spans: Mapping[str, Sequence[Sequence[str | float]]], split: str, shares: int) -> str:
    """Return a line on what is trained, validated and tested on.

    Args:
        file: as notes name it.
        taken: the stretches that have windows, by split.
        spans: the first and the last time of each; empty where rows have none.
        split: `time` or `series`.
        shares: of the test part, of which a run is tested on one.
    """
    told = []
    for name, words in zip(SPLITS, ("training", "validation", "test"), strict=True):
        dated = ""
        if spans:
            first, last = min(span[0] for span in spans[name]), max(span[1] for span in spans[name])
            dated = f" from {_time(first)} to {_time(last)}"
        told.append(f"{words} {sum(map(len, taken[name]))} rows{dated}")
    share = f"; a run is tested on one of {shares} shares" if shares > 1 else ""
    return f"{file}: split {'by whole series' if split == 'series' else 'by time'}: {', '.join(told)}{share}"


def scales(file: str, train: Sequence[np.ndarray], columns: Sequence[str]) -> str:
    """Return a line on the mean and the standard deviation that each column of the training part has."""
    means, spreads = scaling(np.concatenate(train)[:, None])
    told = [
        f"{one_line(name, 30)} {mean:.5g} and {spread:.5g}"
        for name, mean, spread in zip(columns, means.tolist(), spreads.tolist(), strict=True)
    ]
    more = f" and {len(told) - _TOLD} columns more" if len(told) > _TOLD else ""
    scaled = "scaled to mean 0 and standard deviation 1 of the training part, which has"
    return f"{file}: {scaled} {', '.join(told[:_TOLD])}{more}"


def _time(time: str | float) -> str:
    return time if isinstance(time, str) else f"{time:.10g}"
