"""The table of yardsticks names tests that exist, and every file of yardsticks; each row has a value in every column."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")


def rows(text: str) -> list[list[str]]:
    """The cells of the rows, without the head and the line below it."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def faults(text: str, files: set[str]) -> list[str]:
    """What is wrong with a table, a line each."""
    found, named = [], set()
    for cells in rows(text):
        tests = NAMED.findall(cells[3]) if len(cells) == 6 else []
        if not tests or not all(cells):
            found.append(f"a row without its cells: {cells[0]}")
        for file, test in tests:
            named.add(file)
            path = HERE.parent / file
            if not path.is_file() or not re.search(rf"^def {test}\(", path.read_text(encoding="utf-8"), re.M):
                found.append(f"no such test: {file}::{test}")
    return found + [f"not in the table: {file}" for file in sorted(files - named)]


FILES = {f"yardsticks/{path.name}" for path in HERE.glob("test_*.py") if path != Path(__file__)}
TABLE = (HERE / "README.md").read_text(encoding="utf-8")


def test_every_yardstick_is_in_the_table():
    assert faults(TABLE, FILES) == []


def test_a_table_that_is_behind_is_seen():
    assert len(faults(TABLE.replace("::test_the_distance", "::test_a_distance"), FILES)) == 1
    assert faults(TABLE, {*FILES, "yardsticks/test_new.py"}) == ["not in the table: yardsticks/test_new.py"]
    assert len(faults(TABLE.replace("| 1.0412 |", "| |"), FILES)) == 1
