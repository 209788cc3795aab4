"""Experts of a group: the world itself, or a trained run, asked what follows what was really fed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from freerun.engine.dispatch import rollout
from freerun.engine.replicas import Group
from freerun.errors import ConfigError, given
from freerun.parts import registry
from freerun.parts.earlier_run import EarlierRun
from freerun.parts.objectives import Answer
from freerun.parts.tasks import Oracle, Sequences


class Expert(ABC):
    """Who answers for a group; asked once an update for all of its runs, and the answers carry no gradient."""

    @abstractmethod
    def answer(self, sequences: Sequences, fed: Float[torch.Tensor, "T R B F"]) -> Answer:
        """Return what follows what was fed, at every step of every sequence."""


def expert_of(group: Group) -> Expert | None:
    """Return the expert that the objective of a group asks; None where it asks none.

    Raises:
        ConfigError: if the task has no expert, or the teacher does not fit the task.
    """
    if (teacher := group.objective.teaches()) is not None:
        return TrainedRun(group, teacher)
    if not group.objective.asks_the_world:
        return None
    return Source(group) if group.symbols else System(group)


class Source(Expert):
    """The oracle of a source of symbols.

    A run asks for its own prefixes alone, so that its answers have the same bits in any group, which products in a recursion
    would not guarantee. An oracle of look-ups alone sets `looks_up`; runs with equal sources ask it together.
    """

    def __init__(self, group: Group) -> None:
        self.oracles: list[tuple[Oracle, list[int]]] = []
        for r, experiment in enumerate(group.experiments):
            oracle = group.data[experiment.seed].oracle
            if oracle is None:
                name = registry.name_of(experiment.task)
                raise ConfigError(f"objective=exact_expert: the data of task {name} has no oracle; choose another objective")
            shared = getattr(oracle, "looks_up", False)
            runs = next((runs for earlier, runs in self.oracles if shared and _equal(earlier, oracle)), None)
            if runs is None:
                self.oracles.append((oracle, [r]))
            else:
                runs.append(r)

    @torch.no_grad()
    def answer(self, sequences: Sequences, fed: Float[torch.Tensor, "T R B F"]) -> Answer:
        """See `Expert`; nothing is known outside the support and behind the end."""
        prefix = fed.argmax(-1)
        steps, _, count = prefix.shape
        target = torch.empty(fed.shape, dtype=torch.float64, device=fed.device)
        known = torch.empty(prefix.shape, dtype=torch.bool, device=fed.device)
        for oracle, runs in self.oracles:
            truth = oracle(prefix[:, runs].reshape(steps, -1).cpu())
            target[:, runs] = truth.log_probs.reshape(steps, len(runs), count, -1).to(fed.device)
            known[:, runs] = (truth.inside & ~truth.ended).reshape(steps, len(runs), count).to(fed.device)
        return Answer(target=target, known=known)


class System(Expert):
    """The true flow, one step on from every state that was fed; all runs together."""

    def __init__(self, group: Group) -> None:
        self.task = group.experiments[0].task
        worlds = [group.data[experiment.seed] for experiment in group.experiments]
        self.mean = torch.stack([given(world.mean).double() for world in worlds])[:, None].numpy()
        self.std = torch.stack([given(world.std).double() for world in worlds])[:, None].numpy()

    @torch.no_grad()
    def answer(self, sequences: Sequences, fed: Float[torch.Tensor, "T R B F"]) -> Answer:
        """See `Expert`; nothing is known where the flow leaves every bound."""
        before = torch.cat([sequences.start[None], fed[:-1]])
        states = before.double().cpu().numpy() * self.std + self.mean
        after = self.task.advance(states.reshape(-1, states.shape[-1]), 1)[0].reshape(states.shape)
        with np.errstate(invalid="ignore"):
            target = torch.from_numpy((after - self.mean) / self.std).to(fed.device)
        known = torch.isfinite(target).all(-1)
        return Answer(target=target.to(fed.dtype), known=known)


class TrainedRun(Expert):
    """A trained run, which is fed what each run of the group was fed, converted to the units of its own training data."""

    def __init__(self, group: Group, teacher: EarlierRun) -> None:
        self.group, self.teacher = group, teacher
        count, like = len(group.experiments), group.parameters.flat
        if not teacher.fits(teacher.model.shapes(group.inputs, group.outputs)):
            raise ConfigError(f"objective.teacher={teacher.run}: its weights are for an alphabet of another width")
        self.weights = {
            name: torch.from_numpy(np.array(value)).to(like).expand(count, -1, -1).contiguous()
            for name, value in teacher.weights.items()
        }
        self.residual = group.residual
        self.units: tuple[torch.Tensor, torch.Tensor] | None = None
        if not group.symbols:
            self._learn_units(like)

    def _learn_units(self, like: torch.Tensor) -> None:
        """Learn how the group's scaled units map to the teacher's: each seed scales values by its own training data."""
        data = self.teacher.task.build(self.teacher.seed, self.teacher.task.length)
        worlds = [self.group.data[experiment.seed] for experiment in self.group.experiments]
        if data.residual is not None:
            self.residual = data.residual.to(like).expand(len(worlds), -1)[:, None].contiguous()
        if data.mean is not None and data.std is not None:
            mean, std = data.mean.double(), data.std.double()
            scale = torch.stack([given(world.std).double() / std for world in worlds])
            shift = torch.stack([(given(world.mean).double() - mean) / std for world in worlds])
            self.units = scale[:, None].to(like), shift[:, None].to(like)

    @torch.no_grad()
    def answer(self, sequences: Sequences, fed: Float[torch.Tensor, "T R B F"]) -> Answer:
        """See `Expert`; unrolled over what was fed, in one pass."""
        _, start = self.group.encoded(sequences)
        truth = fed
        if self.units is not None and fed.shape[-1]:
            scale, shift = self.units
            truth, start = fed * scale + shift, start * scale + shift
        output = rollout(
            self.teacher.model, self.weights, truth=truth, start=start, feedback=self.group.feedback, mask=None,
            inputs=sequences.inputs, residual=self.residual, ends=sequences.ends,
            release=self.group.warmup,
        ).outputs  # fmt: skip
        if self.group.symbols:
            output = torch.log_softmax(output, -1)
        elif self.units is not None:
            scale, shift = self.units
            output = (output - shift) / scale
        return Answer(target=output, known=torch.isfinite(output).all(-1))


def _equal(first: Any, second: Any) -> bool:
    """Return whether two oracles are of one class and hold equal numbers."""
    if first is second:
        return True
    if type(first) is not type(second):
        return False
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, np.ndarray):
        return bool(np.array_equal(first, second))
    if isinstance(first, (bool, int, float, str)):
        return bool(first == second)
    fields, other_fields = getattr(first, "__dict__", None), getattr(second, "__dict__", None)
    if fields is None or other_fields is None or fields.keys() != other_fields.keys():
        return False
    return all(_equal(value, other_fields[name]) for name, value in fields.items())
