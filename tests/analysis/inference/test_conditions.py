"""Tests of labels and replicates: seeds of different settings are never pooled."""

import json

import numpy as np
import pandas as pd
import pytest

from freerun.analysis.figures import Material
from freerun.analysis.inference.matched_conditions import matched
from freerun.analysis.inference.replicates import CELL, annotated, conditions
from freerun.analysis.tables import tidy
from freerun.analysis.tables.run_table import MADE_BY
from synthetic import grid, record, study, tree


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


#: Tasks of symbols with a rule of feedback that carries no gradient.
RULES = (("text", "sample"), ("reber", "argmax"))


def test_a_gradient_that_nothing_carries_is_in_no_label(tmp_path):
    """It flows on the values of a flow, and through no symbol that is drawn, or chosen; a method has one name over both."""
    flows = [tree(gradient=gradient, regime="free_running") for gradient in ("through", "stop")]
    symbols = [tree(task, regime="free_running", feedback={"name": rule}) for task, rule in RULES]
    soft = [tree("markov", regime="free_running", feedback={"name": "expected"})]
    found = labels(tmp_path, [*flows, *symbols, *soft]).astype(str)
    assert list(found["method"]) == [
        "free running",
        "free running (gradient=stop)",
        *["free running"] * 3,
    ]
    assert set(labels(tmp_path / "flows", flows)["method"]) == {
        "free running (gradient=through)",
        "free running (gradient=stop)",
    }
    old = [tree("text", regime="free_running", gradient=gradient) for gradient in ("through", "stop")]
    assert labels(tmp_path / "old", old)["method"].nunique() == 2  # records from before it was resolved are not pooled


def test_the_usual_rule_of_feedback_is_in_no_label_where_tasks_have_different_ones(tmp_path):
    """So that free running is one method over all; each other rule is named."""
    values = [tree("lorenz63", regime="free_running", feedback={"name": rule}) for rule in ("mean", "none")]
    symbols = [tree("markov", regime="free_running", feedback={"name": rule}) for rule in ("sample", "argmax")]
    found = labels(tmp_path / "both", [*values, *symbols]).astype(str)
    assert list(found["method"]) == [
        "free running",
        "free running (feedback=none)",
        "free running",
        "free running (feedback=argmax)",
    ]
    paths = [tree("path_star", regime="free_running", feedback={"name": rule}) for rule in ("argmax", "sample")]
    chosen = labels(tmp_path / "paths", [*symbols, *paths]).astype(str)
    assert list(chosen["method"]) == [
        "free running",
        "free running (feedback=argmax)",
        "free running",
        "free running (feedback=sample)",
    ]
    alone = labels(tmp_path / "symbols", symbols).astype(str)
    assert list(alone["method"]) == ["free running (feedback=sample)", "free running (feedback=argmax)"]


def test_a_cut_of_the_gradient_belongs_to_the_method_where_the_baseline_has_one_value(tmp_path):
    """Teacher forcing feeds no output back, so that it has no second way of cutting; both free ways are judged by it."""
    free = [tree(gradient=gradient, regime="free_running", seed=s) for gradient in ("through", "stop") for s in range(3)]
    forced = grid(regimes=("teacher_forcing",), seeds=3)
    found = labels(tmp_path / "one", [*forced, *free])
    assert list(found["regime_label"].cat.categories) == [
        "teacher forcing",
        "free running (gradient=through)",
        "free running (gradient=stop)",
    ]
    assert set(found["setting"]) == {""}
    alone = labels(tmp_path / "alone", free)
    assert set(alone["setting"]) == {"gradient=through", "gradient=stop"}, (
        "without a baseline methods are compared under either"
    )
    both = [*forced, *(tree(gradient="stop", seed=s) for s in range(3)), *free]  # records from before it was resolved
    assert set(labels(tmp_path / "both", both)["setting"]) == {"gradient=through", "gradient=stop"}


