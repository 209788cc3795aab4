"""Steps of flows whose slopes are sums and products, to the bits of numpy: one call for all steps of all orbits."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Inexact

from freerun.engine.compiled.library import Flow as Call
from freerun.engine.compiled.library import Library
from freerun.engine.compiled.threads import spread
from freerun.parts.tasks._flows import Flow
from freerun.parts.tasks.hyper_roessler import HyperRoessler
from freerun.parts.tasks.lorenz63 import Lorenz63
from freerun.parts.tasks.lorenz96 import Lorenz96
from freerun.parts.tasks.roessler import Roessler

#: Whose slopes are compiled, and the settings of each, as in source/flows.h.
EQUATIONS: dict[type[Flow], tuple[str, ...]] = {
    Lorenz63: ("sigma", "rho", "beta"),
    Lorenz96: ("forcing",),
    Roessler: ("a", "b", "c"),
    HyperRoessler: ("a", "b", "c", "d"),
}


def stepped(
    library: Library, flow: Flow, state: Inexact[np.ndarray, "N D"], h: float, steps: int
) -> Float[np.ndarray, "N D"] | None:
    """Take so many integration steps of `h`; None for a flow that is not compiled."""
    kind = next((kind for kind in EQUATIONS if isinstance(flow, kind)), None)
    if kind is None or type(flow).slope is not kind.slope or type(flow).step is not Flow.step or state.dtype != np.float64:
        return None
    after = state.copy()
    call = Call(equations=list(EQUATIONS).index(kind), D=state.shape[1], steps=steps, step=h, states=after.ctypes.data)
    call.settings[: len(EQUATIONS[kind])] = [getattr(flow, name) for name in EQUATIONS[kind]]
    spread(library.function("flow", "float64"), call, len(after), 6 * 16 * state.shape[1], torch.empty(0, dtype=torch.float64))
    return after
