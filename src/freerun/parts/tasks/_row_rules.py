"""Rules for the rows of a table: their order, repeated dates, gaps and missing values, each as declared, or refused.

Every series of a table goes through them by itself, so that nothing of one series reaches another.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
from jaxtyping import Float, Int

from freerun.errors import ConfigError, given
from freerun.io.text import one_line
from freerun.parts.tasks._counters import LEAST
from freerun.parts.tasks._dates import Axis
from freerun.parts.tasks._summary_rows import summary
from freerun.parts.tasks._table_cells import GREATEST, SENTINELS, SMALLEST, Column

ORDER, DUPLICATES = ("refuse", "sort"), ("refuse", "first", "last", "mean")
GAPS = ("refuse", "split", "fill", "ignore")
MISSING = ("refuse", "split", "interpolate", "previous", "drop")
#: By how much of a step two rows may be nearer or further apart than others.
EVEN = 0.01
#: How many times the range of all other numbers one stands off that is asked about: by its looks, or since it comes again and
#: again beside so many others.
APART, _FAR, _MANY = 0.5, 2.0, 8
#: Which share of their spread values may lose to rounding.
_LOST = 1e-6
_PLAIN = re.compile(r"[+-]?\d+(\.\d*)?")
#: What a series that is cut needs to know of its parts: from its length to where each part ends.
Ends = Callable[[int], list[int]]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What is to be done: `refuse`, or one of the names above; `asks` about numbers that stand for a missing one, beside those
    that are `declared` to, `asks_points` about points that could stand between thousands.
    """

    order: str = "refuse"
    duplicates: str = "refuse"
    gaps: str = "refuse"
    missing: str = "refuse"
    asks: bool = True
    asks_points: bool = False
    declared: tuple[str, ...] = ()


@dataclass(kw_only=True)
class Rows:
    """The rows of one series.

    Attributes:
        table: values and inputs, ``[S C]``; NaN where one is missing.
        rows: where each stands in the file, counted from 0; -1 for one that fills a gap.
        stretch: to which stretch without a gap each belongs.
    """

    table: Float[np.ndarray, "S C"]
    rows: Int[np.ndarray, " S"]
    stretch: Int[np.ndarray, " S"] = field(default_factory=lambda: np.empty(0, dtype=np.int64))


