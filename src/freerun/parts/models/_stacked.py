"""Stack of recurrent layers: each reads the hidden states of the one below, and the output map those of the last.

As `torch.nn.RNN`, `torch.nn.GRU` and `torch.nn.LSTM` with `num_layers`. The weights of layer k, counted from 0, have the names
of those of a single layer, behind ``k.`` from the second layer on.

With `dropout` p, as there: in training each number that a layer hands to the next one is 0 with probability p and else divided
by 1 - p, anew at every step of every sequence (Zaremba et al. 2014, "Recurrent neural network regularization"); what a layer
carries over time, and what the output map reads, is never dropped. Measured is the whole model.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from typing import Any, ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import require
from freerun.parts.layers import MOST_LAYERS, Shape, State, Weights, linear, over_time, project
from freerun.parts.models import Model
from freerun.parts.settings import LATER, OF_TRAINING


@dataclass(kw_only=True)
class Stacked(Model):
    """Recurrent layers on top of each other, with a linear output map.

    Attributes:
        hidden: H, the width of the hidden state of each layer.
        layers: how many layers.
        dropout: p, the share of what a layer hands to the next one that is dropped in training, in [0, 1).
    """

    #: What is multiplied with what each layer but the last hands on, where `dropping` has bound it.
    masks: ClassVar[Any] = None
    #: How many tensors ``[R B H]`` are the state of a layer.
    carried: ClassVar[int] = 1
    correctable: ClassVar[bool] = True

    hidden: int = 64
    layers: int = field(default=1, metadata=LATER)
    dropout: float = field(default=0.0, metadata={**LATER, **OF_TRAINING})

    def __post_init__(self) -> None:
        require(self.hidden >= 1, "hidden", self.hidden, "be at least 1")
        require(1 <= self.layers <= MOST_LAYERS, "layers", self.layers, f"be at least 1 and at most {MOST_LAYERS}")
        require(0 <= self.dropout < 1, "dropout", self.dropout, "lie in [0, 1)")
        if self.dropout and self.layers == 1:
            raise ValueError(f"dropout={self.dropout}: it lies between layers; set model.layers, or leave it out")

    @property
    def thinned(self) -> int:
        return self.hidden * (self.layers - 1) if self.dropout else 0

    def dropping(self, draws: Float[torch.Tensor, "*batch D"]) -> Stacked:
        bound = copy(self)
        vars(bound)["masks"] = (draws >= self.dropout).to(draws.dtype) / (1 - self.dropout)
        return bound

    @abstractmethod
    def cell(self, inputs: int) -> dict[str, Shape]:
        """Return the weights of one layer for inputs of this width."""

    @abstractmethod
    def once(
        self, weights: Weights, u: Float[torch.Tensor, "R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "R B H"], State]:
        """One step of one layer: h_t and its next state."""

    @abstractmethod
    def along(
        self, weights: Weights, u: Float[torch.Tensor, "T R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "T R B H"], State]:
        """All steps of one layer."""

    def shapes(self, inputs: int, outputs: int) -> dict[str, Shape]:
        shapes = self.cell(inputs)
        for number in range(1, self.layers):
            shapes |= {f"{number}.{name}": shape for name, shape in self.cell(self.hidden).items()}
        return shapes | linear("output", self.hidden, outputs)

    def start(self, replicas: int, batch: int, like: torch.Tensor) -> State:
        return tuple(like.new_zeros(replicas, batch, self.hidden) for _ in range(self.carried * self.layers))

    def corrected(self, state: State, change: Float[torch.Tensor, "R B H"]) -> State:
        read = self.carried * (self.layers - 1)
        return (*state[:read], state[read] + change, *state[read + 1 :])

    def step(
        self, weights: Weights, u: Float[torch.Tensor, "R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "R B O"], State]:
        h, state = self.through(self.once, weights, u, state)
        return project(weights, "output", h), state

    def unroll(
        self, weights: Weights, u: Float[torch.Tensor, "T R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "T R B O"], State]:
        hidden, state = self.through(self.along, weights, u, state)
        return over_time(lambda flat: project(weights, "output", flat), hidden), state

    def through(
        self,
        layer: Callable[[Weights, torch.Tensor, State], tuple[torch.Tensor, State]],
        weights: Weights,
        u: torch.Tensor,
        state: State,
    ) -> tuple[torch.Tensor, State]:
        """Run one layer after another; return what the last gives, and the states of all."""
        reached: list[torch.Tensor] = []
        for number, own in enumerate(self._by_layer(weights)):
            if number and self.masks is not None:
                u = u * self.masks[..., self.hidden * (number - 1) : self.hidden * number]
            u, after = layer(own, u, state[self.carried * number : self.carried * (number + 1)])
            reached += after
        return u, tuple(reached)

    def _by_layer(self, weights: Weights) -> list[dict[str, torch.Tensor]]:
        """Return the weights of each layer, by the names of a single one."""
        own: list[dict[str, torch.Tensor]] = [dict(weights), *({} for _ in range(1, self.layers))]
        if self.layers > 1:
            for name, value in weights.items():
                number, dot, rest = name.partition(".")
                if dot and number.isdecimal():
                    own[int(number)][rest] = value
        return own
