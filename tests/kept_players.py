"""Reference players measured once a process, whatever store they are for: a record is a function of its identity."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from freerun.execution import group_measurement
from freerun.measurement import player_measurement

#: The records that were made in this process, with their notes, by identity and by what measured them.
_records: dict[tuple, tuple] = {}


def measured(*arguments):
    """What `player_measurement.measured` returns, kept."""
    key = arguments[-1], player_measurement.measured
    if key not in _records:
        _records[key] = player_measurement.measured(*arguments)
    return _records[key]


def keep(patch: pytest.MonkeyPatch) -> None:
    """Have runs take them from there."""
    patch.setattr(group_measurement, "player_measurement", SimpleNamespace(measured=measured))


def keep_none(patch: pytest.MonkeyPatch) -> None:
    """Have them measured as often as a store lacks them."""
    patch.setattr(group_measurement, "player_measurement", player_measurement)
