"""Section on budgets: what training took under each condition, so that no method wins by more work unseen."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.inference.replicates import CELL
from freerun.analysis.report.number_text import listed, number
from freerun.analysis.report.section import Grid, Section
from freerun.analysis.report.unequal_budgets import FACTOR
from freerun.analysis.tables.budget_table import COUNTS, START

#: A count from here on is told by three figures.
_LONG = 1e6
_NOTE = (
    "Of one run, means over seeds. Steps: of sequences that training rolls out, with those that a regime or an objective rolls "
    "out beside. Products: of weights in these steps. Updates, steps and products follow from the settings, or where "
    "patience ended training from the updates that were done, and are the same on every machine (table budgets); seconds are "
    "those of the machine, shared out in a group that was trained together. Budgets count as unequal where they differ by more "
    f"than a factor of {FACTOR:g}. What tuning took is not among them."
)


def section(material: Material, seconds: Sequence[tuple[str, str, str, float]]) -> Section | None:
    """The budget of every condition; None where no run has ended.

    Args:
        material: of the study.
        seconds: of training, the mean over seeds, by task, model and method; blank where it is not known.
    """
    budgets = material.tables.budgets
    if budgets.empty:
        return None
    labels = material.runs[["run", *CELL]].astype({"run": "str"})
    rows = labels.merge(budgets[["run", *COUNTS]].astype({"run": "str"}), on="run")
    means = rows.groupby(CELL, observed=True, sort=True)[list(COUNTS)].mean()
    took = {(task, model, method): value for task, model, method, value in seconds}
    cells = []
    for key, *values in means.itertuples(name=None):
        condition = (str(key[0]), str(key[1]), str(key[2]))
        cells.append([*condition, *map(_count, values), _count(took.get(condition, math.nan))])
    head = ("Task", "Model", "Regime", "Updates", "Steps", "Products", "Seconds")
    grid = Grid(title="Budgets of training, a run", head=head, rows=cells)
    sentences = [*_sentences(means), *_begun(labels, budgets)]
    return Section(title="What did training take?", sentences=sentences, note=_NOTE, tables=[grid])


def _sentences(means: pd.DataFrame) -> list[str]:
    """Between which budgets the conditions lie."""
    parts = []
    for name in COUNTS:
        known = means[name].dropna()
        if len(known):
            low, high = _count(known.min()), _count(known.max())
            parts.append(f"{name} {low}" if low == high else f"{name} {low} to {high}")
    return [f"A run took: {', '.join(parts)}."] if parts else []


def _begun(labels: pd.DataFrame, budgets: pd.DataFrame) -> list[str]:
    """Which conditions began with the weights of other runs, and what these had taken."""
    if START[0] not in budgets:
        return []
    known = budgets[budgets[START[0]].notna()]
    rows = labels.merge(known[["run", *START]].astype({"run": "str"}), on="run")
    said = []
    for key, of_key in rows.groupby(CELL, observed=True, sort=True):
        took = {name: of_key[f"start_{name}"].mean() for name in COUNTS}
        words = [f"{_count(value)} {name}" for name, value in took.items() if not math.isnan(value)]
        said.append(f"{key[2]} on {key[0]} ({key[1]}) after {listed(words)}")
    if not said:
        return []
    return [f"Runs that began with the weights of other ones, whose training is not counted as their own: {'; '.join(said)}."]


def _count(value: float) -> str:
    """A count in full where it is whole and short, else by three figures; "" where it is not known."""
    if math.isnan(value):
        return ""
    return f"{value:.0f}" if value.is_integer() and value < _LONG else number(value)
