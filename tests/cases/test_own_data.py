"""Own data that once gave silent wrong numbers: every case, each with further instances of its kind.

A file is refused in one line with its cause and the likely cure, or it is read as what it says; what was left out or changed
is in the notes. `files/` holds the files of the cases, after which the sections are named:

- `missing_dash.csv`, `thousands.csv`: one cell that is no number. `index_col.csv`: row numbers and time stamps. `long.csv`:
  several series one under another. `gap.csv`, `unsorted.csv`, `duplicates.csv`: dates. `space_name.csv`: names of columns.
  `huge.csv`: 1e301 in a cell. `latin1.csv`: encodings, delimiters, a line of names alone.
- `task.columns=a,b`; a text in 1,120 letters; figures of one column and of letters that a font lacks; a run of no use.
"""

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as arrow
import pytest
import torch
from pyarrow import parquet

from cases.own_files import HOURS, LOAD, TEMP, N, put, refused, taken, text
from freerun import GRU, Experiment
from freerun.analysis.figures import _style, orbit, text_samples
from freerun.analysis.figures._figure_data import Sample
from freerun.analysis.figures._looks import looks
from freerun.analysis.figures._venues import Paper
from freerun.analysis.report.page import sample_blocks
from freerun.cli.main import dispatch
from freerun.config.run_identity import canonical
from freerun.errors import ConfigError
from freerun.parts.tasks.automaton import Automaton
from freerun.parts.tasks.series import Series
from freerun.parts.tasks.text import Text
from freerun.sweeps import study as studies

CASES = Path(__file__).parent / "files"


# ---------------------------------------------------------------------- missing_dash.csv, thousands.csv


def test_missing_dash():
    refused(CASES / "missing_dash.csv", "'load'", "row 51", "-;", "task.missing=")
    names, values = taken(CASES / "missing_dash.csv", "1 missing values, interpolated", missing="interpolate")
    assert names == ("load", "temp")
    assert values[50, 0] == pytest.approx((values[49, 0] + values[51, 0]) / 2)


@pytest.mark.parametrize("cell", ["", "NA", "?", "n/a", "nan", "null", "--", "#N/A", "None", "  "])
@pytest.mark.parametrize("place", [0, 7, N - 1])
def test_missing_markers(file, cell, place):
    """Whatever says that there is nothing, wherever it stands."""
    path = file(text(load=put(LOAD, **{f"row_{place}": cell}), temp=TEMP))
    refused(path, "'load'", f"row {place + 1}", "task.missing=")
    _, values = taken(path, "1 rows with a missing value, left out", missing="drop")
    assert len(values) == N - 1
    assert values[:, 1].tolist() == [float(t) for i, t in enumerate(TEMP) if i != place]


def test_missing_rows_and_declared_markers(file):
    refused(file(text(load=put(LOAD, row_3="-999"), temp=TEMP)), "-999", "row 4", "task.markers=[-999]")
    refused(file(text(load=put(LOAD, row_3="x"), temp=TEMP)), "'x'", "row 4", "task.markers")
    path = file(text(load=put(LOAD, row_3="x", row_5="-999"), temp=TEMP))
    _, values = taken(path, "2 missing values, filled with the one before", markers=["x", "-999"], missing="previous")
    assert values[3, 0] == values[2, 0]
    assert values[5, 0] == values[4, 0]
    _, values = taken(file(text(load=put(LOAD, row_3="-999"), temp=TEMP)), markers=[])
    assert values[3, 0] == -999
    blank = "\n".join(["load", *put(LOAD, row_6="")]) + "\n"
    refused(file(blank), "row 7", "an empty cell")


def test_a_value_is_never_filled_from_the_next_part(file):
    """The last training value is missing: the one behind it belongs to the validation part."""
    path = file(text(load=put(LOAD, row_95=""), temp=TEMP))
    refused(path, "row 96", "nothing after it", "task.missing=previous", missing="interpolate")
    _, values = taken(path, missing="previous")
    assert values[95, 0] == values[94, 0]
    refused(file(text(load=put(LOAD, row_0=""), temp=TEMP)), "row 1", "nothing before it", missing="previous")


def test_thousands():
    refused(CASES / "thousands.csv", "'load'", "row 1", "10,025.1", "task.thousands=comma")
    names, values = taken(CASES / "thousands.csv", thousands="comma")
    assert names == ("load", "temp")
    assert values[0, 0] == 10025.1


