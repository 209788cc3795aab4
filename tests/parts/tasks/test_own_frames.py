"""Tests of frames as the data of a task, of static columns, of the season of dates, and of what the notes say of the parts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from freerun import GRU, Experiment
from freerun.config.run_identity import canonical, from_canonical
from freerun.errors import ConfigError, FreerunError
from freerun.parts.tasks._clock import Clock, written
from freerun.parts.tasks._dates import DAY
from freerun.parts.tasks.series import Series

ROWS = 300


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def frame(rows=ROWS, freq="h", start="2024-01-01"):
    when = pd.date_range(start, periods=rows, freq=freq)
    wave = np.sin(np.arange(rows) / 5)
    return pd.DataFrame({"when": when, "load": 100 + 10 * wave, "holiday": (np.arange(rows) % 7 > 4) * 1})


def stores(**columns):
    parts = [frame(freq="D").assign(store=name, load=lambda f, k=k: f["load"] + 50 * k) for k, name in enumerate("ABC")]
    whole = pd.concat(parts, ignore_index=True)
    return whole.assign(**{name: whole["store"].map(dict(zip("ABC", values, strict=True))) for name, values in columns.items()})


def test_a_frame_is_what_the_file_of_it_is(folder):
    frame().to_csv("own.csv", index=False)
    kept, file = Series.from_frame(frame(), columns=["load"]), Series(path="own.csv", columns=["load"])
    assert kept.content() == file.content()
    assert [note.partition(":")[2] for note in kept.notes()] == [note.partition(":")[2] for note in file.notes()]
    assert kept.path == Series.from_frame(frame()).path, "one frame is one file"
    assert kept.path != Series.from_frame(frame().assign(load=lambda f: f["load"] + 1e-9)).path
    assert Series.from_frame(frame().rename(columns={"load": "power"})).path != kept.path


@pytest.mark.parametrize("form", ["index", "unnamed index", "series", "arrow"])
def test_frames_of_several_forms_are_read(form):
    import pyarrow as arrow

    indexed = frame().set_index("when")
    forms = {
        "index": indexed, "unnamed index": indexed.rename_axis(None), "series": indexed["load"],
        "arrow": arrow.Table.from_pandas(frame(), preserve_index=False),
    }  # fmt: skip
    taken = Series.from_frame(forms[form], columns=["load"]).recorded()
    assert taken.clock.name == ("date" if form == "unnamed index" else "when")
    assert (taken.names, taken.clock.season) == (("load",), 24)


def test_another_process_finds_a_frame_again_and_one_that_is_lost_says_what_to_do(folder, monkeypatch):
    experiment = Experiment(task=Series.from_frame(frame(1000), columns=["load"]), model=GRU(hidden=2))
    tree = canonical(experiment)
    assert from_canonical(tree) == experiment
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    with pytest.raises(ConfigError, match=r"a frame was kept there: give it to Series.from_frame again, in the same folder"):
        from_canonical(tree)


@pytest.mark.parametrize(
    ("thing", "words"), [(3, "no table"), (pd.DataFrame(), "has no column"), (frame().iloc[:0], "has no row")]
)
def test_what_is_no_frame_is_refused_in_one_line(thing, words):
    with pytest.raises(ConfigError, match=words):
        Series.from_frame(thing)
    with pytest.raises(ConfigError, match="from_frame path"):
        Series.from_frame(frame(), path="own.csv")


def test_static_columns_are_given_at_every_step_numbers_as_they_are_and_texts_as_0_and_1():
    task = Series.from_frame(
        stores(area=[1.5, 2.5, 7.0], kind=["town", "city", "town"]), id="store", columns=["load"], inputs=["holiday"],
        static=["area", "kind"], longest_window=20, length=20,
    )  # fmt: skip
    assert task.columns_of() == (("load",), ("holiday", "area", "kind=town", "kind=city"))
    rows = np.concatenate(task.pieces()["train"])
    assert {tuple(row) for row in rows[:, 2:].tolist()} == {(1.5, 1, 0), (2.5, 0, 1), (7.0, 1, 0)}
    data = task.build(0, 20)
    assert data.inputs == 4
    assert data.input_mean.shape == data.input_std.shape == (4,)


@pytest.mark.parametrize(
    ("values", "settings", "words"),
    [
        ("row", {"id": "store"}, "if it changes, name it in task.inputs"),
        ([1, 2, 3], {}, "task.id= names what does"),
        ([1, 2, None], {"id": "store"}, "a static column has one in every row"),
        (["a", "a", "a"], {"id": "store"}, "1 texts; 2 to 50"),
    ],
)
def test_a_static_column_that_is_none_is_refused_in_one_line(values, settings, words):
    table = stores() if values == "row" else stores(extra=values)
    table = table.assign(extra=range(len(table))) if values == "row" else table
    table = table if settings else table[table["store"] == "A"]
    with pytest.raises(FreerunError, match=words):
        Series.from_frame(table, columns=["load"], static=["extra"], **settings)


SEASONS = {"10min": 144, "h": 24, "7min": None, "D": 7, "W": 52, "MS": 12, "ME": 12, "QS": 4, "YS": None, "3D": None}


@pytest.mark.parametrize("freq", SEASONS)
def test_the_season_is_a_day_a_week_or_a_year_of_the_dates(freq):
    task = Series.from_frame(frame(200, freq), columns=["load"])
    assert task.season_steps() == SEASONS[freq]
    assert any(f"season of {SEASONS[freq]} steps" in note for note in task.notes()) == (SEASONS[freq] is not None)
    given = Series.from_frame(frame(60, freq), columns=["load"], season=5)
    assert given.season_steps() == 5
    assert any("season of 5 steps, given" in note for note in given.notes())
    assert Series.from_frame(frame(60, freq), columns=["load"], season=0).season_steps() is None


def test_the_notes_state_the_parts_with_their_dates_and_the_scaling():
    notes = " ".join(Series.from_frame(frame(), columns=["load"], inputs=["holiday"]).notes())
    assert "split by time: training 240 rows from 2024-01-01 00:00 to 2024-01-10 23:00, validation 30 rows" in notes
    train = frame()["load"][:240]
    assert f"load {train.mean():.5g} and {train.std(ddof=0):.5g}" in notes


@pytest.mark.parametrize("freq", ["ME", "MS", "QS", "h", "D"])
def test_dates_go_on_as_a_calendar_does(freq):
    whole = frame(40, freq, start="2023-11-01")
    clock = Series.from_frame(whole[:30], columns=["load"]).recorded().clock
    at = Series.from_frame(whole[:30], columns=["load"], train=0.5, validation=0.2).recorded().places["test"][-1].at[-1]
    at = float(at)
    moments = clock.moments(clock.after(at, 10))
    assert list(pd.to_datetime(moments, unit="us")) == list(whole["when"][30:])


def test_times_are_written_for_people():
    days = np.array([0, DAY, 2 * DAY])
    assert written(days, days) == ["1970-01-01", "1970-01-02", "1970-01-03"]
    assert written(days + DAY // 24, days) == ["1970-01-01 01:00", "1970-01-02 01:00", "1970-01-03 01:00"]
    assert written(days[:1] + 1_500_000, days) == ["1970-01-01 00:00:01.500000"]
    assert written(Clock(name="t", unit="", step=1.0).moments(days), np.array([1.5])) == [1.5]
