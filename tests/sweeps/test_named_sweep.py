"""Tests of sweeps that are asked for again by their names: planned, resumed, extended, never another one's."""

from __future__ import annotations

import json

import pytest

import freerun
from freerun.cli.main import dispatch
from freerun.errors import ConfigError
from freerun.store import study_file
from freerun.store.results_folder import Place
from freerun.sweeps import named_sweep

WORDS = [
    "task=hidden_markov", "task.length=12", "task.sequences=16", "model=gru", "model.hidden=3", "training.updates=2",
    "regime=teacher_forcing,free_running", "seed=0,1", "evaluation.sequences=4", "evaluation.metrics=[loss]", "launcher=inline",
]  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The results of one sweep, `mine`, which tests leave as it is."""
    folder = tmp_path_factory.mktemp("results")
    assert dispatch(["run", "-m", *WORDS, "--results", str(folder), "--as", "mine"]) == 0
    return folder


def described(folder, name="mine"):
    return study_file.read(folder / name)


def test_a_sweep_by_its_name_is_the_same_runs(results, capsys):
    study = named_sweep.again("mine", Place(results=results))
    assert study.ids == described(results)["ids"]
    assert study.info() == described(results)
    assert dispatch(["plan", "mine", "--results", str(results), "launcher=inline"]) == 0
    assert capsys.readouterr().out == "mine: 4 runs, 2 groups; nothing is trained by this command\n4 done, 0 pending\n"


def test_a_study_of_the_configuration_comes_before_a_sweep_of_its_name(results, tmp_path):
    place = Place(results=tmp_path)
    (tmp_path / "path_star").mkdir()
    (tmp_path / "path_star/study.json").write_text((results / "mine/study.json").read_text())
    asked = named_sweep.asked("path_star", ["seed=0"], None, place)
    assert {run.tree["task"]["name"] for run in asked.runs} == {"path_star"}


def test_more_seeds_are_added_to_each_condition_and_the_command_says_so(results):
    place = Place(results=results)
    more = named_sweep.again("mine", place, ["seed=range(3)"])
    assert set(described(results)["ids"]) < set(more.ids)
    assert len(more.ids) == 6
    assert more.command.endswith("--as mine && freerun study mine 'seed=range(3)'")
    extended = named_sweep.extended(named_sweep.again("mine", place), [1, 2])
    assert sorted(extended.ids) == sorted(more.ids)
    conditions = [(run.tree["regime"]["name"], run.tree["seed"]) for run in extended.runs]
    assert conditions == [(regime, seed) for regime in ("teacher_forcing", "free_running") for seed in (0, 1, 2)]
    assert named_sweep.extended(extended, [0, 2]) is extended


def test_an_override_replaces_an_axis_of_every_condition(results):
    place = Place(results=results)
    changed = named_sweep.again("mine", place, ["model=lstm", "seed=7"], "others")
    assert [(run.tree["model"]["name"], run.tree["regime"]["name"], run.tree["seed"]) for run in changed.runs] == [
        ("lstm", "teacher_forcing", 7), ("lstm", "free_running", 7),
    ]  # fmt: skip
    assert changed.name == "others"
    with pytest.raises(ConfigError, match=r"training\.lr=fast"):
        named_sweep.again("mine", place, ["training.lr=fast"])
    with pytest.raises(ConfigError, match=r"study .mien.: unknown study; did you mean .mine."):
        named_sweep.asked("mien", [], None, place)


def test_a_sweep_without_a_name_keeps_none_that_is_not_of_its_runs(results, tmp_path):
    (tmp_path / "run-00000000").mkdir()
    (tmp_path / "run-00000000/study.json").write_text((results / "mine/study.json").read_text())
    more = named_sweep.again("run-00000000", Place(results=tmp_path), ["seed=5"])
    assert more.name.startswith("run-")
    assert more.name != "run-00000000"
    assert more.command.endswith(f"--as {more.name}")


def test_what_a_search_or_a_part_is_goes_on_otherwise(results, tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s/study.json").write_text((results / "mine/study.json").read_text())
    (tmp_path / "s/search.json").write_text("{}")
    with pytest.raises(ConfigError, match="s: is a search, which goes on with its own command: freerun run -m"):
        named_sweep.again("s", Place(results=tmp_path))


def test_methods_that_were_tuned_can_have_more_seeds_alone(results, tmp_path):
    info = described(results)
    trained = [run[:16] for run in info["ids"]]
    trial = {"settings": {"training.lr": "0.003"}, "runs": [info["ids"][0]], "value": 1.0, "state": "done", "lost": False,
             "pruned": False, "updates": 2}  # fmt: skip
    methods = [
        {"runs": runs, "chosen": {"training.lr": "0.003"}, "trials": [trial], "updates": 2, "steps": 2, "seconds": 0.0}
        for runs in (trained[:2], trained[2:])
    ]
    info["tuned"] = {"axes": {"training.lr": "0.003"}, "sampler": "grid", "pruner": "none", "metric": "loss", "mode": "free",
                     "split": "validation", "maximize": False, "seeds": [9], "methods": methods}  # fmt: skip
    (tmp_path / "tuned").mkdir()
    (tmp_path / "tuned/study.json").write_text(json.dumps(info))
    place = Place(results=tmp_path)
    more = named_sweep.again("tuned", place, ["seed=range(3)"])
    assert [len(method["runs"]) for method in more.tuned["methods"]] == [3, 3]
    assert {run for method in more.tuned["methods"] for run in method["runs"]} == {run.trained for run in more.runs}
    with pytest.raises(ConfigError, match="the methods of tuned were tuned on this seed"):
        named_sweep.again("tuned", place, ["seed=range(10)"])
    with pytest.raises(ConfigError, match="more seeds is all that it can have by its name"):
        named_sweep.again("tuned", place, ["model.hidden=4"])


def test_a_part_that_is_not_there_has_to_be_named(results, tmp_path):
    info = described(results)
    for tree in info["planned"].values():
        tree["model"] = {"name": "mine_own", "source": "0" * 64}
    (tmp_path / "own").mkdir()
    (tmp_path / "own/study.json").write_text(json.dumps(info))
    said = r"own, experiment 1: model=mine_own: unknown model; a part of your own has to be named again, plugins=\[FILE.py\]"
    for words in ([], ["seed=range(6)"]):
        with pytest.raises(ConfigError, match=said):
            named_sweep.again("own", Place(results=tmp_path), words)


def test_a_sweep_is_resumed_and_extended_on_the_command_line_and_in_python(tmp_path, capsys):
    small = [word for word in WORDS if "regime" not in word]
    assert dispatch(["run", "-m", *small, "--results", str(tmp_path), "--as", "mine"]) == 0
    first = next((tmp_path / ".store").glob("*/*-*.json"))
    first.unlink()
    study = freerun.load("mine", tmp_path)
    assert sorted(study.runs["status"]) == ["done", "pending"]
    assert study.train() is study
    assert list(study.runs["status"]) == ["done", "done"]
    assert first.exists()
    more = study.extend(range(3))
    assert len(study) == 2, "the study itself stays as it is"
    assert sorted(more.runs["status"]) == ["done", "done", "pending"]
    assert (more.plan().states["done"], more.plan().states["pending"]) == (2, 1)
    assert set(more.train().runs["status"]) == {"done"}
    assert len(freerun.load("mine", tmp_path)) == 3
    assert "mine: 3 runs, 2 done, 1 to do" in capsys.readouterr().out
