"""Tests of studies in Python: loaded by name or folder, narrowed, tabulated, drawn, compared; each run had back."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

import freerun
from freerun import Evaluation, Experiment, FreeRunning, HiddenMarkov, OutputRecurrent, TeacherForcing, Training
from freerun.cli.main import dispatch
from freerun.errors import ConfigError

KEPT = Path(__file__).resolve().parents[2] / "results"


@pytest.fixture(scope="module")
def kept():
    """A study whose records are not there: its tables are."""
    return freerun.load("exact_expert", KEPT)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A study with records and weights."""
    folder = tmp_path_factory.mktemp("small")
    words = ["task=hidden_markov", "task.length=12", "task.sequences=16", "model=gru", "model.hidden=3", "training.updates=2"]
    words += ["regime=teacher_forcing,free_running", "seed=0,1", "evaluation.sequences=4", "launcher=inline"]
    assert dispatch(["run", "-m", *words, "--results", str(folder), "--as", "small"]) == 0
    return folder


def test_a_study_is_loaded_by_its_name_or_its_folder(small):
    study = freerun.load("small", small)
    assert repr(study).splitlines() == [
        "Study small: 4 runs, 4 done", "task    hidden_markov", "model   gru", "regime  teacher_forcing, free_running",
    ]  # fmt: skip
    other = freerun.load(small / "small")
    for name in ("runs", "curves", "gaps", "compared", "players", "budgets"):
        pd.testing.assert_frame_equal(getattr(study, name), getattr(other, name))
    assert set(study.gaps["mode"]) == {"forced", "free"}


def test_without_records_the_tables_of_the_folder_are_read(kept, tmp_path):
    assert len(kept) == 60
    assert set(kept.summary()["n"]) == {10}
    with pytest.raises(ConfigError, match=r"has no weights in .*; train it first"):
        next(iter(kept)).model()
    with pytest.raises(ConfigError, match="study 'exact_exprt': nothing under"):
        freerun.load("exact_exprt", KEPT)


def test_some_runs_have_the_tables_of_a_study_of_them(small):
    """With the reference players of their worlds, whichever run these stood beside."""
    whole = freerun.load("small", small)
    some = whole.select(regime="free_running", seed=[0, 1])
    assert set(some.runs["regime"]) == {"free_running"}
    words = ["task=hidden_markov", "task.length=12", "task.sequences=16", "model=gru", "model.hidden=3", "training.updates=2"]
    words += ["regime=free_running", "seed=0,1", "evaluation.sequences=4", "launcher=inline"]
    assert dispatch(["run", "-m", *words, "--results", str(small), "--as", "free"]) == 0
    alone = freerun.load("free", small)
    assert len(alone.players)
    for name in ("curves", "gaps", "compared", "players", "budgets"):
        ours, theirs = (getattr(of, name).drop(columns="study", errors="ignore") for of in (some, alone))
        pd.testing.assert_frame_equal(ours.astype(str), theirs.astype(str), check_column_type=False, obj=name)
    pd.testing.assert_frame_equal(some.summary(), alone.summary())


def test_a_selection_by_any_setting_keeps_what_has_it(kept):
    expert = kept.select({"objective.divergence": ["forward"]}, regime=["free_running", "teacher_forcing"])
    assert set(expert.runs["objective"]) == {"exact_expert"}
    assert len(expert) == 20
    assert set(expert.gaps["run"].astype(str)) == set(expert.runs["run"].astype(str))
    assert len(kept) == 60, "the study itself stays as it is"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"regim": "free_running"}, "select 'regim': no such setting; did you mean 'regime'?"),
        ({"regime": "sparse_forcing"}, "select regime='sparse_forcing': no run has it; there is 'teacher_forcing, scheduled"),
        ({"regime": "free_running", "objective": "cross_entropy", "seed": 11}, "select seed=11: no run has it"),
    ],
)
def test_what_cannot_be_selected_is_said_in_one_line(kept, asked, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        kept.select(**asked)


def test_one_run_is_had_by_its_settings_or_its_identity(small):
    study = freerun.load("small", small)
    run = study.run(regime="free_running", seed=1)
    assert repr(run) == f"Run {run.id}: hidden_markov gru free_running, seed 1, done"
    assert study.run(run.id).id == study.run(run.id[:8]).id == run.id
    assert run.experiment.regime == FreeRunning()
    assert run.experiment.seed == 1
    assert set(run.gaps["run"].astype(str)) == {run.id}
    assert run.model().generate(2, 5).shape == (5, 2)
    assert [one.id for one in study] == list(study.runs["run"])
    with pytest.raises(ConfigError, match="run 'regime=free_running': 2 of 4 runs; select one by its settings and its seed"):
        study.run(regime="free_running")
    with pytest.raises(ConfigError, match="run 'zz': 0 of 4 runs"):
        study.run("zz")


def test_an_experiment_of_a_run_can_be_run_again_and_is_the_same_run(small):
    run = next(iter(freerun.load("small", small)))
    before = {path: path.stat().st_mtime_ns for path in small.rglob("*.json")}
    tables = freerun.run([run.experiment], small)
    assert list(tables.runs["run"]) == [run.id]
    assert {path: path.stat().st_mtime_ns for path in small.rglob("*.json")} == before


def test_figures_are_drawn_by_name_of_the_runs_that_are_left(kept):
    some = kept.select(objective="exact_expert")
    figure = some.figure("gap_by_model")
    words = " ".join(text.get_text() for axes in figure.axes for text in (*axes.texts, axes.title))
    assert words
    with pytest.raises(ConfigError, match=r"figure 'gap_by_modell': these runs have none; did you mean 'gap_by_model'\?"):
        some.figure("gap_by_modell")


def test_two_sides_are_compared_and_the_comparison_is_kept(small):
    found = freerun.load("small", small).compare("free_running", "teacher_forcing")
    assert found.sentences
    assert len(found.table)
    assert found.path.is_relative_to(small)


def test_what_was_run_from_python_is_found_again(tmp_path):
    """A run of `freerun.run` belongs to no study; its experiment is its name."""
    experiment = Experiment(
        task=HiddenMarkov(sequences=16, length=8), model=OutputRecurrent(hidden=3), regime=TeacherForcing(),
        training=Training(updates=2, batch=2), evaluation=Evaluation(warmup=2, sequences=4),
    )  # fmt: skip
    freerun.run([experiment], tmp_path)
    with pytest.raises(ConfigError, match="nothing under"):
        freerun.load("python", tmp_path)
