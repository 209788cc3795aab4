"""Dispatch of a rollout: to the engine of this process where it covers the rollout, else to the loop in PyTorch."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int

from freerun.engine.compiled import operation
from freerun.engine.compiled.library import library
from freerun.engine.engine_choice import setting
from freerun.engine.rollout import THROUGH, Gradient, Rollout
from freerun.engine.rollout import rollout as looped
from freerun.parts.feedback import Feedback
from freerun.parts.layers import State, Weights
from freerun.parts.models import Model


def rollout(
    model: Model,
    weights: Weights,
    *,
    truth: Float[torch.Tensor, "T R B F"],
    start: Float[torch.Tensor, "R B F"],
    feedback: Feedback,
    mask: Float[torch.Tensor, "T R B"] | None,
    inputs: Float[torch.Tensor, "T R B X"] | None = None,
    uniform: torch.Tensor | None = None,
    gradient: Gradient = THROUGH,
    residual: Float[torch.Tensor, "R 1 O"] | None = None,
    ends: Int[torch.Tensor, "R B"] | None = None,
    state: State | None = None,
    states: bool = False,
) -> Rollout:
    """Run a model over sequences, by the engine of this process where it covers the rollout, else by the loop.

    Args:
        states: whether the states after every step are read; for the other arguments see `freerun.engine.rollout.rollout`.
    """
    if (
        setting() == "reference"
        or library() is None
        or operation.impossible(model, feedback, start, state=state, residual=residual) is not None
    ):
        return looped(
            model, weights, truth=truth, start=start, feedback=feedback, mask=mask, inputs=inputs, uniform=uniform,
            gradient=gradient, residual=residual, ends=ends, state=state,
        )  # fmt: skip
    return operation.rollout(
        model, weights, truth=truth, start=start, feedback=feedback, mask=mask, inputs=inputs, uniform=uniform,
        gradient=gradient, residual=residual, ends=ends, state=state, states=states,
    )  # fmt: skip
