"""Model: an affine map of what was fed and of its square."""

from dataclasses import dataclass

import torch

from freerun import Model
from freerun.parts.layers import linear, over_time, project


@dataclass(kw_only=True)
class Bilinear(Model):
    """o = b + V [u ; u * u], without a state."""

    memoryless = True

    def shapes(self, inputs, outputs):
        return linear("output", 2 * inputs, outputs)

    def start(self, replicas, batch, like):
        return ()

    def unroll(self, weights, u, state):
        return over_time(lambda x: project(weights, "output", torch.cat([x, x * x], -1)), u), state
