"""Times of forecasts, written as the frame that is forecast has its own: dates, texts with their time zone, or numbers."""

from __future__ import annotations

import re
from datetime import date, datetime, tzinfo
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int

from freerun.parts.tasks._clock import written
from freerun.parts.tasks._dates import OFFSET

#: How dates are written in texts and in whole numbers, of which the one that writes the last row again is taken.
_FORMS = (
    "%Y-%m-%d", "%Y-%m", "%Y/%m/%d", "%Y/%m", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M",
    "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y%m%d", "%Y%m", "%Y%m%d%H", "%Y%m%d%H%M", "%Y%m%d%H%M%S",
)  # fmt: skip
#: The latest time stamp in seconds since 1970 (`freerun.parts.tasks._dates.unix`); the factors to what is finer.
_LATEST, _FACTORS = 4.1e9, (1, 10**3, 10**6, 10**9)


def plain_times(at: np.ndarray, column: pd.Series) -> Any:
    """Return times that are no dates as a column has them: durations, whole numbers or others.

    Args:
        at: in the units of the column; of durations, seconds.
        column: of the frame.
    """
    if column.dtype.kind == "m":
        return pd.Series(pd.to_timedelta(at, unit="s")).astype(column.dtype)
    return pd.Series(np.round(at)).astype(column.dtype) if column.dtype.kind in "iu" else at


def dates(moments: Int[np.ndarray, " S"], column: pd.Series, last: Any, form: str | None) -> Any:
    """Return dates as a column has them: dates, texts or numbers, in the way and in the time zone of one of its cells.

    Args:
        moments: in microseconds since 1970, UTC.
        column: of the frame.
        last: the cell.
        form: in which texts are declared to be written, as `strftime` has it.
    """
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return pd.to_datetime(moments, unit="us", utc=True).tz_convert(column.dtype.tz)
    when = pd.to_datetime(moments, unit="us")
    if column.dtype.kind == "M":
        return when.astype(column.dtype)
    if isinstance(last, datetime):
        return np.asarray(_in_zone(when, last.tzinfo).to_pydatetime(), dtype=object)
    if isinstance(last, date):
        return when.date
    whole = column.dtype.kind in "iuf"
    text = str(int(last)) if whole else str(last).strip()
    made = _in_form(when, text, form)
    if made is None and (whole or text.isdigit()):  # seconds since 1970, or what is finer
        counted = _counted(moments, float(last), "f" if column.dtype.kind == "f" else "i")
        return counted.astype(column.dtype) if whole else counted.astype(str).to_numpy(dtype=object)
    if made is None:
        made = pd.Index(_with_offset(moments, text), dtype=object)
    return pd.Series(made).astype("int64").astype(column.dtype) if whole else np.asarray(made, dtype=object)


def _in_zone(when: pd.DatetimeIndex, zone: tzinfo | None) -> pd.DatetimeIndex:
    return when if zone is None else when.tz_localize("UTC").tz_convert(zone)


def _in_form(when: pd.DatetimeIndex, text: str, form: str | None) -> pd.Index | None:
    """Return dates in the declared form, or in the one that writes a text again and loses nothing; None without one."""
    if form is not None and (last := _read(form, text)) is not None:
        return _in_zone(when, last.tzinfo).strftime(form)
    for known in _FORMS:
        if _writes(known, text) and (pd.to_datetime(made := when.strftime(known), format=known) == when).all():
            return made
    return None


def _writes(form: str, text: str) -> bool:
    """Whether a form reads a text and writes it again."""
    return (moment := _read(form, text)) is not None and moment.strftime(form) == text


def _read(form: str, text: str) -> datetime | None:
    try:
        return datetime.strptime(text, form)
    except ValueError:
        return None


def _with_offset(moments: Int[np.ndarray, " S"], text: str) -> list[Any]:
    """Return dates in ISO 8601, with the offset from UTC that a text has at its end."""
    if (found := re.search(OFFSET, text)) is None:
        return list(written(moments, moments))
    offset = text[found.start(1) :]
    zone = datetime.fromisoformat(f"2000-01-01T00:00{offset}").tzinfo
    local = _in_zone(pd.to_datetime(moments, unit="us"), zone).tz_localize(None)
    made = _in_form(local, text[: found.start(1)].rstrip(), None)
    plain = local.to_numpy().astype("datetime64[us]").astype(np.int64)
    return [f"{each}{offset}" for each in (written(plain, plain) if made is None else made)]


def _counted(moments: Int[np.ndarray, " S"], last: float, kind: str) -> pd.Series:
    """Return dates as so many seconds since 1970, or milli-, micro- or nanoseconds, as one of them is."""
    unit = next((unit for unit in _FACTORS if last <= _LATEST * unit), _FACTORS[-1])
    if kind == "f":
        return pd.Series(moments / (10**6 / unit))
    return pd.Series(moments * (unit // 10**6) if unit >= 10**6 else (moments + 10**6 // unit // 2) // (10**6 // unit))
