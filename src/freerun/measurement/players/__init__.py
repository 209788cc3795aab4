"""Reference players: sources that need no training, measured by the same code on the same sequences as a model.

The truth and its noisy or tempered copies say what can be reached; degenerate players (climatology, persistence, a fixed
point, a unigram, a copy of training ...) say what a measure must not reward. A module here without a leading underscore is a
family: its `players` gives its members.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from functools import cache
from typing import ClassVar

import numpy as np

from freerun.measurement.metrics import Observed
from freerun.parts.tasks import Data, Sequences, Task

#: What a player stands for: the truth itself, the best that a model can be, what is worse. A model is judged beside the best.
TRUTH, BEST, WORSE = range(3)


class Player(ABC):
    """A source of known making that stands where a trained model does. Subclasses are final."""

    #: As in tables; no other player has it.
    name: str
    #: `TRUTH`, `BEST` or `WORSE`.
    stands: ClassVar[int] = WORSE
    #: Whether it knows no more of a task than how its values are spread, or the last one: who is worse has learned nothing.
    ignorant: bool = False

    @abstractmethod
    def applies(self, task: Task, data: Data) -> bool:
        """Whether the player can play on a task."""

    def least_warmup(self, task: Task) -> int:
        """Steps that have to be forced before it can be released."""
        return 0

    @abstractmethod
    def play(
        self, task: Task, data: Data, sequences: Sequences, warmup: int, chance: np.random.Generator, orbit: int | None = None
    ) -> tuple[Observed, Observed]:
        """What is observed of it on the same sequences, forced and free; the free one has the forced one beside itself.

        Args:
            task: on which it plays.
            data: of one seed, with `sequences` from its test split.
            sequences: what is to be predicted.
            warmup: steps that are forced before the release.
            chance: for whatever it draws.
            orbit: steps of the long closed loop, on a task that has one; None for the task's own, 0 for none.
        """

    def further(
        self, task: Task, data: Data, sequences: Sequences, release: int | None, chance: np.random.Generator
    ) -> Observed:
        """What is observed of it on other sequences, as a metric asks for it, released after so many steps; None: forced."""
        forced, free = self.play(task, data, sequences, len(sequences.targets) if release is None else release, chance, 0)
        return forced if release is None else free


@cache
def known() -> dict[str, Player]:
    """All players by name, the truth first, then what is best, then what is worse."""
    names = [info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_")]
    families = [importlib.import_module(f"{__name__}.{name}") for name in names]
    members: list[Player] = [player for family in families for player in family.players()]
    return {player.name: player for player in sorted(members, key=lambda player: player.stands)}


def playing(task: Task, data: Data, warmup: int) -> list[Player]:
    """The players of a task with a warm-up of so many steps, in the order of `known`."""
    return [player for player in known().values() if player.applies(task, data) and player.least_warmup(task) <= warmup]


def best(players: list[Player]) -> Player | None:
    """The one beside which the others are judged: what is best, or else the truth; None where neither is among them."""
    reachable = [player for player in players if player.stands < WORSE]
    return max(reachable, key=lambda player: player.stands, default=None)
