"""Layout of the tests: every folder is a room of the package, or one that cuts across all rooms; no two files have one name."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path

TESTS = Path(__file__).parent
PACKAGE = Path(importlib.util.find_spec("freerun").origin).parent
#: What is tried on the program as a whole: tests/README.md says what belongs where.
ACROSS = ("attacks", "cases", "findings", "jobs", "laws", "reliability", "yardsticks")


def strangers(folders: Iterable[Path]) -> list[str]:
    """The folders that are neither a room nor below one of those that cut across."""
    rooms = [folder for folder in folders if folder.parts and folder.parts[0] not in ACROSS]
    return [folder.as_posix() for folder in rooms if not (PACKAGE / folder / "__init__.py").is_file()]


def test_every_folder_is_a_room_or_cuts_across():
    found = {path.parent.relative_to(TESTS) for path in TESTS.rglob("*.py")}
    assert {Path(name) for name in ACROSS} < found
    assert strangers(found) == []


def twins(files: Iterable[Path]) -> list[str]:
    """The names that two files of tests bear in folders that are no packages: pytest then takes one for the other."""
    alone = [file.name for file in files if not (file.parent / "__init__.py").is_file()]
    return sorted({name for name in alone if alone.count(name) > 1})


def test_no_two_files_of_tests_have_one_name():
    assert twins(TESTS.rglob("test_*.py")) == []
    assert twins([TESTS / "cli/test_ends.py", TESTS / "cases/test_ends.py", TESTS / "laws/test_ends.py"]) == ["test_ends.py"]


def test_a_folder_that_is_no_room_is_seen():
    assert strangers([Path("store"), Path("parts/tasks"), Path("laws/broken"), Path("studies"), Path("store/tasks")]) == [
        *("studies", "store/tasks"),
    ]