def test_what_one_value_asks_for_is_in_no_label_beside_the_others(tmp_path):
    """A cosine has no patience for plateaus, and where plateaus have one, their name says it."""
    plateau = {"training__decay": "plateau", "training__decay_factor": 0.5, "training__decay_patience": 3}
    cosine = {"training__decay": "cosine", "training__decay_factor": None, "training__decay_patience": None}
    found = labels(tmp_path / "two", [tree(**plateau), tree(**cosine)])
    assert list(found["setting"]) == ["decay=plateau", "decay=cosine"]
    longer = {**plateau, "training__decay_patience": 9}
    several = labels(tmp_path / "three", [tree(**plateau), tree(**longer), tree(**cosine)])
    assert list(several["setting"]) == ["decay=plateau, decay_patience=3", "decay=plateau, decay_patience=9", "decay=cosine"]
    patient = [tree(**plateau), tree(**{**plateau, "training__decay_patience": None})]
    assert list(labels(tmp_path / "one", patient)["setting"]) == ["decay_patience=3", "decay_patience=none"]
    coins = [
        tree(regime="scheduled_sampling", regime__coin=coin, regime__epoch=n) for coin, n in (("step", None), ("epoch", 9))
    ]
    assert list(labels(tmp_path / "coins", coins)["regime_label"]) == [
        "scheduled sampling (coin=step)",
        "scheduled sampling (coin=epoch)",
    ]


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


def test_what_follows_the_model_is_in_its_label(tmp_path):
    """Two models that differ in their learning rate or their width too are not told apart by their name alone."""
    runs = [tree(model=m, seed=s, training__lr=lr) for m, lr in (("gru", 0.1), ("lstm", 0.01)) for s in range(2)]
    found = labels(tmp_path / "rate", runs)
    assert list(found["model_label"].cat.categories) == ["GRU (lr=0.1)", "LSTM (lr=0.01)"]
    assert set(found["method"]) == {"teacher forcing"}
    found = labels(tmp_path / "width", [tree(model=m, model__hidden=h) for m, h in (("gru", 8), ("lstm", 12))])
    assert list(found["model_label"].cat.categories) == ["GRU (hidden=8)", "LSTM (hidden=12)"]


def test_an_end_that_differs_between_two_regimes_is_in_both_labels(tmp_path):
    ends = {"scheduled_sampling": 0.0, "generalized_forcing": 0.5}
    found = labels(tmp_path, [tree(), *(tree(regime=name, regime__end=end) for name, end in ends.items())])
    assert list(found["method"].cat.categories) == [
        "teacher forcing",
        "scheduled sampling (end=0)",
        "generalized forcing (end=0.5)",
    ]


def test_two_settings_of_one_last_name_are_told_apart(tmp_path):
    runs = [tree(training__start=a, evaluation__start=b) for a in (1, 2) for b in (1, 2)]
    found = labels(tmp_path, runs)
    assert found["method"].iloc[1] == "teacher forcing (evaluation.start=2, training.start=1)"
    assert found["method"].nunique() == 4


def test_values_that_are_near_or_missing_are_not_pooled(tmp_path):
    found = labels(tmp_path / "near", [tree(training__lr=lr) for lr in (0.003, 0.00300000001)])
    assert list(found["method"]) == ["teacher forcing (lr=0.003)", "teacher forcing (lr=0.00300000001)"]
    found = labels(tmp_path / "none", [tree(training__clip=clip) for clip in (None, 1.0)])
    assert list(found["method"]) == ["teacher forcing (clip=none)", "teacher forcing (clip=1)"]


CHOICES = {
    "task": ("lorenz63", "text"), "model": ("gru", "lstm"), "regime": ("teacher_forcing", "scheduled_sampling"),
    "task__length": (10, 20), "model__hidden": (8, 9), "regime__end": (0.0, 0.5), "feedback__heat": (1.0, 2.0),
    "gradient": ("through", "stop"), "training__lr": (0.1, 0.10000001), "training__clip": (None, 1.0),
    "evaluation__horizon": (4, 8), "objective__weight": (None, 0.5), "dtype": ("float32", "float64"),
}  # fmt: skip


@pytest.mark.parametrize("chance", range(12))
def test_two_runs_have_one_label_if_and_only_if_they_differ_in_the_seed_alone(tmp_path, chance):
    """Of any study whatever, balanced or not."""
    draw = np.random.default_rng(chance)
    some = draw.choice(list(CHOICES), size=4, replace=False)
    drawn = [{name: CHOICES[name][draw.integers(2)] for name in some} for _ in range(9)]
    trees = [tree(**each, seed=seed) for each in drawn for seed in range(2)]
    store, ids = study(tmp_path, trees)
    found = conditions(tidy.frames(store, ids, "s").runs)
    whole = [json.dumps({**each, "seed": None}, sort_keys=True) for each in trees]
    cells = list(found[CELL].astype("str").itertuples(index=False, name=None))
    assert len(set(zip(whole, cells, strict=True))) == len(set(whole)) == len(set(cells))


