"""Tests of the tidy frames: what the records hold, in the order of the study, byte for byte the same."""

import csv
import io

import numpy as np
import pandas as pd
import pytest

from freerun.analysis.tables import export, tidy
from freerun.store.record_schema import understood
from freerun.store.records import Store
from synthetic import grid, record, study, tree


@pytest.fixture
def made(tmp_path):
    experiments = grid(tasks=("lorenz63", "text"), seeds=2)
    return study(tmp_path / "store", experiments, {1: ("diverged", "loss"), 2: ("pending", ""), 3: ("failed", "boom")})


def test_every_run_has_a_row_in_the_order_of_the_study(made):
    store, ids = made
    runs = tidy.frames(store, ids[::-1], "s").runs
    assert list(runs["run"]) == ids[::-1]
    assert list(runs["status"])[::-1][:4] == ["done", "diverged", "pending", "failed"]


def test_pending_runs_are_named_by_the_plan(made):
    store, ids = made
    runs = tidy.frames(store, ids, "s", {ids[2]: tree(seed=7)}).runs
    assert tuple(runs.loc[2, ["task", "seed", "status"]]) == ("lorenz63", 7, "pending")


def test_settings_are_columns(made):
    runs = tidy.frames(*made, "s").runs
    assert runs.loc[0, "training.lr"] == 0.003
    assert runs.loc[0, "task.length"] == 20
    assert runs.loc[0, "objective"] == "squared_error"


def test_a_setting_of_a_metric_that_is_not_said_is_its_default(tmp_path):
    """So that a variant and the usual one stand side by side under their names; that of an unknown metric is unknown."""
    trees = [tree(seed=seed) for seed in range(3)]
    for experiment, settings in zip(trees, ({}, {"d_stsp": {"box": "sigmas"}}, {"of_a_plugin": {"depth": 3}}), strict=True):
        experiment["evaluation"]["settings"] = settings
    runs = tidy.frames(*study(tmp_path, trees), "s").runs
    assert runs["evaluation.d_stsp.box"].tolist() == ["margin", "sigmas", "margin"]
    assert runs["evaluation.of_a_plugin.depth"].isna().tolist() == [True, True, False]


def test_a_setting_of_a_part_that_is_not_said_is_its_default(tmp_path):
    """Of the parts that have it; the setting of a plugin that is not loaded is unknown where it is not said."""
    trees = [tree(seed=seed) for seed in range(4)]
    for experiment, model in zip(trees, ({"name": "gru"}, {"name": "gru", "layers": 2}, {"name": "linear"}), strict=False):
        experiment["model"] = model
    trees[2]["training"]["momentum"] = 0.5
    trees[3]["model"] = {"name": "of_a_plugin"}
    runs = tidy.frames(*study(tmp_path, trees), "s").runs
    assert runs["model.layers"].tolist()[:2] == [1, 2]
    assert runs["model.layers"].isna().tolist() == [False, False, True, True]
    assert runs["training.momentum"].tolist() == [0, 0, 0.5, 0]


def test_no_wall_time_and_no_rate_enters_a_table(made):
    store, ids = made
    before = tidy.frames(store, ids, "s")
    again = record(ids[0], store.read(ids[0])["experiment"])
    again["provenance"] |= {"training_seconds": 9.9, "evaluation_seconds": 9.9, "updates_per_second": 9.9, "group_size": 9}
    store.write(again, None)
    after = tidy.frames(store, ids, "s")
    for name in tidy.NAMES:
        pd.testing.assert_frame_equal(getattr(before, name), getattr(after, name))


def test_values_are_those_of_the_record_and_none_is_nan(tmp_path):
    store, ids = study(tmp_path, [tree()])
    changed = store.read(ids[0])
    changed["series"] = [
        {"split": "test", "mode": "free", "metric": "rmse", "unit": "u", "first": 1, "values": [1.0, None, 3.0]},
        {"split": "test", "mode": "free", "metric": "valid_time", "unit": "t", "first": 0, "values": [5.0]},
    ]
    changed.pop("weights", None)
    store.write(changed, None)
    gaps = tidy.frames(store, ids, "s").gaps
    assert list(gaps["step"]) == [1, 2, 3, 0]
    np.testing.assert_array_equal(gaps["value"], [1, np.nan, 3, 5])
    assert list(gaps.columns) == [
        *("run", "study", "task", "model", "regime", "feedback", "gradient", "seed"),
        *("split", "mode", "metric", "step", "value", "unit"),
    ]


