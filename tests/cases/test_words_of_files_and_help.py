"""Cases of words beside tables and labels: numbers in CSV files, paths in study files, the help, the points of a search."""

from __future__ import annotations

import csv
import io
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from freerun.analysis.tables import tidy
from freerun.cli.arguments import COMMANDS
from freerun.config.hydra import search_space
from freerun.errors import ConfigError
from freerun.io.reading import NotPlain
from freerun.io.yaml import parsed
from freerun.laws.toolkit import series_file
from freerun.sweeps import study
from freerun.sweeps.search import samplers


@pytest.mark.parametrize("number", [0.1 + 0.2, 1 / 3, 123456789.123456789, 5e-324, -1.7976931348623157e308, 2**53 + 2.0])
def test_csv_rounded_to_9_digits_has_full_precision(number):
    text = tidy.csv_bytes(pd.DataFrame({"value": [number, np.nan], "name": ["a", "b"]}))
    first, second = csv.DictReader(io.StringIO(text.decode()))
    assert (float(first["value"]), second["value"]) == (number, "")
    assert len(first["value"]) <= len(repr(number)), "the shortest digits that give it back"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_any_command_has_its_own_options_and_two_examples(command):
    parser = import_module(f"freerun.cli.commands.{command}").parser()
    text = parser.format_help()
    examples = [line for line in text.partition("examples:")[2].splitlines() if line.strip()]
    assert len(examples) >= 2
    assert all(line.strip().startswith(f"freerun {command}") for line in examples)
    assert all(option in text for option in parser.options())
    others = (import_module(f"freerun.cli.commands.{other}").parser().format_help() for other in COMMANDS if other != command)
    assert text not in others


@pytest.mark.parametrize("name", samplers.NAMES)
@pytest.mark.parametrize(
    ("words", "size"),
    [
        (["training.lr=choice(0.1,0.2)"], 2),
        (["model=gru,lstm,linear"], 3),
        (["model.hidden=range(2,4)", "training.lr=choice(0.1,0.2)"], 4),
    ],
)
def test_search_over_2_to_4_points_tries_each_once(words, size, name):
    _, axes = search_space.split(words)
    sampler = samplers.made(name, axes, 0, maximize=False, asked_by="search")
    points = []
    while batch := sampler.ask(4):
        sampler.tell([float(number) for number, _ in enumerate(batch)])
        points += batch
    assert len(points) == size == len({tuple(point.items()) for point in points})


@pytest.mark.parametrize("typed", ["data.csv", "below/data.csv", "~/data.csv"])
def test_task_path_in_a_study_file_is_relative_to_it_and_a_tilde_is_the_home_folder(typed, tmp_path, monkeypatch):
    home, desk, place = (tmp_path / name for name in ("home", "desk", "place"))
    for folder in (home, desk, place / "below"):
        folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(desk)
    kept = Path(typed).expanduser() if typed.startswith("~") else place / typed
    kept.write_bytes(Path(series_file()).read_bytes())
    (place / "mine.yaml").write_text(f"cases: [{{task: series, task.path: {typed}, seed: 0}}]\n")
    (run,) = study.load(str(place / "mine.yaml"), []).runs
    assert len(run.tree["task"]["content"]) == 64
    kept.unlink()
    with pytest.raises(ConfigError, match="data"):
        study.load(str(place / "mine.yaml"), [])


@pytest.mark.parametrize("number", ["010", "-017", "00", "0_7", "1:30", "190:20:30", "1:30.5"])
def test_a_number_to_another_base_in_a_study_file_is_refused(number):
    with pytest.raises(NotPlain, match=f"{number}: YAML takes it for a number to the base {60 if ':' in number else 8}"):
        parsed(f"cases: [{{seed: {number}}}]".encode())
    assert parsed(f"cases: [{{seed: '{number}'}}]".encode()) == {"cases": [{"seed": number}]}


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("-0", 0), ("10", 10), ("0x10", 16), ("1_000", 1000), ("0.10", 0.1)])
def test_plain_numbers_in_a_study_file_are_what_they_look_like(text, value):
    assert parsed(f"seed: {text}".encode()) == {"seed": value}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("{name: gru, hidden: 4}", "model: a mapping; write model: gru, and model.KEY: value"),
        ("{hidden: 4}", "model: a mapping; write its name alone, and model.KEY: value"),
        ("{}", "model: a mapping"),
    ],
)
def test_settings_within_a_part_of_a_study_file_are_told_how_they_are_written(value, words, tmp_path):
    (tmp_path / "own.yaml").write_text(f"question: q\ncases: [{{task: markov, model: {value}}}]\n")
    with pytest.raises(ConfigError, match=f"own.yaml, case 1: {words}"):
        study.load(str(tmp_path / "own.yaml"), [])
