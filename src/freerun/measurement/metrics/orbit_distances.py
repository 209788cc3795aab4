"""Distances of a long closed loop from the true system: of states, of spectra, of directions, each with its floor.

The floor is the true system against itself, from other places, at the same length. See `statistics.state_distribution`,
`statistics.power_spectra`, `statistics.flow_direction` and `statistics.state_pairs`, of which the last two see time reversal.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import given, require
from freerun.measurement.metrics import Metric, Observed, Orbit, family
from freerun.measurement.metrics._orbits import OfOrbit, loop, size
from freerun.measurement.statistics import state_distribution, state_pairs
from freerun.measurement.statistics.flow_direction import LAG, PAIRS, displacement_energy
from freerun.measurement.statistics.power_spectra import SMOOTH, hellinger
from freerun.random_streams import stream
from freerun.store.quantity import COLLAPSE, EVERYWHERE, FROM_0, SHARE, TIME_REVERSAL, Quantity


@dataclass(kw_only=True)
class OfTwo(OfOrbit):
    """A distance from the true orbits to others: to the closed loop's, or to more of the truth, which is the floor."""

    floor: ClassVar[bool] = False

    def of(self, orbit: Orbit) -> float:
        return self.between(orbit.true, orbit.again if self.floor else orbit.made)

    def floor_of(self, observed: Observed) -> str | float | None:
        """Return the floor that the distance declares, where that is measured with the same settings; else None."""
        declared, changed = self.quantity.floor, observed.experiment.evaluation.settings
        if not isinstance(declared, str):
            return declared
        return declared if changed.get(declared, {}) == changed.get(declared.removesuffix("_floor"), {}) else None

    @abstractmethod
    def between(self, true: Float[torch.Tensor, "T N D"], made: Float[torch.Tensor, "T N D"]) -> float:
        """The distance; NaN is undefined."""


@dataclass(kw_only=True)
class OfStates(OfTwo):
    """D_stsp as published: in cells up to five coordinates, between mixtures of Gaussians beyond.

    Attributes:
        box: of the cells: `margin`, that of the true states and a tenth of their standard deviation around it (Hess et al.
            2023), or `sigmas`, two standard deviations around 0 (Brenner et al. 2022); what lies outside is left out.
        bins: cells a side.
        smoothing: added to the count of every cell.
        width: the standard deviation of the Gaussians beyond five coordinates, in standard deviations of the data.
    """

    box: str = "margin"
    bins: int = state_distribution.BINS
    smoothing: float = state_distribution.SMOOTHING
    width: float = state_distribution.WIDTH

    def __post_init__(self) -> None:
        boxes = state_distribution.BOXES
        require(self.box in boxes, "box", self.box, f"be one of {', '.join(boxes)}")
        require(2 <= self.bins <= 1000, "bins", self.bins, "lie in [2, 1000]")
        require(self.smoothing > 0, "smoothing", self.smoothing, "be positive")
        require(self.width > 0, "width", self.width, "be positive")

    quantity = Quantity(
        label="State-space divergence, as published",
        unit="nats",
        better="lower",
        range=FROM_0,
        blind=(TIME_REVERSAL, "when a state is visited"),
    )

    def quantity_of(self, observed: Observed) -> Quantity:
        blind, said, ends = self.quantity.blind, f"nats, {size(observed)}", FROM_0
        if _mixed(observed.data.outputs):
            further = COLLAPSE
            said += f", Gaussians of {self.width:g} std"
            ends = EVERYWHERE  # an estimate
        else:
            further = "states outside of the box, which are left out"
            said += f", {self.bins} bins a side, box {self.box}, smoothing {self.smoothing:g}"
        blind = (*blind, further) if blind else blind
        return replace(self.quantity, unit=said, blind=blind, range=ends, floor=self.floor_of(observed))

    def between(self, true: Float[torch.Tensor, "T N D"], made: Float[torch.Tensor, "T N D"]) -> float:
        p, q = true.flatten(0, 1), made.flatten(0, 1)
        if _mixed(true.shape[2]):
            return state_distribution.mixture(p, q, stream(0, "d_stsp/mixture"), self.width)
        return state_distribution.in_box(p, q, self.box, self.bins, self.smoothing)


def _mixed(coordinates: int) -> bool:
    return coordinates > state_distribution.CELLED


@dataclass(kw_only=True)
class OfAllStates(OfTwo):
    """The same with nothing left out: what runs away or shrinks is charged, in every dimension; not published."""

    quantity = Quantity(
        label="State-space divergence", unit="nats", better="lower", range=FROM_0,
        blind=(TIME_REVERSAL, "when a state is visited"),
    )  # fmt: skip

    def quantity_of(self, observed: Observed) -> Quantity:
        cells = f"{state_distribution.BINS} bins a side in the box of the truth, smoothing {state_distribution.SMOOTHING:g}"
        triples = "mean over triples, " if _in_triples(observed.data.outputs) else ""
        return replace(self.quantity, unit=f"nats, {cells}, {triples}{size(observed)}")

    def between(self, true: Float[torch.Tensor, "T N D"], made: Float[torch.Tensor, "T N D"]) -> float:
        measure = state_distribution.marginal if _in_triples(true.shape[2]) else state_distribution.binned
        return measure(true.flatten(0, 1), made.flatten(0, 1))


