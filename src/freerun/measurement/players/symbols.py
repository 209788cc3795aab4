"""Players on symbols: the truth, and sources that are worse in a known way.

Each says what it expects next after what was fed; forced it is fed the truth, free its own draws from what it expects. Where a
task has no oracle, "the source" is a 6-gram model of the training part, and the truth is what was written.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, cast

import numpy as np
from jaxtyping import Float, Int

from freerun.arithmetic import logarithm
from freerun.config.experiment import Experiment
from freerun.deferred_imports import torch
from freerun.measurement.metrics import Observed
from freerun.measurement.players import TRUTH, Player
from freerun.measurement.players._speakers import (
    NEVER,
    Speaker,
    and_one,
    certain,
    floored,
    grams,
    source,
    steps_to_the_end,
    sure,
)
from freerun.measurement.players._stand_in import stand_in
from freerun.parts.feedback import one_hot
from freerun.parts.feedback.sample import drawn
from freerun.parts.tasks import Data, Sequences, Task
from freerun.parts.tasks._automata import AutomatonOracle
from freerun.random_streams import stream

#: Numbers from which symbols are drawn at once.
AT_ONCE = 2**16


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
        experiment, speak, uniform = self._prepared(task, data, sequences, warmup, chance)
        forced = _rolled(experiment, data, sequences, speak, len(sequences.targets), uniform)
        return forced, _rolled(experiment, data, sequences, speak, warmup, uniform, forced)

    def further(
        self, task: Task, data: Data, sequences: Sequences, release: int | None, chance: np.random.Generator
    ) -> Observed:
        warmup = len(sequences.targets) if release is None else release
        experiment, speak, uniform = self._prepared(task, data, sequences, warmup, chance)
        return _rolled(experiment, data, sequences, speak, warmup, uniform)

    def _prepared(
        self, task: Task, data: Data, sequences: Sequences, warmup: int, chance: np.random.Generator
    ) -> tuple[Experiment, Speaker, torch.Tensor]:
        """The experiment that stands in for its own, what it says, and the draws by which it chooses."""
        uniform = torch.from_numpy(chance.random((len(sequences.targets), len(sequences)), dtype=np.float32))
        experiment = stand_in(task, warmup, len(sequences.targets) - warmup)
        return experiment, self._speaker(data, sequences, warmup), uniform


def _rolled(
    experiment: Experiment,
    data: Data,
    sequences: Sequences,
    speak: Speaker,
    release: int,
    uniform: torch.Tensor,
    forced: Observed | None = None,
) -> Observed:
    """A rollout that is fed the truth up to the release, and then its own draws; up to there it is the forced one, if given."""
    said, first = sequences.targets.clone(), min(release + 1, len(sequences.targets))
    outputs = [forced.outputs[t] if forced is not None else speak(said[:t]) for t in range(first)]
    known = None if forced is None or forced.picks is None else forced.picks[:first]
    picks = list(_picked(torch.stack(outputs), uniform[:first]) if known is None else known)
    for t in range(release, len(said)):
        if t >= first:
            outputs.append(speak(said[:t]))
            picks.append(drawn(outputs[t], uniform[t].double()))
        said[t] = picks[t]
    made = torch.stack(outputs)
    seen = Observed(
        experiment=experiment, data=data, outputs=made, targets=sequences.targets, weights=sequences.weights,
        fed=one_hot(said, made), picks=None if experiment.task.silent else torch.stack(picks), warmup=experiment.span[0],
        start=sequences.start, forced=forced,
    )  # fmt: skip
    seen.fed_symbols = said
    return seen


def _picked(outputs: Float[torch.Tensor, "T N K"], uniform: Float[torch.Tensor, "T N"]) -> Int[torch.Tensor, "T N"]:
    """What is drawn from outputs that were not fed, some steps at once, as many as stay in the cache."""
    steps = max(1, AT_ONCE // outputs[0].numel())
    slabs = ((outputs[t : t + steps], uniform[t : t + steps]) for t in range(0, len(outputs), steps))
    return torch.cat([drawn(some, chance.double()) for some, chance in slabs])


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
        return certain(data, lambda t: sequences.targets[t])


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
        self.ignorant = order == 1

    def applies(self, task: Task, data: Data) -> bool:
        return super().applies(task, data) and (self.order == 1 or not task.silent)

    def _speaker(self, data: Data, sequences: Sequences, warmup: int) -> Speaker:
        return grams(data, self.order)


class WrongTurn(SymbolPlayer):
    """The source, but for the first step after the release, at which it always says what is most probable."""

    name = "wrong turn"

    def _speaker(self, data: Data, sequences: Sequences, warmup: int) -> Speaker:
        speak = source(data)

        def turned(said: Int[torch.Tensor, "t N"]) -> Float[torch.Tensor, "N K"]:
            logits = speak(said)
            return sure(logits.argmax(-1), logits) if len(said) == warmup else logits

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
            return torch.where(some, floored(logarithm(mixed)), logits)

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
    ignorant = True
    deaf = True

    def _speaker(self, data: Data, sequences: Sequences, warmup: int) -> Speaker:
        often = data.once("often", lambda: _most_frequent(data))
        return certain(data, lambda _: torch.full_like(sequences.targets[0], often))


def _most_frequent(data: Data) -> int:
    """The symbol that the sequences of the training part have most often, the first of equals."""
    part = data.splits["train"]
    steps, count = part.targets.shape
    if data.windows and bool((part.weights > 0).all()):
        series = torch.cat([part.targets[0], part.targets[1:, -1]])
        place = torch.arange(1, len(series) + 1)
        in_windows = torch.minimum(place, place.flip(0)).clamp(max=min(steps, count))
        return int(torch.bincount(series, in_windows.double(), data.outputs).argmax())
    steps_of = zip(part.targets, part.weights, strict=True)
    return int(torch.stack([torch.bincount(step[live > 0], minlength=data.outputs) for step, live in steps_of]).sum(0).argmax())


class Copies(SymbolPlayer):
    """Sequences of the training part, each from the release on whatever was fed."""

    name = "copies"

    def _speaker(self, data: Data, sequences: Sequences, warmup: int) -> Speaker:
        part, count = data.splits["train"], len(sequences)
        chosen = torch.from_numpy(stream(0, "players/copies").integers(0, len(part), count))
        copied = part.take(chosen, len(sequences.targets)).targets
        return certain(data, lambda t: copied[t])


class Hurries(SymbolPlayer):
    """The source, but that it takes the shortest way to the end, where there is one."""

    name = "ends soon"

    def _plays(self, data: Data) -> bool:
        return isinstance(data.oracle, AutomatonOracle) and bool(data.oracle.ends.any())

    def _speaker(self, data: Data, sequences: Sequences, warmup: int) -> Speaker:
        oracle = cast("AutomatonOracle", data.oracle)
        steps = steps_to_the_end(oracle)[oracle.follow]
        possible = torch.where(oracle.log_probs > -torch.inf, steps, torch.inf)
        shortest = possible == possible.amin(-1, keepdim=True)
        kept = torch.where(shortest & possible.isfinite(), oracle.log_probs, NEVER)
        return lambda said: floored(kept[oracle.states(and_one(said))[-1]])


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
            return torch.where(again, sure(said[-1], logits), logits)

        return looped


def players() -> list[Player]:
    """Every player on symbols: the truth first, then what was written, then those that are worse."""
    return [
        Truth(), Written(), Tempered(0.5), Tempered(2.0), Ngram(1, "unigram"), Ngram(2, "bigram"), WrongTurn(), Deserts(),
        Noise(0.05), Constant(), Copies(), Hurries(), Loops(),
    ]  # fmt: skip
