"""Own series: every file of `cases/` that once gave silent wrong numbers, each with further instances of its kind.

A file is refused in one line with its cause and the likely cure, or it is read as what it says; what was left out or changed
is in the notes.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as arrow
import pytest
import torch
from pyarrow import parquet

from freerun.errors import ConfigError
from freerun.parts.tasks.series import Series

CASES = Path(__file__).parent / "cases"
N = 120
LOAD = [f"{10 + np.sin(i / 5):.3f}" for i in range(N)]
TEMP = [f"{100 + 9 * np.cos(i / 7):.3f}" for i in range(N)]
HOURS = [str(datetime(2021, 1, 1) + timedelta(hours=i)) for i in range(N)]


def text(delimiter=",", **columns):
    lines = zip(*columns.values(), strict=True)
    return "\n".join([delimiter.join(columns), *(delimiter.join(line) for line in lines)]) + "\n"


@pytest.fixture
def file(tmp_path):
    def write(content, name="own.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return str(path)

    return write


def refused(path, *words, **settings):
    """The one line with which a file is refused; it holds some words, and its end is not cut."""
    with pytest.raises((ConfigError, ValueError)) as fault:
        Series(path=str(path), **settings).check(10)
    line = str(fault.value)
    assert len(line) <= 190, line
    assert "\n" not in line
    for word in words:
        assert word in line, line
    return line


def taken(path, *said, **settings):
    """What is taken of a file: names and the whole table; the notes say some words."""
    task = Series(path=str(path), **settings)
    notes = " ".join(task.notes())
    for word in said:
        assert word in notes, notes
    values, names = task.values()
    return names, values


def put(cells, **changes):
    """A column with some cells replaced, by `row_N`."""
    changed = list(cells)
    for place, value in changes.items():
        changed[int(place.removeprefix("row_"))] = value
    return changed


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


# ---------------------------------------------------------------------- huge.csv


def test_huge(file):
    refused(CASES / "huge.csv", "'load'", "row 1", "1.002515e+301", "1e30")


@pytest.mark.parametrize("cell", ["1e301", "-1e31", "inf", "-Infinity", "1e400"])
def test_a_number_beyond_what_is_computed_with(file, cell):
    refused(file(text(load=put(LOAD, row_9=cell), temp=TEMP)), "'load'", "row 10", cell)


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
