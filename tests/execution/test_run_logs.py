"""Tests of live logs: every tracker gets the curves of the record, each point once, and no run is changed by one."""

from __future__ import annotations

import sys
import threading
from types import ModuleType, SimpleNamespace

import pandas as pd
import pytest

import freerun
from freerun.config.hydra.compose import experiments
from freerun.errors import ConfigError
from freerun.execution import run_logs
from freerun.execution.group_runner import Logging, run_group
from freerun.execution.launchers import choose
from freerun.execution.launchers.joblib import Joblib
from freerun.execution.launchers.local import Local
from freerun.execution.planned_run import plan
from freerun.execution.run_logs import csv, mlflow
from freerun.store import run_notes
from freerun.store.records import Store

WORDS = [
    "task=lorenz63", "task.sequences=24", "task.length=20", "evaluation.warmup=10", "evaluation.horizon=10",
    "evaluation.sequences=4", "evaluation.metrics=[loss]", "model=gru", "model.hidden=4", "training.batch=4",
    "training.log_every=4", "training.updates=21", "evaluation.orbit=0", "regime=teacher_forcing",
]  # fmt: skip
UPDATES = [0, 4, 8, 12, 16, 20]


def runs_of(*words):
    return plan(experiments([*WORDS, *words], sweep=True))


def trained(folder, runs, *trackers, every=0, report=lambda *_: None):
    store = Store(folder / ".store")
    store.open()
    run_group(runs, store, report, every, Logging(trackers=trackers, told=True))
    return store


def recorded(store, run):
    """The curve of a record, as a log has it."""
    return {(point["update"], point["quantity"]): point["value"] for point in store.read(run.trained)["curves"]}


def logged(folder, run):
    (path,) = (folder / ".logs" / "csv").glob(f"*-{run.trained}.csv")
    frame = pd.read_csv(path)
    assert not frame.duplicated(["update", "quantity"]).any(), "a point stands there once"
    return {(row.update, row.quantity): row.value for row in frame.itertuples(index=False)}


def weights(store, run):
    return store.path(run.trained).with_suffix(".safetensors").read_bytes()


def test_each_run_has_a_log_with_the_curve_of_its_record_and_the_bits_of_one_without(tmp_path):
    runs = runs_of("seed=0,1")
    store, plain = trained(tmp_path / "logged", runs, "csv"), trained(tmp_path / "plain", runs)
    for run in runs:
        assert logged(tmp_path / "logged", run) == recorded(store, run)
        assert weights(store, run) == weights(plain, run)
    assert not (tmp_path / "plain" / ".logs").exists()


def test_a_run_that_goes_on_has_each_point_once_also_where_it_was_logged_beyond_its_checkpoint(tmp_path):
    (run,) = runs_of()

    class Killed(BaseException):
        pass

    def kill(event, values):
        if event == "curves" and values["at"] == 12:
            raise Killed

    with pytest.raises(Killed):
        trained(tmp_path, [run], "csv", every=10, report=kill)
    assert max(update for update, _ in logged(tmp_path, run)) == 12
    store = trained(tmp_path, [run], "csv", every=10)
    assert store.read(run.trained)["provenance"]["resumed_from"] == [10]
    assert logged(tmp_path, run) == recorded(store, run)


def test_who_waits_is_told_of_every_logged_update_of_each_run_in_its_order(tmp_path):
    told = []
    runs = runs_of("seed=0,1")
    store = trained(tmp_path, runs, report=lambda event, values: told.append(values) if event == "curves" else None)
    for run in runs:
        mine = [values for values in told if values["run"] == run.trained]
        assert [values["at"] for values in mine] == UPDATES
        curve = {(values["at"], name): value for values in mine for name, value in values["values"].items()}
        assert curve == recorded(store, run)


def test_a_run_whose_patience_ends_is_logged_up_to_there(tmp_path):
    runs = runs_of("seed=0,1", "training.lr=1e-12", "training.patience=1")
    store = trained(tmp_path, runs, "csv")
    assert max(update for update, _ in recorded(store, runs[0])) < 20
    for run in runs:
        assert logged(tmp_path, run) == recorded(store, run)


@pytest.mark.parametrize("at", ["__init__", "write", "close"])
def test_a_log_that_fails_fails_no_run_and_is_said_in_one_line(tmp_path, monkeypatch, at):
    def broken(*_):
        raise OSError("no space\nleft")

    monkeypatch.setattr(csv.CSV, at, broken)
    runs = runs_of("seed=0,1")
    store = trained(tmp_path, runs, "csv")
    assert {store.read(run.trained)["status"] for run in runs} == {"done"}
    notes = run_notes.take(store, [run.id for run in runs])
    assert list(notes) == ["log=csv was given up, and the runs went on: OSError: no space left"]


@pytest.mark.parametrize(
    ("text", "words"), [("tensorbord", "did you mean 'tensorboard'"), ("[csv,]", None), ("[csv,x]", "log=x")]
)
def test_an_unknown_log_is_refused_in_one_line(text, words):
    if words is None:
        assert run_logs.names(text) == ("csv",)
        return
    with pytest.raises(ConfigError, match=words):
        choose([f"log={text}"], {})


@pytest.mark.parametrize(("name", "package", "extra"), [("wandb", "wandb", "wandb"), ("mlflow", "mlflow", "track")])
def test_a_log_whose_package_is_missing_names_the_extra(name, package, extra, monkeypatch):
    monkeypatch.setattr(run_logs, "find_spec", lambda asked: None)
    with pytest.raises(ConfigError, match=rf"log={name}: needs {package}; pip install 'freerun\[{extra}\]'"):
        choose([f"log={name}"], {})


