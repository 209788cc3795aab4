"""A watched metric that the task does not measure is refused when a run is planned, in one line, and no study is begun."""

from __future__ import annotations

import pytest

from freerun.cli.main import main
from freerun.measurement import watched_metric

WORDS = [
    "task=lorenz63", "task.sequences=8", "task.length=12", "evaluation.warmup=4", "evaluation.horizon=8", "model=gru",
    "model.hidden=2", "training.updates=2", "training.batch=2", "training.keep=watched", "evaluation.orbit=0",
]  # fmt: skip


def code(*words):
    with pytest.raises(SystemExit) as ended:
        main([*words])
    return ended.value.code


@pytest.mark.parametrize("command", ["plan", "run"])
def test_it_is_refused_when_planned(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert code(command, *WORDS, "training.watch=validation_free_exact_match") == 2
    told = capsys.readouterr()
    assert told.out == ""
    (line,) = told.err.strip().splitlines()
    assert "exact_match is not measured on task lorenz63 while it trains; choose one of: log_error," in line
    assert not list((tmp_path / "results").glob("run-*")), "no study was begun"


def test_what_is_measured_is_planned_and_looked_at_once(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    looked = []
    genuine = watched_metric.demand_measurable
    monkeypatch.setattr(watched_metric, "demand_measurable", lambda group: (looked.append(group), genuine(group)))
    words = [*WORDS, "task.sequences=9", "training.watch=validation_free_rmse", "seed=range(3)", "training.lr=0.1,0.2"]
    assert code("plan", *words) == 0
    assert len(looked) == 1
    assert "6 runs" in capsys.readouterr().out
