"""The list of cases in `README.md`: every test named there exists, and every case has two further instances."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TOP = HERE.parents[1]
#: A row: the case in words, its test, and further instances.
ROWS = re.findall(
    r"^\| (?!case )([^|]+) \| `([^`|]+)` \| (.+) \|$", (HERE / "README.md").read_text(encoding="utf-8"), re.MULTILINE
)
NAMED = sorted({name for _, test, more in ROWS for name in (test, *re.findall(r"`([^`]+)`", more))})


def place(name: str) -> tuple[str, str]:
    """The file of a test, from `tests` on, and its function."""
    file, _, rest = name.partition("::")
    return file if "/" in file else f"cases/{file}", rest.partition("[")[0]


@cache
def functions(file: str) -> set[str]:
    tree = ast.parse((TOP / "tests" / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def lost(names: list[str]) -> list[str]:
    """Those of some tests whose file or function there is not."""
    found = {name: place(name) for name in names}
    return [name for name, (file, test) in found.items() if not (TOP / "tests" / file).is_file() or test not in functions(file)]


def test_every_test_of_the_list_exists():
    assert len(ROWS) > 60
    assert lost(NAMED) == []
    assert lost(["test_words.py::test_none", "test_none.py::test_words"]) == [
        "test_words.py::test_none",
        "test_none.py::test_words",
    ]


def test_every_line_of_a_table_is_a_row():
    lines = re.findall(r"^\| .*", (HERE / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len([line for line in lines if not line.startswith("| case ")]) == len(ROWS)


@pytest.mark.parametrize(("words", "test", "more"), ROWS, ids=[row[0] for row in ROWS])
def test_every_case_has_two_further_instances(words, test, more):
    assert len({*re.findall(r"`([^`]+)`", more)} - {test}) >= 2


def test_every_file_of_cases_is_in_the_list():
    """But those of kinds that came up otherwise."""
    files = {path.name for path in HERE.glob("test_*.py")} - {Path(__file__).name, "test_idle_settings.py"}
    assert files <= {place(name)[0].removeprefix("cases/") for name in NAMED}


@pytest.mark.slow
def test_every_instance_of_the_list_is_collected():
    files = sorted({f"tests/{place(name)[0]}" for name in NAMED})
    words = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-o", "addopts=", "-p", "no:cacheprovider", *files]
    done = subprocess.run(words, cwd=TOP, capture_output=True, text=True, timeout=300, check=True)
    collected = {line.removeprefix("tests/") for line in done.stdout.splitlines() if "::" in line}
    plain = {name.partition("[")[0] for name in collected}
    whole = {name: name if "/" in name.partition("::")[0] else f"cases/{name}" for name in NAMED}
    assert [name for name, one in whole.items() if one not in (collected if "[" in name else plain)] == []
