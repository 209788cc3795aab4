"""What comes next by an n-gram model, to the bits of numpy."""

from __future__ import annotations

import weakref

import numpy as np
import torch
from jaxtyping import Float, Int

from freerun.engine.compiled.library import LENGTHS, Library, Ngrams
from freerun.engine.compiled.threads import spread
from freerun.parts.ngrams import NgramModel

#: Where the counts of a model stand, told once.
_told: weakref.WeakKeyDictionary[NgramModel, Ngrams] = weakref.WeakKeyDictionary()


def following(
    library: Library, model: NgramModel, before: Int[np.ndarray, "T N"], rows: Float[np.ndarray, "R K"]
) -> Float[np.ndarray, "N K"] | None:
    """Return what a model says after some strings, by the rows of its table or others; None for one of too high an order."""
    if model.order > LENGTHS:
        return None
    if model not in _told:
        _told[model] = _counts(model)
    call = Ngrams.from_buffer_copy(_told[model])
    call.lengths, call.strings = min(call.lengths, len(before) + 1), before.shape[1]
    recent = np.ascontiguousarray(before[len(before) - call.lengths + 1 :], dtype=np.int64)
    chances = np.empty((before.shape[1], model.symbols))
    call.table, call.before, call.chances = rows.ctypes.data, recent.ctypes.data, chances.ctypes.data
    spread(library.function("follow", "float64"), call, len(chances), 16, torch.empty(0, dtype=torch.float64))
    return chances


def _counts(model: NgramModel) -> Ngrams:
    """A call with what a model has counted; the model holds the memory."""
    counted = [counts for counts in model.counts if len(counts.grams)]
    counted = counted[: next((n for n, counts in enumerate(model.counts) if not len(counts.grams)), len(counted))]
    table = model.table
    call = Ngrams(lengths=len(counted), tabled=len(table.begins) - 1, symbols=model.symbols)
    for n, counts in enumerate(counted):
        call.count[n] = len(counts.contexts)
        for name, numbers in (
            ("contexts", counts.contexts), ("bounds", counts.first), ("totals", counts.totals), ("grams", counts.grams),
            ("seen", counts.seen),
        ):  # fmt: skip
            getattr(call, name)[n] = numbers.ctypes.data
    call.begins[: call.tabled] = table.begins[1:]
    return call
