"""Generalized forcing: truth and own output are mixed by a share, with no coin.

    f_t = alpha e(y_t) + (1 - alpha) phi(o_t)

(Doya 1992; Hess, Monfared, Brenner & Durstewitz 2023, "Generalized teacher forcing for learning chaotic dynamics", eq. 8.) The
gradient through each feed shrinks by 1 - alpha, so that it cannot explode if alpha >= 1 - 1/g, where g is the factor a step by
which the Jacobian products of the closed loop grow (their proposition 2). `adaptive` measures g and follows (their algorithm
1):

    alpha' = max(0, 1 - 1/g),   alpha <- alpha' if alpha' > alpha else decay alpha + (1 - decay) alpha'

from alpha = 1 on. Here g is the spectral norm of d f_{t+T} / d f_t along forced orbits, to the power 1/T, with the hidden path
inside; for a model whose whole state is fed back that is their product of Jacobians. The mixed feed is neither a true nor an
own context; the target stays the truth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import given, require
from freerun.parts.feeders import Feeder
from freerun.parts.feeders.adaptive import Adaptive
from freerun.parts.feeders.masked import Masked
from freerun.parts.regimes import Regime

if TYPE_CHECKING:
    from freerun.parts.experiment_protocol import Experiment


class Alpha(Enum):
    """How alpha moves over the updates."""

    constant = "constant"
    annealed = "annealed"
    adaptive = "adaptive"


@dataclass(kw_only=True)
class GeneralizedForcing(Regime):
    """Truth and own output mixed by a share alpha: constant, annealed, or adapted to the growth of errors.

    Attributes:
        mode: `constant`: alpha; `annealed`: from alpha at update 0 to `end`, evenly in the logarithm; `adaptive`: measured.
        alpha: the share of truth, in (0, 1); without a meaning for `adaptive`, which begins at 1.
        end: the share at the last update, for `annealed`.
        every: updates between two measurements, for `adaptive`.
        decay: how slowly alpha falls after a measurement, for `adaptive`, in [0, 1).
    """

    tosses: ClassVar[bool] = False

    mode: Alpha = Alpha.constant
    alpha: float | None = None
    end: float | None = None
    every: int | None = None
    decay: float | None = None

    def __post_init__(self) -> None:
        settings = {Alpha.constant: ("alpha",), Alpha.annealed: ("alpha", "end"), Alpha.adaptive: ("every", "decay")}[self.mode]
        for name in ("alpha", "end", "every", "decay"):
            if name not in settings and getattr(self, name) is not None:
                raise ValueError(f"{name} has no meaning for mode={self.mode.value}; leave it out")
        if self.mode is Alpha.adaptive:
            self.every = 5 if self.every is None else self.every
            self.decay = 0.98 if self.decay is None else self.decay
            require(self.every >= 1, "every", self.every, "be at least 1")
            require(0 <= self.decay < 1, "decay", self.decay, "lie in [0, 1)")
            return
        default = 0.2 if self.mode is Alpha.constant else 0.9
        self.alpha = default if self.alpha is None else self.alpha
        require(0 < self.alpha < 1, "alpha", self.alpha, "lie strictly between 0 and 1")
        if self.mode is Alpha.annealed:
            self.end = 0.05 if self.end is None else self.end
            require(0 < self.end < 1, "end", self.end, "lie strictly between 0 and 1")

    def feeder(self) -> Feeder:
        return Masked(self, blending=True) if self.every is None else Adaptive(self, every=self.every)

    def misfit(self, experiment: Experiment) -> str | None:
        if self.mode is Alpha.adaptive and (experiment.task.symbols or given(experiment.feedback).silent):
            return "mode=adaptive measures how real values that are fed back grow; choose mode=constant or mode=annealed"
        return None

    def adapted(self, share: float, growth: float) -> float:
        if not math.isfinite(growth):
            return 1.0
        wanted = max(0.0, 1 - 1 / growth) if growth > 0 else 0.0
        decay = self.decay or 0.0
        return wanted if wanted > share else decay * share + (1 - decay) * wanted

    def probability(self, update: int, updates: int) -> float:
        if self.alpha is None:
            return 1.0
        if self.end is None:
            return self.alpha
        way = min(1.0, update / max(1, updates - 1))
        return float(self.alpha ** (1 - way) * self.end**way)

    def mask(self, coins: Float[torch.Tensor, "T B"], update: int, updates: int) -> Float[torch.Tensor, "T B"]:
        return torch.full_like(coins, self.probability(update, updates))
