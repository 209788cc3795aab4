"""Tests of measuring on the validation split: nothing of the test split is read, and every row says where it is from."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from freerun import Evaluation, load
from freerun.analysis import outputs
from freerun.analysis.figures import Material
from freerun.analysis.report.cautions import on_validation
from freerun.cli.main import dispatch
from freerun.config.hydra.compose import jobs, of_jobs
from freerun.config.measurement_identity import measurement
from freerun.config.run_identity import canonical, from_canonical, identity
from freerun.engine.replicas import Group
from freerun.errors import ConfigError
from freerun.measurement.dry_run import measurable
from freerun.measurement.evaluation import evaluate
from freerun.measurement.validation_split import exchanged
from freerun.parts.tasks import Data
from freerun.store.results_folder import Place

SHARED = ["model.hidden=3", "evaluation.warmup=2", "evaluation.sequences=6", "evaluation.split=validation"]
WORDS = {
    "symbols": ["task=hidden_markov", "task.sequences=24", "task.length=8"],
    "values": ["task=lorenz63", "task.sequences=32", "task.length=14", "evaluation.orbit=200"],
    "text": ["task=text", "task.length=30"],
}
FEW = ["model.hidden=2", "training.updates=2", "evaluation.sequences=4", "evaluation.warmup=2"]


def experiment(task):
    (made,) = of_jobs(jobs([*WORDS[task], *SHARED], sweep=False))
    return made


def spoiled(data: Data) -> Data:
    """The data with nothing of the test split left."""
    test = data.splits["test"]
    nothing = torch.zeros_like(test.targets) if test.targets.dtype == torch.int64 else torch.full_like(test.targets, torch.nan)
    return replace(data, splits={**data.splits, "test": replace(test, targets=nothing, start=torch.zeros_like(test.start))})


@pytest.mark.parametrize("task", ["symbols", "values", pytest.param("text", marks=pytest.mark.slow)])
def test_nothing_of_the_test_split_is_read(task):
    asked = experiment(task)
    data = asked.task.build(0, max(asked.task.length, sum(asked.span)))
    (one,), (other,) = (evaluate(Group([asked], {0: world})) for world in (data, spoiled(data)))
    assert one == other
    assert {row.split for row in one.series} == {"train", "validation"}
    assert {row.split for row in one.comparisons} <= {"validation"}
    assert one.sample is None
    (test,) = evaluate(Group([replace(asked, evaluation=replace(asked.evaluation, split="test"))], {0: data}))
    assert {row.metric for row in test.comparisons} == {row.metric for row in one.comparisons}
    assert test.sample is None or test.series != one.series
    moved = {row.metric for a, b in zip(one.series, test.series, strict=True) for row in (a,) if a.values != b.values}
    assert moved, "other sequences have other numbers"
    assert {(row.metric, "compared", row.split) for row in one.comparisons if row.metric not in ORBITS} <= measurable(asked)


#: What is measured on long closed loops, which a dry run follows only if it is asked for one of them.
ORBITS = {
    "d_flow", "d_flow_floor", "d_h", "d_h_floor", "d_neighbours", "d_neighbours_floor", "d_pairs", "d_pairs_floor", "d_states",
    "d_states_floor", "d_stsp", "d_stsp_floor", "lyapunov", "lyapunov_true", "share_cycling", "share_left", "share_resting",
}  # fmt: skip


def test_a_dry_run_follows_long_orbits_for_who_asks_for_one():
    asked = experiment("values")
    place = ("d_pairs", "compared", "validation")
    assert measurable(asked, place) == {place}


def test_values_are_measured_on_one_half_beside_the_other_and_symbols_on_all():
    values, symbols = experiment("values"), experiment("symbols")
    data = values.task.build(0, 20)
    halves = exchanged(values.task, data)
    whole = data.splits["validation"].targets
    assert torch.equal(torch.cat([halves.splits["test"].targets, halves.splits["validation"].targets], 1), whole)
    assert halves.fingerprint == data.fingerprint
    of_symbols = symbols.task.build(0, 20)
    same = exchanged(symbols.task, of_symbols)
    assert same.splits["test"] is of_symbols.splits["validation"] is same.splits["validation"]


def test_it_is_another_measurement_of_the_same_run_and_by_default_it_is_not_said():
    asked = experiment("symbols")
    default = replace(asked, evaluation=replace(asked.evaluation, split="test"))
    trees = [canonical(each) for each in (asked, default)]
    assert identity(trees[0]) == identity(trees[1])
    assert "split" not in trees[1]["evaluation"]
    assert measurement(asked, trees[0]).id != measurement(default, trees[1]).id
    assert from_canonical(trees[0]).evaluation.split == "validation"
    with pytest.raises(ConfigError, match=r"evaluation.split: unknown split 'train'.*test.*validation"):
        Evaluation(split="train")


def test_tables_and_players_are_of_the_split_that_was_measured(tmp_path, capsys):
    words = ["task.sequences=16", "task.length=6", *FEW]
    words += ["evaluation.split=validation,test", "--as", "both", "launcher=inline", "--results", str(tmp_path)]
    assert dispatch(["run", "-m", *words]) == 0
    study = load("both", results=tmp_path)
    assert set(study.runs["evaluation.split"]) == {"validation", "test"}
    said = on_validation(Material.of(outputs.of("both", Place(results=tmp_path)).frames, {}), "Hidden Markov")
    assert said.startswith("Some of its conditions are measured on the validation split")
    assert set(study.gaps["split"]) == {"train", "test", "validation"}
    players = study.players
    by_split = {split: set(rows["run"]) for split, rows in players.groupby("split", observed=True)}
    assert set(by_split) == {"validation", "test"}
    assert not by_split["validation"] & by_split["test"]
    capsys.readouterr()


def test_a_search_may_choose_by_a_measure_of_both_modes_on_validation(tmp_path, capsys):
    words = ["task.sequences=16", "task.length=6", *FEW]
    words += ["training.lr=0.01,0.1", "--sampler", "grid", "--trials", "2", "--target", "one_step_error,compared,validation"]
    words += ["launcher=inline", "--results", str(tmp_path)]
    with pytest.raises(ConfigError, match=r"the loss alone; add evaluation.split=validation"):
        dispatch(["search", *words])
    assert dispatch(["search", *words, "evaluation.split=validation"]) == 0
    assert "one_step_error,compared,validation 0." in capsys.readouterr().out
