"""Worlds with one fault each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from freerun.parts.tasks import fingerprint
from freerun.parts.tasks.embedded_reber import EmbeddedReber
from freerun.parts.tasks.hidden_markov import HiddenMarkov
from freerun.parts.tasks.lorenz63 import Lorenz63
from freerun.parts.tasks.text import Text, _code_points


def _again(data, **changes):
    return replace(data, **changes, fingerprint=fingerprint(changes.get("splits", data.splits)))


class GlobalChance(Lorenz63):
    """Initial states from a global generator."""

    def orbits(self, noise, length):
        return super().orbits(noise + np.random.rand(*noise.shape), length)


class ShortSeeds(HiddenMarkov):
    """Only 32 bits of a seed are used."""

    def build(self, seed, length):
        return super().build(seed % 2**32, length)


class OneSplit(HiddenMarkov):
    """Training and test are the same sequences."""

    def build(self, seed, length):
        data = super().build(seed, length)
        return _again(data, splits={**data.splits, "train": data.splits["test"]})


class SharesOneOrbit(Lorenz63):
    def build(self, seed, length):
        data = super().build(seed, length)
        test = data.splits["test"]
        targets, start = test.targets.clone(), test.start.clone()
        targets[:, -1], start[-1] = data.splits["train"].targets[:, 0], data.splits["train"].start[0]
        return _again(data, splits={**data.splits, "test": replace(test, targets=targets, start=start)})


class ScalesByEverything(Lorenz63):
    """Mean and deviation over all orbits, test included."""

    def build(self, seed, length):
        data = super().build(seed, length)
        values = torch.cat([part.targets for part in data.splits.values()], 1)
        mean, std = values.mean((0, 1)), values.std((0, 1))
        splits = {
            name: replace(p, targets=(p.targets - mean) / std, start=(p.start - mean) / std) for name, p in data.splits.items()
        }
        return _again(data, splits=splits, mean=mean, std=std)


class AlphabetOfEverything(Text):
    """The alphabet is that of the whole text."""

    def _alphabet(self, points):
        return super()._alphabet(_code_points(self.read()))


class WrongShape(Lorenz63):
    """Batch first."""

    def build(self, seed, length):
        data = super().build(seed, length)
        return _again(data, splits={n: replace(p, targets=p.targets.transpose(0, 1)) for n, p in data.splits.items()})


class MovesWithTheHorizon(HiddenMarkov):
    """All moves are drawn first, then all symbols: a longer window draws other symbols."""

    def _draw(self, matrices, chance, length, count):
        chance.random((length, count))
        return super()._draw(matrices, chance, length, count)


class _Spoiled:
    def __init__(self, oracle, spoil):
        self.oracle, self.spoil = oracle, spoil

    def __call__(self, prefix):
        return self.spoil(self.oracle, prefix)


class OracleSeesTheAnswer(HiddenMarkov):
    """The oracle is one step ahead: it has read y_t."""

    def build(self, seed, length):
        def ahead(oracle, prefix):
            truth = oracle(torch.cat([prefix, prefix[-1:]]))
            return replace(truth, log_probs=truth.log_probs[1:], inside=truth.inside[1:], ended=truth.ended[1:])

        data = super().build(seed, length)
        return replace(data, oracle=_Spoiled(data.oracle, ahead))


class OracleForgets(HiddenMarkov):
    """The oracle knows the stationary distribution only."""

    def build(self, seed, length):
        def forget(oracle, prefix):
            truth = oracle(prefix)
            return replace(truth, log_probs=truth.log_probs.flip(-1))

        data = super().build(seed, length)
        return replace(data, oracle=_Spoiled(data.oracle, forget))


class OracleIsUnnormalised(EmbeddedReber):
    def build(self, seed, length):
        def scale(oracle, prefix):
            truth = oracle(prefix)
            return replace(truth, log_probs=truth.log_probs + 0.01)

        data = super().build(seed, length)
        return replace(data, oracle=_Spoiled(data.oracle, scale))


class OneName(HiddenMarkov):
    """Every world has the same fingerprint."""

    def build(self, seed, length):
        return replace(super().build(seed, length), fingerprint="0" * 64)


class TakesSizes(Lorenz63):
    """Says that it is analytic, and takes absolute values."""

    def onward(self, history):
        return super().onward(np.abs(history))
