"""Base class of chaotic flows: integration, splits by orbit, scaling and the largest Lyapunov exponent.

A flow states its equations; everything else is here: fixed steps of the classical Runge-Kutta method of order four over all
orbits at once, splits by orbit, scaling by what training sees alone, the integration step that the equations need
(`_integration_step`), and the largest Lyapunov exponent, which is computed for the settings at hand (`_lyapunov_exponent`).
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar, cast

import numpy as np
from jaxtyping import Float, Inexact

from freerun.deferred_imports import torch
from freerun.errors import ConfigError, require
from freerun.parts import shortcuts
from freerun.parts.tasks import SPLITS, Data, Sequences, Task
from freerun.parts.tasks._integration_step import TOLERANCE, followed, step_error
from freerun.parts.tasks._lyapunov_exponent import neighbours_part, spans
from freerun.parts.tasks._scaling import Predict, increments, orbit, scaling
from freerun.random_streams import stream

#: Exponent and standard error, and the step that follows the equations, by flow and equation, for the life of the process.
_exponents: dict[tuple[object, ...], tuple[float, float]] = {}
_steps: dict[tuple[object, ...], float] = {}
_bounded: set[tuple[object, ...]] = set()
#: Integration steps between two looks at whether an orbit has left every bound.
STRETCH = 500


def columns(*values: Inexact[np.ndarray, " N"]) -> Inexact[np.ndarray, "N D"]:
    """Columns side by side, as `numpy.stack` has them along axis 1, in a third of its time."""
    made = np.empty((len(values[0]), len(values)), values[0].dtype)
    for number, value in enumerate(values):
        made[:, number] = value
    return made


@dataclass(kw_only=True)
class Flow(Task):
    """A flow, sampled every `dt` time units. A subclass adds the parameters of its equations as settings.

    Orbits start at random points, run for `transient` time units onto the attractor, and are cut off after one window; each
    orbit belongs to one split. Values are scaled to zero mean and unit variance of what training sees.

    Attributes:
        dt: time between samples, in time units.
        substeps: Runge-Kutta steps of order four within one `dt`.
        transient: time that an orbit runs before its window begins, in time units.
        predict: `value`: the output is the next state; `increment`: the output is added to the state that was fed.
        sequences: number of training orbits; validation and test have a quarter as many each.
        coarsest: declared by a subclass: the largest integration step, in time units; it follows the equations with their usual
            settings.
        pairs: declared: pairs of orbits that the exponent is averaged over.
        spans: declared: their time, in time units: to turn into the fastest growing direction, and to be measured; None for
            1,000 and 4,000 of the coarsest steps. About a second, a standard error of about 1 %, of 2 % where chaos is weak.
        analytic: declared: False for a flow whose slope is not analytic, or does not take complex states.
    """

    symbols: ClassVar[bool] = False
    unit: ClassVar[str] = "attractor std"
    default_feedback: ClassVar[str] = "mean"
    default_objective: ClassVar[str] = "squared_error"
    default_warmup: ClassVar[int] = 20
    default_horizon: ClassVar[int | None] = 200
    default_orbit: ClassVar[int] = 1000
    coarsest: ClassVar[float]
    pairs: ClassVar[int] = 512
    spans: ClassVar[tuple[float, float] | None] = None
    analytic: ClassVar[bool] = True

    dt: float
    substeps: int
    transient: float
    predict: Predict = Predict.value
    sequences: int = 1024
    length: int = 50

    def __post_init__(self) -> None:
        require(self.dt > 0, "dt", self.dt, "be positive")
        require(self.substeps >= 1, "substeps", self.substeps, "be at least 1")
        fine = self.dt / self.substeps <= self.coarsest * (1 + 1e-9)
        require(fine, "substeps", self.substeps, f"make dt / substeps at most {self.coarsest:g}")
        require(self.transient >= 0, "transient", self.transient, "not be negative")
        require(self.sequences >= 4, "sequences", self.sequences, "be at least 4")

    @abstractmethod
    def slope(self, state: Inexact[np.ndarray, "N D"]) -> Inexact[np.ndarray, "N D"]:
        """Return the right-hand side of the equations."""

    @abstractmethod
    def begin(self, noise: Float[np.ndarray, "N Z"], step: float) -> Float[np.ndarray, "N D"]:
        """Return where orbits start, from standard normal numbers; `step` is the step they will be integrated with."""

    def numbers(self) -> int:
        """Z, how many normal numbers the start of an orbit takes."""
        return 3

    def step(self, state: Inexact[np.ndarray, "N D"], h: float) -> Inexact[np.ndarray, "N D"]:
        """Return the state one integration step of `h` time units later."""
        a = self.slope(state)
        b = self.slope(state + 0.5 * h * a)
        c = self.slope(state + 0.5 * h * b)
        d = self.slope(state + h * c)
        following: np.ndarray = state + (h / 6) * (a + 2 * b + 2 * c + d)
        return following

    def seen(self, state: Float[np.ndarray, "N D"]) -> Float[np.ndarray, "N Y"]:
        """Return what is observed of a state: all of it."""
        return state

    @property
    def continues(self) -> bool:
        return type(self).seen is Flow.seen

    def advance(self, states: Float[np.ndarray, "N Y"], steps: int) -> Float[np.ndarray, "T N Y"]:
        """See `Task.advance`; with as few integration steps as follow the equations. An orbit may leave every bound."""
        count = self.least_substeps()
        samples, state = [], states
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(steps):
                state = self.run(state, self.dt / count, count)
                samples.append(state)
        return np.stack(samples)

    @property
    def remembers(self) -> int | None:
        return 1 if self.continues else None

    def onward(self, history: Inexact[np.ndarray, "H N Y"]) -> Inexact[np.ndarray, "N Y"]:
        """See `Task.onward`; by the very steps that made the data. It may leave every bound."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self.run(history[-1], self.dt / self.substeps, self.substeps)

    @property
    def increments(self) -> bool:
        return self.predict is Predict.increment

    def equation(self) -> dict[str, object]:
        """Return the settings that belong to the equations alone."""
        shared = {setting.name for setting in fields(Flow)}
        return {setting.name: getattr(self, setting.name) for setting in fields(self) if setting.name not in shared}

    def usual(self) -> bool:
        """Return whether the settings of the equations are the default ones."""
        return all(value == getattr(type(self), name) for name, value in self.equation().items())

    def least_substeps(self) -> int:
        """Return the fewest integration steps within one `dt` that follow the equations."""
        return int(np.ceil(self.dt / self.widest() - 1e-9))

    def notes(self) -> tuple[str, ...]:
        """Return a line on data whose integration steps are too wide for the equations; nothing where they are not."""
        step = self.dt / self.substeps
        if step <= self.widest() * (1 + 1e-9) or step_error(self, step) <= TOLERANCE:
            return ()
        said = f"{self._name()}: integration steps of {step:g} time units are too wide for {self._setting()}"
        return (f"{said}; task.substeps={self.least_substeps()} follows the equations",)

    def check(self, length: int) -> None:
        """Try equations with settings other than the defaults on a few orbits, once, to refuse orbits that diverge."""
        key = (type(self), *self.equation().items(), self.dt, self.substeps, self.transient)
        if not self.usual() and key not in _bounded:
            self.orbits(stream(0, "flow/check").normal(size=(8, self.numbers())), 2)
            _bounded.add(key)

    def build(self, seed: int, length: int) -> Data:
        counts = {"train": self.sequences, "validation": self.sequences // 4, "test": self.sequences // 4}
        orbits = self.orbits(stream(seed, "data").normal(size=(sum(counts.values()), self.numbers())), length + 1)
        mean, std = scaling(orbits[: self.length + 1, : self.sequences])
        if not (std > 1e-6).all():
            raise ConfigError(f"{self._name()}: the orbits come to rest; there is nothing to predict with {self._setting()}")
        scaled = ((orbits - mean) / std).astype(np.float32)
        splits, offset = {}, 0
        for name in SPLITS:
            part = torch.from_numpy(scaled[:, offset : offset + counts[name]].copy())
            splits[name] = Sequences(targets=part[1:], start=part[0], weights=torch.ones(part[1:].shape[:2]))
            offset += counts[name]
        residual = torch.from_numpy(increments(scaled[: self.length + 1, : self.sequences])) if self.increments else None
        return Data(
            splits=splits, inputs=0, outputs=orbits.shape[-1], residual=residual,
            mean=torch.from_numpy(mean.astype(np.float32)), std=torch.from_numpy(std.astype(np.float32)),
        )  # fmt: skip

    def orbits(self, noise: Float[np.ndarray, "N Z"], length: int) -> Float[np.ndarray, "T N Y"]:
        """One orbit of `length` samples for each row of `noise` (standard normal), in the system's own units.

        Raises:
            ConfigError: if an orbit leaves every bound.
        """
        step = self.dt / self.substeps
        with np.errstate(over="ignore", invalid="ignore"):
            state = self.settled(noise, step)
            samples = [self.seen(state)]
            for _ in range(length - 1):
                state = self.run(state, step, self.substeps)
                samples.append(self.seen(state))
        if not np.isfinite(samples[-1]).all():
            raise ConfigError(f"{self._name()}: orbits leave every bound; there is no attractor around with {self._setting()}")
        return np.stack(samples)

    def settled(self, noise: Float[np.ndarray, "N Z"], step: float) -> Float[np.ndarray, "N D"]:
        """Return the states of orbits after the transient.

        On the way there, steps as wide as follow the equations do, except for an orbit that would leave every bound with them.
        """
        wide = max(step, self.widest())
        state = self.run(self.begin(noise, step), wide, round(self.transient / wide))
        lost = ~np.isfinite(state).all(1)
        if lost.any():
            state[lost] = self.run(self.begin(noise[lost], step), step, round(self.transient / step))
        return state

    def lyapunov_steps(self) -> float | None:
        """Return the time in which an error grows by e, in steps; None if it does not grow, or not visibly."""
        rate, error = self.exponent()
        grows = rate > 3 * error and rate * spans(self)[1] > 2
        return 1 / (rate * self.dt) if grows else None

    def exponent(self) -> tuple[float, float]:
        """Return the largest Lyapunov exponent of these equations, per time unit, and its standard error.

        It belongs to the equations, not to how they are sampled: a pair of orbits takes steps of `widest`, or, where orbits
        leave every bound at that step, of a 4th or a 16th of it.

        Raises:
            ConfigError: if an orbit leaves every bound.
        """
        key = (type(self), *self.equation().items())
        if key not in _exponents:
            for part in (1, 4, 16):
                rate, error = neighbours_part(self, self.widest() / part)
                if np.isfinite(rate):
                    break
            else:
                raise ConfigError(f"{self._name()}: orbits leave every bound; no Lyapunov exponent with {self._setting()}")
            _exponents[key] = (rate, error)
        return _exponents[key]

    def widest(self) -> float:
        """Return the largest integration step that follows the equations, in time units (`_integration_step`)."""
        if self.usual():
            return self.coarsest
        key = (type(self), *self.equation().items())
        if key not in _steps:
            _steps[key] = followed(self)
        return _steps[key]

    def settling(self) -> float:
        """Return the time in which orbits reach the attractor, whatever `transient` is set to."""
        return cast("float", type(self).__dataclass_fields__["transient"].default)

    def run(self, state: Inexact[np.ndarray, "N D"], h: float, steps: int) -> Inexact[np.ndarray, "N D"]:
        """Return the state after so many integration steps, or where it is lost: then not all of it is finite."""
        for begun in range(0, steps, STRETCH):
            state = self._stretch(state, h, min(STRETCH, steps - begun))
            if not np.isfinite(state).all():  # lost: what follows would be slow, and lost as well
                break
        return state

    def _stretch(self, state: Inexact[np.ndarray, "N D"], h: float, steps: int) -> Inexact[np.ndarray, "N D"]:
        if shortcuts.steps and (taken := shortcuts.steps(self, state, h, steps)) is not None:
            return taken
        for _ in range(steps):
            state = self.step(state, h)
        return state

    def _name(self) -> str:
        return f"task {type(self).__name__}"

    def _setting(self) -> str:
        return ", ".join(f"{name}={value:g}" for name, value in self.equation().items())

    def show(self, observed: Any) -> dict[str, Any]:
        """Return the true and the generated orbit of the first window, in the system's own units."""
        return orbit(observed, self.dt)
