"""Advection on a ring, the yardstick of stencils that stay stable over many steps.

    u_t(x) = u_0(x - CFL t),   u_0(x) = sum_{k=1..m} a_k sin(2 pi k x / N) + b_k cos(2 pi k x / N),   a, b ~ U(-1, 1)

on the points x = 0, ..., N - 1: CFL is the distance in points that the field moves in one step, and the step is exact for every
mode (the one-dimensional advection of trainax and APEBench, Koehler, Niedermayr, Westermann & Thuerey 2024). All modes have
the same power on average, so the best two-tap stencil g_k = w0 + w1 exp(2 pi i k / N) over T unrolled steps is the minimum of
sum_{t=1..T} sum_{k=1..m} |g_k^t - exp(-2 pi i k CFL t / N)|^2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from freerun.errors import require
from freerun.parts.tasks import SPLITS, Data, Sequences, Task
from freerun.parts.tasks._windows import along
from freerun.random_streams import stream


@dataclass(kw_only=True)
class Advection(Task):
    """A field that is carried around a ring of points; nothing is scaled.

    Training sees every window of `length` steps of its trajectories. A trajectory belongs to one split; a longer horizon of
    the evaluation goes on along it, beyond `steps` where a window begins late, and moves no window.

    Attributes:
        points: N, points on the ring.
        cfl: points that the field moves in one step; the sign is the direction.
        modes: m, the number of waves in an initial field.
        trajectories: number of training trajectories; validation and test have a quarter as many each.
        steps: steps of a training trajectory, counted from its initial field.
    """

    symbols: ClassVar[bool] = False
    field: ClassVar[bool] = True
    analytic: ClassVar[bool] = True
    unit: ClassVar[str] = "field"
    default_feedback: ClassVar[str] = "mean"
    default_objective: ClassVar[str] = "squared_error"

    points: int = 30
    cfl: float = -0.75
    modes: int = 5
    trajectories: int = 20
    steps: int = 100
    length: int = 5

    def __post_init__(self) -> None:
        require(self.modes >= 1, "modes", self.modes, "be at least 1")
        require(self.points > 2 * self.modes, "points", self.points, f"be more than twice the modes ({self.modes})")
        require(abs(self.cfl) <= self.points, "cfl", self.cfl, f"move the field at most once around its {self.points} points")
        require(self.trajectories >= 4, "trajectories", self.trajectories, "be at least 4")
        require(self.steps >= self.length, "steps", self.steps, f"be at least the length of a window ({self.length})")

    @property
    def remembers(self) -> int | None:
        return 1

    def onward(self, history: np.ndarray) -> np.ndarray:
        """See `Task.onward`: every wave of a field is moved by `cfl` points, also those that no initial field has.

        Of the shortest wave of an even ring, which has two points, what can be seen of it on the points is kept.
        """
        points = np.arange(self.points)
        waves = np.arange(1, (self.points - 1) // 2 + 1)
        distance = points[:, None] - points - self.cfl
        kernel = 1 + 2 * np.cos(2 * np.pi / self.points * waves * distance[..., None]).sum(-1)
        if self.points % 2 == 0:
            kernel = kernel + np.cos(np.pi * self.cfl) * np.cos(np.pi * (points[:, None] - points))
        moved: np.ndarray = (kernel / self.points * history[-1][:, None]).sum(-1)
        return moved

    def build(self, seed: int, length: int) -> Data:
        counts = {"train": self.trajectories, "validation": self.trajectories // 4, "test": self.trajectories // 4}
        splits = {name: self._windows(stream(seed, "data", k), length, counts[name]) for k, name in enumerate(SPLITS)}
        return Data(splits=splits, inputs=0, outputs=self.points)

    def _windows(self, chance: np.random.Generator, length: int, count: int) -> Sequences:
        """Every window of `count` trajectories."""
        waves = chance.uniform(-1, 1, (count, 2, self.modes))
        begins = self.steps - self.length + 1
        times = np.arange(begins + length)
        distance = (np.arange(self.points) - self.cfl * times[:, None])[..., None]
        angle = 2 * np.pi / self.points * np.arange(1, self.modes + 1) * distance
        fields = np.einsum("tpm,nm->tnp", np.sin(angle), waves[:, 0]) + np.einsum("tpm,nm->tnp", np.cos(angle), waves[:, 1])
        return along(fields, begins, length)
