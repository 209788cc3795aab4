"""Players on symbols: the truth, and sources that are worse in a known way.

Each says what it expects next after what was fed; forced it is fed the truth, free its own draws from what it expects. Where a
task has no oracle, "the source" is a 6-gram model of the training part, and the truth is what was written.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar, Protocol, cast, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from freerun.arithmetic import logarithm
from freerun.config.experiment import Experiment
from freerun.errors import given
from freerun.lazy import torch
from freerun.measurement.metrics import Observed
from freerun.measurement.players import TRUTH, Player
from freerun.measurement.players._stand_in import stand_in
from freerun.parts.feedback import one_hot
from freerun.parts.feedback.sample import Sample
from freerun.parts.ngrams import NgramModel
from freerun.parts.tasks import Data, Sequences, Task
from freerun.parts.tasks._automata import AutomatonOracle
from freerun.parts.tasks.gram_text import GramOracle
from freerun.random_streams import stream

#: The logit of what is never said, and the order of the model that stands in for a source without an oracle.
NEVER, ORDER = -1e3, 6


@runtime_checkable
class Speaker(Protocol):
    """What comes next, as logits, given what was fed so far."""

    def __call__(self, fed: Int[torch.Tensor, "t N"], /) -> Float[torch.Tensor, "N K"]: ...


class SymbolPlayer(Player):
    """A source of symbols."""

    #: It takes no notice of inputs, and so can play where there are some, or nothing is fed back.
    deaf: ClassVar[bool] = False

    def applies(self, task: Task, data: Data) -> bool:
        hears_all = self.deaf or not (data.inputs or task.silent)
        return task.symbols and task.emits == "each" and hears_all and self._plays(data)

    def _plays(self, data: Data) -> bool:
        return True

    @abstractmethod
    def _speaker(self, data: Data, sequences: Sequences, warmup: int) -> Speaker:
        """What it expects after any prefix."""

    def play(
        self, task: Task, data: Data, sequences: Sequences, warmup: int, chance: np.random.Generator, orbit: int | None = None
    ) -> tuple[Observed, Observed]:
        uniform = torch.from_numpy(chance.random((len(sequences.targets), len(sequences)), dtype=np.float32))
        experiment = stand_in(task, warmup, len(sequences.targets) - warmup)
        speak, forced = self._speaker(data, sequences, warmup), None
        for release in (len(sequences.targets), warmup):
            forced = _rolled(experiment, data, sequences, speak, release, uniform, forced)
        return given(given(forced).forced), given(forced)


def _rolled(
    experiment: Experiment,
    data: Data,
    sequences: Sequences,
    speak: Speaker,
    release: int,
    uniform: torch.Tensor,
    forced: Observed | None,
) -> Observed:
    """A rollout that is fed the truth up to the release, and then its own draws."""
    said, outputs, picks, choose = sequences.targets.clone(), [], [], Sample()
    for t in range(len(said)):
        outputs.append(speak(said[:t]))
        picks.append(choose(outputs[t], uniform[t].double()).argmax(-1))
        if t >= release:
            said[t] = picks[t]
    made = torch.stack(outputs)
    return Observed(
        experiment=experiment, data=data, outputs=made, targets=sequences.targets, weights=sequences.weights,
        fed=one_hot(said, made), picks=None if experiment.task.silent else torch.stack(picks), warmup=experiment.span[0],
        start=sequences.start, forced=forced,
    )  # fmt: skip


class Truth(SymbolPlayer):
    """The source itself."""

    name = "truth"
    stands = TRUTH

    def _plays(self, data: Data) -> bool:
        return data.oracle is not None

    def _speaker(self, data: Data, sequences: Sequences, warmup: int) -> Speaker:
        return source(data)


class Written(SymbolPlayer):
    """What was written: it says what comes next, and always comes true."""

    name = "written"
    stands = TRUTH
    deaf = True

    def _plays(self, data: Data) -> bool:
        return data.oracle is None

    def _speaker(self, data: Data, sequences: Sequences, warmup: int) -> Speaker:
        return _certain(data, lambda t: sequences.targets[t])


class Tempered(SymbolPlayer):
    """The source at another temperature: too sure below 1, too bold above."""

    def __init__(self, temperature: float) -> None:
        self.temperature = temperature
        self.name = f"temperature {temperature:g}"

    def _speaker(self, data: Data, sequences: Sequences, warmup: int) -> Speaker:
        speak = source(data)

        def tempered(said: Int[torch.Tensor, "t N"]) -> Float[torch.Tensor, "N K"]:
            logits = speak(said)
            return torch.where(logits > NEVER, logits / self.temperature, NEVER)

        return tempered


class Ngram(SymbolPlayer):
    """An n-gram model of the training part: it knows how often symbols come after each other, and nothing longer."""

    deaf = True

    def __init__(self, order: int, name: str) -> None:
        self.order = order
        self.name = name

    def applies(self, task: Task, data: Data) -> bool:
        return super().applies(task, data) and (self.order == 1 or not task.silent)

    def _speaker(self, data: Data, sequences: Sequences, warmup: int) -> Speaker:
        return _grams(data, self.order)


class WrongTurn(SymbolPlayer):
    """The source, but for the first step after the release, at which it always says what is most probable."""

    name = "wrong turn"

    def _speaker(self, data: Data, sequences: Sequences, warmup: int) -> Speaker:
        speak = source(data)

        def turned(said: Int[torch.Tensor, "t N"]) -> Float[torch.Tensor, "N K"]:
            logits = speak(said)
            return _sure(logits.argmax(-1), logits) if len(said) == warmup else logits

        return turned


class Deserts(SymbolPlayer):
    """The source, but that it goes on with something impossible, almost surely, at the first step after the release."""

    name = "deserts"
    #: The probability of staying.
    stays = 0.01

    def _plays(self, data: Data) -> bool:
        return data.oracle is not None and bool((data.oracle(data.splits["test"].targets).log_probs == -torch.inf).any())

    def _speaker(self, data: Data, sequences: Sequences, warmup: int) -> Speaker:
        speak = source(data)

        def deserted(said: Int[torch.Tensor, "t N"]) -> Float[torch.Tensor, "N K"]:
            chance = torch.softmax(logits := speak(said), -1)
            impossible = (logits <= NEVER).double()
            astray = impossible / impossible.sum(-1, keepdim=True).clamp(min=1)
            mixed = self.stays * chance + (1 - self.stays) * astray
            some = impossible.any(-1, keepdim=True) & (len(said) == warmup)
            return torch.where(some, _logits(logarithm(mixed)), logits)

        return deserted


class Noise(SymbolPlayer):
    """The source with a share of symbols drawn at random, each without memory."""

    def __init__(self, share: float) -> None:
        self.share = share
        self.name = f"noise {share:.0%}"

    def _speaker(self, data: Data, sequences: Sequences, warmup: int) -> Speaker:
        speak = source(data)
        return lambda said: logarithm((1 - self.share) * torch.softmax(speak(said), -1) + self.share / data.outputs)


class Constant(SymbolPlayer):
    """One symbol for ever, the most frequent of the training part."""

    name = "constant"
    deaf = True

    def _speaker(self, data: Data, sequences: Sequences, warmup: int) -> Speaker:
        part = data.splits["train"]
        often = int(torch.bincount(part.targets[part.weights > 0]).argmax())
        return _certain(data, lambda _: torch.full_like(sequences.targets[0], often))


class Copies(SymbolPlayer):
    """Sequences of the training part, each from the release on whatever was fed."""

    name = "copies"

    def _speaker(self, data: Data, sequences: Sequences, warmup: int) -> Speaker:
        part, count = data.splits["train"], len(sequences)
        chosen = torch.from_numpy(stream(0, "players/copies").integers(0, len(part), count))
        copied = part.take(chosen, len(sequences.targets)).targets
        return _certain(data, lambda t: copied[t])


class Hurries(SymbolPlayer):
    """The source, but that it takes the shortest way to the end, where there is one."""

    name = "ends soon"

    def _plays(self, data: Data) -> bool:
        return isinstance(data.oracle, AutomatonOracle) and bool(data.oracle.ends.any())

    def _speaker(self, data: Data, sequences: Sequences, warmup: int) -> Speaker:
        oracle = cast("AutomatonOracle", data.oracle)
        steps = _steps_to_the_end(oracle)[oracle.follow]
        possible = torch.where(oracle.log_probs > -torch.inf, steps, torch.inf)
        shortest = possible == possible.amin(-1, keepdim=True)
        kept = torch.where(shortest & possible.isfinite(), oracle.log_probs, NEVER)
        return lambda said: _logits(kept[oracle.states(_and_one(said))[-1]])


class Loops(SymbolPlayer):
    """The source until a symbol that may come twice in a row: from there on that symbol alone."""

    name = "loops"

    def _speaker(self, data: Data, sequences: Sequences, warmup: int) -> Speaker:
        speak = source(data)

        def looped(said: Int[torch.Tensor, "t N"]) -> Float[torch.Tensor, "N K"]:
            logits = speak(said)
            if len(said) <= warmup:
                return logits
            again = torch.softmax(logits, -1).gather(-1, said[-1][:, None]) >= 1 / data.outputs
            return torch.where(again, _sure(said[-1], logits), logits)

        return looped


def players() -> list[Player]:
    """Every player on symbols: the truth first, then what was written, then those that are worse."""
    return [
        Truth(), Written(), Tempered(0.5), Tempered(2.0), Ngram(1, "unigram"), Ngram(2, "bigram"), WrongTurn(), Deserts(),
        Noise(0.05), Constant(), Copies(), Hurries(), Loops(),
    ]  # fmt: skip


def source(data: Data) -> Speaker:
    """The oracle's own law; where there is none, the 6-gram model of the training part."""
    if data.oracle is None:
        return _grams(data, ORDER)
    if isinstance(data.oracle, GramOracle):  # what it says next is in its last few symbols
        return _said_by(data.oracle.model, data.outputs)
    oracle = data.oracle

    return lambda said: _logits(oracle(_and_one(said)).log_probs[-1])


