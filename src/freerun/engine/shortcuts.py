"""Shortcuts of parts by the compiled engine, where it is used: steps of flows, and what n-gram models say next."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Inexact, Int

from freerun.engine.compiled import flow, ngrams
from freerun.engine.engine_choice import used
from freerun.parts import shortcuts
from freerun.parts.ngrams import NgramModel
from freerun.parts.tasks._flows import Flow


def install() -> None:
    """Let parts of this process have them."""
    shortcuts.steps, shortcuts.following = steps, following


def steps(of: Flow, state: Inexact[np.ndarray, "N D"], h: float, count: int) -> Float[np.ndarray, "N D"] | None:
    """Take so many integration steps of `h`; None for a flow that is not compiled, or on another engine."""
    return None if (library := used()) is None else flow.stepped(library, of, state, h, count)


def following(
    model: NgramModel, before: Int[np.ndarray, "T N"], rows: Float[np.ndarray, "R K"]
) -> Float[np.ndarray, "N K"] | None:
    """Return what an n-gram model says after some strings; None for too high an order, or on another engine."""
    return None if (library := used()) is None else ngrams.following(library, model, before, rows)
