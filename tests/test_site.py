"""Tests of the site: it builds without the network; every part, measure and figure is on its page; the notebooks run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from freerun.analysis import figures
from freerun.parts import registry

TOP = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((TOP / "docs/notebooks").glob("*.ipynb"))
#: What makes a notebook small.
SMALLER = {
    r"UPDATES = \d+": "UPDATES = 4",
    r"SEEDS, UPDATES = .*": "SEEDS, UPDATES = 1, 4",
    "UPDATES, HIDDEN = .*": "UPDATES, HIDDEN = 4, 4",
}


@pytest.fixture(scope="module")
def reference():
    sys.path.insert(0, str(TOP / "docs"))
    try:
        import reference
    finally:
        del sys.path[0]
    return reference


@pytest.mark.parametrize("kind", [kind for kind in registry.KINDS if kind != "metric"])
def test_every_part_stands_on_its_page_with_each_of_its_settings(kind, reference):
    shown = reference.generated("feedback" if kind == "feedback" else f"{kind}s")
    for name, part in registry.builtin_parts(kind).items():
        (section,) = re.findall(rf"^## {name}\n(.*?)(?=^## |\Z)", shown, re.DOTALL | re.MULTILINE)
        assert registry.summary(part).split("`")[0][:40] in section.replace("\\", "").replace("&lt;", "<"), name
        rows = dict(re.findall(r"^\| `(\w+)` \| .* \| (.*) \|$", section, re.MULTILINE))
        assert rows.keys() == {item.name for item in fields(part)}, name
        assert all(rows.values()), (name, rows)


def test_every_regime_has_a_formula_and_says_whose_it_is(reference):
    for section in re.split(r"^## ", reference.generated("regimes"), flags=re.MULTILINE)[1:]:
        assert re.search(r"^    .*=", section, re.MULTILINE), section
        assert re.search(r"\b(19|20)\d\d\b", section), section


def test_methods_from_a_parent_that_is_no_public_name_stand_with_their_class(reference):
    shown = reference.generated("names")
    assert all(f"### Study.{name}\n" in shown for name in ("train", "select", "figure"))
    assert "### TrainedModel.state_dict" not in shown


def test_every_measure_says_what_fools_it(reference):
    shown = reference.generated("measures")
    assert sorted(re.findall(r"^### (\w+)$", shown, re.MULTILINE)) == sorted(registry.builtin_parts("metric"))
    for name, part in registry.builtin_parts("metric").items():
        (section,) = re.findall(rf"^### {name}\n(.*?)(?=^##|\Z)", shown, re.DOTALL | re.MULTILINE)
        quantity = part.quantity
        assert all(phrase in section for phrase in quantity.blind), name
        assert quantity.part != "companion" or quantity.blind, name
        assert re.search(r"^\*\*What fools it\.\*\* \w", section, re.MULTILINE), name


def test_every_figure_stands_in_the_gallery_with_its_line_its_caption_and_a_picture():
    page = (TOP / "docs/gallery.md").read_text()
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE))
    assert list(sections) == list(figures.parts())
    for name, section in sections.items():
        assert re.search(rf'figure\("{name}(_\w+)?"\)', section), name
        assert f"<!-- generated: caption {name} -->" in section
        (picture,) = re.findall(r"^!\[.+\]\((.+)\)$", section, re.MULTILINE)
        assert Path(picture).stem.startswith(name)
        assert (TOP / "docs" / picture).is_file()


def test_prose_keeps_code_and_formulas_and_makes_no_tags(reference):
    assert reference.prose("a < b, `x < y` and ``c``\n\n    [c < d]") == "a &lt; b, `x < y` and `c`\n\n    [c < d]"
    assert reference.prose("in [0, 1), 2 * 3 * 4") == r"in \[0, 1), 2 \* 3 \* 4"


def test_sections_of_a_docstring_are_taken_apart(reference):
    text, listed = reference.sections(
        "Do it.\n\nArgs:\n    a, b: first\n        and more.\n    c: last.\n\nRaises:\n    E: never."
    )
    assert text.strip() == "Do it."
    assert listed == {"Args": {"a": "first and more.", "b": "first and more.", "c": "last."}, "Raises": {"E": "never."}}


@pytest.mark.slow  # builds the whole site, some ten seconds
def test_the_site_builds_strictly_and_asks_nothing_of_the_network(tmp_path):
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(words, cwd=TOP, capture_output=True, text=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})
    assert done.returncode == 0, done.stderr
    pages = {path.relative_to(tmp_path).as_posix(): path.read_text() for path in tmp_path.rglob("*.html")}
    assert {f"{path.stem}.html" for path in (TOP / "docs").glob("*.md")} | {"index.html", "contributing.html"} <= pages.keys()
    for name, page in pages.items():
        fetched = re.findall(r'<(?:script|img|link|iframe)[^>]*(?:src|href)="((?:https?:)?//[^"]*)"', page)
        assert fetched == [], name
        assert "<!-- generated" not in page, name
    for sheet in tmp_path.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//", sheet.read_text()), sheet


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path):
    cells = json.loads(path.read_text())["cells"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells if cell["cell_type"] == "code")
    assert cells[0]["cell_type"] == "markdown"
    assert f"notebooks/{path.name}.md" in (TOP / "mkdocs.yml").read_text()


@pytest.mark.slow  # a kernel, torch and worker processes for each
@pytest.mark.filterwarnings("default")  # those of the kernel's client are its own
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path):
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        for pattern, small in SMALLER.items():
            cell.source = re.sub(f"^{pattern}$", small, cell.source, flags=re.MULTILINE)
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [cell.outputs[-1] for cell in notebook.cells if cell.cell_type == "code" and cell.outputs]
    assert len(shown) >= 4
    assert all("error" not in output.output_type for output in shown)