@pytest.mark.parametrize(
    ("cell", "cure", "settings", "number"),
    [
        ("10,5", "task.decimal=comma", {"decimal": "comma"}, 10.5),
        ("1.234,5", "task.thousands=point task.decimal=comma", {"decimal": ",", "thousands": "."}, 1234.5),
        ("1 234.5", "task.thousands=space", {"thousands": "space"}, 1234.5),
        ("1\u00a0234.5", "task.thousands=space", {"thousands": "space"}, 1234.5),
        ("1'234.5", "task.thousands=apostrophe", {"thousands": "apostrophe"}, 1234.5),
        ("10,234", "task.thousands=comma or task.decimal=comma", {"thousands": "comma"}, 10234),
        ("5 %", "task.markers", None, None),
        ("$5.00", "task.markers", None, None),
        ("\u22125.0", "task.markers", None, None),
    ],
)
@pytest.mark.parametrize("rows", [1, N])
def test_other_ways_to_write_numbers(file, cell, cure, settings, number, rows):
    """In one cell or in all of them: never a column that is gone."""
    load = [cell] * rows + ["7", "8"] * ((N - rows) // 2) + ["7"] * ((N - rows) % 2)
    path = file(text(";", load=load, temp=TEMP))
    refused(path, "'load'", "row 1", cure, delimiter=";")
    if settings:
        temp = [cell.replace(".", ",") for cell in TEMP] if settings.get("decimal") else TEMP
        _, values = taken(file(text(";", load=load, temp=temp)), delimiter="semicolon", **settings)
        assert values[:rows, 0].tolist() == [number] * rows


@pytest.mark.parametrize("written", ["{} kW", "{}kW", "{} \u00b0C", "EUR {}", "'{}'", "{}%", "{}D+02"])
@pytest.mark.parametrize("rows", [1, N])
def test_numbers_with_something_beside_them(file, written, rows):
    """A unit, money, quotes: a column of them is not text, which would be left out."""
    path = file(text(load=[*map(written.format, LOAD[:rows]), *LOAD[rows:]], temp=TEMP))
    line = refused(path, "'load'", "row 1", repr(written.format(LOAD[0])), "task.columns")
    assert ("it is one" in line) == ("D+02" not in written)
    assert taken(file(text(uid=[f"A{i}" for i in range(N)], load=LOAD)), "uid (text)")[0] == ("load",)


# ---------------------------------------------------------------------- index_col.csv


def test_index_col():
    names, values = taken(CASES / "index_col.csv", "columns used: load", "by '', every 1")
    assert names == ("load",)
    assert values.shape == (400, 1)


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("Unnamed: 0", [str(i) for i in range(N)]),
        ("id", [str(i + 1) for i in range(N)]),
        ("anything", [str(5 * i) for i in range(N)]),
        ("time", [f"{i / 100:.2f}" for i in range(N)]),
        ("timestamp", [str(1609459200 + 3600 * i) for i in range(N)]),
        ("whatever", [str((1609459200 + 3600 * i) * 1000) for i in range(N)]),
        ("year", [str(1800 + i) for i in range(N)]),
        ("day", [(datetime(2021, 1, 1) + timedelta(days=i)).strftime("%Y%m%d") for i in range(N)]),
        ("month", [str(i % 12 + 1) for i in range(N)]),
        ("hour", [str(i % 24) for i in range(N)]),
        ("unused", [""] * N),
        ("place", ["north, east"[:5]] * N),
    ],
)
def test_columns_that_are_no_values(file, name, cells):
    """Left out, and the notes say so; named, it is taken."""
    path = file(text(**{name: cells}, load=LOAD))
    names, _ = taken(path, name, "columns used: load")
    assert names == ("load",)
    if name not in ("unused", "place"):
        names, values = taken(path, columns=[name, "load"])
        assert names == (name, "load")
        assert values[3, 0] == float(cells[3])


def test_a_parquet_index_and_dates(tmp_path):
    path = tmp_path / "own.parquet"
    dates = [datetime(2021, 1, 1) + timedelta(days=i) for i in range(N)]
    table = {"__index_level_0__": list(range(N)), "when": dates, "load": list(map(float, LOAD)), "flag": [True] * N}
    parquet.write_table(arrow.table(table), path)
    names, _ = taken(path, "__index_level_0__ (numbers the rows)", "flag (bool)", "by when, every day")
    assert names == ("load",)
    later = dates[:9] + [date + timedelta(days=1) for date in dates[9:]]
    parquet.write_table(arrow.table({**table, "when": later}), path)
    refused(path, "row 10", "2021-01-11", "2 days", "task.gaps")


def test_a_time_that_could_be_a_value_is_asked_for(file):
    path = file(text(time=LOAD, load=TEMP))
    refused(path, "'time'", "task.date=time", "task.columns")
    assert taken(path, columns=["time", "load"])[0] == ("time", "load")
    refused(file(text(day=HOURS, when=HOURS, load=LOAD)), "several columns hold dates", "task.date")


