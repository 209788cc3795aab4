"""Jobs: what people come for, each a script of a few lines in this folder, run as it stands; a new one is found by itself."""

from __future__ import annotations

import ast
import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
JOBS = sorted(path for path in FOLDER.glob("*.py") if not path.name.startswith("test_"))
#: Most lines of code in a script, or in a file of a part beside it.
MOST = 15
#: What a job leaves in the folder where it was run.
LEFT = {
    "fair_tuning_table": ("fair.tex", "results/fair/study.json"),
    "model_back": ("step.pt2", "results/second/study.json"),
    "own_csv_forecast": ("forecast.csv", "origins.png"),
    "own_regime_and_model": ("results/own_parts/study.json",),
    "two_studies": ("results/long/report.html", "results/long/compare_long_vs_short.md"),
}


def lines(code: str) -> int:
    """How many lines of a script are code: without its docstrings, comments and empty lines."""
    tree = ast.parse(code)
    owners = [node for node in ast.walk(tree) if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))]
    told = {
        number
        for node in owners
        if ast.get_docstring(node) is not None
        for number in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    }
    written = (line.partition("#")[0].strip() if number not in told else "" for number, line in enumerate(code.splitlines(), 1))
    return sum(bool(line) for line in written)


@pytest.mark.parametrize("job", [*JOBS, *sorted(FOLDER.glob("*/*.py"))], ids=lambda path: path.stem)
def test_a_job_is_a_few_lines_and_says_what_it_is_for(job):
    code = job.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(code))
    assert 1 <= lines(code) <= MOST


def test_lines_of_code_are_counted():
    assert lines('"""Doc.\n\nMore."""\n\n# a note\nimport os  # why\n\n\ndef f():\n    """Doc."""\n    return os\n') == 3
    assert lines("\n".join(f"a{number} = 1" for number in range(16))) > MOST


@pytest.mark.slow
@pytest.mark.parametrize("job", JOBS, ids=lambda path: path.stem)
def test_a_job_is_done(job, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(job), run_name="job")
    assert all((tmp_path / name).stat().st_size for name in LEFT.get(job.stem, ()))
