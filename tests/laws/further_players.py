"""Further degenerate players, which stand in no table: made to fool headlines that the framework's own players had shaped."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace

import numpy as np
import torch

from freerun.arithmetic import logarithm, root
from freerun.errors import given
from freerun.measurement.players import Player
from freerun.measurement.players._speakers import NEVER, Speaker, certain, grams, source, sure
from freerun.measurement.players.flows import FallsToEquilibrium, FlowPlayer, equilibrium
from freerun.measurement.players.symbols import SymbolPlayer
from freerun.measurement.players.values import Place
from freerun.parts.tasks import Data, Sequences, Task
from freerun.parts.tasks.transduction import AnswerOracle
from freerun.random_streams import stream


class Spoilt(FlowPlayer):
    """As good as the noisy truth at true states; free, something made of noisy true orbits."""

    def noisy(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        return place.flow(self.fresh(place.task, tuple(place.truth.shape), chance))

    def lyapunov_time(self, place: Place) -> int:
        return max(2, int(given(place.task.lyapunov_steps())))


class HalfSpeed(FlowPlayer):
    """The truth at half its speed, forced and free: the right states in the right order."""

    name = "half speed"

    def forced(self, place: Place, truth: torch.Tensor, chance: np.random.Generator) -> torch.Tensor:
        return (truth[:-1] + truth[1:]) / 2

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        path = torch.cat([place.history[-1:], place.truth])
        step = torch.arange(1, len(place.truth) + 1)
        return (path[step // 2] + path[(step + 1) // 2]) / 2


class AutocorrelatedClimate(FlowPlayer):
    """Noise with the mean, the spread and the autocorrelation at one step of each coordinate; good at true states."""

    name = "autocorrelated climate"

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        seen = place.training()
        middle, spread = seen.mean((0, 1)), seen.std((0, 1))
        scaled = (seen - middle) / spread
        kept = (scaled[1:] * scaled[:-1]).mean((0, 1)).clamp(max=1)
        state, states = (place.history[-1] - middle) / spread, []
        for _ in range(len(place.truth)):
            state = kept * state + root(1 - kept.square()) * torch.from_numpy(chance.standard_normal(tuple(state.shape)))
            states.append(middle + spread * state)
        return torch.stack(states)


class FreezesLater(Spoilt):
    """The noisy truth for a Lyapunov time, and at rest from there on."""

    name = "freezes later"

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        orbit = self.noisy(place, chance)
        return orbit[torch.arange(len(orbit)).clamp(max=self.lyapunov_time(place))]


class RestsAgainAndAgain(Spoilt):
    """The noisy truth, which rests for the last quarter of each Lyapunov time and leaps to where it would be."""

    name = "rests again and again"

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        orbit, time = self.noisy(place, chance), self.lyapunov_time(place)
        step, moves = torch.arange(len(orbit)), time * 3 // 4
        return orbit[torch.where(step % time >= moves, step // time * time + moves, step).clamp(max=len(orbit) - 1)]


class Leaps(Spoilt):
    """The noisy truth, which every 50 steps goes on from a random state of training."""

    name = "leaps"
    every = 50

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        seen, memory, steps = place.training(), given(place.task.remembers), len(place.truth)
        pieces = [self.noisy(place, chance)[: self.every]]
        while sum(map(len, pieces)) < steps:
            row = torch.from_numpy(chance.integers(0, seen.shape[1], place.truth.shape[1]))
            begun = int(chance.integers(0, len(seen) - memory))
            there = replace(place, history=seen[begun : begun + memory, row], truth=place.truth[: self.every])
            pieces.append(self.noisy(there, chance))
        return torch.cat(pieces)[:steps]


class MeanOfForecasts(Spoilt):
    """The mean of ten noisy truths, each fed its own: nearer to the truth for longer, and no orbit of anything."""

    name = "mean of ten noisy truths"

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        return torch.stack([self.noisy(place, chance) for _ in range(10)]).mean(0)


class SomeRest(FallsToEquilibrium):
    """The noisy truth, but that one orbit in twenty is at an equilibrium as soon as it runs freely."""

    name = "one in twenty rests"

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        orbit = place.flow(self.fresh(place.task, tuple(place.truth.shape), chance))
        orbit[:, ::20] = equilibrium(place)
        return orbit


class OneForAll(Spoilt):
    """The noisy truth from one place, whatever it was released from."""

    name = "one orbit for all"

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        orbit = self.noisy(place, chance)
        return orbit[:, :1].expand_as(orbit).clone()


class Fades(Spoilt):
    """The noisy truth, which goes over to the mean within some Lyapunov times."""

    name = "fades to the mean"

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        orbit, middle = self.noisy(place, chance), place.training().mean((0, 1))
        left = torch.exp(-torch.arange(1, len(orbit) + 1) / (4 * self.lyapunov_time(place)))[:, None, None]
        return middle + left * (orbit - middle)


class Told(SymbolPlayer):
    """Knows its own last symbol and what is in the training part; no oracle is asked."""

    deaf = True

    def _speaker(self, data: Data, sequences: Sequences, warmup: int) -> Speaker:
        first = grams(data, 1)
        table = self.after(data, data.splits["train"].targets)
        return lambda said: logarithm(table[said[-1]]) if len(said) else first(said)

    @abstractmethod
    def after(self, data: Data, seen: torch.Tensor) -> torch.Tensor:
        """The chances of each next symbol after each, ``[K K]``."""


class LastWithNoise(Told):
    """The last symbol again, with a share of noise."""

    name = "last symbol with noise"

    def after(self, data: Data, seen: torch.Tensor) -> torch.Tensor:
        return 0.9 * torch.eye(data.outputs, dtype=torch.float64) + 0.1 / data.outputs


class SpokenBackwards(Told):
    """What came before each symbol, told as what comes after it."""

    name = "spoken backwards"

    def after(self, data: Data, seen: torch.Tensor) -> torch.Tensor:
        counts = torch.full((data.outputs, data.outputs), 0.01, dtype=torch.float64)
        ones = torch.ones(seen[1:].numel(), dtype=torch.float64)
        counts.index_put_((seen[1:].flatten(), seen[:-1].flatten()), ones, accumulate=True)
        return counts / counts.sum(-1, keepdim=True)


class EachTwice(SymbolPlayer):
    """The source at half its speed: every symbol that it makes comes twice."""

    name = "each symbol twice"

    def _speaker(self, data: Data, sequences: Sequences, warmup: int) -> Speaker:
        speak = source(data)

        def slow(said: torch.Tensor) -> torch.Tensor:
            again = len(said) > warmup and (len(said) - warmup) % 2
            return sure(said[-1], speak(said)) if again else speak(said)

        return slow


class FreezesOnSymbol(SymbolPlayer):
    """The source for three symbols after the release; then the last one for ever."""

    name = "freezes after three"

    def _speaker(self, data: Data, sequences: Sequences, warmup: int) -> Speaker:
        speak = source(data)
        return lambda said: sure(said[-1], speak(said)) if len(said) > warmup + 3 else speak(said)


class Remembers(SymbolPlayer):
    """The source at true prefixes; from the release on a stretch of training by heart."""

    name = "remembers training"

    def _speaker(self, data: Data, sequences: Sequences, warmup: int) -> Speaker:
        part = data.splits["train"]
        chosen = torch.from_numpy(stream(0, "players/remembers").integers(0, len(part), len(sequences)))
        heart, speak = part.take(chosen, len(sequences.targets)).targets, source(data)

        def told(said: torch.Tensor) -> torch.Tensor:
            forced = len(said) < warmup or (bool((said == sequences.targets[: len(said)]).all()) and len(said) > warmup)
            return speak(said) if forced else sure(heart[len(said)], speak(said))

        return told


class SomeConstant(SymbolPlayer):
    """The source, but that one sequence in twenty is one symbol for ever."""

    name = "one in twenty constant"

    def _speaker(self, data: Data, sequences: Sequences, warmup: int) -> Speaker:
        speak = source(data)
        often = int(torch.bincount(data.splits["train"].targets.flatten()).argmax())
        constant = certain(data, lambda _: torch.full_like(sequences.targets[0], often))

        def told(said: torch.Tensor) -> torch.Tensor:
            logits = speak(said)
            if len(said) >= warmup:
                logits = logits.clone()
                logits[::20] = constant(said)[::20]
            return logits

        return told


class Sharpened(SymbolPlayer):
    """The source without what is improbable; where the next symbol is certain, as in an answer, it is the source."""

    def applies(self, task: Task, data: Data) -> bool:
        return super().applies(task, data) and not task.answers


class Greedy(Sharpened):
    """The most probable symbol of the source at each step."""

    name = "greedy"

    def _speaker(self, data: Data, sequences: Sequences, warmup: int) -> Speaker:
        speak = source(data)
        return lambda said: sure((logits := speak(said)).argmax(-1), logits)


class Nucleus(Sharpened):
    """The fewest symbols that have nine tenths of the source (Holtzman et al. 2020)."""

    name = "nucleus of .9"

    def _speaker(self, data: Data, sequences: Sequences, warmup: int) -> Speaker:
        speak = source(data)

        def cut(said: torch.Tensor) -> torch.Tensor:
            logits = speak(said)
            ranked, place = torch.softmax(logits, -1).sort(dim=-1, descending=True, stable=True)
            kept = torch.zeros_like(ranked, dtype=torch.bool).scatter(-1, place, ranked.cumsum(-1) - ranked < 0.9)
            return torch.where(kept, logits, NEVER)

        return cut


class AnotherWorld(SymbolPlayer):
    """The source of another seed, where every seed has a world of its own; that of this one at true prefixes."""

    name = "another world"

    def _plays(self, data: Data) -> bool:
        return data.oracle is not None

    def applies(self, task: Task, data: Data) -> bool:
        self.task = task
        return super().applies(task, data) and getattr(task, "world_by_seed", False)

    def _speaker(self, data: Data, sequences: Sequences, warmup: int) -> Speaker:
        here, there = source(data), source(self.task.build(10**6, self.task.length))

        def told(said: torch.Tensor) -> torch.Tensor:
            true = bool((said == sequences.targets[: len(said)]).all())
            return here(said) if true else there(said)

        return told


class Answering(SymbolPlayer):
    """Knows what is to be answered, and answers something near it."""

    deaf = True

    def applies(self, task: Task, data: Data) -> bool:
        return super().applies(task, data) and isinstance(data.oracle, AnswerOracle)

    def _speaker(self, data: Data, sequences: Sequences, warmup: int) -> Speaker:
        oracle = data.oracle
        assert isinstance(oracle, AnswerOracle)
        read = oracle.source_length
        told = torch.cat([sequences.targets[:read], self.answer(sequences.targets[read:], oracle.size)])
        return certain(data, lambda t: told[min(t, len(told) - 1)])

    @abstractmethod
    def answer(self, right: torch.Tensor, end: int) -> torch.Tensor:
        """What it answers, ``[A N]``, for what is right; `end` is the letter of the end."""


class LastLetterWrong(Answering):
    """The right answer, but for the letter before the end."""

    name = "last letter wrong"

    def answer(self, right: torch.Tensor, end: int) -> torch.Tensor:
        last = torch.cat([right[1:] == end, torch.ones_like(right[:1], dtype=torch.bool)]) & (right != end)
        return torch.where(last, (right + 1) % end, right)


class EndsAtOnce(Answering):
    """No answer at all."""

    name = "ends at once"

    def answer(self, right: torch.Tensor, end: int) -> torch.Tensor:
        return torch.full_like(right, end)


class NeverEnds(Answering):
    """The right answer, and its last letter for ever."""

    name = "never ends"

    def answer(self, right: torch.Tensor, end: int) -> torch.Tensor:
        spoken = [right[0]]
        for letter in right[1:]:
            spoken.append(torch.where(letter == end, spoken[-1], letter))
        return torch.stack(spoken)


class EverySecondRight(Answering):
    """The right answer to every second source, and another one's to the others."""

    name = "every second right"

    def answer(self, right: torch.Tensor, end: int) -> torch.Tensor:
        second = torch.arange(right.shape[1]) % 2 == 1
        return torch.where(second, right.roll(1, 1), right)


