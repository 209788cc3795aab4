"""Links in a folder of results: nothing outside is read, written or removed, and one line names the link."""

from __future__ import annotations

import json
import shutil

import pytest

from freerun.cli.main import dispatch
from freerun.errors import FreerunError, StoreError
from freerun.io import links
from freerun.store.records import Store
from synthetic import grid, study

PRECIOUS = (
    "thesis.txt",
    "a.json",
    "model.safetensors",
    "x.checkpoint",
    ".n.host-1-2-3.tmp",
    "sub/deep.txt",
    "sub/d.json",
    "1.log",
)
COMMANDS = (
    ["status"], ["clean", "--yes"], ["clean", "--all", "--yes"], ["clean", "s", "--yes"], ["report", "s"], ["figures", "s"],
    ["table", "s"], ["retry", "s"], ["export", "s"], ["plan", "--as", "s", "task=markov", "model=gru", "-m"],
    ["merge", "results", "--results", "all"],
    ["run", "--as", "s", "--replace", "task=markov", "model=gru", "training.updates=1", "launcher=inline"],
)  # fmt: skip


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """Results of a small study, and a folder beside them that is nobody's business."""
    monkeypatch.chdir(tmp_path)
    experiments = grid(tasks=("markov",), seeds=2)
    _, ids = study(tmp_path / "results" / ".store", experiments)
    info = {"name": "s", "ids": ids, "planned": dict(zip(ids, experiments, strict=True)), "command": "freerun study s.yaml"}
    (tmp_path / "results/s").mkdir()
    (tmp_path / "results/s/study.json").write_text(json.dumps(info))
    for name in PRECIOUS:
        path = tmp_path / "outside" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("precious")
    return tmp_path


def outside(desk):
    return {
        path.relative_to(desk / "outside").as_posix(): path.read_bytes()
        for path in (desk / "outside").rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words[:3]))
@pytest.mark.parametrize("link", ["alive", "aside", "jobs", "queue", "index", "lock", "ab", "ab/record", "notes", ""])
def test_a_link_in_the_store_is_refused_by_every_command(link, words, desk):
    place = desk / "results/.store" / link
    if link == "":
        shutil.move(place, desk / "moved")
        place.parent.joinpath(".store").symlink_to(desk / "moved")
    else:
        place.parent.mkdir(exist_ok=True)
        shutil.rmtree(place, ignore_errors=True) if place.is_dir() else place.unlink(missing_ok=True)
        place.symlink_to(desk / "outside/a.json" if link in ("index", "lock", "ab/record") else desk / "outside")
    before = outside(desk)
    with pytest.raises(StoreError, match=r"\.store.*: is a link, and nothing outside the results is read, written or removed"):
        dispatch(words)
    assert outside(desk) == before == dict.fromkeys(PRECIOUS, b"precious")


@pytest.mark.parametrize("words", [words for words in COMMANDS if "s" in words], ids=lambda words: " ".join(words[:3]))
@pytest.mark.parametrize("link", ["", "figures", "study.json", "manifest.json"])
def test_a_link_in_the_folder_of_a_study_is_refused(link, words, desk):
    place = desk / "results/s" / link
    if link == "":
        shutil.move(place, desk / "outside/s")
        place.parent.joinpath("s").symlink_to(desk / "outside/s")
    else:
        place.unlink(missing_ok=True)
        place.symlink_to(desk / ("outside" if link == "figures" else "outside/a.json"))
    before = outside(desk)
    with pytest.raises(FreerunError, match=r"results/s.*: is a link"):
        dispatch(words)
    assert outside(desk) == before


def test_a_users_own_link_to_a_file_is_no_harm(desk):
    (desk / "results/s/paper.txt").symlink_to(desk / "outside/thesis.txt")
    assert dispatch(["table", "s"]) == 0
    assert dispatch(["clean", "s", "--yes"]) == 0
    assert outside(desk) == dict.fromkeys(PRECIOUS, b"precious")


def test_the_folder_of_all_results_may_be_a_link(desk):
    """A user puts results on a larger disk: what is in there is the store, and all of it is inside."""
    shutil.move(desk / "results", desk / "large")
    (desk / "results").symlink_to(desk / "large")
    assert dispatch(["table", "s"]) == 0


def test_links_are_found_to_the_depth_that_files_have(tmp_path):
    (tmp_path / "store/ab").mkdir(parents=True)
    links.demand_none(tmp_path / "store")
    links.demand_none(tmp_path / "nowhere")
    (tmp_path / "store/inside").symlink_to(tmp_path / "store/ab")
    links.demand_none(tmp_path / "store")
    (tmp_path / "store/ab/x.json").symlink_to("/etc/passwd")
    with pytest.raises(StoreError, match=r"x\.json: is a link"):
        Store(tmp_path / "store")
