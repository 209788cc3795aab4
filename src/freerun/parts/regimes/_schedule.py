"""Schedules of the share of truth: g falls from 1 to 0 over the updates, and eps_i = end + (start - end) g(i).

Where the schedule's own constant k is given and start >= end it is the published form with a floor (Bengio et al. 2015, section
2.4): eps_i = max(end, start g(i)), for `linear` max(end, start - c i).

    constant          g = 1
    linear            g = max(0, 1 - c i)
    exponential       g = k^i,                     k < 1
    inverse_sigmoid   g = k / (k + exp(i / k)),    k >= 1

Where a schedule ends decides what is learned. On symbols the label belongs to another context wherever the model's own symbol
was fed, so that the model moves to the optimum of its last eps: the KL to the truth of a GRU on `hidden_markov` is 6.3 times
that of teacher forcing with end=0 and a last fifth of the updates at it (span=0.8), and 3.9, 2.2, 1.3 times with end=0.25, 0.5,
0.75; with end=0 at the last update and not before (span=1) it is 3.4 times. On Lorenz-63 end=0.5 is better than teacher forcing
both forced and free, where end=0 pays with its forced error. The defaults end as the paper's schedules do, at 0 with the last
update and not before; nothing but `span` makes them stay there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from freerun.errors import require
from freerun.parts.feeders import Feeder
from freerun.parts.feeders.forced import Forced
from freerun.parts.regimes import Regime


class Schedule(Enum):
    """The shape of eps over the updates."""

    constant = "constant"
    linear = "linear"
    exponential = "exponential"
    inverse_sigmoid = "inverse_sigmoid"


@dataclass(kw_only=True)
class Scheduled(Regime):
    """A regime whose share of truth moves over the updates.

    Attributes:
        schedule: the shape of eps; `constant` stays at `start`.
        start, end: eps at update 0 and in the end, in [0, 1]; ``start < end`` is a rising schedule. For `inverse_sigmoid` the
            value at update 0 is k / (k + 1) of the way from `end` to `start`. The end decides how improper the objective is.
        span: the share of the updates after which `linear` has reached `end`, where `inverse_sigmoid` is half way at half of
            it, and where `exponential` has 1 % of the way left; below 1 the rest is trained at `end`. Used where `k` is not
            given.
        k: the schedule's own constant instead of `span`: the slope c per update (linear), k < 1 (exponential) or k >= 1
            (inverse sigmoid).
    """

    schedule: Schedule = Schedule.linear
    start: float = 1.0
    end: float = 0.0
    span: float = 1.0
    k: float | None = None

    def __post_init__(self) -> None:
        require(0 <= self.start <= 1, "start", self.start, "lie in [0, 1]")
        require(0 <= self.end <= 1, "end", self.end, "lie in [0, 1]")
        require(0 < self.span <= 1, "span", self.span, "lie in (0, 1]")
        if self.schedule is Schedule.constant:
            if self.end not in (0.0, self.start):
                raise ValueError(
                    f"end has no meaning for schedule=constant, which stays at start; leave it out, got {self.end}"
                )
            self.end = self.start
        if self.k is not None:
            if self.schedule is Schedule.constant:
                raise ValueError("k has no meaning for schedule=constant; leave it out")
            if self.schedule is Schedule.linear:
                require(self.k > 0, "k", self.k, "be positive (the slope per update)")
            if self.schedule is Schedule.exponential:
                require(0 < self.k < 1, "k", self.k, "lie in (0, 1)")
            if self.schedule is Schedule.inverse_sigmoid:
                require(self.k >= 1, "k", self.k, "be at least 1")

    def feeder(self) -> Feeder:
        return Forced(self) if self.start == self.end == 1 else super().feeder()

    def comes_to(self, steps: range) -> str | None:
        """See `Regime.comes_to`: where the share of truth stays at 1 or at 0."""
        return {1.0: "teacher_forcing", 0.0: "free_running"}.get(self.start) if self.start == self.end else None

    def probability(self, update: int, updates: int) -> float:
        falling = self._falling(update, max(1.0, self.span * updates))
        if self.k is None or self.start < self.end:
            return self.end + (self.start - self.end) * falling
        if self.schedule is Schedule.linear:
            return max(self.end, self.start - self.k * update)
        return max(self.end, self.start * falling)

    def _falling(self, update: int, span: float) -> float:
        if self.schedule is Schedule.constant:
            return 1.0
        if self.schedule is Schedule.linear:
            return max(0.0, 1 - update * (1 / span if self.k is None else self.k))
        if self.schedule is Schedule.exponential:
            return float((0.01 ** (1 / span) if self.k is None else self.k) ** update)
        k = half_way(span) if self.k is None else self.k
        return k / (k + math.exp(update / k)) if update / k < 700 else 0.0


def half_way(span: float) -> float:
    """The k >= 1 of an inverse sigmoid that is one half at span / 2: the root of k ln k = span / 2, by Newton's method."""
    target, k = span / 2, max(math.e, span / 2)
    for _ in range(60):
        k = max(1.0, k - (k * math.log(k) - target) / (math.log(k) + 1))
    return k
