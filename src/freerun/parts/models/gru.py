"""Gated recurrent unit.

    r = sigmoid(b_r + U_r u + W_r h),  z = sigmoid(b_z + U_z u + W_z h),
    n = tanh(b_n + U_n u + r * (c_n + W_n h)),  h' = (1 - z) * n + z * h,  o = d + V h'

(Cho et al. 2014, in the variant with the reset gate behind the product, as in cuDNN and `torch.nn.GRU`).
Weights start in U(-1/sqrt(H), 1/sqrt(H)), as there. The gates r and z have one bias where torch has the sum of two, which say
nothing more: it starts with half the variance, 1/(3 H) against 2/(3 H), and moves half as far in an update of Adam. b_n and c_n
are torch's own two.

With `layers` above 1 each layer reads the hidden states of the one below in place of u, as in `torch.nn.GRU`, and the output
map those of the last.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.parts.layers import Shape, State, Weights
from freerun.parts.models import scan
from freerun.parts.models._stacked import Stacked

GATES = ("reset", "keep", "new")


@dataclass(kw_only=True)
class GRU(Stacked):
    """Gated recurrent unit with output feedback.

    The weights ``input.*`` hold U with the bias b as their last row; ``recurrent.bias`` is c_n.

    Attributes:
        hidden: H, the width of the hidden state of each layer.
        layers: how many layers are on top of each other; the output map reads the last.
        dropout: the share of what a layer hands to the next one that is dropped in training, in [0, 1).
    """

    def cell(self, inputs: int) -> dict[str, Shape]:
        size, bound = self.hidden, 1 / math.sqrt(self.hidden)
        drive = {f"input.{gate}": Shape(rows=inputs + 1, columns=size, bound=bound) for gate in GATES}
        carry = {f"recurrent.{gate}": Shape(rows=size, columns=size, bound=bound) for gate in GATES}
        return drive | carry | {"recurrent.bias": Shape(rows=1, columns=size, bound=bound)}

    def once(
        self, weights: Weights, u: Float[torch.Tensor, "R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "R B H"], State]:
        h = self.advance(weights, u, state)
        return h, (h,)

    def along(
        self, weights: Weights, u: Float[torch.Tensor, "T R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "T R B H"], State]:
        from freerun.parts.models._gated import GatedScan

        if type(self) is not GRU:  # whose step may be another
            return scan(lambda part, h: self.once(weights, part, h), u, state)
        hidden = self.padded(GatedScan, weights, u, state)
        return hidden, (hidden[-1],)

    def advance(self, weights: Weights, u: Float[torch.Tensor, "R B I"], state: State) -> Float[torch.Tensor, "R B H"]:
        """Run a layer's hidden path, h_t."""
        from freerun.parts.models._gated import GatedStep

        return self.padded(GatedStep, weights, u, state)

    def padded(
        self, node: type[torch.autograd.Function], weights: Weights, u: Float[torch.Tensor, "*time R B I"], state: State
    ) -> Float[torch.Tensor, "*time R B H"]:
        """Apply a node; widths of 1 are padded with zeros, for which every formula here gives zeros."""
        arguments = [u, state[0], *(weights[f"{path}.{gate}"] for path in ("input", "recurrent") for gate in GATES)]
        arguments.append(weights["recurrent.bias"])
        if self.hidden == 1 or u.shape[-1] == 0:
            columns, rows = int(self.hidden == 1), int(u.shape[-1] == 0)
            pads = [(0, rows), (0, columns), *3 * [(0, columns, rows, 0)], *3 * [(0, columns, 0, columns)], (0, columns)]
            arguments = [torch.nn.functional.pad(value, pad) for value, pad in zip(arguments, pads, strict=True)]
        new: torch.Tensor = node.apply(*arguments)  # type: ignore[no-untyped-call]
        return new if self.hidden > 1 else new[..., :1]
