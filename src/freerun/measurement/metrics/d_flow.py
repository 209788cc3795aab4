"""Does the closed loop run the true way through its states? See `statistics.flow_direction`; it sees time reversal."""

from __future__ import annotations

from dataclasses import dataclass

from freerun.measurement.metrics._orbits import OfDirection


@dataclass(kw_only=True)
class DFlow(OfDirection):
    """Energy distance between states with their displacements; see its floor, `d_flow_floor`."""
