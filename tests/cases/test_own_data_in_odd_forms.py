"""Own data in forms that once gave silent wrong numbers, further instances of the kinds of `test_own_data.py`.

None of them is in the list of cases: rows that a quote swallows, points between thousands, numbers that say there is none, ids
that look alike, totals, a part without a value, settings that nothing reads, frames whose index says what no column does.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.parquet
import pytest

from cases.own_files import HOURS, LOAD, TEMP, N, put, refused, taken, text
from freerun.errors import ConfigError
from freerun.io import tables
from freerun.parts.tasks._summary_rows import summary
from freerun.parts.tasks._table_cells import Writing, column
from freerun.parts.tasks.series import Series
from freerun.parts.tasks.text import Text

#: Numbers in columns of their own way.
NUMBERS = {"load": np.array(LOAD, dtype=float), "temp": np.array(TEMP, dtype=float)}


# ---------------------------------------------------------------------- rows that vanish


@pytest.mark.parametrize(
    ("notes", "words"),
    [
        ({"row_20": '"b', "row_60": '"d'}, ("line 22", "a quote")),
        ({"row_20": '"b', "row_60": 'd"'}, ("line 22", "41 lines that look like rows")),
        ({"row_20": '"b', "row_22": 'd"'}, ("line 22", "3 lines that look like rows")),
        ({"row_20": '"b'}, ("line 22", "a quote")),
        ({"row_20": '"b" or c'}, ("line 22", "a quote")),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_quote_that_is_not_closed_swallows_no_row(file, notes, words, end):
    refused(file(text(load=LOAD, note=put(["x"] * N, **notes)).replace("\n", end)), *words)


@pytest.mark.parametrize("cell", ['"b\nc"', '"a ""b"" c"', '5"', '"a, b"', '"Main St 1,\nTown"', '""'])
def test_a_quote_that_is_closed_is_read(file, cell):
    assert len(taken(file(text(load=LOAD, temp=TEMP, note=put(["x"] * N, row_20=cell))), "note (text)")[1]) == N


@pytest.mark.parametrize("shape", ["sum", "sum of rounded"])
def test_a_row_of_totals_is_no_step(file, shape):
    numbers = [float(load) for load in LOAD[:-1]]
    total = f"{sum(numbers):.3f}" if shape != "sum of rounded" else f"{sum(numbers) + 0.021:.2f}"
    refused(file(text(load=put(LOAD, row_119=total), temp=TEMP)), "'load'", "row 120", "a row of totals")
    refused(file(text(load=[total, *LOAD[:-1]], temp=TEMP)), "'load'", "row 1:", "below: a row of totals")


@pytest.mark.parametrize("missing", ["previous", "interpolate"])
@pytest.mark.parametrize(("first", "last", "rows"), [(108, 120, "row 109 to row 120"), (96, 108, "row 97 to row 108")])
def test_a_part_without_a_value_is_not_made_up(file, missing, first, last, rows):
    """The test part, then the validation part; one value is enough to hold the last one of it."""
    gone = {f"row_{i}": "" for i in range(first, last)}
    refused(file(text(load=put(LOAD, **gone), temp=TEMP)), "'load'", rows, "task.missing=split or drop", missing=missing)
    some = put(LOAD, **{**gone, f"row_{last - 1}": "7"})
    assert taken(file(text(load=some, temp=TEMP)), missing="previous")[1][last - 2, 0] == float(LOAD[first - 1])


def test_empty_columns_at_the_ends_of_lines_are_left_out(file):
    for ends in (",", ",,", ",,,"):
        lines = "\n".join(line + ends for line in text(load=LOAD, temp=TEMP).splitlines())
        assert taken(file(lines), "left out: '' (empty)")[0] == ("load", "temp")
    lines = [line + ",," + ("5" if number else "") for number, line in enumerate(text(load=LOAD).splitlines())]
    refused(file("\n".join(lines)), "several columns have the name ''")


# ---------------------------------------------------------------------- numbers that are others


@pytest.mark.parametrize("step", [7, 13, -9])
def test_a_point_before_thousands_is_asked_about(file, step):
    numbers = [1000 + step * ((17 * i) % 120 - 60) for i in range(N)]
    written = [f"{number:,}".replace(",", ".") for number in numbers]
    path = file(text(load=written, temp=TEMP))
    refused(path, "'load'", "beside whole numbers", "task.thousands=point task.decimal=comma", "task.decimal=.")
    assert taken(path, decimal=".")[1][:, 0].tolist() == [float(cell) for cell in written]
    temp = [cell.replace(".", ",") for cell in TEMP]
    path = file(text(";", load=written, temp=temp))
    assert taken(path, delimiter=";", thousands="point", decimal="comma")[1][:, 0].tolist() == numbers


@pytest.mark.parametrize("load", [put(LOAD, row_3="40", row_5="41", row_6="42", row_7="0.5"), [*LOAD[:100], *["12"] * 20]])
def test_a_point_before_decimals_is_not_asked_about(file, load):
    assert taken(file(text(load=load, temp=TEMP)))[1][:, 0].tolist() == [float(cell) for cell in load]


@pytest.mark.parametrize("cell", ["-99", "-200", "0", "1e6", "-1", "32767", "-8888"])
def test_a_number_that_comes_again_far_from_all_others_is_asked_about(file, cell):
    load = put([str(50 + float(x) / 9) for x in LOAD], row_5=cell, row_6=cell, row_90=cell)
    path = file(text(load=load, temp=TEMP))
    refused(path, "'load'", "row 6", "3 times", f"task.markers=[{float(cell):.10g}]")
    assert len(taken(path, markers=[cell], missing="drop")[1]) == N - 3
    assert taken(path, markers=[])[1][5, 0] == float(cell)


def test_a_lone_sentinel_within_twice_the_range_and_one_beside_a_declared_one_are_asked_about(file):
    degrees = [f"{10 + 30 * np.sin(i / 5):.1f}" for i in range(N)]
    refused(file(text(load=put(degrees, row_5="-99.9"), temp=TEMP)), "row 6", "task.markers=[-99.9]")
    path = file(text(load=put(LOAD, row_5="-999", row_9="-9999"), temp=TEMP))
    refused(path, "row 6", "task.markers=[-9999,-999]", markers=["-9999"], missing="drop")
    assert len(taken(path, markers=["-9999", "-999"], missing="drop")[1]) == N - 2
    on_off = file(text(load=["0" if i % 3 else "1500" for i in range(N)], temp=TEMP))
    assert taken(on_off, id="none")[1][0, 0] == 1500  # a switch, not one far from many others


@pytest.mark.parametrize("form", ["R${}", "<{}", "~{}", "{}\u00b10.1", "\u20b9{}", "kr {}", "{} +/- 0.2"])
def test_a_column_of_numbers_in_dress_is_no_text(file, form):
    refused(file(text(load=[form.format(cell) for cell in LOAD], temp=TEMP)), "'load'", "row 1", "is no number")


# ---------------------------------------------------------------------- texts

WORDS = "".join(np.random.default_rng(0).choice(list("abcdef ."), 9000))


@pytest.mark.parametrize(("ends", "count"), [("\r\n", 90), ("\r", 90), ("\n", 0)])
def test_carriage_returns_of_a_text_are_said(file, ends, count):
    lines = [WORDS[i : i + 100] for i in range(0, 9000, 100)]
    path = file("".join(line + ends for line in lines).encode(), name="own.txt")
    notes = " ".join(Text(path=str(path), rare=1).notes())
    assert (f"{count} carriage returns" in notes) == bool(count)


@pytest.mark.parametrize(("text", "period"), [("\r\n" * 4500, 2), (WORDS[:300] * 30, 300), (WORDS[:4400] * 2 + "x", None)])
def test_a_text_that_repeats_itself_is_said_to(file, text, period):
    notes = " ".join(Text(path=str(file(text.encode(), name="own.txt")), rare=1).notes())
    assert ("repeats itself" in notes) == bool(period)
    assert period is None or f"every {period} characters" in notes


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (b"\xed\xa0\x80" * 50, "halves of characters"),
        (b"\xed\xbf\xbf", "halves of characters"),
        (b"\x80\x00\x81", "NUL bytes"),
        (b"\xe9", "task.encoding=latin-1"),
    ],
)
def test_bytes_that_are_no_other_encoding_have_no_cure_by_one(file, more, words):
    path = file(WORDS.encode() + more, name="own.txt")
    with pytest.raises(ConfigError, match=words) as fault:
        Text(path=str(path))
    assert ("task.encoding" in str(fault.value)) == (more == b"\xe9")


# ---------------------------------------------------------------------- ids


@pytest.mark.parametrize(
    "names",
    [
        ("1", "1.0"), ("North", "north"), ("01", "1"), ("a b", "a  b"), ("a", "a "), (" b", "b"), ("1", "1 "),
        ("caf\u00e9", "cafe\u0301"), ("A", "\uff21"),
    ],
)  # fmt: skip
def test_ids_that_look_alike_are_asked_about(file, names):
    path = file(text(id=[names[0]] * 60 + [names[1]] * 60, load=LOAD))
    refused(path, "task.id=id", "row 1", "row 61", "look alike", id="id")


@pytest.mark.parametrize(
    "names", [("10", "100"), ("A", "B"), ("1", "-1"), ("1e5", "100000"), ("a.0", "a"), ("573886641e447750", "6e447750")]
)
def test_ids_that_differ_are_series_apart(file, names):
    path = file(text(id=[names[0]] * 60 + [names[1]] * 60, load=LOAD))
    assert [len(piece) for piece in Series(path=path, id="id").pieces()["train"]] == [48, 48]


@pytest.mark.parametrize("ids", [(12345678901, 12345678902), (0.1, 0.1 + 2**-54), (1e15, 1e15 + 1)])
def test_ids_that_are_numbers_have_names_of_their_own(ids, tmp_path):
    frame = pd.DataFrame({"who": [ids[0]] * 60 + [ids[1]] * 60, **NUMBERS})
    places = Series.from_frame(frame, id="who", results=tmp_path).recorded().places["train"]
    assert len({place.name for place in places}) == 2
    mixed = frame.assign(one=["a"] * 60 + ["b"] * 60, who=[*ids] * 60)
    with pytest.raises(ConfigError, match="in row 2, "):
        Series.from_frame(mixed, id="one", static=["who"], columns=["load"], results=tmp_path)


# ---------------------------------------------------------------------- files that are no tables, settings that nothing reads


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"load": 1.5, "temp": 2}\n{"load": 2.5, "temp": 3}\n', ("JSON",)),
        ('[{"load": 1.5},\n{"load": 2.5}]', ("JSON",)),
        ("[[1, 2],\n[3, 4]]", ("JSON",)),
        ("sep=;\n" + text(";", load=LOAD, temp=TEMP), ("sep=;", "take it off")),
        ('"sep=,"\n' + text(load=LOAD, temp=TEMP), ("sep=,", "take it off")),
        ("# by hand\n" + text(load=LOAD, temp=TEMP), ("line 2", "a comment")),
        ("% x\n" + text(load=LOAD, temp=TEMP), ("line 2", "a comment")),
        (b"%PDF-1.7 x", ("a PDF",)),
    ],
)
def test_what_is_no_table_is_named(file, content, words):
    refused(file(content), *words)


@pytest.mark.parametrize("encoding", ["punycode", "undefined", "idna"])
def test_a_codec_that_fails_in_its_own_way_is_one_line(file, encoding):
    with pytest.raises(ConfigError, match=r"^task\.path=.*(not |UTF-8 by every sign)"):
        Text(path=file("gr\u00f6\u00dfe und l\u00e4nge " * 900, name="own.txt"), encoding=encoding)
    refused(file("gr\u00f6\u00dfe\n" + "\n".join(LOAD)), encoding=encoding)


@pytest.mark.parametrize("letter", ["\u2019", "\u20ac", "\u201e"])
def test_cp1252_read_as_latin_1_is_named(file, letter):
    content = f"it{letter}s so " * 900
    with pytest.raises(ConfigError, match=r"task\.encoding=cp1252"):
        Text(path=file(content, name="own.txt", encoding="cp1252"), encoding="latin-1")
    assert letter in Text(path=file(content, name="own.txt", encoding="cp1252"), encoding="cp1252").read()
    refused(file(text(**{f"a{letter}": LOAD}), encoding="cp1252"), "task.encoding=cp1252", encoding="latin-1")


@pytest.mark.parametrize(
    ("columns", "form"),
    [({"load": LOAD, "temp": TEMP}, "%d.%m.%Y"), ({"t": [str(i) for i in range(N)], "load": LOAD}, "%d.%m.%Y")],
)
def test_a_format_of_dates_that_no_column_has_is_refused(file, columns, form):
    refused(file(text(**columns)), f"task.date_format={form}", "task.date=", date_format=form)


def test_a_format_of_dates_reads_digits_too(file):
    days = [f"{datetime(2021, 1, 1) + timedelta(days=i):%d%m%Y}" for i in range(N)]
    assert taken(file(text(moment=days, load=LOAD)), "by moment, every day", date_format="%d%m%Y")[0] == ("load",)


@pytest.mark.parametrize(
    ("key", "value"), [("delimiter", ";"), ("encoding", "latin-1"), ("header", False), ("date_format", "%d")]
)
def test_how_a_file_is_written_means_nothing_for_a_frame(key, value, tmp_path):
    with pytest.raises((ValueError, ConfigError), match=key):
        Series.from_frame(pd.DataFrame({"date": pd.to_datetime(HOURS), **NUMBERS}), results=tmp_path, **{key: value})


def test_days_beside_times_of_day_are_named(file):
    path = file(text(date=[hour[:10] for hour in HOURS], time=[hour[11:] for hour in HOURS], load=LOAD))
    refused(path, "date, time are days and times of day", "one column")


# ---------------------------------------------------------------------- frames whose index says what no column does

GAP = np.delete(np.arange(N), slice(50, 55))
INDEXES = {
    "dates as texts": (pd.Index([HOURS[i] for i in GAP]), "comes 6 h after row 50"),
    "durations": (pd.to_timedelta(GAP, unit="h"), "comes 21600 after row 50"),
    "periods": (pd.period_range("2001-01", periods=N, freq="M")[GAP], "comes 6 months after row 50"),
    "rows that were filtered": (pd.Index(GAP), "comes 6 after row 50"),
    "rows that were shuffled": (pd.Index(np.random.default_rng(0).permutation(N)[:115]), "task.order=sort"),
    "frames one under another": (pd.Index([*range(60), *range(55)]), "the first again: several series"),
    "names of series": (pd.Index(["a"] * 60 + ["b"] * 55), "task.id=index"),
    "series and dates": (pd.MultiIndex.from_arrays([["a"] * 60 + ["b"] * 55, HOURS[:60] + HOURS[:55]]), "are both called"),
    "series and times": (
        pd.MultiIndex.from_arrays([["a"] * 60 + ["b"] * 55, pd.to_datetime(HOURS[:60] + HOURS[:55])]), "task.id=index",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", INDEXES)
def test_an_index_without_a_name_is_not_dropped(what, tmp_path):
    index, words = INDEXES[what]
    with pytest.raises(ConfigError, match=words):
        Series.from_frame(pd.DataFrame({name: values[:115] for name, values in NUMBERS.items()}, index=index), results=tmp_path)


@pytest.mark.parametrize("index", [pd.RangeIndex(N), pd.RangeIndex(100, 100 + N), pd.Index(np.arange(0, 2 * N, 2))])
def test_an_index_that_numbers_the_rows_is_no_column(index, tmp_path):
    task = Series.from_frame(pd.DataFrame(NUMBERS, index=index), results=tmp_path)
    assert "columns used: load, temp" in task.notes()[0]
    assert "left out" not in task.notes()[0]


ELAPSED = {
    "elapsed": arrow.array(np.arange(N) * 60, type=arrow.duration("s")),
    "ran": arrow.array(np.arange(N) * 90_000_000, type=arrow.duration("us")),
}


@pytest.mark.parametrize("name", ELAPSED)
def test_durations_tell_the_time_of_rows(name, tmp_path):
    task = Series.from_frame(arrow.table({name: ELAPSED[name], **NUMBERS}), results=tmp_path)
    assert f"by {name}, every {60 if name == 'elapsed' else 90}" in task.notes()[1]
    waited = arrow.array(np.random.default_rng(0).integers(0, 99, N), type=arrow.duration("s"))
    assert "waited (durations)" in Series.from_frame(arrow.table({"waited": waited, **NUMBERS}), results=tmp_path).notes()[0]


def test_dates_of_which_some_name_a_time_zone_are_refused(tmp_path):
    days = [day.tz_localize("UTC") if i % 2 else day for i, day in enumerate(pd.to_datetime(HOURS))]
    with pytest.raises(ConfigError, match="'date': some dates name a time zone, others do not"):
        Series.from_frame(pd.DataFrame({"date": pd.Series(days, dtype=object), **NUMBERS}), results=tmp_path)


@pytest.mark.parametrize("name", ["date", "load"])
def test_an_index_called_as_a_column_is_refused(name, tmp_path):
    frame = pd.DataFrame({"date": HOURS, **NUMBERS}, index=pd.Index(range(N), name=name))
    with pytest.raises(ConfigError, match=f"index and column are both called '{name}'"):
        Series.from_frame(frame, results=tmp_path)


def test_what_parquet_cannot_hold_is_one_line(tmp_path):
    ends = arrow.RunEndEncodedArray.from_arrays(arrow.array([60, N], type=arrow.int32()), arrow.array([1.0, 2.0]))
    with pytest.raises(ConfigError, match="cannot be kept as Parquet"):
        Series.from_frame(arrow.table({"load": ends}), results=tmp_path)
    views = arrow.table({"load": arrow.array(LOAD).cast(arrow.string_view()), "temp": NUMBERS["temp"]})
    assert Series.from_frame(views, results=tmp_path).columns_of()[0] == ("load", "temp")


# ---------------------------------------------------------------------- what a reader has no room for


@pytest.mark.parametrize("head", ["x" * 140000 + ",b", "1" * 140000 + ",2"])
def test_a_name_of_140_000_letters_is_one_line(file, head):
    refused(file(head + "\n" + "1,2\n" * 50), "field limit")


def test_a_cell_of_140_000_letters_beside_numbers_is_text(file):
    assert taken(file(text(load=LOAD, note=put(["x"] * N, row_4="y" * 140000))), "note (text)")[0] == ("load",)


def test_dates_beyond_the_year_9999_are_refused(tmp_path):
    dates = np.array(["9990-01-01"], "datetime64[s]") + np.arange(N) * np.timedelta64(60, "D")
    path = tmp_path / "own.parquet"
    arrow.parquet.write_table(arrow.table({"when": dates, "load": NUMBERS["load"]}), path)
    refused(path, "'when'", "row 62", "the years 1 to 9999", "task.date=none")
    assert len(taken(path, date="none", columns=["load"])[1]) == N


# ---------------------------------------------------------------------- digits and dates that vanish

DAYS, CLOCK = [hour[:10] for hour in HOURS], [str(i % 24) for i in range(N)]
NEAR = [np.datetime64("2021-01-01", "ns") + np.timedelta64(250 * i, "ns") for i in range(N)]


def kept(path, *names, columns):
    arrow.parquet.write_table(arrow.Table.from_arrays([arrow.array(cells) for cells in columns], names=list(names)), path)
    return path


@pytest.mark.parametrize("step", [100, 1500, 90_001])
def test_parquet_dates_finer_than_microseconds(tmp_path, step):
    dates = np.datetime64("2021-01-01", "ns") + np.arange(N) * np.timedelta64(step, "ns")
    path = kept(tmp_path / "own.parquet", "when", "load", columns=[dates, NUMBERS["load"]])
    refused(path, "'when'", "row 2", "finer than a microsecond", "task.date=none")
    assert len(taken(path, date="none", columns=["load"])[1]) == N


@pytest.mark.parametrize("cells", [[str(date) for date in NEAR], [str(int(date.astype("int64"))) for date in NEAR]])
def test_dates_of_csv_finer_than_microseconds(file, cells):
    refused(file(text(time=cells, load=LOAD)), "'time'", "row 2", "finer than a microsecond")


@pytest.mark.parametrize("step", [1_000, 1_000_007])
def test_nanoseconds_that_make_no_difference_are_read(tmp_path, step):
    dates = np.datetime64("2021-01-01", "ns") + np.arange(N) * np.timedelta64(step, "ns")
    path = kept(tmp_path / "own.parquet", "when", "load", columns=[dates, NUMBERS["load"]])
    assert len(taken(path, f"every {step // 1_000_000 or 1} {'us' if step == 1_000 else 'ms'}"[:9])[1]) == N


def test_a_parquet_file_of_few_bytes_that_stands_for_more_than_memory(tmp_path, monkeypatch):
    """A million zeros in a few kilobytes; of a thousand million the same is said before one is read."""
    arrow.parquet.write_table(arrow.table({"load": np.zeros(10**6, dtype=np.int8)}), tmp_path / "own.parquet")
    assert (tmp_path / "own.parquet").stat().st_size < 2**13
    monkeypatch.setattr(tables, "LARGEST_DATA", 8 * 10**6 - 8)
    refused(tmp_path / "own.parquet", "1,000,000 cells, and at most 999,999 are read")


@pytest.mark.parametrize("names", [("load", "load"), ("load", " load"), ("load", "load", "when")])
def test_two_parquet_columns_of_one_name(tmp_path, names):
    path = kept(tmp_path / "own.parquet", *names, columns=[NUMBERS["load"], NUMBERS["temp"], DAYS][: len(names)])
    refused(path, "several columns have the name 'load'")


@pytest.mark.parametrize(("name", "hours"), [("hour", CLOCK), ("HE", [str(i % 24 + 1) for i in range(N)]), ("hr", CLOCK)])
def test_a_date_column_beside_an_hour_column(file, name, hours):
    path = file(text(date=DAYS, **{name: hours}, load=LOAD))
    for settings in ({}, {"duplicates": "first"}, {"date": "date"}):
        refused(path, "'date' holds days", f"'{name}' hours", "task.date=none task.id=none", **settings)
    assert len(taken(path, date="none", id="none", columns=["load"])[1]) == N


@pytest.mark.parametrize("digits", [3, 6, 15])
@pytest.mark.parametrize("off", [0.0, 0.05])
def test_a_last_row_that_is_the_mean_of_all_rows(file, digits, off):
    means = [f"{np.mean(np.array(cells[:-1], dtype=float)) + off:.{digits}f}" for cells in (LOAD, TEMP)]
    path = file(text(load=put(LOAD, row_119=means[0]), temp=put(TEMP, row_119=means[1])))
    if off:
        assert len(taken(path)[1]) == N
    else:
        refused(path, "'load'", "row 120", "the mean of all rows above")


STATISTICS = {
    "mean": np.mean, "std": lambda x: np.std(x, ddof=1), "population": np.std, "sum": np.sum, "count": len, "least": np.min,
    "quarter": lambda x: np.quantile(x, 0.25), "median": np.median, "greatest": np.max,
}  # fmt: skip


def summed_up(*statistics, first=False, digits=6, only=2):
    """Two columns with rows below or above that say statistics of all others, as spreadsheets and `describe` add them."""
    columns = {}
    for name, cells in list({"load": LOAD, "temp": TEMP}.items())[:only]:
        more = [f"{STATISTICS[each](np.array(cells, dtype=float)):.{digits}f}" for each in statistics]
        columns[name] = [*more, *cells] if first else [*cells, *more]
    return columns


@pytest.mark.parametrize(
    ("statistics", "words"),
    [
        (("mean",), ("row 121", "is the mean of all rows above", "take it off")),
        (("std",), ("row 121", "is the standard deviation of all rows above")),
        (("population",), ("row 121", "is the standard deviation of all rows above")),
        (("mean", "std"), ("row 121", "is the mean of rows 1 to 120")),
        (("sum", "mean"), ("row 121", "is the sum of rows 1 to 120")),
        (("least", "mean", "greatest"), ("row 122", "is the mean of rows 1 to 120")),
        (("count", "mean", "std", "least", "quarter", "median", "greatest"), ("row 122", "is the mean of rows 1 to 120")),
    ],
)
def test_rows_that_sum_up_are_no_steps(file, statistics, words):
    refused(file(text(**summed_up(*statistics))), "'load'", *words)


@pytest.mark.parametrize("statistic", ["mean", "std", "population"])
def test_a_first_row_that_sums_up_is_no_step(file, statistic):
    refused(file(text(**summed_up(statistic, first=True, digits=4))), "'load'", "row 1", "of all rows below")


def test_rows_that_sum_up_one_of_several_series_are_no_steps(file):
    columns = {name: cells * 2 for name, cells in summed_up("mean").items()}
    path = file(text(id=["a"] * (N + 1) + ["b"] * (N + 1), **columns))
    refused(path, "row 121", "is the mean of the other rows of its series", id="id")


@pytest.mark.parametrize("digits", [1, 2, 3, 6, 15])
@pytest.mark.parametrize("period", [4, 6, 8, 24])
def test_values_that_are_the_mean_or_spread_of_their_like_are_read(file, digits, period):
    angle = 2 * np.pi * np.arange(N) / period
    for wave in (np.sin(angle), 12.345 + np.sin(angle), np.cos(angle + np.pi / 4), np.sign(np.sin(angle + 0.1))):
        assert len(taken(file(text(load=[f"{each:.{digits}f}" for each in wave])))[1]) == N


def wandering(seed, count, number):
    """Columns of numbers in three digits that go from where they are, each on its own way."""
    steps = np.random.default_rng(seed).normal(size=(number, count))
    return [[f"{each:.3f}" for each in np.cumsum(walk)] for walk in steps]


@pytest.mark.parametrize("side", ["below", "above"])
@pytest.mark.parametrize(("statistic", "function"), [("minimum", np.min), ("maximum", np.max), ("median", np.median)])
def test_a_row_of_order_statistics_is_no_step(file, statistic, function, side):
    """A number of the others, in one column of many rows or in several columns, that no step leads to."""
    for count, number, digits in ((200, 2, 3), (200, 3, 6), (3000, 1, 4)):
        columns = wandering(3, count, number)
        rows = [f"{function(np.array(cells, dtype=float)):.{digits}f}" for cells in columns]
        columns = [[*cells, row] if side == "below" else [row, *cells] for cells, row in zip(columns, rows, strict=True)]
        names = {f"x{place}": cells for place, cells in enumerate(columns)}
        row = count + 1 if side == "below" else 1
        refused(file(text(**names)), f"row {row}:", f"is the {statistic} of all rows {'above' if side == 'below' else 'below'}")


def test_rows_of_several_order_statistics_and_of_one_series_are_no_steps(file):
    both = {f"x{place}": [*cells, *(f"{f(np.array(cells, dtype=float)):.3f}" for f in (np.min, np.median, np.max))]
            for place, cells in enumerate(wandering(2, 200, 3))}  # fmt: skip
    refused(file(text(**both)), "row 203", "is the maximum of all rows above: a row of maximums? take it off")
    ids = ["a"] * 200 + ["b"] * 203
    of_b = {name: [*wandering(3, 200, 1)[0], *cells] for name, cells in both.items()}
    refused(file(text(id=ids, **of_b)), "row 403", "is the maximum of the other rows of its series", id="id")


def tied(values):
    """Values of which the last is the greatest of those before it."""
    return np.append(values[:-1], values[:-1].max())


#: Values that end, or begin, with the least, the greatest or the middle one of them, as honest values do.
ENDS = {
    "a count that rests": lambda chance, n: np.cumsum(chance.poisson(0.5, n)),
    "all off": lambda chance, n: (chance.random(n) < 0.4) * (np.arange(n) < n - 1),
    "no rain": lambda chance, n: np.maximum(0, chance.normal(-1, 2, n)).round(1) * (np.arange(n) < n - 1),
    "a tank that is filled": lambda chance, n: (np.arange(n) + 1) % chance.integers(5, 30),
    "saturated": lambda chance, n: np.minimum(100, 98 + 9 * np.sin(np.arange(n) / 9) + 9 * (np.arange(n) == n - 1)).round(1),
    "noise in few digits": lambda chance, n: chance.normal(0, 2, n).round(),
    "held": lambda chance, n: np.append(np.cumsum(chance.normal(size=n - 3)).round(3), 3 * [0.125]),
    "a rise to its height": lambda chance, n: tied(np.round(np.linspace(0, 40, n) + chance.normal(0, 0.7, n))),
    "a round that closes": lambda chance, n: np.sin(2 * np.pi * np.arange(n) / (n - 1)).round(4),
}  # fmt: skip


@pytest.mark.parametrize("kind", ENDS)
def test_values_that_end_with_the_least_the_greatest_or_the_middle_one_are_read(kind):
    """One column alone, several of a kind, and some beside one that wanders."""
    for seed in range(12):
        chance = np.random.default_rng(seed)
        n = (30, 200, 600)[seed // 4]
        columns = [ENDS[kind](chance, n) for _ in range(1 + seed % 3)]
        columns += [np.cumsum(chance.normal(size=n)).round(2)] if seed % 2 else []
        turned = [] if "rise" in kind else [[np.roll(cells, 1) for cells in columns]]  # which would begin at its height
        for rows in (columns, [cells[::-1] for cells in columns], *turned):
            cells = [column("x", arrow.array([f"{each:g}" for each in values]), Writing()) for values in rows]
            assert (found := summary(cells, np.arange(n))) is None, (seed, found)


@pytest.mark.parametrize("scales", [(1, 2, 0.5, 3), (1, 1, 1)])
def test_columns_that_go_together_are_at_their_means_together(file, scales):
    """Which is no more improbable than that one of them is; with digits of their own it would be."""
    base = np.random.default_rng(4).normal(size=199)
    base = np.append(base, base.mean())
    columns = {f"x{place}": [f"{scale * each:.2f}" for each in base] for place, scale in enumerate(scales)}
    assert len(taken(file(text(**columns)))[1]) == 200
    others = np.random.default_rng(5).normal(size=(3, 199))
    apart = {f"x{place}": [f"{each:.3f}" for each in [*row, row.mean()]] for place, row in enumerate(others)}
    refused(file(text(**apart)), "row 200", "is the mean of all rows above")


HALVES = [datetime(2021, 1, 1) + timedelta(minutes=30 * i) for i in range(N)]


@pytest.mark.parametrize(
    ("name", "cells", "words"),
    [
        ("hour", [f"{i % 48 / 2}" for i in range(N)], ("hours", "task.date=none task.id=none")),
        ("hod", [f"{i % 48 / 2}" for i in range(N)], ("hours", "one column of dates")),
        ("slot", [f"{i % 48 / 2}" for i in range(N)], ("'slot' what is finer", "task.id=slot")),
        ("period", [f"{i % 48 + 1}" for i in range(N)], ("'period' what is finer", "task.id=period")),
        ("minute", [f"{i % 48 * 30}" for i in range(N)], ("'minute' what is finer", "task.id=minute")),
    ],
)
def test_days_beside_half_hours_are_named(file, name, cells, words):
    path = file(text(date=[str(half.date()) for half in HALVES], **{name: cells}, load=LOAD))
    for settings in ({}, {"duplicates": "mean"}):
        refused(path, "'date' holds days", *words, **settings)


@pytest.mark.parametrize("minutes", [30, 15, 45])
def test_half_hours_in_a_calendar_are_the_step(file, minutes):
    dates = [datetime(2021, 1, 1) + timedelta(minutes=minutes * i) for i in range(N)]
    parts = {part: [str(getattr(date, part)) for date in dates] for part in ("year", "month", "day")}
    path = file(text(**parts, hour=[f"{date.hour + date.minute / 60:g}" for date in dates], load=LOAD))
    assert taken(path, f"every {minutes} min", "year, month, day, hour (a part of the calendar)")[0] == ("load",)


def test_hours_with_fractions_are_not_forecast(file):
    path = file(text(hour=[f"{i % 48 / 2}" for i in range(N)], load=LOAD))
    assert taken(path, "left out: hour (a part of the calendar)")[0] == ("load",)


@pytest.mark.parametrize(
    "other", [LOAD, [f"{1.8 * float(cell) + 32:.9f}" for cell in LOAD], [f"{-float(cell):.3f}" for cell in LOAD]]
)
def test_a_column_under_two_names_is_said_and_is_no_input(file, other):
    path = file(text(load=LOAD, temp=TEMP, again=other))
    assert taken(path, "the same but for their scale, and each counts: load, again")[0] == ("load", "temp", "again")
    refused(path, "input 'again' is 'load'", "the answer would be given", columns=["load"], inputs=["again"])
    path = file(text(load=LOAD, temp=TEMP, again=put(other, row_3=f"{float(other[3]) + 0.002:.9f}")))
    assert "the same" not in " ".join(Series(path=path, columns=["load"], inputs=["again"]).notes())


@pytest.mark.parametrize("step", [1, 1_000, 60_000_000])
def test_a_season_that_does_not_come_round_is_none(file, step):
    dates = [str(datetime(2021, 1, 1) + timedelta(microseconds=step * i)) for i in range(N)]
    task = Series(path=file(text(date=put(dates, row_0=dates[0] + ".000000" * (step < 1e6)), load=LOAD)))
    assert task.season_steps() == (1440 if step == 60_000_000 else None)
    assert not any("season" in note for note in task.notes())
    refused(file(text(load=LOAD)), "season", "96 training rows", season=96)
    assert Series(path=file(text(date=HOURS, load=LOAD))).season_steps() == 24


@pytest.mark.parametrize("kind", ["uint64", "int64", "decimal", "text", "decimals"])
def test_whole_numbers_beyond_2_53_lose_no_digits_in_silence(file, tmp_path, kind):
    counts = [2**60 + 3 * i + i * i % 7 for i in range(N)]
    if kind in ("text", "decimals"):
        path = file(text(count=[f"{count}{'.5' if kind == 'decimals' else ''}" for count in counts], load=LOAD))
    else:
        types = {"uint64": arrow.uint64(), "int64": arrow.int64(), "decimal": arrow.decimal128(30, 2)}
        path = kept(tmp_path / "own.parquet", "count", "load", columns=[arrow.array(counts).cast(types[kind]), NUMBERS["load"]])
    refused(path, "'count'", "row 2" if kind != "decimals" else "row 1", "more digits than double precision holds")


@pytest.mark.parametrize("counts", [[2**53 + 2**40 * (i * i % 7) + i for i in range(N)], [2**50 + i * i % 7 for i in range(N)]])
def test_digits_that_double_precision_holds_or_that_make_no_difference_are_read(file, counts):
    assert len(taken(file(text(count=[str(count) for count in counts], load=LOAD)))[1]) == N


STAMPS = [str(1609459200000 + 3600000 * i) for i in range(N)]
#: A column with one empty cell that would be no value without it, and what is said of it.
HOLED = {
    "stamps": (STAMPS, ("'which' only goes one way",), {}),
    "rows": ([str(i) for i in range(N)], ("'which' only goes one way",), {}),
    "ids": (["A"] * 60 + ["B"] * 60, ("'which' has 2 values", "task.id=which"), {}),
    "ids by date": (["A"] * 60 + ["B"] * 60, ("'which' tells apart", "task.id=which"), {"date": HOURS[:60] * 2}),
}  # fmt: skip


@pytest.mark.parametrize("which", HOLED)
def test_an_empty_cell_makes_no_value_of_a_stamp_a_counter_or_an_id(file, which):
    cells, words, more = HOLED[which]
    path = file(text(**more, which=put(cells, row_7=""), load=LOAD, temp=TEMP))
    refused(path, *words, missing="interpolate")


def test_an_empty_cell_makes_no_value_of_a_part_of_the_calendar(file):
    path = file(text(date=HOURS, hour=put([str(i % 24) for i in range(N)], row_7=""), load=LOAD))
    assert taken(path, "hour (a part of the calendar)")[0] == ("load",)


def test_a_column_that_few_rows_have_is_no_id(file):
    path = file(text(remark=[{3: "x", 9: "x", 90: "y", 99: "y"}.get(i, "") for i in range(N)], load=LOAD))
    assert taken(path, "remark (text)")[0] == ("load",)


@pytest.mark.parametrize(("cell", "marker"), [("-999.0", "-999"), ("-9999.00", "-9999"), ("-999", "-999.0"), ("1e20", "1e+20")])
def test_a_number_is_a_marker_however_it_is_written(file, cell, marker):
    path = file(text(load=put(LOAD, row_30=cell)))
    refused(path, f"task.markers=[{float(cell):.10g}]")
    assert taken(path, "1 missing values", markers=[marker], missing="previous")[1][30, 0] == float(LOAD[29])
    assert taken(path, "1 missing values", markers=[f"{float(cell):.10g}"], missing="previous")[1][30, 0] == float(LOAD[29])


def test_what_is_no_number_is_named_by_the_setting_that_names_it(file):
    path = file(text(on=["True", "False"] * 60, load=LOAD))
    refused(path, "task.inputs=on: not numeric", inputs=["on"], columns=["load"])
    refused(path, "task.columns=on: not numeric", columns=["on", "load"])


# ---------------------------------------------------------------------- dates in other forms

WEEK = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
#: Days of which one is missing, and forms of them.
HOLED_DAYS = [datetime(2021, 1, 1) + timedelta(days=i + (i > 99)) for i in range(N)]
UNKNOWN_FORMS = {
    "no zeros, slashes": lambda day: f"{day.year}/{day.month}/{day.day}",
    "no zeros, hyphens": lambda day: f"{day.year}-{day.month}-{day.day}",
    "UTC": lambda day: f"{day} UTC",
    "a day of the week behind": lambda day: f"{day:%Y-%m-%d} {WEEK[day.weekday()]}",
    "a day of the week before": lambda day: f"{WEEK[day.weekday()][:2]} {day:%d.%m.%Y}",
    "Japanese": lambda day: f"{day.year}\u5e74{day.month}\u6708{day.day}\u65e5",
    "Spanish": lambda day: f"{day.day} de enero de {day.year}",
    "weeks": lambda day: f"KW{day.isocalendar().week:02}/{day.year} {day.weekday() + 1}",
    "months": lambda day: f"{day.month:02}/{day.year}",
}


@pytest.mark.parametrize("form", UNKNOWN_FORMS)
def test_dates_in_a_form_that_is_not_known_are_no_text(file, form):
    path = file(text(which=[UNKNOWN_FORMS[form](day) for day in HOLED_DAYS], load=LOAD, temp=TEMP))
    refused(path, "'which', row 1", "is no date that is known", "task.date_format")
    assert taken(path, "which (text)", date="none", id="none")[0] == ("load", "temp")


def test_texts_with_a_year_are_texts_where_they_do_not_change_or_dates_stand_beside(file):
    assert taken(file(text(kind=["Golf 2020 with 5 doors"] * N, load=LOAD)), "kind (text)")[0] == ("load",)
    kinds = [f"Golf {1990 + i % 20} with {i % 5} doors" for i in range(N)]
    assert taken(file(text(date=HOURS, kind=kinds, load=LOAD)), "kind (text)", id="none")[0] == ("load",)


@pytest.mark.parametrize("form", ["%d%m%Y", "%d.%m", "%m.%Y"])
def test_digits_that_begin_with_the_day_or_the_month_are_no_values(file, form):
    days = [datetime(2021 + i // 12, i % 12 + 1, 1) for i in range(N)] if form == "%m.%Y" else HOLED_DAYS
    cells = [day.strftime(form) for day in days]
    path = file(text(which=cells, load=LOAD, temp=TEMP))
    refused(path, "'which' reads as dates", f"task.date=which task.date_format={form}")
    if form == "%m.%Y":
        assert taken(path, "by which, every month", date="which", date_format=form)[0] == ("load", "temp")
    else:
        refused(path, "comes 2 days after row 100", date="which", date_format=form)
    assert taken(path, date="none", columns=["load"])[0] == ("load",)
    assert taken(file(text(date=HOURS, which=cells, load=LOAD)), "which (a time stamp)")[0] == ("load",)


def test_numbers_with_a_zero_in_front_are_values(file):
    path = file(text(load=[f"{i * 7 % 28 + 1:02}.{i * 13 % 80 + 3:02}" for i in range(N)]))
    assert taken(path)[0] == ("load",)


def test_the_form_of_a_clock_of_twelve_hours_reads_it(file):
    cells = [f"{hour.month}/{hour.day}/{hour:%Y %I:%M %p}" for hour in map(datetime.fromisoformat, HOURS)]
    path = file(text(which=cells, load=LOAD))
    refused(path, "'%m/%d/%Y %I:%M %p', or %d first")
    assert taken(path, "by which, every 1 h", date_format="%m/%d/%Y %I:%M %p")[0] == ("load",)
