"""Tests of labels and replicates: seeds of different settings are never pooled."""

import pandas as pd
import pytest

from freerun.analysis.inference.replicates import CELL, annotated, conditions
from freerun.analysis.tables import tidy
from freerun.analysis.tables.run_table import MADE_BY
from synthetic import grid, study, tree


def labels(folder, experiments):
    return conditions(tidy.frames(*study(folder, experiments), "s").runs)


def test_names_are_words_and_unknown_parts_get_spaces(tmp_path):
    found = labels(tmp_path, [tree("lorenz63", "my_model", "my_regime")])
    assert tuple(found.iloc[0]) == ("Lorenz-63", "my model", "my regime", "", "my regime")


def test_what_varies_is_in_the_label_and_what_does_not_is_not(tmp_path):
    swept = [tree(regime="scheduled_sampling", seed=s, regime__schedule=k) for k in ("linear", "constant") for s in range(2)]
    found = labels(tmp_path, [*grid(regimes=("teacher_forcing",), seeds=2), *swept])
    assert list(found["method"].cat.categories) == [
        "teacher forcing",
        "scheduled sampling (schedule=linear)",
        "scheduled sampling (schedule=constant)",
    ]


def test_a_swept_setting_outside_the_regime_keeps_seeds_apart(tmp_path):
    found = labels(tmp_path, [tree(seed=s, training__lr=lr) for lr in (0.1, 0.01) for s in range(3)])
    assert list(found["method"].cat.categories) == ["teacher forcing (lr=0.1)", "teacher forcing (lr=0.01)"]
    assert (found.groupby(CELL, observed=True).size() == 3).all()


def test_task_and_model_settings_belong_to_their_own_labels(tmp_path):
    found = labels(tmp_path, [tree(task__length=n, model__hidden=h) for n in (10, 20) for h in (8, 16)])
    assert list(found["task_label"].cat.categories) == ["Lorenz-63 (length=10)", "Lorenz-63 (length=20)"]
    assert list(found["model_label"].cat.categories) == ["GRU (hidden=8)", "GRU (hidden=16)"]
    assert set(found["method"]) == {"teacher forcing"}


def test_settings_that_follow_the_task_are_not_swept(tmp_path):
    found = labels(tmp_path, [tree("lorenz63"), tree("text", training__lr=0.1)])
    assert set(found["method"]) == {"teacher forcing"}


def test_teacher_forcing_comes_first(tmp_path):
    found = labels(tmp_path, grid(regimes=("free_running", "teacher_forcing")))
    assert found["method"].cat.categories[0] == "teacher forcing"


def test_annotated_rows_have_the_label_of_their_run(tmp_path):
    frames = tidy.frames(*study(tmp_path, grid()), "s")
    found = annotated(frames.gaps, conditions(frames.runs))
    assert set(found.loc[found["regime"] == "scheduled_sampling", "method"]) == {"scheduled sampling"}


def test_an_objective_that_is_a_method_is_in_its_label_and_is_compared_with_the_baseline(tmp_path):
    adversarial = {"name": "professor_forcing", "weight": 0.1}
    runs = [*(tree(objective=adversarial, seed=s) for s in range(3)), *grid(seeds=3)]
    found = labels(tmp_path, runs)
    assert list(found["method"].cat.categories) == [
        "teacher forcing",
        "teacher forcing + professor forcing",
        "scheduled sampling",
    ]
    assert set(found["setting"]) == {""}
    assert (found.groupby(CELL, observed=True).size() == 3).all()


def test_a_swept_setting_of_an_objective_keeps_seeds_apart(tmp_path):
    swept = [tree(objective={"name": "professor_forcing", "weight": w}, seed=s) for w in (0.1, 1.0) for s in range(2)]
    found = labels(tmp_path, [*grid(regimes=("teacher_forcing",), seeds=2), *swept])
    assert list(found["method"].cat.categories) == [
        "teacher forcing",
        "teacher forcing + professor forcing (weight=0.1)",
        "teacher forcing + professor forcing (weight=1)",
    ]


def test_tasks_may_have_other_objectives(tmp_path):
    found = labels(tmp_path, [tree("lorenz63"), tree("text")])
    assert set(found["method"]) == {"teacher forcing"}


@pytest.mark.parametrize("column", MADE_BY)
def test_by_what_a_run_was_made_is_no_setting(tmp_path, column):
    """Neither where runs were made on two machines, nor where one has failed and says nothing of it."""
    runs = tidy.frames(*study(tmp_path, grid()), "s").runs
    before = conditions(runs)
    made = ["one", "other", None] * len(runs)
    pd.testing.assert_frame_equal(conditions(runs.assign(**{column: made[: len(runs)]})), before)
    with pytest.raises(AssertionError):
        pd.testing.assert_frame_equal(conditions(runs.assign(**{"training.lr": made[: len(runs)]})), before)
