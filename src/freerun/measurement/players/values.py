"""Players on values: what really came, and forecasts that need nothing but what training saw, or what was fed last.

They play on every task of values that is predicted step by step, chaotic or not.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from jaxtyping import Float

from freerun.arithmetic import root
from freerun.deferred_imports import torch
from freerun.measurement.metrics import Observed, Orbit
from freerun.measurement.players import TRUTH, Player
from freerun.measurement.players._stand_in import stand_in
from freerun.parts.gaussians import packed
from freerun.parts.tasks import Data, Sequences, Task


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a free orbit begins, in the units of the data.

    Attributes:
        history: the last true observations, ``[H N Y]``: as many as the flow remembers, at least one.
        truth: how the true system goes on, ``[S N Y]``.
        inputs: what is given for each prediction, those of the warm-up among them, where the task has inputs.
    """

    task: Task
    data: Data
    history: Float[torch.Tensor, "H N Y"]
    truth: Float[torch.Tensor, "S N Y"]
    inputs: Float[torch.Tensor, "T N X"] | None = None

    def flow(self, errors: Float[torch.Tensor, "S N Y"]) -> Float[torch.Tensor, "S N Y"]:
        """The true system with an error added to each of its steps; of a task that `remembers`."""
        from freerun.measurement.true_orbits import disturbed

        return disturbed(self.task, [(self.data, self.history, errors)])[0]

    def training(self) -> Float[torch.Tensor, "T N Y"]:
        """What training sees."""
        return self.data.splits["train"].targets[: self.task.length].double()


