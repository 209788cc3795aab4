"""Hidden Markov source, whose next-symbol distribution is known exactly for any prefix.

The transition and emission matrices belong to the world, not to the seed: every seed sees its own sequences of one and the
same source, unless it is asked to have one of its own (`world_by_seed`). The true next-symbol distribution of *any* prefix,
also one that a model made up, follows from the forward recursion (Rabiner 1989, eq. 19-20).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int

from freerun.arithmetic import logarithm_
from freerun.deferred_imports import torch
from freerun.errors import require
from freerun.parts.settings import LATER
from freerun.parts.tasks import SPLITS, Data, Sequences, Task, Truth
from freerun.parts.tasks._chains import settled
from freerun.random_streams import stream


@dataclass(kw_only=True)
class HiddenMarkov(Task):
    """Symbols from a hidden Markov model whose true next-symbol distribution is known for any prefix.

    Attributes:
        states, alphabet_size: sizes of the hidden state and of the alphabet.
        stay: probability of keeping the hidden state: how long memory lasts.
        concentration: Dirichlet parameter of the rows; small is peaked and easy, large is flat.
        world: which source; another number is another pair of matrices.
        world_by_seed: every seed has a source of its own (also `world=seed`), so that what is found over seeds
            is found over sources.
        sequences: number of training sequences; validation and test have half as many each.
    """

    default_warmup: ClassVar[int] = 8

    states: int = 5
    alphabet_size: int = 6
    stay: float = 0.7
    concentration: float = 0.3
    world: int = 0
    sequences: int = 2048
    length: int = 30
    world_by_seed: bool = field(default=False, metadata=LATER)

    def __post_init__(self) -> None:
        require(self.states >= 1, "states", self.states, "be at least 1")
        require(self.alphabet_size >= 2, "alphabet_size", self.alphabet_size, "be at least 2")
        require(0 <= self.stay < 1, "stay", self.stay, "lie in [0, 1)")
        require(self.concentration > 0, "concentration", self.concentration, "be positive")
        require(self.sequences >= 2, "sequences", self.sequences, "be at least 2")

    def matrices(self, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Initial ``[S]`` (the stationary one), transition ``[S S]`` and emission ``[S K]`` probabilities, float64.

        Args:
            seed: of the run; it counts where every seed has a source of its own.
        """
        chance = stream(self.world, f"world/{seed}" if self.world_by_seed else "world")
        moves = chance.dirichlet(np.full(self.states, self.concentration), size=self.states)
        transition = self.stay * np.eye(self.states) + (1 - self.stay) * (0.98 * moves + 0.02 / self.states)
        emission = chance.dirichlet(np.full(self.alphabet_size, self.concentration), size=self.states)
        emission = 0.98 * emission + 0.02 / self.alphabet_size
        return settled(transition), transition, emission

    def build(self, seed: int, length: int) -> Data:
        counts = {"train": self.sequences, "validation": self.sequences // 2, "test": self.sequences // 2}
        matrices, splits = self.matrices(seed), {}
        for number, name in enumerate(SPLITS):
            targets = torch.from_numpy(self._draw(matrices, stream(seed, "data", number), length, counts[name]))
            start = torch.full((counts[name],), -1, dtype=torch.int64)
            splits[name] = Sequences(targets=targets, start=start, weights=torch.ones(targets.shape))
        return Data(splits=splits, inputs=0, outputs=self.alphabet_size, oracle=ForwardOracle(*matrices))

    def _draw(
        self, matrices: tuple[np.ndarray, np.ndarray, np.ndarray], chance: np.random.Generator, length: int, count: int
    ) -> np.ndarray:
        initial, transition, emission = matrices
        moves, emits = chance.random((length, 2, count)).transpose(1, 0, 2)  # step by step: a longer sequence begins the same
        cumulative, spoken = transition.cumsum(1), emission.cumsum(1)
        symbols = np.empty((length, count), dtype=np.int64)
        state = np.searchsorted(initial.cumsum(), moves[0]).clip(max=self.states - 1)
        for t in range(length):
            if t:
                state = (cumulative[state] < moves[t, :, None]).sum(1).clip(max=self.states - 1)
            symbols[t] = (spoken[state] < emits[t, :, None]).sum(1).clip(max=self.alphabet_size - 1)
        return symbols


class ForwardOracle:
    """The forward recursion of a hidden Markov model as an oracle of the next symbol.

    A prefix that begins as the one before it is taken up where they part: who asks step by step pays for each step once.
    """

    def __init__(self, initial: np.ndarray, transition: np.ndarray, emission: np.ndarray) -> None:
        self.initial: Float[torch.Tensor, " S"] = torch.from_numpy(initial)
        self.transition: Float[torch.Tensor, "S S"] = torch.from_numpy(transition)
        self.emission: Float[torch.Tensor, "S K"] = torch.from_numpy(emission)
        self._last: tuple[torch.Tensor, list[torch.Tensor]] = torch.zeros(0, 0, dtype=torch.int64), []

    def __call__(self, prefix: Int[torch.Tensor, "T N"]) -> Truth:
        """Row t is the distribution of y_t given ``prefix[:t]``; the last symbol of `prefix` is therefore not read."""
        steps, count = prefix.shape
        log_probs = torch.empty(steps, count, self.emission.shape[1], dtype=torch.float64)
        beliefs = self._beliefs(prefix)
        for t in range(steps):
            if t == len(beliefs):
                posterior = beliefs[-1] * self.emission[:, prefix[t - 1]].T
                beliefs.append((posterior / posterior.sum(1, keepdim=True)) @ self.transition)
            torch.matmul(beliefs[t], self.emission, out=log_probs[t])
        self._last = prefix.clone(), beliefs
        inside = torch.ones(steps, count, dtype=torch.bool)
        return Truth(log_probs=logarithm_(log_probs), inside=inside, ended=torch.zeros_like(inside))

    def _beliefs(self, prefix: Int[torch.Tensor, "T N"]) -> list[torch.Tensor]:
        """What is believed of the state before each step, ``Float[N S]``, as far as the last prefix was the same."""
        last, beliefs = self._last
        shared = min(len(last), len(prefix))
        if last.shape[1] != prefix.shape[1] or not shared:
            return [self.initial.expand(prefix.shape[1], -1)]
        same = (last[:shared] == prefix[:shared]).all(1).int().cumprod(0).sum()
        return beliefs[: int(same) + 1]
