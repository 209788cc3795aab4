"""Report on paper, `report.pdf`: what opens the page, every figure, and the sentences of each section, without its tables.

It is set by Typst, whose package is an extra (`freerun[pdf]`). All text goes in as data, so that nothing in it is obeyed.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from freerun.analysis.report.section import Grid, Section
from freerun.errors import ConfigError

#: What stands below the contents.
_LEFT_OUT = "Findings by task, further tables, samples, method and provenance stand in report.html and report.md."
#: Sections that are in the other forms alone.
_ELSEWHERE = ("Samples", "Method", "Provenance")


def demand() -> None:
    """Refuse where the package that sets the page is missing.

    Raises:
        ConfigError: with what to install.
    """
    if importlib.util.find_spec("typst") is None:
        raise ConfigError("report.pdf takes the package typst, an extra: pip install 'freerun[pdf]'")


def pdf(content: Mapping[str, Any], folder: Path) -> bytes:
    """The page as PDF; the same content gives the same bytes.

    Args:
        content: as for `page.html`; figures have a `path` without its ending, below `folder`.
        folder: of the study, with the figures as SVG.

    Raises:
        ConfigError: if Typst is missing.
    """
    demand()
    import typst

    parts = [_section(part) for part in content["sections"] if part.title not in _ELSEWHERE]
    sections = [part for part in parts if part["sentences"] or part["points"] or part["figures"]]
    answer = content["answer"]
    document = {
        "info": content["info"], "opening": content["opening"], "key": [_figure(one) for one in content["key"]],
        "answer": answer and _grid(answer), "sections": sections, "left_out": _LEFT_OUT,
    }  # fmt: skip
    template = files("freerun.analysis.report").joinpath("report.typ").read_bytes()
    made = typst.Compiler(template, folder, sys_inputs={"data": json.dumps(document)}).compile(format="pdf")
    if not isinstance(made, bytes):
        raise TypeError(f"typst made {type(made).__name__}, no bytes")
    return made


def _section(part: Section) -> dict[str, Any]:
    points = [point for block in part.blocks for point in block.points] if not part.sentences else []
    return {
        "title": part.title, "sentences": list(part.sentences), "points": points, "note": part.note if part.figures else "",
        "figures": [_figure(one) for one in part.figures],
    }  # fmt: skip


def _grid(one: Grid) -> dict[str, Any]:
    groups = [[name, [list(row) for _, row in rows]] for name, rows in one.groups]
    return {"title": one.title, "head": list(one.head), "grouped": one.grouped, "groups": groups, "note": one.note}


def _figure(one: Mapping[str, Any]) -> dict[str, Any]:
    return {"path": f"/{one['path']}", "number": one["number"], "caption": one["caption"]}
