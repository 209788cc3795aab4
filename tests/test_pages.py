"""Tests of the pages: every command and every block of Python in the README and in docs/ does what it says.

Parts that a page shows whole are held to their laws in `laws/test_check.py`, the study of a page is counted in
`cli/test_sweeping.py`.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import pytest
import yaml

import freerun
import schedulers
from freerun import Evaluation, Experiment, Training, load
from freerun.cli.main import dispatch
from freerun.errors import ConfigError
from freerun.execution.grouping import groups
from freerun.execution.planned_run import plan
from freerun.parts import plugins, registry
from tiers import tiered

TOP = Path(__file__).resolve().parents[1]
PAGES = ["README.md", "CONTRIBUTING.md", *sorted(path.relative_to(TOP).as_posix() for path in (TOP / "docs").glob("*.md"))]
#: Pages whose commands take half a minute and more.
LONG = (
    "README.md", "docs/cluster.md", "docs/commands.md", "docs/figures.md", "docs/parts.md", "docs/search.md", "docs/sweeps.md",
)  # fmt: skip
#: Pages whose commands and Python are done together, in their order.
TOGETHER = ("docs/python.md", "docs/tutorial.md")
#: Pages with commands of their own.
COMMANDS = [name for name in PAGES if "```sh" in (TOP / name).read_text(encoding="utf-8") and name not in TOGETHER]
#: What makes a command small, unless it sets the key itself; a study is cut down to one task and one model too.
TINY = [
    "task.sequences=16", "task.length=6", "evaluation.warmup=1", "evaluation.sequences=4", "evaluation.orbit=0",
    "evaluation.distances=false", "model.hidden=2", "training.updates=2", "training.batch=2", "launcher=inline",
]  # fmt: skip
SMALL = {
    "run": TINY,
    "study": [*TINY, "task=hidden_markov", "model=output_recurrent"],
    "search": [*TINY, "--trials", "2"],
}
#: Takes down what a shell makes of the words of a command.
RECORDER = '#!/bin/bash\nprintf \'%s\\x1f\' "${0##*/}" "$@" >> "$RECORD"\nprintf \'\\n\' >> "$RECORD"\n'


def text(page: str) -> str:
    return (TOP / page).read_text(encoding="utf-8")


def blocks(page: str) -> list[tuple[str, str]]:
    """The code blocks of a page, each with its language."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text(page), re.DOTALL | re.MULTILINE)


def commands(script: str, folder: Path) -> list[list[str]]:
    """The words of each command of a script, as a shell reads them; one that is not ours fails."""
    tools, record = folder / "tools", folder / "record"
    tools.mkdir(exist_ok=True)
    (folder / ".venv/bin").mkdir(parents=True, exist_ok=True)
    (folder / ".venv/bin/activate").touch()
    for name in ("freerun", "make", "pip"):
        (tools / name).write_text(RECORDER)
        (tools / name).chmod(0o755)
    for name in schedulers.TOOLS:
        program = shlex.join([sys.executable, schedulers.__file__, name])
        (tools / name).write_text(f'#!/bin/sh\nexec {program} "$@"\n')
        (tools / name).chmod(0o755)
    record.write_text("")
    environment = {**os.environ, "PATH": str(tools), "RECORD": str(record)}
    subprocess.run(["/bin/bash", "-eu", "-c", script], cwd=folder, env=environment, check=True)
    return [line.split("\x1f")[:-1] for line in record.read_text().splitlines()]


def small(words: list[str]) -> list[str]:
    """A command as it is typed, with settings that make it small."""
    typed = {word.partition("=")[0] for word in words}
    if "--trials" in words:  # given once
        place = words.index("--trials")
        words = words[:place] + words[place + 2 :]
    return words + [word for word in SMALL.get(words[0], []) if word.partition("=")[0] not in typed or word == "--trials"]


def check_make(words: list[str]) -> None:
    subprocess.run(["make", "--dry-run", "--directory", str(TOP), *words], check=True, capture_output=True)


