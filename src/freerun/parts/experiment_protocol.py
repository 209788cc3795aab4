"""Protocol of the experiment as a part sees it: the other parts it is chosen with, and no configuration."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from freerun.parts.feedback import Feedback
    from freerun.parts.gaussians import Head
    from freerun.parts.models import Model
    from freerun.parts.tasks import Task


class Training(Protocol):
    """Settings of training that a part may ask about."""

    batch: int
    truncate: int | None
    levels: Enum


class Objective(Protocol):
    """What a part may ask about what is charged."""

    @property
    def head(self) -> Head | None:
        """How outputs are read as distributions of values; None where they are values."""


class Experiment(Protocol):
    """What a regime may ask of the experiment that it is chosen for."""

    task: Task
    model: Model
    feedback: Feedback | None
    gradient: str

    @property
    def objective(self) -> Objective | None:
        """What is charged; None for the task's own, until it is resolved."""

    @property
    def training(self) -> Training:
        """How the model is trained."""
