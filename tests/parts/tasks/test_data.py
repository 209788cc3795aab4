"""Tests of the tasks with real data: read as they are, cut by time, refused in one line where they are not fit."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pyarrow as arrow
import pytest
import torch
from pyarrow import parquet

from freerun import GRU, Experiment
from freerun.errors import ConfigError
from freerun.laws import tasks as kit
from freerun.parts.tasks._scaling import Predict
from freerun.parts.tasks.digits import Digits
from freerun.parts.tasks.series import Series
from freerun.parts.tasks.sunspots import Sunspots

ROWS = 400


def _file(folder, name="series.csv", rows=ROWS, **columns):
    columns = columns or {"time": np.arange(rows), "heat": np.sin(np.arange(rows) / 3), "place": ["a"] * rows}
    table = arrow.table(columns)
    path = folder / name
    if name.endswith("csv"):
        lines = zip(*(column.to_pylist() for column in table.columns), strict=True)
        path.write_text(",".join(table.column_names) + "\n" + "".join(",".join(map(str, line)) + "\n" for line in lines))
    else:
        parquet.write_table(table, path)
    return str(path)


@pytest.mark.parametrize("name", ["series.csv", "series.parquet", "series.PQ"])
def test_a_series_is_read_as_it_is_and_cut_by_time(tmp_path, name):
    """A column that counts its rows tells where each window stands."""
    task = Series(path=_file(tmp_path, name), columns=["time"])
    data = task.build(0, 10)
    seen = {}
    for part, cut in data.splits.items():
        rows = torch.cat([cut.start[None], cut.targets]).double() * data.std + data.mean
        assert (rows.diff(dim=0) - 1).abs().max() < 1e-3
        seen[part] = sorted({round(float(v)) for v in rows.flatten()})
    assert (seen["train"][0], seen["validation"][0], seen["test"][0]) == (0, 320, 360)
    assert seen["train"][-1] < 320
    assert seen["validation"][-1] < 360
    assert data.mean.item() == pytest.approx(159.5)
    assert data.std.item() == pytest.approx(np.arange(320).std())


def test_all_numeric_columns_are_taken_where_none_is_named(tmp_path):
    path = _file(tmp_path, load=list(np.sin(np.arange(ROWS) / 3)), heat=list(np.sin(np.arange(ROWS) / 4)), place=["a"] * ROWS)
    data = Series(path=path).build(0, 10)
    assert data.outputs == 2
    one, other = (Series(path=path, columns=names).build(0, 10) for names in (["heat", "load"], ["load", "heat"]))
    assert torch.equal(one.splits["test"].targets, other.splits["test"].targets.flip(-1))
    assert one.fingerprint != other.fingerprint == data.fingerprint


def test_a_file_that_changes_is_another_run(tmp_path):
    task = Series(path=_file(tmp_path), columns=["heat"])
    before = task.content()
    _file(tmp_path, rows=ROWS + 1)
    assert task.content() != before
    assert len(task.values()[0]) == ROWS + 1


def test_the_test_part_does_not_touch_training(tmp_path):
    values = np.cos(np.arange(ROWS) / 5)
    other = np.where(np.arange(ROWS) < 320, values, 7 * values)
    for name, column in (("a.csv", values), ("b.csv", other)):
        _file(tmp_path, name, heat=column)
    kit.law_training_is_the_same(
        *(Series(path=str(tmp_path / name), predict=Predict.increment).build(0, 12) for name in ("a.csv", "b.csv"))
    )


def test_increments_have_unit_spread(tmp_path):
    data = Series(path=_file(tmp_path, "a.csv", heat=np.sin(np.arange(ROWS) / 3)), predict=Predict.increment).build(0, 12)
    part = data.splits["train"]
    whole = torch.cat([part.start[None], part.targets]).double().diff(dim=0) / data.residual
    assert whole.std(correction=0).item() == pytest.approx(1, abs=0.02)  # the last windows are left out


@pytest.mark.parametrize(
    ("columns", "settings", "reason"),
    [
        ({}, {"columns": ["heatt"]}, "did you mean 'heat'"),
        ({}, {"columns": ["place"]}, "not numeric but text"),
        ({}, {"columns": ["heat", "heat"]}, "named twice"),
        ({"heat": [1.0] * 10 + [float("nan")] + [2.0] * 90}, {}, "row 11: no finite value"),
        ({"heat": [1.0] * 10 + [None] + [2.0] * 90}, {}, "row 11: no finite value"),
        ({"heat": [1.0] * 10 + [float("inf")] + [2.0] * 90}, {}, "row 11: inf is not finite"),
        ({"place": ["a"] * 50}, {}, "no numeric column"),
    ],
)
def test_an_unfit_column_is_refused_in_one_line(tmp_path, columns, settings, reason):
    with pytest.raises(ConfigError, match=reason) as fault:
        Series(path=_file(tmp_path, "series.parquet", **columns), **settings)
    assert len(str(fault.value)) <= 200
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("none.csv", None, "No such file"),
        ("empty.csv", b"", "cannot be read"),
        ("header.csv", b"x,y\n", "a line of names and no row below it"),
        ("ragged.csv", b"x,y\n1,2\n3\n", "cannot be read"),
        ("bytes.parquet", b"not parquet", "cannot be read"),
        ("a\0b.csv", None, "null"),
    ],
)
def test_an_unreadable_file_is_refused_in_one_line(tmp_path, name, content, reason):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=reason) as fault:
        Series(path=f"{tmp_path}/{name}")
    assert len(str(fault.value)) <= 200
    with pytest.raises(ConfigError, match="not a regular file"):
        Series(path=str(tmp_path))


def test_a_series_that_is_too_short_or_never_changes_is_refused(tmp_path):
    short = Series(path=_file(tmp_path, rows=50))
    with pytest.raises(ConfigError, match="shortest split has 5 values"):
        short.check(10)
    with pytest.raises(ConfigError, match="has room for"):
        Series(path=_file(tmp_path), train=0.3, validation=0.35).check(60)
    with pytest.raises(ConfigError, match="'heat' is constant"):
        Series(path=_file(tmp_path, "c.csv", heat=[3.0] * 100)).build(0, 5)
    with pytest.raises(ConfigError, match="by the same amount"):
        Series(path=_file(tmp_path, "t.csv", heat=list(range(100))), columns=["heat"], predict=Predict.increment).build(0, 5)
    with pytest.raises(ConfigError, match="validation must lie"):
        Series(path=_file(tmp_path), train=0.9, validation=0.2)


def test_the_sunspots_are_those_of_statsmodels():
    from statsmodels.datasets import sunspots

    wanted = sunspots.load_pandas().data["SUNACTIVITY"].to_numpy()
    values, names = Sunspots().values()
    assert names == ("sunspots",)
    assert np.array_equal(values[:, 0], wanted)
    data = Sunspots().build(0, 44)
    assert [len(part) for part in data.splits.values()] == [124, 18, 18]
    assert data.mean.item() == pytest.approx(wanted[:185].mean(), rel=1e-6)


def test_the_digits_are_those_of_scikit_learn_and_split_in_order():
    from sklearn.datasets import load_digits

    wanted = torch.from_numpy(load_digits().data).long()
    data = Digits().build(0, 64)
    found = torch.cat([part.targets.T for part in data.splits.values()])
    assert torch.equal(found, wanted)
    assert [len(part) for part in data.splits.values()] == [1078, 359, 360]
    assert data.outputs == 17


def test_the_length_of_an_image_is_64():
    assert Digits().length == Digits(length=64).length == 64
    with pytest.raises(ConfigError, match="length must lie in"):
        Digits(length=65)
    with pytest.raises(ConfigError, match="an image has 64 pixels") as fault:
        Digits().check(65)
    assert len(str(fault.value)) <= 200


@pytest.mark.parametrize("task", [Sunspots, Digits])
def test_a_missing_extra_is_one_line_that_says_what_to_install(task):
    from freerun.parts.tasks import _packaged_data, digits, sunspots

    for cached in (digits._images, sunspots._numbers):
        cached.cache_clear()
    with (
        mock.patch.object(_packaged_data, "find_spec", return_value=None),
        pytest.raises(ConfigError, match=r"pip install 'freerun\[data\]'") as fault,
    ):
        Experiment(task=task(), model=GRU(hidden=4))
    assert len(str(fault.value)) <= 200
    assert Experiment(task=task(), model=GRU(hidden=4)).task == task()