class FieldPlayer(Spoilt):
    """The noisy truth of a field on a ring, and free something that its symmetries or its long waves hide."""

    def applies(self, task: Task, data: Data) -> bool:
        return super().applies(task, data) and task.field

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        return self.changed(self.noisy(place, chance))

    @abstractmethod
    def changed(self, orbit: torch.Tensor) -> torch.Tensor:
        """What it makes of an orbit ``[S N Y]``."""


class Shifted(FieldPlayer):
    """Moved on along the ring, which the equation does not see."""

    name = "shifted"

    def changed(self, orbit: torch.Tensor) -> torch.Tensor:
        return orbit.roll(orbit.shape[-1] // 8, -1)


class Reflected(FieldPlayer):
    """Seen in a mirror and upside down, which the equation does not see."""

    name = "reflected"

    def changed(self, orbit: torch.Tensor) -> torch.Tensor:
        return -orbit.flip(-1)


class LongWaves(FieldPlayer):
    """Without all but its four longest waves."""

    name = "long waves alone"

    def changed(self, orbit: torch.Tensor) -> torch.Tensor:
        waves = torch.fft.rfft(orbit)
        waves[..., 5:] = 0
        return torch.fft.irfft(waves, n=orbit.shape[-1])


FURTHER: list[Player] = [
    HalfSpeed(), AutocorrelatedClimate(), FreezesLater(), RestsAgainAndAgain(), Leaps(), MeanOfForecasts(), SomeRest(),
    OneForAll(), Fades(), LastWithNoise(), SpokenBackwards(), EachTwice(), FreezesOnSymbol(), Remembers(), SomeConstant(),
    Greedy(), Nucleus(), AnotherWorld(), LastLetterWrong(), EndsAtOnce(), NeverEnds(), EverySecondRight(), Shifted(),
    Reflected(), LongWaves(),
]  # fmt: skip
