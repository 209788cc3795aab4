"""Trials of a search: the points that were tried, and what came of each."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freerun.store.records import names
from freerun.store.results_folder import TRIALS

#: The state of a trial of which a run failed.
FAILED = "failed"


@dataclass(kw_only=True)
class Trial:
    """A point that was tried.

    Attributes:
        settings: by key, as they are typed.
        value: the mean over its runs; the worst one if one of them diverged; None if one failed.
    """

    number: int
    settings: dict[str, str]
    runs: list[str]
    value: float | None = None
    state: str = "pending"

    @property
    def said(self) -> str:
        """Its settings, as they are typed."""
        return " ".join(f"{key}={value}" for key, value in self.settings.items())


def table(trials: Sequence[Trial]) -> Iterator[dict[str, Any]]:
    """A row for each trial: number, state, value (empty where a run failed), settings, its runs as `runs` has them."""
    called = names(run for trial in trials for run in trial.runs)
    for trial in trials:
        head = {"trial": trial.number, "state": trial.state, "value": trial.value}
        yield {**head, **trial.settings, "runs": " ".join(called[run] for run in trial.runs)}


def recorded(folder: Path) -> int:
    """How many trials the table of a folder holds."""
    try:
        with open(folder / TRIALS, encoding="utf-8", newline="") as file:
            return sum(1 for _ in csv.reader(file)) - 1
    except (OSError, ValueError, csv.Error):
        return 0
