"""Shortcuts of parts: what an engine computes faster than they do, to the same bits, once it has been put here.

A part stays the definition, and computes by itself where there is no shortcut, or where that returns None
(`freerun.engine.shortcuts` has those of the compiled engine).
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from jaxtyping import Float, Inexact, Int


class Steps(Protocol):
    """Integration steps of a flow, as `Flow.run` takes them."""

    def __call__(
        self, flow: Any, state: Inexact[np.ndarray, "N D"], h: float, count: int, /
    ) -> Float[np.ndarray, "N D"] | None:
        """Return the states after them."""


class Following(Protocol):
    """What an n-gram model says after some strings, by rows of a table: `NgramModel.distribution` and `looked_up`."""

    def __call__(
        self, model: Any, before: Int[np.ndarray, "T N"], rows: Float[np.ndarray, "R K"], /
    ) -> Float[np.ndarray, "N K"] | None:
        """Return a row for each string."""


steps: Steps | None = None
following: Following | None = None
