"""Tests of the laws of figures: every built-in figure keeps them, and each catches a figure that breaks it."""

from __future__ import annotations

import pytest

from freerun.analysis import figures
from freerun.cli.commands import figures as command
from freerun.errors import ConfigError
from freerun.laws import figures as kit
from freerun.laws import register
from freerun.parts import plugins, registry
from laws.broken import figures as broken
from tiers import tiered

LAWS = {law.name: law for law in register.of("figure")}
#: Figures of what the small studies lack: text, recordings, long runs, several tasks, tuning.
ELSEWHERE = {"forecast", "text_samples", "ranking", "expected_best", "error_growth", "chaos_floor", "closed_loop", "orbit"}
CATCHES = [
    ("draws_what_there_is", broken.Empty, "draws nothing"), ("draws_what_there_is", broken.NoFigure, "not a matplotlib Figure"),
    ("nothing_is_drawn_of_nothing", broken.OfNothing, "without one run"),
    ("tables_stay_as_they_are", broken.Changes, "steps is another table"), ("same_bytes", broken.Counts, "another one"),
    ("says_what_is_seen", broken.Speechless, "the caption is"), ("says_what_is_seen", broken.Nameless, "nothing is written"),
]  # fmt: skip


def test_there_is_a_broken_figure_for_each_law():
    assert LAWS.keys() == {name for name, _, _ in CATCHES}


@pytest.mark.parametrize(("name", "figure", "says"), tiered(CATCHES, quick=lambda case: case[1] is broken.Speechless))
def test_a_law_catches_a_figure_that_breaks_it(name, figure, says):
    with pytest.raises(AssertionError, match=says):
        LAWS[name](figure)


@pytest.mark.slow  # draws each figure some times
@pytest.mark.parametrize("name", ["sound", *figures.parts()])
def test_every_figure_keeps_the_laws(name):
    figure = broken.Sound if name == "sound" else figures.parts()[name]
    for law in LAWS.values():
        if law.name != "draws_what_there_is" or name not in ELSEWHERE:
            law(figure)


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "plugin_figures", {})
    monkeypatch.setattr(plugins, "_plugin_files", {})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_figure_of_ones_own_stands_behind_the_built_in_ones(desk):
    (desk / "mine.py").write_text("CAPTION = 'Mine.'\n\n\ndef draw(material):\n    return {}\n")
    plugins.load_plugin("mine.py")
    assert list(figures.parts())[-1] == "mine"
    (desk / "ranking.py").write_text((desk / "mine.py").read_text())
    plugins.load_plugin("ranking.py")
    with pytest.raises(ConfigError, match="figure 'ranking' is built in"):
        figures.parts()


def test_a_figure_that_is_not_there_is_one_line(desk):
    with pytest.raises(ConfigError, match=r"no_such\.py: no such Python file"):
        command.main(["--plugin", "no_such.py"])


@pytest.mark.slow  # trains the small study
def test_a_figure_that_spoils_what_it_is_given_spoils_nothing_for_the_next_law():
    before = kit.study("hidden_markov").steps
    broken.Changes.draw(kit.study("hidden_markov"))
    assert before.equals(kit.study("hidden_markov").steps)
