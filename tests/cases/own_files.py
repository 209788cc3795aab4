"""Files of the user's own for the cases: columns as text, what is taken of them, and the line that refuses them."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from freerun.errors import ConfigError
from freerun.parts.tasks.series import Series

N = 120
LOAD = [f"{10 + np.sin(i / 5):.3f}" for i in range(N)]
TEMP = [f"{100 + 9 * np.cos(i / 7):.3f}" for i in range(N)]
HOURS = [str(datetime(2021, 1, 1) + timedelta(hours=i)) for i in range(N)]


def text(delimiter=",", **columns):
    lines = zip(*columns.values(), strict=True)
    return "\n".join([delimiter.join(columns), *(delimiter.join(line) for line in lines)]) + "\n"


def refused(path, *words, **settings):
    """The one line with which a file is refused; it holds some words, and its end is not cut."""
    with pytest.raises((ConfigError, ValueError)) as fault:
        Series(path=str(path), **settings).check(10)
    line = str(fault.value)
    assert len(line) <= 190, line
    assert "\n" not in line
    for word in words:
        assert word in line, line
    return line


def taken(path, *said, **settings):
    """What is taken of a file: names and the whole table; the notes say some words."""
    task = Series(path=str(path), **settings)
    notes = " ".join(task.notes())
    for word in said:
        assert word in notes, notes
    values, names = task.values()
    return names, values


def put(cells, **changes):
    """A column with some cells replaced, by `row_N`."""
    changed = list(cells)
    for place, value in changes.items():
        changed[int(place.removeprefix("row_"))] = value
    return changed
