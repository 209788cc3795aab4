"""Share of long strings of the closed loop's text that stand in the training part, beside that of the true text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int

from freerun.deferred_imports import torch
from freerun.measurement.metrics import Observed, family
from freerun.measurement.metrics._text import OfText, texts
from freerun.parts.tasks import Data
from freerun.random_streams import stream
from freerun.store.quantity import SHARE, Quantity

#: Symbols of a string, and strings of the training part that are hashed at once.
LENGTH, CHUNK = 15, 2**20


@dataclass(kw_only=True)
class Copied(OfText):
    """The share of strings of 15 symbols, prompts left out, that come in the training part."""

    true: ClassVar[bool] = False

    quantity = Quantity(
        label="Copied strings",
        unit=f"share of {LENGTH}-grams",
        better="neither",
        range=SHARE,
        blind=("whether what is not copied is any good",),
    )

    def applies(self, observed: Observed) -> bool:
        return super().applies(observed) and len(observed.targets) - observed.warmup >= LENGTH

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        text = texts(observed)[0 if self.true else 1][observed.warmup :]
        known = observed.data.once("hashes of training", lambda: _known_hashes(observed.data))
        return torch.tensor([_contained(text.reshape(len(text), -1), known)], dtype=torch.float64)


def _known_hashes(data: Data) -> np.ndarray:
    """The hashes of all strings of `LENGTH` symbols of the training part, rising."""
    targets = data.splits["train"].targets
    series = (torch.cat([targets[0], targets[1:, -1]])[:, None] if data.windows else targets).numpy()
    begins = range(0, len(series) - LENGTH + 1, CHUNK)
    found = [_hashes(series[begin : begin + CHUNK + LENGTH - 1]) for begin in begins]
    return np.sort(np.concatenate([np.zeros(0, dtype=np.uint64), *found]))


def _contained(text: Int[np.ndarray, "T N"], known: np.ndarray) -> float:
    """The share of the strings of `LENGTH` symbols of a text that are among those of rising hashes.

    A hash of 64 bits is the sum of symbols times random numbers: strings that differ share one with probability 2**-56 at most
    for an alphabet of 256.
    """
    if not len(known):
        return 0.0
    hashes = np.sort(_hashes(text))  # neighbours are then looked for near each other, in a tenth of the time
    return float((known[np.searchsorted(known, hashes).clip(max=len(known) - 1)] == hashes).mean())


def _hashes(strings: Int[np.ndarray, "T N"]) -> np.ndarray:
    factors = stream(0, "evaluation/copied").integers(0, 2**64, LENGTH, dtype=np.uint64, endpoint=False)
    steps = len(strings) - LENGTH + 1
    coded = strings.astype(np.uint64)
    total = np.zeros((steps, strings.shape[1]), dtype=np.uint64)
    for k, factor in enumerate(factors):
        total += coded[k : k + steps] * factor
    return total.ravel()


PARTS = family(
    Copied,
    {
        "copied": {
            "quantity": replace(Copied.quantity, floor="copied_floor"),
            "__doc__": "The share of strings of 15 symbols of the closed loop's text that come in the training part.",
        },
        "copied_floor": {
            "true": True,
            "quantity": replace(Copied.quantity, label="Copied strings, floor of the truth", part="diagnostic"),
            "__doc__": "The share of strings of 15 symbols of the true text that come in the training part.",
        },
    },
)