class Ruled:
    """The rows of all series of a table, by the rules; `done` counts what was changed, in words."""

    def __init__(self, columns: list[Column], axis: Axis | None, rules: Rules, origin: str) -> None:
        self.columns, self.axis, self.rules, self.origin = columns, axis, rules, origin
        self.done: Counter[str] = Counter()
        self.step: float | None = None
        self.jitter = 0.0

    def series(self, ids: np.ndarray | None, count: int, ends: Ends) -> list[Rows]:
        """Return the rows of every series.

        Args:
            ids: to which series every row belongs; None for one.
            count: of the rows.
            ends: where the parts of a series end, beyond which no value is filled from.

        Raises:
            ConfigError: naming column, row and value of what no rule allows.
        """
        for column in self.columns:
            self._demand_size(column)
            self._demand_digits(column)
            if self.rules.asks_points and (row := column.grouped()) is not None:
                cure = "thousands? task.thousands=point task.decimal=comma; decimals? task.decimal=."
                raise self._fault(column, row, f"{column.cell(row)} beside whole numbers: {cure}")
        table = np.stack([column.numbers for column in self.columns], 1)
        places = [np.arange(count)] if ids is None else [np.flatnonzero(ids == k) for k in range(int(ids.max()) + 1)]
        for rows in places:
            if (found := summary(self.columns, rows, several=ids is not None)) is not None:
                raise self._fault(found.column, found.row, found.reason)
        series = [self._unique(self._sorted(rows), table) for rows in places]
        self._find_step(series)
        return [self._complete(self._gaps(rows), ends) for rows in series]

    # ------------------------------------------------------------------ single values

    def _demand_size(self, column: Column) -> None:
        """Refuse numbers that single precision cannot hold, and those that say that there is none."""
        numbers, known = column.numbers, ~column.missing
        wild = np.flatnonzero(known & ~(np.abs(numbers) <= GREATEST))
        if len(wild):
            row = int(wild[0])
            fault = "is beyond what is computed with (1e30)" if np.isfinite(numbers[row]) else "is not finite"
            raise self._fault(column, row, f"{column.cell(row)} {fault}; another unit, or task.markers=[{column.cell(row)}]")
        sizes = np.abs(numbers[known])
        if len(sizes) and 0 < sizes.max() < SMALLEST:
            row = int(np.flatnonzero(known & (np.abs(numbers) > 0))[0])
            raise self._fault(column, row, f"{column.cell(row)}, as every value, is below what is computed with; another unit")
        unique = np.unique(numbers[known])
        for end, rest in ((unique[-1:], unique[:-1]), (unique[:1], unique[1:])) if self.rules.asks else ():
            rows = np.flatnonzero(known & (numbers == end[0])) if len(rest) > 1 else np.empty(0, dtype=np.int64)
            apart = float(np.abs(rest - end[0]).min()) / float(np.ptp(rest)) if len(rows) else 0.0
            by_name = float(end[0]) in SENTINELS and apart > APART
            again = not self.rules.declared and len(rows) > 1 and len(rest) >= _MANY and apart > _FAR
            if by_name or again:
                row, shown = int(rows[0]), ",".join([*self.rules.declared, f"{end[0]:.10g}"])
                more = f", {len(rows)} times," if len(rows) > 1 else ""
                cure = f"missing, task.markers=[{shown}]? if not, task.markers=[]"
                raise self._fault(column, row, f"{column.cell(row)} stands{more} far apart: {cure}")

    def _demand_digits(self, column: Column) -> None:
        """Refuse numbers of so many digits that double precision loses some by which the values differ."""
        numbers = column.numbers[~column.missing]
        if column.texts is None or not len(numbers) or not np.isfinite(numbers).all():
            return
        spread = float(numbers.std())
        if np.finfo(float).eps * np.abs(numbers).max() <= _LOST * spread:
            return
        for row in np.flatnonzero(~column.missing).tolist():
            text = column.text(row).strip()
            if _PLAIN.fullmatch(text) and abs(Decimal(text) - Decimal(float(column.numbers[row]))) > _LOST * spread:
                reason = "has more digits than double precision holds, and the values differ in them; take a constant off"
                raise self._fault(column, row, f"{column.cell(row)} {reason}")

    def _fault(self, column: Column, row: int, reason: str) -> ConfigError:
        return ConfigError(f"{self.origin}: column {one_line(column.name, 30)!r}, row {row + 1}: {reason}")

    # ------------------------------------------------------------------ dates

    def _sorted(self, rows: np.ndarray) -> np.ndarray:
        if self.axis is None:
            return rows
        steps = np.diff(self.axis.at[rows])
        wrong = np.flatnonzero(steps < 0)
        if not len(wrong):
            return rows
        if self.rules.order == "refuse":
            row, before = int(rows[wrong[0] + 1]), int(rows[wrong[0]])
            raise self._at(row, f"comes after {self.axis.said(before)} in row {before + 1}{self._disorder(rows, wrong)}")
        order = np.argsort(self.axis.at[rows], kind="stable")
        self.done["rows put in order"] += int((order != np.arange(len(rows))).sum())
        return rows[order]

    def _disorder(self, rows: np.ndarray, wrong: np.ndarray) -> str:
        """Return what dates out of order may mean, and what can be done."""
        at = given(self.axis).at[rows]
        if len(wrong) == len(rows) - 1:
            return " (all dates descend); task.order=sort"
        if (at[wrong + 1] == at.min()).all() and len(wrong) <= len(rows) // LEAST:
            return ", the first again: several series? task.id= names what tells them apart; if it is one, task.order=sort"
        return "; task.order=sort"

    def _unique(self, rows: np.ndarray, table: np.ndarray) -> Rows:
        if self.axis is None:
            return Rows(table=table[rows], rows=rows)
        same = np.flatnonzero(np.diff(self.axis.at[rows]) == 0)
        if not len(same):
            return Rows(table=table[rows], rows=rows)
        if self.rules.duplicates == "refuse":
            row, before = int(rows[same[0] + 1]), int(rows[same[0]])
            raise self._at(row, f"stands in row {before + 1} too; task.duplicates=first, last or mean")
        _, first, count = np.unique(self.axis.at[rows], return_index=True, return_counts=True)
        self.done[f"rows of a repeated date, of which the {self.rules.duplicates} is taken"] += int(count[count > 1].sum())
        if self.rules.duplicates == "last":
            first = first + count - 1
        taken = table[rows[first]]
        if self.rules.duplicates == "mean":
            for k in np.flatnonzero(count > 1):
                some = table[rows[first[k] : first[k] + count[k]]]
                known = ~np.isnan(some)
                with np.errstate(invalid="ignore"):
                    taken[k] = np.where(known, some, 0.0).sum(0) / known.sum(0)
        return Rows(table=taken, rows=rows[first])

    def _at(self, row: int, reason: str) -> ConfigError:
        axis = given(self.axis)
        return ConfigError(f"{self.origin}: column {one_line(axis.name, 30)!r}, row {row + 1}: {axis.said(row)} {reason}")

    def _find_step(self, series: list[Rows]) -> None:
        """Find the step of all series: the distance of most neighbours."""
        if self.axis is None or self.rules.gaps == "ignore":
            return
        steps = np.concatenate([np.diff(self.axis.at[each.rows]) for each in series])
        if len(steps):
            sizes, counts = np.unique(steps, return_counts=True)
            most = sizes[int(counts.argmax())]
            self.step = float(most if counts.max() > len(steps) / 2 else np.median(steps))

    def _gaps(self, series: Rows) -> Rows:
        """Return a series whose stretches are evenly spaced."""
        count = len(series.rows)
        if self.axis is None or self.step is None or count < 2:
            return Rows(table=series.table, rows=series.rows, stretch=np.zeros(count, dtype=np.int64))
        steps = np.diff(self.axis.at[series.rows]) / self.step
        off = np.abs(steps - 1)
        wide = np.flatnonzero(off > EVEN)
        self.jitter = max(self.jitter, float(off[off <= EVEN].max(initial=0.0)))
        if len(wide) and self.rules.gaps == "refuse":
            raise self._gap(series.rows, wide)
        near = wide[steps[wide] < 1] if self.rules.gaps == "split" else wide[np.abs(steps - np.round(steps))[wide] > EVEN]
        if len(near):
            raise self._gap(series.rows, near, "task.gaps=ignore takes the rows as they stand")
        if self.rules.gaps == "split":
            self.done["gaps at which the series is split"] += len(wide)
            return Rows(table=series.table, rows=series.rows, stretch=np.cumsum(np.append(0, off > EVEN)))
        lengths = np.append(1, np.round(steps)).astype(np.int64)
        place = np.cumsum(lengths) - 1
        if place[-1] + 1 > 10 * count + 1000:
            raise self._gap(series.rows, wide, "too wide to be filled; task.gaps=split")
        table = np.full((place[-1] + 1, series.table.shape[1]), np.nan)
        rows = np.full(place[-1] + 1, -1)
        table[place], rows[place] = series.table, series.rows
        self.done["rows added where dates are missing"] += len(rows) - count
        return Rows(table=table, rows=rows, stretch=np.zeros(len(rows), dtype=np.int64))

    def _gap(self, rows: np.ndarray, wide: np.ndarray, cure: str = "task.gaps=split, fill or ignore") -> ConfigError:
        axis, step = given(self.axis), given(self.step)
        before, after = int(rows[wide[0]]), int(rows[wide[0] + 1])
        apart = axis.length(float(axis.at[after] - axis.at[before]))
        more = f" ({len(wide)} in all)" if len(wide) > 1 else ""
        return self._at(after, f"comes {apart} after row {before + 1}, where the step is {axis.length(step)}{more}; {cure}")

    # ------------------------------------------------------------------ missing values

    def _complete(self, series: Rows, ends: Ends) -> Rows:
        """Return a series without a missing value."""
        lacking = np.isnan(series.table)
        if not lacking.any():
            return series
        rule, where = self.rules.missing, lacking.any(1)
        if rule == "refuse":
            raise self._missing(series, lacking)
        if rule in ("drop", "split"):
            kept = ~where
            self.done[f"rows with a missing value, {'left out' if rule == 'drop' else 'at which the series is split'}"] += int(
                where.sum()
            )
            stretch = series.stretch if rule == "drop" else series.stretch * (len(where) + 1) + np.cumsum(where)
            return Rows(table=series.table[kept], rows=series.rows[kept], stretch=stretch[kept])
        self.done[f"missing values, {'interpolated' if rule == 'interpolate' else 'filled with the one before'}"] += int(
            lacking.sum()
        )
        return Rows(table=self._filled(series, ends), rows=series.rows, stretch=series.stretch)

    def _missing(self, series: Rows, lacking: np.ndarray) -> ConfigError:
        row, place = (int(part[0]) for part in np.nonzero(lacking))
        count, cure = int(lacking.sum()), "task.missing=interpolate, previous, split or drop"
        if series.rows[row] < 0:
            return ConfigError(f"{self.origin}: {count} values are missing where a gap is filled; {cure}")
        column = self.columns[place]
        shown = column.cell(int(series.rows[row])) or "an empty cell"
        more = f" ({count} in all)" if count > 1 else ""
        return self._fault(column, int(series.rows[row]), f"no finite value, {shown}{more}; {cure}")

    def _filled(self, series: Rows, ends: Ends) -> Float[np.ndarray, "S C"]:
        """Return the table with every missing value filled from its own stretch, never from beyond the end of its part."""
        table, begin = series.table.copy(), 0
        for end in ends(len(table)):
            if end > begin and (gone := np.isnan(table[begin:end]).all(0)).any():
                raise self._nothing(series, begin, end, int(gone.argmax()))
            begin = end
        borders = np.unique([0, *(np.flatnonzero(np.diff(series.stretch)) + 1), len(table), *ends(len(table))])
        begins = {0, *(np.flatnonzero(np.diff(series.stretch)) + 1).tolist()}
        start = 0
        for a, b in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
            start = a if a in begins else start
            for place, values in enumerate(table.T):
                known = start + np.flatnonzero(~np.isnan(values[start:b]))
                gone = a + np.flatnonzero(np.isnan(values[a:b]))
                if not len(gone):
                    continue
                last = known[-1] if len(known) else -1
                if not len(known) or gone[0] < known[0] or (self.rules.missing == "interpolate" and gone[-1] > last):
                    row = gone[0] if not len(known) or gone[0] < known[0] else gone[-1]
                    raise self._unfillable(series, int(row), place)
                if self.rules.missing == "interpolate":
                    values[gone] = np.interp(gone, known, values[known])
                else:
                    values[gone] = values[known[np.searchsorted(known, gone) - 1]]
        return table

    def _nothing(self, series: Rows, begin: int, end: int, place: int) -> ConfigError:
        first, last = (f"row {row + 1}" if row >= 0 else "a filled gap" for row in series.rows[[begin, end - 1]].tolist())
        return ConfigError(
            f"{self.origin}: column {one_line(self.columns[place].name, 30)!r}: no value from {first} to {last}, a whole part "
            "of the series; task.missing=split or drop"
        )

    def _unfillable(self, series: Rows, row: int, place: int) -> ConfigError:
        side = "after" if self.rules.missing == "interpolate" and row > 0 else "before"
        other = "previous or split" if self.rules.missing == "interpolate" else "split or drop"
        at = int(series.rows[row])
        where = f"row {at + 1}" if at >= 0 else "a filled gap"
        return ConfigError(
            f"{self.origin}: column {one_line(self.columns[place].name, 30)!r}, {where}: nothing {side} it in its part of the "
            f"series to fill it from; task.missing={other}"
        )
