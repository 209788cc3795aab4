"""Tests of sweeps under a name of their own: planned, run, damaged, done again, shared with another sweep."""

from __future__ import annotations

import json

import pytest

from freerun.cli.commands.completion import candidates
from freerun.cli.main import dispatch
from freerun.errors import ConfigError
from freerun.execution import worker_process
from freerun.execution.progress import Bars, Lines
from freerun.store import results_folder
from freerun.store.results_folder import Place
from freerun.sweeps import study

TINY = ["task.sequences=16", "task.length=6", "evaluation.warmup=1", "model.hidden=2", "training.updates=2", "training.batch=2"]


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys, *words):
    return dispatch(list(words)), capsys.readouterr().out


def test_a_sweep_has_the_name_it_is_given_and_is_finished_by_that_name(desk, capsys):
    sweep = ["-m", *TINY, "seed=0,1", "--as", "q", "launcher=inline"]
    assert said(capsys, "plan", *sweep)[1].startswith("q: 2 runs")
    code, out = said(capsys, "run", *sweep)
    assert (code, out.splitlines()[0]) == (0, "q: 2 runs, 0 done, 2 to do")
    assert sorted(path.name for path in (desk / "results").iterdir()) == [".store", "q"]
    store = Place(results=desk / "results").store
    kept = {run: store.body(run) for run in store.runs()}
    lost, other = kept
    store.path(lost).write_bytes(b"")
    assert dispatch(["retry", "q", "launcher=inline"]) == 0
    assert store.body(other) == kept[other]
    assert store.status(lost) == "done"
    store.path(lost).unlink()
    info = results_folder.read_info("q", Place(results=desk / "results"))
    info["planned"][lost]["seed"] = 7  # no longer that run
    (desk / "results" / "q" / "study.json").write_text(json.dumps(info))
    with pytest.raises(ConfigError, match="the plan of a run is gone"):
        dispatch(["retry", "q", "launcher=inline"])


@pytest.mark.parametrize("kind", [Lines, Bars])
def test_a_group_that_another_sweep_has_done_is_said_to_be(kind, desk, capsys):
    runs = study.adhoc(TINY, sweep=False).runs
    assert dispatch(["run", *TINY, "launcher=inline"]) == 0
    capsys.readouterr()
    with kind([runs]) as shown:
        shown.started(0, runs)
        worker_process.serve(
            Place(results=desk / "results").store, [runs[0].id], 0, lambda event, **values: shown.advanced(0, values), {}
        )
        shown.finished(0, None)
    assert "done by another sweep" in " ".join(capsys.readouterr().out.split())


def test_values_that_are_a_closed_list_are_offered():
    schedules = candidates("freerun run regime=scheduled_sampling regime.schedule=")
    assert {"regime.schedule=linear", "regime.schedule=inverse_sigmoid"} < set(schedules)
    assert candidates("freerun run regime=scheduled_sampling regime.schedule=lin") == ["regime.schedule=linear"]
    assert candidates("freerun run regime=scheduled_sampling regime.end=") == []
    assert candidates("freerun run regime=nonsense regime.schedule=") == []
    assert "--as" in candidates("freerun run --a")
