"""Tests of the caution on weights that a free loss has chosen where a source may go on in many ways."""

from __future__ import annotations

import pytest

from freerun.analysis import outputs
from freerun.analysis.figures import Material
from freerun.analysis.report.cautions import by_free_loss
from freerun.cli.main import dispatch
from freerun.store.results_folder import Place

SMALL = ["task.sequences=16", "model.hidden=2", "training.updates=3", "training.batch=2", "evaluation.sequences=4"]
SYMBOLS, VALUES = ["task.length=6", "evaluation.warmup=2"], ["task=errors_in_variables", "task.length=6", "evaluation.warmup=1"]


def said(folder, *words):
    assert dispatch(["run", *SMALL, *words, "--as", "s", "launcher=inline", "--results", str(folder)]) == 0
    material = Material.of(outputs.of("s", Place(results=folder)).frames, {})
    (task,) = material.runs["task_label"].unique()
    return by_free_loss(material, str(task))


@pytest.mark.parametrize("words", [["training.keep=best"], ["training.patience=1", "training.log_every=1"]])
def test_it_is_said_where_the_free_loss_chose_weights_or_ended_runs(words, tmp_path):
    assert said(tmp_path, *SYMBOLS, *words).startswith("The free loss on validation chose the weights of 1 of 1 runs")


@pytest.mark.parametrize(
    "words",
    [
        SYMBOLS,
        [*SYMBOLS, "training.keep=best_forced"],
        [*SYMBOLS, "training.patience=1", "training.watch=validation_forced_loss"],
        [*VALUES, "training.keep=best"],
    ],
)
def test_nothing_is_said_where_it_did_not_or_where_there_is_one_answer(words, tmp_path):
    assert said(tmp_path, *words) == ""
