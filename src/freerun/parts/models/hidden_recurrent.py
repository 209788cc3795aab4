"""Elman network: recurrence through the hidden state.

    h_t = tanh(b + W h_{t-1} + U u_t),  o_t = c + V h_t,  u_t = [x_t ; f_{t-1}]        (Elman 1990; Goodfellow et al. 10.2)

Weights start in U(-1/sqrt(H), 1/sqrt(H)), as in `torch.nn.RNN`. There is one bias where torch has the sum of two, which say
nothing more: it starts with half the variance, 1/(3 H) against 2/(3 H), and moves half as far in an update of Adam.

With ``feedback=none`` nothing is fed back: a pure transducer, the control whose exposure gap is exactly 0.

With `layers` above 1 each layer reads the hidden states of the one below in place of u, as in `torch.nn.RNN`, and the output
map those of the last.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.parts.layers import Shape, State, Weights, affine, linear, over_time
from freerun.parts.models import scan
from freerun.parts.models._stacked import Stacked


@dataclass(kw_only=True)
class HiddenRecurrent(Stacked):
    """Elman network: a tanh hidden state, with output feedback or (feedback=none) without.

    Attributes:
        hidden: H, the width of the hidden state of each layer.
        layers: how many layers are on top of each other; the output map reads the last.
        dropout: the share of what a layer hands to the next one that is dropped in training, in [0, 1).
    """

    def cell(self, inputs: int) -> dict[str, Shape]:
        size = self.hidden
        recurrent = linear("recurrent", size, size)
        del recurrent["recurrent.bias"]
        return linear("input", inputs, size, fan=size) | recurrent

    def once(
        self, weights: Weights, u: Float[torch.Tensor, "R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "R B H"], State]:
        return self.advance(weights, self.drive(weights, u), state)

    def along(
        self, weights: Weights, u: Float[torch.Tensor, "T R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "T R B H"], State]:
        from freerun.parts.models._tanh_scan import TanhScan

        drive = over_time(lambda flat: self.drive(weights, flat), u)
        if type(self) is not HiddenRecurrent:  # whose step may be another
            return scan(lambda d, s: self.advance(weights, d, s), drive, state)
        arguments = [drive, state[0], weights["recurrent.weight"]]
        if self.hidden == 1:  # padded with zeros, for which the formula gives zeros
            arguments = [torch.nn.functional.pad(value, (0, 1, 0, int(k == 2))) for k, value in enumerate(arguments)]
        hidden: torch.Tensor = TanhScan.apply(*arguments)  # type: ignore[no-untyped-call]
        hidden = hidden[..., : self.hidden]
        return hidden, (hidden[-1],)

    def drive(self, weights: Weights, u: Float[torch.Tensor, "R B I"]) -> Float[torch.Tensor, "R B H"]:
        """Return what the input adds, b + U u_t; a product also at width 0, for a gradient with the same bits in any group."""
        weight = weights["input.weight"] if u.shape[-1] else u.new_zeros(len(u), 0, self.hidden)
        return affine(u, weight, weights["input.bias"])

    def advance(
        self, weights: Weights, drive: Float[torch.Tensor, "R B H"], state: State
    ) -> tuple[Float[torch.Tensor, "R B H"], State]:
        """Run the hidden path alone: h_t for a drive b + U u_t."""
        h = torch.tanh(affine(state[0], weights["recurrent.weight"], drive))
        return h, (h,)