def test_two_settings_that_come_to_one_are_one_method(tmp_path):
    """Through a drawn symbol no gradient flows: whether it is cut changes nothing, and the seeds would count twice."""
    regimes = ("teacher_forcing", "free_running")
    for task, idle in (("text", True), ("lorenz63", False)):
        trees = [tree(task, regime=r, gradient=g, seed=s) for g in ("through", "stop") for r in regimes for s in range(3)]
        store, ids = study(tmp_path / task, trees)
        for run, each in zip(ids, trees, strict=True):
            same = idle or each["regime"]["name"] == "teacher_forcing"
            chance = np.random.default_rng([each["seed"], len(each["regime"]["name"]), same or each["gradient"] == "stop"])
            store.write(record(run, each, chance=chance), None)
        of = Material.of(tidy.frames(store, ids, "s"), {})
        counts = of.runs["method"].value_counts()
        assert (counts == 3).all()
        assert len(counts) == (2 if idle else 4), "what tells two settings apart keeps them apart for all"
        assert ("6 runs are left out" in of.said_copies()) == idle


def begun(seed, of, regime="free_running", recipe="teacher_forcing 100 0a1b2c3d"):
    """A run that began with the weights of another one, by the seed of that."""
    start = {"training__start": f"{of:016x}", "training__content": f"{of:064x}", "training__recipe": recipe}
    return tree(regime=regime, seed=seed, **start)


def test_seeds_that_go_on_from_runs_of_their_own_are_of_one_condition(tmp_path):
    """So are those that all go on from one; how that run was trained is a setting, and where two do for a seed, which."""
    own = [begun(seed, 10 + seed) for seed in range(3)]
    one = [begun(seed, 10, regime="sparse_forcing") for seed in range(3)]
    drawn = [tree(seed=seed) for seed in range(3)]
    first = labels(tmp_path / "first", [*own, *one, *drawn])
    assert first["setting"].nunique() == 2, "began with weights, or with none"
    assert first["method"].nunique() == 3
    assert not first["setting"].str.contains("start=|content=").any()
    longer = [begun(seed, 20 + seed, recipe="teacher_forcing 200 4e5f6071") for seed in range(3)]
    second = labels(tmp_path / "two", [*own, *longer])
    assert second["setting"].nunique() == 2
    assert second["setting"].iloc[0] == "recipe=teacher_forcing 100 0a1b2c3d"
    third = labels(tmp_path / "three", [*own, *(begun(seed, 20 + seed) for seed in range(3))])
    assert third["method"].nunique() == 6, "two starts of one seed, pooled"
    assert third["setting"].iloc[0] == f"start={10:016x}"


def test_what_differs_in_several_cells_is_told_with_each_value_once(tmp_path):
    """A rate of its own was chosen for each method on each task."""
    rates = {
        ("lorenz63", 8): 0.1,
        ("lorenz63", 16): 0.3,
        ("text", 8): 0.3,
        ("text", 16): 0.1,
        ("markov", 8): 0.1,
        ("markov", 16): 0.2,
    }
    experiments = [tree(task, model__hidden=width, training__lr=rate) for (task, width), rate in rates.items()]
    runs = tidy.frames(*study(tmp_path, experiments), "s").runs
    runs = runs.assign(task_label=runs["task"])
    sides = (runs[runs["model.hidden"] == width] for width in (8, 16))
    found = matched(*sides, ["model.hidden"], ["training.lr"])
    assert found.told["training.lr"] == ("0.1 or 0.3", "0.3 or 0.1 or 0.2")


def test_two_methods_that_go_on_each_from_a_run_of_its_seed_are_one_pair_of_conditions(tmp_path):
    experiments = [begun(seed, 10 + seed, regime) for regime in ("free_running", "sparse_forcing") for seed in range(3)]
    runs = tidy.frames(*study(tmp_path, experiments), "s").runs.assign(task_label="Lorenz-63")
    found = matched(runs[:3], runs[3:], {"regime"})
    assert len(found.pairs) == 6
    assert found.pairs["condition"].nunique() == 1
    assert found.left == (0, 0)
