"""Tests of module docstrings: each begins with a noun phrase or an imperative that says what the module holds."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]
FILES = sorted(path for room in ("src/freerun", "experiments", "tests") for path in (TOP / room).rglob("*.py"))


def fault(source: str) -> str | None:
    """What is wrong with the first line of a module's docstring; None where nothing is."""
    line = (ast.get_docstring(ast.parse(source)) or "").split("\n")[0]
    if not line:
        return "no docstring"
    if "?" in line:
        return f"a question: {line}"
    return None if line.endswith((".", ":")) else f"no sentence: {line}"


def test_every_module_begins_with_what_it_holds():
    faults = {path.relative_to(TOP).as_posix(): found for path in FILES if (found := fault(path.read_text(encoding="utf-8")))}
    assert not faults


@pytest.mark.parametrize(
    "source", ["x = 1\n", '"""What is a run?"""\n', '"""Where? Here.\n\nMore.\n"""\n', '"""Half a\nsentence."""\n']
)
def test_other_beginnings_are_found(source):
    assert fault(source)
