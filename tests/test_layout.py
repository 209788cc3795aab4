"""Layout of the tests: every folder is a room of the package, or one of the five that cut across all rooms."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path

TESTS = Path(__file__).parent
PACKAGE = Path(importlib.util.find_spec("freerun").origin).parent
#: What is tried on the program as a whole: tests/README.md says what belongs where.
ACROSS = ("attacks", "cases", "laws", "reliability", "yardsticks")


def strangers(folders: Iterable[Path]) -> list[str]:
    """The folders that are neither a room nor below one of those that cut across."""
    rooms = [folder for folder in folders if folder.parts and folder.parts[0] not in ACROSS]
    return [folder.as_posix() for folder in rooms if not (PACKAGE / folder / "__init__.py").is_file()]


def test_every_folder_is_a_room_or_cuts_across():
    found = {path.parent.relative_to(TESTS) for path in TESTS.rglob("*.py")}
    assert {Path(name) for name in ACROSS} < found
    assert strangers(found) == []


def test_a_folder_that_is_no_room_is_seen():
    assert strangers([Path("store"), Path("parts/tasks"), Path("laws/broken"), Path("studies"), Path("store/tasks")]) == [
        *("studies", "store/tasks"),
    ]
