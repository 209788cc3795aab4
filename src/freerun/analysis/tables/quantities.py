"""Quantities of a study: what each number of its tables means, as its records say it.

A record from before records said it is read by one rule: what the metric of that name declares today, in the unit that stands
with the values; of a metric that is not there any more nothing is known, and neither way is better.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import msgspec
import numpy as np
import pandas as pd

from freerun.errors import StoreError
from freerun.parts import registry
from freerun.store.player_records import Players
from freerun.store.quantity import NO_UNIT, Account, Quantity, read, undeclared
from freerun.store.record_columns import Extract

#: The columns of the table.
COLUMNS = (
    "task", "metric", "unit", "label", "better", "low", "high", "scale", "floor", "floor_metric", "conditioned", "left_out",
    "blind", "sees", "signs", "account", "part",
)  # fmt: skip
_BETWEEN = "; "
_LISTS = ("blind", "sees", "signs")


class Quantities:
    """What the numbers of some tables mean.

    Args:
        table: with `COLUMNS`, a row for each task, metric and unit that came up.

    Raises:
        StoreError: if one metric says two things of which way is better, or of its scale.
    """

    def __init__(self, table: pd.DataFrame) -> None:
        self._known: dict[tuple[str, str], Quantity] = {}
        self._by_task: dict[str, list[Quantity]] = {}
        for row in table.to_dict("records"):
            quantity = _from_row({str(key): value for key, value in row.items()})
            known = self._known.setdefault((quantity.name, str(row["unit"])), quantity)
            for name in ("better", "scale"):
                known_value, new_value = getattr(known, name), getattr(quantity, name)
                if known_value != new_value:
                    said = f"some records say {name}={known_value}, others {new_value}"
                    raise StoreError(f"metric {quantity.name}: {said}; report and compare them as studies of their own")
            self._by_task.setdefault(str(row["task"]), []).append(quantity)

    def of(self, metric: object, unit: object) -> Quantity:
        """What a metric means in a unit.

        Raises:
            KeyError: if no table has it.
        """
        return self._known[str(metric), str(unit)]

    def of_rows(self, frame: pd.DataFrame) -> list[Quantity]:
        """The quantity of every row of a frame with the columns `metric` and `unit`."""
        return [self.of(*key) for key in zip(frame["metric"].astype(str), frame["unit"].astype(str), strict=True)]

    def marked(self, frame: pd.DataFrame) -> pd.DataFrame:
        """A frame with the columns `label` and `better`, so that they travel with its values."""
        labels, ways = (self.where(frame, name) for name in ("label", "better"))
        return frame.assign(
            label=pd.Series(labels, index=frame.index, dtype="str"), better=pd.Series(ways, index=frame.index, dtype="str")
        )

    def where(self, frame: pd.DataFrame, name: str) -> np.ndarray:
        """An attribute of the quantity of every row of a long frame, looked up once for each metric and unit."""
        (metric, metrics), (unit, units) = (pd.factorize(frame[key]) for key in ("metric", "unit"))
        codes, pairs = pd.factorize(metric * max(1, len(units)) + unit)
        values = [getattr(self.of(metrics[pair // len(units)], units[pair % len(units)]), name) for pair in pairs.tolist()]
        column = np.empty(len(values), dtype=object)
        column[:] = values
        return column[codes]

    def first_shown(self, tasks: Collection[str], metrics: Sequence[str]) -> str:
        """The measure of both modes that is shown of some tasks first: their one-step error, whose gap is the exposure bias.

        Where the truth cannot answer, it is the first headline whose floor is known, else the first; where no headline is among
        them, as all are comparisons, an error whose floor is known, or any error.

        Raises:
            ValueError: if there is no metric at all.
        """
        quantities = [quantity for task in tasks for quantity in self._by_task.get(task, []) if quantity.name in metrics]
        one_step = [quantity for quantity in quantities if quantity.account == "one-step error"]
        heads = [quantity for quantity in quantities if quantity.part == "headline"]
        errors = [quantity for quantity in quantities if quantity.part == "companion" and quantity.better == "lower"]
        for quantity in (
            *one_step,
            *(quantity for quantity in heads if quantity.floor is not None),
            *heads,
            *(quantity for quantity in errors if quantity.floor is not None),
            *errors,
        ):
            return quantity.name
        if not metrics:
            raise ValueError("metrics must not be empty")
        return metrics[0]

    def accumulating(self, tasks: Collection[str], metrics: Sequence[str]) -> str | None:
        """The error of a forecast against what came, on a ratio scale, whose growth is told; None where none was measured.

        A one-step error is none: it is measured against the truth's answer at what was fed, so that nothing adds up in it.

        Args:
            tasks: the names of the tasks.
            metrics: what was measured on them by lead time, in the order in which it came up.
        """
        errors = [
            quantity for task in tasks for quantity in self._by_task.get(task, [])
            if quantity.name in metrics and quantity.ratio and quantity.better == "lower" and quantity.account is None
            and quantity.part != "diagnostic"
        ]  # fmt: skip
        floored = [quantity for quantity in errors if quantity.floor_name is not None]
        return next((quantity.name for quantity in (*floored, *errors)), None)

    def headlines(self, tasks: Collection[str], metrics: Sequence[str]) -> tuple[str, ...]:
        """The set of measures by which some tasks are judged: all headlines among `metrics`, that whose floor is known first.

        Args:
            tasks: the names of the tasks.
            metrics: what was measured on them, in the order in which it came up.

        Returns:
            Their names; none where no headline was measured.
        """
        parts = {quantity.name: quantity.part for task in tasks for quantity in self._by_task.get(task, [])}
        heads = [name for name in metrics if parts.get(name) == "headline"]
        return tuple(dict.fromkeys([self.first_shown(tasks, heads), *heads])) if heads else ()

    def accounting(self, part: Account, metrics: Iterable[object]) -> list[str]:
        """Those of some metrics that say one thing in the account of a free error."""
        known = {quantity.name for quantity in self._known.values() if quantity.account == part}
        return [name for name in dict.fromkeys(map(str, metrics)) if name in known]

    def on(self, task: str, metric: str) -> Quantity | None:
        """What a metric means on a task, in whichever unit; None if it was not measured there."""
        return next((quantity for quantity in self._by_task.get(task, []) if quantity.name == metric), None)


def table(extract: Extract, players: Iterable[tuple[Players, pd.Series]] = ()) -> pd.DataFrame:
    """The table of the records of an extract: a row for each task, metric and unit, in the order in which they come up.

    Args:
        extract: of the runs.
        players: what `player_table.read` gives. They may have what no run has: a measure that is undefined for every model, or
            a unit that says of how many sequences it is.
    """
    of, texts = extract.columns, extract.texts
    said = [msgspec.json.decode(text) for text in texts["quantities"]]
    tasks = [str(msgspec.json.decode(text)["task"]["name"]) for text in texts["experiment"]]
    sizes = tuple(len(texts[name]) for name in ("experiment", "quantities", "metric", "unit"))
    runs = [np.repeat(of[name].astype(np.int64), of["series"]) for name in ("experiment", "quantities")]
    codes = np.ravel_multi_index(
        (*runs, of["metric"].astype(np.int64), of["unit"].astype(np.int64)), [max(1, n) for n in sizes]
    )
    rows: dict[tuple[str, str, str], Quantity] = {}
    for code in pd.unique(codes):
        tree, meaning, metric, unit = (int(place) for place in np.unravel_index(code, sizes))
        name, measured = texts["metric"][metric], texts["unit"][unit]
        key = (tasks[tree], name, measured)
        if key not in rows:
            declaration = said[meaning].get(name)
            rows[key] = _as_said(name, measured, declaration)
    for record, run in players:
        told = msgspec.json.decode(record.quantities)
        for level in record.levels:
            key = (str(run["task"]), level.metric, level.unit)
            if key not in rows:
                rows[key] = _as_said(level.metric, level.unit, told.get(level.metric))
    return _table(rows)


def of_frames(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The table of quantities for frames that were kept without one, by what their metrics declare today."""
    rows: dict[tuple[str, str, str], Quantity] = {}
    for frame in frames:
        for key in frame[["task", "metric", "unit"]].astype(str).drop_duplicates().itertuples(index=False, name=None):
            rows.setdefault(key, declared(key[1], key[2]))
    return _table(rows)


