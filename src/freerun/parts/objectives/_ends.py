"""Ends of the scale of regimes, at which an objective may be another one: the truth alone is fed, or nothing of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from freerun.parts.objectives._experiment_protocol import Experiment


def ends_as(experiment: Experiment) -> str | None:
    """Return at which end a regime stands, as the name of teacher forcing or of free running; None between them."""
    ends = {"TeacherForcing": "teacher_forcing", "FreeRunning": "free_running"}
    steps = range(experiment.span[0], experiment.task.length - 1)
    return ends.get(type(experiment.regime).__name__) or experiment.regime.comes_to(steps)