def test_one_worker_at_a_time_makes_a_database(tmp_path):
    entered = []
    with mlflow._alone(tmp_path):
        other = threading.Thread(target=lambda: entered.append(mlflow._alone(tmp_path).__enter__()))
        other.start()
        other.join(0.1)
        assert entered == []
    other.join(10)
    assert entered == [None]


def test_a_log_is_chosen_beside_any_launcher_and_changes_no_experiment():
    launcher, rest = choose(["log=[csv,csv]", "task=lorenz63", "launcher=inline"], {})
    assert launcher.terms.log == ("csv",)
    assert rest == ["task=lorenz63"]


def test_tensorboard_has_a_folder_for_each_run_with_its_scalars(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    (run,) = runs_of()
    trained(tmp_path, [run], "tensorboard")
    store = trained(tmp_path, [run], "tensorboard")  # done: nothing is logged again
    (folder,) = (tmp_path / ".logs" / "tensorboard").iterdir()
    assert folder.name == f"lorenz63-gru-teacher_forcing-seed0-{run.trained}"
    seen = accumulator.EventAccumulator(str(folder)).Reload()
    values = {(event.step, "loss"): event.value for event in seen.Scalars("training/loss")}
    curve = {key: value for key, value in recorded(store, run).items() if key[1] == "loss"}
    assert values == pytest.approx(curve)


@pytest.fixture
def wandb(monkeypatch):
    """What stands for the package: it keeps what it is told."""
    calls = []

    def init(**settings):
        seen = SimpleNamespace(points=[], summary={}, ended=None, settings=settings)
        seen.log = lambda values, step: seen.points.append((step, values))
        seen.finish = lambda exit_code: setattr(seen, "ended", exit_code)
        calls.append(seen)
        return seen

    package = ModuleType("wandb")
    package.init, package.Settings = init, dict
    monkeypatch.setitem(sys.modules, "wandb", package)
    return calls


@pytest.mark.parametrize(("mode", "resume"), [(None, None), ("online", "allow")])
def test_wandb_is_offline_unless_asked_and_knows_a_run_by_its_identity(tmp_path, wandb, monkeypatch, mode, resume):
    monkeypatch.delenv("WANDB_MODE", raising=False) if mode is None else monkeypatch.setenv("WANDB_MODE", mode)
    (run,) = runs_of()
    left = tmp_path / ".logs" / "wandb" / "wandb" / f"offline-run-20260101_000000-{run.trained}"
    left.mkdir(parents=True)
    trained(tmp_path, [run], "wandb")
    (seen,) = wandb
    assert (seen.settings["mode"], seen.settings["resume"]) == (mode or "offline", resume)
    assert (seen.settings["id"], seen.settings["config"]["seed"]) == (run.trained, 0)
    assert [update for update, _ in seen.points] == UPDATES
    assert (seen.ended, seen.summary["status"]) == (0, "done")
    assert not left.exists(), "what a run that was stopped had left would be uploaded beside it"


def test_a_callback_hears_of_runs_from_python_and_one_that_raises_is_given_up(tmp_path, capsys):
    told = []

    def callback(run, update, values):
        told.append((run, update, sorted(values)))
        if update == 4:
            raise ValueError("enough")

    (run,) = runs_of()
    tables = freerun.run([run.experiment], tmp_path, callback=callback, log="csv")
    assert [update for _, update, _ in told] == [0, 4]
    assert {name for name, _, _ in told} == {run.trained} == set(tables.curves["run"])
    assert {"loss", "validation_free_loss"} <= set(told[0][2])
    said = capsys.readouterr().err
    assert said.count("note: the callback was given up, and the runs went on: ValueError: enough") == 1
    assert f"note: log=csv: 1 run in {tmp_path}/.logs/csv" in said
    assert list(tables.runs["status"]) == ["done"]


def test_a_launcher_that_hears_nothing_refuses_a_callback_in_one_line(tmp_path):
    with pytest.raises(ConfigError, match="callback: launcher=joblib trains where nobody hears of it; choose local or inline"):
        freerun.run([], tmp_path, launcher=Joblib(), callback=print)


@pytest.mark.slow
def test_a_callback_and_logs_work_through_worker_processes(tmp_path):
    told = []
    runs = runs_of("seed=0,1")
    launcher = Local(workers=1, log="csv")
    freerun.run([run.experiment for run in runs], tmp_path, launcher=launcher, callback=lambda *words: told.append(words))
    store = Store(tmp_path / ".store")
    for run in runs:
        assert [update for name, update, _ in told if name == run.trained] == UPDATES
        assert logged(tmp_path, run) == recorded(store, run)


@pytest.mark.parametrize("at", [".logs", ".logs/csv", "the log itself"])
def test_a_log_that_leads_out_of_the_results_is_given_up_and_nothing_outside_is_changed(at, tmp_path):
    (run,), results, outside = runs_of(), tmp_path / "results", tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.csv").write_text("mine")
    name = f".logs/csv/lorenz63-gru-teacher_forcing-seed0-{run.trained}.csv"
    link = results / (name if at == "the log itself" else at)
    link.parent.mkdir(parents=True)
    link.symlink_to(outside / "precious.csv" if at == "the log itself" else outside)
    store = trained(results, [run], "csv")
    assert [(path.name, path.read_text()) for path in outside.iterdir()] == [("precious.csv", "mine")]
    assert store.has(run.trained)
    (note,) = run_notes.take(store, [run.id])
    assert "log=csv was given up" in note
    assert "remove the link" in note
