"""Distances of a long closed loop from the true system: of states, of spectra, of directions, each with its floor.

The floor is the true system against itself, from other places, at the same length. See `statistics.state_distribution`,
`statistics.power_spectra` and `statistics.flow_direction`, which alone sees time reversal.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

from jaxtyping import Float

from freerun.lazy import torch
from freerun.measurement.metrics import Metric, Observed, Orbit, family
from freerun.measurement.metrics._orbits import OfOrbit, size
from freerun.measurement.statistics import state_distribution
from freerun.measurement.statistics.flow_direction import LAG, PAIRS, displacement_energy
from freerun.measurement.statistics.power_spectra import SMOOTH, hellinger
from freerun.store.quantity import EVERYWHERE, FROM_0, SHARE, TIME_REVERSAL, Quantity
from freerun.streams import stream


@dataclass(kw_only=True)
class OfTwo(OfOrbit):
    """A distance from the true orbits to others: to the closed loop's, or to more of the truth, which is the floor."""

    floor: ClassVar[bool] = False

    def of(self, orbit: Orbit) -> float:
        return self.between(orbit.true, orbit.again if self.floor else orbit.made)

    @abstractmethod
    def between(self, true: Float[torch.Tensor, "T N D"], made: Float[torch.Tensor, "T N D"]) -> float:
        """The distance; NaN is undefined."""


@dataclass(kw_only=True)
class OfStates(OfTwo):
    """D_stsp, by cells up to three dimensions, by mixtures beyond."""

    quantity = Quantity(
        label="State-space divergence",
        unit="nats",
        better="lower",
        range=FROM_0,
        blind=(TIME_REVERSAL, "when a state is visited"),
    )

    def quantity_of(self, observed: Observed) -> Quantity:
        if observed.data.outputs <= state_distribution.BINNED:
            cells = f"{state_distribution.BINS} bins a side in the box of the truth, smoothing {state_distribution.SMOOTHING:g}"
            return replace(self.quantity, unit=f"nats, {cells}, {size(observed)}")
        cells = f"mixture of {state_distribution.CENTRES}, width {state_distribution.WIDTH:g}"
        blind = () if self.floor else (*self.quantity.blind, "an orbit that has shrunk towards its centre")
        return replace(self.quantity, unit=f"nats, {cells}, {size(observed)}", range=EVERYWHERE, blind=blind)

    def between(self, true: Float[torch.Tensor, "T N D"], made: Float[torch.Tensor, "T N D"]) -> float:
        a, b = true.flatten(0, 1), made.flatten(0, 1)
        if a.shape[1] <= state_distribution.BINNED:
            return state_distribution.binned(a, b)
        a, b = (
            state_distribution.evenly(a, state_distribution.CENTRES),
            state_distribution.evenly(b, state_distribution.CENTRES),
        )
        return state_distribution.mixture(a, b, torch.from_numpy(stream(0, "evaluation/mixture").standard_normal(a.shape)))


@dataclass(kw_only=True)
class OfSpectra(OfTwo):
    """D_H: the Hellinger distance between power spectra."""

    quantity = Quantity(
        label="Power-spectrum distance", unit="share", better="lower", range=SHARE,
        blind=(TIME_REVERSAL, "the size of the orbit", "how coordinates go together"),
    )  # fmt: skip

    def quantity_of(self, observed: Observed) -> Quantity:
        return replace(self.quantity, unit=f"share, smoothed over {SMOOTH:g} frequencies, {size(observed)}")

    def between(self, true: Float[torch.Tensor, "T N D"], made: Float[torch.Tensor, "T N D"]) -> float:
        return hellinger(true, made)


@dataclass(kw_only=True)
class OfDirection(OfTwo):
    """The energy distance between states with their displacements."""

    quantity = Quantity(label="Displacement distance", unit="std", better="lower", sees=(TIME_REVERSAL,))

    def quantity_of(self, observed: Observed) -> Quantity:
        return replace(self.quantity, unit=f"std, lag {LAG}, {PAIRS} pairs of {size(observed)}")

    def between(self, true: Float[torch.Tensor, "T N D"], made: Float[torch.Tensor, "T N D"]) -> float:
        return displacement_energy(true, made)


def _parts() -> dict[str, type[Metric]]:
    """Each distance with its floor."""
    bases: dict[str, tuple[type[OfTwo], str, str]] = {
        "d_stsp": (
            OfStates, "KL divergence between the states of the true system and those of the closed loop",
            "D_stsp of the true system.",
        ),
        "d_h": (OfSpectra, "Hellinger distance between power spectra", "D_H of the true system."),
        "d_flow": (
            OfDirection, "Energy distance between states with their displacements",
            "Energy distance between states with their displacements, of the true system.",
        ),
    }  # fmt: skip
    found: dict[str, type[Metric]] = {}
    for name, (base, text, floor) in bases.items():
        own: Quantity = vars(base)["quantity"]
        below = replace(own, label=f"{own.label}, floor", better="neither", blind=(), sees=(), part="diagnostic")
        members = {
            name: {"quantity": replace(own, floor=f"{name}_floor"), "__doc__": f"{text}; see its floor, `{name}_floor`."},
            f"{name}_floor": {"quantity": below, "floor": True, "__doc__": floor},
        }
        found |= family(base, members)
    return found


PARTS = _parts()
