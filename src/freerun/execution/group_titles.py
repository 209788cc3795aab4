"""Titles of groups of runs: what tells the groups of one sweep apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from freerun.execution.planned_run import Planned, flat_settings


def group_titles(groups: Sequence[list[Planned]]) -> list[str]:
    """Return a title for every group: task, model, how it is fed, number of runs, and what differs between groups.

    A setting is named where it is the same in all runs of a group and not in all groups of the same task and model; of groups
    that are still alike, as the halves of a large one, the seeds are named.
    """
    facts = [_shared(group) for group in groups]
    keys = dict.fromkeys(key for shared in facts for key in shared)
    names = []
    for group, shared in zip(groups, facts, strict=True):
        fed = "forced" if group[0].experiment.regime.feeder().forced else "closed loop"
        others = [other for other in facts if other["name"] == shared["name"]]
        named = [key for key in keys if key in shared and len({repr(other[key]) for other in others if key in other}) > 1]
        words = [f"{key.rpartition('.')[2]}={_text(shared[key])}" for key in named if key != "regime"]
        names.append(", ".join([shared["name"], shared["regime"] if "regime" in named else fed, *words]))
    return [
        f"{name}{f', {_seeds(group)}' if names.count(name) > 1 else ''} x {len(group)}"
        for name, group in zip(names, groups, strict=True)
    ]


def _shared(group: list[Planned]) -> dict[str, Any]:
    """Return the settings that all runs of a group have, beside its task and model, by key; the regime is one."""
    settings = [{"regime": run.tree["regime"]["name"], **flat_settings(run.tree)} for run in group]
    first = settings[0]
    same = {key: value for key, value in first.items() if all(key in other and other[key] == value for other in settings)}
    return {"name": group[0].label, **same}


def _text(value: object) -> str:
    """Return a value as tables show it."""
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _seeds(group: list[Planned]) -> str:
    seeds = sorted({run.experiment.seed for run in group})
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    if seeds == list(range(seeds[0], seeds[-1] + 1)):
        return f"seeds {seeds[0]}-{seeds[-1]}"
    return "seeds " + " ".join(map(str, seeds))
