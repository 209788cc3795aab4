"""Words above the table of comparisons: what the verdicts come from, and what is not distinguished."""

from __future__ import annotations

import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.report import unpaired_runs
from freerun.analysis.report.findings import capital
from freerun.analysis.report.number_text import RISK, counted, listed
from freerun.analysis.report.verdicts import judged_sets, needed_seeds, of_headlines


def sentences(compared: pd.DataFrame, material: Material) -> list[str]:
    """How the words of the opening come about, which method is left with the wins, and what more seeds would show.

    Args:
        compared: what `verdicts.comparisons` gives.
        material: of the study.
    """
    sets = judged_sets(compared)
    if sets.empty:
        return []
    rows = of_headlines(compared)
    rule = (
        f"Verdicts on {counted(len(sets), 'condition')} come from {counted(int(rows['p'].notna().sum()), 'comparison')} with "
        f"the baseline, seed by seed, over {rows['family'].iloc[0]}, {RISK}; intervals are of the same level. "
        f"Better means better by at least one headline of the task and worse by none; equivalent means within "
        f"{100 * material.margin:g} % by all of them."
    )
    alone = unpaired_runs.sentences(material.runs)
    return [rule, *_teacher_wins(sets), *needed_seeds(rows, material.margin), *alone]


def _teacher_wins(sets: pd.DataFrame) -> list[str]:
    """The tasks and models on which the baseline is better; a result like any other."""
    lost = sets[sets["verdict"] == "worse"]
    parts = []
    for regime, of_regime in lost.groupby("regime_label", observed=True, sort=False):
        among = sets[sets["regime_label"] == regime]
        where = [
            f"{task} ({_which(of_task, among[among['task_label'] == task])})"
            for task, of_task in of_regime.groupby("task_label", sort=False)
        ]
        parts.append(f"against {regime} on {listed(where)}")
    return [f"{capital(lost['baseline'].iloc[0])} wins {'. It wins '.join(parts)}."] if parts else []


def _which(rows: pd.DataFrame, among: pd.DataFrame) -> str:
    """The models of some rows, or that they are all."""
    models = list(dict.fromkeys(rows["model_label"]))
    return f"all {len(models)} models" if len(models) > 1 and len(rows) == len(among) else listed(models)