def declared(metric: str, unit: str) -> Quantity:
    """The quantity that the metric of a name declares today, in a unit; an undeclared one where the metric is gone."""
    part = registry.parts("metric").get(metric)
    if part is None:
        return undeclared(metric, unit)
    quantity: Quantity = cast("Any", part).quantity
    return _in_unit(replace(quantity, name=metric), unit)


def _as_said(metric: str, unit: str, declaration: Any) -> Quantity:
    """What a record declares of a metric, in a unit; what the metric declares today where it says nothing."""
    return declared(metric, unit) if declaration is None else _in_unit(read(metric, declaration), unit)


def _in_unit(quantity: Quantity, unit: str) -> Quantity:
    return replace(quantity, unit=unit) if unit and unit != quantity.unit else quantity


def _table(rows: Mapping[tuple[str, str, str], Quantity]) -> pd.DataFrame:
    columns: dict[str, list[object]] = {name: [] for name in COLUMNS}
    for (task, metric, unit), quantity in rows.items():
        low, high = quantity.range
        number = quantity.floor if isinstance(quantity.floor, (int, float)) else np.nan
        values = {
            "task": task, "metric": metric, "unit": unit, "low": low, "high": high, "floor": number,
            "floor_metric": quantity.floor_name or "",
            "conditioned": quantity.conditioned or "", "left_out": quantity.left_out or "", "account": quantity.account or "",
            **{name: _BETWEEN.join(getattr(quantity, name) or ()) for name in _LISTS},
            **{name: getattr(quantity, name) for name in ("label", "better", "scale", "part")},
        }  # fmt: skip
        for name, value in values.items():
            columns[name].append(value)
    numbers = ("low", "high", "floor")
    return pd.DataFrame(
        {name: pd.Series(values, dtype=float if name in numbers else "str") for name, values in columns.items()}
    )


def _from_row(row: dict[str, object]) -> Quantity:
    number = row["floor"]
    floor = str(row["floor_metric"]) or (None if number != number else float(str(number)))
    lists = {name: tuple(str(row[name]).split(_BETWEEN)) if row[name] else () for name in _LISTS}
    return read(
        str(row["metric"]),
        {
            **{name: str(row[name]) for name in ("label", "better", "scale", "part")},
            "unit": str(row["unit"]) or NO_UNIT, "range": (row["low"], row["high"]), "floor": floor,
            "conditioned": str(row["conditioned"]) or None,
            "left_out": str(row["left_out"]) or None, "blind": lists["blind"], "sees": lists["sees"],
            "signs": lists["signs"] or None, "account": str(row.get("account") or "") or None,
        },
    )  # fmt: skip
