"""Studies in parts, from the study file to the report: five machines, and tuning, whose trials are divided before the runs."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from freerun.analysis import outputs
from freerun.cli.main import dispatch
from freerun.errors import ConfigError

CASES = """
title: In parts
question: Who did it?
margin: 0.1
cases:
  - task: hidden_markov
    model: [gru, output_recurrent]
    regime: [teacher_forcing, free_running]
    seed: range(3)
    task.sequences: 32
    task.length: 8
    model.hidden: 4
    training.updates: 12
    training.batch: 4
    training.log_every: 4
    evaluation.warmup: 1
    evaluation.sequences: 8
    evaluation.orbit: 0
"""
TUNE = "tune:\n  axes: {training.lr: [1e-6, 0.03, 0.1]}\n  seeds: range(100,102)\n"
TUNED = """
cases:
  - {task.sequences: 16, task.length: 6, evaluation.warmup: 1, evaluation.sequences: 4, evaluation.orbit: 0,
     model: [gru, output_recurrent], model.hidden: 2, training.updates: 6, training.batch: 2, seed: range(2)}
"""


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parts.yaml").write_text(CASES)
    (tmp_path / "tuned.yaml").write_text(TUNE + TUNED)
    return tmp_path


def study(name: str, results: str, *words: str) -> int:
    return dispatch(["study", f"{name}.yaml", "launcher=inline", "--results", results, *words])


def contents(folder: Path) -> dict[str, bytes]:
    """Everything that is made of the records but the report's pages and their data, which tell the time."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in found
        if path.name != "manifest.json" and not path.name.startswith(("report.", "report_data."))
    }


def pages(folder: Path) -> list[str]:
    """The report without what it says of time."""
    before, _, after = (folder / "report.md").read_text().partition("## What did training take?")
    assert "| Seconds |" in after
    lines = [*before.splitlines(), *after.partition("\n## ")[2].splitlines()]
    return [line for line in lines if not line.startswith(("| Last run ended ", "| Training time "))]


@pytest.mark.slow
def test_five_parts_are_one_study_to_the_byte(desk, capsys, monkeypatch):
    for number in range(1, 6):
        assert study("parts", f"p{number}", "--shard", f"{number}/5") == 0
        assert not (desk / f"p{number}/parts").exists()
    assert dispatch(["merge", "p1", "p2", "p4", "--results", "some"]) == 1
    said = capsys.readouterr().err
    assert [line.partition(", ")[0] for line in said.splitlines()] == [
        "missing of parts: part 3 of 5: is not there", "missing of parts: part 5 of 5: is not there",
    ]  # fmt: skip
    with monkeypatch.context() as patched:
        patched.setattr(outputs.Products, "write_report_if_needed", lambda self: None)  # which takes most of the time
        assert study("parts", "some") == 0
    assert "parts: 12 runs, 7 done, 5 to do" in capsys.readouterr().out
    assert dispatch(["merge", "p1", "p2", "p3", "p4", "p5", "--results", "all"]) == 0
    assert dispatch(["report", "parts", "--results", "all"]) == 0
    assert study("parts", "one") == 0
    swept, merged, completed = (contents(desk / results / "parts") for results in ("one", "all", "some"))
    assert merged == swept
    assert len([name for name in swept if name.endswith((".parquet", ".csv"))]) == 8
    assert completed == {name: content for name, content in swept.items() if name in completed}
    assert pages(desk / "all/parts") == pages(desk / "one/parts")


@pytest.mark.slow
def test_the_trials_of_a_tuned_study_are_divided_before_its_runs(desk, capsys, monkeypatch):
    monkeypatch.setattr(outputs.Products, "write_report_if_needed", lambda self: None)  # which takes most of the time
    for number in (1, 2):
        assert study("tuned", f"t{number}", "--shard", f"{number}/2") == 0
        said = capsys.readouterr().out
        assert f"tuned.tuning, part {number} of 2: 6 runs, 6 done" in said
        assert "then the same command on what is merged divides the study" in said
    assert dispatch(["merge", "t1", "t2", "--results", "trials"]) == 0
    assert dispatch(["plan", "tuned.yaml", "--results", "trials", "--shard", "1/2"]) == 0
    assert "tuned.part1of2: 2 runs" in capsys.readouterr().out
    for number in (1, 2):
        shutil.copytree("trials", f"p{number}")
        assert study("tuned", f"p{number}", "--shard", f"{number}/2") == 0
        assert f"tuned, part {number} of 2: 2 runs, 2 done" in capsys.readouterr().out
    assert dispatch(["merge", "p1", "p2", "--results", "all"]) == 0
    assert dispatch(["table", "tuned", "--results", "all"]) == 0
    assert study("tuned", "one") == 0
    merged, swept = contents(desk / "all/tuned"), contents(desk / "one/tuned")
    infos = [json.loads(files.pop("study.json")) for files in (merged, swept)]
    for info in infos:
        for method in info["tuned"]["methods"]:
            assert method.pop("seconds") > 0
    assert infos[0] == infos[1]
    costs = [pd.read_csv(io.BytesIO(files.pop("tuned.csv"))).drop(columns="seconds") for files in (merged, swept)]
    pd.testing.assert_frame_equal(*costs)
    assert merged.keys() == swept.keys()
    assert [name for name in swept if merged[name] != swept[name]] == ["tuned.parquet"], "which has the seconds of its trials"


def test_trials_that_follow_from_one_another_or_have_failed_are_not_divided(desk, monkeypatch):
    with pytest.raises(ConfigError, match=r"--shard: .*one trial follows from others.*tune\.sampler=grid or random"):
        study("tuned", "t", "tune.sampler=optuna", "tune.trials=2", "--shard", "1/2")
    assert not (desk / "t").exists()

    def fail(*given):
        raise ValueError("no such luck")

    with monkeypatch.context() as patched:
        patched.setattr("freerun.execution.group_runner.run_group", fail)
        assert study("tuned", "t", "--shard", "1/1") == 1
    with pytest.raises(ConfigError, match=r"tuned\.tuning: 12 of its runs failed.* retry tuned\.tuning --results t tries"):
        study("tuned", "t", "--shard", "1/1")
