"""Forecasts of frames: a trained run goes on from the user's own rows, in their columns, units and dates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd

from freerun.errors import ConfigError, given
from freerun.io import frames
from freerun.io.text import brief
from freerun.parts.tasks import Task
from freerun.parts.tasks._calendar_columns import NAMES
from freerun.parts.tasks._clock import written
from freerun.parts.tasks._continued_frames import ORIGIN, Beginning, beginnings
from freerun.parts.tasks.series import Series

#: How dates are written in texts and in whole numbers, of which the one that writes the last row again is taken.
_FORMS = (
    "%Y-%m-%d", "%Y-%m", "%Y/%m/%d", "%Y/%m", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M",
    "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y%m%d", "%Y%m", "%Y%m%d%H", "%Y%m%d%H%M", "%Y%m%d%H%M%S",
    "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S+00:00",
)  # fmt: skip
#: The latest time stamp in seconds since 1970 (`freerun.parts.tasks._dates.unix`).
_LATEST = 4.1e9

#: Free rollouts of what is read, ``[W+1 N Y]``, and what is given, ``[W+S N X]``, both in the units of the file: ``[S N Y]``.
Rollouts = Callable[[np.ndarray, np.ndarray], np.ndarray]


def forecast(task: Task, frame: Any, horizon: int, warmup: int, samples: int | None, rollouts: Rollouts) -> pd.DataFrame:
    """Return the rows that follow on a frame; see `freerun.api.trained_model.TrainedModel.forecast`.

    Args:
        task: of the run.
        frame: the rows so far.
        horizon: steps of the forecast.
        warmup: steps that the run is forced before.
        samples: of each series; None for one rollout.
        rollouts: of the model.
    """
    if not isinstance(task, Series):
        raise ConfigError("forecast: continues frames on a run of task=series; other runs have generate")
    for name, value in (("horizon", horizon), ("samples", 1 if samples is None else samples)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise ConfigError(f"forecast {name}: must be a whole number from 1 on, got {brief(value)}")
    if not isinstance(frame, (pd.DataFrame, pd.Series)):
        raise ConfigError(f"{ORIGIN}: must be a frame of pandas, got {brief(frame)}")
    rows = frame.to_frame() if isinstance(frame, pd.Series) else frame
    flat = frames.with_index(rows)
    begun = beginnings(task, frames.table(flat, ORIGIN), int(horizon), warmup)
    each = samples or 1
    values, inputs = (
        np.repeat(np.stack(parts, 1), each, 1) for parts in ([one.values for one in begun], [one.inputs for one in begun])
    )
    said = rollouts(values, inputs)
    parts = []
    for number, series in enumerate(begun):
        for sample in range(each):
            told = {} if samples is None else {"sample": sample}
            made = dict(zip(task.recorded().names, said[:, number * each + sample].T, strict=True))
            parts.append(pd.DataFrame({**_times(task, series, flat), **_label(task, series, flat), **told, **made}))
    return _indexed(pd.concat(parts, ignore_index=True), rows)


def _label(task: Series, series: Beginning, flat: pd.DataFrame) -> dict[str, Any]:
    """Return the column of the ids, as the frame has them."""
    return {task.id: flat[task.id].iloc[series.row]} if task.id is not None and series.name else {}


def _indexed(made: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the forecast with the index of the frame, where that is among its columns."""
    names = frames.index_names(rows.index)
    if not names or not all(name in made and name not in rows for name in names):
        return made
    made = made.set_index(names)
    made.index.names = rows.index.names
    return made


def _times(task: Series, series: Beginning, flat: pd.DataFrame) -> dict[str, Any]:
    """Return the columns of the time, written as the last row has them."""
    clock = task.recorded().clock
    if clock is None:
        return {}
    moments = clock.moments(series.at)
    if clock.name not in flat:
        dates = pd.DatetimeIndex(pd.to_datetime(given(moments), unit="us"))
        parts = {name: part for name in clock.name.split(", ") for part, known in NAMES.items() if name.lower() in known}
        return {name: np.asarray(getattr(dates, part)) for name, part in parts.items()}
    column = flat[clock.name]
    if moments is None:
        return {clock.name: series.at.astype(str(column.dtype)) if column.dtype.kind in "iu" else series.at}
    return {clock.name: _dates(moments, column, column.iloc[series.row], task.date_format)}


def _dates(moments: np.ndarray, column: pd.Series, last: Any, form: str | None) -> Any:
    """Return dates as a column has them: dates, texts or numbers, in the way of one of its cells."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return pd.to_datetime(moments, unit="us", utc=True).tz_convert(column.dtype.tz)
    if column.dtype.kind == "M":
        return pd.to_datetime(moments, unit="us").astype(column.dtype)
    dates = pd.to_datetime(moments, unit="us")
    if isinstance(last, date):
        return dates.date
    text = str(int(last)) if column.dtype.kind in "iuf" else str(last).strip()
    form = next((known for known in ([form] if form else _FORMS) if _writes(known, text)), None)
    if form is not None:
        written_as = dates.strftime(form)
        return written_as.astype(column.dtype) if column.dtype.kind in "iuf" else np.asarray(written_as, dtype=object)
    if column.dtype.kind in "iuf":  # seconds since 1970, or what is finer
        unit = next(unit for unit in (1, 1e3, 1e6, 1e9) if float(last) <= _LATEST * unit)
        return np.round(moments / (1e6 / unit)).astype(str(column.dtype))
    return np.asarray(written(moments, moments), dtype=object)


def _writes(form: str, text: str) -> bool:
    """Whether a form reads a text and writes it again."""
    try:
        return datetime.strptime(text, form).strftime(form) == text
    except ValueError:
        return False
