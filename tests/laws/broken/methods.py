"""Methods with one fault each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from freerun.parts.feeders import Kept, Number
from freerun.parts.feeders.adaptive import Adaptive
from freerun.parts.feeders.aggregated import Aggregated
from freerun.parts.feeders.corrected import Corrected
from freerun.parts.feeders.masked import Masked
from freerun.parts.feeders.replayed import Replayed
from freerun.parts.models.hidden_recurrent import HiddenRecurrent
from freerun.parts.objectives.diverted_chain import DivertedChain
from freerun.parts.objectives.policy_gradient import PolicyGradient
from freerun.parts.objectives.professor_forcing import ProfessorForcing
from freerun.parts.objectives.pushforward import Pushforward
from freerun.parts.regimes.data_as_demonstrator import DataAsDemonstrator
from freerun.parts.regimes.error_forcing import ErrorForcing
from freerun.parts.regimes.generalized_forcing import Alpha, GeneralizedForcing
from freerun.parts.regimes.noisy_forcing import NoisyForcing
from freerun.parts.regimes.replay_buffer import ReplayBuffer
from freerun.parts.regimes.teacher_forcing import TeacherForcing


class LooksAhead(HiddenRecurrent):
    """In parallel each step sees its neighbour's input."""

    def unroll(self, weights, u, state):
        return super().unroll(weights, u.roll(-1, 0), state)


class _Forgetful(Aggregated):
    def kept(self, update, sizes):
        return Kept()


class Forgets(DataAsDemonstrator):
    """The weights of earlier stages are in no checkpoint."""

    def feeder(self):
        return _Forgetful(self, rollouts=self.iterations)


class _Narrow(Adaptive):
    def kept(self, update, sizes):
        return Kept(numbers={"share": Number(start=0.5, most=0.5)})


@dataclass(kw_only=True)
class LeavesItsRange(GeneralizedForcing):
    """No checkpoint of it is ever believed."""

    mode: Alpha = Alpha.adaptive
    every: int | None = 1

    def feeder(self):
        return _Narrow(self, every=1)

    def adapted(self, share, growth):
        return 0.75


class BlursAnew(NoisyForcing):
    """The noise comes from a global generator."""

    def blur(self, truth, noise, symbols):
        return super().blur(truth, torch.rand_like(noise), symbols)


class _ForcedByMask(Masked):
    forced = True


class SaysItIsForced(TeacherForcing):
    """Goes the slow way, and counts as the fast one."""

    def feeder(self):
        return _ForcedByMask(self)


class AllAtOnce(DataAsDemonstrator):
    """All rollouts are there from the first update."""

    def sets(self, update, updates):
        return self.iterations + 1


class TruthOnly(DataAsDemonstrator):
    """Gathers rollouts and feeds none."""

    def dealt(self, batch, update, updates):
        return torch.zeros(batch, dtype=torch.int64)


class _Buffer(ReplayBuffer):
    """A replay buffer that is fed by another feeder."""

    kind = Replayed

    def feeder(self):
        return self.kind(self, slots=self.slots)


class _OneStepOff(Replayed):
    def learn(self, batch, memory, outputs):
        return super().learn(batch, memory, outputs.roll(1, 0))


class OneStepOff(_Buffer):
    """What is said of a step is put in the place of the next."""

    kind = _OneStepOff


class _InOrder(Replayed):
    def chosen(self, batch, memory):
        return batch.index


class InTheOrderOfTheData(_Buffer):
    """What a slot was fed is fed to the sequence that is next in the order of the data."""

    kind = _InOrder


class _Learning(Replayed):
    def learn(self, batch, memory, outputs):
        return memory


class LearnsNothing(_Buffer):
    """Feeds the truth for ever: what the model says is not kept."""

    kind = _Learning


class _NeverFresh(Replayed):
    def _fresh(self, batch, held):
        return held == -1


class NeverFresh(_Buffer):
    """A slot is filled once, whatever the coins say."""

    kind = _NeverFresh


class _Repeating(Replayed):
    def _slots(self, batch):
        return super()._slots(batch)[:, :1].expand(-1, batch.count)


class OneSlotForAll(_Buffer):
    """All sequences of a batch take one slot."""

    kind = _Repeating


class Upside(GeneralizedForcing):
    """The share is 1/g instead of 1 - 1/g."""

    def __init__(self):
        super().__init__(mode=Alpha.adaptive)

    def adapted(self, share, growth):
        return min(1.0, 1 / growth) if growth > 0 else 1.0


class JumpsDown(GeneralizedForcing):
    """Follows slowly upwards as well, so that gradients explode meanwhile."""

    def __init__(self):
        super().__init__(mode=Alpha.adaptive)

    def adapted(self, share, growth):
        wanted = super().adapted(0.0, growth)
        return 0.9 * share + 0.1 * wanted


class Shifts(NoisyForcing):
    """The noise has a mean."""

    def blur(self, truth, noise, symbols):
        return super().blur(truth, noise + 1, symbols)


class BlursInPlace(NoisyForcing):
    def blur(self, truth, noise, symbols):
        return truth.add_(self.noise * noise) if not symbols else super().blur(truth, noise, symbols)


class DiscreteCritic(ProfessorForcing):
    """The critic reads the chosen symbols: no gradient comes back."""

    def charge(self, lesson):
        behave = lesson.behave
        lesson.behave = lambda forced: behave(forced).detach()
        return super().charge(lesson)


class CriticMovesTheModel(ProfessorForcing):
    """The critic's loss keeps the graph of the behaviour."""

    def criticise(self, lesson):
        free, forced = (self.verdict(lesson.critic, lesson.behave(mode)) for mode in (False, True))
        return -forced[..., 1] - free[..., 0]


class ChargesEveryStep(Pushforward):
    """The mean over all steps of the stretch."""

    def charge(self, lesson):
        return self(lesson.outputs, lesson.sequences.targets)


class ChargesTheFirst(Pushforward):
    """The step after the truth was fed, instead of the one before."""

    def charge(self, lesson):
        if lesson.mask is not None:
            lesson.mask = lesson.mask.roll(1, 0)
        return super().charge(lesson)


class KeepsTheGraph(Pushforward):
    """The gradient runs through all steps."""

    last_step_only = False


class NoBaselineForOthers(PolicyGradient):
    """Its own reward is part of its baseline: the gradient is too small."""

    def charge(self, lesson):
        charge = super().charge(lesson)
        count = lesson.fed.shape[2]
        return torch.where(lesson.mask == 0, charge * (count - 1) / count, charge)


class RewardsThePast(PolicyGradient):
    """Only what was earned before the symbol counts."""

    def charge(self, lesson):
        lesson.fed = lesson.fed.flip(0)
        return super().charge(lesson)


class LabelsInSecret(DivertedChain):
    """The target is the label of the true orbit, which the model has left."""

    def charge(self, lesson):
        return self(lesson.outputs, lesson.sequences.targets)


class StopsTheTarget(DivertedChain):
    """Says that the gradient runs through the true step, and cuts it."""

    def charge(self, lesson):
        onward = lesson.onward
        lesson.onward = lambda states: onward(states).detach()
        return super().charge(lesson)


class _PullsTwice(Corrected):
    def feed(self, batch, memory):
        feed = super().feed(batch, memory)
        return replace(feed, pull=2 * feed.pull)


class PullsTwiceAsFar(ErrorForcing):
    """Moves the state by twice the share that it declares."""

    def feeder(self):
        return _PullsTwice(self)