def _in_triples(coordinates: int) -> bool:
    return coordinates > state_distribution.BINNED


@dataclass(kw_only=True)
class OfSpectra(OfTwo):
    """D_H: the Hellinger distance between power spectra, as published.

    Attributes:
        smoothing: the standard deviation of the Gaussian that smooths a spectrum, in frequencies (multiples of one over the
            length); 0 for none.
    """

    smoothing: float = SMOOTH

    def __post_init__(self) -> None:
        require(self.smoothing >= 0, "smoothing", self.smoothing, "not be negative")

    quantity = Quantity(
        label="Power-spectrum distance (Hellinger)", unit="share", better="lower", range=SHARE,
        blind=(TIME_REVERSAL, "the size of the orbit", "how coordinates go together"),
    )  # fmt: skip

    def quantity_of(self, observed: Observed) -> Quantity:
        unit = f"share, no taper, smoothed over {self.smoothing:g} frequencies, {size(observed)}"
        return replace(self.quantity, unit=unit, floor=self.floor_of(observed))

    def between(self, true: Float[torch.Tensor, "T N D"], made: Float[torch.Tensor, "T N D"]) -> float:
        return hellinger(true, made, self.smoothing)


@dataclass(kw_only=True)
class OfDirection(OfTwo):
    """The energy distance between states with their displacements."""

    quantity = Quantity(
        label="Displacement distance",
        unit="std",
        better="lower",
        sees=(TIME_REVERSAL,),
        blind=("what hangs together over more than one step",),
    )

    def quantity_of(self, observed: Observed) -> Quantity:
        return replace(self.quantity, unit=f"std, lag {LAG}, {PAIRS} pairs of {size(observed)}")

    def between(self, true: Float[torch.Tensor, "T N D"], made: Float[torch.Tensor, "T N D"]) -> float:
        return displacement_energy(true, made)


@dataclass(kw_only=True)
class OfPairs(OfTwo):
    """D_pairs: the divergence between pairs of states a while apart."""

    quantity = Quantity(
        label="Divergence of pairs in time", unit="nats", better="lower", range=FROM_0, sees=(TIME_REVERSAL,), part="headline",
        blind=("rare jumps", "a slightly other system, at this length", "how coordinates go together"),
    )  # fmt: skip

    def applies(self, observed: Observed) -> bool:
        return loop(observed) is not None

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        true, made, true_again = given(loop(observed))
        return torch.tensor([self.between(true, true_again if self.floor else made)], dtype=torch.float64)

    def quantity_of(self, observed: Observed) -> Quantity:
        steps, count = given(loop(observed)).made.shape[:2]
        return replace(
            self.quantity, unit=f"nats, {state_distribution.BINS} x {state_distribution.BINS} cells, {count} x {steps} steps"
        )

    def between(self, true: Float[torch.Tensor, "T N D"], made: Float[torch.Tensor, "T N D"]) -> float:
        return state_pairs.pairs_in_time(true, made)


@dataclass(kw_only=True)
class OfNeighbours(OfPairs):
    """The same for neighbours in a field."""

    quantity = Quantity(
        label="Divergence of neighbours", unit="nats", better="lower", range=FROM_0, part="headline",
        blind=(TIME_REVERSAL, "when a state is visited"),
    )  # fmt: skip

    def applies(self, observed: Observed) -> bool:
        return observed.experiment.task.field and super().applies(observed)

    def between(self, true: Float[torch.Tensor, "T N D"], made: Float[torch.Tensor, "T N D"]) -> float:
        return state_pairs.pairs_of_neighbours(true, made)


def _parts() -> dict[str, type[Metric]]:
    """Each distance with its floor."""
    bases: dict[str, tuple[type[OfTwo], str, str]] = {
        "d_stsp": (
            OfStates, "D_stsp: KL divergence between the states of the true system and those of the closed loop, as published",
            "D_stsp of the true system.",
        ),
        "d_states": (
            OfAllStates, "KL divergence between the states of the true system and all those of the closed loop",
            "KL divergence between states, of the true system.",
        ),
        "d_h": (OfSpectra, "Hellinger distance between power spectra", "D_H of the true system."),
        "d_flow": (
            OfDirection, "Energy distance between states with their displacements",
            "Energy distance between states with their displacements, of the true system.",
        ),
        "d_pairs": (
            OfPairs, "KL divergence between pairs of states a while apart, of the true system and of the closed loop",
            "D_pairs of the true system.",
        ),
        "d_neighbours": (
            OfNeighbours, "KL divergence between neighbours in a field, of the true system and of the closed loop",
            "Divergence of neighbours of the true system.",
        ),
    }  # fmt: skip
    metrics: dict[str, type[Metric]] = {}
    for name, (base, text, floor) in bases.items():
        quantity: Quantity = vars(base)["quantity"]
        below = replace(quantity, label=f"{quantity.label}, floor", better="neither", blind=(), sees=(), part="diagnostic")
        members = {
            name: {"quantity": replace(quantity, floor=f"{name}_floor"), "__doc__": f"{text}; see its floor, `{name}_floor`."},
            f"{name}_floor": {"quantity": below, "floor": True, "__doc__": floor},
        }
        metrics |= family(base, members)
    return metrics


PARTS = _parts()
