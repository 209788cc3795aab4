"""Players of flows: the truth with a fresh error at each step, and degenerate forecasters that go nowhere, astray or backwards.

All but the truth and climates share one thing with a good model: what they say at true states. Where they do, the truth with
fresh errors says it for them, so that only what they make of their own states gives them away.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import Experiment
from freerun.errors import given, require
from freerun.lazy import torch
from freerun.measurement.metrics import Observed, Orbit
from freerun.measurement.players import Player
from freerun.measurement.true_orbits import disturbed, onward
from freerun.parts.models.gru import GRU
from freerun.parts.tasks import Data, Sequences, Task

#: Long orbits of each player, at most.
ORBITS = 8


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a free orbit begins, in the units of the data.

    Attributes:
        history: the last true observations, as many as the flow remembers, ``[H N Y]``.
        truth: how the true system goes on, ``[S N Y]``.
    """

    task: Task
    data: Data
    history: Float[torch.Tensor, "H N Y"]
    truth: Float[torch.Tensor, "S N Y"]

    def flow(self, errors: Float[torch.Tensor, "S N Y"]) -> Float[torch.Tensor, "S N Y"]:
        """The true system with an error added to each of its steps."""
        return disturbed(self.task, [(self.data, self.history, errors)])[0]

    def training(self) -> Float[torch.Tensor, "T N Y"]:
        """What training sees."""
        return self.data.splits["train"].targets[: self.task.length].double()


