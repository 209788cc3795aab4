"""Long orbits of the closed loop beside those of the true system, and the rate at which neighbours part.

For tasks whose true system can be continued from any state (`Task.advance`), and for recordings of a chaotic system
(`Task.held_out`), where stretches that training has not seen stand for the truth. From a few test sequences, after the
warm-up, the closed loop runs on for `evaluation.orbit` steps, in double precision, each orbit beside a neighbour that is drawn
together with it again and again: in what is fed at first, then in all that the loop carries on, feed and state
(`measurement.statistics.lyapunov_exponents`). The truth runs as long from the same places, and once more from others: what its
own statistics differ by is the floor.
"""

from __future__ import annotations

import torch
from jaxtyping import Float

from freerun.arithmetic import root
from freerun.engine.dispatch import rollout
from freerun.engine.replicas import Group, spread
from freerun.engine.rollout import Rollout
from freerun.errors import given
from freerun.measurement.metrics import Orbit
from freerun.measurement.true_orbits import continued
from freerun.parts.layers import State
from freerun.parts.tasks import Data, Task

#: Orbits that are followed, and steps between two times that neighbours are drawn together.
ORBITS, STRETCH = 8, 10
#: The distance of neighbours, in standard deviations of the data: far above rounding (1e-16), far below any bend.
APART = 1e-7


@torch.no_grad()
def follow(group: Group) -> list[Orbit | None]:
    """The long closed loop of every run, beside the truth; None where none is asked for.

    Of a recording the true stretches are of its test part, so that there is none where the validation split is measured.
    """
    evaluation, task = group.experiments[0].evaluation, group.experiments[0].task
    steps = given(evaluation.orbit) if task.continues or evaluation.split == "test" else 0
    if not steps:
        return [None] * len(group.experiments)
    index, truths = _beside(group, steps)
    made, apart = _run(group, index, steps)
    orbits: list[Orbit | None] = []
    for r, experiment in enumerate(group.experiments):
        true, again = truths[experiment.seed]
        seen = group.data[experiment.seed].splits["train"].targets[: experiment.task.length].flatten(0, 1).double()
        orbit = Orbit(
            made=made[:, r].cpu(), true=true, again=again, apart=apart[:, r].cpu(), distance=APART, stretch=STRETCH,
            low=seen.amin(0), high=seen.amax(0),
        )  # fmt: skip
        orbits.append(orbit)
    return orbits


def _beside(group: Group, steps: int) -> tuple[dict[int, torch.Tensor], dict[int, tuple[torch.Tensor, torch.Tensor]]]:
    """Return by seed the test sequences from which orbits go on, and the true orbits from there and from elsewhere."""
    task, worlds = group.experiments[0].task, group.data
    if not task.continues:
        held = {seed: given(task.held_out(data, group.warmup, steps)) for seed, data in worlds.items()}
        count = min(ORBITS, *(len(each.index) for each in held.values()))
        some = {seed: spread(len(each.index), count) for seed, each in held.items()}
        truths = {seed: (each.true[:, some[seed]], each.again[:, some[seed]]) for seed, each in held.items()}
        return {seed: each.index[some[seed]] for seed, each in held.items()}, truths
    count = min(ORBITS, *(len(data.splits[split]) for data in worlds.values() for split in ("validation", "test")))
    continued_truths = _truths(task, list(worlds.values()), group.warmup, count, steps)
    index = {seed: spread(len(data.splits["test"]), count) for seed, data in worlds.items()}
    return index, dict(zip(worlds, continued_truths, strict=True))


def _run(
    group: Group, index: dict[int, torch.Tensor], steps: int
) -> tuple[Float[torch.Tensor, "T R N F"], Float[torch.Tensor, "K R N"]]:
    """Run the closed loops; return what they fed themselves, and how far neighbours were apart after every stretch."""
    count = len(next(iter(index.values())))
    weights = {name: value.double() for name, value in group.weights().items()}
    begun = group.batch("test", index, max(1, group.warmup))
    truth, fed = (part.double() for part in group.encoded(begun))
    state = group.model.start(fed.shape[0], count, fed)
    if group.warmup:
        chance = _chance(group, -1, len(truth), count)
        warm = _stretch(group, weights, fed, state, truth, torch.ones_like(truth[..., 0]), chance)
        fed, state = warm.fed[-1], group.model.release(weights, warm.states[-1])
    push = group.draws("evaluation/orbit/push", 0, (1, count, fed.shape[-1]))[0].double() - 0.5
    state = tuple(torch.cat([part, part], 1) for part in state)
    fed = torch.cat([fed, fed + APART * push / push.norm(dim=-1, keepdim=True)], 1)
    orbits, apart = [], []
    for number in range(-(-steps // STRETCH)):
        nothing = fed.new_zeros(STRETCH, *fed.shape)
        chance = _chance(group, number, STRETCH, count)
        chance = None if chance is None else torch.cat([chance, chance], 2)
        went = _stretch(group, weights, fed, state, nothing, nothing[..., 0], chance)
        orbits.append(went.fed[:, :, :count])
        fed, state, distance = _together(went.fed[-1], went.states[-1], count)
        apart.append(distance)
    return torch.cat(orbits)[:steps], torch.stack(apart)


def _stretch(
    group: Group,
    weights: dict[str, torch.Tensor],
    fed: torch.Tensor,
    state: State,
    truth: torch.Tensor,
    mask: torch.Tensor,
    chance: torch.Tensor | None,
) -> Rollout:
    residual = None if group.residual is None else group.residual.double()
    return rollout(
        group.model, weights, truth=truth, start=fed, feedback=group.feedback, mask=mask, uniform=chance, residual=residual,
        state=state, states=True, head=group.head,
    )  # fmt: skip


def _chance(group: Group, number: int, steps: int, count: int) -> torch.Tensor | None:
    chance = group.chance("evaluation/orbit", number + 1, steps, count)
    return None if chance is None else chance.double()


def _together(fed: torch.Tensor, state: State, count: int) -> tuple[torch.Tensor, State, Float[torch.Tensor, "R N"]]:
    """Draw neighbours together along the line between them; return also how far they were apart."""
    parts = (fed, *state)
    # each replica's own rows are summed alone, so that the sum does not depend on the others
    squares = [
        torch.stack([(replica[count:] - replica[:count]).contiguous().square().sum(-1) for replica in part.unbind(0)])
        for part in parts
    ]
    distance = root(torch.stack(squares).sum(0))
    scale = (APART / distance)[..., None]
    near = [torch.cat([part[:, :count], part[:, :count] + (part[:, count:] - part[:, :count]) * scale], 1) for part in parts]
    return near[0], tuple(near[1:]), distance


def _truths(
    task: Task, worlds: list[Data], warmup: int, count: int, steps: int
) -> list[tuple[Float[torch.Tensor, "T N D"], Float[torch.Tensor, "T N D"]]]:
    """The true orbits from where the model's begin, and others, both in the units of the data; for the data of every seed."""
    places = []
    for data in worlds:
        begun = []
        for split in ("test", "validation"):
            part = data.splits[split].take(spread(len(data.splits[split]), count), max(1, warmup))
            begun.append(part.targets[warmup - 1] if warmup else part.start)
        places.append((data, torch.cat(begun)))
    return [(orbits[:, :count], orbits[:, count:]) for orbits in continued(task, places, steps)]
