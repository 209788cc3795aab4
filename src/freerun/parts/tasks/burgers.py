"""Viscous Burgers equation: a field on a ring that steepens, and is smoothed again.

    u_t = - u u_x + nu u_xx,   u(x + 2 pi) = u(x),   u_0(x) = sum_{k=1..m} a_k sin(k x) + b_k cos(k x),   a, b ~ U(-1, 1)

(Burgers 1948, Adv. Appl. Mech. 1, 171). The waves move at their own height, so that fronts form, as wide as the viscosity nu
makes them, and decay. It is the heat equation for theta where u = -2 nu theta_x / theta (Hopf 1950, Comm. Pure Appl. Math. 3,
201; Cole 1951, Quart. Appl. Math. 9, 225), so that there is an exact solution to hold the steps to.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from freerun.errors import require
from freerun.parts.tasks import SPLITS, Data, Sequences, Task
from freerun.parts.tasks._ring_waves import Stepper, stepper, waves_of
from freerun.parts.tasks._windows import along
from freerun.random_streams import stream

#: Viscosity times the shortest wave that is kept, at least: there a fine grid's fields are 6 % away from those of a coarse one.
THINNEST = 0.5
#: Viscosity times the time between samples, at most: of the longest wave less than a hundredth is left after it.
FASTEST = 5.0
#: The widest step in time: its fields are a two-thousandth away from those of a fine one; at 1 they leave every bound.
COARSEST = 0.2


@dataclass(kw_only=True)
class Burgers(Task):
    """A field on a ring of points under the viscous Burgers equation; nothing is scaled.

    Training sees every window of `length` steps of its trajectories. A trajectory belongs to one split; a longer horizon of
    the evaluation goes on along it, beyond `steps` where a window begins late, and moves no window. The true system is that of
    the waves that the points can square without error, a third of their number; of any other field the shorter waves are left
    out.

    Attributes:
        points: points on the ring, whose length is 2 pi.
        viscosity: nu, at least half of 1 over a third of the points, with which the fields are some 6 % off.
        modes: m, the number of waves in an initial field.
        dt: time between samples.
        substeps: exponential time steps of order four within one `dt`.
        trajectories: number of training trajectories; validation and test have a quarter as many each.
        steps: steps of a training trajectory, counted from its initial field.
    """

    symbols: ClassVar[bool] = False
    field: ClassVar[bool] = True
    unit: ClassVar[str] = "field"
    default_feedback: ClassVar[str] = "mean"
    default_objective: ClassVar[str] = "squared_error"

    points: int = 64
    viscosity: float = 0.2
    modes: int = 3
    dt: float = 0.05
    substeps: int = 2
    trajectories: int = 20
    steps: int = 60
    length: int = 5

    def __post_init__(self) -> None:
        require(8 <= self.points <= 256, "points", self.points, "lie in [8, 256]")
        kept = (self.points - 1) // 3
        require(self.viscosity > 0, "viscosity", self.viscosity, "be positive")
        least = THINNEST / kept
        require(self.viscosity >= least, "viscosity", self.viscosity, f"be at least {least:.2g}: a front needs points")
        require(1 <= self.modes <= kept, "modes", self.modes, f"lie between 1 and a third of the points ({kept})")
        require(self.dt > 0, "dt", self.dt, "be positive")
        require(self.viscosity * self.dt <= FASTEST, "viscosity", self.viscosity, f"be at most {FASTEST:g} / dt")
        require(self.substeps >= 1, "substeps", self.substeps, "be at least 1")
        wide = self.dt / self.substeps > COARSEST
        require(not wide, "substeps", self.substeps, f"make dt / substeps at most {COARSEST:g}")
        require(self.trajectories >= 4, "trajectories", self.trajectories, "be at least 4")
        require(self.steps >= self.length, "steps", self.steps, f"be at least the length of a window ({self.length})")

    @property
    def remembers(self) -> int | None:
        return 1

    def onward(self, history: np.ndarray) -> np.ndarray:
        """See `Task.onward`; by the very steps that made the data. A field far beyond the data may leave every bound."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self._stepper().run(history[-1], self.substeps)

    def build(self, seed: int, length: int) -> Data:
        counts = {"train": self.trajectories, "validation": self.trajectories // 4, "test": self.trajectories // 4}
        splits = {name: self._windows(stream(seed, "data", k), length, counts[name]) for k, name in enumerate(SPLITS)}
        return Data(splits=splits, inputs=0, outputs=self.points)

    def _windows(self, chance: np.random.Generator, length: int, count: int) -> Sequences:
        """Every window of `count` trajectories."""
        begins = self.steps - self.length + 1
        trajectories = [self._stepper().waves.fields(*chance.uniform(-1, 1, (2, count, self.modes)))]
        while len(trajectories) < begins + length:
            trajectories.append(self.onward(trajectories[-1][None]))
        return along(np.stack(trajectories), begins, length)

    def _stepper(self) -> Stepper:
        return _stepper(self.points, self.viscosity, self.dt / self.substeps)


@lru_cache(maxsize=8)
def _stepper(points: int, viscosity: float, h: float) -> Stepper:
    waves = waves_of(points, 2 * np.pi)
    return stepper(waves, waves.spread(lambda q: -viscosity * q * q), h)
