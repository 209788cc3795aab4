"""Forecasts of frames: a trained run goes on from the user's own rows, in their columns, units and dates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from freerun.api.forecast_times import dates, plain_times
from freerun.errors import ConfigError, given
from freerun.io import frames
from freerun.io.text import brief
from freerun.parts.tasks import Task
from freerun.parts.tasks._calendar_columns import NAMES
from freerun.parts.tasks._continued_frames import ORIGIN, Beginning, beginnings
from freerun.parts.tasks.series import Series

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
            names = [frames.label(flat, name) for name in task.recorded().names]
            made = dict(zip(names, said[:, number * each + sample].T, strict=True))
            parts.append(pd.DataFrame({**_times(task, series, flat), **_label(task, series, flat), **told, **made}))
    return _indexed(pd.concat(parts, ignore_index=True), rows)


def _label(task: Series, series: Beginning, flat: pd.DataFrame) -> dict[Any, Any]:
    """Return the column of the ids, as the frame has them."""
    if task.id is None or not series.name:
        return {}
    name = frames.label(flat, task.id)
    return {name: flat[name].iloc[series.row]}


def _indexed(made: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the forecast with the index of the frame, where that is among its columns; periods are periods again."""
    for name in [name for name in made if name in rows]:
        if isinstance(kind := rows[name].dtype, pd.PeriodDtype):
            made[name] = made[name].astype(kind)
    names = frames.index_names(rows.index)
    if not names or not all(name in made and name not in rows for name in names):
        return made
    made = made.set_index(names)
    if isinstance(kind := rows.index.dtype, pd.PeriodDtype):
        made.index = made.index.astype(kind)
    made.index.names = rows.index.names
    return made


def _times(task: Series, series: Beginning, flat: pd.DataFrame) -> dict[Any, Any]:
    """Return the columns of the time, written as the last row has them."""
    clock = task.recorded().clock
    if clock is None:
        return {}
    moments = clock.moments(series.at)
    if (name := frames.label(flat, clock.name)) in flat:
        column = flat[name]
        if moments is None:
            return {name: plain_times(series.at, column)}
        return {name: dates(moments, column, column.iloc[series.row], task.date_format)}
    when = pd.DatetimeIndex(pd.to_datetime(given(moments), unit="us"))
    parts = {name: part for name in clock.name.split(", ") for part, known in NAMES.items() if name.lower() in known}
    return {frames.label(flat, name): np.asarray(getattr(when, part)) for name, part in parts.items()}
