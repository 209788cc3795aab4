"""Tests of quick settings: a study file declares a few runs for a look at what it does, under another name."""

from __future__ import annotations

import pytest

from freerun.config.presets import config_folder, presets
from freerun.errors import ConfigError
from freerun.io.yaml import read_yaml
from freerun.sweeps.study import load

STUDY = """
{quick}
cases:
  - {{task: two_step, model: gru, regime: [teacher_forcing, free_running], seed: range(20)}}
  - {{task: two_step, model: lstm, regime: teacher_forcing, training.updates: 300, seed: range(20)}}
"""
QUICK = "quick: {training.updates: 5, seed: range(2)}"


@pytest.fixture
def file(tmp_path):
    def written(quick: str) -> str:
        path = tmp_path / "small.yaml"
        path.write_text(STUDY.format(quick=quick))
        return str(path)

    return written


def test_quick_settings_replace_those_of_every_case_under_a_name_of_their_own(file):
    whole, quick = (load(file(QUICK), words) for words in ([], ["quick=true"]))
    assert (whole.name, len(whole.runs)) == ("small", 60)
    assert (quick.name, len(quick.runs)) == ("small_quick", 6)
    assert {run.tree["training"]["updates"] for run in quick.runs} == {5}
    assert "quick=true" in quick.command
    assert [run.id for run in load(file(QUICK), ["quick=false"]).runs] == [run.id for run in whole.runs]


def test_what_is_asked_for_on_the_command_line_wins(file):
    asked = load(file(QUICK), ["quick=true", "seed=7"], "other")
    assert asked.name == "other"
    assert {run.tree["seed"] for run in asked.runs} == {7}


@pytest.mark.parametrize(
    ("quick", "words", "said"),
    [
        ("", ["quick=true"], "small.yaml: declares no quick settings, .* freerun study small seed=0"),
        (QUICK, ["quick=maybe"], "quick='maybe': choose true or false"),
        ("quick: [1]", [], "small.yaml: quick must be a mapping of axes"),
        ("quick: {}", [], "small.yaml: quick must be a mapping of axes"),
        ("quick: {seeed: 1}", ["quick=true"], "small.yaml, case 1: .*seeed.*seed"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(file, quick, words, said):
    with pytest.raises(ConfigError, match=said):
        load(file(quick), words)


DECLARED = [name for name in presets("study") if "quick" in read_yaml(config_folder() / "study" / f"{name}.yaml")]


@pytest.mark.parametrize("name", DECLARED)
def test_quick_settings_of_a_kept_study_leave_every_method_and_few_updates(name):
    whole, quick = load(name, []), load(name, ["quick=true"])

    def methods(study):
        return {(run.tree["regime"]["name"], run.tree["objective"]["name"], run.tree["model"]["name"]) for run in study.runs}

    assert methods(quick) == methods(whole)
    assert sum(run.tree["training"]["updates"] for run in quick.runs) < 0.25 * sum(
        run.tree["training"]["updates"] for run in whole.runs
    )
