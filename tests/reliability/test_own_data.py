"""Quick tier of the files of the user's own: a few hundred, and readers that are broken on purpose are caught."""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freerun.parts.tasks import _own_series, _row_rules, _row_times, _series_ids
from reliability import own_data


@settings(max_examples=60, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_a_file_is_read_as_it_says_or_refused(chance: Random):
    with tempfile.TemporaryDirectory() as folder:
        own_data.try_file(chance, Path(folder))


def test_files_of_fixed_seeds(tmp_path):
    for case in own_data.cases(11, 100):
        own_data.check(case, tmp_path)


_whole = _row_rules.Ruled.series
BROKEN = {
    "ids are not asked for": lambda: mock.patch.object(_series_ids, "demand_declared", lambda *_: None),
    "series are glued": lambda: mock.patch.object(
        _row_rules.Ruled, "series", lambda self, ids, count, ends: _whole(self, None, count, ends)
    ),
    "rows stay out of order": lambda: mock.patch.object(_row_rules.Ruled, "_sorted", lambda self, rows: rows),
    "gaps are not seen": lambda: mock.patch.object(_row_rules.Ruled, "_find_step", lambda self, series: None),
    "missing values become 0": lambda: mock.patch.object(
        _row_rules.Ruled,
        "_complete",
        lambda self, series, ends: _row_rules.Rows(table=np.nan_to_num(series.table), rows=series.rows, stretch=series.stretch),
    ),
    "values are filled from the next part": lambda: mock.patch.object(
        _own_series,
        "bounds",
        lambda size, train, validation: {"train": (0, size), "validation": (size, size), "test": (size, size)},
    ),
    "counters are forecast": lambda: mock.patch.object(_row_times, "recognised", lambda *_: None),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_reader_is_caught(broken, tmp_path):
    """Each is found within the files of the quick tier."""
    with BROKEN[broken]():
        _own_series.recorded.cache_clear()
        found = 0
        for case in own_data.cases(11, 100):
            try:
                own_data.check(case, tmp_path)
            except Exception:
                found += 1
                break
    _own_series.recorded.cache_clear()
    assert found, f"nothing was noticed: {broken}"
