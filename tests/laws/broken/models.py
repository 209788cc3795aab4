"""Models with one fault each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch

from freerun.models.gru import GRU
from freerun.models.hidden_recurrent import HiddenRecurrent


class FastPathDiffers(HiddenRecurrent):
    """The short cut forgets the bias of the output."""

    def unroll(self, weights, u, state):
        outputs, state = super().unroll(weights, u, state)
        return outputs - weights["output.bias"], state


class FastPathCutsTheGradient(HiddenRecurrent):
    """Right in value, but the short cut detaches the state."""

    def unroll(self, weights, u, state):
        outputs = []
        for u_t in u:
            out, state = self.step(weights, u_t, tuple(part.detach() for part in state))
            outputs.append(out)
        return torch.stack(outputs), state


class SeesTheFuture(HiddenRecurrent):
    """The short cut centres its inputs over time."""

    def unroll(self, weights, u, state):
        return super().unroll(weights, u - u.mean(0), state)


class Deaf(HiddenRecurrent):
    """The input is never read."""

    def step(self, weights, u, state):
        return super().step(weights, u * 0, state)


class NormalisesOverTheBatch(HiddenRecurrent):
    """Batch statistics make the rows of a batch know each other."""

    def step(self, weights, u, state):
        return super().step(weights, u - u.mean(1, keepdim=True), state)


class BroadcastsOneState(HiddenRecurrent):
    """The state of the first row stands for all."""

    def step(self, weights, u, state):
        return super().step(weights, u, (state[0][:, :1].expand_as(state[0]),))


class SharesWeights(HiddenRecurrent):
    """The output map is the mean over replicas."""

    def step(self, weights, u, state):
        mean = weights["output.weight"].mean(0, keepdim=True).expand_as(weights["output.weight"])
        return super().step({**weights, "output.weight": mean}, u, state)


class StartsAgain(HiddenRecurrent):
    """The short cut ignores the state that it was given."""

    def unroll(self, weights, u, state):
        return super().unroll(weights, u, tuple(part * 0 for part in state))


@dataclass(kw_only=True)
class KeepsState(HiddenRecurrent):
    """The part itself remembers the last call."""

    kept: list = field(default_factory=list)

    def unroll(self, weights, u, state):
        outputs, state = super().unroll(weights, u, self.kept.pop() if self.kept else state)
        self.kept.append(state)
        return outputs, state


class StartsAtRandom(HiddenRecurrent):
    """The hidden state is noise at first."""

    def start(self, replicas, batch, like):
        return (torch.randn(replicas, batch, self.hidden, dtype=like.dtype),)


class ClaimsNoMemory(HiddenRecurrent):
    """Says it has no memory but its feedback."""

    memoryless: ClassVar[bool] = True


class PlainSigmoid(HiddenRecurrent):
    """The vectorised logistic function rounds differently in the last elements of a tensor."""

    def step(self, weights, u, state):
        out, state = super().step(weights, u, state)
        return torch.sigmoid(out), state


class SwappedGates(GRU):
    """The update gate keeps what it should replace."""

    def advance(self, weights, u, state):
        (h,) = state
        return h - super().advance(weights, u, state)
