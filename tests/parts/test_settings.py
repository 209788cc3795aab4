"""Tests of settings: equal values are one setting, and what is no value of its type is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from freerun import GRU, Experiment, HiddenMarkov, Lorenz63, ScheduledSampling, Training
from freerun.analysis.tables.tidy import frames
from freerun.config.hydra.compose import experiments
from freerun.config.learning_rate import Decay
from freerun.config.run_identity import canonical, from_canonical, identity
from freerun.errors import ConfigError
from freerun.parts.tasks.lorenz63 import Predict
from freerun.parts.tasks.markov import Markov
from freerun.store.records import Store
from freerun.sweeps.study import load


def changed(node, **values):
    """A node with settings put in after it was made, past the type checker of the tests."""
    for name, value in values.items():
        setattr(node, name, value)
    return node


def known(**settings):
    return identity(canonical(Experiment(task=HiddenMarkov(), model=GRU(), **settings)))


def test_text_for_a_choice_is_that_choice_and_the_same_run():
    assert Experiment(task=changed(Lorenz63(), predict="increment"), model=GRU()).task.predict is Predict.increment
    assert (
        Experiment(task=HiddenMarkov(), model=GRU(), training=changed(Training(), decay="constant")).training.decay
        is Decay.constant
    )
    assert known(training=changed(Training(), decay="constant")) == known(training=Training(decay=Decay.constant)) != known()
    regime = Experiment(
        task=HiddenMarkov(), model=GRU(), regime=changed(ScheduledSampling(), schedule="constant", start=0.5)
    ).regime
    assert regime.probability(900, 1000) == 0.5


def test_every_kind_of_integer_is_one_seed():
    assert known(seed=3) == known(seed=np.int64(3)) != known(seed=4)


@pytest.mark.parametrize("seed", [0.0, True, "0", None, 2**63, -(2**63) - 1])
def test_what_is_not_a_seed_is_refused(seed):
    with pytest.raises(ConfigError, match="seed"):
        known(seed=seed)


@pytest.mark.parametrize("hidden", [8.0, True, "8", None])
def test_a_width_is_a_whole_number(hidden):
    with pytest.raises(ConfigError, match=r"model\.hidden"):
        Experiment(task=HiddenMarkov(), model=changed(GRU(), hidden=hidden))


@pytest.mark.parametrize("lr", ["fast", True, float("inf"), float("nan")])
def test_a_rate_is_a_finite_number(lr):
    with pytest.raises(ConfigError, match=r"training\.lr"):
        known(training=changed(Training(), lr=lr))


def test_a_whole_number_for_a_number_is_the_same_run():
    assert known(training=changed(Training(), lr=1)) == known(training=Training(lr=1.0))


TWO = [[0.25, 0.75], [1.0, 0.0]]


def sourced(matrix):
    return Experiment(task=changed(Markov(), **UNDRAWN, matrix=matrix), model=GRU())


def source(matrix):
    return identity(canonical(sourced(matrix)))


#: A drawn source's settings are resolved when it is made; a matrix put in later needs them away.
UNDRAWN = {"order": None, "alphabet_size": None, "concentration": None, "world": None}


@pytest.mark.parametrize(
    "matrix",
    [TWO, [[0.25, 0.75], [1, 0]], ((0.25, 0.75), (1, -0.0)), np.array(TWO), [np.array(TWO[0]), (np.int64(1), np.float32(0))]],
    ids=["floats", "whole numbers", "tuples", "array", "mixed"],
)
def test_equal_lists_of_numbers_are_one_setting(matrix):
    assert source(matrix) == source(TWO) != source([[0.25, 0.75], [0.5, 0.5]])
    assert sourced(matrix).task == Markov(matrix=TWO)


@pytest.mark.parametrize(
    ("matrix", "says"),
    [
        (0.5, r"task\.matrix must be a list of numbers"),
        ("[[1]]", r"task\.matrix must be a list of numbers"),
        ({"a": 1}, r"task\.matrix must be a list of numbers"),
        ([[1, "x"], [0, 1]], r"task\.matrix\[0\]\[1\] must be a number, got 'x'"),
        ([[1, 0], [0, True]], r"task\.matrix\[1\]\[1\] must be a number, got True"),
        ([[1, 0], [0, None]], r"task\.matrix\[1\]\[1\] must be a number, got None"),
        ([[1, 0], [0, float("nan")]], r"task\.matrix\[1\]\[1\] must be finite"),
        ([[1, 0], [0, 10**400]], r"task\.matrix\[1\]\[1\] must be finite, got a number of 401 digits"),
        ([[[[[1]]]]], "nested at most 4 deep"),
    ],
    ids=str,
)
def test_what_is_no_list_of_numbers_is_refused_with_its_place(matrix, says):
    with pytest.raises(ConfigError, match=says) as caught:
        source(matrix)
    assert len(str(caught.value)) <= 200


def test_a_list_that_holds_itself_is_refused():
    endless: list = []
    endless.append(endless)
    with pytest.raises(ConfigError, match="nested at most 4 deep"):
        source(endless)


def test_a_list_is_one_setting_in_words_in_python_and_read_back():
    words = ["task=markov", "task.matrix=[[.25,.75],[1,0]]", "task.initial=[.5,.5]"]
    (composed,) = experiments(words, sweep=False)
    built = Experiment(task=Markov(matrix=TWO, initial=[0.5, 0.5]), model=GRU())
    assert composed.task == built.task
    tree = canonical(built)
    assert identity(canonical(composed)) == identity(tree)
    again = from_canonical(json.loads(json.dumps(tree)))
    assert again == built
    assert identity(canonical(again)) == identity(tree)
    (preset,) = experiments(["task=markov_three", "task.matrix=[[.25,.75],[1,0]]", "task.start=null"], sweep=False)
    assert preset.task == Markov(matrix=TWO), "a list replaces a list, it is not merged with it"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("task.matrix=3", "task.matrix must be a list of numbers"),
        ("task.matrix=many", "task.matrix must be a list of numbers"),
        ("task.matrix={a:1}", "task.matrix must be a list of numbers"),
        ("task.matrix=[[a,1],[0,1]]", r"task.matrix\[0\]\[0\] must be a number"),
        ("task.matrix=[[${seed},1],[0,1]]", r"task.matrix\[0\]\[0\] must be a number"),
        ("task.matrix=[[0,1],[0]]", "equally many"),
        ("task.matrix=[[0,1],[0,1]],[[1,0],[0,1]]", "add -m"),
    ],
)
def test_a_wrong_list_in_words_is_refused_in_one_line(words, says):
    with pytest.raises(ConfigError, match=says) as caught:
        experiments(["task=markov", words], sweep=False)
    assert "\n" not in str(caught.value)


def test_lists_are_values_of_a_sweep_and_of_an_axis_of_a_study(tmp_path):
    wanted = [TWO, [[0.5, 0.5], [0.5, 0.5]], None]
    swept = experiments(["task=markov", "task.matrix=[[.25,.75],[1,0]],[[.5,.5],[.5,.5]],null"], sweep=True)
    assert [each.task.matrix for each in swept] == wanted
    file = tmp_path / "lists.yaml"
    file.write_text("cases:\n  - task: markov\n    task.matrix: [[[0.25, 0.75], [1, 0]], [[0.5, 0.5], [0.5, 0.5]], null]\n")
    runs = load(str(file), []).runs
    assert [run.tree["task"]["matrix"] for run in runs] == wanted
    assert [run.trained for run in runs] == [identity(canonical(each)) for each in swept]
    file.write_text("cases:\n  - task: markov\n    task.matrix: [[0.25, 0.75], [1, 0]]\n")
    with pytest.raises(ConfigError, match="in a study an axis is a list of such lists"):
        load(str(file), [])


def test_the_table_of_runs_holds_a_list_as_text(tmp_path):
    trees = [canonical(Experiment(task=task, model=GRU())) for task in (Markov(matrix=TWO), Markov())]
    planned = {identity(tree): tree for tree in trees}
    store = Store(tmp_path)
    store.open()
    runs = frames(store, list(planned), "lists", planned).runs
    assert json.loads(runs["task.matrix"][0]) == TWO
    assert runs["task.matrix"].isna().tolist() == [False, True]