def test_a_torn_record_is_pending(made):
    store, ids = made
    store.path(ids[0]).write_bytes(b"torn")
    assert tidy.frames(store, ids, "s").runs.loc[0, "status"] == "pending"


def test_written_frames_are_read_back_and_the_bytes_are_the_same(made, tmp_path):
    frames = tidy.frames(*made, "s")
    tidy.write(frames, tmp_path / "a")
    tidy.write(tidy.frames(*made, "s"), tmp_path / "b")
    for name in tidy.NAMES:
        pd.testing.assert_frame_equal(getattr(frames, name), getattr(tidy.read(tmp_path / "a"), name))
    written = [{path.name: path.read_bytes() for path in (tmp_path / side).iterdir()} for side in "ab"]
    assert set(written[0]) == {*(f"{name}.parquet" for name in tidy.NAMES), "runs.csv"}
    assert written[0] == written[1]


def test_a_number_in_csv_is_read_back_as_the_same_number(made, tmp_path):
    """Of all sizes, and such as nine digits do not tell apart; as short as can be."""
    values = [0.1, 1 / 3, 1 / 3 + 2**-53, 1e-300, -2.5e17, 123456789.123456789, 5e-324, np.nan, np.inf]
    text = tidy.csv_bytes(pd.DataFrame({"name": "x", "value": values})).decode()
    assert read_back(text)["value"] == pytest.approx(values, rel=0, abs=0, nan_ok=True)
    assert text.splitlines()[1] == "x,0.1"
    frames = tidy.frames(*made, "s")
    tables = export.to_csv(frames, tmp_path / "csv")
    assert sorted(path.name for path in tables.iterdir()) == sorted(f"{name}.csv" for name in tidy.NAMES)
    for name in tidy.NAMES[1:]:
        whole, found = getattr(frames, name), read_back((tables / f"{name}.csv").read_text())
        assert list(found) == list(whole)
        for column in {"value", "low", "high"} & set(found):
            assert found[column] == pytest.approx(whole[column].tolist(), rel=0, abs=0, nan_ok=True)


def read_back(text):
    """The columns of a table in CSV, by Python's own reading of numbers."""
    head, *rows = csv.reader(io.StringIO(text))
    columns = dict(zip(head, zip(*rows, strict=True) if rows else ([] for _ in head), strict=True))
    numbers = {"value", "low", "high"} & set(head)
    return {name: [float(cell or "nan") for cell in cells] if name in numbers else cells for name, cells in columns.items()}


def test_a_study_without_records_gives_empty_frames(tmp_path):
    frames = tidy.frames(Store(tmp_path), ["0" * 16], "s")
    assert len(frames.runs) == 1
    assert frames.gaps.empty
    assert frames.curves.empty
    tidy.write(frames, tmp_path / "out")


def test_comparisons_stand_apart_with_their_intervals(made):
    store, ids = made
    found = tidy.frames(store, ids, "s")
    assert not found.gaps["mode"].astype(str).str.startswith("compared").any()
    assert set(found.gaps["mode"].cat.categories) == {"forced", "free"}
    rows = found.compared[found.compared["run"] == ids[0]]
    assert list(rows["metric"]) == ["acc_err", "acc_err", "lyapunov_true"]
    assert list(rows["step"]) == [1, 2, 0]
    np.testing.assert_array_equal(rows["low"], [0.5, np.nan, np.nan])
    np.testing.assert_array_equal(rows["high"], [1.5, np.nan, np.nan])
    assert list(rows["value"]) == [1.0, 2.0, 0.9]


def test_the_default_setting_of_a_plugins_metric_is_that_of_its_record(tmp_path):
    """No experiment says it, and the plugin need not be there where tables are made."""
    store, ids = study(tmp_path, grid(regimes=("teacher_forcing",), seeds=2), apart=True)
    for run, threshold in zip(ids, (0.4, 0.5), strict=True):
        record = understood(store.body(run), run, run)
        record["metrics"] = {"mine": {"settings": {"threshold": threshold}, "source": 64 * "a"}}
        if threshold != 0.4:
            record["evaluation"]["settings"] = {"mine": {"threshold": threshold}}
        store.write(record, None)
    runs = tidy.frames(store, ids, "s").runs
    assert list(runs["evaluation.mine.threshold"]) == [0.4, 0.5]
    assert not [name for name in runs if "plugins" in name]