class ValuePlayer(Player):
    """A player of a task of values."""

    def applies(self, task: Task, data: Data) -> bool:
        return not task.symbols and task.emits == "each"

    def play(
        self, task: Task, data: Data, sequences: Sequences, warmup: int, chance: np.random.Generator, orbit: int | None = None
    ) -> tuple[Observed, Observed]:
        place, said, made = self.rollouts(task, data, sequences, warmup, chance)
        memory, truth = len(place.history), torch.cat([sequences.start[None], sequences.targets]).double()
        fed = torch.cat([truth[1 : warmup + 1], made[warmup:]])
        steps = len(sequences.targets) - warmup
        scales = self.scale(place, steps, warmup)
        experiment = stand_in(task, warmup, steps)
        forced = Observed(
            experiment=experiment, data=data, outputs=said, targets=sequences.targets, weights=sequences.weights,
            fed=sequences.targets.double(), picks=None, warmup=warmup, start=sequences.start,
            inputs=sequences.inputs, numbers=packed(self.centre(place, said), scales[0]),
        )  # fmt: skip
        long = (task.default_orbit if orbit is None else orbit) if task.continues and memory == task.remembers else 0
        free = Observed(
            experiment=experiment, data=data, outputs=made, targets=sequences.targets, weights=sequences.weights, fed=fed,
            picks=None, warmup=warmup, start=sequences.start, forced=forced,
            inputs=sequences.inputs, numbers=packed(self.centre(place, made), scales[1]),
            long_orbit=cache(partial(self.long_orbit, place, chance, long)) if long else None,
        )  # fmt: skip
        return forced, free

    def rollouts(
        self, task: Task, data: Data, sequences: Sequences, warmup: int, chance: np.random.Generator
    ) -> tuple[Place, Float[torch.Tensor, "T N Y"], Float[torch.Tensor, "T N Y"]]:
        """Return where it is released, and what it says at each step, forced and free."""
        truth = torch.cat([sequences.start[None], sequences.targets]).double()
        memory = min(self.memory(task), warmup + 1)
        begins, inputs = warmup + 1, None if sequences.inputs is None else sequences.inputs.double()
        place = Place(task=task, data=data, history=truth[begins - memory : begins], truth=truth[begins:], inputs=inputs)
        said = self.forced(place, truth, chance)
        return place, said, torch.cat([said[:warmup], self.free(place, chance)])

    def memory(self, task: Task) -> int:
        """How many of the last true observations it goes on from, where so many are forced."""
        return task.remembers or 1

    def centre(self, place: Place, said: Float[torch.Tensor, "T N Y"]) -> Float[torch.Tensor, "T N Y"]:
        """The means of the Gaussians that it predicts, forced or free: what it says, unless that is a draw."""
        return said

    def scale(self, place: Place, steps: int, warmup: int) -> tuple[Float[torch.Tensor, "T N Y"], Float[torch.Tensor, "T N Y"]]:
        """Their standard deviations, forced and free: 0, as it is sure of what it says, unless it knows of a spread."""
        sure = torch.zeros(warmup + steps, *place.truth.shape[1:], dtype=torch.float64)
        return sure, sure

    def long_orbit(self, place: Place, chance: np.random.Generator, steps: int) -> Orbit:
        """Its long closed loop beside the truth."""
        long, again = long_places(place, steps)
        seen = place.training().flatten(0, 1)
        stretch = 10
        nothing = torch.full((steps // stretch, long.truth.shape[1]), torch.nan, dtype=torch.float64)
        return Orbit(
            made=self.free(long, chance), true=long.truth, again=again, apart=nothing, distance=1e-7, stretch=stretch,
            low=seen.amin(0), high=seen.amax(0),
        )  # fmt: skip

    @abstractmethod
    def forced(
        self, place: Place, truth: Float[torch.Tensor, "L N Y"], chance: np.random.Generator
    ) -> Float[torch.Tensor, "T N Y"]:
        """What it says at true states, of which `truth` has one more, the first."""

    @abstractmethod
    def free(self, place: Place, chance: np.random.Generator) -> Float[torch.Tensor, "S N Y"]:
        """What it says, and is fed, from a place on."""


#: Long orbits of each player, at most.
ORBITS = 8


def long_places(place: Place, steps: int) -> tuple[Place, Float[torch.Tensor, "S N Y"]]:
    """Where long orbits begin, and other true ones of the same length; found once for the data and the places."""
    history = place.history[:, :ORBITS]
    found: tuple[Place, torch.Tensor] = place.data.once(
        ("long places", steps, history.numpy().tobytes()),
        lambda: _long_places(place.task, place.data, history, steps),
    )
    return found


def _long_places(
    task: Task, data: Data, history: Float[torch.Tensor, "H N Y"], steps: int
) -> tuple[Place, Float[torch.Tensor, "S N Y"]]:
    from freerun.measurement.true_orbits import disturbed

    memory, count = history.shape[:2]
    others = data.splits["validation"].targets[:memory, :count].double()
    begun = torch.cat([history, others], 1)
    nothing = torch.zeros(steps, *begun.shape[1:], dtype=torch.float64)
    orbits = disturbed(task, [(data, begun, nothing)])[0]
    return Place(task=task, data=data, history=history, truth=orbits[:, :count]), orbits[:, count:]


class PerfectForecast(ValuePlayer):
    """What really comes: it knows every value beforehand."""

    name = "perfect forecast"
    stands = TRUTH

    def applies(self, task: Task, data: Data) -> bool:
        return super().applies(task, data) and (task.remembers is None or task.lyapunov_steps() is None)

    def forced(self, place: Place, truth: torch.Tensor, chance: np.random.Generator) -> torch.Tensor:
        return truth[1:]

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        return place.truth


class Climatology(ValuePlayer):
    """A random value of training at each step, whatever it is fed; as a distribution, with mean and spread of training."""

    name = "climatology"
    ignorant = True

    def forced(self, place: Place, truth: torch.Tensor, chance: np.random.Generator) -> torch.Tensor:
        return self._drawn(place, truth[1:], chance)

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        return self._drawn(place, place.truth, chance)

    def centre(self, place: Place, said: torch.Tensor) -> torch.Tensor:
        return place.training().mean((0, 1)).expand_as(said)

    def scale(self, place: Place, steps: int, warmup: int) -> tuple[torch.Tensor, torch.Tensor]:
        seen = place.training().flatten(0, 1)
        spread = root((seen - seen.mean(0)).square().mean(0)).expand(warmup + steps, *place.truth.shape[1:])
        return spread, spread

    def _drawn(self, place: Place, like: torch.Tensor, chance: np.random.Generator) -> torch.Tensor:
        seen = place.training().flatten(0, 1)
        return seen[torch.from_numpy(chance.integers(0, len(seen), like.shape[:2]))]


class MeanValue(ValuePlayer):
    """The mean of training at each step."""

    name = "mean"
    ignorant = True

    def forced(self, place: Place, truth: torch.Tensor, chance: np.random.Generator) -> torch.Tensor:
        return place.training().mean((0, 1)).expand_as(truth[1:])

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        return place.training().mean((0, 1)).expand_as(place.truth)


class Persistence(ValuePlayer):
    """What it was fed last; as a distribution, with the spread that training shows at each lead."""

    name = "persistence"
    ignorant = True

    def forced(self, place: Place, truth: torch.Tensor, chance: np.random.Generator) -> torch.Tensor:
        return truth[:-1]

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        return place.history[-1].expand_as(place.truth)

    def scale(self, place: Place, steps: int, warmup: int) -> tuple[torch.Tensor, torch.Tensor]:
        seen = place.training()
        away = [root((seen[lead:] - seen[:-lead]).square().mean((0, 1))) for lead in range(1, min(steps + 1, len(seen)))]
        away += [away[-1] if away else seen.new_zeros(seen.shape[-1])] * (steps - len(away))  # as far as training reaches
        shape = place.truth.shape[1:]
        forced = away[0].expand(warmup + steps, *shape)
        return forced, torch.cat([forced[:warmup], torch.stack(away)[:, None].expand(-1, *shape)])


def players() -> list[Player]:
    """Every player on values."""
    return [PerfectForecast(), Climatology(), MeanValue(), Persistence()]
