"""Loops with one fault each: `Loop` is a plain and correct one, each class below it spoils one line."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from freerun.engine.rollout import Rollout
from freerun.parts.models.hidden_recurrent import HiddenRecurrent


class Loop:
    """The loop in its simplest correct form."""

    def __call__(
        self, model, weights, *, truth, start, feedback, mask, inputs=None, uniform=None, gradient=None, residual=None
    ):
        steps = len(truth if inputs is None else inputs)
        fed, state, outputs, feeds = self.begin(start), model.start(*start.shape[:2], start), [], []
        for t in range(steps):
            if gradient is not None and self.cuts(gradient.feedback, t):
                fed = self.detach(fed)
                state = self.cut_kept(state) if model.memoryless else state
            if gradient is not None and self.cuts(gradient.state, t):
                fed, state = fed.detach(), self.cut_state(state)
            u = self.entering(fed, feeds, start)
            out, state = model.step(weights, u if inputs is None else torch.cat([inputs[t], u], -1), state)
            out = out if residual is None else fed + residual * out
            share = start.new_ones(*start.shape[:2], 1) if mask is None else mask[t, ..., None]
            own = feedback(out, None if uniform is None else self.chance(uniform, t))
            fed = self.blend(share, truth[t] if len(truth) > t else own, own)
            outputs.append(self.charged(out, fed, share))
            feeds.append(fed)
        answers = outputs if model.emits == "each" else outputs[-1:]
        return Rollout(outputs=torch.stack(answers), fed=torch.stack([self.told(x, gradient, t) for t, x in enumerate(feeds)]))

    def told(self, fed, gradient, t):
        entering = gradient is not None and (self.cuts(gradient.feedback, t + 1) or self.cuts(gradient.state, t + 1))
        return fed.detach() if entering else fed

    def begin(self, start):
        return start

    def entering(self, fed, feeds, start):
        return fed

    def cuts(self, n, t):
        return n > 0 and t % n == 0

    def detach(self, fed):
        return fed.detach()

    def cut_state(self, state):
        return tuple(part.detach() for part in state)

    def cut_kept(self, state):
        return tuple(part.detach() for part in state)

    def chance(self, uniform, t):
        return uniform[t]

    def blend(self, share, truth, own):
        mixed = share * torch.where(share > 0, truth, 0.0) + (1 - share) * own
        return torch.where(share == 1, truth, torch.where(share == 0, own, mixed))

    def charged(self, out, fed, share):
        return out


class OffByOne(Loop):
    """What enters is what was fed two steps before."""

    def entering(self, fed, feeds, start):
        return feeds[-2] if len(feeds) > 1 else start


class StartsFromZeros(Loop):
    """Zeros enter the first step instead of the start symbol."""

    def begin(self, start):
        return torch.zeros_like(start)


class Opposite(Loop):
    """The mask means the share of the model's own."""

    def blend(self, share, truth, own):
        return super().blend(1 - share, truth, own)


class AlwaysForces(Loop):
    """The truth is fed during free running."""

    def blend(self, share, truth, own):
        return truth


class Multiplies(Loop):
    """0 * truth is not nothing: a NaN crosses over."""

    def blend(self, share, truth, own):
        return share * truth + (1 - share) * own


class LooksAtOneMask(Loop):
    """The first sequence's coin decides for the whole batch."""

    def blend(self, share, truth, own):
        return super().blend(share[:, :1].expand_as(share), truth, own)


class ScalesByDropout(Loop):
    """Partial forcing by dropout: what is forced is scaled by the rate."""

    def blend(self, share, truth, own):
        return super().blend(share, truth / 0.9, own)


class NeverDetaches(Loop):
    def detach(self, fed):
        return fed


class AlwaysDetaches(Loop):
    """An undeclared detach on what is fed."""

    def entering(self, fed, feeds, start):
        return fed.detach()


class TellsWhatItStopped(Loop):
    """What was fed without a gradient still has one for who reads it afterwards."""

    def told(self, fed, gradient, t):
        return fed


class TellsWithoutAny(Loop):
    """What was fed has no gradient for who reads it afterwards, wherever it was cut."""

    def told(self, fed, gradient, t):
        return fed.detach()


class CutsOneStepLate(Loop):
    def cuts(self, n, t):
        return n > 0 and t % n == 1 % n


class KeepsOldFeeds(Loop):
    """A cut of the feedback forgets what the model has kept of earlier feeds."""

    def cut_kept(self, state):
        return state


class KeepsTheState(Loop):
    """Truncation cuts the feedback and forgets the state."""

    def cut_state(self, state):
        return state


class ChargesTheForcedValue(Loop):
    def charged(self, out, fed, share):
        return share * fed + (1 - share) * out


class OneDrawForAll(Loop):
    """Every step is sampled with the first step's draw."""

    def chance(self, uniform, t):
        return uniform[0]


class FastPathOffByOne(Loop):
    """The short cut for full forcing feeds y_t into step t."""

    def __call__(self, model, weights, *, truth, start, feedback, mask, inputs=None, **rest):
        if mask is None and not feedback.silent:
            u = truth if inputs is None else torch.cat([inputs, truth], -1)
            outputs, _ = model.unroll(weights, u, model.start(*start.shape[:2], start))
            return Rollout(outputs=outputs if model.emits == "each" else outputs[-1:], fed=truth)
        return super().__call__(model, weights, truth=truth, start=start, feedback=feedback, mask=mask, inputs=inputs, **rest)


class LeaksTheMask(Loop):
    """What is not fed still changes the outputs."""

    def charged(self, out, fed, share):
        return out + 1e-9 * share


@dataclass(kw_only=True)
class DriftsWithItsCalls(HiddenRecurrent):
    """A model, not a loop: it counts its own steps, so that no two rollouts are the same."""

    calls: list = field(default_factory=list)

    def step(self, weights, u, state):
        self.calls.append(1)
        out, state = super().step(weights, u, state)
        return out * (1 + 1e-6 * len(self.calls)), state
