"""Series of the user's own file: its table by a declared schema and declared rules, cut into the parts of an experiment.

What was taken, left out, put in order or filled is said in `notes`, one line for the columns and one for the rows.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float

from freerun.errors import ConfigError
from freerun.io import tables
from freerun.io.reading import NotPlain
from freerun.io.text import one_line
from freerun.parts.tasks import SPLITS
from freerun.parts.tasks._clock import Clock, clock
from freerun.parts.tasks._dates import Axis, parsed
from freerun.parts.tasks._equal_columns import alike
from freerun.parts.tasks._lyapunov_estimate import lyapunov_steps
from freerun.parts.tasks._row_rules import Rows, Ruled, Rules
from freerun.parts.tasks._table_cells import Column, Writing, column
from freerun.parts.tasks._table_schema import Declared, Schema, schema
from freerun.parts.tasks._windows import bounds, origin_of

#: By what a table of several series is cut: each by time, or whole series.
SPLIT = ("time", "series")
#: Most names that a note lists; rows by which a format of dates is known.
_LISTED, _LOOKED_AT = 12, 50


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is read of which file, and how: settings of the task, as the key under which what was read is kept."""

    path: str
    changed: tuple[int, int]
    encoding: str
    delimiter: str | None
    header: bool | None
    writing: Writing
    declared: Declared
    rules: Rules
    split: str
    train: float
    validation: float


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a stretch stands: the name of its series, "" for the only one, and the time of each of its rows."""

    name: str
    at: np.ndarray

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, rows: slice) -> Place:
        return Place(name=self.name, at=self.at[rows])


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A table as an experiment takes it.

    Attributes:
        names, inputs: of the columns that are forecast, and of those that are given.
        pieces: of each split its stretches without a gap, values and inputs side by side, in their own units.
        places: of each split of which series every stretch is, and where its rows stand in time, in the same order.
        clock: how times become dates; None if the rows are taken as they stand, counted from 0.
        statics: the columns that are the same within a series, each with its texts, () for numbers.
        notes: what was taken, left out and changed.
        content: SHA-256 of all of it.
    """

    names: tuple[str, ...]
    inputs: tuple[str, ...]
    pieces: dict[str, list[Float[np.ndarray, "_ C"]]] = field(repr=False)
    places: dict[str, list[Place]] = field(repr=False)
    clock: Clock | None = field(repr=False)
    statics: dict[str, tuple[str, ...]]
    notes: tuple[str, ...]
    content: str


@lru_cache(maxsize=16)
def recorded(request: Request) -> Recorded:
    """Return what is read of a file, kept as long as the file stays as it is.

    Raises:
        ConfigError: naming path or column, row and value, with what can be done.
    """
    origin = origin_of(request.path)
    try:
        table = tables.read(
            request.path, encoding=request.encoding, delimiter=request.delimiter, names=request.header,
            within=request.writing.decimal + request.writing.thousands,
        )  # fmt: skip
    except NotPlain as fault:
        raise ConfigError(f"{origin}: cannot be read: {fault}") from None
    except (OSError, MemoryError) as fault:
        raise ConfigError(f"{origin}: cannot be read: {getattr(fault, 'strerror', None) or 'too large for memory'}") from None
    columns = [column(name, cells, request.writing) for name, cells in zip(table.names, table.columns, strict=True)]
    roles = schema(columns, request.declared, origin)
    _demand_format(request.declared.date_format, roles.axis, columns, origin)
    ruled = Ruled([*roles.values, *roles.inputs], roles.axis, request.rules, origin)

    def ends(size: int) -> list[int]:
        return [end for _, end in bounds(size, request.train, request.validation).values()] if request.split == "time" else []

    series = ruled.series(roles.ids, table.rows, ends)
    same = _same(roles, series, origin)
    named = list(zip(series, roles.names or ("",), strict=True))
    parts = _by_time(named, roles.axis, request) if request.split == "time" else _by_series(named, roles.axis, request, origin)
    names, inputs = ([each.name for each in some] for some in (roles.values, roles.inputs))
    return Recorded(
        names=tuple(names), inputs=tuple(inputs), pieces={name: [table for table, _ in part] for name, part in parts.items()},
        places={name: [place for _, place in part] for name, part in parts.items()},
        clock=None if roles.axis is None else clock(roles.axis, ruled.step), statics=roles.statics,
        notes=(*_notes(Path(request.path).name, roles, ruled, series), *same),
        content=_digest(names, inputs, series, request.split),
    )  # fmt: skip


def _same(roles: Schema, series: list[Rows], origin: str) -> tuple[str, ...]:
    """Return a line on columns that are forecast and are the same but for their scale.

    Raises:
        ConfigError: if an input is what is forecast: the answer would be given.
    """
    columns, count = [*roles.values, *roles.inputs], len(roles.values)
    groups = alike(np.concatenate([rows.table for rows in series]))
    for group in groups:
        if group[0] < count <= group[-1]:
            given, answer = (one_line(columns[place].name, 30) for place in (group[-1], group[0]))
            reason = f"is {answer!r} but for its scale, which is forecast: the answer would be given; leave it out"
            raise ConfigError(f"{origin}: input {given!r} {reason}")
    file = one_line(Path(origin.partition("=")[2]).name, 60)
    return tuple(
        f"{file}: the same but for their scale, and each counts: {_listed([columns[place].name for place in group])}"
        for group in groups
        if group[-1] < count
    )


