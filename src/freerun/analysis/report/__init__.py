"""Report of a study: a page that begins with the answer in words, a pure function of the records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from freerun.analysis import figures
from freerun.analysis.figures import Drawn, Material
from freerun.analysis.inference import tuning_tables
from freerun.analysis.report import (
    across_tasks_section,
    budgets_section,
    companion_measures,
    comparison_text,
    comparisons_section,
    error_growth_section,
    exposure_section,
    findings,
    gap_findings,
    glossary,
    method_section,
    page,
    players_section,
    report_data,
    task_findings,
    training_finish,
    tuning_section,
)
from freerun.analysis.report.answer_table import MOST, answer_table, by_task
from freerun.analysis.report.key_figure import key_figure
from freerun.analysis.report.opening import opening
from freerun.analysis.report.report_data import ReportData
from freerun.analysis.report.section import FIGURES, Block, Section
from freerun.analysis.report.summary_table import exposure, exposure_by_lead, full, short
from freerun.analysis.report.undefined_levels import undefined
from freerun.analysis.report.verdicts import comparisons, judged_sets
from freerun.analysis.report.warmup_caution import too_short
from freerun.analysis.tables import tidy
from freerun.analysis.tables.tidy import Tables
from freerun.errors import ConfigError
from freerun.io.suggestions import nearest
from freerun.io.text import brief
from freerun.store.records import Store

__all__ = ["build", "build_from_tables", "exposure_gap", "summary"]

_SECTIONS = (players_section, exposure_section, error_growth_section, across_tasks_section, tuning_section)
_LEVELS_NOTE = (
    "On test sequences, averaged over the steps since the release. Brackets: 95 % intervals over seeds (Student t; BCa from 20 "
    "seeds on). Middle half: the mean over the half of the seeds in the middle (IQM). Levels of errors on a ratio scale are "
    "geometric means; a gap is the difference of the two levels beside it. n: seeds with a defined gap. Steps: how many are "
    "averaged, where not all are defined. Lost: runs that diverged or failed, of all that ended, with the 95 % Clopper-Pearson "
    "interval of their share."
)


def summary(frames: Tables) -> tuple[Any, list[str]]:
    """The results for a terminal: a short frame, one row a condition, with both levels, the gap and the counts; and warnings.

    A warning names a condition that is worse than a source that has learned nothing, a task whose warm-up is too short, a
    condition whose error is undefined though its runs are done, or says how many methods were tuned to an end of what was
    tried.
    """
    material = Material.of(frames, {})
    useless = [f"of no use: {sentence}" for sentence in players_section.useless(material)]
    early = [f"note: {task}. {said}" for task in material.headlines if (said := too_short(material, task))]
    table = full(material)
    lacking = [f"note: {task}. {said}" for task in material.shown if (said := undefined(table, task))]
    tuned = [f"note: tuning. {said}" for said in [tuning_section.ends(material)] if said]
    return short(table), [*useless, *early, *lacking, *tuned]


def exposure_gap(frames: Tables, by: str = "condition") -> pd.DataFrame:
    """The exposure bias of some tables, a row a condition, or one a condition and lead time.

    Args:
        frames: the tables.
        by: "condition" (`freerun.analysis.report.summary_table.exposure`) or "lead" (`exposure_by_lead` there).

    Raises:
        ConfigError: for another word.
    """
    ways = {"condition": exposure, "lead": exposure_by_lead}
    if by not in ways:
        raise ConfigError(f"exposure_gap by={brief(by)}: unknown; {nearest(str(by), ways)}")
    return ways[by](Material.of(frames, {}))


def build(study_folder: Path, store: Store, study_info: Mapping[str, Any], *, on_paper: bool = False) -> Path:
    """Write tables, figures, ``report.html`` and ``report.md`` of a study from its records alone.

    Args:
        study_folder: where everything goes; made if it is missing.
        store: the records.
        study_info: `name` and `ids` of the study; also `title`, `question`, `command`, `overrides`, `margin`, `figures`,
            `tuned` and `planned` (the canonical experiments by identity, to name pending runs), where known.
        on_paper: write ``report.pdf`` too.

    Returns:
        The path of ``report.html``.

    Raises:
        ConfigError: if it shall be on paper, and the package that sets it is missing.
        OSError: if the disk refuses.
    """
    ids = list(study_info["ids"])
    frames = tidy.frames(store, ids, str(study_info["name"]), study_info.get("planned"))
    frames = tidy.declared(frames, study_info)
    data, seconds = report_data.from_records(store, ids)
    tidy.write(frames, study_folder)
    tuning_tables.write(frames, study_folder)
    drawn = figures.write(frames, data.samples, study_folder)
    material = Material.of(frames, data.samples)
    sampled = [figure for figure in drawn if figure.sampled]
    data = replace(data, seconds=report_data.by_condition(material, seconds), drawn=sampled)
    report_data.write(study_folder, data, material)
    return _write(study_folder, material, drawn, data, study_info, on_paper)


def build_from_tables(study_folder: Path, frames: Tables, study_info: Mapping[str, Any], *, on_paper: bool = False) -> Path:
    """Write figures, ``report.html`` and ``report.md`` of a study from what its folder keeps, without any record.

    Figures of samples that tables cannot draw stay as they are; what `report_data.json` would hold is left out where there is
    no such file: texts that models wrote, seconds, notes.

    Args:
        study_folder: of the study.
        frames: its tables.
        study_info, on_paper: as for `build`.

    Returns:
        The path of ``report.html``.

    Raises:
        ConfigError: as `build`.
        OSError: if the disk refuses.
        StoreError: if `report_data.json` is damaged.
    """
    data = report_data.read(study_folder) or ReportData()
    drawn = figures.write(frames, data.samples, study_folder)
    new = {figure.name for figure in drawn}
    kept = [one for one in data.drawn if one.name not in new and (study_folder / "figures" / f"{one.name}.svg").is_file()]
    places = list(figures.parts())
    ends = len(places)  # for a figure of a user's own, drawn when its file was named
    both = sorted(
        [*drawn, *kept],
        key=lambda one: max((place for place, name in enumerate(places) if one.name.startswith(name)), default=ends),
    )
    return _write(study_folder, Material.of(frames, data.samples), both, data, study_info, on_paper)


def _write(
    folder: Path,
    material: Material,
    drawn: Sequence[Drawn],
    data: ReportData,
    study_info: Mapping[str, Any],
    on_paper: bool,
) -> Path:
    """Write the page in its two forms, or three."""
    table, compared = full(material), comparisons(material)
    sections = _sections(material, table, compared, data, study_info)
    answer = {
        "info": _described(study_info),
        "opening": opening(table, compared, material),
        "answer": answer_table(table, judged_sets(compared), material),
    }
    key = key_figure(material, [figure.name for figure in drawn])
    return page.write(folder, "report", answer, sections, key, drawn, on_paper=on_paper)


def _sections(material: Material, table: Any, compared: Any, data: ReportData, study_info: Mapping[str, Any]) -> list[Section]:
    """Everything below the contents, in order."""
    sets, levels = judged_sets(compared), page.levels_grid(table)
    whole = by_task(table, sets, material)
    short_of = [replace(whole, title="Every task and method")] if whole and len(whole.rows) > MOST else []
    of_tasks = task_findings.by_task(material, table, compared)
    found = [Block(title=task["name"], points=task["points"], remarks=task["cautions"]) for task in of_tasks]
    parts: list[Section | None] = [
        Section(title="Findings", sentences=findings.headline(table, compared, material), blocks=found),
        glossary.section(),
        Section(
            title="Results", sentences=gap_findings.details(table), note=material.of_split(_LEVELS_NOTE),
            tables=[*short_of, *([levels] if levels else [])],
        ),
        Section(title=FIGURES, sentences=() if material.whole["run"].size else ["There are no data for a figure yet."]),
        *(module.section(material) for module in _SECTIONS),
        budgets_section.section(material, data.seconds),
        _samples(material),
        _comparisons(material, compared),
        companion_measures.section(material),
        training_finish.section(material),
        method_section.section(material, table, data.notes),
        method_section.provenance_section(material.runs, data.cost, study_info),
    ]  # fmt: skip
    return [part for part in parts if part]


def _samples(material: Material) -> Section | None:
    """What models wrote; None where they write nothing."""
    blocks = page.sample_blocks(material.samples)
    note = "Written in closed loop by the smallest seed. Grey: the prompt, or the verdict on a string."
    return Section(title="Samples", blocks=blocks, note=note) if blocks else None


def _comparisons(material: Material, compared: Any) -> Section:
    """Every comparison with its tests."""
    grid = page.comparisons_grid(compared, material.chosen)
    if grid is None:
        return Section(title="Comparisons", sentences=["Only one regime was run: there is nothing to compare."])
    grids = [one for one in (page.power_grid(compared), grid) if one]
    said = comparisons_section.sentences(compared, material)
    return Section(title="Comparisons", sentences=said, tables=grids, note=comparison_text.NOTE)


def _described(study_info: Mapping[str, Any]) -> dict[str, str]:
    name = str(study_info["name"])
    return {
        "name": name,
        "title": str(study_info.get("title") or name.replace("_", " ")),
        "question": str(study_info.get("question") or ""),
    }