@dataclass(kw_only=True)
class FlowPlayer(Player):
    """A player of a task that `remembers`.

    Attributes:
        error: the standard deviation of fresh errors, in standard deviations of the data: that of a usual forced error.
    """

    error: float = 0.005

    def play(
        self, task: Task, data: Data, sequences: Sequences, warmup: int, chance: np.random.Generator
    ) -> tuple[Observed, Observed]:
        truth = torch.cat([sequences.start[None], sequences.targets]).double()
        memory = given(task.remembers)
        require(warmup + 1 >= memory, "warmup", warmup, f"be at least what the flow remembers before a release ({memory - 1})")
        place = Place(task=task, data=data, history=truth[warmup + 1 - memory : warmup + 1], truth=truth[warmup + 1 :])
        said = self.forced(place, truth, chance)
        made = torch.cat([said[:warmup], self.free(place, chance)])
        fed = torch.cat([truth[1 : warmup + 1], made[warmup:]])
        steps = len(sequences.targets) - warmup
        experiment = Experiment(
            task=task, model=GRU(hidden=1), evaluation=Evaluation(warmup=warmup, horizon=steps, orbit=0)
        )  # a stand-in: metrics ask it for the task
        forced = Observed(
            experiment=experiment, data=data, outputs=said, targets=sequences.targets, weights=sequences.weights,
            fed=sequences.targets.double(), picks=None, warmup=warmup, start=sequences.start,
        )  # fmt: skip
        free = Observed(
            experiment=experiment, data=data, outputs=made, targets=sequences.targets, weights=sequences.weights, fed=fed,
            picks=None, warmup=warmup, start=sequences.start, forced=forced,
            long_orbit=self._orbit(place, chance) if task.continues and task.default_orbit else None,
        )  # fmt: skip
        return forced, free

    def _orbit(self, place: Place, chance: np.random.Generator) -> Orbit:
        long, again = _long_places(place)
        seen = place.training().flatten(0, 1)
        stretch = 10
        nothing = torch.full((len(long.truth) // stretch, long.truth.shape[1]), torch.nan, dtype=torch.float64)
        return Orbit(
            made=self.free(long, chance), true=long.truth, again=again, apart=nothing, distance=1e-7, stretch=stretch,
            low=seen.amin(0), high=seen.amax(0),
        )  # fmt: skip

    def forced(
        self, place: Place, truth: Float[torch.Tensor, "L N Y"], chance: np.random.Generator
    ) -> Float[torch.Tensor, "T N Y"]:
        """What it says at true states, of which `truth` has one more, the first; by default the truth with fresh errors."""
        return truth[1:] + self.fresh(truth[1:].shape, chance)

    @abstractmethod
    def free(self, place: Place, chance: np.random.Generator) -> Float[torch.Tensor, "S N Y"]:
        """What it says, and is fed, from a place on."""

    def fresh(self, shape: tuple[int, ...], chance: np.random.Generator) -> Float[torch.Tensor, "*shape"]:
        """Fresh errors."""
        return self.error * torch.from_numpy(chance.standard_normal(shape))


def _long_places(place: Place) -> tuple[Place, Float[torch.Tensor, "S N Y"]]:
    """Where long orbits begin, and other true ones of the same length; found once for the data."""
    known = vars(place.data).get("_long_places")
    if known is None:
        task, data = place.task, place.data
        begun = [place.history[-1][:ORBITS]]
        begun.append(data.splits["validation"].targets[0][: len(begun[0])].double())
        history = torch.cat(begun)[None]
        nothing = torch.zeros(task.default_orbit, *history.shape[1:], dtype=torch.float64)
        orbits = disturbed(task, [(data, history, nothing)])[0]
        count = len(begun[0])
        known = Place(task=task, data=data, history=history[:, :count], truth=orbits[:, :count]), orbits[:, count:]
        vars(place.data)["_long_places"] = known
    return known


class TrueFlow(FlowPlayer):
    """The true flow, without any error."""

    name = "truth"

    def forced(self, place: Place, truth: torch.Tensor, chance: np.random.Generator) -> torch.Tensor:
        return truth[1:]

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        return place.truth

    def _orbit(self, place: Place, chance: np.random.Generator) -> Orbit:
        """Others than those it is judged beside, which would be the same."""
        orbit = super()._orbit(place, chance)
        return replace(orbit, made=orbit.again)


class NoisyFlow(FlowPlayer):
    """The true flow with a fresh error at each step, of its own states as of true ones: the best that a forecast can be."""

    name = "noisy truth"

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        return place.flow(self.fresh(place.truth.shape, chance))


class Climatology(FlowPlayer):
    """A random value of training at each step, whatever it is fed."""

    name = "climatology"

    def forced(self, place: Place, truth: torch.Tensor, chance: np.random.Generator) -> torch.Tensor:
        return self._drawn(place, truth[1:], chance)

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        return self._drawn(place, place.truth, chance)

    def _drawn(self, place: Place, like: torch.Tensor, chance: np.random.Generator) -> torch.Tensor:
        seen = place.training().flatten(0, 1)
        return seen[torch.from_numpy(chance.integers(0, len(seen), like.shape[:2]))]


class MeanValue(FlowPlayer):
    """The mean of training at each step."""

    name = "mean"

    def forced(self, place: Place, truth: torch.Tensor, chance: np.random.Generator) -> torch.Tensor:
        return place.training().mean((0, 1)).expand_as(truth[1:])

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        return place.training().mean((0, 1)).expand_as(place.truth)


class Persistence(FlowPlayer):
    """What it was fed last."""

    name = "persistence"

    def forced(self, place: Place, truth: torch.Tensor, chance: np.random.Generator) -> torch.Tensor:
        return truth[:-1]

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        return place.history[-1].expand_as(place.truth)


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

    def forced(self, place: Place, truth: torch.Tensor, chance: np.random.Generator) -> torch.Tensor:
        return equilibrium(place).expand_as(truth[1:])

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        return equilibrium(place).expand_as(place.truth)


class FallsToEquilibrium(FlowPlayer):
    """As good as the noisy truth at true states, and at an equilibrium of the true flow as soon as it runs freely."""

    name = "falls to an equilibrium"

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
        gaps = torch.stack([(seen[lag:] - seen[: steps - lag]).square().mean(-1).amin(0) for lag in range(shortest, steps)])
        lag, best = divmod(int(gaps.argmin()), gaps.shape[1])
        lag += shortest
        begun = int((seen[lag:, best] - seen[: steps - lag, best]).square().mean(-1).argmin())
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
    known: torch.Tensor | None = vars(place.data).get("_equilibrium")
    if known is None:
        known = _equilibrium(place)
        vars(place.data)["_equilibrium"] = known
    return known


def _equilibrium(place: Place) -> torch.Tensor:
    seen = place.training()
    slow = (seen[1:] - seen[:-1]).square().mean(-1).flatten().argsort()
    for state in [seen.mean((0, 1)), *seen[:-1].flatten(0, 1)[slow[:: max(1, len(slow) // 20)]]]:
        found = _newton(place, state)
        if float(_moved(place, found[None]).abs().max()) < 1e-9:
            return found
    raise ValueError("the true flow must have an equilibrium near one of its slow states, got none; leave this player out")


def _moved(place: Place, states: Float[torch.Tensor, "N Y"]) -> Float[torch.Tensor, "N Y"]:
    """How far the true flow moves each state in a step, where it has been at rest as long as the flow remembers."""
    return onward(place.task, place.data, states.expand(given(place.task.remembers), -1, -1)) - states


def _newton(place: Place, state: Float[torch.Tensor, " Y"], steps: int = 30, apart: float = 1e-6) -> Float[torch.Tensor, " Y"]:
    """Newton's method for a state that does not move, with the slopes of differences; no longer finite where it fails."""
    around = apart * torch.eye(len(state), dtype=torch.float64)
    for _ in range(steps):
        moved = _moved(place, torch.cat([state[None], state + around]))
        slopes = (moved[1:] - moved[0]).mT / apart
        state = state - torch.linalg.pinv(torch.nan_to_num(slopes)) @ moved[0]
    return state


def degenerate(error: float) -> list[FlowPlayer]:
    """Players that no set of headlines may reward, with the truth's fresh errors where they say the truth."""
    kinds: list[type[FlowPlayer]] = [
        Climatology, MeanValue, Persistence, Equilibrium, FallsToEquilibrium, FixedPoint, LimitCycle, Backwards, CopyOfTraining,
    ]  # fmt: skip
    return [*(Shrunk(error=error, size=size) for size in (0.5, 0.7, 0.9)), *(kind(error=error) for kind in kinds)]
