"""Witten-Bell smoothing of many models that were counted on the same strings, to the bits of numpy."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int

from freerun.engine.compiled.library import Library, Smoothing
from freerun.engine.compiled.threads import spread

#: Models that go side by side; as in source/smoothing.h.
ABREAST = 8
#: Of the strings of one length: the context of each, numbers rising from 0, and its place, among strings one shorter, without
#: the oldest symbol.
Place = tuple[Int[np.ndarray, " _"], Int[np.ndarray, " _"]]


def smoothed(
    library: Library, counts: list[Float[np.ndarray, "M _"]], places: list[Place], bottom: float
) -> Float[np.ndarray, "G M"]:
    """The probability that each of M models gives to the last symbol of every string of the greatest length.

    Args:
        counts: of the strings of 1, 2, ... symbols, by model.
        bottom: the probability of every symbol before anything was counted.
    """
    held = [np.ascontiguousarray(count) for count in counts]
    models, most = len(held[0]), max(count.shape[1] for count in held)
    chances = np.empty((held[-1].shape[1], models))
    call = Smoothing(lengths=len(held), models=models, most=most, bottom=bottom, chances=chances.ctypes.data)
    ranked = [tuple(np.ascontiguousarray(part, dtype=np.int64) for part in place) for place in places]
    for n, (count, (contexts, shorter)) in enumerate(zip(held, ranked, strict=True)):
        call.strings[n], call.counts[n] = count.shape[1], count.ctypes.data
        call.contexts[n], call.shorter[n] = contexts.ctypes.data, shorter.ctypes.data
    spread(library.function("smooth", "float64"), call, models, 2 * ABREAST * most, torch.empty(0, dtype=torch.float64))
    return chances
