"""Model: a learner, as a step and as the same step over a whole sequence at once.

A model is a dataclass of settings. It holds neither weights nor state: both are arguments, both have the replica axis in front
of the batch. Letters: `T` time, `R` replicas, `B` batch, `I` the input, u_t = [x_t ; f_{t-1}], `O` the output, `H` hidden.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.parts.layers import Shape, State, Weights
from freerun.parts.settings import PartType, Shown


@dataclass(kw_only=True)
class Model(Shown, metaclass=PartType):
    """A recurrent model as settings. Subclasses are final: one file, one class.

    A subclass declares in its body, as `name = value`, what differs from the default here.

    Attributes:
        emits: ``each``: an output at every step; ``last``: one for the whole sequence.
        memoryless: what was fed back is the only memory (such a model needs feedback).
        reads: of how many steps what was fed back is read; a memoryless model keeps those before the last in its state, and
            no more.
        needs_feedback: the formula reads what was fed back, so that something has to be fed (always so for a memoryless
            model).
        remembers_all: the state grows with every step, so that a long closed loop is dear and an evaluation has none unless
            it is asked for.
        for_fields: for fields on a ring of points alone: what is fed back and predicted is one value a point (see
            `Task.field`).
        releases: the steps behind the warm-up are made otherwise than those within: `release` stands between them.
        deaf: behind the release nothing that is fed is read, but what the warm-up has fed last, which enters the first
            step.
        solves: the readout, the weights ``output.*``, is solved in closed form from `features`, and nothing is learnt by a
            gradient.
        correctable: the output is ``output.bias + h @ output.weight`` for a part h of the state, which `corrected` changes.
    """

    emits: ClassVar[str] = "each"
    memoryless: ClassVar[bool] = False
    reads: ClassVar[int] = 1
    needs_feedback: ClassVar[bool] = False
    remembers_all: ClassVar[bool] = False
    for_fields: ClassVar[bool] = False

    releases: ClassVar[bool] = False
    deaf: ClassVar[bool] = False

    solves: ClassVar[bool] = False
    correctable: ClassVar[bool] = False

    @abstractmethod
    def shapes(self, inputs: int, outputs: int) -> dict[str, Shape]:
        """Return the weights for input width I and output width O."""

    def drawn(self, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the weights that training begins with, for those drawn uniformly by `shapes`, ``[R in out]``."""
        return dict(weights)

    def features(self, state: State) -> Float[torch.Tensor, "R B H"]:
        """Return what the readout of a model that `solves` sees: the output is ``output.bias + features @ output.weight``."""
        raise NotImplementedError(f"{type(self).__name__} has no readout that is solved")

    def products(self, inputs: int, outputs: int) -> int:
        """Return how often a weight is multiplied in one step of one sequence: once each, unless weights are shared."""
        return sum(shape.rows * shape.columns for shape in self.shapes(inputs, outputs).values())

    def idle(self) -> str | None:
        """Return what its settings leave without effect, and the remedy, in a few words, for a note; None for nothing."""
        return None

    @property
    def thinned(self) -> int:
        """D, of how many numbers of a step training drops some (dropout), by the draws of `dropping`; 0 for none."""
        return 0

    def dropping(self, draws: Float[torch.Tensor, "*batch D"]) -> Model:
        """Return this model as it is in training, where draws decide what is dropped.

        Args:
            draws: uniform on [0, 1), ``[R B D]`` for `step`, ``[T R B D]`` for `unroll`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no dropout")

    def kept(self, inputs: int, outputs: int) -> int:
        """Return half of how many numbers a step of one sequence keeps for its gradient, beside its input; a rough count."""
        return sum(shape.columns for shape in self.shapes(inputs, outputs).values())

    @abstractmethod
    def start(self, replicas: int, batch: int, like: torch.Tensor) -> State:
        """Return the state before the first step (zeros), with the dtype and device of `like`."""

    def step(
        self, weights: Weights, u: Float[torch.Tensor, "R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "R B O"], State]:
        """One step: the output o_t and the next state. By default `unroll` over that step alone."""
        outputs, state = self.unroll(weights, u[None], state)
        return outputs[0], state

    @abstractmethod
    def unroll(
        self, weights: Weights, u: Float[torch.Tensor, "T R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "T R B O"], State]:
        """Repeat the step over inputs that are known beforehand; equal to it in value and gradient, only faster."""

    def release(self, weights: Weights, state: State) -> State:
        """Return the state that enters the first step behind the warm-up, for a model that `releases`."""
        return state

    def corrected(self, state: State, change: Float[torch.Tensor, "R B H"]) -> State:
        """Return the state with a change added to the part that the output map reads, of a model that is `correctable`."""
        raise NotImplementedError(f"{type(self).__name__} has no state that its output map reads")

    def summary(self, state: State, like: Float[torch.Tensor, "R B O"]) -> Float[torch.Tensor, "R B H"]:
        """Return the hidden state as one vector whose width stays the same from step to step; width 0 if there is none.

        Args:
            state: what `step` left behind.
            like: an output of the same step.
        """
        return torch.cat(state, -1) if state else like[..., :0]


def scan(
    advance: Callable[[torch.Tensor, State], tuple[torch.Tensor, State]],
    drive: Float[torch.Tensor, "T R B D"],
    state: State,
) -> tuple[Float[torch.Tensor, "T R B H"], State]:
    """Carry a state over a known drive: what `unroll` needs where only the hidden path is sequential."""
    hidden = []
    for slice_ in drive.unbind(0):
        h, state = advance(slice_, state)
        hidden.append(h)
    return torch.stack(hidden), state
