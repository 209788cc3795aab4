"""Tests of going on from a run in Python: the next stage is an experiment that begins with its weights."""

from __future__ import annotations

from dataclasses import replace

import pytest

import freerun
from freerun import Evaluation, Experiment, FreeRunning, HiddenMarkov, TeacherForcing, Training
from freerun.config.run_identity import canonical
from freerun.errors import ConfigError
from freerun.execution.planned_run import plan
from freerun.parts.models.gru import GRU

FIRST = [
    Experiment(
        task=HiddenMarkov(sequences=16, length=10), model=GRU(hidden=3), seed=seed,
        training=Training(updates=6, stop=4, batch=2, lr=0.01),
        evaluation=Evaluation(warmup=2, sequences=4, orbit=0, metrics=["loss"]),
    )
    for seed in (0, 1)
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two runs that were trained from Python, as a study."""
    from freerun.execution.launchers.inline import Inline
    from freerun.store.results_folder import Place
    from freerun.sweeps.study import Study
    from freerun.sweeps.sweep import do

    place = tmp_path_factory.mktemp("first")
    assert do(Study(name="first", runs=plan(FIRST), command=""), Place(results=place), Inline()) == {}
    return place


def test_the_next_stage_of_every_seed(folder):
    runs = list(freerun.load("first", folder))
    second = [run.continue_(updates=3, regime=FreeRunning()) for run in runs]
    assert [each.regime for each in second] == [FreeRunning()] * 2
    assert [each.seed for each in second] == [0, 1]
    assert [(each.training.updates, each.training.stop, each.training.lr) for each in second] == [(3, None, 0.01)] * 2
    tables = freerun.run(second, folder)
    assert tables.runs["status"].tolist() == ["done", "done"]
    assert tables.budgets["updates"].tolist() == [3, 3]
    assert tables.budgets["start"].tolist() == [run.id for run in runs]
    assert tables.budgets["start_updates"].tolist() == [4, 4]
    assert tables.curves["update"].min() == 0
    of_runs = [canonical(replace(each, training=replace(each.training, start=None))) for each in second]
    assert [tree["seed"] for tree in of_runs] == [0, 1]
    assert len(plan([*second, *FIRST])) == 4
    freerun.run(FIRST[:1], folder)  # it is the run itself that goes on, whoever asks for it


def test_a_third_stage_counts_both_before_it(folder):
    run = next(iter(freerun.load("first", folder)))
    second = run.continue_(updates=3)
    assert second.regime == TeacherForcing()
    freerun.run([second], folder)
    (planned,) = plan([second])
    path = run.store.path(planned.trained)
    third = replace(second, training=replace(second.training, start=str(path), updates=2, lr=0.1))
    budgets = freerun.run([third], folder).budgets.iloc[0]
    first, before = (run.store.read(name)["provenance"] for name in (run.id, planned.trained))
    assert budgets["start_updates"] == 4 + 3
    assert budgets["start_steps"] == first["steps"] + before["steps"]
    assert budgets["start_products"] == first["products"] + before["products"]


def test_training_may_be_set_anew_and_what_does_not_fit_is_refused(folder):
    run = next(iter(freerun.load("first", folder)))
    anew = run.continue_(training=Training(updates=5, batch=4), objective=freerun.PolicyGradient())
    assert (anew.training.updates, anew.training.batch) == (5, 4)
    assert anew.training.start.endswith(f"{run.id}.json")
    for settings, said in (
        ({"model": GRU(hidden=4)}, "its model has model.hidden=3, not 4"),
        ({"regme": FreeRunning()}, "no setting of an experiment; did you mean 'regime'"),
        ({"updtes": 3}, "no setting of an experiment; did you mean 'updates'"),
        ({"lr": 0.1}, r"lr: is a setting of training; give it as training=Training\(lr=...\)"),
        ({"updates": -1}, "training.updates must not be negative"),
    ):
        with pytest.raises(ConfigError, match=said):
            run.continue_(**settings)
    gone = replace(run, store=type(run.store)(folder / "elsewhere"))
    with pytest.raises(ConfigError, match="has no weights in"):
        gone.continue_()


def test_a_run_of_the_usual_place_is_known_by_its_identity(folder, monkeypatch):
    run = next(iter(freerun.load("first", folder)))
    monkeypatch.chdir(folder)
    monkeypatch.setattr("freerun.api.trained_runs.STORE", run.store.root)
    monkeypatch.setattr("freerun.parts.earlier_run.STORE", run.store.root)
    assert run.continue_().training.start == run.id
