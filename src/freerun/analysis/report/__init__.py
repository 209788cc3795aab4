"""Report of a study: a page that begins with the answer in words, a pure function of the records."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from PIL import Image

from freerun.analysis import figures
from freerun.analysis.figures import Drawn, Material
from freerun.analysis.inference import tuning_tables
from freerun.analysis.report import (
    across_tasks_section,
    budgets_section,
    companion_measures,
    comparisons_section,
    error_growth_section,
    exposure_section,
    findings,
    gap_findings,
    method_section,
    page,
    players_section,
    task_findings,
    training_finish,
    tuning_section,
)
from freerun.analysis.report.section import Section
from freerun.analysis.report.summary_table import full, short
from freerun.analysis.report.undefined_levels import undefined
from freerun.analysis.report.verdicts import comparisons
from freerun.analysis.report.warmup_caution import too_short
from freerun.analysis.tables import tidy
from freerun.analysis.tables.tidy import Tables
from freerun.io.writing import write_atomic
from freerun.store import record_schema
from freerun.store.record_index import records
from freerun.store.records import Store, names
from freerun.store.training_time import Run

__all__ = ["build", "summary"]

_SECTIONS = (players_section, exposure_section, error_growth_section, across_tasks_section, tuning_section)
#: Pixels of the screen for one of a figure, which has 200 to the inch: 1.75 times the size in print, at 72 points to the inch.
_ENLARGED = 1.75 * 72 / 200
#: Where a PNG file says how wide it is.
_WIDTH = slice(16, 20)


def summary(frames: Tables) -> tuple[Any, list[str]]:
    """The results for a terminal: a short frame, one row a condition, with both levels, the gap and the counts; and warnings.

    A warning names a condition that is worse than a source that has learned nothing, a task whose warm-up is too short, or a
    condition whose error is undefined though its runs are done, in a sentence.
    """
    material = Material.of(frames, {})
    useless = [f"of no use: {sentence}" for sentence in players_section.useless(material)]
    early = [f"note: {task}. {said}" for task in material.headlines if (said := too_short(material, task))]
    table = full(material)
    lacking = [f"note: {task}. {said}" for task in material.primary if (said := undefined(table, task))]
    return short(table), [*useless, *early, *lacking]


def build(study_folder: Path, store: Store, study_info: Mapping[str, Any]) -> Path:
    """Write tables, figures, ``report.html`` and ``report.md`` of a study from its records alone.

    Args:
        study_folder: where everything goes; made if it is missing.
        store: the records.
        study_info: `name` and `ids` of the study; also `title`, `question`, `command`, `overrides`, `margin`, `tuned` and
            `planned` (the canonical experiments by identity, to name pending runs), where known.

    Returns:
        The path of ``report.html``.

    Raises:
        OSError: if the disk refuses.
    """
    ids = list(study_info["ids"])
    frames = tidy.frames(store, ids, str(study_info["name"]), study_info.get("planned"))
    frames = replace(frames, margin=study_info.get("margin"), tuned=study_info.get("tuned"))
    samples, trained, seconds = _read(store, ids)
    tidy.write(frames, study_folder)
    tuning_tables.write(frames, study_folder)
    drawn = figures.write(frames, samples, study_folder)
    material = Material.of(frames, samples)
    content = {
        "info": _described(study_info),
        **_content(material),
        "data": method_section.data(trained),
        "provenance": method_section.provenance(frames.runs, method_section.cost(trained), study_info),
    }
    parts = [*(module.section(material) for module in _SECTIONS), budgets_section.section(material, seconds)]
    sections = [section for section in parts if section]
    path = study_folder / "report.html"
    linked = [vars(figure) for figure in drawn]
    write_atomic(study_folder / "report.md", page.markdown({**content, **_placed(sections, linked)}).encode())
    embedded = [_embedded(study_folder, figure) for figure in drawn]
    write_atomic(path, page.html({**content, **_placed(sections, embedded)}).encode())
    return path


def _read(store: Store, ids: Sequence[str]) -> tuple[dict[str, dict[str, Any]], list[Run], dict[str, float]]:
    """Return what the tables leave out of the sound records.

    That is samples of free rollouts by run, how runs were trained, and the seconds of it by run.
    """
    samples, runs, seconds, called = {}, list[Run](), {}, names(ids)
    for (trained, measured), _ in records(store, ids):
        runs.append((trained.experiment, msgspec.structs.asdict(trained.provenance)))
        if trained.provenance.training_seconds is not None:
            seconds[called[measured.run]] = trained.provenance.training_seconds
        if shown := record_schema.sample(measured):
            samples[called[measured.run]] = shown
    return samples, runs, seconds


def _placed(sections: Sequence[Section], drawn: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The sections with their figures, and the figures of no section, numbered in the order of the page."""
    of_sections = [
        [figure for figure in drawn if section.figure and figure["name"].startswith(section.figure)] for section in sections
    ]
    placed = [figure["name"] for group in of_sections for figure in group]
    unplaced = [figure for figure in drawn if figure["name"] not in placed]
    order = {
        figure["name"]: number
        for number, figure in enumerate([*unplaced, *(figure for group in of_sections for figure in group)], start=1)
    }
    shown = [[{**figure, "number": order[figure["name"]]} for figure in group] for group in (unplaced, *of_sections)]
    return {
        "figures": shown[0],
        "sections": [{**vars(section), "figures": group} for section, group in zip(sections, shown[1:], strict=True)],
    }


def _content(material: Material) -> dict[str, Any]:
    table = full(material)
    compared = comparisons(material)
    return {
        "headline": findings.headline(table, compared, material),
        "tasks": task_findings.by_task(material, table, compared),
        "gaps": gap_findings.details(table),
        "table": page.summary_rows(table),
        "judged": comparisons_section.sentences(compared, material),
        "comparisons": page.comparison_rows(compared, material.chosen),
        "power": page.power_grid(compared),
        "beside": companion_measures.rows(material),
        "blind": companion_measures.blind(material),
        "finish": training_finish.finish(material.curves, material.runs),
        "settings": method_section.settings(material.runs),
        "lost": method_section.lost(material.runs),
        "statistics": f"{method_section.statistics(table, material.margin)} {material.said_copies()}".strip(),
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
    """Return a figure as a picture within the page, enlarged from print to screen."""
    image = (folder / "figures" / f"{drawn.name}.png").read_bytes()
    return {
        "name": drawn.name,
        "width": round(_ENLARGED * int.from_bytes(image[_WIDTH])),
        "caption": drawn.caption,
        "data": _picture(image),
    }


def _picture(png: bytes) -> str:
    """Return a picture as a page holds it, the same pixels as WebP, which is shorter."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").save(buffer, format="webp", lossless=True, quality=100, method=6, exact=True)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
