"""Direct forecast: every later step from what the warm-up has said and the lead alone, the baseline without feedback.

    h_t = GRU(u_t, h_{t-1}) up to the first step w behind the warm-up, u_t = [x_t ; f_{t-1}],
    z_t = tanh(b + A [h_w ; x_t ; p_j]),  o_t = c + V z_t,  j = t - w + 1

A direct multi-step forecast (Marcellino, Stock & Watson 2006; Ben Taieb et al. 2012, section 2.2) by one network for all leads,
an encoder and a decoder without recurrence that is told the lead (Wen et al. 2017, section 3.1). p_j are sines and cosines of
the lead j (Vaswani et al. 2017, section 3.5), which has no upper limit. The last feed that is read, f_{w-1}, is the truth at
the end of the warm-up. What is fed later reaches no output, so that forced and free running are one and the same, to the bit,
under every regime. Within the warm-up h_t takes the place of h_w, and j is 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import ConfigError, require
from freerun.parts.layers import Shape, State, Weights, linear, over_time, project
from freerun.parts.models import Model, scan
from freerun.parts.models.gru import GRU
from freerun.parts.models.transformer import positions


@dataclass(kw_only=True)
class Direct(Model):
    """All steps behind the warm-up from the warm-up, none from another: no feedback, no exposure bias.

    The state is h and a tensor of width 0, behind the release of width 1: how many steps were made since.

    Attributes:
        hidden: H, the width of the state and of the layer that answers.
    """

    needs_feedback: ClassVar[bool] = True
    releases: ClassVar[bool] = True
    deaf: ClassVar[bool] = True

    hidden: int = 64

    def __post_init__(self) -> None:
        require(self.hidden >= 1, "hidden", self.hidden, "be at least 1")

    def reader(self) -> GRU:
        """Return the cell that reads the warm-up."""
        return GRU(hidden=self.hidden)

    def shapes(self, inputs: int, outputs: int) -> dict[str, Shape]:
        if inputs < outputs:
            raise ConfigError(
                f"model=direct: its input ends with what was fed back, but is {inputs} wide, the output {outputs}; "
                "choose a feedback that feeds every output"
            )
        cell = {name: shape for name, shape in self.reader().shapes(inputs, 1).items() if not name.startswith("output")}
        mix = linear("mix", 2 * self.hidden + inputs - outputs, self.hidden)
        return cell | mix | linear("output", self.hidden, outputs)

    def start(self, replicas: int, batch: int, like: torch.Tensor) -> State:
        return like.new_zeros(replicas, batch, self.hidden), like.new_zeros(replicas, batch, 0)

    def release(self, weights: Weights, state: State) -> State:
        return state[0], state[0].new_zeros(*state[0].shape[:2], 1)

    def summary(self, state: State, like: Float[torch.Tensor, "R B O"]) -> Float[torch.Tensor, "R B H"]:
        return state[0]

    def unroll(
        self, weights: Weights, u: Float[torch.Tensor, "T R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "T R B O"], State]:
        (h, made), steps = state, len(u)
        cell, released, taken = self.reader(), bool(made.shape[-1]), self.taken(state)
        read = u[: max(0, 1 - taken)] if released else u
        hidden = [h] * steps
        if len(read):
            states, (h,) = scan(lambda part, old: ((new := cell.advance(weights, part, old)), (new,)), read, (h,))
            hidden = [h] * steps if released else list(states.unbind(0))
        place = positions(taken + 1 if released else 1, steps if released else 1, self.hidden, u.dtype, u.device)
        outside = u[..., : u.shape[-1] - weights["output.bias"].shape[-1]]
        told = torch.cat([torch.stack(hidden), outside, place[:, None, None].expand(steps, *u.shape[1:3], -1)], -1)
        outputs = over_time(lambda flat: project(weights, "output", torch.tanh(project(weights, "mix", flat))), told)
        return outputs, (h, made + steps)

    def taken(self, state: State) -> int:
        """Return how many steps were made since the release; 0 before it."""
        return int(state[1][0, 0, 0]) if state[1].shape[-1] else 0
