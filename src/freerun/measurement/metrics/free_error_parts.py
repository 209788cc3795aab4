"""Parts of a free error: accumulation, exposure and coherent drift, by lead time.

    free / forced  =  (A / forced)  x  (B / A)  x  (free / B)
                      accumulation     exposure    coherent drift

A is the truth with a fresh error at every step of the size that the model makes at true states (`drift_floor`), B the same
with errors of the size that it makes at its own states, all root mean squares; `forced` is the model's own forced error. The
parts are the logarithms, which add up to that of free over forced. Coherent drift is what is left: errors that hang together,
less what a closed loop that has lost its way saves by going nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.arithmetic import logarithm, mean_over_coordinates
from freerun.deferred_imports import torch
from freerun.errors import given
from freerun.measurement.metrics import Observed, family
from freerun.measurement.metrics._true_flow import Drift, free_squares, own_errors, step_rms
from freerun.measurement.metrics.drift_floor import OfDrift
from freerun.store.quantity import Quantity

#: The levels from the smallest on; a part is the step from one to the next.
LEVELS = ("forced", "fresh", "own", "free")


@dataclass(kw_only=True)
class OfFreeError(OfDrift):
    """The logarithm of the ratio of two levels."""

    #: Which of `LEVELS` the part begins at.
    level: ClassVar[str]

    quantity = Quantity(
        label="Part of the free error", unit="nats", better="neither", floor=0.0, part="diagnostic",
        blind=("how large the error under forcing is",),
    )  # fmt: skip

    def of(self, drift: Drift, observed: Observed) -> Float[torch.Tensor, " S"]:
        made = LEVELS.index(self.level)
        below, above = (self._level(LEVELS[k], drift, observed) for k in (made, made + 1))
        known = (below > 0) & (above > 0)
        return torch.where(known, logarithm(torch.where(known, above / below, 1.0)), torch.nan)

    def _level(self, name: str, drift: Drift, observed: Observed) -> Float[torch.Tensor, " S"]:
        squares = {
            "forced": lambda: mean_over_coordinates(own_errors(given(observed.forced)).square()),
            "fresh": lambda: drift.forced,
            "own": lambda: drift.own,
            "free": lambda: free_squares(observed),
        }  # fmt: skip
        return step_rms(squares[name](), observed.weights)


PARTS = family(
    OfFreeError,
    {
        f"{name}_part": {
            "level": level, "__doc__": f"The part of the free error that is {words}: a logarithm of a factor, nats.",
            "quantity": Quantity(
                label=label, unit="nats", better="neither", floor=0.0, part="diagnostic",
                account="exposure" if name == "exposure" else None,
                blind=("how large the error under forcing is",),
            ),
        }
        for name, level, label, words in (
            ("accumulation", "forced", "Accumulation of fresh errors", "fresh errors of the forced size in the world's hands"),
            ("exposure", "fresh", "Exposure", "the one-step error at own states being another than at true ones"),
            ("coherent", "own", "Coherent drift", "left: errors that hang together"),
        )
    },
)  # fmt: skip
