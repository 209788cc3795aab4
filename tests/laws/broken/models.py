"""Models with one fault each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch

from freerun.parts.models import Model
from freerun.parts.models.convolution import Convolution
from freerun.parts.models.direct import Direct
from freerun.parts.models.encoder_decoder import EncoderDecoder
from freerun.parts.models.gru import GRU
from freerun.parts.models.hidden_recurrent import HiddenRecurrent
from freerun.parts.models.linear import Linear
from freerun.parts.models.lru import LRU
from freerun.parts.models.lstm import LSTM
from freerun.parts.models.min_gru import MinGRU
from freerun.parts.models.output_recurrent import OutputRecurrent
from freerun.parts.models.selective_ssm import SelectiveSSM
from freerun.parts.models.shallow_plrnn import ShallowPLRNN
from freerun.parts.models.stencil import Stencil
from freerun.parts.models.transformer import Transformer


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


class ReadsOneTooFar(HiddenRecurrent):
    """Says that it reads two feeds, and has a state that reads all."""

    memoryless: ClassVar[bool] = True
    needs_feedback: ClassVar[bool] = True
    reads: ClassVar[int] = 2


@dataclass(kw_only=True)
class KeepsInputs(OutputRecurrent):
    """The delay line holds the input from outside in place of a feed."""

    order: int = 2

    def step(self, weights, u, state):
        width = weights["output.bias"].shape[-1]
        outputs, _ = super().step(weights, u, state)
        return outputs, (u[..., :width],)


@dataclass(kw_only=True)
class LosesTheOldest(OutputRecurrent):
    """The delay line is one feed too short."""

    order: int = 3

    def step(self, weights, u, state):
        outputs, (kept,) = super().step(weights, u, state)
        width = weights["output.bias"].shape[-1]
        return outputs, (torch.cat([kept[..., :-width], torch.zeros_like(kept[..., -width:])], -1),)


class OldestFirst(OutputRecurrent):
    """The older feeds stand in the wrong order."""

    def unroll(self, weights, u, state):
        width = weights["output.bias"].shape[-1]
        head, first, *lines = weights["input.weight"].split([u.shape[-1] - width, *[width] * self.order], 1)
        return super().unroll({**weights, "input.weight": torch.cat([head, first, *lines[::-1]], 1)}, u, state)


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


class KnowsTheLength(HiddenRecurrent):
    """The short cut counts steps as a share of the whole: no gradient reaches back, and yet padding changes all."""

    def unroll(self, weights, u, state):
        place = torch.arange(len(u), dtype=u.dtype) / len(u)
        outputs, state = super().unroll(weights, u, state)
        return outputs + place[:, None, None, None], state


class NoMask(Transformer):
    """Attention without a causal mask."""

    def seen(self, query, keys, values):
        heads, width = 1, self.hidden
        split = [part.unflatten(-1, (heads, width)).transpose(-2, -3) for part in (query, keys, values)]
        found = torch.nn.functional.scaled_dot_product_attention(*split)
        return found.transpose(-2, -3).flatten(-2).flatten(1, 2)


class CacheLosesOne(Transformer):
    """The cache is off by one: the newest step is not in it."""

    def step(self, weights, u, state):
        outputs, (*cache, last) = super().step(weights, u, state)
        return outputs, (*(part[..., : -self.hidden] for part in cache), last)


class ForgetsItsPlace(Transformer):
    """Steps are counted from the start of the call, not of the sequence."""

    def unroll(self, weights, u, state):
        outputs, new = super().unroll(weights, u, self.start(*u.shape[1:3], u[0]))
        *cache, last = new
        return outputs, (*(torch.cat([old, part], -1) for old, part in zip(state, cache, strict=False)), last)


class SummaryGrows(Transformer):
    """The whole cache stands for the hidden state."""

    def summary(self, state, like):
        return Model.summary(self, state, like)


class CellAndForgetSwapped(LSTM):
    """The gates are read in another order than they are written."""

    def advance(self, weights, u, state):
        i, f, g, o = weights["gates"].chunk(4, -1)
        return super().advance({**weights, "gates": torch.cat([f, i, g, o], -1)}, u, state)


class NotPeriodic(Stencil):
    """The field ends where it should go round."""

    def step(self, weights, u, state):
        outputs, state = super().step(weights, torch.nn.functional.pad(u, (0, self.taps)), state)
        return outputs[..., : u.shape[-1]], state


class Mirrored(Stencil):
    """Taps count to the left."""

    def step(self, weights, u, state):
        outputs, state = super().step(weights, u.flip(-1), state)
        return outputs.flip(-1), state


class ReadsTheInputAsState(ShallowPLRNN):
    """The first columns of the input are taken for the state, which are the last."""

    def step(self, weights, u, state):
        return super().step(weights, u.flip(-1), state)


class Bends(Linear):
    """A linear model with a nonlinearity."""

    def step(self, weights, u, state):
        outputs, state = super().step(weights, u, state)
        return torch.tanh(outputs), state


class CountsFromEachCall(Direct):
    """Behind the release every call begins with the first lead."""

    def taken(self, state):
        return 0


class BeginsAnew(EncoderDecoder):
    """The decoder begins with what an encoder says that has read nothing."""

    def release(self, weights, state):
        return super().release(weights, tuple(part * 0 for part in state))


class HearsItself(Direct):
    """A little of each feed reaches the output."""

    def unroll(self, weights, u, state):
        outputs, state = super().unroll(weights, u, state)
        width = outputs.shape[-1]
        return outputs + 0.1 * u[..., u.shape[-1] - width :].sum(-1, keepdim=True), state


class HearsNothing(Direct):
    """Does not say that it is deaf."""

    deaf: ClassVar[bool] = False


class PlainSigmoidBehind(Direct):
    """The vectorised logistic function, behind the release."""

    def unroll(self, weights, u, state):
        outputs, new = super().unroll(weights, u, state)
        return torch.sigmoid(outputs) if state[-1].shape[-1] else outputs, new


class NeverReleased(EncoderDecoder):
    """Goes on reading behind the warm-up."""

    def release(self, weights, state):
        return state


class GatesSwapped(MinGRU):
    """The gate keeps what it should renew."""

    def unroll(self, weights, u, state):
        turned = {f"update.{part}": -weights[f"update.{part}"] for part in ("weight", "bias")}
        return super().unroll({**weights, **turned}, u, state)


class TurnsTheOtherWay(LRU):
    """The state turns against the sense of its angle."""

    def unroll(self, weights, u, state):
        turned = {f"imaginary.{part}": -weights[f"imaginary.{part}"] for part in ("weight", "bias")}
        mix = weights["mix.weight"].clone()
        mix[:, self.hidden : 2 * self.hidden] *= -1
        return super().unroll({**weights, **turned, "mix.weight": mix}, u, state)


class WritesTooMuch(SelectiveSSM):
    """B is a hundredth too large."""

    def unroll(self, weights, u, state):
        return super().unroll({**weights, "write": weights["write"] * 1.01}, u, state)


class ReadsTheFirstLayer(GRU):
    """The output map reads the first layer instead of the last."""

    def unroll(self, weights, u, state):
        outputs, after = GRU(hidden=self.hidden).unroll(weights, u, state[:1])
        return outputs, after * self.layers


class LayersSwapped(LSTM):
    """The states of two layers change places."""

    def through(self, layer, weights, u, state):
        h, after = super().through(layer, weights, u, state)
        return h, after[2:] + after[:2]


class EndsAtTheBorder(Convolution):
    """Zeros lie beyond the ends of the field."""

    def step(self, weights, u, state):
        outputs, state = super().step(weights, torch.nn.functional.pad(u, (0, self.kernel)), state)
        return outputs[..., : u.shape[-1]], state


class _Dropping(GRU):
    """Two layers, with half of what is between them dropped."""

    def __init__(self, hidden):
        super().__init__(hidden=hidden, layers=2, dropout=0.5)


class DropsStepByStepAlone(_Dropping):
    """The short cut drops nothing."""

    def unroll(self, weights, u, state):
        return type(self)(hidden=self.hidden).through(self.along, weights, u, state)[0] @ weights["output.weight"], state


class DropsForTheWholeBatch(_Dropping):
    """The draws of the first row decide for all."""

    def dropping(self, draws):
        return super().dropping(draws[..., :1, :].expand_as(draws))


class DropsNothing(_Dropping):
    """Reads no draws."""

    def dropping(self, draws):
        return self


class StaysInTraining(_Dropping):
    """Binds itself to the draws, not a model like it."""

    def dropping(self, draws):
        vars(self)["masks"] = vars(super().dropping(draws))["masks"]
        return self


class CorrectsTheCell(LSTM):
    """Changes the cell, which the output map does not read."""

    def corrected(self, state, change):
        return state[0], state[1] + change
