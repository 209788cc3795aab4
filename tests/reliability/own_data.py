"""Files of the user's own, generated with their right answer: read as what they say, or refused, never silently something else.

A file has one to three series, dates in several forms, rows out of order, repeated or left out, missing cells, and numbers,
names and bytes written in several ways. Its right answer is worked out here in plain Python, row by row.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from freerun.errors import ConfigError
from freerun.parts.tasks.series import Series

MARKS = ("", "-", "NA", "nan", "?", "null")
LONGEST = 190
SPLITS = ("train", "validation", "test")


class Refused(Exception):
    """The right answer is that the file is refused with these settings."""


@dataclass
class File:
    """A generated file.

    Attributes:
        rows: of each series, in the order of the file: its time in steps, and its values, None for a missing one.
        settings: that declare all of it.
        needed: settings without which it has to be refused.
    """

    names: list[str]
    rows: dict[str, list[tuple[int, list[float | None]]]]
    settings: dict[str, Any]
    timed: bool
    needed: set[str] = field(default_factory=set)


def cases(seed: int, count: int) -> Iterator[int]:
    """Return the seeds of some files."""
    return iter(range(seed * 10**6, seed * 10**6 + count))


def check(case: int, folder: Path) -> None:
    """Try one file."""
    try_file(Random(case), folder)


def try_file(chance: Random, folder: Path) -> None:
    """Make a file and read it: as it stands, with all declared, and with one needed setting left out."""
    made = _File(chance, folder / "own.csv")
    known = made.known
    expected = _answer(known, known.settings)
    declared = {"path": str(made.path), "columns": known.names, "train": 0.6, "validation": 0.2}
    demand(expected, {**declared, **known.settings}, known, "declared")
    if expected is None:
        return
    if known.needed:
        left_out = chance.choice(sorted(known.needed))
        rest = {key: value for key, value in known.settings.items() if key != left_out}
        demand(None, {**declared, **rest}, known, f"without {left_out}")
    plain = {key: value for key, value in declared.items() if key != "columns"}
    demand(None if known.needed else expected, plain, known, "as it stands")


def demand(expected: dict[str, list[list[float]]] | None, settings: dict[str, Any], known: File, how: str) -> None:
    """Read a file; it has to be what is expected, or refused in one line where that is None."""
    try:
        task = Series(**settings)
        pieces = {name: [row for piece in some for row in piece.tolist()] for name, some in task.pieces().items()}
    except (ConfigError, ValueError) as fault:
        line = str(fault)
        assert len(line) <= LONGEST, f"{how}: {line}"
        assert "\n" not in line, f"{how}: {line}"
        assert expected is None, f"{how}: refused: {line} ({settings})"
        return
    assert expected is not None, f"{how}: taken, though it needs {sorted(known.needed)}: {task.notes()} ({settings})"
    assert list(task.columns_of()[0]) == known.names, f"{how}: {task.columns_of()[0]}, not {known.names}"
    for name in SPLITS:
        assert len(pieces[name]) == len(expected[name]), f"{how}: {len(pieces[name])} rows of {name}, not {len(expected[name])}"
        for row, wanted in zip(pieces[name], expected[name], strict=True):
            assert all(map(_equal, row, wanted)), f"{how}: {row} in {name}, not {wanted} ({settings})"
    assert any("columns used" in note for note in task.notes())


def _equal(a: float, b: float) -> bool:
    return a == b or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)


# ------------------------------------------------------------------ the right answer


def _answer(known: File, settings: dict[str, Any]) -> dict[str, list[list[float]]] | None:
    """The rows of every part, or None for a file that is refused; notes which settings were needed."""
    parts: dict[str, list[list[float]]] = {name: [] for name in SPLITS}
    try:
        for rows in known.rows.values():
            ruled = _ruled(rows, settings, known)
            first, second = int(len(ruled) * 0.6), int(len(ruled) * (0.6 + 0.2))
            filled = _filled(ruled, settings["missing"], (first, second, len(ruled)), known)
            if len(filled) != len(ruled):  # rows went
                first, second = int(len(filled) * 0.6), int(len(filled) * (0.6 + 0.2))
            for name, some in zip(SPLITS, (filled[:first], filled[first:second], filled[second:]), strict=True):
                parts[name] += some
    except Refused:
        return None
    return parts


def _ruled(rows: list[tuple[int, list[float | None]]], settings: dict[str, Any], known: File) -> list[tuple[int, list]]:
    """Put in order, once each, gaps filled; every row with the stretch it belongs to."""
    if not known.timed:
        return [(0, values) for _, values in rows]
    ordered = sorted(rows, key=lambda row: row[0])
    if ordered != rows:
        known.needed.add("order")
    by_time: dict[int, list[list[float | None]]] = {}
    for time, values in ordered:
        by_time.setdefault(time, []).append(values)
    if len(by_time) < len(rows):
        known.needed.add("duplicates")
    rule = settings["duplicates"]
    once = [
        (time, same[-1] if rule == "last" else same[0] if rule == "first" else _mean(same)) for time, same in by_time.items()
    ]
    ruled, stretch, before = [], 0, None
    for time, values in once:
        if before is not None and time != before + 1:
            known.needed.add("gaps")
            if settings["gaps"] == "split":
                stretch += 1
            elif settings["gaps"] == "fill":
                ruled += [(stretch, [None] * len(values)) for _ in range(time - before - 1)]
        ruled.append((stretch, values))
        before = time
    return ruled


def _mean(same: list[list[float | None]]) -> list[float | None]:
    columns = [[value for value in column if value is not None] for column in zip(*same, strict=True)]
    return [sum(column) / len(column) if column else None for column in columns]


def _filled(rows: list[tuple[int, list]], rule: str, ends: tuple[int, ...], known: File) -> list[list[float]]:
    if any(None in values for _, values in rows):
        known.needed.add("missing")
    if rule in ("drop", "split"):
        return [values for _, values in rows if None not in values]
    full = [list(values) for _, values in rows]
    for i, (stretch, values) in enumerate(rows):
        end = next(end for end in ends if i < end)
        for column, value in enumerate(values):
            if value is None:
                before = [j for j in range(i) if rows[j][0] == stretch and rows[j][1][column] is not None]
                after = [j for j in range(i + 1, end) if rows[j][0] == stretch and rows[j][1][column] is not None]
                if not before or (rule == "interpolate" and not after):
                    raise Refused
                low = rows[before[-1]][1][column]
                if rule == "interpolate":
                    share = (i - before[-1]) / (after[0] - before[-1])
                    low = low + share * (rows[after[0]][1][column] - low)
                full[i][column] = low
    return full


# ------------------------------------------------------------------ the file


class _File:
    """A file of random rows, written in a random way."""

    def __init__(self, chance: Random, path: Path) -> None:
        self.chance, self.path = chance, path
        self.form = chance.choice(["none", "hours", "days", "months", "format", "count", "unix", "compact"])
        self.decimal = chance.choice([".", ".", ","])
        self.thousands = chance.choice(["", "", " ", "'", {".": ",", ",": "."}[self.decimal]])
        self.delimiter = chance.choice([",", ",", ";", "\t", "|"])
        self.encoding = chance.choice(["utf-8", "utf-8", "utf-8-sig", "latin-1", "utf-16"])
        self.header = chance.random() < 0.8
        names = chance.sample(["load", "temp", "a b", "x,y", "gr\u00f6\u00dfe", "Q"], chance.randint(1, 3))
        ids = [""] if chance.random() < 0.6 else chance.sample(["a", "b", "north", "7"], chance.randint(2, 3))
        self.known = File(
            names=names, rows={one: self._rows(len(names)) for one in ids}, timed=self.form != "none",
            settings={
                "order": "sort", "duplicates": chance.choice(["first", "last", "mean"]),
                "gaps": chance.choice(["split", "fill"]),
                "missing": chance.choice(["drop", "split", "previous", "interpolate"]),
            },
        )  # fmt: skip
        if self.known.settings["gaps"] == "fill" and self.known.settings["missing"] == "split":
            self.known.settings["missing"] = "drop"
        self._write()

    def _rows(self, width: int) -> list[tuple[int, list[float | None]]]:
        chance, timed = self.chance, self.form != "none"
        size, scale = chance.randint(30, 60), 1000 if self.thousands else 1
        rows = [(i, [round(scale * chance.uniform(-9, 9), 3) + 0.0 for _ in range(width)]) for i in range(size)]
        if timed and chance.random() < 0.3:
            for _ in range(chance.randint(1, 2)):
                start = chance.randrange(2, len(rows) - 4)
                del rows[start : start + chance.randint(1, 3)]
        if timed and chance.random() < 0.3:
            copied = chance.randrange(len(rows))
            rows.insert(copied + 1, (rows[copied][0], [value + 1 for value in rows[copied][1]]))
        if timed and chance.random() < 0.3:
            chance.shuffle(rows)
        if chance.random() < 0.4:
            for _ in range(chance.randint(1, 3)):
                rows[chance.randrange(len(rows))][1][chance.randrange(width)] = None
        return rows

    def _time(self, step: int) -> str:
        start = datetime(2019, 12, 28)
        if self.form == "hours":
            return str(start + timedelta(hours=step))
        if self.form == "days":
            return (start + timedelta(days=step)).date().isoformat()
        if self.form == "months":
            return f"{2000 + step // 12}-{step % 12 + 1:02d}"
        if self.form == "format":
            return (start + timedelta(days=step)).strftime("%d.%m.%Y")
        if self.form == "compact":
            return (start + timedelta(days=step)).strftime("%Y%m%d")
        return str(1577836800 + 60 * step if self.form == "unix" else 5 + step)

    def _number(self, value: float | None) -> str:
        if value is None:
            return self.chance.choice(MARKS)
        return f"{value:,.3f}".replace(",", "T").replace(".", self.decimal).replace("T", self.thousands)

    def _write(self) -> None:
        chance, known = self.chance, self.known
        columns: list[tuple[str, str]] = [(name, "value") for name in known.names]
        several, timed = len(known.rows) > 1, known.timed
        if several:
            columns.insert(0, (chance.choice(["id", "who", "station"]), "id"))
        if timed:
            columns.insert(chance.randint(0, len(columns)), (chance.choice(["time", "date"]), "time"))
        if chance.random() < 0.3:
            columns.append(("note", "text"))
        if chance.random() < 0.3:
            columns.append(("unused", "empty"))
        named = {kind: f"column{i + 1}" if not self.header else name for i, (name, kind) in enumerate(columns)}
        if not self.header:
            known.names = [f"column{i + 1}" for i, (_, kind) in enumerate(columns) if kind == "value"]
        lines = [[name for name, _ in columns]] if self.header else []
        for one, rows in known.rows.items():
            for step, values in rows:
                numbers = iter(values)
                lines.append([self._cell(kind, one, step, numbers) for _, kind in columns])
        if len(columns) == 1:  # "x,y" above "1,5" is a table of two columns
            self.delimiter = ","
        self._declare(named, several, len(columns))
        held = io.StringIO()
        csv.writer(held, delimiter=self.delimiter, lineterminator=chance.choice(["\n", "\r\n"])).writerows(lines)
        self.path.write_bytes(held.getvalue().encode(self.encoding))

    def _cell(self, kind: str, one: str, step: int, numbers: Iterator[float | None]) -> str:
        if kind == "value":
            return self._number(next(numbers))
        word = {"id": one, "text": self.chance.choice(["fine", "wet", "late", "on", "off"]), "empty": ""}
        return self._time(step) if kind == "time" else word[kind]

    def _declare(self, named: dict[str, str], several: bool, width: int) -> None:
        """Declare how the file is written; what cannot be seen otherwise is needed."""
        known = self.known
        values = [value for rows in known.rows.values() for _, row in rows for value in row if value is not None]
        declared = {
            "id": (named.get("id"), several), "date": (named.get("time"), False),
            "date_format": ("%d.%m.%Y", self.form == "format"), "delimiter": (self.delimiter, self.delimiter != ","),
            "decimal": (self.decimal, self.decimal != "."),
            "thousands": (self.thousands, bool(self.thousands) and max(map(abs, values)) >= 1000),
            "encoding": (self.encoding, self._strange()), "header": (False, not self.header),
        }  # fmt: skip
        used = {
            "id": several, "date": known.timed, "date_format": self.form == "format", "thousands": bool(self.thousands),
            "encoding": self.encoding == "utf-8-sig" or self._strange(), "header": not self.header,
        }  # fmt: skip
        for key, (value, needed) in declared.items():
            if used.get(key, True):
                known.settings[key] = value
            if needed:
                known.needed.add(key)

    def _strange(self) -> bool:
        """Whether the bytes of the file are no UTF-8."""
        names = self.known.names if self.header else []
        return self.encoding == "utf-16" or (self.encoding == "latin-1" and any(not name.isascii() for name in names))
