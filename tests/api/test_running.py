"""Tests of the Python interface: experiments are run, and done once."""

from __future__ import annotations

import freerun
from freerun import Evaluation, Experiment, FreeRunning, HiddenMarkov, OutputRecurrent, TeacherForcing, Training
from freerun.execution.planned_run import plan
from freerun.measurement import player_measurement
from freerun.store import run_notes
from freerun.store.records import Store


def small():
    return [
        Experiment(
            task=HiddenMarkov(sequences=16, length=8),
            model=OutputRecurrent(hidden=3),
            regime=regime,
            training=Training(updates=2, batch=2),
            evaluation=Evaluation(warmup=2, sequences=4),
            seed=seed,
        )
        for regime in (TeacherForcing(), FreeRunning())
        for seed in (0, 1)
    ]


def test_experiments_run_from_python_and_are_done_once(tmp_path):
    experiments = small()
    tables = freerun.run(experiments, tmp_path)
    assert list(tables.runs["regime"]) == ["teacher_forcing"] * 2 + ["free_running"] * 2
    assert set(tables.runs["status"]) == {"done"}
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
    again = freerun.run(experiments, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")} == before
    assert again.gaps.equals(tables.gaps)


def test_notes_are_printed_whoever_left_them_and_once(tmp_path, capsys, monkeypatch):
    experiments = small()
    store, runs = Store(tmp_path / ".store"), plan(experiments)
    measured = player_measurement.measured
    monkeypatch.setattr(player_measurement, "measured", lambda *given: (measured(*given)[0], ["no metric of yours"]))
    freerun.run(experiments, tmp_path)
    assert "note: no metric of yours (2 runs)" in capsys.readouterr().err
    run_notes.leave(store, runs[0].id, "told by a worker that nobody waited for")
    freerun.run(experiments, tmp_path)
    assert capsys.readouterr().err == "note: told by a worker that nobody waited for\n"
    freerun.run(experiments, tmp_path)
    assert capsys.readouterr().err == ""