RISING = {
    "a day of a spreadsheet, weekends left out": [str(44200 + i + 2 * (i // 5)) for i in range(N)],
    "days with a gap": [f"{738157 + i / 24 + 3 * (i > 50):.6f}" for i in range(N)],
    "a year with decimals": [f"{1900 + i / 12:.3f}" for i in range(N)],
    "uneven milliseconds": [str(20 * i + i * i % 3) for i in range(N)],
    "a meter": [str(10 * i + i * i % 7) for i in range(N)],
    "downwards": [str(-10 * i - i * i % 7) for i in range(N)],
}


@pytest.mark.parametrize("cells", RISING.values(), ids=RISING)
def test_a_column_that_only_goes_one_way_is_asked_for(file, cells):
    """Whatever its name: it is a time, a counter or a value, and forecast only if that is said."""
    path = file(text(when=cells, load=LOAD))
    refused(path, "'when' only goes one way", "task.date=when", "task.columns")
    assert taken(path, columns=["load"])[0] == ("load",)
    assert taken(path, columns=["when", "load"])[0] == ("when", "load")
    assert taken(file(text(when=cells)))[0] == ("when",), "there is nothing else to forecast"
    refused(file(text(date=HOURS, n=RISING["days with a gap"], load=LOAD)), "'n' only goes one way")
    assert taken(file(text(date=HOURS, total=RISING["a meter"], load=LOAD)))[0] == ("total", "load")


@pytest.mark.parametrize(
    ("form", "step", "said"),
    [
        ("%Y%m%d%H", 1, "every 1 h"),
        ("%Y%m%d%H%M", 1, "every 1 h"),
        ("%Y%m%d%H%M%S", 1, "every 1 h"),
        ("%Y%m", 31 * 24, "every month"),
    ],
)
def test_dates_in_digits(file, form, step, said):
    moments = [datetime(2021, 1, 1) + timedelta(hours=i) for i in range(N)]
    if form == "%Y%m":
        moments = [datetime(1990 + i // 12, i % 12 + 1, 1) for i in range(N)]
    cells = [moment.strftime(form) for moment in moments]
    assert taken(file(text(stamp=cells, load=LOAD)), f"by stamp, {said}")[0] == ("load",)
    refused(file(text(stamp=put(cells, row_9=cells[8]), load=LOAD)), "'stamp', row 10", "task.duplicates=")


def calendar(moments, *parts):
    return {part: [str(getattr(moment, part)) for moment in moments] for part in parts}


def test_dates_in_several_columns(file):
    days = [datetime(2020, 12, 1) + timedelta(days=i) for i in range(N + 3)]
    parts = ("year", "month", "day")
    left = "year, month, day (a part of the calendar)"
    assert taken(file(text(**calendar(days[:N], *parts), load=LOAD)), left, "by 'year, month, day', every day")[0] == ("load",)
    refused(file(text(**calendar(days[:60] + days[63:], *parts), load=LOAD)), "row 61", "4 days after row 60", "task.gaps=")
    refused(file(text(**calendar(days[:N][::-1], *parts), load=LOAD)), "descend", "task.order=sort")
    hours = [datetime(2021, 1, 30) + timedelta(hours=i) for i in range(N)]
    taken(file(text(**calendar(hours, *parts, "hour"), load=LOAD)), "every 1 h")
    months = [datetime(1990 + i // 12, i % 12 + 1, 1) for i in range(N)]
    taken(file(text(**calendar(months, "year", "month"), load=LOAD)), "by 'year, month', every month")
    taken(file(text(**calendar(days[:N], "year", "month"), load=LOAD)), "taken as equally spaced")  # coarser than the rows
    doys = {"year": ["2021"] * N, "doy": [str(i + 1) for i in range(N)]}
    taken(file(text(**doys, load=LOAD)), "by 'year, doy', every day")
    wrong = {**calendar(days[:N], *parts), "day": ["31"] * N}
    refused(file(text(**wrong, hour=[str(i % 24) for i in range(N)], load=LOAD)), "2021-2-31 is in no calendar")


def test_counters_that_begin_anew(file):
    restarts = [str(i % 60) for i in range(N)]
    refused(file(text(k=restarts, load=LOAD, temp=TEMP)), "'k' counts anew from row 61", "several series?", "task.id=none")
    uneven = [*map(str, range(50)), *map(str, range(N - 50))]
    refused(file(text(k=uneven, load=LOAD, temp=TEMP)), "'k' counts anew from row 51")
    assert taken(file(text(k=restarts, load=LOAD)), "k (counts in rounds)", id="none")[0] == ("load",)
    held = [str(i // 8 % 7) for i in range(N)]
    assert taken(file(text(k=held, load=LOAD)), "k (counts in rounds)")[0] == ("load",)
    assert taken(file(text(date=HOURS, k=restarts, load=LOAD)), "k (counts in rounds)")[0] == ("load",)
    assert taken(file(text(flag=["0", "1", "1"] * 40, load=LOAD)))[0] == ("flag", "load")
    shuffled = [str((7 * i) % N) for i in range(N)]
    refused(file(text(id=shuffled, load=LOAD)), "'id'", "task.order=sort")


# ---------------------------------------------------------------------- long.csv


def test_long():
    refused(CASES / "long.csv", "'id'", "task.id=id", "task.id=none")
    task = Series(path=str(CASES / "long.csv"), id="id", train=0.6, validation=0.2, length=10, longest_window=15)
    assert "400 rows of 4 series" in " ".join(task.notes())
    data = task.build(0, 15)
    rows = [line.split(",") for line in (CASES / "long.csv").read_text().splitlines()[1:]]
    series = [[round(1000 * float(load)) for name, _, load in rows if name == str(k)] for k in range(4)]
    inside = {tuple(one[i : i + 16]) for one in series for i in range(len(one) - 15)}
    for part in data.splits.values():
        windows = torch.cat([part.start[None], part.targets]).double() * data.std + data.mean
        assert {tuple(window) for window in (1000 * windows[..., 0]).round().int().T.tolist()} <= inside
    assert len(data.splits["train"]) == 4 * 40


@pytest.mark.parametrize(
    "columns",
    [
        {"station": ["a"] * 60 + ["b"] * 60, "load": LOAD, "temp": TEMP},
        {"date": HOURS[:60] * 2, "kind": ["7"] * 60 + ["9"] * 60, "load": LOAD, "temp": TEMP},
        {"date": [hour for hour in HOURS[:60] for _ in range(2)], "where": ["n", "s"] * 60, "load": LOAD},
        {"sensor_id": ["3", "1", "2"] * 40, "load": LOAD, "temp": TEMP},
    ],
    ids=["by name", "by dates", "interleaved", "without dates"],
)
def test_ids_that_are_plain_to_see(file, columns):
    path, name = file(text(**columns)), next(name for name in columns if name not in ("date", "load", "temp"))
    refused(path, repr(name), f"task.id={name}")
    task = Series(path=path, id=name, split="time", length=4, longest_window=8)
    pieces = task.pieces()
    ids = list(dict.fromkeys(columns[name]))
    for place, one in enumerate(ids):
        rows = [float(load) for load, each in zip(columns["load"], columns[name], strict=True) if each == one]
        assert [v for part in ("train", "validation", "test") for v in pieces[part][place][:, 0]] == rows


@pytest.mark.parametrize("shuffled", [False, True])
def test_ids_of_series_of_two_lengths(file, shuffled):
    """Whose dates overlap in part, one of them twice in its series, or in no order: by columns that leave the id out too."""
    dates = HOURS[:38] + HOURS[:81] + HOURS[80:81]
    rows = [*zip(["7"] * 38 + ["b"] * 82, dates, LOAD, TEMP, strict=True)]
    if shuffled:
        rows = [*rows[:38][::-1], *rows[38::3], *rows[39::3], *rows[40::3]]
    path = file(text(**dict(zip(("who", "date", "load", "temp"), zip(*rows, strict=True), strict=True))))
    for columns in (None, ["load"]):
        chosen = {} if columns is None else {"columns": columns}
        refused(path, "'who' tells apart the rows of one date", "task.id=who", duplicates="first", order="sort", **chosen)


@pytest.mark.parametrize("twice", [20, 59, 100])
def test_a_label_of_stretches_of_one_series_is_no_id(file, twice):
    """Also where a date stands twice, within a stretch or at its end."""
    dates = HOURS[: twice + 1] + HOURS[twice : N - 1]
    path = file(text(date=dates, season=["dry"] * 60 + ["wet"] * 60, load=LOAD))
    assert taken(path, "season (text)", duplicates="first")[0] == ("load",)
    backwards = file(text(date=dates[::-1], season=["dry"] * 60 + ["wet"] * 60, load=LOAD), name="back.csv")
    assert taken(backwards, "season (text)", duplicates="first", order="sort")[0] == ("load",)


@pytest.mark.parametrize("ids", [["17", "3", "99"] * 40, ["load", "temp"] * 60, ["x", "y", "z", "w"] * 30])
def test_interleaved_ids_without_dates(file, ids):
    refused(file(text(box=ids, load=LOAD, temp=TEMP)), "'box' comes round every", "task.id=box", "task.id=none")


def test_ids_of_days_and_months_are_none(file):
    assert taken(file(text(day=["Mon", "Tue", "Wed"] * 40, load=LOAD)), "day (text)")[0] == ("load",)


def test_ids_that_single_numbers_cannot_tell_apart(tmp_path, file):
    path = tmp_path / "own.parquet"
    ids = [2**53 + 1] * 60 + [2**53] * 60
    parquet.write_table(arrow.table({"id": ids, "load": list(map(float, LOAD))}), path)
    refused(path, "'id' is named so and has 2 values")
    assert [len(piece) for piece in Series(path=str(path), id="id").pieces()["train"]] == [48, 48]
    refused(file(text(unit=["1.5"] * 60 + ["2.5"] * 60, load=LOAD)), "'unit' is named so and has 2 values")


def test_ids_within_ids_and_what_never_changes_within_a_series(file):
    store, item = ["1"] * 60 + ["2"] * 60, (["1"] * 30 + ["2"] * 30) * 2
    refused(file(text(store=store, item=item, load=LOAD)), "'item' tells series apart within one store", id="store")
    refused(file(text(store=store, item=["p"] * 30 + ["q"] * 30 + ["r"] * 30 + ["s"] * 30, load=LOAD)), "'item'", id="store")
    path = file(text(store=store, height=["5.5"] * 60 + ["7"] * 60, load=LOAD))
    assert taken(path, "height (the same in every row of a series)", id="store")[0] == ("load",)


def test_whole_series_train_validate_and_test(file):
    path = file(text(id=[str(i // 30) for i in range(N)], load=LOAD))
    task = Series(path=path, id="id", split="series", train=0.5, validation=0.25, length=4, longest_window=8)
    found = {name: [piece[0, 0] for piece in pieces] for name, pieces in task.pieces().items()}
    assert found == {"train": [float(LOAD[0]), float(LOAD[30])], "validation": [float(LOAD[60])], "test": [float(LOAD[90])]}
    refused(file(text(id=[str(i // 60) for i in range(N)], load=LOAD)), "at least 3 series", id="id", split="series")


# ---------------------------------------------------------------------- gap.csv, unsorted.csv, duplicates.csv


def test_gap():
    refused(CASES / "gap.csv", "'date'", "row 101", "121 h", "the step is 1 h", "task.gaps=")
    task = Series(path=str(CASES / "gap.csv"), gaps="split")
    assert [len(piece) for piece in task.pieces()["train"]] == [100, 124]
    assert len(taken(CASES / "gap.csv", "120 rows added", gaps="fill", missing="previous")[1]) == 400
    refused(CASES / "gap.csv", "240", "where a gap is filled", "task.missing", gaps="fill")
    taken(CASES / "gap.csv", "taken as equally spaced", gaps="ignore")
    taken(CASES / "gap.csv", "taken as equally spaced", date="none")


@pytest.mark.parametrize(
    ("dates", "step"),
    [
        ([str(datetime(2021, 1, 1) + timedelta(days=i + 2 * (i // 5))) for i in range(N)], "day"),
        ([f"{1900 + i // 12}-{i % 12 + 1:02d}" for i in range(N + 1) if i != 50], "month"),
        ([str(i) for i in range(N + 1) if i != 50], "1"),
        ([str(1609459200 + 60 * i) for i in range(N + 1) if i != 50], "1 min"),
        ([f"{i / 10:.1f}" for i in range(N + 1) if i != 50], "0.1"),
    ],
    ids=["weekends", "months", "row numbers", "unix seconds", "floats"],
)
def test_other_gaps(file, dates, step):
    path = file(text(time=dates, load=LOAD))
    refused(path, "'time'", f"step is {step}", "task.gaps=")
    assert len(Series(path=path, gaps="split").pieces()["train"]) >= 2


WORDS = ["%d-%b-%Y", "%B %d %Y", "%a %b %d %Y", "%b %d %H:%M:%S", "%Y-%j", "%Y.%m.%d", "%Y-%m-%d %I:%M %p", "%H:%M"]


@pytest.mark.parametrize("form", WORDS)
@pytest.mark.parametrize("name", ["when", "date"])
def test_a_gap_between_dates_in_another_form(file, form, name):
    """They are not text that is left out, whatever the name: the form has to be declared, and then the gap is seen."""
    moments = [datetime(2021, 1, 1) + timedelta(hours=23 * i + 500 * (i > 50)) for i in range(N)]
    path = file(text(**{name: [moment.strftime(form) for moment in moments], "load": LOAD}))
    refused(path, f"{name!r}, row 1", "is no date that is known", "task.date_format", "task.date=none")
    if "%H" not in form:
        refused(path, "task.", date_format=form)
    taken(path, "taken as equally spaced", date="none", columns=["load"])


@pytest.mark.parametrize("quarter", ["{}Q{}", "{}-Q{}", "Q{1} {0}"])
def test_a_gap_between_quarters(file, quarter):
    cells = [quarter.format(1990 + i // 4, i % 4 + 1) for i in range(N + 1) if i != 50]
    refused(file(text(q=cells, load=LOAD)), "'q', row 1", "is no date that is known", "task.date=none")


def test_a_date_alone_is_midnight_and_names_no_time_zone(file):
    cells = [hour.removesuffix(" 00:00:00") for hour in HOURS]
    assert cells != HOURS
    taken(file(text(date=cells, load=LOAD)), "by date, every 1 h")
    refused(file(text(date=put(HOURS, row_4=HOURS[4] + "Z"), load=LOAD)), "name a time zone, others do not")


@pytest.mark.parametrize("form", ["%Y-%m", "%Y-%m-01", "%Y/%m/%d", "%Y%m%d"])
def test_calendar_months_are_equally_spaced(file, form):
    dates = [datetime(1900 + i // 12, i % 12 + 1, 1).strftime(form) for i in range(N)]
    taken(file(text(date=dates, load=LOAD)), "every month")


def test_unsorted(file):
    refused(CASES / "unsorted.csv", "'date'", "row 4", "comes after", "task.order=sort")
    names, values = taken(CASES / "unsorted.csv", "rows put in order", "every 1 h", order="sort")
    ordered, wanted = taken(CASES / "missing_dash.csv", missing="interpolate")
    assert names == ordered
    assert np.abs(values - wanted).max() < 1  # the file without its order; one cell of the other is interpolated
    path = file(text(date=HOURS[::-1], load=LOAD))
    refused(path, "all dates descend", "task.order=sort")
    assert taken(path, order="sort")[1][:, 0].tolist() == [float(load) for load in LOAD[::-1]]
    refused(file(text(index=put([str(i) for i in range(N)], row_4="9", row_9="4"), load=LOAD)), "task.order=sort")


def test_duplicates(file):
    refused(CASES / "duplicates.csv", "row 2", "stands in row 1 too", "task.duplicates=")
    assert len(taken(CASES / "duplicates.csv", "rows of a repeated date", duplicates="first")[1]) == 400
    path = file(text(date=put(HOURS, row_4=HOURS[3]), load=put(LOAD, row_3="1", row_4="3")))
    refused(path, "row 5", "task.duplicates=")
    for rule, value in (("first", 1), ("last", 3), ("mean", 2)):
        assert taken(path, duplicates=rule, gaps="ignore")[1][3, 0] == value
    refused(file(text(t=put([str(i) for i in range(N)], row_4="3"), load=LOAD)), "'t'", "task.duplicates=")


@pytest.mark.parametrize(
    ("dates", "words", "settings"),
    [
        ([f"{i % 28 + 1:02d}/{i // 28 + 1:02d}/2021" for i in range(N)], ("day or month first", "%d/%m/%Y"), None),
        (put(HOURS, row_6="soon"), ("row 7", "soon", "task.date_format"), None),
        (put(HOURS, row_6=""), ("row 7", "nothing"), None),
        (put(HOURS, row_6=HOURS[6] + "+02:00"), ("time zone",), None),
        ([f"{i + 1}. day" for i in range(N)], ("row 1", "task.date_format"), None),
    ],
)
def test_dates_that_cannot_be_read_are_refused(file, dates, words, settings):
    refused(file(text(date=dates, load=LOAD)), "'date'", *words)


def test_a_declared_format_reads_dates(file):
    dates = [(datetime(2021, 1, 1) + timedelta(days=i)).strftime("%d.%m.%y") for i in range(N)]
    taken(file(text(date=dates, load=LOAD)), "by date, every day", date_format="%d.%m.%y")
    refused(file(text(date=dates, load=LOAD)), "row ", date_format="%d/%m/%y")


# ---------------------------------------------------------------------- space_name.csv


def test_space_name(file):
    assert taken(CASES / "space_name.csv", columns=["temp"])[0] == ("temp",)
    assert taken(CASES / "space_name.csv", columns=[" load "])[0] == ("load",)
    path = file(text(**{'"load, MW"': LOAD, '"a b"': TEMP, '"x=1"': TEMP}))
    assert taken(path, "'load, MW'", columns=["load, MW", "x=1"])[0] == ("load, MW", "x=1")
    assert taken(path, columns="load, MW")[0] == ("load, MW",)
    refused(file(text(a=LOAD, b=TEMP)), "write task.columns=[a,b]", columns="a,b")
    refused(file(text(**{"a": LOAD, "a ": TEMP})), "several columns have the name 'a'")


@pytest.mark.parametrize("name", ["gro\u0308\u00dfe", "a  b", "load\n(kW)", "a\u00a0b"])
def test_a_name_can_be_chosen_as_it_is_shown(file, name):
    """Blanks count once and an accent may be a letter of its own, in the file or as it is typed."""
    path = file(text(**{f'"{name}"': LOAD, "temp": TEMP}))
    shown = unicodedata.normalize("NFC", " ".join(name.split()))
    assert shown != name
    assert taken(path, columns=[shown])[0] == (name,)
    assert taken(path, columns=[name])[0] == (name,)
    both = file(text(**{f'"{name}"': LOAD, f'"{shown}"': TEMP}))
    assert taken(both, columns=[shown])[0] == (shown,)


# ---------------------------------------------------------------------- huge.csv


def test_huge(file):
    refused(CASES / "huge.csv", "'load'", "row 1", "1.002515e+301", "1e30")


@pytest.mark.parametrize("cell", ["1e301", "-1e31", "inf", "-Infinity", "1e400"])
def test_a_number_beyond_what_is_computed_with(file, cell):
    refused(file(text(load=put(LOAD, row_9=cell), temp=TEMP)), "'load'", "row 10", cell)


@pytest.mark.parametrize("cell", ["1e29", "-3e20", "99999999", "1e12"])
def test_a_number_beside_which_all_others_are_one(file, cell):
    task = Series(path=file(text(load=put(LOAD, row_9=cell), temp=TEMP)), markers=[])
    with pytest.raises(ConfigError, match=r"'load': beside .* most other values are one in single precision.*task\.markers"):
        task.build(0, 10)
    task = Series(path=file(text(load=put(LOAD, row_118=cell), temp=TEMP)), markers=[])
    with pytest.raises(ConfigError, match=r"'load': a value of the test part is .* standard deviations .* off"):
        task.build(0, 10)
    Series(path=file(text(load=put(LOAD, row_9="500", row_118="-900"), temp=TEMP))).build(0, 10)


def test_numbers_that_are_too_small_or_hardly_change(file):
    refused(file(text(load=[f"{1 + i % 7}e-301" for i in range(N)], temp=TEMP)), "e-301", "below what is computed with")
    with pytest.raises(ConfigError, match="is constant in the training part, 3"):
        Series(path=file(text(load=["3.0"] * N, temp=TEMP))).build(0, 10)
    with pytest.raises(ConfigError, match="less than a millionth"):
        Series(path=file(text(load=[f"1000000000.{i % 3}" for i in range(N)], temp=TEMP))).build(0, 10)


# ---------------------------------------------------------------------- latin1.csv


def test_latin1():
    refused(CASES / "latin1.csv", "task.path=", "not UTF-8 at byte 7", "task.encoding=latin-1")
    names, _ = taken(CASES / "latin1.csv", encoding="latin-1")
    assert names == ("gr\u00f6\u00dfe",)


@pytest.mark.parametrize(
    ("content", "words", "cure"),
    [
        (text(**{"a\u20ac": LOAD}).encode("cp1252"), ("not UTF-8 at byte 1",), {"encoding": "cp1252"}),
        (text(load=LOAD, temp=TEMP).encode("utf-16"), ("task.encoding=utf-16",), {"encoding": "utf-16"}),
        (text(load=LOAD, temp=TEMP).encode("utf-32"), ("task.encoding=utf-32",), {"encoding": "utf-32"}),
        (text(load=LOAD, temp=TEMP).encode("utf-16-le"), ("NUL", "task.encoding=utf-16-le"), {"encoding": "utf-16-le"}),
        (text(";", load=LOAD, temp=TEMP), ("semicolons", "task.delimiter=semicolon"), {"delimiter": "semicolon"}),
        (text("\t", load=LOAD, temp=TEMP), ("tabs", "task.delimiter=tab"), {"delimiter": "tab"}),
        (text("|", load=LOAD, temp=TEMP), ("pipes", "task.delimiter=pipe"), {"delimiter": "|"}),
        (text("  ", load=LOAD, temp=TEMP), ("spaces", "task.delimiter=space"), {"delimiter": "space"}),
        (text(load=LOAD, temp=TEMP).partition("\n")[2], ("10.000", "task.header=false"), {"header": False}),
        ("load,temp\n", ("a line of names and no row below it",), None),
        ("load,temp", ("a line of names and no row below it",), None),
        ("", ("the file is empty",), None),
        ("\n \n", ("the file is empty",), None),
        ("load,temp\n1,2\n3\n", ("line 3", "1 cells", "has 2"), None),
        ("load\n1,5\n2,5\n", ("line 2", "2 cells", "task.delimiter"), None),
        (b"PK\x03\x04xlsx", ("a spreadsheet", "save it as CSV"), None),
        (b"\x1f\x8bgz", ("unpack it",), None),
        (text(place=["a"] * N), ("no numeric column", "place (text)"), None),
        ("x,y|t\n" + "1,5|a\n" * N, ("2 columns for comma", "pipes too", "task.delimiter=pipe or comma"), None),
    ],
)
def test_the_true_reason_and_its_cure(file, content, words, cure):
    path = file(content)
    refused(path, *words)
    if cure is not None:
        assert taken(path, **cure)[1].shape[0] == N


def test_declared_wrongly_is_refused(file):
    refused(file(text(load=LOAD, temp=TEMP)), "task.delimiter=comma", delimiter="semicolon")
    refused(file("gr\u00f6\u00dfe\n" + "\n".join(LOAD)), "UTF-8 by every sign", encoding="latin-1")
    refused(file(text(load=LOAD)), "an encoding", encoding="rot13")
    refused(file(text(load=LOAD)), "did you mean 'split'", gaps="splits")


# ---------------------------------------------------------------------- inputs, identity, paths


def test_inputs_stand_beside_their_targets(file):
    path = file(text(load=LOAD, temp=TEMP))
    task = Series(path=path, columns=["load"], inputs=["temp"], length=5)
    data = task.build(0, 8)
    assert (data.inputs, data.outputs) == (1, 1)
    part = data.splits["train"]
    rows = part.targets.double() * data.std + data.mean
    place = {float(f"{float(load):.3f}"): i for i, load in enumerate(LOAD)}
    temp = np.array([float(t) for t in TEMP])
    scaled = (temp - temp[:96].mean()) / temp[:96].std()
    for n in (0, 7):
        first = n + 1
        assert rows[0, n, 0] == pytest.approx(float(LOAD[first]), abs=1e-4)
        assert part.inputs[:, n, 0].tolist() == pytest.approx(scaled[first : first + 8].tolist(), abs=1e-5)
    assert place
    refused(path, "named twice", columns=["load"], inputs=["load"])


def test_whatever_changes_the_data_is_another_content(file):
    path = file(text(date=put(HOURS, row_9=HOURS[8]), id=["a"] * 60 + ["b"] * 60, load=put(LOAD, row_30="")))
    base = {"date": "none", "id": "none", "missing": "previous", "columns": ["load"]}
    contents = {
        Series(path=path, **{**base, **change}).content()
        for change in ({}, {"missing": "drop"}, {"missing": "interpolate"}, {"id": "id"}, {"missing": "split"})
    }
    assert len(contents) == 5


def test_a_path_from_home_and_no_plain_file(file, tmp_path, monkeypatch):
    file(text(load=LOAD, temp=TEMP))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert taken("~/own.csv")[0] == ("load", "temp")
    refused("~nobody-of-that-name/own.csv", "own.csv")
    for path, reason in (("/proc/kmsg", "plain file"), ("/dev/zero", "regular file"), ("/proc/self/status", "plain file")):
        if Path(path).exists():
            refused(path, reason)


# ---------------------------------------------------------------------- task.columns=a,b


def test_columns_by_commas_are_a_sweep_and_the_line_shows_the_list(file):
    """As the case says: `task.columns=a,b`."""
    words = [f"task.path={file(text(load=LOAD * 7, temp=TEMP * 7))}", "task=series", "model=gru", "regime=teacher_forcing"]
    with pytest.raises(ConfigError, match=r"for one list write task\.columns=\[load,temp\]"):
        studies.adhoc([*words, "task.columns=load,temp"], sweep=False)
    assert len(studies.adhoc([*words, "task.columns=load,temp"], sweep=True).runs) == 2
    (run,) = studies.adhoc([*words, "task.columns=[load,temp]"], sweep=False).runs
    assert run.experiment.task.columns == ["load", "temp"]


@pytest.mark.parametrize("words", ["['load','temp']", '["load","temp"]', "[load,temp]"])
@pytest.mark.parametrize("key", ["columns", "inputs"])
def test_lists_can_be_typed(file, words, key):
    path = file(text(load=LOAD * 7, temp=TEMP * 7, rain=TEMP[::-1] * 7))
    words = [f"task.path={path}", "task=series", "model=gru", "regime=teacher_forcing", f"task.{key}={words}"]
    (run,) = studies.adhoc(words, sweep=False).runs
    assert getattr(run.experiment.task, key) == ["load", "temp"]


# ---------------------------------------------------------------------- text


def letters(count, size, first=0x4E00):
    chance = np.random.default_rng(0)
    return "".join(chr(first + k) for k in chance.integers(0, count, size))


def text_refused(path, *words, **settings):
    with pytest.raises(ConfigError) as fault:
        Text(path=path, **settings).check(70)
    line = str(fault.value)
    assert len(line) <= 190
    assert "\n" not in line
    for word in words:
        assert word in line, line


def test_text_in_an_alphabet_of_1120_letters(file):
    path = file(letters(1120, 9000))
    text_refused(path, "no letter comes 50 times", "task.rare=1")
    Text(path=path, rare=1).check(70)


@pytest.mark.parametrize(
    ("text", "settings"),
    [("a" * 9000, {}), ("ab" * 2000 + "c" * 9000, {"train": 0.2, "rare": 5000}), (letters(400, 9000, 0x1F300), {})],
)
def test_nothing_to_learn_is_refused(file, text, settings):
    text_refused(file(text), "task.path=", **settings)


@pytest.mark.parametrize(("rare", "share"), [(50, "58"), (20, "58")])
def test_the_share_of_unknown_characters_is_said(file, rare, share):
    """Of 10,000 characters 42 % are of ten letters, the others of a thousand."""
    common, seldom = letters(10, 4200, 0x61), letters(1000, 5800)
    chance = np.random.default_rng(1)
    mixed = list(common + seldom)
    chance.shuffle(mixed)
    task = Text(path=file("".join(mixed)), rare=rare)
    assert f"{share} % of them are unknown, rarer than {rare} in the training part" in " ".join(task.notes())
    assert "unknown" not in " ".join(Text(path=file("abcdefgh" * 1000)).notes())
    assert Text().notes() == ()


@pytest.mark.parametrize(
    ("content", "word", "settings"),
    [
        ("gr\u00f6\u00dfe " * 900, "task.encoding=latin-1", {"encoding": "latin-1"}),
        ("\u201cso\u201d said he " * 900, "task.encoding=cp1252", {"encoding": "cp1252"}),
        ("plain words " * 900, "task.encoding=utf-16", {"encoding": "utf-16"}),
    ],
)
def test_another_encoding_is_refused_with_its_cure(file, content, word, settings):
    path = file(content, "own.txt", settings["encoding"])
    text_refused(path, "not UTF-8 at byte", word)
    assert Text(path=path, **settings).read() == content
    text_refused(file(content), "UTF-8 by every sign", "leave that out", **settings)


def test_no_text_at_all_is_refused(file):
    text_refused(file(b""), "the file is empty")
    text_refused(file(b"\x1f\x8b\x08abc"), "unpack it")
    text_refused(file(b"a\0b\0" * 900), "NUL")


@pytest.mark.parametrize("path", ["/proc/kmsg", "/proc/self/status", "/dev/zero", "/"])
def test_proc_kmsg_is_no_plain_file(path):
    """A file of the kernel may never end; no task reads one."""
    if not Path(path).exists():
        pytest.skip("this machine has none")
    for make in (lambda: Text(path=path), lambda: Automaton(file=path)):
        with pytest.raises(ConfigError, match=r"plain file|regular file"):
            make()


def test_home_is_expanded_in_a_text(file, tmp_path, monkeypatch):
    file("some words " * 900, "own.txt")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Text(path="~/own.txt").read().startswith("some")


def test_a_later_setting_leaves_identities_as_they_were(file):
    """The encoding came later: where it is by default, runs are those that they were."""
    path = file("gr\u00f6\u00dfe " * 900, "own.txt", "latin-1")
    assert "encoding" not in canonical(Experiment(task=Text(), model=GRU(hidden=4)))["task"]
    assert canonical(Experiment(task=Text(path=path, encoding="latin-1"), model=GRU(hidden=4)))["task"]["encoding"] == "latin-1"


@pytest.mark.parametrize("part", [1.0, 0.5, 0.2])
def test_the_share_of_unknown_characters_of_the_test_part_is_said(file, part):
    strange = round(1000 * part)
    notes = " ".join(Text(path=file("ab" * 4500 + "xy" * (strange // 2) + "ab" * ((1000 - strange) // 2))).notes())
    assert f"of the test part {100 * part:g} %" in notes
    assert "test part" not in " ".join(Text(path=file("ab" * 5000)).notes())


# ---------------------------------------------------------------------- figures


class Shown:
    """The material of a study, as far as figures of samples look at it."""

    paper = Paper()
    looks = looks(["m"])

    def __init__(self, kind, *contents):
        self.samples = {kind: [Sample(run="r", task="t", model="GRU", method="m", seed=0, content=each) for each in contents]}

    def methods(self):
        return ["m"]

    @property
    def players(self):
        import pandas as pd

        return pd.DataFrame(columns=["task_label", "player"])

    def lost(self):
        import pandas as pd

        return pd.DataFrame(columns=["task_label", "model_label", "method", "lost", "ended"])


def orbit_of(width, names=None):
    chance = np.random.default_rng(0)
    true, made = (chance.normal(size=(20, width)).tolist() for _ in range(2))
    return {"kind": "orbit", "dt": 1.0, "warmup": 5, "true": true, "generated": made, **({"names": names} if names else {})}


@pytest.mark.parametrize(
    ("width", "names", "labels"),
    [
        (1, ["load, MW"], ["load, MW"]),
        (1, None, ["x"]),
        (2, ["load", "temp"], ["load", "temp"]),
        (2, None, ["x", "y"]),
        (3, None, ["x", "z"]),
        (3, ["a", "b", "c$"], ["a", "c$"]),
        (5, ["a" * 60, "b", "c", "d", "e"], ["a" * 21 + "...", "c"]),
    ],
)
def test_orbit_of_columns_has_their_names_and_no_blank_panel(width, names, labels):
    with _style.style():
        (figure,) = orbit.draw(Shown("orbit", orbit_of(width, names))).values()
        _style.bytes_of(figure, "png")
    axes = [each for each in figure.axes if each.axison]
    assert [each.get_ylabel() for each in axes] == labels
    assert len(axes) == len(figure.axes) == (1 if width == 1 else 2)
    assert all(each.has_data() for each in axes)
    usual = width >= 3 and names is None
    assert bool(figure.caption) != usual
    assert usual or (names or ["x"])[0] in figure.caption


def text_lines(letters):
    chance = np.random.default_rng(0)
    words = ["".join(chance.choice(list(letters), 40)) for _ in range(3)]
    return {"kind": "text", "lines": [{"prompt": words[0], "truth": words[1], "generated": words[2]}] * 2}


@pytest.mark.parametrize(
    ("letters", "drawn"),
    [
        ("abc def.\n", True),
        ("\u00e4\u00f6\u00fc\u00df\u20ac ", True),
        ("\u0430\u0431\u0432\u0433 ", True),
        ("\u05d0\u05d1\u05d2 ", False),
        ("\u7684\u4e00\u662f", False),
        ("\U0001f600\U0001f680", False),
        ("\u0627\u0628\u062a ", False),
        ("abcdefghij\u7684", False),
    ],
    ids=["English", "German", "Cyrillic", "Hebrew", "Chinese", "emoji", "Arabic", "mixed"],
)
def test_text_is_drawn_in_letters_of_the_font_alone(letters, drawn):
    shown = Shown("text", text_lines(letters))
    with _style.style():
        assert bool(text_samples.draw(shown)) == drawn
    blocks = sample_blocks(shown.samples)
    assert any(letters[0] in line["before"] + line["after"] for block in blocks for line in block.lines)


# ---------------------------------------------------------------------- lr=1e6


def useless(tmp_path, monkeypatch, capsys, *words):
    """The line that says of a run that it is of no use, None for none; it is finite, and done."""
    monkeypatch.chdir(tmp_path)
    assert dispatch(["run", *words, "seed=0", "model=gru", "launcher=inline", "--as", "s"]) == 0
    return next((line for line in capsys.readouterr().out.splitlines() if line.startswith("of no use: ")), None)


@pytest.mark.parametrize("rate", ["1e4", "0.01"])
def test_a_rate_of_1e4_is_done_and_said_to_be_of_no_use(rate, tmp_path, monkeypatch, capsys):
    words = ["task=hidden_markov", "task.sequences=64", "task.length=12", "training.updates=100", f"training.lr={rate}"]
    line = "of no use: Hidden Markov. Worse than unigram and constant by every headline (means over 1 seed): GRU"
    said = useless(tmp_path, monkeypatch, capsys, *words)
    assert said is None if rate == "0.01" else said.startswith(line)


@pytest.mark.slow
@pytest.mark.parametrize("rate", ["1e6", "1e3"])
def test_a_rate_of_1e6_on_own_data_is_said_to_be_of_no_use(rate, file, tmp_path, monkeypatch, capsys):
    path = file("\n".join(["load", *(f"{np.sin(i / 5) + np.cos(i / 17):.4f}" for i in range(900))]))
    words = ["task=series", f"task.path={path}", "training.updates=40", "evaluation.horizon=20", "evaluation.sequences=8"]
    line = useless(tmp_path, monkeypatch, capsys, *words, f"training.lr={rate}", "model.hidden=4")
    assert line is not None
    assert "Worse than" in line
