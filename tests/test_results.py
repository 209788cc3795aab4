"""What the repository keeps of results: those of the studies that it describes, each thing once, 12 MB at most."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from freerun.analysis import outputs
from freerun.analysis.tables import tidy
from freerun.execution.planned_run import plan
from freerun.store import manifest, study_file
from freerun.store.records import names
from freerun.store.results_folder import Place
from freerun.sweeps.study import load
from tiers import tiered

TOP = Path(__file__).parent.parent
RESULTS = TOP / "results"
#: Bytes that all of results/ may take: everybody who clones the repository loads them, in every version.
LARGEST = 12_000_000
#: What Freerun makes of a study and the repository does without: the page, pictures of the figures, CSV twins of tables.
NOT_KEPT = re.compile(r"figures/.*\.png|report\.html|(runs|tuned|tuning_trials|expected_best)\.csv")
KEPT = sorted(path.parent.name for path in RESULTS.glob("*/study.json"))
_spec = importlib.util.spec_from_file_location("answers", TOP / "experiments/answers.py")
assert _spec is not None
assert _spec.loader is not None
answers = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(answers)
ANSWERS = sorted(answers.ANSWERS)


def with_what_was_chosen(runs, info):
    """The runs of a study that was tuned, each with the rate of its method."""
    assert list(info["tuned"]["axes"]) == ["training.lr"]
    rates = {run: float(method["chosen"]["training.lr"]) for method in info["tuned"]["methods"] for run in method["runs"]}
    tried = {trial["settings"]["training.lr"] for method in info["tuned"]["methods"] for trial in method["trials"]}
    assert tried == set(info["tuned"]["axes"]["training.lr"].split(","))
    experiments = [
        replace(run.experiment, training=replace(run.experiment.training, lr=rates[ours.partition("-")[0]]))
        for ours, run in zip(info["ids"], runs, strict=True)
    ]
    return plan(experiments)


@pytest.mark.parametrize("name", tiered(KEPT, quick=lambda name: not (RESULTS / name / "tuned.parquet").exists()))
def test_kept_results_are_those_of_the_study_as_it_stands(name):
    """The same runs, by identity (settings, and the generation of the engine), each with an end that is told.

    Runs on data from outside are only counted: the text that comes with Python differs from release to release. Of a method
    that was tuned the rate is the one that was chosen for it.
    """
    planned, info = load(name, []).runs, study_file.read(RESULTS / name)
    kept = info["ids"]
    assert len(kept) == len(planned)
    for ours, run in zip(kept, with_what_was_chosen(planned, info) if "tuned" in info else planned, strict=True):
        assert ours == run.id or "content" in run.tree["task"], run.label
    runs = tidy.read(RESULTS / name).runs
    assert list(runs["run"]) == list(names(kept).values())
    assert set(runs["status"]) <= {"done", "diverged"}


@pytest.mark.parametrize("name", tiered(KEPT, quick=lambda name: name == "path_star"))
def test_kept_figures_and_reports_are_made_from_the_kept_tables(name, tmp_path, monkeypatch):
    """Byte for byte. Orbits are kept as they were drawn, for no table holds them, and what models wrote in report_data.json."""
    place = Place(results=tmp_path / "results")
    folder = shutil.copytree(RESULTS / name, place.folder(name))
    for path in [folder / "report.md", *folder.glob("figures/[!o]*.svg")]:
        path.unlink()
    monkeypatch.chdir(tmp_path)
    outputs.of(name, place).write_report()
    made = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    kept = {
        path.relative_to(RESULTS / name).as_posix(): path.read_bytes() for path in (RESULTS / name).rglob("*") if path.is_file()
    }
    twins = {manifest.NAME, *(file for file in made if NOT_KEPT.fullmatch(file))}
    assert {file for file in kept.keys() | made.keys() if kept.get(file) != made.get(file)} - twins == set()
    assert sum(file.endswith(".svg") for file in kept) >= 1


@pytest.mark.parametrize("name", ANSWERS)
def test_the_picture_of_an_answer_is_drawn_from_the_kept_tables(name):
    assert answers.svg(name) == (TOP / "experiments" / name / "answer.svg").read_bytes()


def test_every_kept_study_is_in_the_index_with_a_picture_that_is_there():
    index = (RESULTS / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^## \[(\w+)\]", index, re.MULTILINE)) == KEPT
    pictures = re.findall(r"^!\[.+\]\((.+)\)$", index, re.MULTILINE)
    assert len(pictures) == len(KEPT) + 1, "one each, and the map"
    assert all((RESULTS / picture).is_file() for picture in pictures)


def test_something_is_kept():
    assert {"first_look", "path_star", "exact_expert", *ANSWERS} - {"map"} <= set(KEPT)


def in_the_repository() -> list[Path]:
    """The files below results/ that are kept, or all of them where the sources came without their history."""
    if not (RESULTS.parent / ".git").exists():
        return [path for path in RESULTS.rglob("*") if path.is_file()]
    listed = subprocess.run(
        ["git", "ls-files", "-z", "results"], cwd=RESULTS.parent, capture_output=True, text=True, check=True
    )
    return [path for name in listed.stdout.split("\0") if name and (path := RESULTS.parent / name).is_file()]


def test_results_are_small():
    sizes = {path.relative_to(RESULTS).as_posix(): path.stat().st_size for path in in_the_repository()}
    total, largest = sum(sizes.values()), sorted(sizes.items(), key=lambda item: -item[1])[:5]
    assert 0 < total <= LARGEST, f"results/ must be at most {LARGEST} bytes, is {total}; the largest: {largest}"


@pytest.mark.parametrize("name", KEPT)
def test_what_is_kept_of_a_study_is_what_its_manifest_says(name):
    folder = RESULTS / name
    kept = {path.relative_to(folder).as_posix(): path for path in in_the_repository() if path.is_relative_to(folder)}
    made = json.loads(kept.pop(manifest.NAME).read_bytes())["files"]
    del kept["study.json"]
    found = {file: hashlib.sha256(path.read_bytes()).hexdigest() for file, path in kept.items()}
    assert found == {file: digest for file, digest in made.items() if file in found or not NOT_KEPT.fullmatch(file)}


def test_nothing_is_kept_twice():
    """A table as Parquet, a figure as SVG, the report as Markdown."""
    studies = [path for path in in_the_repository() if path.relative_to(RESULTS).parts[0] in KEPT]
    assert not [path for path in studies if path.suffix == ".csv"]
    assert not [path for path in studies if path.suffix in (".pdf", ".png", ".html")]