def _demand_format(form: str | None, axis: Axis | None, columns: list[Column], origin: str) -> None:
    """Refuse a format of dates by which no column was read."""
    if form is None:
        return
    texts = [each.texts for each in columns if axis is not None and each.name == axis.name and not each.kind]
    if not texts or texts[0] is None or parsed(texts[0][:_LOOKED_AT].to_pylist(), form)[1]:
        raise ConfigError(f"{origin}: task.date_format={one_line(form, 30)}: no column holds such dates; task.date= names one")


@lru_cache(maxsize=16)
def estimated(request: Request) -> float | None:
    """Return the Lyapunov time of a recording in steps, estimated from its training part; None if it does not look chaotic."""
    taken = recorded(request)
    return lyapunov_steps([piece[:, : len(taken.names)] for piece in taken.pieces["train"]])


#: Stretches of a part, each with where it stands.
_Part = list[tuple[np.ndarray, Place]]


def _by_time(series: list[tuple[Rows, str]], axis: Axis | None, request: Request) -> dict[str, _Part]:
    """Return the stretches of the parts, every series cut by time."""
    parts: dict[str, _Part] = {name: [] for name in SPLITS}
    for rows, called in series:
        at = times(rows, axis)
        for name, (a, b) in bounds(len(rows.table), request.train, request.validation).items():
            parts[name] += _placed(rows.table[a:b], rows.stretch[a:b], at[a:b], called)
    return parts


def _by_series(series: list[tuple[Rows, str]], axis: Axis | None, request: Request, origin: str) -> dict[str, _Part]:
    """Return the stretches of the parts, each of whole series, in the order in which they come up."""
    if len(series) < len(SPLITS):
        raise ConfigError(f"{origin}: task.split=series needs at least 3 series, the file has {len(series)}; see task.id")
    first = min(max(1, round(len(series) * request.train)), len(series) - 2)
    second = min(max(first + 1, round(len(series) * (request.train + request.validation))), len(series) - 1)
    parts = {"train": series[:first], "validation": series[first:second], "test": series[second:]}
    return {
        name: [piece for rows, called in some for piece in _placed(rows.table, rows.stretch, times(rows, axis), called)]
        for name, some in parts.items()
    }


def times(rows: Rows, axis: Axis | None) -> np.ndarray:
    """Return where the rows of a series stand in time; rows that fill a gap stand between those beside it."""
    if axis is None:
        return rows.rows
    known = np.flatnonzero(rows.rows >= 0)
    at = np.interp(np.arange(len(rows.rows)), known, axis.at[rows.rows[known]])
    return np.asarray(at if axis.unit == "" else np.round(at).astype(np.int64))


def _placed(table: np.ndarray, stretch: np.ndarray, at: np.ndarray, name: str) -> _Part:
    pieces = zip(_stretches(table, stretch), _stretches(at, stretch), strict=True)
    return [(piece, Place(name=name, at=times)) for piece, times in pieces]


def _stretches(table: np.ndarray, stretch: np.ndarray) -> list[np.ndarray]:
    return [piece for piece in np.split(table, np.flatnonzero(np.diff(stretch)) + 1) if len(piece)]


def _digest(names: list[str], inputs: list[str], series: list[Rows], split: str) -> str:
    """Return the SHA-256 of a table; of one series without a gap, as it ever was."""
    whole = np.concatenate([rows.table for rows in series])
    head: object = (tuple(names), whole.shape)
    stretches = [len(piece) for rows in series for piece in _stretches(rows.table, rows.stretch)]
    if inputs or len(stretches) > 1 or len(series) > 1:
        head = (tuple(names), tuple(inputs), whole.shape, stretches, [len(rows.rows) for rows in series], split)
    return hashlib.sha256(repr(head).encode() + np.ascontiguousarray(whole).tobytes()).hexdigest()


def _notes(file: str, roles: Schema, ruled: Ruled, series: list[Rows]) -> tuple[str, str]:
    columns = [f"columns used: {_listed([each.name for each in roles.values])}"]
    if roles.inputs:
        columns.append(f"inputs: {_listed([each.name for each in roles.inputs])}")
    reasons: dict[str, list[str]] = {}
    for name, why in roles.left_out.items():
        reasons.setdefault(why, []).append(name)
    if reasons:
        columns.append(f"left out: {', '.join(f'{_listed(names)} ({why})' for why, names in reasons.items())}")
    count, axis = sum(len(rows.rows) for rows in series), roles.axis
    rows = [f"{count} rows"]
    if len(roles.names) > 1:
        rows[0] += f" of {len(roles.names)} series, {_listed([*roles.names])}"
    if axis is None:
        rows.append("taken as equally spaced")
    elif ruled.step is None:
        rows.append(f"in the order of the file, taken as equally spaced, whatever {_shown(axis.name)} says")
    else:
        about = f", give or take {100 * ruled.jitter:.2g} %" if ruled.jitter > 1e-9 else ""
        rows.append(f"by {_shown(axis.name)}, every {axis.length(ruled.step)}{about}")
    rows += [f"{number} {what}" for what, number in ruled.done.items() if number]
    return f"{one_line(file, 60)}: {'; '.join(columns)}", f"{one_line(file, 60)}: {'; '.join(rows)}"


def _listed(names: list[str]) -> str:
    shown = [_shown(name) for name in names[:_LISTED]]
    return ", ".join(shown) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")


def _shown(name: str) -> str:
    """Return a name as a note lists it."""
    return repr(one_line(name, 60)) if not name or "," in name else one_line(name, 60)
