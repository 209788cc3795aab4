"""What did the study find? A page that begins with the answer in words: a pure function of the records."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from freerun import figures, tables
from freerun.figures import Drawn, Material
from freerun.report import beside, findings, method, page
from freerun.report.summary import full, short
from freerun.store import Store, write_atomic
from freerun.tables import Tables

__all__ = ["build", "summary"]


def summary(frames: Tables) -> Any:
    """The results in a short frame for a terminal: one row a condition, with both levels, the gap and the counts."""
    return short(full(Material.of(frames, {})))


def build(study_folder: Path, store: Store, study_info: Mapping[str, Any]) -> Path:
    """Write tables, figures, ``report.html`` and ``report.md`` of a study from its records alone.

    Args:
        study_folder: where everything goes; made if it is missing.
        store: the records.
        study_info: `name` and `ids` of the study; also `title`, `question`, `command`, `overrides` and `planned` (the
            canonical experiments by identity, to name pending runs), where known.

    Returns:
        The path of ``report.html``.

    Raises:
        OSError: if the disk refuses.
    """
    ids = list(study_info["ids"])
    frames = tables.frames(store, ids, str(study_info["name"]), study_info.get("planned"))
    samples = tables.samples(store, ids)
    tables.write(frames, study_folder)
    drawn = figures.write(frames, samples, study_folder)
    content = {
        "info": _described(study_info),
        **_content(Material.of(frames, samples)),
        "provenance": method.provenance(frames.runs, method.cost(store, ids), study_info),
    }
    html = page.html({**content, "figures": [_embedded(study_folder, each) for each in drawn]})
    path = study_folder / "report.html"
    write_atomic(study_folder / "report.md", page.markdown({**content, "figures": drawn}).encode())
    write_atomic(path, html.encode())
    return path


def _content(material: Material) -> dict[str, Any]:
    table = full(material)
    compared = findings.comparisons(material)
    return {
        "headline": findings.headline(table, compared),
        "tasks": findings.by_task(material, table, compared),
        "table": page.summary_rows(table),
        "comparisons": page.comparison_rows(compared),
        "beside": beside.rows(material),
        "finish": method.finish(material.curves),
        "settings": method.settings(material.runs),
        "lost": method.lost(material.runs),
        "statistics": method.statistics(table),
        "samples": page.sample_blocks(material.samples),
    }


def _described(study_info: Mapping[str, Any]) -> dict[str, str]:
    name = str(study_info["name"])
    return {
        "name": name,
        "title": str(study_info.get("title") or name.replace("_", " ")),
        "question": str(study_info.get("question") or ""),
    }


def _embedded(folder: Path, drawn: Drawn) -> dict[str, Any]:
    """A figure as data within the page, enlarged from print to screen."""
    image = (folder / "figures" / f"{drawn.name}.svg").read_bytes()
    points = re.search(rb'width="([0-9.]+)pt"', image)
    return {
        "name": drawn.name,
        "width": round(1.75 * float(points[1])) if points else 800,
        "caption": drawn.caption,
        "data": f"data:image/svg+xml;base64,{base64.b64encode(image).decode()}",
    }
