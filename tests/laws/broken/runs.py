"""Engines with one fault each: the real one, with one of its functions replaced."""

from __future__ import annotations

import random
from dataclasses import dataclass
from unittest import mock

import torch

from freerun.config.run_identity import canonical, identity
from freerun.engine import feeding, parameters, replicas, training
from freerun.engine.rollout import Rollout
from freerun.execution.group_runner import run_group
from freerun.measurement import evaluation
from freerun.parts.feeders import Feed, masked
from freerun.parts.regimes.scheduled_sampling import ScheduledSampling
from laws.runs import Engine, Identities


class Patched(Engine):
    """The engine with `replacement` in the place of `target.name`."""

    target, name = training, ""

    def train(self, group, store):
        with mock.patch.object(self.target, self.name, self.replacement(getattr(self.target, self.name))):
            run_group(group, store, lambda *_: None)


class ReducesOverTheGroup(Patched):
    """The loss is normalised over the replicas of the group."""

    target, name = replicas, "totals"

    def replacement(self, genuine):
        def reduce(x, axis=0):
            values = genuine(x, axis)
            return values * (1 + 1e-6 * (len(values) - 1))

        return reduce


class CoinsOfTheGroup(Patched):
    """Coins and samples by the place in the group, not by the seed."""

    target, name = replicas.Group, "draws"

    def replacement(self, genuine):
        return lambda group, *words: genuine(group, *words).cumsum(1) % 1


class WeightsOfTheGroup(Patched):
    """Initial weights by the place in the group."""

    target, name = parameters, "initial_weights"

    def replacement(self, genuine):
        return lambda shapes, seeds: genuine(shapes, list(range(len(seeds))))


class ChanceOfTheRegime(Patched):
    """Another schedule draws another batch: randomness is taken from what the mask left over."""

    target, name = feeding, "stream"

    def replacement(self, genuine):
        return lambda seed, name, step=0: genuine(random.getrandbits(40) if name == "order" else seed, name, step)


class MaskOfCoins(Patched):
    """At probability 1 a coin still decides, by <= against another draw."""

    target, name = masked.Masked, "feed"

    def replacement(self, genuine):
        def feed(feeder, batch, memory):
            found = genuine(feeder, batch, memory).mask
            coined = torch.tensor([isinstance(run.regime, ScheduledSampling) for run in batch.runs])[:, None]
            last = torch.arange(len(found))[:, None, None] == len(found) - 2
            return Feed(mask=torch.where(coined & last, 1 - found, found))

        return feed


class NeverStops(Patched):
    """Nobody looks whether a loss is finite."""

    name = "_freeze_broken"

    def replacement(self, genuine):
        return lambda *_: None


class OneFallsAllFall(Patched):
    name = "_freeze_broken"

    def replacement(self, genuine):
        def freeze(outcomes, alive, *rest):
            genuine(outcomes, alive, *rest)
            if not bool(alive.all()):
                alive[:] = False
                first = next(outcome.broke for outcome in outcomes if outcome.broke)
                for outcome in outcomes:
                    outcome.broke = first

        return freeze


class ValidationTrains(Patched):
    """Looking at the validation loss moves the weights."""

    name = "validated"

    def replacement(self, genuine):
        def look(group, *rest):
            group.parameters.flat *= 0.999
            return genuine(group, *rest)

        return look


class FreeWithoutSilence(Patched):
    """The free rollout is perturbed even where nothing is fed."""

    target, name = replicas, "rollout"

    def replacement(self, genuine):
        def roll(*words, mask, **named):
            result = genuine(*words, mask=mask, **named)
            return result if mask is None else Rollout(outputs=result.outputs * 1.01, fed=result.fed)

        return roll


class ForcedTrainOnly(Patched):
    """The training split is measured in one mode, the test split in both."""

    target, name = evaluation, "_measure"

    def replacement(self, genuine):
        return lambda *words: None if words[-2:] == ("train", "free") else genuine(*words)


@dataclass
class SaltedHash(Identities):
    """Python's own hash of a string: another one in every process."""

    program: str = "import json,sys; from freerun.config.hydra.compose import experiments\n" + (
        "print(json.dumps([format(hash(str(e)) % 2**64, '016x') for e in experiments(json.loads(sys.argv[1]), sweep=True)]))"
    )


class ForgetsTheTraining(Identities):
    """The identity of task, model and regime alone."""

    def __init__(self):
        super().__init__(here=lambda e: identity({k: v for k, v in canonical(e).items() if k != "training"}))
