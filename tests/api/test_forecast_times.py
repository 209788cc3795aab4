"""Tests of the times of forecasts: instants, time zone, names and types are those of the frame, whatever it has them as."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from freerun.api.forecasts import forecast
from freerun.parts.tasks.series import Series

N, STEPS, WARMUP = 420, 4, 10
HOURS = pd.date_range("2021-03-20", periods=N + STEPS, freq="h")
BERLIN = HOURS.tz_localize("UTC").tz_convert("Europe/Berlin")
MONTHS = pd.period_range("1980-01", periods=N + STEPS, freq="M")
#: The times of the rows of a frame and of the steps behind it, as the frame has them.
TIMES = {
    "texts with an offset": [str(when) for when in BERLIN],
    "texts with an offset without a colon": [when.strftime("%Y-%m-%d %H:%M:%S%z") for when in BERLIN],
    "texts with a Z": [when.strftime("%Y-%m-%dT%H:%MZ") for when in HOURS],
    "texts of milliseconds since 1970": [str(when.value // 10**6) for when in HOURS],
    "objects": pd.Series([when.to_pydatetime() for when in HOURS], dtype=object),
    "objects with a time zone": pd.Series([when.to_pydatetime() for when in BERLIN], dtype=object),
    "whole numbers that may be missing": pd.array(5 * np.arange(N + STEPS), dtype="Int64"),
    "nanoseconds since 1970": [1609459200000000000 + 250_000_000 * step for step in range(N + STEPS)],
    "durations": pd.to_timedelta(np.arange(N + STEPS), unit="h"),
    "periods": MONTHS,
}
#: Declared forms.
FORMS = {"%d.%m.%Y %H:%M %z": BERLIN, "%d.%m.%Y, %H:%M": HOURS}


def continued(folder, frame, **settings):
    """The forecast of a frame by a model that repeats the last value; several series are cut to have room."""
    task = Series.from_frame(frame, results=folder, longest_window=20 if "id" in settings else None, **settings)
    return forecast(task, frame, STEPS, WARMUP, None, lambda values, _: np.repeat(values[-1:], STEPS, 0))


def framed(times, **columns):
    frame = pd.DataFrame({"when": times, "load": 10 + np.sin(np.arange(len(times)) / 5), **columns})
    return frame.iloc[:N], frame.iloc[N:]


@pytest.mark.parametrize("times", TIMES)
def test_the_steps_that_follow_are_those_that_the_frame_would_have(times, tmp_path):
    frame, behind = framed(TIMES[times])
    assert continued(tmp_path, frame)["when"].tolist() == behind["when"].tolist()


@pytest.mark.parametrize("form", FORMS)
def test_a_declared_form_writes_what_it_reads(form, tmp_path):
    frame, behind = framed([when.strftime(form) for when in FORMS[form]])
    assert continued(tmp_path, frame, date_format=form)["when"].tolist() == behind["when"].tolist()


@pytest.mark.parametrize("index", [MONTHS, pd.to_timedelta(np.arange(N + STEPS), unit="h")], ids=["periods", "durations"])
def test_an_index_keeps_its_type(index, tmp_path):
    frame = pd.DataFrame({"load": 10 + np.sin(np.arange(N) / 5)}, index=index[:N])
    pd.testing.assert_index_equal(continued(tmp_path, frame).index, index[N:], check_names=False, exact="equiv")


def test_a_last_row_at_midnight_hides_no_hours(tmp_path):
    times = [str(when.date()) if when.hour == 0 else str(when) for when in HOURS]
    last = max(place for place in range(N) if HOURS[place].hour == 0)
    frame = framed(times)[0].iloc[: last + 1]
    made = continued(tmp_path, frame)["when"]
    assert [datetime.fromisoformat(when) for when in made] == HOURS[last + 1 : last + 1 + STEPS].to_pydatetime().tolist()


@pytest.mark.parametrize("names", [("when ", " load", "who "), (0, 1, 2)], ids=["blanks", "numbers"])
def test_columns_are_called_as_in_the_frame(names, tmp_path):
    who = str(names[2]).strip()
    frame = framed(HOURS.astype(str))[0]
    both = pd.concat([frame.assign(who="a"), frame.assign(who="b")], ignore_index=True).set_axis(names, axis=1)
    made = continued(tmp_path, both, id=who)
    assert set(made) == set(names)
    assert made[names[2]].tolist() == ["a"] * STEPS + ["b"] * STEPS
    assert made[names[0]].tolist() == 2 * HOURS[N:].astype(str).tolist()
