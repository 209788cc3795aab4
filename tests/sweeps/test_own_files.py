"""Own data in studies: short labels, what was taken in the report and on the terminal, files beside their study."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

import freerun
from freerun import GRU, Experiment, Series, Text, Training
from freerun.analysis import report
from freerun.analysis.inference.labels import short_texts
from freerun.analysis.inference.replicates import conditions
from freerun.config.evaluation_settings import Evaluation
from freerun.errors import ConfigError
from freerun.store.records import Store
from freerun.sweeps import study as studies


def write(path: Path, rows: int = 800, phase: float = 0.0) -> str:
    path.parent.mkdir(exist_ok=True)
    time = np.arange(rows) / 5 + phase
    lines = [f"{i},{10 + np.sin(t):.4f},{np.cos(t):.4f}" for i, t in enumerate(time)]
    path.write_text("\n".join(["row,load,temp", *lines]))
    return str(path)


def small(task, seed=0):
    evaluation = Evaluation(horizon=10, warmup=2, sequences=4)
    return Experiment(task=task, model=GRU(hidden=2), training=Training(updates=2, batch=4), evaluation=evaluation, seed=seed)


def names(tables):
    return sorted(conditions(tables.runs)["task_label"].unique())


def test_a_sweep_over_own_files_and_columns_has_short_labels(tmp_path):
    one, two = write(tmp_path / "one.csv"), write(tmp_path / "two.csv", phase=1)
    again = write(tmp_path / "deep" / "one.csv", phase=2)

    def labels(*tasks):
        return names(freerun.run([small(task) for task in tasks], results=tmp_path / "results"))

    short = {"length": 12}
    assert labels(Series(path=one, **short), Series(path=two, **short)) == ["Series (path=one.csv)", "Series (path=two.csv)"]
    deep = labels(Series(path=one, **short), Series(path=again, **short))
    assert deep[0] == "Series (path=deep/one.csv)"
    assert deep[1].endswith("/one.csv)")
    columns = labels(*(Series(path=one, columns=which, **short) for which in (["load"], ["temp"], ["load", "temp"])))
    assert columns == ["Series (columns=[load, temp])", "Series (columns=load)", "Series (columns=temp)"]
    (tmp_path / "a.txt").write_text("abcd" * 500)
    (tmp_path / "b.txt").write_text("abdc" * 500)
    texts = labels(*(Text(path=str(tmp_path / f"{name}.txt"), **short) for name in "ab"))
    assert texts == ["Text (path=a.txt)", "Text (path=b.txt)"]


def test_a_file_that_changed_is_told_by_a_few_digits(tmp_path):
    path = write(tmp_path / "one.csv")
    first = small(Series(path=path, length=12))
    freerun.run([first], results=tmp_path / "results")
    store = Store(tmp_path / "results" / ".store")
    from freerun.execution.planned_run import plan

    before = plan([first])
    write(tmp_path / "one.csv", phase=1)
    after = plan([small(Series(path=path, length=12))])
    freerun.run([small(Series(path=path, length=12))], results=tmp_path / "results")
    from freerun.analysis.tables.tidy import frames

    labels = names(frames(store, [before[0].id, after[0].id], "both"))
    assert len(set(labels)) == 2
    assert all(len(label) < 40 for label in labels)


@pytest.mark.parametrize(
    ("name", "values", "short"),
    [
        ("task.path", ["/a/b/x.csv", "/a/c/x.csv"], ["b/x.csv", "c/x.csv"]),
        ("task.path", ["x.csv", "/x.csv"], ["x.csv", "//x.csv"]),
        ("task.columns", ['["a"]', '["a, b"]', '["a", "b"]'], ["a", "a, b", "[a, b]"]),
        ("task.content", ["0" * 64, "1" * 64], ["0" * 8, "1" * 8]),
        ("task.content", ["0" * 64, "0" * 63 + "1"], ["0" * 64, "0" * 63 + "1"]),
        ("task.columns", [json.dumps(["c" * 50 + str(i)]) for i in (1, 2)], None),
        ("training.lr", [0.1, 0.10000001], ["0.1", "0.10000001"]),
    ],
)
def test_short_texts_tell_values_apart(name, values, short):
    texts = short_texts(name, values)
    assert len(set(texts.values())) == len(values)
    if short is not None:
        assert list(texts.values()) == short


@pytest.mark.usefixtures("undrawn")
def test_what_was_taken_stands_in_the_report_and_on_the_terminal(tmp_path, capsys):
    path = write(tmp_path / "one.csv")
    task = Series(path=path, columns=["load"], length=12)
    tables = freerun.run([small(task)], results=tmp_path / "results")
    note = "note: one.csv: columns used: load; left out: temp (not chosen)"
    assert note in capsys.readouterr().err
    ids = [f"{run}" for run in tables.runs["run"] + "-" + tables.runs["measurement"]]
    page = report.build(tmp_path / "s", Store(tmp_path / "results" / ".store"), {"name": "s", "ids": ids})
    for said in ("one.csv: columns used: load; left out: temp (not chosen)", "one.csv: 800 rows; by row, every 1"):
        assert said in page.read_text()
        assert said in page.with_suffix(".md").read_text()
    studies.adhoc([f"task.path={path}", "task=series", "model=gru", "regime=teacher_forcing", "task.columns=load"], sweep=False)
    assert note in capsys.readouterr().err


def test_task_path_in_a_study_file_is_relative_to_it(tmp_path, monkeypatch):
    """As plugins are, whatever the working folder; `~` and paths of the command line are as they are typed."""
    write(tmp_path / "deep" / "one.csv")
    write(tmp_path / "deep" / "two.csv", phase=1)
    study = tmp_path / "deep" / "mine.yaml"
    lines = ["cases:", "  - task: series", "    task.path: {paths}", "    model: gru", "    regime: teacher_forcing", ""]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "deep"))

    def paths(value, *overrides, name=str(study)):
        study.write_text("\n".join(lines).format(paths=value))
        return [run.experiment.task.path for run in studies.load(name, list(overrides)).runs]

    assert paths("one.csv") == [str(tmp_path / "deep" / "one.csv")]
    assert paths("[one.csv, two.csv]", name="deep/mine.yaml") == ["deep/one.csv", "deep/two.csv"]
    assert paths("../deep/one.csv", name="deep/mine.yaml") == ["deep/../deep/one.csv"]
    assert paths("~/two.csv") == [str(tmp_path / "deep" / "two.csv")]
    assert paths("one.csv", "task.path=deep/two.csv") == ["deep/two.csv"]
    assert paths("one.csv", "task.path=~/two.csv") == [str(tmp_path / "deep" / "two.csv")]
    with pytest.raises(ConfigError, match=r"none\.csv: No such file"):
        paths("none.csv")


def test_the_page_names_every_setting_of_own_series():
    page = (Path(__file__).parents[2] / "docs/own_data.md").read_text()
    settings = {item.name for item in fields(Series)} - {"train", "validation", "predict", "length"}
    assert set(re.findall(r"task\.(\w+)", page)) - {"rare"} == settings


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a file (1).csv", ["task.path=a file (1).csv"]),
        ("one.csv", ["task.path=one.csv", "task.delimiter=,"]),
        ("one.csv", ["task.path=one.csv", "task.columns=load"]),
        ("one.csv", ["task.path=one.csv", "task.columns=[load]", "task.inputs=[temp]", "task.markers=[-999,x]"]),
        ("one.csv", ["task.path=one.csv", "task.date=row", "task.missing=previous", "task.chaotic=false"]),
    ],
)
def test_settings_can_be_typed(tmp_path, monkeypatch, name, words):
    write(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    (run,) = studies.adhoc(["task=series", "model=gru", "regime=teacher_forcing", *words], sweep=False).runs
    assert run.experiment.task.path == name


@pytest.mark.parametrize("key", ["objective.teacher", "training.start"])
def test_the_record_of_an_earlier_run_in_a_study_file_is_relative_to_it_and_an_identity_stays_one(key, tmp_path, monkeypatch):
    from freerun.laws.toolkit import teacher_file

    record = Path(teacher_file())
    run, store = record.stem, tmp_path / "deep" / "results"
    shutil.copytree(record.parent.parent, store / ".store")
    monkeypatch.chdir(tmp_path)
    task = Store(store / ".store").read(run)["experiment"]["task"]
    words = [
        f"    task.{key}: {'null' if value is None else value}" for key, value in task.items() if key not in ("name", "content")
    ]
    lines = ["cases:", f"  - task: {task['name']}", *words, "    model: gru", "    model.hidden: 3"]
    lines += ["    objective: distillation"] if key == "objective.teacher" else []

    def named(value):
        Path("deep/mine.yaml").write_text("\n".join([*lines, f"    {key}: {value}", ""]))
        part, name = key.split(".")
        return [getattr(getattr(run.experiment, part), name) for run in studies.load("deep/mine.yaml", []).runs]

    path = f"results/.store/{run[:2]}/{run}.json"
    assert named(path) == [f"deep/{path}"]
    assert named(record) == [str(record)]
    monkeypatch.chdir(tmp_path / "deep")
    (tmp_path / "deep" / "deep").mkdir()
    assert named(f"'{run}'") == [run]
