"""Settings of the evaluation that changed nothing in a study: what they are settings of was measured in none of its runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from freerun.analysis.tables.tidy import Tables
from freerun.parts import registry


def notes(tables: Tables, planned: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a line for each idle setting; none where no run has been measured.

    Args:
        tables: of the study.
        planned: its canonical experiments.
    """
    measured = {*map(str, tables.gaps["metric"].unique()), *map(str, tables.compared["metric"].unique())}
    if not measured:
        return []
    evaluations = [tree["evaluation"] for tree in planned]
    idle = {
        f"evaluation.{metric}.{name}": metric
        for evaluation in evaluations
        for metric, settings in evaluation.get("settings", {}).items()
        for name in settings
        if metric not in measured
    }
    lines = [f"{key} changes nothing: no run here measures {metric}" for key, metric in idle.items()]
    known = registry.parts("metric")
    looks = any(getattr(known.get(name), "of_training", False) for name in measured)
    if any(evaluation.get("distances") for evaluation in evaluations) and not looks:
        lines.append("evaluation.distances=true changes nothing: no metric that was measured here looks at it")
    return lines