def check_pip(words: list[str]) -> None:
    extras = tomllib.loads(text("pyproject.toml"))["project"]["optional-dependencies"]
    command, *rest = words
    assert command == "install"
    if rest[0] == "-c":
        assert (TOP / rest[1]).is_file()
        assert rest[2:] == ["."]
    else:
        (wanted,) = rest
        (extra,) = re.fullmatch(r"freerun\[(\w+)\]", wanted).groups()
        assert extra in extras


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder with the files that the pages show, and a Slurm whose tasks are processes of this machine."""
    monkeypatch.setattr(registry, "plugin_parts", {kind: {} for kind in registry.KINDS})
    monkeypatch.setattr(registry, "plugin_figures", {})
    monkeypatch.setattr(plugins, "_plugin_files", {})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "slurm").mkdir()
    monkeypatch.setenv("FAKE_SLURM", str(tmp_path / "slurm"))
    monkeypatch.setenv("PATH", f"{TOP / 'tests/execution/launchers'}{os.pathsep}{os.environ['PATH']}")
    for page in PAGES:
        for _, code in blocks(page):
            if name := re.match(r"# (\w+\.(?:py|yaml))\n", code):
                (tmp_path / name[1]).write_text(code)
    return tmp_path


def follow(script: str, folder: Path, before: Iterable[list[str]] = ()) -> list[list[str]]:
    """Do what a script says, but for the words that were done before; return them all."""
    said = commands(script, folder)
    for tool, *words in (line for line in said if line not in before):
        if tool == "freerun":
            assert dispatch(small(words)) == 0, words
        else:
            {"make": check_make, "pip": check_pip}[tool](words)
    return said


@pytest.mark.parametrize("page", tiered(COMMANDS, lambda page: page not in LONG))
def test_every_command_of_a_page_does_what_it_says(page, desk):
    done: list[list[str]] = []
    for language, script in blocks(page):
        if language == "sh":
            done += follow(script, desk, done if page == "docs/cluster.md" else ())  # which says the same of every scheduler
        elif language == "python" and page == "docs/figures.md":
            exec(compile(script, page, "exec"), {})


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("freerun studdy first_look\n", "studdy"), ("freerun run regime.schedul=linear\n", "schedul"),
        ("make studdy\n", "studdy"), ("echo freerun studdy | qsub -J 1-2 -l ncpus=1\n", "studdy"),
        ("qsub -t 1-2 < record\n", "exit status"), ("pip install 'freerun[dat]'\n", "dat"), ("mak study\n", "127"),
    ],
)  # fmt: skip
def test_a_misspelt_command_is_found(script, fault, desk):
    with pytest.raises((ConfigError, subprocess.CalledProcessError, AssertionError), match=fault):
        follow(script, desk)


@pytest.mark.parametrize("page", PAGES)
def test_every_block_of_code_is_of_a_kind_that_is_run(page):
    named = {"python": r"# \w+\.py\n", "yaml": r"# \w+\.yaml\n", "console": r"\$ freerun check \w+\.py\n"}
    for language, code in blocks(page):
        shown = language in ("sh", "text", "bibtex", "")
        if not shown and (language, page) not in [("python", name) for name in ("README.md", "docs/gallery.md", *TOGETHER)]:
            assert re.match(named[language], code), code


def test_the_python_of_the_readme_runs(desk, monkeypatch):
    (code,) = [code for language, code in blocks("README.md") if language == "python"]
    tiny = {
        "training": Training(updates=2, batch=2),
        "evaluation": Evaluation(warmup=20, sequences=4, orbit=0, distances=False),
    }
    monkeypatch.setattr(freerun, "Experiment", partial(Experiment, **tiny), raising=False)
    tree = ast.parse(code)
    last = tree.body.pop()
    names: dict = {}
    exec(compile(tree, "README.md", "exec"), names)
    assert list(names["tables"].runs["status"]) == ["done"] * 6
    assert len(groups(plan(names["experiments"]), 32)) == 2
    shown = eval(compile(ast.Expression(last.value), "README.md", "eval"), names)
    assert set(shown["mode"]) == {"forced", "free"}
    assert shown["step"].nunique() > 1
    assert (desk / "results/.store").is_dir()


@pytest.mark.slow
def test_the_python_of_its_page_runs_on_what_the_page_has_run(desk, monkeypatch):
    tiny = {"training": Training(updates=2, batch=2), "evaluation": Evaluation(warmup=2, sequences=4, metrics=["loss"])}
    monkeypatch.setattr(freerun, "Experiment", partial(Experiment, **tiny), raising=False)
    names: dict = {}
    for language, code in blocks("docs/python.md"):
        if language == "sh":
            follow(code.replace("'seed=range", "evaluation.warmup=2 task.length=12 'seed=range"), desk)
        else:
            exec(compile(code, "docs/python.md", "exec"), names)
    assert len(names["free"]) == 3
    assert list(freerun.load("mine").runs["status"]) == ["done"] * 4
    assert (desk / "gap.pdf").is_file()
    assert names["orbits"].shape == (200, 4, 3)
    assert names["further"].shape == (50, 1, 3)
    assert names["predictions"].shape == (199, 4, 3)
    assert names["states"].shape[:2] == (199, 4)


@pytest.mark.slow  # fifteen runs and a report
def test_the_tutorial_runs_from_its_question_to_its_figures(desk):
    names: dict = {}
    for language, code in blocks("docs/tutorial.md"):
        if language == "sh":
            follow(code, desk)
        elif language == "python":
            exec(compile(code, "docs/tutorial.md", "exec"), names)
    assert len(names["study"].runs) == 15
    assert {(path.stem, path.stat().st_size > 5000) for path in desk.glob("*.pdf")} == {("gap", True), ("by_lead", True)}


def test_the_python_of_the_gallery_runs_on_any_study(monkeypatch, desk):
    (code,) = [code for language, code in blocks("docs/gallery.md") if language == "python"]
    monkeypatch.setattr(freerun, "load", partial(load, results=TOP / "results"), raising=False)
    names: dict = {}
    exec(
        compile(code.replace("first_look", "path_star").replace("gap_by_model", "training_curves"), "docs/gallery.md", "exec"),
        names,
    )
    assert (desk / "gap.pdf").is_file()


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    """Into pages and code; what stands in results/ is made by runs."""
    for target in re.findall(r"\]\(([^)\s]+)\)", text(page)):
        name, _, anchor = target.partition("#")
        place = ((TOP / page).parent / name).resolve() if name else TOP / page
        if place.is_relative_to(TOP / "results"):
            continue
        assert place.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", place.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles], target


def test_the_readme_is_short_and_leads_to_every_page():
    assert len(text("README.md").splitlines()) <= 100
    assert set(PAGES[1:]) <= set(re.findall(r"\]\(((?:docs/|CONTRIB)[^)#]+)", text("README.md")))


def test_citation_readme_and_package_name_one_version():
    said = yaml.safe_load(text("CITATION.cff"))
    (entry,) = [code for language, code in blocks("README.md") if language == "bibtex"]
    assert said["version"] == freerun.__version__
    assert f"version = {{{freerun.__version__}}}" in entry
    assert f"title = {{{said['title']}}}" in entry
    assert f"author = {{{{{said['authors'][0]['name']}}}}}" in entry


def test_the_list_of_parts_names_every_part_and_nothing_else():
    section = text("README.md").partition("## What can be compared\n")[2].partition("\n## ")[0]
    table = "\n".join(line for line in section.splitlines() if line.startswith("|"))
    kinds = ("task", "model", "regime", "feedback", "objective")
    assert set(re.findall(r"`(\w+)`", table)) - {"through", "stop", "every_N"} == {
        name for kind in kinds for name in registry.builtin_parts(kind)
    }


def test_the_layout_names_every_room():
    (shown,) = [code for language, code in blocks("docs/layout.md") if not language]
    rooms = re.findall(r"^(?:src/freerun/ {3}| {15})(\w+(?: \w+)*)  ", shown, re.MULTILINE)
    folders = {path.parent.name for path in (TOP / "src/freerun").glob("*/__init__.py")}
    assert set(" ".join(rooms).split()) == folders
    assert all((TOP / name).is_dir() for name in re.findall(r"^(\w\S*/) ", shown, re.MULTILINE))
