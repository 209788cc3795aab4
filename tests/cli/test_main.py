"""Tests of the command line: help, listing, bad input and exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from freerun.config.presets import presets, summary
from freerun.io.text import CHOICES
from freerun.parts import registry


def freerun(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "freerun", *words], cwd=cwd, capture_output=True, text=True, timeout=120)


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def test_help_loads_nothing_heavy(tmp_path):
    code = """
import sys
from freerun.cli.main import COMMANDS, dispatch
assert dispatch(["--help"]) == 0
assert all(dispatch([command, "--help"]) == 0 for command in COMMANDS)
heavy = {"torch", "hydra", "pandas", "numpy", "matplotlib", "scipy", "rich"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "usage: freerun study" in done.stdout


def test_listing_and_composing_do_not_load_torch(tmp_path):
    code = """
import sys
from freerun.cli.main import dispatch
assert dispatch(["list"]) == 0
assert dispatch(["run", "--cfg", "job", "task=lorenz63"]) == 0
assert "torch" not in sys.modules and "pandas" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", list(registry.KINDS))
def test_list_names_every_part(kind, capsys):
    from freerun.cli.main import dispatch

    section = kind if kind == "feedback" else f"{kind}s"
    assert dispatch(["list", section]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [*registry.parts(kind), *presets(kind)]
    assert [line.split()[0] for line in lines if line.endswith("(preset)")] == presets(kind)
    assert all(len(line.split(maxsplit=1)) == 2 for line in lines)


def test_every_preset_says_what_it_is():
    found = {name: summary(kind, name) for kind in registry.KINDS for name in presets(kind)}
    assert found["scheduled_sampling_rising"] == "Scheduled sampling from free running up to teacher forcing."
    for name, text in found.items():
        assert text[:1].isupper(), name
        assert text.endswith("."), name


BAD = [
    (["stody"], ["'stody'", "'study'"]),
    (["run", "task=lorens63"], ["task=lorens63", "'lorenz63'"]),
    (["run", "trainin.lr=1"], ["trainin.lr", "'training.lr'"]),
    (["run", "training.lrr=1"], ["training.lrr", "'lr'"]),
    (["run", "training.lr=fast"], ["training.lr=fast", "a number"]),
    (["run", "training.lr=-1"], ["training.lr", "positive", "-1"]),
    (["run", "training.updates=1.5"], ["training.updates=1.5", "a whole number"]),
    (["run", "regime=scheduled_sampling", "regime.start=2"], ["regime.start", "[0, 1]", "2.0"]),
    (["run", "regime=scheduled_sampling", "regime.schedule=linaer"], ["regime.schedule", "'linear'"]),
    (["run", "task=lorenz63", "feedback=argmax"], ["feedback=argmax", "real values", "mean"]),
    (["run", "model=sequence_to_one"], ["model=sequence_to_one", "gru"]),
    (["run", "model=output_recurrent", "feedback=none"], ["feedback=none", "output_recurrent"]),
    (["run", "gradient=sometimes"], ["gradient", "sometimes", "through"]),
    (["run", "seed=0,1"], ["seed=0,1", "-m"]),
    (["run", "device=gpu"], ["device=gpu", "cpu"]),
    (["run", "task=text", "task.path=missing.txt"], ["task.path=missing.txt", "No such file"]),
    (["run", "task=text", "task.path=latin.txt"], ["task.path=latin.txt", "UTF-8", "byte 0"]),
    (["run", "task=text", "task.path=empty.txt"], ["task.path=empty.txt", "empty"]),
    (["run", "plugins=[nothing.py]"], ["plugins=nothing.py", "no such"]),
    (["run", "plugins=[broken.py]"], ["plugins=broken.py", "SyntaxError"]),
    (["run", "--workers", "0"], ["--workers", "at least 1"]),
    (["run", "hydra.run.dir=/tmp"], ["hydra.run.dir"]),
    (["run", "seed=${oc.env:HOME}"], ["seed=${oc.env:HOME}", "interpolation"]),
    (["run", "+more=1"], ["more=1", "unknown key"]),
    (["run", "plugins=[exits.py]"], ["exits.py", "SystemExit"]),
    (["run", "plugins=[half.py]"], ["half.py", "mask"]),
    (["run", "-m", "seed=range(0)"], ["seed=range(0)", "at least 1"]),
    (["run", "-m", "seed=range(1e9)"], ["seed=range(1e9)", "100000"]),
    (["run", "-m", "seed=range(0,1,0)"], ["seed=range(0,1,0)"]),
    (["run", "-m", "seed=glob(*)"], ["seed=glob(*)"]),
    (["run", f"seed={2**70}"], ["seed", "64 bits"]),
    (["run", "--workers", "many"], ["--workers", "whole number", "many"]),
    (["run", "task=text", "task.path=short.txt"], ["task.path=short.txt", "characters"]),
    (["run", "task=text", "evaluation.horizon=1000000"], ["evaluation.horizon", "characters"]),
    (["run", "task=text", "task.path=/dev/zero"], ["/dev/zero", "regular file"]),
    (["run", "task.length=8"], ["evaluation.warmup", "task.length (8)"]),
    (["study", "first_lok"], ["first_lok", "'first_look'"]),
    (["study", "alias.yaml"], ["alias.yaml", "aliases"]),
    (["study", "typo.yaml"], ["typo.yaml", "casess", "'cases'"]),
    (["study", "first_look", "--as", "../up"], ["../up", "letters"]),
    (["study", "first_look", "--as", ""], ["''", "letters"]),
    (["plan", "first_look", "--as", ""], ["''", "letters"]),
    (["run", "--as", ""], ["''", "letters"]),
    (["search", "training.lr=interval(1e-4,1e-2)", "--as", ""], ["''", "letters"]),
    (["run", "--as", "noted"], ["noted", "no study", "--as"]),
    (["study", "first_look", "seed=0", "--as", "noted"], ["noted", "no study", "--as"]),
    (["plan", "first_look", "seed=0", "--as", "noted"], ["noted", "no study", "--as"]),
    (["study", "empty_axis.yaml"], ["empty_axis.yaml, case 2", "seed", "empty list"]),
    (["study", "misspelt.yaml"], ["misspelt.yaml, case 1", "modle", "'model'"]),
    (["study", "titled.yaml"], ["titled.yaml", "title", "text"]),
    (["study", "questioned.yaml"], ["questioned.yaml", "question", "text"]),
    (["export", "s", "--out", "."], ["--out .", "folder", "--out export.parquet"]),
    (["export", "s", "--to", "csv", "--out", "short.txt"], ["--out short.txt", "is a file", "--out csv"]),
    (["figures", "s", "--format", "pfd"], ["--format pfd", "choose one of: pdf, png, svg"]),
    (["figures", "s", "--style", "nips"], ["style 'nips'", "neither a venue nor a file"]),
    (["paper", "s", "--venue", "icmlr"], ["--venue icmlr", "did you mean 'icml'"]),
    (["export", "s", "--out", ""], ["--out", "export.parquet"]),
    (["export", "s", "--out", "nowhere/x.parquet"], ["nowhere/x.parquet", "make it first"]),
    (["export", "s", "--to", "mlflow", "--out", "nowhere/x"], ["nowhere/x", "make it first"]),
    (["report", "first_look"], ["first_look", "results"]),
    (["list", "task"], ["'task'", "'tasks'"]),
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("desk")
    (folder / "latin.txt").write_bytes("\xe9t\xe9".encode("latin-1"))
    (folder / "empty.txt").write_bytes(b"")
    (folder / "broken.py").write_text("def (:")
    (folder / "exits.py").write_text("import sys\nsys.exit(0)\n")
    (folder / "half.py").write_text("from freerun.parts.regimes import Regime\n\n\nclass Half(Regime):\n    pass\n")
    (folder / "short.txt").write_text("a short text, far too short")
    (folder / "alias.yaml").write_text("a: &a [1, 2]\ncases: [*a]\n")
    (folder / "typo.yaml").write_text("casess: []\n")
    (folder / "empty_axis.yaml").write_text("cases: [{seed: 0}, {seed: []}]\n")
    (folder / "misspelt.yaml").write_text("cases: [{modle: gru}]\n")
    (folder / "titled.yaml").write_text("title: [1, 2]\ncases: [{seed: 0}]\n")
    (folder / "questioned.yaml").write_text("question: 5\ncases: [{seed: 0}]\n")
    (folder / "results" / "noted").mkdir(parents=True)
    (folder / "results" / "noted" / "benchmark.md").write_text("something else")
    (folder / "results" / ".store").mkdir()
    return folder


@pytest.mark.parametrize(("words", "parts"), BAD, ids=[" ".join(words) for words, _ in BAD])
def test_bad_input_is_one_line_and_exit_code_2(words, parts, desk, monkeypatch, capsys):
    from freerun.cli.main import main

    monkeypatch.chdir(desk)
    before = files(desk)
    with pytest.raises(SystemExit) as stop:
        main(words)
    said = capsys.readouterr()
    assert stop.value.code == 2
    assert said.err.startswith("freerun: ")
    assert said.err.count("\n") == 1
    assert len(said.err.partition(CHOICES)[0]) <= 320, said.err
    for part in parts:
        assert part in said.err
    assert said.out == ""
    assert files(desk) == before


def test_a_real_process_says_the_same(tmp_path):
    done = freerun("run", "task=lorens63", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "freerun: task=lorens63: unknown task; did you mean 'lorenz63'?\n"
    assert files(tmp_path) == []


@pytest.mark.parametrize("command", ["run", "study"])
def test_an_unusable_results_folder_is_exit_code_3(command, tmp_path):
    (tmp_path / "results").write_text("a file stands in the way")
    done = freerun(command, "training.updates=1", cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "results" in done.stderr
    assert (tmp_path / "results").read_text() == "a file stands in the way"
