"""An experiment is built and checked once from what was typed, and once from the plan by whoever trains it."""

from __future__ import annotations

from collections import Counter

import pytest

from freerun.cli.main import dispatch
from freerun.config import compatibility
from freerun.config.experiment import Experiment
from freerun.config.hydra.compose import experiments
from freerun.config.run_identity import canonical
from freerun.execution.planned_run import plan
from freerun.parts import settings
from freerun.parts.models.gru import GRU
from freerun.parts.tasks.markov import Markov

TINY = ["task.sequences=16", "task.length=6", "evaluation.warmup=1", "model.hidden=2", "training.updates=2", "training.batch=2"]


@pytest.fixture
def counted(monkeypatch):
    """How often an experiment was checked, and how often a node of one was built."""
    counts: Counter[str] = Counter()
    check, value = compatibility.check, settings._value

    def counting(experiment):
        counts["experiment"] += 1
        return check(experiment)

    def typed(key, given, item):
        counts[key] += 1
        return value(key, given, item)

    monkeypatch.setattr(compatibility, "check", counting)
    monkeypatch.setattr(settings, "_value", typed)
    return counts


@pytest.mark.usefixtures("players_anew")
def test_a_run_of_one_experiment_builds_it_at_most_twice(counted, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert dispatch(["run", *TINY, "launcher=inline"]) == 0
    assert counted["experiment"] == 3, "one for the players, who have none"
    read = {key: times for key, times in counted.items() if key.startswith(("task.", "model.", "regime.", "training."))}
    assert max(read.values()) == 6, "each time it is read, and looked at as a setting that is made by hand is"
    assert set(read) >= {"task.length", "model.hidden", "training.updates"}


def test_what_a_sweep_shares_is_built_once(counted):
    assert len(plan(experiments([*TINY, "seed=range(20)"], sweep=True))) == 20
    assert counted["experiment"] == 20
    assert (counted["task.length"], counted["model.hidden"]) == (1, 1)


def test_the_same_experiment_in_python_and_in_words_is_one_run():
    typed = experiments(["task=markov", "model=gru", "model.hidden=2", "task.length=6"], sweep=False)
    spoken = Experiment(task=Markov(length=6), model=GRU(hidden=2))
    assert canonical(spoken) == canonical(typed[0])
    assert plan([spoken])[0].id == plan(typed)[0].id
