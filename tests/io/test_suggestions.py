"""What an error says of valid choices: the near one, or all of them, however many there are."""

from __future__ import annotations

from dataclasses import fields

import pytest

from freerun.cli.arguments import COMMANDS
from freerun.cli.main import main
from freerun.config.experiment import Experiment
from freerun.config.presets import presets
from freerun.execution import launchers
from freerun.io.suggestions import nearest
from freerun.io.text import CHOICES, LINE, message, one_line
from freerun.parts import registry
from freerun.parts.regimes.scheduled_sampling import Schedule


def refused(capsys, *words: str) -> str:
    with pytest.raises(SystemExit) as stop:
        main(list(words))
    said = capsys.readouterr()
    assert (stop.value.code, said.out, said.err.count("\n")) == (2, "", 1)
    return said.err.rstrip("\n")


def listed(said: str) -> list[str]:
    """The valid choices that a message names: those after `choose one of`, to its end."""
    return said.partition(CHOICES)[2].split(", ")


def everything(kind: str) -> list[str]:
    return sorted([*registry.parts(kind), *presets(kind)])


@pytest.mark.parametrize("word", ["foo", "example", "x" * 500])
def test_an_unknown_command_is_told_all_of_them(word, capsys):
    assert listed(refused(capsys, word)) == sorted(COMMANDS)


def test_a_misspelt_command_is_told_the_near_one(capsys):
    assert refused(capsys, "stody").endswith("'stody' is not a command; did you mean 'study'?")


@pytest.mark.parametrize("kind", ["task", "model", "regime"])
def test_an_unknown_part_is_told_all_of_its_kind_presets_too(kind, capsys):
    assert listed(refused(capsys, "run", f"{kind}=foo")) == everything(kind)


def test_an_unknown_part_in_a_study_is_told_all_of_its_kind(tmp_path, capsys):
    (tmp_path / "own.yaml").write_text("cases: [{regime: foo}]\n")
    assert listed(refused(capsys, "study", str(tmp_path / "own.yaml"))) == everything("regime")


def test_an_unknown_key_is_told_all_keys(capsys):
    keys = listed(refused(capsys, "run", "foo=1"))
    assert {*(item.name for item in fields(Experiment)), "plugins", "training.lr", "evaluation.horizon"} - set(keys) == {
        "training",
        "evaluation",
    }
    settings = [item.name for item in fields(registry.parts("task")["lorenz63"])]
    assert listed(refused(capsys, "run", "task=lorenz63", "task.foo=1")) == sorted(settings)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["run", "sed=3"], "seed"), (["run", "-m", "sed=1,2"], "seed"), (["study", "improper", "qick=true"], "quick"),
        (["plan", "improper", "engin=compiled"], "engine"), (["study", "improper", "lancher.workers=3"], "launcher.workers"),
        (["run", "modl.hidden=3"], "model.hidden"), (["run", "trainig.lr=3"], "training.lr"),
        (["run", "evaluaton.valid_time.threshold=1"], "evaluation.valid_time.threshold"),
    ],
)  # fmt: skip
def test_a_misspelt_key_of_the_command_line_is_told_the_near_one(words, meant, capsys):
    assert refused(capsys, *words).endswith(f"; did you mean {meant!r}?")


def test_a_key_of_another_command_is_told_where_it_belongs(capsys):
    assert "freerun study NAME quick=true" in refused(capsys, "run", "quick=true")


#: What can be listed beside the kinds of parts.
LISTED = ("feedback", "launchers", "players", "studies")


@pytest.mark.parametrize(
    ("words", "choices"),
    [
        (["run", "launcher=foo"], lambda: launchers.known()),
        (["search", "training.lr=interval(1e-4,1e-2)", "--target", "foo,free,test"], lambda: registry.parts("metric")),
        (["check", "foo"], lambda: {name for kind in registry.KINDS for name in registry.parts(kind)}),
        (["check", "gru", "--kind", "foo"], lambda: {*registry.KINDS, "figure"}),
        (["study", "foo"], lambda: presets("study")),
        (["list", "foo"], lambda: {*(f"{kind}s" for kind in registry.KINDS if kind != "feedback"), *LISTED}),
        (["run", "regime=scheduled_sampling", "regime.schedule=foo"], lambda: Schedule.__members__),
        (["table", "--formt"], lambda: ()),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else "",
)  # fmt: skip
def test_a_list_of_choices_is_never_cut(words, choices, capsys):
    said = refused(capsys, *words)
    assert listed(said) == (sorted(choices()) or [""])
    assert "..." not in said


def test_columns_of_a_file_are_listed_whole(tmp_path):
    from freerun import Series
    from freerun.errors import ConfigError

    names = [f"column_number_{number}" for number in range(50)]
    rows = [",".join(names), *(",".join("1" for _ in names) for _ in range(9))]
    (tmp_path / "wide.csv").write_text("\n".join(rows))
    with pytest.raises(ConfigError) as caught:
        Series(path=str(tmp_path / "wide.csv"), columns=["price"])
    assert listed(message(caught.value)) == sorted(names)


def test_a_message_is_cut_and_its_choices_are_not():
    names = [f"choice_{number:03}" for number in range(300)]
    text = f"{'x' * 1000}; {nearest('foo', names)}"
    assert listed(message(text)) == names
    assert len(message(text).partition(CHOICES)[0]) == LINE
    assert len(one_line(text)) == LINE  # which is what it is for
    assert len(message("x" * 1000)) == LINE


def test_a_text_that_only_looks_like_a_list_is_cut():
    assert len(message(f"key{CHOICES}{'x' * 1000}")) == LINE
    assert len(message(f"key{CHOICES}a, {'x' * 61}, {'b' * 200}")) == LINE
    assert message(f"key{CHOICES}a, b\x1b[2J, c\nd") == f"key{CHOICES}a, b\\x1b[2J, c d"


def test_a_choice_that_is_too_long_to_read_is_cut_by_itself():
    said = message(f"key; {nearest('foo', ['a', 'b' * 1000, 'c'])}")
    assert listed(said)[0] == "a"
    assert listed(said)[2] == "c"
    assert len(listed(said)[1]) == 60


@pytest.mark.parametrize(
    ("word", "choices", "near"),
    [
        ("stody", COMMANDS, "study"), ("lorens63", ["lorenz63", "lorenz96"], "lorenz63"), ("lrr", ["lr", "clip"], "lr"),
        ("regim", ["regime", "seed"], "regime"), ("teacher_forcin", ["teacher_forcing"], "teacher_forcing"),
        ("example", COMMANDS, None), ("gpu", ["cpu", "cuda"], None), ("foo", COMMANDS, None), ("", COMMANDS, None),
    ],
)  # fmt: skip
def test_only_what_is_near_is_suggested(word, choices, near):
    assert nearest(word, choices) == (f"did you mean {near!r}?" if near else f"choose one of: {', '.join(sorted(choices))}")


def test_where_there_is_no_choice_it_says_so():
    assert nearest("foo", []) == "it has none"
