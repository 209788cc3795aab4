"""Series of the user's own: columns of a file, by a declared schema.

A CSV or Parquet file, or a frame, one row a time step. Values are forecast, inputs are given, dates say that rows are equally
spaced, ids tell several series apart. Nothing is dropped, filled or put in order unless a setting says so; whatever could
mean two things is refused with column, row and value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from freerun.errors import ConfigError, given, require
from freerun.io import frames
from freerun.io.decoding import known
from freerun.io.suggestions import nearest
from freerun.io.tables import DELIMITERS, is_parquet
from freerun.io.text import one_line
from freerun.parts.settings import LATER
from freerun.parts.tasks import Data, HeldOut, _series_notes
from freerun.parts.tasks import _row_rules as rules
from freerun.parts.tasks._clock import written
from freerun.parts.tasks._held_out import FEWEST, LONGEST_ORBIT, held_out, longest_orbit
from freerun.parts.tasks._own_series import SPLIT, Place, Recorded, Request, estimated, recorded
from freerun.parts.tasks._recordings import RESERVE, Recording
from freerun.parts.tasks._scaling import orbit
from freerun.parts.tasks._series_forecasts import COLUMNS, forecasts
from freerun.parts.tasks._table_cells import SEPARATORS, Writing
from freerun.parts.tasks._table_schema import Declared
from freerun.parts.tasks._windows import home, origin_of, stamp


@dataclass(kw_only=True)
class Series(Recording):
    """Columns of a CSV or Parquet file, one row a time step.

    Attributes:
        path: the file; Parquet if its name ends in `.parquet` or `.pq`, otherwise CSV. `~` is your home.
        columns: a list of the names of the columns that are forecast, such as `[load, temp]`; null for all that hold numbers
            and neither number the rows nor tell the time.
        inputs: a list of columns that are given and not forecast: at every step their values at the time of the target, which
            have to be known beforehand.
        static: a list of columns that are the same in every row of a series, given at every step; a text as a 0 or 1 for each
            there is.
        date: the column that says when a row is; null for the one that plainly does, `none` to take rows as equally spaced.
        date_format: how dates are written, as `strptime` has it (`%d.%m.%Y`); null for ISO 8601.
        id: the column that tells several series apart; null for none, refused where one plainly does; `none` if it does not.
        delimiter: one character, or comma, semicolon, tab, pipe, space; null for a comma, refused if another divides as well.
        encoding: of CSV, by its name in Python.
        header: whether the first line holds names; null: it must, and numbers there are refused.
        decimal, thousands: what stands before decimals and between thousands: one character, or point, comma, space,
            apostrophe, none. Where 1.234 stands beside much larger whole numbers below 1000, `point` asks, `.` does not.
        markers: a list of further cells that say that there is no value, such as `[-999, x]`; null refuses numbers like -999
            that stand far apart, or come again and again there; `[]` takes them as they are.
        missing: what becomes of a row without a value: `refuse` it; `split` the series there; `interpolate`, or take the
            `previous` value; `drop` the row as if it had not been.
        order: `refuse` dates out of order, or `sort` by them.
        duplicates: `refuse` a date that comes twice, or take the `first`, the `last` or the `mean` of its rows.
        gaps: `refuse` dates that are not equally spaced; `split` the series there; `fill` with missing rows; `ignore`.
        split: several series: each is cut by `time`, or whole `series` train, validate and test.
        longest_window: with several stretches: steps of the longest window that each has to have room for; shorter stretches
            are left out. null for `length` or the usual evaluation, whichever is longer.
        dt: time between rows, in units of your own.
        chaotic: the recording is of a chaotic system, and measured like a flow.
        lyapunov_time: its Lyapunov time in the units of `dt`; of a chaotic recording without it, it is estimated from the
            training part, and said.
        train, validation: shares of the series, in time order; the rest is the test part.
        predict: `value`: the output is the next value; `increment`: the output is added to the value that was fed.
        test_shares: the test part is cut into so many stretches, or its stretches dealt out, and a run is tested on the share
            numbered seed mod `test_shares`; 1: all seeds have the whole part.
        season: steps after which the series comes round again, for the seasonal baseline; null for a day, a week or a year of
            its dates, 0 for none.
    """

    default_warmup: ClassVar[int] = 10
    default_horizon: ClassVar[int | None] = 60

    path: str
    columns: list[str] | None = None
    inputs: list[str] | None = None
    date: str | None = None
    date_format: str | None = None
    id: str | None = None
    delimiter: str | None = None
    encoding: str = "utf-8"
    header: bool | None = None
    decimal: str = "point"
    thousands: str = "none"
    markers: list[str] | None = None
    missing: str = "refuse"
    order: str = "refuse"
    duplicates: str = "refuse"
    gaps: str = "refuse"
    split: str = "time"
    longest_window: int | None = None
    dt: float = 1.0
    chaotic: bool = False
    lyapunov_time: float | None = None
    train: float = 0.8
    validation: float = 0.1
    length: int = 40
    static: list[str] | None = field(default=None, metadata=LATER)

    @classmethod
    def from_frame(cls, frame: Any, *, results: str | Path = "results", **settings: Any) -> Series:
        """Return the task of a frame of pandas (or anything else of Arrow): its columns as those of a file.

        The frame is kept in the store of the results under a name that is its content, so that whatever process trains, goes on
        with, measures or loads its runs later finds it. An index is a column if it has a name, or holds dates: `date`.

        Args:
            frame: one row a time step.
            results: the folder of all results; give the one that the runs are kept in.
            settings: all others but `path`.

        Raises:
            ConfigError: if it is no frame, or is refused as a file would be.
            StoreError: if it cannot be kept.
        """
        if "path" in settings:
            raise ConfigError("from_frame path: the frame is the data; Series(path=...) takes a file")
        return cls(path=frames.keep(frame, Path(results) / ".store" / "frames").as_posix(), **settings)

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.path not in ("", "???"), "path", self.path, "name a CSV or Parquet file")  # ??? is a key left open
        self.path = home(self.path)
        for key in ("columns", "inputs", "static", "markers"):
            value = getattr(self, key)
            setattr(self, key, [value] if isinstance(value, str) else value)
            require(value != [] or key == "markers", key, value, "name a column, or be left out")
        self._check_choices()
        self._check_chaos()
        self.recorded()

    def _check_choices(self) -> None:
        choices = {
            "missing": rules.MISSING, "order": rules.ORDER, "duplicates": rules.DUPLICATES, "gaps": rules.GAPS, "split": SPLIT,
        }  # fmt: skip
        for key, names in choices.items():
            value = getattr(self, key)
            if value not in names:
                raise ConfigError(f"task.{key}={value}: unknown {key}; {nearest(str(value), names)}")
        for key, named in (("delimiter", DELIMITERS), ("decimal", SEPARATORS), ("thousands", SEPARATORS)):
            value = getattr(self, key)
            known_sign = value in named or value == "\t" or _is_sign(value) or (key == "delimiter" and value is None)
            require(known_sign, key, value, f"be one character, or one of {', '.join(named)}")
        for key, plain in (("delimiter", None), ("encoding", "utf-8"), ("header", None)):
            value = getattr(self, key)
            require(value == plain or not is_parquet(self.path), key, value, "be left out: Parquet and frames say it")
        require(self.decimal != "none", "decimal", self.decimal, "be one character")
        require(self._sign("decimal") != self._sign("thousands"), "thousands", self.thousands, "differ from task.decimal")
        require(known(self.encoding), "encoding", self.encoding, "be an encoding of text that Python knows, such as latin-1")

    def _check_chaos(self) -> None:
        longest = max(RESERVE, 2 * self.length)
        window = self.longest_window
        require(window is None or 2 <= window <= longest, "longest_window", window, f"lie in 2 .. {longest}")
        require(self.dt > 0, "dt", self.dt, "be positive")
        require(self.lyapunov_time is None or self.lyapunov_time > 0, "lyapunov_time", self.lyapunov_time, "be positive")
        if self.lyapunov_time is not None:
            self.chaotic = True
        shared = self.test_shares == 1 or not self.chaotic
        require(shared, "test_shares", self.test_shares, "be 1 of a chaotic recording, whose long orbits take it all")

    def _sign(self, key: str) -> str:
        value: str = getattr(self, key)
        return SEPARATORS.get(value, value)

    def request(self) -> Request:
        """Return what is read of which file, and how."""
        return Request(
            path=self.path, changed=stamp(self.path), encoding=self.encoding, delimiter=self.delimiter, header=self.header,
            writing=Writing(
                decimal=self._sign("decimal"), thousands=self._sign("thousands"), markers=_strings(self.markers),
            ),
            declared=Declared(
                columns=None if self.columns is None else _strings(self.columns), inputs=_strings(self.inputs),
                static=_strings(self.static), date=self.date, date_format=self.date_format, id=self.id,
            ),
            rules=rules.Rules(
                order=self.order, duplicates=self.duplicates, gaps=self.gaps, missing=self.missing, asks=self.markers != [],
                declared=_strings(self.markers), asks_points=self.decimal == "point",
            ),
            split=self.split, train=self.train, validation=self.validation,
        )  # fmt: skip

    def recorded(self) -> Recorded:
        """Return what is taken of the file.

        Raises:
            ConfigError: naming path or column, row and value of what is wrong.
        """
        return recorded(self.request())

    def values(self) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return what is forecast, all stretches one after the other, and the names of its columns."""
        taken = self.recorded()
        whole = np.concatenate([piece for pieces in taken.pieces.values() for piece in pieces])
        return whole[:, : len(taken.names)], taken.names

    def pieces(self) -> dict[str, list[np.ndarray]]:
        return self.recorded().pieces

    def content(self) -> str:
        return self.recorded().content

    def notes(self) -> tuple[str, ...]:
        return (
            *self.recorded().notes, *self._stretch_notes(), *self._part_notes(), *self._season_notes(), *self._chaos_notes()
        )  # fmt: skip

    def _stretch_notes(self) -> list[str]:
        return _series_notes.stretches(self._file(), self.pieces(), self.taken(), self.room)

    def _part_notes(self) -> list[str]:
        taken, shown = self.recorded(), self.taken()
        if not all(shown.values()):
            return []  # which `check` refuses
        spans = {name: [self.dates(place.at[[0, -1]]) for place in places] for name, places in self.places().items()}
        if taken.clock is None:
            spans = {}
        columns = [*taken.names, *taken.inputs]
        return [
            _series_notes.parts(self._file(), shown, spans, self.split, self.test_shares),
            _series_notes.scales(self._file(), shown["train"], columns),
        ]

    def _season_notes(self) -> list[str]:
        if (season := self.season_steps()) is None or season >= max(map(len, self.taken()["train"]), default=0):
            return []
        known = "given" if self.season else f"by the step of {one_line(given(self.recorded().clock).name, 30)}"
        plays = f"the seasonal baseline plays from evaluation.warmup={season - 1} on"
        return [f"{self._file()}: season of {season} steps, {known}; {plays}"]

    def _chaos_notes(self) -> list[str]:
        if (steps := self.lyapunov_steps()) is None:
            return []
        made = "given" if self.lyapunov_time is not None else "estimated from the training part"
        return [f"{self._file()}: chaotic, with a Lyapunov time of {steps:.3g} steps, {steps * self.dt:.3g} time units, {made}"]

    def _file(self) -> str:
        return one_line(Path(self.path).name, 60)

    @property
    def room(self) -> int:
        return self.longest_window or super().room

    def check(self, length: int) -> None:
        super().check(length)
        longest = max(map(len, self.taken()["train"]))
        require(not self.season or self.season < longest, "season", self.season, f"lie below the {longest} training rows")
        if self.chaotic and self.lyapunov_steps() is None:
            raise ConfigError(
                f"{self.origin()}: near neighbours do not part as in a chaotic system: no Lyapunov time can be estimated; give "
                "task.lyapunov_time"
            )

    def season_steps(self) -> int | None:
        if self.season is not None or (clock := self.recorded().clock) is None:
            return self.season or None
        return clock.season

    def places(self) -> dict[str, list[Place]]:
        """Return where the stretches that have windows stand in time, in the order of `taken`."""
        pieces, places = self.pieces(), self.recorded().places
        if all(len(some) == 1 for some in pieces.values()):
            return places
        return {
            name: [place for piece, place in zip(pieces[name], places[name], strict=True) if len(piece) >= self.least(name)]
            for name in pieces
        }

    def dates(self, at: np.ndarray) -> list[str | float]:
        """Return times of rows for people and JSON: dates as texts, plain numbers and places in the file as they are."""
        clock = self.recorded().clock
        return written(None if clock is None else clock.moments(at), at)

    def lyapunov_steps(self) -> float | None:
        if self.lyapunov_time is not None:
            return self.lyapunov_time / self.dt
        return estimated(self.request()) if self.chaotic else None

    def own_orbit(self, warmup: int) -> int:
        return 0 if self.orbit_fault(warmup, FEWEST) else min(LONGEST_ORBIT, longest_orbit(self.taken(), warmup))

    def orbit_fault(self, warmup: int, steps: int) -> str | None:
        if not self.chaotic:
            return "is not said to be chaotic (task.chaotic, task.lyapunov_time)"
        if self.inputs:
            return "has inputs, which no closed loop knows"
        most = longest_orbit(self.taken(), warmup)
        return f"has a held-out stretch of {most} steps at most" if steps > most else None

    def held_out(self, data: Data, warmup: int, steps: int) -> HeldOut | None:
        return held_out(self, data, warmup, steps)

    def show(self, observed: Any) -> dict[str, Any]:
        if self.chaotic or observed.index is None:
            return orbit(observed, self.dt, self.columns_of()[0])
        seed = observed.experiment.seed
        pieces, places = (self._of_seed(some["test"], seed) for some in (self.taken(), self.places()))
        room = [self.reserve(len(piece)) for piece in pieces]
        name, origins = forecasts(observed, [len(piece) for piece in pieces], room, places, self.dates)
        clock = self.recorded().clock
        dated = clock is not None and clock.unit != ""
        return {
            "kind": "forecast", "names": list(self.columns_of()[0][:COLUMNS]), "warmup": observed.warmup, "series": name,
            "time": "row" if clock is None else clock.name, "dated": dated, "origins": origins,
        }  # fmt: skip

    def columns_of(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        taken = self.recorded()
        return taken.names, taken.inputs

    def origin(self) -> str:
        return origin_of(self.path)


def _is_sign(value: object) -> bool:
    """Whether a value is one character that no number begins with."""
    text = str(value)
    return len(text) == 1 and text.isascii() and text.isprintable() and not text.isalnum() and text not in '+-"'


def _strings(names: list[Any] | None) -> tuple[str, ...]:
    return tuple(str(name) for name in names or ())
