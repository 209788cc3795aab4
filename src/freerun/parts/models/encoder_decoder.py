"""Encoder and decoder: one cell reads the warm-up, another one of its own width goes on from what the first has understood.

    s_t = E(u_t, s_{t-1}) for t < w,  d_{w-1} = b + M s_{w-1},  o_t, d_t = D(u_t, d_{t-1}) for t >= w,  u_t = [x_t ; f_{t-1}]

(Cho et al. 2014, section 2.2; Sutskever et al. 2014; w steps of warm-up.) The decoder begins with what the warm-up has fed
last, f_{w-1}, as its first symbol. M is linear, one map for each part of the decoder's state (h, and c of an LSTM) of all parts
of the encoder's. Within the warm-up o_t is what the decoder would say if it began there: D(u_t, b + M s_{t-1}).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import require
from freerun.parts.layers import Shape, State, Weights, linear, project
from freerun.parts.models import Model
from freerun.parts.models.gru import GRU
from freerun.parts.models.hidden_recurrent import HiddenRecurrent
from freerun.parts.models.lstm import LSTM


class Cell(Enum):
    """A recurrent cell, by the name of its model."""

    gru = "gru"
    lstm = "lstm"
    hidden_recurrent = "hidden_recurrent"

    def model(self, hidden: int) -> Model:
        """Return the model of this cell."""
        return _model(self, hidden)

    @property
    def parts(self) -> int:
        """Of how many vectors its state consists."""
        return 2 if self is Cell.lstm else 1


@cache
def _model(cell: Cell, hidden: int) -> Model:
    """Return the model of a cell, the same one each time: it is asked for at every step of a closed loop."""
    if cell is Cell.gru:
        return GRU(hidden=hidden)
    return LSTM(hidden=hidden) if cell is Cell.lstm else HiddenRecurrent(hidden=hidden)


@dataclass(kw_only=True)
class EncoderDecoder(Model):
    """An encoder that reads the warm-up, and a decoder of its own that goes on.

    The state holds the parts of the encoder's, those of the decoder's, and a tensor of width 0, behind the release of width 1.
    The work of training (`products`) is counted as if both cells were computed at every step.

    Attributes:
        hidden: H, the width of the decoder.
        cell: of the decoder.
        encoder: the cell of the encoder.
        encoder_hidden: its width.
    """

    releases: ClassVar[bool] = True

    hidden: int = 64
    cell: Cell = Cell.gru
    encoder: Cell = Cell.gru
    encoder_hidden: int = 64

    def __post_init__(self) -> None:
        require(self.hidden >= 1, "hidden", self.hidden, "be at least 1")
        require(self.encoder_hidden >= 1, "encoder_hidden", self.encoder_hidden, "be at least 1")

    def reader(self) -> Model:
        """Return the model that reads the warm-up."""
        return self.encoder.model(self.encoder_hidden)

    def speaker(self) -> Model:
        """Return the model that goes on."""
        return self.cell.model(self.hidden)

    def shapes(self, inputs: int, outputs: int) -> dict[str, Shape]:
        read = {name: shape for name, shape in self.reader().shapes(inputs, 1).items() if not name.startswith("output")}
        named = {f"encoder.{name}": shape for name, shape in read.items()}
        for part in range(self.cell.parts):
            named |= linear(f"bridge.{part}", self.encoder.parts * self.encoder_hidden, self.hidden)
        return named | {f"decoder.{name}": shape for name, shape in self.speaker().shapes(inputs, outputs).items()}

    def start(self, replicas: int, batch: int, like: torch.Tensor) -> State:
        cells = (cell.start(replicas, batch, like) for cell in (self.reader(), self.speaker()))
        return (*(part for parts in cells for part in parts), like.new_zeros(replicas, batch, 0))

    def release(self, weights: Weights, state: State) -> State:
        read = state[: self.encoder.parts]
        return (*read, *self.begun(weights, torch.cat(read, -1)), read[0].new_zeros(*read[0].shape[:2], 1))

    def summary(self, state: State, like: Float[torch.Tensor, "R B O"]) -> Float[torch.Tensor, "R B H"]:
        return torch.cat(state[self.encoder.parts : -1], -1)

    def unroll(
        self, weights: Weights, u: Float[torch.Tensor, "T R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "T R B O"], State]:
        """Within the warm-up the decoder is computed for all steps at once, behind it step by step."""
        read, spoken, released = state[: self.encoder.parts], state[self.encoder.parts : -1], state[-1]
        said = _within(weights, "decoder.")
        if released.shape[-1]:
            outputs, spoken = self.speaker().unroll(said, u, spoken)
            return outputs, (*read, *spoken, released)
        steps, replicas, batch, width = u.shape
        silent = {"output.weight": u.new_zeros(replicas, self.encoder_hidden, 0), "output.bias": u.new_zeros(replicas, 1, 0)}
        listening, reader, before = {**_within(weights, "encoder."), **silent}, self.reader(), []
        for u_t in u:
            before.append(torch.cat(read, -1))
            _, read = reader.step(listening, u_t, read)
        flat = u.transpose(0, 1).reshape(replicas, steps * batch, width)
        begun = self.begun(weights, torch.stack(before, 1).flatten(1, 2))
        outputs, spoken = self.speaker().step(said, flat, begun)
        last = tuple(part[:, (steps - 1) * batch :] for part in spoken)
        return outputs.reshape(replicas, steps, batch, -1).transpose(0, 1), (*read, *last, released)

    def begun(self, weights: Weights, read: Float[torch.Tensor, "R B D"]) -> State:
        """Return the state in which the decoder begins after what the encoder has read."""
        return tuple(project(weights, f"bridge.{part}", read) for part in range(self.cell.parts))


def _within(weights: Weights, prefix: str) -> Mapping[str, torch.Tensor]:
    """Return the weights whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
