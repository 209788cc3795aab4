"""Tests of forecasts of frames: what the model itself generates, in the columns, the units and the dates of the frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import freerun
from freerun import Evaluation, Experiment, TeacherForcing, Training
from freerun.analysis.figures import Material, _style, forecast
from freerun.analysis.tables import tidy
from freerun.api.trained_runs import TrainedRun
from freerun.engine.replicas import Group
from freerun.errors import ConfigError
from freerun.execution.planned_run import plan
from freerun.parts import registry
from freerun.parts.models.gru import GRU
from freerun.parts.tasks.series import Series
from freerun.store.records import Store

ROWS, WARMUP, HORIZON = 400, 5, 6
STORES = {"A": 0, "B": 40, "C": 90}


def rows(count=ROWS, freq="h", start="2024-01-01"):
    when = pd.date_range(start, periods=count, freq=freq)
    wave = np.sin(np.arange(count) / 4)
    return pd.DataFrame({"when": when, "load": 100 + 10 * wave, "temp": 5 - wave, "holiday": (np.arange(count) % 7 > 4) * 1})


def months():
    parts = [
        rows(120, "ME", "2001-01-31").assign(store=name, load=lambda f, k=k: f["load"] + k, kind="big" if k else "small")
        for name, k in STORES.items()
    ]
    return pd.concat(parts, ignore_index=True)[["when", "store", "kind", "load"]]


def trained(folder, task, **settings):
    """A run of two updates, and the store with its record."""
    experiment = Experiment(
        task=task, model=GRU(hidden=3), regime=TeacherForcing(), training=Training(updates=2, batch=2),
        evaluation=Evaluation(sequences=16, warmup=WARMUP, horizon=HORIZON, metrics=["rmse"]), **settings,
    )  # fmt: skip
    tables = freerun.run([experiment], folder)
    assert list(tables.runs["status"]) == ["done"], list(tables.runs["reason"])
    (run,) = plan([experiment])
    return TrainedRun(id=run.trained, tree=run.tree, store=Store(folder / ".store"), tables=tables), run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("forecasts")


@pytest.fixture(scope="module")
def loads(folder):
    """A run with an input that is known beforehand, its model, and its task."""
    task = Series.from_frame(rows(), results=folder, columns=["load", "temp"], inputs=["holiday"], length=12)
    run, planned = trained(folder, task)
    return run, run.model(), planned


@pytest.fixture(scope="module")
def sales(folder):
    """A run of three series by month, of distributions, with a static column."""
    task = Series.from_frame(
        months(), results=folder, columns=["load"], id="store", static=["kind"], length=11, longest_window=11
    )
    return trained(folder, task, objective=registry.get("objective", "gaussian_likelihood")())[0].model()


def ahead(frame, horizon=HORIZON):
    """A frame in whose last rows what is forecast is not known."""
    frame = frame.copy()
    frame.loc[frame.index[-horizon:], ["load", "temp"]] = np.nan
    return frame


def test_a_forecast_is_what_the_model_generates_in_the_units_of_the_file(loads):
    _, model, _ = loads
    frame = rows().iloc[: ROWS - 30]
    made = model.forecast(ahead(frame), HORIZON)
    read, given = frame[["load", "temp"]].to_numpy()[-HORIZON - WARMUP - 1 : -HORIZON], frame["holiday"].to_numpy()
    inputs = given[-HORIZON - WARMUP :, None, None]
    wanted = model.generate(1, HORIZON, read, inputs=inputs)[:, 0]
    assert list(made.columns) == ["when", "load", "temp"]
    assert np.array_equal(made[["load", "temp"]].to_numpy(), wanted)
    assert list(made["when"]) == list(frame["when"].iloc[-HORIZON:])
    assert 50 < made["load"].mean() < 150, "in the units of the file"


def test_inputs_are_given_in_the_units_of_the_file_as_values_are(loads):
    """What the model says to test windows, whose inputs are kept scaled, it says to them as the file has them."""
    run, model, planned = loads
    data, seed = run.data, planned.experiment.seed
    group = Group([planned.experiment], {seed: data})
    weights = run.store.weights(run.id)
    group.parameters.flat[0] = torch.cat([torch.from_numpy(weights[name]).reshape(-1) for name in group.parameters.shapes])
    tests = group.batch("test", {seed: torch.arange(2)}, data.splits["test"].steps())
    inside = group.roll(group.weights(), tests, None, None).outputs[:, 0]
    values = torch.cat([tests.start[0][None], tests.targets[:, 0]]).double() * data.std + data.mean
    holidays = (tests.inputs[:, 0].double() * data.input_std + data.input_mean).numpy()
    assert set(np.unique(holidays.round(5))) == {0.0, 1.0}
    torch.testing.assert_close(model(values.numpy(), holidays), inside, rtol=1e-4, atol=1e-5)


def test_a_forecast_is_that_of_the_evaluation_at_the_same_rows(loads):
    """What is kept in the record for the figure is what a frame that ends there gives."""
    run, model, planned = loads
    (sample,) = tidy.samples(run.store, [planned.id]).values()
    frame = rows().set_index("when")
    assert (sample["kind"], sample["names"], sample["dated"]) == ("forecast", ["load", "temp"], True)
    for origin in sample["origins"]:
        at = pd.to_datetime(origin["at"])
        assert np.allclose(frame.loc[at, ["load", "temp"]], origin["true"], atol=1e-4), "the truth is that of its dates"
        assert (at[1] - at[0], len(at)) == (pd.Timedelta("1h"), WARMUP + HORIZON)
        made = model.forecast(ahead(frame.loc[: at[-1]]), HORIZON)
        assert np.allclose(made[["load", "temp"]], origin["forecast"], atol=1e-3)


def test_the_figure_shows_every_origin_and_its_frame_says_it_in_numbers(loads):
    run, _, planned = loads
    material = Material.of(run.tables, tidy.samples(run.store, [planned.id]))
    frame = forecast.of_samples(material.samples["forecast"])
    assert tuple(frame.columns) == forecast.COLUMNS
    assert frame["origin"].nunique() == 4
    assert frame.groupby(["origin", "column"])["forecast"].count().unique().tolist() == [HORIZON]
    with _style.style():
        (figure,) = forecast.draw(material).values()
        again = forecast.forecast(frame)
    assert [axes.get_ylabel() for axes in figure.axes] == ["load", "temp"] == [axes.get_ylabel() for axes in again.axes]
    lines = [line for line in figure.axes[0].lines if line.get_linestyle() == "-"]
    assert len(lines) == 3 * 4, "of each origin the truth, a forecast and the last value before it"
    assert len([line for line in again.axes[0].lines if line.get_linestyle() == "-"]) == 2 * 4, "a frame has no players"


def test_the_last_value_before_each_origin_stands_in_the_figure_where_it_is_a_player(loads):
    run, _, planned = loads
    material = Material.of(run.tables, tidy.samples(run.store, [planned.id]))
    (figure,) = forecast.draw(material).values()
    (without,) = forecast.draw(replace(material, players=material.players.iloc[:0])).values()
    last = [origin["true"][WARMUP - 1][0] for origin in material.samples["forecast"][0].content["origins"]]
    thin = [list(line.get_ydata()) for line in figure.axes[0].lines if line.get_linewidth() == 0.4]
    assert thin == [[value, value] for value in last]
    assert "persistence" in figure.caption
    assert not [line for line in without.axes[0].lines if line.get_linewidth() == 0.4]
    assert "persistence" not in without.caption


FORMS = {
    "text": lambda when: when.dt.strftime("%Y-%m-%d %H:%M:%S"), "tz": lambda when: when.dt.tz_localize("Europe/Berlin"),
    "datetime": lambda when: when, "digits": lambda when: when.dt.strftime("%Y%m%d%H").astype("int64"),
    "unix": lambda when: when.astype("datetime64[s]").astype("int64"),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_dates_are_written_as_the_frame_has_them(loads, form):
    frame = rows().assign(when=FORMS[form](rows()["when"]))
    made = loads[1].forecast(ahead(frame), HORIZON)
    assert list(made["when"]) == list(frame["when"].iloc[-HORIZON:])
    assert made["when"].dtype == frame["when"].dtype


def test_a_frame_with_an_index_of_dates_keeps_it(loads):
    frame = rows().set_index("when")
    made = loads[1].forecast(ahead(frame), HORIZON)
    assert list(made.index) == list(frame.index[-HORIZON:])
    assert (made.index.name, list(made.columns)) == ("when", ["load", "temp"])


def refused(model, frame, *words, horizon=HORIZON, **settings):
    with pytest.raises(ConfigError) as fault:
        model.forecast(frame, horizon, **settings)
    line = str(fault.value)
    assert "\n" not in line
    assert len(line) <= 200
    for word in words:
        assert word in line, line


def test_inputs_that_are_not_known_for_the_horizon_are_refused_with_the_first_time(loads):
    model, frame = loads[1], ahead(rows())
    refused(model, rows(), "holiday must be known for 6 steps, in rows with empty load, temp", "no row at 2024-01-17 16:00")
    refused(model, frame, "no row at 2024-01-17 16:00", horizon=HORIZON + 1)
    refused(model, frame.drop(frame.index[-3]), "no row at 2024-01-17 13:00")
    gone = frame["holiday"].astype(float).where(frame.index != frame.index[-2])
    refused(model, frame.assign(holiday=gone), "no holiday at 2024-01-17 14:00")


def test_frames_that_are_no_beginning_are_refused_in_one_line(loads, sales):
    model, frame = loads[1], ahead(rows())
    refused(model, frame.iloc[-HORIZON - 3 :], "3 rows without a gap before the forecast; the run reads 6")
    refused(model, frame.drop(columns="when"), "when: no such column")
    refused(model, frame.drop(columns="temp"), "temp: no such column")
    refused(model, pd.concat([frame.iloc[::2], frame.iloc[-1:]]), "rows are 2 h apart, those the run was trained on 1 h")
    refused(model, frame.assign(load=np.nan, temp=np.nan), "load")
    refused(model, frame, "horizon", horizon=0)
    refused(model, [1, 2], "must be a frame of pandas")
    refused(model, frame, "gaussian_likelihood has draws", samples=3)
    refused(sales, months().assign(kind="huge"), "'huge' was not among the texts of training")
    refused(sales, months().drop(columns="kind"), "no column 'kind', which is given at every step")
    refused(sales, months().assign(load=lambda f: f["load"].where(f["store"] != "B")), "series 'B': no value of load to go on")


def test_several_series_go_on_each_from_its_own_end_by_the_calendar(sales):
    frame = months()
    frame = frame[(frame["store"] != "B") | (frame["when"] < "2010-07-31")]
    made = sales.forecast(frame, 2)
    assert list(made["store"]) == ["A", "A", "B", "B", "C", "C"]
    assert [str(when.date()) for when in made["when"]][:4] == ["2011-01-31", "2011-02-28", "2010-07-31", "2010-08-31"]
    alone = sales.forecast(frame[frame["store"] == "B"], 2)
    assert np.allclose(alone["load"], made.loc[made["store"] == "B", "load"], rtol=1e-5), "of no other series"


def test_draws_are_numbered_and_a_function_of_the_seed(sales):
    first, again, other = (sales.forecast(months(), 3, samples=4, seed=seed) for seed in (0, 0, 1))
    assert list(first.columns) == ["when", "store", "sample", "load"]
    assert (len(first), set(first["sample"])) == (3 * 3 * 4, {0, 1, 2, 3})
    assert first.equals(again)
    assert not first["load"].equals(other["load"])
    assert first.groupby(["when", "store"])["load"].nunique().eq(4).all()


def test_rules_of_the_file_hold_for_a_frame_too(folder):
    task = Series.from_frame(
        rows(), results=folder, columns=["load"], missing="interpolate", gaps="fill", order="sort", length=12
    )
    model = trained(folder, task)[0].model()
    whole = rows(60)
    wanted = model.forecast(whole, HORIZON)
    assert np.allclose(model.forecast(whole.iloc[::-1], HORIZON)["load"], wanted["load"])
    lost = whole.drop(whole.index[-3])
    assert list(model.forecast(lost, HORIZON)["when"]) == list(wanted["when"])
    assert np.abs(model.forecast(lost, HORIZON)["load"] - wanted["load"]).max() < 1
