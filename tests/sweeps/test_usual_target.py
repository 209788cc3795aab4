"""Tests of the target that a search chooses by where nobody says by what."""

from pathlib import Path

import pandas as pd
import pytest

from freerun.cli.main import dispatch
from freerun.config.hydra import search_space
from freerun.errors import ConfigError
from freerun.measurement import dry_run
from freerun.sweeps.search import usual_target
from freerun.sweeps.search.target import target

FEW = ["task.sequences=16", "task.length=8", "evaluation.warmup=1", "evaluation.sequences=4", "model.hidden=2", "seed=0"]
SPACE = "training.lr=0.01,0.1"
CHOSEN = {
    "a source": (["task=hidden_markov"], "one_step_error,compared,validation", ""),
    "two models": (["task=hidden_markov", "model=gru,lstm"], "one_step_error,compared,validation", ""),
    "a flow": (["task=roessler", "evaluation.orbit=0"], "worst_one_step,compared,validation", ""),
    "without its metric": (["task=markov", "evaluation.metrics=[loss,tv]"], "loss,free,validation", "all points"),
    "on the test split": (["task=markov", "evaluation.split=test"], "loss,free,validation", "evaluation.split says"),
    "on validation": (["task=markov", "evaluation.split=validation"], "one_step_error,compared,validation", ""),
}


@pytest.mark.parametrize("what", CHOSEN)
def test_a_search_chooses_by_a_headline_that_all_its_points_have(what):
    words, chosen, why = CHOSEN[what]
    fixed, axes = search_space.split([*words, *FEW, SPACE])
    usual = usual_target.usual(fixed, axes)
    assert str(usual.target) == chosen
    assert why in usual.why
    assert bool(usual.why) == usual.target.logged
    added = ["evaluation.split=validation"] if not usual.why and "evaluation.split=validation" not in words else []
    assert usual.fixed == [*fixed, *added]


@pytest.mark.parametrize("words", ["task=markov,hidden_markov", "task=markov,roessler", "task=choice(markov,two_step)"])
def test_tasks_are_not_searched(words):
    """The best of two tasks is the easier one, whatever it is measured by."""
    with pytest.raises(ConfigError, match="tasks are not searched, for the easiest would be the best"):
        search_space.split([*FEW, words, SPACE])


def test_parts_from_plugins_are_not_looked_at(tmp_path, monkeypatch):
    from freerun.parts.regimes import free_running

    path = tmp_path / "own_free.py"
    path.write_text(Path(str(free_running.__file__)).read_text().replace("class FreeRunning", "class OwnFree"))
    monkeypatch.setattr(dry_run, "measurable", lambda *_: pytest.fail("looked at"))
    fixed, axes = search_space.split([*FEW, f"plugins=[{path}]", "task=markov", "regime=own_free", SPACE])
    usual = usual_target.usual(fixed, axes)
    assert (usual.target, usual.fixed) == (target(), fixed)
    assert "plugins" in usual.why


def test_metrics_from_plugins_are_not_looked_at(monkeypatch):
    path = Path(__file__).parents[2] / "conf/study/exposure_early.py"
    monkeypatch.setattr(dry_run, "measurable", lambda *_: pytest.fail("looked at"))
    fixed, axes = search_space.split([*FEW, f"plugins=[{path}]", "task=markov", SPACE])
    usual = usual_target.usual(fixed, axes)
    assert (usual.target, usual.fixed) == (target(), fixed)
    assert "plugins" in usual.why


def test_a_search_says_by_what_it_chose_and_reads_nothing_of_the_test_split(tmp_path, capsys):
    words = ["search", "task=hidden_markov", *FEW, "training.updates=2", "training.batch=2", SPACE, "--sampler", "grid"]
    words += ["--results", str(tmp_path), "launcher=inline", "--as", "s"]
    assert dispatch(words) == 0
    said = capsys.readouterr().out
    assert said.startswith("chosen by one_step_error,compared,validation; --target says otherwise")
    assert "one_step_error,compared,validation 0." in said
    gaps = pd.read_parquet(tmp_path / "s" / "gaps.parquet")
    assert set(gaps["split"]) == {"train", "validation"}
    with pytest.raises(ConfigError, match="there is another search"):
        dispatch([*words, "--target", "loss"])
