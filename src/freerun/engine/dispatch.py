"""Dispatch of a rollout: to the engine of this process where it covers the rollout, else to the loop in PyTorch."""

from __future__ import annotations

from freerun.engine.compiled import operation
from freerun.engine.engine_choice import used
from freerun.engine.rollout import Request, Rollout, by_name, loop


def compute(request: Request) -> Rollout:
    """Run a model over sequences, by the engine of this process where it covers the rollout, else by the loop."""
    library = used()
    if library is None or operation.impossible(request) is not None:
        return loop(request)
    return operation.rolled(request, library)


#: The same as a function of the arguments of a `Request`.
rollout = by_name(Request, compute)
