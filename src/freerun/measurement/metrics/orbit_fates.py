"""Fates of long closed loops: the shares that run away, come to rest or go round in circles (`statistics.orbit_fate`)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from freerun.deferred_imports import torch
from freerun.measurement.metrics import Observed, Orbit, family
from freerun.measurement.metrics._orbits import OfOrbit, size
from freerun.measurement.statistics.orbit_fate import BEYOND, END, STILL, Fates, fates
from freerun.store.quantity import SHARE, Quantity


@dataclass(kw_only=True)
class OfFate(OfOrbit):
    """The share of orbits with one fate."""

    #: Which, an attribute of `Fates`.
    fate: ClassVar[str]

    quantity = Quantity(label="Orbits with a fate", unit="share of orbits", better="neither", range=SHARE, part="diagnostic")

    def quantity_of(self, observed: Observed) -> Quantity:
        return replace(self.quantity, unit=f"{self.quantity.unit}, {size(observed)}")

    def of(self, orbit: Orbit) -> float:
        share: torch.Tensor = getattr(_fates(orbit), self.fate)
        return float(share.double().mean())


def _fates(orbit: Orbit) -> Fates:
    """The fate of every orbit, computed once for a rollout."""
    known: Fates | None = vars(orbit).get("_fates")
    if known is None:
        known = fates(orbit.made, orbit.low, orbit.high)
        vars(orbit)["_fates"] = known
    return known


PARTS = family(
    OfFate,
    {
        "share_left": {
            "fate": "left", "__doc__": (
                "The share of long closed loops that leave the range of the training data by half of it, or every bound."
            ),
            "quantity": Quantity(
                label="Orbits that run away", unit=f"share of orbits, {BEYOND:g} ranges beyond", better="lower", range=SHARE,
                floor=0.0, part="diagnostic",
            ),
        },
        "share_resting": {
            "fate": "rests", "__doc__": "The share of long closed loops that end at a fixed point.",
            "quantity": Quantity(
                label="Orbits that come to rest", better="neither", range=SHARE, part="diagnostic",
                unit=f"share of orbits, still to {STILL:g} ranges in the last {END:.0%}",
            ),
        },
        "share_cycling": {
            "fate": "cycles", "__doc__": "The share of long closed loops that end in a cycle.",
            "quantity": Quantity(
                label="Orbits that end in a cycle", better="neither", range=SHARE, part="diagnostic",
                unit=f"share of orbits, back to within a step in the last {END:.0%}",
            ),
        },
    },
)  # fmt: skip
