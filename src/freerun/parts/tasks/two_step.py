"""Two binary symbols: the smallest source on which regimes teach different distributions.

    P(x1 = 1) = a,    P(x2 = 1 | x1) = p[x1]

The smallest world in which scheduled sampling is improper (Huszar 2015, arXiv 1511.05101, section 3): where the truth is fed
with probability eps and no gradient flows through what is fed back, the best model of the second symbol is

    Q(x2 | x1) = eps P(x2 | x1) + (1 - eps) P(x2)

and not P(x2 | x1), in both contexts the nearer to the marginal the less truth is fed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from freerun.errors import ConfigError, require
from freerun.parts.tasks import Data, Task
from freerun.parts.tasks._automata import Automaton

#: The whole of a sequence.
STEPS = 2


@dataclass(kw_only=True)
class TwoStep(Task):
    """Two binary symbols, the second drawn given the first: the smallest world in which scheduled sampling is improper.

    Attributes:
        a: P(x1 = 1).
        p0, p1: P(x2 = 1) after a 0 and after a 1.
        sequences: number of training sequences; validation and test have half as many each.
        length: 0 for the whole sequence, which is 2.
    """

    a: float = 0.5
    p0: float = 0.1
    p1: float = 0.9
    sequences: int = 2048
    length: int = 0

    def __post_init__(self) -> None:
        for name in ("a", "p0", "p1"):
            require(0 <= getattr(self, name) <= 1, name, getattr(self, name), "lie in [0, 1]")
        require(self.sequences >= 2, "sequences", self.sequences, "be at least 2")
        require(self.length in (0, STEPS), "length", self.length, f"be {STEPS}, or 0 for that: a sequence has two steps")
        self.length = STEPS

    def check(self, length: int) -> None:
        if length > STEPS:
            raise ConfigError(
                f"task two_step: a sequence has {STEPS} steps, {length} were asked for; lower evaluation.warmup or horizon"
            )

    def build(self, seed: int, length: int) -> Data:
        self.check(length)
        return self.source().data(seed, length, self.sequences)

    def source(self) -> Automaton:
        """Return the world as an automaton: nothing seen, a 0 seen, a 1 seen, over."""
        ones = np.array([self.a, self.p0, self.p1])
        probs = np.vstack([np.stack([1 - ones, ones], 1), np.zeros(2)])
        return Automaton(table=np.array([[1, 2], [3, 3], [3, 3], [3, 3]]), probs=probs)
