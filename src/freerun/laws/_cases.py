"""Cases for the laws of a model: every size that it can take, from small to large, by its step and unrolled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from freerun.laws.toolkit import noise, weights_of
from freerun.parts.layers import State, Weights
from freerun.parts.models import Model

#: A way to run a model over known inputs.
Run = Callable[[Model, Weights, torch.Tensor, State], tuple[torch.Tensor, State]]
R = 3
#: Steps and batch, from small to large.
SIZES = ((1, 1), (2, 2), (5, 4))


def loop(model: Model, weights: Weights, u: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
    """The step, repeated: the definition of `unroll`."""
    outputs = []
    for u_t in u:
        out, state = model.step(weights, u_t, state)
        outputs.append(out)
    return torch.stack(outputs), state


def unrolled(model: Model, weights: Weights, u: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
    """The short cut."""
    return model.unroll(weights, u, state)


#: Both, by the name for a message.
RUNS: dict[str, Run] = {"step": loop, "unroll": unrolled}


@dataclass(frozen=True, kw_only=True)
class Case:
    """A model at one size, with weights, inputs and the state before the first step."""

    model: Model
    steps: int
    batch: int
    inputs: int
    outputs: int
    dtype: torch.dtype = torch.float64

    def __str__(self) -> str:
        """The size in words, for the end of a message."""
        dtype = str(self.dtype).removeprefix("torch.")
        return f"(inputs {self.inputs}, outputs {self.outputs}, {self.steps} steps, batch {self.batch}, {dtype})"

    @property
    def weights(self) -> dict[str, torch.Tensor]:
        """Initial weights of R replicas."""
        return weights_of(self.model, self.inputs, self.outputs, R, self.dtype)

    @property
    def u(self) -> torch.Tensor:
        """Inputs ``[T R B I]``, differentiable."""
        return noise(self.steps, R, self.batch, self.inputs, dtype=self.dtype).requires_grad_()

    @property
    def start(self) -> State:
        """The state before the first step."""
        return self.model.start(R, self.batch, torch.empty(R, self.batch, self.inputs, dtype=self.dtype))


def widths(model: Model, *, odd: bool = False) -> list[tuple[int, int]]:
    """Input and output widths that a model can take, from small to large.

    A model of fields maps a field to itself; one that runs on its feed has at least its own outputs as inputs; any other may
    have no input at all.

    Args:
        model: the model.
        odd: take them from 1 to 7, so that no vector of a processor divides them.
    """
    if model.for_fields:
        return [(1, 1), (2, 2), (3, 3)] + [(7, 7)] * odd
    if model.needs_feedback:
        return [(1, 1), (7, 3), (7, 1)] if odd else [(1, 1), (2, 2), (3, 2)]
    return [(0, 2), (1, 1), (3, 7), (7, 1)] if odd else [(0, 2), (1, 1), (3, 2)]


def cases(model: Model, *, deaf: bool = True, least: int = 1) -> Iterator[Case]:
    """Cases from small to large.

    Args:
        model: the model.
        deaf: whether input width 0 is among them.
        least: how many steps, and rows of a batch, a case must have.
    """
    for steps, batch in SIZES:
        for inputs, outputs in widths(model):
            if min(steps, batch) >= least and (inputs or deaf):
                yield Case(model=model, steps=steps, batch=batch, inputs=inputs, outputs=outputs)
