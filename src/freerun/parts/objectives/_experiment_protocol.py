"""Protocol of the experiment as an objective sees it: with its regime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from freerun.parts import experiment_protocol

if TYPE_CHECKING:
    from freerun.parts.regimes import Regime


class Experiment(experiment_protocol.Experiment, Protocol):
    """What an objective may ask of the experiment that it is chosen for."""

    regime: Regime

    @property
    def span(self) -> tuple[int, int]:
        """(warmup, horizon), resolved."""
