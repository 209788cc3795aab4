"""Does the closed loop visit the states of the true system as often? D_stsp, see `freerun.measures.states`."""

from __future__ import annotations

from dataclasses import dataclass

from freerun.metrics import Observed, Orbit
from freerun.metrics._orbits import OfOrbit, divergence, divergence_unit


@dataclass(kw_only=True)
class DStsp(OfOrbit):
    """KL divergence between the states of the true system and those of the closed loop; see its floor, `d_stsp_floor`."""

    def unit(self, observed: Observed) -> str:
        return divergence_unit(observed)

    def of(self, orbit: Orbit) -> float:
        return divergence(orbit.true, orbit.made)
