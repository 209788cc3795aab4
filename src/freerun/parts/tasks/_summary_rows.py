"""Rows that sum up the others, below or above them, as spreadsheets and frames add them.

Totals, means and standard deviations are numbers that the others hardly ever hit. Minimum, maximum and median are numbers that
stand among the others: a row of one of them is known by a step that is unlike all others, and by how rare its numbers are.
"""

from __future__ import annotations

from collections.abc import Iterator
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
#: Statistics that are numbers of the others, and of how many columns at most it counts that a row has them.
_ORDER, _APART = ("minimum", "maximum", "median"), 3


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
    """Return the first row of a series that sums up its others: in one column by a sum that is far above all of them, in
    every column by a mean or standard deviation, in more digits than chance has, or by the minimum, maximum or median of all,
    which no step leads to; None if none does.

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
    for count, below in _blocks(len(rows)):
        rest, block = (table[:-count], table[-count:]) if below else (table[count:], table[:count])
        at = (rows[-count:] if below else rows[:count]).tolist()
        tried += 3 * count
        ends = (table[:edge], table[len(table) - edge : -count]) if below else (table[count:edge], table[len(table) - edge :])
        moments = middle.beside(np.concatenate(ends)) if count <= edge else _Moments.of(rest)
        if (found := _statistic(columns, moments, rest, block, at, tried)) is not None:
            place, row, statistic = found
            return Summary(column=columns[place], row=row, statistic=statistic, others=_others(rows, count, below, several))
    for tried, (count, below) in enumerate(_blocks(len(rows)), 1):  # the row next to the others: those beyond come before it
        rest, row = (table[:-count], len(rows) - count) if below else (table[count:], count - 1)
        if (met := _order_statistic(columns, rest, table[row], int(rows[row]), below, tried)) is not None:
            place, statistic = met
            others = _others(rows, count, below, several)
            return Summary(column=columns[place], row=int(rows[row]), statistic=statistic, others=others)
    return None


def _blocks(count: int) -> Iterator[tuple[int, bool]]:
    """Yield how many rows may sum up the others of so many, and whether they stand below them."""
    for size in range(1, 1 + min(_BLOCK, max(1, count // _SHARE))):
        yield size, True
        yield size, False


def _others(rows: Int[np.ndarray, " S"], count: int, below: bool, several: bool) -> str:
    """Return in words which rows are summed up by so many at one end."""
    if several:
        return "the other rows of its series"
    first, last = (rows[0], rows[-count - 1]) if below else (rows[count], rows[-1])
    return f"all rows {'above' if below else 'below'}" if count == 1 else f"rows {first + 1} to {last + 1}"


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
            chosen = np.flatnonzero(use & ~np.isnan(block[number]))
            values = block[number, chosen]
            rooms = np.array([_room(columns[place], at[number], value) for place, value in zip(chosen, values, strict=True)])
            if not len(chosen) or (np.abs(values - expected[chosen]) > rooms).any():
                continue
            chance = (tried if tried > 3 else 1) * (2 * rooms / np.maximum(2 * rooms, _alone(rest[:, chosen]))).prod()
            own = (np.abs(rest[:, chosen] - values) > rooms) | np.isnan(rest[:, chosen])
            if chance < _BY_CHANCE and own.all(0).any():  # what comes again among the others is a value that they take
                return int(chosen[0]), at[number], statistic
    return None


def _alone(table: Float[np.ndarray, "S C"]) -> Float[np.ndarray, " C"]:
    """Return the spread of each column that those before it do not tell: of columns which go together one counts."""
    known = table[~np.isnan(table).any(1)]
    if len(known) <= LEAST:
        return np.full(table.shape[1], np.inf)
    spread = known.std(0)
    scaled = (known - known.mean(0)) / np.where(spread > 0, spread, 1.0)
    left: Float[np.ndarray, " C"] = np.abs(np.diag(np.linalg.qr(scaled, mode="r"))) / np.sqrt(len(known)) * spread
    return np.resize(np.append(left, np.zeros(max(0, table.shape[1] - len(left)))), table.shape[1])


def _order_statistic(
    columns: list[Column], rest: Float[np.ndarray, "S C"], values: Float[np.ndarray, " C"], row: int, below: bool, tried: int
) -> tuple[int, str] | None:
    """Return the place of a column and the order statistic of the rest that a row beside it is in all columns, if it is one.

    By chance a row has, in a column, the number that so many others have, or is reached by a step that so many others are, as
    often as they are; and the step is larger than so many others, as often as these are few. No row of the rest has all its
    numbers: a state that came before may come again. Columns go together, so that only `_APART` of them count, those that say
    least.
    """
    known, statistics, found = ~np.isnan(values), tuple(_ORDER), list[tuple[float, float, int]]()
    same = np.ones(len(rest), dtype=bool)
    for place in np.flatnonzero(known).tolist():
        others, value = rest[:, place], float(values[place])
        room = _room(columns[place], row, value)
        with np.errstate(invalid="ignore"):
            lower, upper = int((others < value - room).sum()), int((others > value + room).sum())
        size = int((~np.isnan(others)).sum())
        near = size - lower - upper
        ends = {"minimum": lower == 0 < near, "maximum": upper == 0 < near, "median": max(lower, upper) <= size / 2}
        statistics = tuple(name for name in statistics if ends[name] and size > LEAST and lower + upper)
        if not statistics:
            return None
        same &= np.abs(others - value) <= room
        found.append((*_by_step(others, value, room, max(near, 1), below), place))
    if not found or (len(found) > 1 and same.any()):
        return None
    chance = min(step for _, step, _ in found) * 2 * len(_ORDER) * tried
    for share in sorted((share for share, _, _ in found), reverse=True)[:_APART]:
        chance *= share
    return (found[0][2], statistics[0]) if chance < _BY_CHANCE else None


def _by_step(others: Float[np.ndarray, " S"], value: float, room: float, near: int, below: bool) -> tuple[float, float]:
    """Return how often a number is met by chance, and a step as large as that which leads to it, as shares.

    Args:
        others: the numbers of the rest, NaN where there is none.
        value, room: the number, and by how much another one may be off to be the same.
        near: how many of the others are.
        below: whether it stands below them, or above.
    """
    held = others[~np.isnan(others)]
    steps = np.diff(held if below else held[::-1])
    step = value - float(held[-1 if below else 0])
    alike, large = int((np.abs(steps - step) <= 2 * room).sum()), int((np.abs(steps) >= abs(step)).sum())
    return max(near, alike) / len(held), (1 + large) / len(held)


def _room(column: Column, row: int, value: float) -> float:
    """Return by how much a number may be off one that is the same: half of its last digit, and what single precision loses."""
    return 0.51 * _unit(column.text(row)) + 2e-7 * abs(value)


def _unit(text: str) -> float:
    """Return what the last digit of a number counts, zeros at its end aside."""
    digits, _, power = text.strip().lower().partition("e")
    decimals = len(digits.partition(".")[2].rstrip("0")) if "." in digits else 0
    return float(10.0 ** ((int(power) if power.lstrip("+-").isdigit() else 0) - decimals))