def _and_one(said: Int[torch.Tensor, "t N"]) -> Int[torch.Tensor, "T N"]:
    """What was said and one symbol more, which no oracle reads."""
    return torch.cat([said, said.new_zeros(1, said.shape[1])])


def _grams(data: Data, order: int) -> Speaker:
    """The n-gram model of the training part; that a sequence is over is a symbol of its own there, and is never said."""
    part, symbols = data.splits["train"], data.outputs
    if data.windows:
        strings = torch.cat([part.targets[0], part.targets[1:, -1]])[:, None]
    else:
        strings = torch.where(part.weights > 0, part.targets, symbols)
    return _said_by(NgramModel(strings.numpy(), order, symbols + 1), symbols)


def _said_by(model: NgramModel, symbols: int) -> Speaker:
    def speak(said: Int[torch.Tensor, "t N"]) -> Float[torch.Tensor, "N K"]:
        before = said[max(0, len(said) - model.order + 1) :].numpy()
        return logarithm(torch.from_numpy(model.distribution(before)[:, :symbols]))

    return speak


def _certain(data: Data, choose: Callable[[int], Int[torch.Tensor, " N"]]) -> Speaker:
    """Always sure of one symbol, by the step."""

    def speak(said: Int[torch.Tensor, "t N"]) -> Float[torch.Tensor, "N K"]:
        symbol = choose(len(said))
        return _sure(symbol, torch.empty(len(symbol), data.outputs, dtype=torch.float64))

    return speak


def _sure(symbol: Int[torch.Tensor, " N"], like: Float[torch.Tensor, "N K"]) -> Float[torch.Tensor, "N K"]:
    return torch.where(one_hot(symbol, like) > 0, 0.0, torch.full_like(like, NEVER))


def _logits(log_probs: Float[torch.Tensor, "N K"]) -> Float[torch.Tensor, "N K"]:
    return log_probs.clamp(min=NEVER)


def _steps_to_the_end(oracle: AutomatonOracle) -> Float[torch.Tensor, " S"]:
    """How many letters lead from every state to the end at least; infinite where none do."""
    steps = torch.where(oracle.ends, 0.0, torch.inf)
    for _ in range(len(steps)):
        onward = torch.where(oracle.log_probs > -torch.inf, steps[oracle.follow] + 1, torch.inf)
        steps = torch.minimum(steps, onward.amin(-1))
    return steps
