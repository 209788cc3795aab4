"""Does the closed loop visit the states of the true system as often? D_stsp, see `statistics.state_distribution`."""

from __future__ import annotations

from dataclasses import dataclass

from freerun.measurement.metrics._orbits import OfStates


@dataclass(kw_only=True)
class DStsp(OfStates):
    """KL divergence between the states of the true system and those of the closed loop; see its floor, `d_stsp_floor`."""
