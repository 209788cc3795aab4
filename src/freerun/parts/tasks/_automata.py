"""Probabilistic finite automaton: strings drawn from it, and the exact distribution of the next letter.

An automaton is a table of states and branches, with a letter, a next state and a probability for each. A state without
branches is an end: the letter that leads there is the last one, what follows is padding. Where a letter determines the next
state, any prefix leads to one state, or out of the language; where it does not, to a distribution over states, the forward
recursion of a hidden Markov model (Rabiner 1989, eq. 19-20).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Int

from freerun.arithmetic import logarithm
from freerun.deferred_imports import torch
from freerun.parts.tasks import SPLITS, Data, Oracle, Sequences, Truth
from freerun.random_streams import stream


@dataclass(frozen=True, kw_only=True, eq=False)
class Automaton:
    """A finite automaton that writes letters, each state's with probabilities of its own.

    Attributes:
        table: ``[state, branch] -> next state``; what it holds where the probability is 0 does not matter.
        probs: ``[state, branch]``, float64; each row sums to 1, or is 0 at an end.
        letters: ``[state, branch] -> letter``; None where the branches are the letters, so that a letter determines the next
            state.
        start: the state before the first letter.
    """

    table: np.ndarray
    probs: np.ndarray
    letters: np.ndarray | None = None
    start: int = 0

    @property
    def outputs(self) -> int:
        """K, the number of letters."""
        return self.probs.shape[1] if self.letters is None else int(self.letters.max()) + 1

    def oracle(self) -> Oracle:
        """Return the exact distribution of the next letter after any prefix."""
        return AutomatonOracle(self) if self.letters is None else BranchingOracle(self, self.letters)

    @cached_property
    def ends(self) -> np.ndarray:
        """``[state]``: nothing leads on from here."""
        return np.asarray(self.probs.max(1) == 0)

    def data(self, seed: int, length: int, sequences: int, first: int = -1, alphabet: tuple[str, ...] | None = None) -> Data:
        """Return the splits of a task, `sequences` strings to train and half as many to validate and to test, with the oracle.

        Args:
            seed, length: as of `Task.build`.
            sequences: number of training strings.
            first: the letter that is fed at the first step and is no target; -1 for nothing.
            alphabet: the letters as text.
        """
        counts = {"train": sequences, "validation": sequences // 2, "test": sequences // 2}
        splits = {name: self.draw(stream(seed, "data", k), length, counts[name], first) for k, name in enumerate(SPLITS)}
        return Data(splits=splits, inputs=0, outputs=self.outputs, oracle=self.oracle(), alphabet=alphabet)

    def draw(self, chance: np.random.Generator, length: int, count: int, first: int = -1) -> Sequences:
        """Strings, cut off where they are longer than `length`; a shorter one is padded with its last letter, weight 0."""
        bounds = self.probs.cumsum(1)
        last = self.probs.shape[1] - 1 - (self.probs[:, ::-1] > 0).argmax(1)
        bounds[np.arange(self.probs.shape[1]) >= last[:, None]] = 1  # whatever rounding made of the sum
        letters = np.zeros((length, count), dtype=np.int64)
        weights = np.zeros((length, count), dtype=np.float32)
        state = np.full(count, self.start)
        for t, coin in enumerate(chance.random((length, count))):  # step by step: a longer window begins the same
            running = ~self.ends[state]
            branch = np.where(running, (bounds[state] <= coin[:, None]).sum(1), 0)
            letter = branch if self.letters is None else self.letters[state, branch]
            letters[t] = np.where(running, letter, letters[t - 1])
            weights[t] = running
            state = np.where(running, self.table[state, branch], state)
        start = torch.full((count,), first, dtype=torch.int64)
        return Sequences(targets=torch.from_numpy(letters), start=start, weights=torch.from_numpy(weights))


class AutomatonOracle:
    """An automaton whose letters determine its states, as an oracle: two look-ups a step, for any number of prefixes."""

    #: No prefix is answered with other bits beside others (`freerun.parts.tasks.Oracle`).
    looks_up = True

    def __init__(self, automaton: Automaton) -> None:
        size, letters = automaton.probs.shape
        self.start, self.outside = automaton.start, size
        closed = np.vstack([automaton.probs, np.zeros((1, letters))])
        follow = np.vstack([automaton.table, np.full((1, letters), size)])
        self.follow = torch.from_numpy(np.where(closed > 0, follow, size))
        self.log_probs = logarithm(torch.from_numpy(closed))
        self.ends = torch.from_numpy(np.append(automaton.ends, False))

    def states(self, prefix: Int[torch.Tensor, "T N"]) -> Int[torch.Tensor, "T N"]:
        """Return the state before every step; `outside` after a letter that was not possible. An end is never left."""
        states = torch.empty(prefix.shape, dtype=torch.int64)
        state = torch.full((prefix.shape[1],), self.start, dtype=torch.int64)
        for t, letter in enumerate(prefix):
            states[t] = state
            state = torch.where(self.ends[state], state, self.follow[state, letter])
        return states

    def __call__(self, prefix: Int[torch.Tensor, "T N"]) -> Truth:
        """Row t is the distribution of y_t given ``prefix[:t]``. What follows the end is neither inside nor outside."""
        states = self.states(prefix)
        return Truth(log_probs=self.log_probs[states], inside=states != self.outside, ended=self.ends[states])


class BranchingOracle:
    """An automaton in which a letter may lead to several states, as an oracle: the forward recursion over its states."""

    def __init__(self, automaton: Automaton, letters: np.ndarray) -> None:
        source, branch = np.nonzero(automaton.probs > 0)
        self.start = torch.zeros(len(automaton.probs), dtype=torch.float64)
        self.start[automaton.start] = 1
        self.source, self.letter = torch.from_numpy(source), torch.from_numpy(letters[source, branch])
        self.probs = torch.from_numpy(automaton.probs[source, branch])
        self.spell = torch.eye(automaton.outputs, dtype=torch.float64)[self.letter]
        self.move = torch.eye(len(self.start), dtype=torch.float64)[torch.from_numpy(automaton.table[source, branch])]
        self.ends = torch.from_numpy(automaton.ends)

    def __call__(self, prefix: Int[torch.Tensor, "T N"]) -> Truth:
        """Row t is the distribution of y_t given ``prefix[:t]``. What follows the end is neither inside nor outside."""
        steps, count = prefix.shape
        log_probs = torch.empty(steps, count, self.spell.shape[1], dtype=torch.float64)
        inside, ended = torch.empty(2, steps, count, dtype=torch.bool)
        belief = self.start.expand(count, -1)
        for t in range(steps):
            inside[t] = belief.sum(1) > 0
            ended[t] = (belief * self.ends).sum(1) > 0
            branches = belief[:, self.source] * self.probs
            log_probs[t] = logarithm(branches @ self.spell)
            after = (branches * (self.letter == prefix[t][:, None])) @ self.move
            after = after / after.sum(1, keepdim=True).clamp(min=torch.finfo(after.dtype).tiny)
            belief = torch.where(ended[t][:, None], belief, after)
        return Truth(log_probs=log_probs, inside=inside, ended=ended)


def shown(observed: Any, first: str = "") -> dict[str, Any] | None:
    """Ten generated strings for figures, each with its verdict; None where feedback is not made of letters.

    Args:
        observed: the rollout (`freerun.measurement.metrics.Observed`).
        first: what stands before the first target.
    """
    if observed.picks is None:
        return None
    truth, alphabet = observed.truth(), observed.data.alphabet
    lines = []
    for n in range(min(10, observed.picks.shape[1])):
        words = [first] if first else []
        valid = True
        for t in range(observed.picks.shape[0]):
            if truth.ended[t, n]:
                break
            letter = int(observed.fed_symbols[t, n])
            valid &= bool(truth.log_probs[t, n, letter] > -torch.inf)
            words.append(alphabet[letter])
        between = "" if all(len(letter) == 1 for letter in alphabet) else " "
        lines.append({"text": between.join(words), "valid": valid})
    return {"kind": "strings", "lines": lines}
