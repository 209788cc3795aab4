"""Section on exposure bias: the one-step error at own states or prefixes, and what else the free error consists of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.inference.chaos_share import split
from freerun.analysis.inference.confidence_intervals import summarise
from freerun.analysis.inference.exposure_parts import PARTS, free_error_parts, one_step, tested
from freerun.analysis.inference.power import LEVEL
from freerun.analysis.inference.replicates import CELL
from freerun.analysis.report.number_text import RISK, counted, listed, measured, number, span
from freerun.analysis.report.section import Grid, Section

_NOTE = (
    "Exposure bias is the change in a model's one-step error from being fed the truth to being fed its own output, the error "
    "being measured against the true answer to what was really fed. It is a factor for errors on a ratio scale, else a "
    "difference; means over seeds have 95 % intervals on the same scale. A smaller error at own output is no merit by itself: "
    "what stays where the answer is easy has one, such as an equilibrium or a source that ends at once. It is to be read "
    "beside the level."
)
_PARTS_NOTE = (
    " Accumulation: the error that the true system reaches when a fresh error of the forced size is added at every step (the "
    "drift floor), over the forced error. Exposure: the factor by which larger one-step errors at the model's own states raise "
    "it. Coherent drift: the remaining factor, of errors that are alike from step to step. The product of the factors is the "
    "free error over the forced one."
)
_FLOOR_NOTE = (
    " Chaos floor, in the figure: the error that the true system reaches from the first one-step error alone. Even a model "
    "without exposure bias makes such an error at every step, so an error above this floor is not by itself exposure bias."
)
_STEP_HEAD = ("Task", "Model", "Regime", "One-step error, fed the truth", "Fed its own output", "Exposure bias", "n")
_PARTS_HEAD = ("Task", "Model", "Regime", "Free over forced", "Accumulation", "Exposure", "Coherent drift", "n")
_NAMES = {"accumulation": "accumulation", "exposure": "exposure", "coherent": "coherent drift", "rest": "the remaining factor"}


def section(material: Material) -> Section | None:
    """The section on how much of the gap is exposure bias, as far as it is measured; None where nothing is fed back."""
    fed = [str(task) for task, rows in material.steps.groupby("task_label", observed=True) if rows["step"].max() > 1]
    if not fed:
        return None
    steps = _one_step_rows(material)
    parts = _parts_rows(material)
    sentences = [
        *_tally(steps),
        *_outside(material, steps),
        *(_told(task, parts, material.methods()[0]) for task in _tasks(parts)),
    ]
    measures = material.quantities.accounting("exposure bias", material.compared["metric"])
    told = material.compared.loc[material.compared["metric"].isin(measures), "task_label"]
    known = {str(row["task_label"]) for row in [*steps, *parts]} | set(told.astype(str))
    unknown = [task for task in fed if task not in known]
    if unknown:
        sentences.append(
            f"On {listed(unknown)} no one-step error against the true answer is measured, so only the whole difference, free "
            "minus forced, is known, and no part of it is shown to be exposure bias."
        )
    floored = not split(material.steps, material.compared, material.quantities).empty
    note = (_NOTE if steps else "") + (_PARTS_NOTE if parts else "") + (_FLOOR_NOTE if floored else "")
    grids = []
    if steps:
        title = f"The one-step error of {len(steps)} conditions, fed the truth and fed their own output"
        grids.append(Grid(title=title, head=_STEP_HEAD, rows=[_step_row(row) for row in steps]))
    if parts:
        grids.append(
            Grid(
                title=f"The free error of {len(parts)} conditions in its parts",
                head=_PARTS_HEAD,
                rows=[_parts_row(r) for r in parts],
            )
        )
    title = "How much of the gap is exposure bias?"
    return Section(title=title, sentences=sentences, note=note.strip(), tables=grids, figure="chaos_floor" if floored else "")


def _one_step_rows(material: Material) -> list[dict[Any, Any]]:
    table = one_step(material.whole, material.quantities)
    rows = []
    tests = tested(table)
    for ratio, of_scale in table.groupby("ratio", sort=False):
        log = bool(ratio)
        means = summarise(of_scale, CELL, "change").merge(tests[[*CELL, "holm"]].assign(sign=np.sign(tests["mean"])), on=CELL)
        for name in ("mean", "low", "high"):
            means[name] = np.exp(means[name]) if log else means[name]
        for level in ("forced", "free"):
            of_level = summarise(of_scale, CELL, level, log=log, within=material.quantities.of_rows(of_scale[:1])[0].range)
            means = means.assign(**{f"{level}_{end}": of_level[end] for end in ("mean", "low", "high")})
        rows += means[means["n"] > 0].assign(ratio=log).to_dict("records")
    return rows


def _tally(rows: list[dict[Any, Any]]) -> list[str]:
    """In how many conditions the one-step error is larger when a model is fed its own output, in words."""
    if not rows:
        return []
    known = [row for row in rows if math.isfinite(row["low"])]
    if not known:
        return ["With fewer than three seeds there are no intervals: the one-step errors below are those of single runs."]
    above, below = (sum(row["holm"] <= LEVEL and row["sign"] == way for row in known) for way in (1, -1))
    parts = [f"larger when the model is fed its own output, which is exposure bias, in {above}"] if above else []
    parts += [f"smaller {'then' if above else 'when the model is fed its own output'} in {below}"] if below else []
    remaining = len(known) - above - below
    parts += [f"not shown to differ in {remaining}"] if remaining else []
    return [f"Of {counted(len(known), 'condition')} the one-step error is {listed(parts)}, {RISK}."]


def _outside(material: Material, rows: list[dict[Any, Any]]) -> list[str]:
    """What the one-step error of a task leaves out, where that happens: what is left out is no part of the exposure bias."""
    sentences = []
    for task in _tasks(rows):
        of_task = material.whole[material.whole["task_label"] == task]
        known = one_step(of_task, material.quantities)
        meant = material.quantities.of_rows(known[:1])[0]
        left = of_task[of_task["metric"] == meant.left_out].groupby(CELL, observed=True)["free"].mean()
        if meant.conditioned and len(left) and left.max() > 0:
            shares = dict.fromkeys(f"{100 * share:.2g} %" for share in (left.min(), left.max()))
            sentences.append(
                f"On {task} that is over {meant.conditioned} (what the source can write at all) alone; of those that "
                f"the models make themselves {' to '.join(shares)} lie outside, where nothing that could be said is right, and "
                "are left out."
            )
    return sentences


def _parts_rows(material: Material) -> list[dict[Any, Any]]:
    runs = free_error_parts(material.steps, material.compared, material.quantities)
    if runs.empty:
        return []
    table: pd.DataFrame | None = None
    for name in ("free", *PARTS):
        logarithms = summarise(runs, CELL, name)
        ends = {f"{name}_{end}": np.exp(logarithms[end]) for end in ("mean", "low", "high")}
        table = logarithms[[*CELL, "n"]].assign(**ends) if table is None else table.assign(**ends)
    return [] if table is None else table[table["n"] > 0].to_dict("records")


def _tasks(rows: list[dict[Any, Any]]) -> list[str]:
    return list(dict.fromkeys(str(row["task_label"]) for row in rows))


def _told(task: str, rows: list[dict[Any, Any]], first: str) -> str:
    """What the baseline's free error on a task consists of; of the first method there, where the baseline was not run."""
    of_task = [row for row in rows if row["task_label"] == task]
    method = first if any(row["method"] == first for row in of_task) else str(of_task[0]["method"])
    models = []
    for row in of_task:
        if row["method"] == method:
            parts = listed([f"{_NAMES[name]} {_factor(row, name)}" for name in _shown(row)])
            models.append(f"{row['model_label']} {_factor(row, 'free')}, of which {parts}")
    drift = "errors that hang together from step to step" if "coherent" in _shown(of_task[0]) else "all else"
    return (
        f"On {task}, by {method}, the free error exceeds the forced one by these factors, each with its 95 % interval: "
        f"{'; '.join(models)}. Accumulation is what the world makes of fresh errors of the forced size, exposure what comes of "
        f"larger one-step errors at what the model made itself, and {_NAMES[_shown(of_task[0])[-1]]} what comes of {drift}."
    )


def _shown(row: Mapping[Any, Any]) -> tuple[str, ...]:
    return ("accumulation", "exposure", "coherent") if math.isfinite(row["exposure_mean"]) else ("accumulation", "rest")


def _factor(row: Mapping[Any, Any], name: str) -> str:
    mean, low, high = (row[f"{name}_{end}"] for end in ("mean", "low", "high"))
    return f"\N{MULTIPLICATION SIGN}{number(mean)} {span(low, high)}".strip() if math.isfinite(mean) else ""


def _step_row(row: Mapping[Any, Any]) -> list[str]:
    times = "\N{MULTIPLICATION SIGN}" if row["ratio"] else ""
    levels = [measured(*(row[f"{level}_{end}"] for end in ("mean", "low", "high"))) for level in ("forced", "free")]
    return [*(str(row[name]) for name in CELL), *levels, times + measured(row["mean"], row["low"], row["high"]), str(row["n"])]


def _parts_row(row: Mapping[Any, Any]) -> list[str]:
    last = "coherent" if math.isfinite(row["exposure_mean"]) else "rest"
    cells = [_factor(row, name) for name in ("free", "accumulation", "exposure", last)]
    return [*(str(row[name]) for name in CELL), *cells, str(row["n"])]
