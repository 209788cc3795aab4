"""Tests of the Python interface: experiments are run, and done once."""

from __future__ import annotations

import freerun
from freerun import Evaluation, Experiment, FreeRunning, HiddenMarkov, OutputRecurrent, TeacherForcing, Training


def test_experiments_run_from_python_and_are_done_once(tmp_path):
    experiments = [
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
    tables = freerun.run(experiments, tmp_path)
    assert list(tables.runs["regime"]) == ["teacher_forcing"] * 2 + ["free_running"] * 2
    assert set(tables.runs["status"]) == {"done"}
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
    again = freerun.run(experiments, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")} == before
    assert again.gaps.equals(tables.gaps)
