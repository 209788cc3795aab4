"""The help of every command: its own options and keys, and examples that the command itself would take."""

from __future__ import annotations

import os
import resource
import shlex
import subprocess
import sys
from dataclasses import fields
from importlib import import_module

import pytest

from freerun.cli.arguments import COMMANDS, Parser
from freerun.cli.commands.completion import candidates
from freerun.cli.keys import EXPERIMENT_KEYS, LAUNCHER_KEYS, STUDY_KEYS
from freerun.cli.main import dispatch, main
from freerun.errors import ConfigError

#: Where the work of each command begins, after its words have been read.
WORK = {
    "run": "freerun.sweeps.sweep.do",
    "study": "freerun.sweeps.sweep.do",
    "search": "freerun.sweeps.search.search.Search.run",
    "measure": "freerun.sweeps.remeasurement.asked",
    "retry": "freerun.sweeps.retry.retry",
    "merge": "freerun.sweeps.merging.merge",
    "status": "freerun.cli.terminal.show_rows",
    "table": "freerun.analysis.outputs.of",
    "figures": "freerun.analysis.outputs.of",
    "paper": "freerun.analysis.outputs.of",
    "report": "freerun.analysis.outputs.of",
    "compare": "freerun.analysis.outputs.of",
    "export": "freerun.analysis.outputs.of",
    "check": "freerun.cli.commands.check.check",
    "clean": "freerun.sweeps.cleaning.of_study",
}


class Reached(Exception):
    """The work of a command has been reached."""


def parser(command: str) -> Parser:
    made: Parser = import_module(f"freerun.cli.commands.{command}").parser()
    return made


def shown(capsys, *words: str) -> str:
    assert dispatch(list(words)) == 0
    said = capsys.readouterr()
    assert said.err == ""
    return said.out


def unnamed(asked: Parser, page: str) -> list[str]:
    """The options and names of a command that its help does not show with what they mean."""
    lines = [line.split() for line in page.splitlines() if line.startswith("  ")]
    told = {word.rstrip(",") for line in lines for word in line}
    silent = [action.dest for action in asked._actions if not action.help]
    return silent + [option for option in asked.options() if option not in told]


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"], []])
def test_the_page_of_all_commands_is_one_screen(words, capsys):
    lines = shown(capsys, *words).splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 120
    for command, text in COMMANDS.items():
        assert any(line.split(maxsplit=1) == [command, text] for line in lines), command
    assert any("freerun COMMAND --help" in line for line in lines)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_names_every_option_it_takes(command, capsys):
    page = shown(capsys, command, "--help")
    assert page.startswith(f"usage: freerun {command}")
    assert COMMANDS[command][1:] in page
    assert unnamed(parser(command), page) == []
    assert shown(capsys, command, "-h") == page


def test_an_option_that_is_not_in_the_help_is_found():
    asked = parser("table")
    page = asked.format_help()
    asked.add_argument("--secret", help="of which the page knows nothing")
    asked.add_argument("--silent")
    assert unnamed(asked, page) == ["silent", "--secret", "--silent"]
    assert unnamed(asked, asked.format_help()) == ["silent"]


def test_help_wins_over_what_comes_after_it_alone(capsys):
    assert shown(capsys, "run", "task=lorenz63", "--help", "--workers", "0").startswith("usage: freerun run")
    with pytest.raises(ConfigError, match="--workers"):
        dispatch(["run", "--workers", "0", "--help"])


def test_help_of_a_real_process_is_on_standard_output_with_exit_code_0(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "freerun", "export", "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "examples:\n  freerun export first_look --to csv" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_help_takes_less_than_half_a_second_of_the_processor(tmp_path):
    def spent(*words: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "freerun", *words], cwd=tmp_path, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    for words in (["--help"], ["run", "--help"], ["check", "--help"]):
        assert min(spent(*words) for _ in range(3)) < 0.5, words


@pytest.mark.parametrize("command", ["run", "study", "plan", "search"])
def test_the_keys_of_an_experiment_and_of_a_launcher_are_in_the_help(command, capsys):
    from freerun.config.experiment import Evaluation, Experiment, Training
    from freerun.execution import launchers

    page = shown(capsys, command, "--help")
    assert {key.split("=")[0].split(".")[0] for key in EXPERIMENT_KEYS} == {*(x.name for x in fields(Experiment)), "plugins"}
    for key, meaning in (EXPERIMENT_KEYS | LAUNCHER_KEYS).items():
        assert any(line.split() == [*key.split(), *meaning.split()] for line in page.splitlines()), key
    for kind in (Training, Evaluation):
        assert all(item.name in page for item in fields(kind))
    assert all(name in LAUNCHER_KEYS["launcher=NAME"] for name in launchers.known())


@pytest.mark.parametrize("command", ["study", "plan"])
def test_the_keys_of_a_study_are_in_the_help(command, capsys):
    assert all(key in shown(capsys, command, "--help") for key in STUDY_KEYS)


def test_formats_and_shells_are_in_the_help(capsys):
    from freerun.analysis.report import paper_table

    assert all(name in shown(capsys, "table", "--help") for name in paper_table.FORMATS)
    assert all(name in shown(capsys, "completion", "--help") for name in ("bash", "zsh", "fish"))


def words_of(example: str, command: str) -> list[str]:
    """What an example hands to its command, without what is the shell's."""
    program, name, *words = shlex.split(example.partition(">")[0])
    assert (program, name) == ("freerun", command)
    return words


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_has_two_examples_that_it_takes(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results" / ".store").mkdir(parents=True)
    (tmp_path / "results" / "first_look").mkdir()
    (tmp_path / "results" / "first_look" / "study.json").write_text("{}")

    def reached(*given: object, **named: object) -> None:
        raise Reached

    if command in WORK:
        monkeypatch.setattr(WORK[command], reached)
    monkeypatch.setattr("freerun.store.results_folder.read_info", lambda *given, **named: {"ids": [], "planned": {}})
    examples = parser(command).examples
    assert len(examples) == len(set(examples)) == 2
    page, ends = shown(capsys, command, "--help"), []
    for example in examples:
        assert f"\n  {example}\n" in page
        try:
            ends.append(dispatch([command, *words_of(example, command)]))
        except Reached:
            ends.append("reached")
    assert ends == {"clean": [0, "reached"]}.get(command, ["reached"] * 2 if command in WORK else [0, 0])


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["table", "--formt", "md"], ["'--formt'", "freerun table", "did you mean '--format'"]),
        (["clean", "--everything"], ["'--everything'", "choose one of: --all, --help, --results, --yes, -h"]),
        (["table", "a", "b"], ["freerun table", "'b'", "--help"]),
        (["list", "tasks", "models"], ["freerun list", "'models'"]),
        (["export"], ["NAME is missing", "freerun export --help"]),
        (["run", "--as"], ["--as"]),
        (["completion"], ["one shell", "bash, fish, zsh"]),
    ],
)
def test_what_a_command_does_not_take_is_one_line_and_exit_code_2(words, parts, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words)
    said = capsys.readouterr()
    assert (stop.value.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert all(part in said.err for part in parts), said.err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_shell_completes_the_options_of_the_parser(command):
    assert set(candidates(f"freerun {command} --")) == {o for o in parser(command).options() if o.startswith("--")}


def test_a_pipe_that_closes_early_is_no_fault(tmp_path):
    line = f"{shlex.quote(sys.executable)} -m freerun run --help | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, env=os.environ, timeout=60)
    assert done.stdout.splitlines() == ["usage: freerun run [FILE.yaml] [key=value ...] [options]", "0"]
    assert done.stderr == ""
