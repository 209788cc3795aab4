"""Tests of a time after which nothing more is begun: what runs ends, what is left is said, the same command goes on."""

from __future__ import annotations

import pytest

from freerun import Experiment, Study, Training
from freerun.cli.main import dispatch, main
from freerun.errors import ConfigError, OutOfTime
from freerun.execution import launchers
from freerun.store.records import Store

SMALL = [
    "task.sequences=16", "task.length=6", "evaluation.warmup=1", "evaluation.sequences=4", "evaluation.orbit=0",
    "model.hidden=2", "training.updates=2", "training.batch=2",
]  # fmt: skip
CASES = "cases:\n  - {regime: [teacher_forcing, free_running], seed: range(2)}\n"


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "few.yaml").write_text(CASES)
    return tmp_path


def over_after(monkeypatch, groups):
    """Have the time be over when so many groups were begun."""
    begun = 0

    def over(self):
        nonlocal begun
        begun += 1
        return begun > groups + 1  # the first look is at whether anything may be begun at all

    monkeypatch.setattr(launchers.Launcher, "over", property(over))


@pytest.mark.usefixtures("undrawn")
def test_a_study_stops_between_two_groups_and_the_same_command_goes_on(desk, capsys, monkeypatch):
    words = ["study", "few.yaml", *SMALL, "launcher=inline", "--group", "1"]
    with monkeypatch.context() as patch:
        over_after(patch, 1)
        assert dispatch([*words, "--hours", "2"]) == OutOfTime.code == 4
    said = capsys.readouterr()
    assert said.err.splitlines()[-1] == (
        "freerun: the hours are over, 3 runs are left; what is done is kept, the same command goes on"
    )
    store = Store(desk / "results" / ".store")
    assert len([run for run in store.runs() if store.measurements(run)]) == 1, "the group that ran has ended"
    assert not list(store.root.rglob("*.checkpoint"))
    assert "report:" in said.out, "there is a report of what is done"
    assert dispatch([*words, "--hours", "2"]) == 0
    assert len(list(store.runs())) == 4


@pytest.mark.parametrize("launcher", ["inline", "local", "joblib"])
def test_nothing_is_begun_when_the_time_is_over(desk, capsys, launcher):
    with pytest.raises(SystemExit) as ended:
        main(["study", "few.yaml", *SMALL, f"launcher={launcher}", "--hours", "1e-9"])
    assert ended.value.code == 4
    assert "4 runs are left" in capsys.readouterr().err
    assert not list(Store(desk / "results" / ".store").runs())


def test_a_search_tells_of_its_trials_when_the_time_is_over(desk, capsys, monkeypatch):
    words = ["search", *SMALL, "training.lr=interval(0.1,1)", "--sampler", "random", "--trials", "6", "--as", "s"]
    with monkeypatch.context() as patch:
        over_after(patch, 2)
        assert dispatch([*words, "launcher=inline", "--hours", "1"]) == 4
    said = capsys.readouterr()
    assert "best of 4 points" in said.out
    assert "runs are left" in said.err
    assert dispatch([*words, "launcher=inline"]) == 0
    assert "best of 6 points" in capsys.readouterr().out


def test_a_time_is_a_number_above_0_and_for_launchers_that_can_stop(desk):
    for hours in ("0", "-1", "soon", "inf"):
        with pytest.raises(ConfigError, match="--hours: must be a number above 0"):
            dispatch(["study", "few.yaml", "--hours", hours])
    with pytest.raises(ConfigError, match="hands all groups over at once; choose launcher=local"):
        dispatch(["study", "few.yaml", "launcher=slurm", "launcher.cluster=local", "--hours", "1"])


def test_the_hours_of_a_study_in_python_are_kept(tmp_path):
    """They were lost where the launcher was copied for its log."""
    experiment = Experiment(task="hidden_markov", model="linear", training=Training(updates=1))
    study = Study([experiment], name="late", results=tmp_path)
    assert list(study.train(hours=0).runs["status"]) == ["pending"]
