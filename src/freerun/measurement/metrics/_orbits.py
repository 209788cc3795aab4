"""Base classes of the metrics of long closed loops: where they apply, and a mean over the loop itself."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import given
from freerun.measurement.metrics import Comparison, Observed, Orbit

#: The fewest steps of a window from which a climate is told.
LEAST = 8


class Loop(NamedTuple):
    """True orbits, the closed loop's and other true ones, of one shape."""

    true: Float[torch.Tensor, "T N D"]
    made: Float[torch.Tensor, "T N D"]
    again: Float[torch.Tensor, "T N D"]


@dataclass(kw_only=True)
class OfOrbit(Comparison):
    """A measure on `Observed.orbit`: one number, of the test split and of no mode."""

    per: ClassVar[str] = "rollout"

    def applies(self, observed: Observed) -> bool:
        return observed.orbit is not None

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return torch.tensor([self.of(given(observed.orbit))], dtype=torch.float64)

    @abstractmethod
    def of(self, orbit: Orbit) -> float:
        """The value; NaN is undefined."""


def size(observed: Observed) -> str:
    """The size of a loop in words, for the unit of a measure."""
    steps, count = given(observed.orbit).made.shape[:2]
    return f"{count} x {steps} steps"


def loop(observed: Observed) -> Loop | None:
    """What the climate of a closed loop is told from, on the test split of a chaotic world: its long orbits.

    Where there are none, because the world cannot be continued from what is observed or the model remembers all that it was
    fed, the free windows from the release on, beside the true ones and those of the validation split.
    """
    if (orbit := observed.orbit) is not None:
        return Loop(orbit.true, orbit.made, orbit.again)
    task = observed.experiment.task
    if observed.split != "test" or observed.forced is None or task.remembers is None or task.lyapunov_steps() is None:
        return None
    windows: Loop | None = observed.once("loop", lambda: _windows(observed))
    return windows


def _windows(observed: Observed) -> Loop | None:
    first, steps = observed.warmup, len(observed.targets)
    validation = observed.data.splits["validation"].targets
    whole = (observed.weights[first:] > 0).all(0)
    count = min(int(whole.sum()), validation.shape[1])
    if observed.fed.shape != observed.outputs.shape or len(validation) < steps or steps - first < LEAST or not count:
        return None
    sides = (observed.targets[first:, whole], observed.fed[first:, whole], validation[first:steps])
    return Loop(*(_evenly(part, count).double() for part in sides))


def _evenly(orbits: Float[torch.Tensor, "T N D"], count: int) -> Float[torch.Tensor, "T M D"]:
    """`count` of the orbits, evenly spread."""
    return orbits[:, torch.linspace(0, orbits.shape[1] - 1, count, dtype=torch.float64).round().long()]
