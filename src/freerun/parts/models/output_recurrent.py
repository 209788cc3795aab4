"""Jordan network: recurrence through the output alone.

    h_t = tanh(b + U u_t),  o_t = c + V h_t,  u_t = [x_t ; f_{t-1} ; ... ; f_{t-k}]

(Jordan 1986; Goodfellow et al. 2016, section 10.2.1; with k > 1 the tapped delay line of Narendra & Parthasarathy 1990, model
III, and of the NARX network of Lin, Horne, Tino & Giles 1996.) There is no hidden-to-hidden path: what the outputs of the last
k steps say is all that is known of the past. Under teacher forcing all steps are therefore decoupled, and `unroll` is one
product. Before the first step the older feeds are 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import ConfigError, require
from freerun.parts.layers import Shape, State, Weights, linear, over_time, project
from freerun.parts.models import Model
from freerun.parts.settings import LATER


@dataclass(kw_only=True)
class OutputRecurrent(Model):
    """Jordan network: the only memory is what was fed back.

    With `order` above 1 the state is one tensor, the feeds before the last, the latest first; before the first step its width
    is 0. The rows of ``input.weight`` are those of x_t, f_{t-1}, ..., f_{t-k}.

    Attributes:
        hidden: H, the width of the hidden layer.
        order: k, of how many steps what was fed back is read.
    """

    memoryless: ClassVar[bool] = True

    hidden: int = 64
    order: int = field(default=1, metadata=LATER)

    def __post_init__(self) -> None:
        require(self.hidden >= 1, "hidden", self.hidden, "be at least 1")
        require(self.order >= 1, "order", self.order, "be at least 1")

    @property
    def reads(self) -> int:  # type: ignore[override]
        """Of how many steps what was fed back is read."""
        return self.order

    @property
    def needs_feedback(self) -> bool:  # type: ignore[override]
        """Whether the last columns of its input have to be what was fed back."""
        return self.order > 1

    def shapes(self, inputs: int, outputs: int) -> dict[str, Shape]:
        if self.order > 1 and inputs < outputs:
            raise ConfigError(
                f"model.order={self.order}: what was fed back is kept, but the input is {inputs} wide, the output {outputs}; "
                "choose a feedback that feeds every output"
            )
        wide = inputs + (self.order - 1) * outputs
        return linear("input", wide, self.hidden) | linear("output", self.hidden, outputs)

    def start(self, replicas: int, batch: int, like: torch.Tensor) -> State:
        return (like.new_zeros(replicas, batch, 0),) if self.order > 1 else ()

    def summary(self, state: State, like: Float[torch.Tensor, "R B O"]) -> Float[torch.Tensor, "R B H"]:
        return like[..., :0]

    def step(
        self, weights: Weights, u: Float[torch.Tensor, "R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "R B O"], State]:
        if self.order == 1:
            return self.answer(weights, u), state
        width = weights["output.bias"].shape[-1]
        earlier = self.earlier(state, width)
        kept = torch.cat([u[..., u.shape[-1] - width :], earlier], -1)[..., : earlier.shape[-1]]
        return self.answer(weights, torch.cat([u, earlier], -1)), (kept,)

    def unroll(
        self, weights: Weights, u: Float[torch.Tensor, "T R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "T R B O"], State]:
        if self.order > 1:
            steps, width = len(u), weights["output.bias"].shape[-1]
            before = self.earlier(state, width)
            oldest_first = before.reshape(*before.shape[:2], self.order - 1, width).movedim(-2, 0).flip(0)
            feeds = torch.cat([oldest_first, u[..., u.shape[-1] - width :]])  # f of step s is entry s + order - 1
            earlier = [feeds[self.order - 1 - lag :][:steps] for lag in range(1, self.order)]
            u, state = torch.cat([u, *earlier], -1), (torch.cat(feeds[steps:].flip(0).unbind(0), -1),)
        return over_time(lambda flat: self.answer(weights, flat), u), state

    def answer(self, weights: Weights, read: Float[torch.Tensor, "R B I"]) -> Float[torch.Tensor, "R B O"]:
        """Return the output for all that is read at a step: o_t."""
        return project(weights, "output", torch.tanh(project(weights, "input", read)))

    def earlier(self, state: State, width: int) -> Float[torch.Tensor, "R B D"]:
        """Return the feeds before the last, each `width` wide, the latest first; zeros before the first step."""
        kept = state[0]
        return kept if kept.shape[-1] else kept.new_zeros(*kept.shape[:2], (self.order - 1) * width)
