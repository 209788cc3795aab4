"""Gated readout: what a diagonal linear recurrence needs to be more than a linear filter.

    m_t = d + M [s_t ; u_t],   o_t = c + V (m_t * sigmoid(g + G m_t))

A gated linear unit (Dauphin et al. 2017) in front of the output map, as behind the recurrence in the blocks of Orvieto et al.
2023, appendix A. All weights start as in `torch.nn.Linear`.
"""

from __future__ import annotations

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.parts.layers import Shape, Weights, linear, logistic, project


def readout_shapes(state: int, inputs: int, width: int, outputs: int) -> dict[str, Shape]:
    """Return the weights of a readout.

    Args:
        state, inputs, outputs: the widths of s_t, u_t and o_t.
        width: that of m_t.
    """
    return linear("mix", state + inputs, width) | linear("gate", width, width) | linear("output", width, outputs)


def gated_readout(
    weights: Weights, u: Float[torch.Tensor, "R M I"], *state: Float[torch.Tensor, "R M _"]
) -> Float[torch.Tensor, "R M O"]:
    """Return the outputs of M states, each in one or more parts, and their inputs."""
    m = project(weights, "mix", torch.cat([*state, u], -1))
    return project(weights, "output", m * logistic(project(weights, "gate", m)))
