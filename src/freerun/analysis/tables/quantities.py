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
            found = _from_row({str(key): value for key, value in row.items()})
            known = self._known.setdefault((found.name, str(row["unit"])), found)
            for name in ("better", "scale"):
                one, other = getattr(known, name), getattr(found, name)
                if one != other:
                    said = f"some records say {name}={one}, others {other}"
                    raise StoreError(f"metric {found.name}: {said}; report and compare them as studies of their own")
            self._by_task.setdefault(str(row["task"]), []).append(found)

    def of(self, metric: object, unit: object) -> Quantity:
        """What a metric means in a unit.

        Raises:
            KeyError: if no table has it.
        """
        return self._known[str(metric), str(unit)]

    def each(self, frame: pd.DataFrame) -> list[Quantity]:
        """What every row of a frame means that has the columns `metric` and `unit`."""
        return [self.of(*key) for key in zip(frame["metric"].astype(str), frame["unit"].astype(str), strict=True)]

    def marked(self, frame: pd.DataFrame) -> pd.DataFrame:
        """A frame with the columns `label` and `better`, so that they travel with its values."""
        labels, ways = (self.where(frame, name) for name in ("label", "better"))
        return frame.assign(
            label=pd.Series(labels, index=frame.index, dtype="str"), better=pd.Series(ways, index=frame.index, dtype="str")
        )

    def where(self, frame: pd.DataFrame, name: str) -> np.ndarray:
        """An attribute of what every row of a long frame means; looked up once for each metric and unit."""
        (metric, metrics), (unit, units) = (pd.factorize(frame[key]) for key in ("metric", "unit"))
        codes, kinds = pd.factorize(metric * max(1, len(units)) + unit)
        values = [getattr(self.of(metrics[kind // len(units)], units[kind % len(units)]), name) for kind in kinds.tolist()]
        found = np.empty(len(values), dtype=object)
        found[:] = values
        return found[codes]

    def first_shown(self, tasks: Collection[str], metrics: Sequence[str]) -> str:
        """The measure of both modes that is shown of some tasks first: their one-step error, whose gap is the exposure bias.

        Where the truth cannot answer, it is the first headline whose floor is known, else the first; where no headline is among
        them, as all are comparisons, an error whose floor is known, or any error.

        Raises:
            ValueError: if there is no metric at all.
        """
        every = [each for task in tasks for each in self._by_task.get(task, []) if each.name in metrics]
        one_step = [quantity for quantity in every if quantity.account == "one-step error"]
        heads = [each for each in every if each.part == "headline"]
        errors = [each for each in every if each.part == "companion" and each.better == "lower"]
        for each in (
            *one_step,
            *(one for one in heads if one.floor is not None),
            *heads,
            *(one for one in errors if one.floor is not None),
            *errors,
        ):
            return each.name
        if not metrics:
            raise ValueError("metrics must not be empty")
        return metrics[0]

    def headlines(self, tasks: Collection[str], metrics: Sequence[str]) -> tuple[str, ...]:
        """The set of measures by which some tasks are judged: all headlines among `metrics`, that whose floor is known first.

        Args:
            tasks: the names of the tasks.
            metrics: what was measured on them, in the order in which it came up.

        Returns:
            Their names; none where no headline was measured.
        """
        parts = {each.name: each.part for task in tasks for each in self._by_task.get(task, [])}
        heads = [name for name in metrics if parts.get(name) == "headline"]
        return tuple(dict.fromkeys([self.first_shown(tasks, heads), *heads])) if heads else ()

    def accounting(self, part: Account, metrics: Iterable[object]) -> list[str]:
        """Those of some metrics that say one thing in the account of a free error."""
        known = {quantity.name for quantity in self._known.values() if quantity.account == part}
        return [name for name in dict.fromkeys(map(str, metrics)) if name in known]

    def on(self, task: str, metric: str) -> Quantity | None:
        """What a metric means on a task, in whichever unit; None if it was not measured there."""
        return next((each for each in self._by_task.get(task, []) if each.name == metric), None)


def table(found: Extract) -> pd.DataFrame:
    """The table of the records of an extract: a row for each task, metric and unit, in the order in which they come up."""
    of, texts = found.columns, found.texts
    said = [msgspec.json.decode(text) for text in texts["quantities"]]
    tasks = [str(msgspec.json.decode(text)["task"]["name"]) for text in texts["experiment"]]
    sizes = tuple(len(texts[name]) for name in ("experiment", "quantities", "metric", "unit"))
    runs = [np.repeat(of[name].astype(np.int64), of["series"]) for name in ("experiment", "quantities")]
    codes = np.ravel_multi_index(
        (*runs, of["metric"].astype(np.int64), of["unit"].astype(np.int64)), [max(1, n) for n in sizes]
    )
    rows: dict[tuple[str, str, str], Quantity] = {}
    for code in pd.unique(codes):
        tree, meaning, metric, unit = (int(each) for each in np.unravel_index(code, sizes))
        name, measured = texts["metric"][metric], texts["unit"][unit]
        key = (tasks[tree], name, measured)
        if key not in rows:
            told = said[meaning].get(name)
            rows[key] = declared(name, measured) if told is None else _in_unit(read(name, told), measured)
    return _table(rows)


def of_frames(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The table of measurements that were kept without one, by what their metrics declare today."""
    rows: dict[tuple[str, str, str], Quantity] = {}
    for frame in frames:
        for key in frame[["task", "metric", "unit"]].astype(str).drop_duplicates().itertuples(index=False, name=None):
            rows.setdefault(key, declared(key[1], key[2]))
    return _table(rows)


def declared(metric: str, unit: str) -> Quantity:
    """What the metric of a name says of itself today, in a unit; of one that is not there nothing is known."""
    part = registry.parts("metric").get(metric)
    if part is None:
        return undeclared(metric, unit)
    own: Quantity = cast("Any", part).quantity
    return _in_unit(replace(own, name=metric), unit)


def _in_unit(quantity: Quantity, unit: str) -> Quantity:
    return replace(quantity, unit=unit) if unit and unit != quantity.unit else quantity


def _table(rows: Mapping[tuple[str, str, str], Quantity]) -> pd.DataFrame:
    columns: dict[str, list[object]] = {name: [] for name in COLUMNS}
    for (task, metric, unit), each in rows.items():
        low, high = each.range
        number = each.floor if isinstance(each.floor, (int, float)) else np.nan
        values = {
            "task": task, "metric": metric, "unit": unit, "low": low, "high": high, "floor": number,
            "floor_metric": each.floor_name or "",
            "conditioned": each.conditioned or "", "left_out": each.left_out or "", "account": each.account or "",
            **{name: _BETWEEN.join(getattr(each, name) or ()) for name in _LISTS},
            **{name: getattr(each, name) for name in ("label", "better", "scale", "part")},
        }  # fmt: skip
        for name, value in values.items():
            columns[name].append(value)
    numbers = ("low", "high", "floor")
    return pd.DataFrame({name: pd.Series(each, dtype=float if name in numbers else "str") for name, each in columns.items()})


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
