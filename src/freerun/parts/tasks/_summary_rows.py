"""Rows that sum up the others, below or above them: totals, means and standard deviations, as spreadsheets and frames add."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from freerun.parts.tasks._counters import LEAST
from freerun.parts.tasks._table_cells import Column

#: Most rows that sum up, one below the other: count, mean, standard deviation, least, three quartiles, greatest.
_BLOCK = 8
#: The least number of rows for each that sums up, where there are several.
_SHARE = 12
#: By how much of itself a total may be off the sum of rounded numbers.
_ROUNDED = 1e-4
#: How improbable it must be that a row is a statistic of the others by chance.
_BY_CHANCE = 1e-5


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A row that sums up others: the column that shows it, its place in the file, which statistic it is, and of what."""

    column: Column
    row: int
    statistic: str
    others: str

    @property
    def reason(self) -> str:
        rows = {"sum": "total"}.get(self.statistic, self.statistic)
        return f"{self.column.cell(self.row)} is the {self.statistic} of {self.others}: a row of {rows}s? take it off"


def summary(columns: list[Column], rows: Int[np.ndarray, " S"], *, several: bool = False) -> Summary | None:
    """Return the first row of a series that sums up its others: in one column by a sum that is far above all of them, or in
    every column by a mean or standard deviation, in more digits than chance has; None if none does.

    Args:
        columns: of numbers.
        rows: of the series, as they stand in the file.
        several: whether the file holds other series too.
    """
    if len(rows) <= LEAST:
        return None
    table = np.stack([column.numbers[rows] for column in columns], 1)
    edge = min(_BLOCK, len(rows) // 2)
    middle = _Moments.of(table[edge : len(table) - edge])
    tried = 0
    for count in range(1, 1 + min(_BLOCK, max(1, len(rows) // _SHARE))):
        for below in (True, False):
            rest, block = (table[:-count], table[-count:]) if below else (table[count:], table[:count])
            at = (rows[-count:] if below else rows[:count]).tolist()
            tried += 3 * count
            ends = (
                (table[:edge], table[len(table) - edge : -count]) if below else (table[count:edge], table[len(table) - edge :])
            )
            moments = middle.beside(np.concatenate(ends)) if count <= edge else _Moments.of(rest)
            if (found := _statistic(columns, moments, rest, block, at, tried)) is not None:
                place, row, statistic = found
                side = "above" if below else "below"
                first, last = (rows[0], rows[-count - 1]) if below else (rows[count], rows[-1])
                others = f"all rows {side}" if count == 1 else f"rows {first + 1} to {last + 1}"
                others = "the other rows of its series" if several else others
                return Summary(column=columns[place], row=row, statistic=statistic, others=others)
    return None


@dataclass(frozen=True, kw_only=True)
class _Moments:
    """Of each column: how many values there are, their sum and that of their squares about a center, and the largest size."""

    center: Float[np.ndarray, " C"]
    counts: Int[np.ndarray, " C"]
    sums: Float[np.ndarray, " C"]
    squares: Float[np.ndarray, " C"]
    most: Float[np.ndarray, " C"]

    @classmethod
    def of(cls, table: Float[np.ndarray, "S C"], center: Float[np.ndarray, " C"] | None = None) -> _Moments:
        known = ~np.isnan(table)
        counts = known.sum(0)
        if center is None:
            center = np.where(known, table, 0.0).sum(0) / np.maximum(counts, 1)
        off = np.where(known, table - center, 0.0)
        return cls(
            center=center, counts=counts, sums=off.sum(0), squares=(off * off).sum(0),
            most=np.abs(np.where(known, table, 0.0)).max(0, initial=0.0),
        )  # fmt: skip

    def beside(self, table: Float[np.ndarray, "S C"]) -> _Moments:
        """Return those with some rows more."""
        more = _Moments.of(table, self.center)
        return _Moments(
            center=self.center, counts=self.counts + more.counts, sums=self.sums + more.sums,
            squares=self.squares + more.squares, most=np.maximum(self.most, more.most),
        )  # fmt: skip

    @property
    def total(self) -> Float[np.ndarray, " C"]:
        total: Float[np.ndarray, " C"] = self.sums + self.counts * self.center
        return total

    @property
    def mean(self) -> Float[np.ndarray, " C"]:
        mean: Float[np.ndarray, " C"] = self.center + self.sums / np.maximum(self.counts, 1)
        return mean

    def variance(self, less: int) -> Float[np.ndarray, " C"]:
        """Return the variances, divided by the number of values less so many."""
        about = self.squares - self.sums**2 / np.maximum(self.counts, 1)
        variance: Float[np.ndarray, " C"] = np.maximum(about, 0.0) / np.maximum(self.counts - less, 1)
        return variance


def _statistic(
    columns: list[Column], moments: _Moments, rest: Float[np.ndarray, "S C"], block: Float[np.ndarray, "B C"], at: list[int],
    tried: int,
) -> tuple[int, int, str] | None:  # fmt: skip
    """Return the place of a column, the row of a block and which statistic of the rest it is, after so many have been tried."""
    use = (moments.counts >= LEAST) & ~np.isnan(block).all(0)
    if not use.any():
        return None
    total = use & (np.abs(block) > 3 * moments.most) & (np.abs(block - moments.total) <= _ROUNDED * np.abs(block))
    if total.any():
        row, place = (int(part[0]) for part in np.nonzero(total))
        return place, at[row], "sum"
    spread = np.sqrt(moments.variance(0))
    use &= spread > 0
    for statistic, expected in (
        ("mean", moments.mean),
        ("standard deviation", np.sqrt(moments.variance(1))),
        ("standard deviation", spread),
    ):
        near = ~use | np.isnan(block) | (np.abs(block - expected) <= 0.51 + 2e-7 * np.abs(block))
        for number in np.flatnonzero(near.all(1)).tolist():
            chosen = np.flatnonzero(use & ~np.isnan(block[number])).tolist()
            chance, alone = float(tried if tried > 3 else 1), False
            for place in chosen:
                value = float(block[number, place])
                room = 0.51 * _unit(columns[place].text(at[number])) + 2e-7 * abs(value)
                if abs(value - float(expected[place])) > room:
                    break
                chance *= min(1.0, 2 * room / float(spread[place]))
                alone = alone or not (np.abs(rest[:, place] - value) <= room).any()
            else:
                if chosen and alone and chance < _BY_CHANCE:  # what comes again among the others is a value that they take
                    return chosen[0], at[number], statistic
    return None


def _unit(text: str) -> float:
    """Return what the last digit of a number counts, zeros at its end aside."""
    digits, _, power = text.strip().lower().partition("e")
    decimals = len(digits.partition(".")[2].rstrip("0")) if "." in digits else 0
    return float(10.0 ** ((int(power) if power.lstrip("+-").isdigit() else 0) - decimals))
