"""Transduction of strings: a source is read first, then what it is turned into is written.

A source of n letters, all equally likely, is fed as truth and not charged; at its last letter the model is released and writes

    copy        the source (Graves, Wayne & Danihelka 2014, "Neural Turing machines", section 4.1)
    reverse     the source backwards (Grefenstette, Hermann, Suleyman & Blunsom 2015, "Learning to transduce with unbounded
                memory", section 4.1)
    transducer  for every letter what a finite-state transducer writes for it in its state, one letter or two

and then the letter of the end. What is right follows from the source, so that the next letter of every prefix is known: it is
one letter while what was written is right, and a prefix with a wrong letter is outside the support. As the source comes as
letters that are fed, an encoder that ends at the release has read it all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

import numpy as np
from jaxtyping import Int

from freerun.arithmetic import logarithm
from freerun.deferred_imports import torch
from freerun.errors import ConfigError, given, require
from freerun.parts.tasks import SPLITS, Data, Sequences, Task, Truth
from freerun.random_streams import stream

#: What a transducer has where nothing else is said.
STATES, WORLD = 3, 0


class Rewrite(Enum):
    """What the source is turned into."""

    copy = "copy"
    reverse = "reverse"
    transducer = "transducer"


@dataclass(kw_only=True)
class Transduction(Task):
    """Strings to strings: a source is read, then copied, reversed, or rewritten by a small finite-state transducer.

    The letters of the source are fed whatever the regime and are the default warm-up; a shorter one lets the model write a part
    of the source itself, which is then another source. The answer ends with a letter of its own; what follows is padding.

    Attributes:
        form: `copy`, `reverse` or `transducer`.
        source_length: n, letters of a source.
        alphabet_size: letters, without that of the end.
        states: of a transducer; null for 3. From each, every letter leads to a drawn state and writes one or two drawn letters.
        world: which transducer; null for 0.
        world_by_seed: every seed has a transducer of its own (also `world=seed`), so that what is found over seeds
            is found over transducers.
        sequences: number of training pairs; validation and test have an eighth as many each.
        length: 0 for the natural one, the source, the longest answer and the end.
    """

    answers: ClassVar[bool] = True
    default_feedback: ClassVar[str] = "argmax"

    form: Rewrite = Rewrite.copy
    source_length: int = 8
    alphabet_size: int = 8
    states: int | None = None
    world: int | None = None
    world_by_seed: bool = False
    sequences: int = 4096
    length: int = 0

    def __post_init__(self) -> None:
        require(self.source_length >= 2, "source_length", self.source_length, "be at least 2")
        require(self.alphabet_size >= 2, "alphabet_size", self.alphabet_size, "be at least 2")
        require(self.sequences >= 8, "sequences", self.sequences, "be at least 8")
        if self.form is Rewrite.transducer:
            self.states, self.world = (
                STATES if self.states is None else self.states, WORLD if self.world is None else self.world,
            )  # fmt: skip
            require(self.states >= 1, "states", self.states, "be at least 1")
        else:
            for name in ("states", "world"):
                require(getattr(self, name) is None, name, getattr(self, name), f"be null where form={self.form.value}")
            require(not self.world_by_seed, "world_by_seed", True, f"be false where form={self.form.value}: nothing is drawn")
        natural = self.source_length + self._longest() + 1
        require(self.length in (0, natural), "length", self.length, f"be 0 or {natural} (set task.source_length instead)")
        self.length = natural

    def _longest(self) -> int:
        return 2 * self.source_length if self.form is Rewrite.transducer else self.source_length

    @property
    def own_warmup(self) -> int:
        return self.source_length

    def check(self, length: int) -> None:
        if length > self.length:
            raise ConfigError(
                f"task.source_length={self.source_length}: the longest answer ends at step {self.length}, evaluation.warmup + "
                f"evaluation.horizon must not be more, got {length}"
            )

    def tables(self, seed: int = 0) -> tuple[Int[np.ndarray, "S K"], Int[np.ndarray, "S K two"]]:
        """Return a transducer: the next state, and the letters that are written, the second -1 where there is but one.

        Args:
            seed: of the run; it counts where every seed has a transducer of its own.
        """
        states, size = given(self.states), self.alphabet_size
        chance = stream(given(self.world), f"world/{seed}" if self.world_by_seed else "world")
        following = chance.integers(0, states, (states, size))
        written = chance.integers(0, size, (states, size, 2))
        written[..., 1] = np.where(chance.random((states, size)) < 0.5, -1, written[..., 1])
        return following, written

    def build(self, seed: int, length: int) -> Data:
        self.check(length)
        counts = {"train": self.sequences, "validation": self.sequences // 8, "test": self.sequences // 8}
        oracle = AnswerOracle(self, self.tables(seed) if self.form is Rewrite.transducer else None)
        splits = {}
        for number, name in enumerate(SPLITS):
            sources = stream(seed, "data", number).integers(0, self.alphabet_size, (self.source_length, counts[name]))
            answers = oracle.answers(sources)
            targets = torch.from_numpy(np.concatenate([sources, answers]))[:length]
            weights = np.zeros((self.length, counts[name]), dtype=np.float32)
            weights[self.source_length] = 1
            weights[self.source_length + 1 :] = answers[:-1] != self.alphabet_size
            start = torch.full((counts[name],), -1, dtype=torch.int64)
            splits[name] = Sequences(targets=targets, start=start, weights=torch.from_numpy(weights)[:length])
        return Data(splits=splits, inputs=0, outputs=self.alphabet_size + 1, oracle=oracle)


class AnswerOracle:
    """What a source is turned into, as an oracle of the next letter."""

    def __init__(self, task: Transduction, tables: tuple[np.ndarray, np.ndarray] | None) -> None:
        self.form, self.source_length, self.size, self.steps = task.form, task.source_length, task.alphabet_size, task.length
        self.transducer = tables

    def answers(self, sources: Int[np.ndarray, "n N"]) -> Int[np.ndarray, "A N"]:
        """Return the answer to every source, and the letter of the end from its end on."""
        count = sources.shape[1]
        answers = np.full((self.steps - self.source_length, count), self.size)
        if self.transducer is None:
            answers[: self.source_length] = sources[::-1] if self.form is Rewrite.reverse else sources
            return answers
        following, written = self.transducer
        state, place, rows = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64), np.arange(count)
        for letter in sources:
            for letters in written[state, letter].T:
                answers[place, rows] = np.where(letters < 0, answers[place, rows], letters)
                place += letters >= 0
            state = following[state, letter]
        return answers

    def __call__(self, prefix: Int[torch.Tensor, "T N"]) -> Truth:
        """Row t is the distribution of y_t given ``prefix[:t]``. What follows the end is neither inside nor outside."""
        steps, count = prefix.shape
        over = prefix == self.size
        right, probs = ~over, torch.zeros(steps, count, self.size + 1, dtype=torch.float64)
        probs[: self.source_length, :, : self.size] = 1 / self.size
        if steps > self.source_length:
            sources = prefix[: self.source_length]
            answers = torch.from_numpy(self.answers(torch.where(over[: self.source_length], 0, sources).numpy()))
            expected = answers[: steps - self.source_length]
            probs[self.source_length :] = torch.nn.functional.one_hot(expected, self.size + 1).double()
            right = torch.cat([right[: self.source_length], prefix[self.source_length :] == expected])
        ended = torch.cat([torch.zeros(1, count, dtype=torch.bool), over[:-1].cumsum(0) > 0])
        before = torch.cat([torch.ones(1, count, dtype=torch.bool), right[:-1].long().cumprod(0).bool()])
        inside = torch.where(ended, self._at_the_end(before, ended), before)
        return Truth(log_probs=logarithm(torch.where((inside & ~ended)[..., None], probs, 0.0)), inside=inside, ended=ended)

    def _at_the_end(self, before: torch.Tensor, ended: torch.Tensor) -> torch.Tensor:
        """Whether a string was right when it ended, at every step behind that."""
        first = ended.long().cumsum(0) == 1
        return (before & first).cumsum(0) > 0
