"""Largest Lyapunov exponent of the closed loop; see `statistics.lyapunov_exponents`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from freerun.deferred_imports import torch
from freerun.measurement.accumulated_error_estimate import half_width
from freerun.measurement.metrics import Observed, Orbit
from freerun.measurement.metrics._orbits import OfOrbit, size
from freerun.measurement.statistics.lyapunov_exponents import exponents
from freerun.store.quantity import Quantity


@dataclass(kw_only=True)
class Lyapunov(OfOrbit):
    """The largest Lyapunov exponent of the model in closed loop, a mean over orbits; beside it the truth, `lyapunov_true`."""

    def quantity_of(self, observed: Observed) -> Quantity:
        return replace(self.quantity, unit=f"1/step, {size(observed)}")

    quantity = Quantity(
        label="Largest Lyapunov exponent",
        unit="1/step",
        better="neither",
        floor="lyapunov_true",
        blind=("where the orbit lies",),
    )

    def of(self, orbit: Orbit) -> float:
        return float(exponents(orbit.apart, orbit.distance, orbit.stretch).mean())

    def interval(self, observed: Observed) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Student's t over orbits, which are independent; none below three."""
        if observed.orbit is None or observed.orbit.made.shape[1] < 3:
            return None
        per_orbit = exponents(observed.orbit.apart, observed.orbit.distance, observed.orbit.stretch)
        mean = per_orbit.mean()[None]
        half = half_width((per_orbit - mean)[None])
        return mean - half, mean + half
