"""Frames to be forecast: of each series what is read before the forecast, what is given for it, and when its steps are.

The columns of a frame are those of the file that a run was trained on, by the same schema and the same rules. Rows at the end
of a series without any value of what is forecast are its future: their inputs are those that are known beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from freerun.errors import ConfigError
from freerun.io.tables import Table
from freerun.io.text import one_line
from freerun.parts.tasks._clock import Clock
from freerun.parts.tasks._dates import DAY, EPOCH, Axis
from freerun.parts.tasks._own_series import times
from freerun.parts.tasks._row_rules import EVEN, Ruled
from freerun.parts.tasks._static_columns import indicator
from freerun.parts.tasks._table_cells import Column, column
from freerun.parts.tasks._table_schema import NONE, Schema, schema

if TYPE_CHECKING:
    from freerun.parts.tasks.series import Series

#: What messages call the frame.
ORIGIN = "forecast frame"


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """A series where its forecast begins, in the units of the file.

    Attributes:
        name: of the series; "" for the only one.
        row: the last row of the frame that is read, counted from 0.
        values: what is read, ``[W+1 Y]``, the last of it right before the forecast.
        inputs: what is given for all values but the first, and for the forecast, ``[W+S X]``.
        at: where the steps of the forecast stand in time.
    """

    name: str
    row: int
    values: Float[np.ndarray, "W Y"]
    inputs: Float[np.ndarray, "L X"]
    at: np.ndarray


def beginnings(task: Series, table: Table, horizon: int, warmup: int) -> list[Beginning]:
    """Return where the forecast of each series of a frame begins, in the order in which they come up.

    Args:
        task: that the run was trained on.
        table: the frame.
        horizon: S, the steps of the forecast.
        warmup: W, the steps that a run is forced before.

    Raises:
        ConfigError: in one line that names series, column and time: where the frame is no such table, a series is too short or
            goes by another step, or inputs are not known for the horizon.
    """
    return _Frame(task, table, horizon, warmup).beginnings()


class _Frame:
    """The way of one frame to its beginnings."""

    def __init__(self, task: Series, table: Table, horizon: int, warmup: int) -> None:
        self.task, self.horizon, self.warmup = task, horizon, warmup
        self.recorded, request = task.recorded(), task.request()
        self.columns = [column(name, cells, request.writing) for name, cells in zip(table.names, table.columns, strict=True)]
        self.roles = self._schema(table)
        self.inputs = [*self.roles.inputs, *self._statics()]
        axis = self.roles.axis
        self.at = np.arange(table.rows) if axis is None else axis.at
        self.ids = np.zeros(table.rows, dtype=np.int64) if self.roles.ids is None else self.roles.ids
        self.names = self.roles.names or ("",)

    def beginnings(self) -> list[Beginning]:
        lacking = np.asarray(np.stack([each.missing for each in self.roles.values], 1).all(1))
        past, future = [], []
        for number, name in enumerate(self.names):
            rows = np.flatnonzero(self.ids == number)
            rows = rows[np.argsort(self.at[rows], kind="stable")]
            known = np.flatnonzero(~lacking[rows])
            if not len(known):
                raise ConfigError(f"{ORIGIN}:{_of(name)} no value of {self._listed(self.recorded.names)} to go on from")
            past.append(rows[: known[-1] + 1])
            future.append(rows[known[-1] + 1 :])
        kept = np.sort(np.concatenate(past))
        ruled = self._ruled(kept)
        series = ruled.series(self.ids[kept], len(kept), lambda size: [size])
        self._demand_step(ruled)
        axis = _rows_of(self.roles.axis, kept)
        return [
            self._beginning(name, rows.table, times(rows, axis), rows.stretch, int(kept[rows.rows[-1]]), ahead)
            for name, rows, ahead in zip(self.names, series, future, strict=True)
        ]

    def _schema(self, table: Table) -> Schema:
        declared, clock = self.task.request().declared, self.recorded.clock
        if clock is None:
            date: str | None = NONE
        else:  # the time may stand in several columns, which no setting names
            date = clock.name if clock.name in table.names or "," not in clock.name else declared.date
        roles = schema(self.columns, replace(declared, columns=self.recorded.names, static=(), date=date), ORIGIN)
        if clock is not None and roles.axis is None:
            raise ConfigError(f"{ORIGIN}: no column {one_line(clock.name, 30)!r}, the time of its rows")
        return roles

    def _statics(self) -> list[Column]:
        """Return the static columns as the run has them: numbers, or a 0 or 1 for each text of its training."""
        given = []
        for name, texts in self.recorded.statics.items():
            cells = next((each for each in self.columns if each.name == name), None)
            if cells is None:
                raise ConfigError(f"{ORIGIN}: no column {one_line(name, 30)!r}, which is given at every step (task.static)")
            if not texts:
                given.append(cells)
                continue
            held = np.array([cells.text(row).strip() for row in range(len(cells.numbers))], dtype=object)
            if strange := next((text for text in held.tolist() if text not in texts), None):
                where, known = f"{ORIGIN}: column {one_line(name, 30)!r}", one_line(", ".join(texts), 60)
                raise ConfigError(f"{where}: {one_line(strange, 30)!r} was not among the texts of training, {known}")
            given += [indicator(name, text, held == text) for text in texts]
        return given

    def _ruled(self, kept: Int[np.ndarray, " S"]) -> Ruled:
        """Return the rules of the file for the rows that are read."""
        columns = [each.of_rows(kept) for each in (*self.roles.values, *self.inputs)]
        return Ruled(columns, _rows_of(self.roles.axis, kept), self.task.request().rules, ORIGIN)

    def _demand_step(self, ruled: Ruled) -> None:
        clock, axis = self.recorded.clock, self.roles.axis
        if clock is None or axis is None or clock.step is None or ruled.step is None:
            return
        if axis.unit != clock.unit or abs(ruled.step - clock.step) > EVEN * clock.step:
            trained = replace(axis, unit=clock.unit).length(clock.step)
            raise ConfigError(f"{ORIGIN}: rows are {axis.length(ruled.step)} apart, those the run was trained on {trained}")

    def _beginning(
        self, name: str, table: np.ndarray, at: np.ndarray, stretch: np.ndarray, row: int, ahead: Int[np.ndarray, " F"]
    ) -> Beginning:
        wanted, whole = self.warmup + 1, int((stretch == stretch[-1]).sum())
        if whole < wanted:
            raise ConfigError(f"{ORIGIN}:{_of(name)} {whole} rows without a gap before the forecast; the run reads {wanted}")
        table, width = table[-wanted:], len(self.recorded.names)
        steps = self._steps(name, float(at[-1]), ahead)
        given = np.concatenate([table[1:, width:], self._known(name, table[-1, width:], steps, ahead)])
        return Beginning(name=name, row=row, values=table[:, :width], inputs=given, at=steps)

    def _steps(self, name: str, last: float, ahead: Int[np.ndarray, " F"]) -> np.ndarray:
        """Return where the steps of the forecast stand in time, and see that rows of the future stand there."""
        clock = self.recorded.clock
        if clock is None:
            return last + np.arange(1, self.horizon + 1)
        if clock.step is None:
            if len(ahead) < self.horizon:
                raise ConfigError(
                    f"{ORIGIN}:{_of(name)} dates are not equally spaced (task.gaps=ignore), so that those of the forecast have "
                    f"to stand in rows with empty {self._listed(self.recorded.names)}: {len(ahead)} of {self.horizon} do"
                )
            return np.asarray(self.at[ahead[: self.horizon]])
        steps = clock.after(last, self.horizon)
        if self.task.inputs:
            found = self.at[ahead[: self.horizon]]
            wrong = np.flatnonzero(np.abs(found - steps[: len(found)]) > EVEN * clock.step)
            if len(found) < self.horizon or len(wrong):
                lacking = len(found) if not len(wrong) else int(wrong[0])
                raise self._unknown(name, f"no row at {self._time(clock, float(steps[lacking]))}")
        return steps

    def _known(self, name: str, last: np.ndarray, steps: np.ndarray, ahead: Int[np.ndarray, " F"]) -> Float[np.ndarray, "S X"]:
        """Return the inputs of the forecast: those of the rows of the future, and what is the same in every row."""
        asked = len(self.roles.inputs)
        given = np.repeat(last[None], self.horizon, 0)
        if not asked:
            return given
        if len(ahead) < self.horizon:
            raise self._unknown(name, f"{len(ahead)} rows")
        for place, each in enumerate(self.roles.inputs):
            given[:, place] = each.numbers[ahead[: self.horizon]]
            if len(gone := np.flatnonzero(np.isnan(given[:, place]))):
                clock = self.recorded.clock
                when = f"step {gone[0] + 1}" if clock is None else self._time(clock, float(steps[gone[0]]))
                raise self._unknown(name, f"no {one_line(each.name, 30)} at {when}")
        return given

    def _unknown(self, name: str, lacking: str) -> ConfigError:
        inputs, values = self._listed([each.name for each in self.roles.inputs]), self._listed(self.recorded.names)
        wanted = f"must be known for {self.horizon} steps, in rows with empty {values}"
        return ConfigError(f"{ORIGIN}:{_of(name)} {inputs} {wanted}: there is {lacking}")

    def _time(self, clock: Clock, at: float) -> str:
        moments = clock.moments(np.array([at]))
        if moments is None:
            return f"{at:.10g}"
        hours = clock.unit == "us" and (clock.step is None or clock.step % DAY)
        return (EPOCH + timedelta(microseconds=int(moments[0]))).strftime("%Y-%m-%d %H:%M" if hours else "%Y-%m-%d")

    def _listed(self, names: Sequence[str]) -> str:
        return one_line(", ".join(names), 40)


def _of(name: str) -> str:
    return f" series {one_line(name, 30)!r}:" if name else ""


def _rows_of(axis: Axis | None, rows: Int[np.ndarray, " S"]) -> Axis | None:
    if axis is None:
        return None
    return replace(axis, at=axis.at[rows], moments=None if axis.moments is None else axis.moments[rows])
