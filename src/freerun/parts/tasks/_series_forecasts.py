"""Forecasts of a series that are shown of a run: truth and forecasts from several origins of one test stretch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from freerun.errors import given
from freerun.parts.tasks._own_series import Place
from freerun.parts.tasks._windows import window_count

#: Forecasts and columns that are shown of a run.
_ORIGINS, COLUMNS = 4, 3


def forecasts(
    observed: Any, lengths: Sequence[int], room: Sequence[int], places: Sequence[Place],
    dates: Callable[[np.ndarray], list[str | float]],
) -> tuple[str, list[dict[str, Any]]]:  # fmt: skip
    """Return the name of the series that is shown, and its forecasts by origin, in the units and the dates of the file.

    Args:
        observed: the free rollout of the run, over windows of the test part.
        lengths: rows of each test stretch.
        room: steps of the longest window of each.
        places: where each stands in time.
        dates: returns times for people.
    """
    counts = [window_count(length, len(observed.targets), longest) for length, longest in zip(lengths, room, strict=True)]
    ends = np.cumsum(counts)
    index = observed.index.numpy()
    which = np.searchsorted(ends, index, side="right")
    stretch = int(np.bincount(which).argmax())
    own = np.flatnonzero(which == stretch)
    apart = 1 + int(index[own[-1]] - index[own[0]]) // (len(observed.targets) - observed.warmup)
    count = min(_ORIGINS, max(2, apart))  # at least two, and so few that they do not overlap
    chosen = own[np.unique(np.linspace(0, len(own) - 1, count).round().astype(int))]
    mean, std = given(observed.data.mean), given(observed.data.std)
    origins = []
    for number in chosen:
        begin = int(index[number] - (ends[stretch] - counts[stretch])) + 1  # behind what stands before the first target
        at = places[stretch].at[begin : begin + len(observed.targets)]
        true, made = (
            (values[:, number] * std + mean).double()[:, :COLUMNS].tolist() for values in (observed.targets, observed.outputs)
        )
        origins.append({"at": dates(at), "true": true, "forecast": made[observed.warmup :]})
    return places[stretch].name, origins
