"""Unequal budgets: where methods that are compared were not given the same work of training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.inference.replicates import LABELS
from freerun.analysis.inference.side_comparison import Side
from freerun.analysis.report.number_text import listed, number
from freerun.analysis.tables.budget_table import COUNTS
from freerun.analysis.tables.tidy import Tables

#: Budgets that differ by more than this factor are unequal.
FACTOR = 1.25
_NAMES = {"updates": "updates", "steps": "steps rolled out", "products": "products of weights"}


def of_pairs(material: Material, sets: pd.DataFrame) -> list[str]:
    """Which methods had another budget than their baseline, in a sentence; none where all had as much or nothing is known.

    Args:
        material: of the study.
        sets: what `verdicts.judged_sets` gives, or rows with its labels.
    """
    keys = [name for name in LABELS if name != "method"]
    labelled = material.runs[["run", *keys]].astype("str").merge(material.tables.budgets.astype({"run": "str"}), on="run")
    means = {key: dict(rows[list(COUNTS)].mean()) for key, rows in labelled.groupby(keys)}
    counts = _counted(material.tables)
    said: dict[tuple[str, str, str], list[str]] = {}
    for row in sets.astype(dict.fromkeys([*keys, "baseline"], "str")).to_dict("records"):
        where = row["task_label"], row["model_label"]
        own, other = (means.get((*where, regime, row["setting"])) for regime in (row["regime_label"], row["baseline"]))
        if own and other and (words := differing(own, other, counts)):
            name = f"{row['model_label']}, {row['setting']}" if row["setting"] else row["model_label"]
            said.setdefault((row["regime_label"], row["baseline"], words), []).append(f"{row['task_label']} ({name})")
    return _sentence(
        [f"{regime} against {first} {words} on {listed(places)}" for (regime, first, words), places in said.items()]
    )


def of_sides(sides: Sequence[Side], tables: Sequence[Tables]) -> list[str]:
    """The same of two sides of a comparison, condition by condition.

    Args:
        sides: both.
        tables: those of the study of each.
    """
    keys, (a, b) = ["task_label", "model_label", "setting"], (side.name for side in sides)
    counts = COUNTS if _counted(tables[0]) != _counted(tables[1]) else _counted(tables[0])
    means = []
    for side, of_side in zip(sides, tables, strict=True):
        budgets = of_side.budgets.astype({"run": "str"})[["run", *COUNTS]]
        rows = side.runs[["of", *keys]].astype("str").merge(budgets, left_on="of", right_on="run")
        means.append({key: dict(of_key[list(COUNTS)].mean()) for key, of_key in rows.groupby(keys, sort=False)})
    said: dict[str, list[str]] = {}
    for key, own in means[0].items():
        if (other := means[1].get(key)) and (words := differing(own, other, counts)):
            said.setdefault(words, []).append(", ".join(str(name) for name in key if name))
    return _sentence([f"{a} against {b} {words} on {listed(places)}" for words, places in said.items()])


def declared(material: Material) -> list[str]:
    """Of what the study gives all methods as much, where that is not updates, in a sentence."""
    budget, known = material.tables.budget, material.tables.budgets["updates"].dropna()
    if budget is None or known.nunique() < 2:
        return []
    return [
        f"Methods are compared at an equal budget of {_NAMES[budget]}, as the study declares, each with updates of its own: "
        f"{known.min():.0f} to {known.max():.0f}."
    ]


def _counted(tables: Tables) -> tuple[str, ...]:
    """By what budgets of methods of a study are held against each other."""
    return COUNTS if tables.budget is None else (tables.budget,)


def differing(own: Mapping[str, float], other: Mapping[str, float], counts: Sequence[str] = COUNTS) -> str:
    """In what two mean budgets differ by more than `FACTOR`, in words; "" where in nothing."""
    parts: dict[str, list[str]] = {}
    for name in counts:
        ratio = own[name] / other[name] if other[name] > 0 else math.nan
        if ratio > FACTOR or ratio < 1 / FACTOR:
            parts.setdefault(number(ratio), []).append(_NAMES[name])
    words = [f"{times} times the {listed(names)}" for times, names in parts.items()]
    return listed(words) if words else ""


def _sentence(parts: list[str]) -> list[str]:
    return [f"Budgets of training were not equal: {'; '.join(parts)}."] if parts else []
