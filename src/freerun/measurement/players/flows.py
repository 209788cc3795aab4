"""Players of flows: the truth with a fresh error at each step, and degenerate forecasters that go nowhere, astray or backwards.

All but the truth and climates share one thing with a good model: what they say at true states. Where they do, the truth with
fresh errors says it for them, so that only what they make of their own states gives them away.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from freerun.arithmetic import mean_over_coordinates
from freerun.deferred_imports import torch
from freerun.errors import given, require
from freerun.measurement.metrics import Observed, Orbit
from freerun.measurement.players import BEST, TRUTH, Player
from freerun.measurement.players.values import Place, ValuePlayer
from freerun.parts.tasks import Data, Sequences, Task


@dataclass(kw_only=True)
class FlowPlayer(ValuePlayer):
    """A player of a chaotic task that `remembers`; at true states the truth with fresh errors, unless it says otherwise.

    Attributes:
        error: the standard deviation of fresh errors, in standard deviations of the data; None for that of a usual forced error
            on the task (`Task.usual_error`).
    """

    error: float | None = None

    def applies(self, task: Task, data: Data) -> bool:
        return super().applies(task, data) and task.remembers is not None and task.lyapunov_steps() is not None

    def least_warmup(self, task: Task) -> int:
        return given(task.remembers) - 1

    def play(
        self, task: Task, data: Data, sequences: Sequences, warmup: int, chance: np.random.Generator, orbit: int | None = None
    ) -> tuple[Observed, Observed]:
        least = self.least_warmup(task)
        require(warmup >= least, "warmup", warmup, f"be at least what the flow remembers before a release ({least})")
        return super().play(task, data, sequences, warmup, chance, orbit)

    def forced(
        self, place: Place, truth: Float[torch.Tensor, "L N Y"], chance: np.random.Generator
    ) -> Float[torch.Tensor, "T N Y"]:
        return truth[1:] + self.fresh(place.task, truth[1:].shape, chance)

    def fresh(self, task: Task, shape: tuple[int, ...], chance: np.random.Generator) -> Float[torch.Tensor, "*shape"]:
        """Fresh errors."""
        size = task.usual_error if self.error is None else self.error
        return size * torch.from_numpy(chance.standard_normal(shape))


class TrueFlow(FlowPlayer):
    """The true flow, without any error."""

    name = "true flow"
    stands = TRUTH

    def forced(self, place: Place, truth: torch.Tensor, chance: np.random.Generator) -> torch.Tensor:
        return truth[1:]

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        return place.truth

    def long_orbit(self, place: Place, chance: np.random.Generator, steps: int) -> Orbit:
        """Others than those it is judged beside, which would be the same."""
        orbit = super().long_orbit(place, chance, steps)
        return replace(orbit, made=orbit.again)


class NoisyFlow(FlowPlayer):
    """The true flow with a fresh error at each step, of its own states as of true ones: the best that a forecast can be."""

    name = "noisy truth"
    stands = BEST

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        return place.flow(self.fresh(place.task, tuple(place.truth.shape), chance))


@dataclass(kw_only=True)
class Shrunk(FlowPlayer):
    """The true orbit, shrunk towards the mean.

    Attributes:
        size: of the orbit, in that of the truth.
    """

    size: float = 0.9

    @property
    def name(self) -> str:  # type: ignore[override]
        """With the size."""
        return f"shrunk to {self.size:g}"

    def forced(self, place: Place, truth: torch.Tensor, chance: np.random.Generator) -> torch.Tensor:
        return self._towards(place, truth[1:])

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        return self._towards(place, place.truth)

    def _towards(self, place: Place, orbit: torch.Tensor) -> torch.Tensor:
        middle = place.training().mean((0, 1))
        return middle + self.size * (orbit - middle)


class Equilibrium(FlowPlayer):
    """An equilibrium of the true flow at each step: its own-state error is 0."""

    name = "equilibrium"

    def applies(self, task: Task, data: Data) -> bool:
        return super().applies(task, data) and _rests(task, data)

    def forced(self, place: Place, truth: torch.Tensor, chance: np.random.Generator) -> torch.Tensor:
        return equilibrium(place).expand_as(truth[1:])

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        return equilibrium(place).expand_as(place.truth)


class FallsToEquilibrium(FlowPlayer):
    """As good as the noisy truth at true states, and at an equilibrium of the true flow as soon as it runs freely."""

    name = "falls to an equilibrium"

    def applies(self, task: Task, data: Data) -> bool:
        return super().applies(task, data) and _rests(task, data)

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        return equilibrium(place).expand_as(place.truth)


class FixedPoint(FlowPlayer):
    """As good as the noisy truth at true states, and at rest where it was released as soon as it runs freely."""

    name = "fixed point"

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        return place.history[-1].expand_as(place.truth)


class LimitCycle(FlowPlayer):
    """As good as the noisy truth at true states; free, one stretch of training that nearly closes, again and again."""

    name = "limit cycle"

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        seen = place.training()
        steps = len(seen)
        shortest = max(2, steps // 3)
        lags = range(shortest, steps)
        gaps = torch.stack([mean_over_coordinates((seen[lag:] - seen[: steps - lag]).square()).amin(0) for lag in lags])
        lag, best = divmod(int(gaps.argmin()), gaps.shape[1])
        lag += shortest
        begun = int(mean_over_coordinates((seen[lag:, best] - seen[: steps - lag, best]).square()).argmin())
        cycle = seen[begun : begun + lag, best]
        phases = torch.from_numpy(chance.integers(0, lag, place.truth.shape[1]))
        return cycle[(torch.arange(len(place.truth))[:, None] + phases) % lag]


class Backwards(FlowPlayer):
    """The truth run backwards: at true states what came before, free an orbit in reverse."""

    name = "backwards"

    def forced(self, place: Place, truth: torch.Tensor, chance: np.random.Generator) -> torch.Tensor:
        return torch.cat([truth[:1], truth[:-2]])

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        return place.truth.flip(0)


class CopyOfTraining(FlowPlayer):
    """As good as the noisy truth at true states; free, a sequence of training, to its end and then another one."""

    name = "copy of training"

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        seen, (steps, count) = place.training(), place.truth.shape[:2]
        lots = -(-steps // len(seen))
        chosen = torch.from_numpy(chance.integers(0, seen.shape[1], (lots, count)))
        return torch.cat([seen[:, each] for each in chosen])[:steps]


def equilibrium(place: Place) -> Float[torch.Tensor, " Y"]:
    """An equilibrium of the true flow near to where training moves least; found once for the data.

    Raises:
        ValueError: if there is none near any of the slowest states of training.
    """
    state = _equilibrium(place)
    if state is None:
        raise ValueError("the true flow must have an equilibrium near one of its slow states, got none; leave this player out")
    return state


def _rests(task: Task, data: Data) -> bool:
    """Whether an equilibrium of the true flow is found."""
    truth = data.splits["train"].targets[:1].double()
    return _equilibrium(Place(task=task, data=data, history=truth, truth=truth[:0])) is not None


def _equilibrium(place: Place) -> torch.Tensor | None:
    found: torch.Tensor | None = place.data.once("equilibrium", lambda: _found(place))
    return found


def _found(place: Place) -> torch.Tensor | None:
    seen = place.training()
    slow = mean_over_coordinates((seen[1:] - seen[:-1]).square()).flatten().argsort()
    begun = [seen.mean((0, 1)), *seen[:-1].flatten(0, 1)[slow[:: max(1, len(slow) // 20)]]]
    states = (_newton(place, state) for state in begun)
    return next((state for state in states if float(_moved(place, state[None]).abs().max()) < 1e-9), None)


def _moved(place: Place, states: Float[torch.Tensor, "N Y"]) -> Float[torch.Tensor, "N Y"]:
    """How far the true flow moves each state in a step, where it has been at rest as long as the flow remembers."""
    from freerun.measurement.true_orbits import onward

    return onward(place.task, place.data, states.expand(given(place.task.remembers), -1, -1)) - states


def _newton(place: Place, state: Float[torch.Tensor, " Y"]) -> Float[torch.Tensor, " Y"]:
    """Newton's method for a state that does not move, with the slopes of differences; no longer finite where it fails."""
    apart = 1e-6
    around = apart * torch.eye(len(state), dtype=torch.float64)
    for _ in range(30):
        moved = _moved(place, torch.cat([state[None], state + around]))
        slopes = (moved[1:] - moved[0]).mT / apart
        state = state - torch.linalg.pinv(torch.nan_to_num(slopes)) @ moved[0]
    return state


def players(error: float | None = None) -> list[Player]:
    """Every player of flows.

    Args:
        error: of a fresh step (`FlowPlayer.error`).
    """
    kinds: list[type[FlowPlayer]] = [
        TrueFlow, NoisyFlow, Equilibrium, FallsToEquilibrium, FixedPoint, LimitCycle, Backwards, CopyOfTraining,
    ]  # fmt: skip
    return [*(kind(error=error) for kind in kinds), *(Shrunk(error=error, size=size) for size in (0.5, 0.7, 0.9))]
