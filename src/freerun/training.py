"""How does a group of runs learn?

All replicas of a group share shapes, feedback rule and loss, and are trained by the same batched products; each has its own
seed, regime, learning rate, weight decay and clipping norm. Nothing here depends on which replicas happen to share a group.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float

from freerun.config import Experiment, Optimizer, gradient_cut
from freerun.errors import given
from freerun.feedback import one_hot
from freerun.regimes import Regime
from freerun.replicas import Adam, initial_weights, per_replica
from freerun.rollout import Gradient, Rollout, rollout
from freerun.streams import stream, uniforms
from freerun.tasks import Data, Sequences

#: Called after every update: (update, {quantity: value of every replica}), with no quantities where nothing was logged.
Listener = Callable[[int, dict[str, list[float]]], None]


@dataclass(kw_only=True)
class Point:
    """One point of a training curve; a value that is not finite is None, undefined."""

    update: int
    quantity: str
    value: float | None


@dataclass(kw_only=True)
class Outcome:
    """What training left behind for one run.

    Attributes:
        broke: (update, quantity) at which the run diverged, or None.
    """

    curves: list[Point] = field(default_factory=list)
    broke: tuple[int, str] | None = None


class Group:
    """Runs that train together: their worlds, their weights and how to roll them out.

    Args:
        experiments: R experiments that differ in nothing but seed, regime, learning rate, weight decay and clipping.
        data: the world of each seed.
    """

    def __init__(self, experiments: list[Experiment], data: dict[int, Data]) -> None:
        first = experiments[0]
        self.experiments, self.data = experiments, data
        self.model, self.settings = first.model, first.training
        self.feedback, self.objective = given(first.feedback), given(first.objective)
        self.warmup, self.horizon = first.span
        self.device, self.dtype = torch.device(first.device), getattr(torch, first.dtype)
        self.seeds = sorted({e.seed for e in experiments})
        #: Index of each replica's seed among the distinct seeds: replicas with one seed share data, order and coins.
        self.row = torch.tensor([self.seeds.index(e.seed) for e in experiments], device=self.device)
        world = data[first.seed]
        self.symbols, self.outputs = first.task.symbols, world.outputs
        self.shapes = first.model.shapes(world.inputs + (0 if self.feedback.silent else world.outputs), world.outputs)
        self.gradient = Gradient(feedback=gradient_cut(first.gradient), state=first.training.truncate or 0)
        self.residual = None if world.residual is None else self._residuals()
        start = initial_weights(self.shapes, [e.seed for e in experiments])
        flat = np.concatenate([start[name].reshape(len(experiments), -1) for name in self.shapes], axis=1)
        self.flat: Float[torch.Tensor, "R P"] = torch.from_numpy(flat).to(self.device, self.dtype)

    def _residuals(self) -> Float[torch.Tensor, "R 1 O"]:
        rows = torch.stack([self.data[seed].residual for seed in self.seeds])  # type: ignore[misc]
        return rows.to(self.device, self.dtype)[self.row][:, None]

    def weights(self, *, differentiable: bool = False) -> dict[str, torch.Tensor]:
        """The weights by name, ``[R in out]``, as fresh leaves."""
        named, offset = {}, 0
        for name, shape in self.shapes.items():
            size = shape.rows * shape.columns
            part = self.flat[:, offset : offset + size].reshape(-1, shape.rows, shape.columns).contiguous()
            named[name] = part.requires_grad_() if differentiable else part
            offset += size
        return named

    def batch(self, split: str, index: dict[int, torch.Tensor], length: int) -> Sequences:
        """Sequences ``[T R B ...]`` of every replica, its seed's own at `index`."""
        taken = [self.data[seed].splits[split].take(index[seed], length) for seed in self.seeds]

        def gather(name: str, axis: int) -> torch.Tensor:
            stacked = torch.stack([getattr(part, name) for part in taken], axis).to(self.device)
            stacked = stacked.to(self.dtype) if stacked.is_floating_point() else stacked
            return stacked.index_select(axis, self.row)

        return Sequences(
            targets=gather("targets", 1),
            start=gather("start", 0),
            weights=gather("weights", 1),
            inputs=None if taken[0].inputs is None else gather("inputs", 1),
        )

    def draws(self, name: str, step: int, steps: int, count: int) -> Float[torch.Tensor, "T R B"]:
        """Uniform draws of a stream, equal for replicas of one seed."""
        rows = np.stack([uniforms(seed, name, step, (steps, count)) for seed in self.seeds], axis=1)
        return torch.from_numpy(rows).to(self.device, self.dtype).index_select(1, self.row)

    def roll(
        self,
        weights: dict[str, torch.Tensor],
        sequences: Sequences,
        mask: Float[torch.Tensor, "T R B"] | None,
        uniform: Float[torch.Tensor, "T R B"] | None,
    ) -> Rollout:
        """Run every replica over its sequences, fed as the mask says."""
        replicas, count = sequences.start.shape[:2]
        like = torch.empty(replicas, count, self.outputs, dtype=self.dtype, device=self.device)
        if self.feedback.silent:
            truth, start = like.new_zeros(sequences.steps(), replicas, count, 0), like[..., :0]
        elif self.symbols:
            truth = one_hot(sequences.targets, like.expand(sequences.steps(), -1, -1, -1))
            start = one_hot(sequences.start, like)
        else:
            truth, start = sequences.targets, sequences.start
        return rollout(
            self.model, weights, truth=truth, start=start, feedback=self.feedback, mask=mask, inputs=sequences.inputs,
            uniform=uniform, gradient=self.gradient, residual=self.residual,
        )  # fmt: skip

    def losses(self, result: Rollout, sequences: Sequences) -> tuple[torch.Tensor, torch.Tensor]:
        """The loss of every prediction and the weight it has in its replica's mean; warm-up steps are not charged."""
        weights = sequences.weights.clone()
        if len(weights) > 1:
            weights[: self.warmup] = 0
        total = per_replica(torch.sum, weights, axis=1).clamp(min=1)
        return self.objective(result.outputs, sequences.targets), weights / total[:, None]

    def mean_loss(self, result: Rollout, sequences: Sequences) -> list[float]:
        """Each replica's mean loss after the warm-up."""
        losses, weights = self.losses(result, sequences)
        return [float(v) for v in per_replica(torch.sum, losses * weights, axis=1).tolist()]

    def release(self, steps: int, count: int) -> Float[torch.Tensor, "T R B"]:
        """The mask of a free rollout: 1 in the warm-up, then 0."""
        mask = torch.zeros(steps, len(self.experiments), count, dtype=self.dtype, device=self.device)
        mask[: self.warmup] = 1
        return mask


def train(group: Group, listen: Listener | None = None) -> list[Outcome]:
    """Train a group of runs in place.

    A replica whose loss or gradient stops being finite is frozen with its last finite weights and marked; the others do
    not notice.

    Args:
        listen: told about every update.
    """
    outcomes = [Outcome() for _ in group.experiments]
    trainer = Trainer(group)
    for update in range(group.settings.updates):
        losses = trainer.update(update, outcomes)
        values: dict[str, list[float]] = {}
        if update % group.settings.log_every == 0 or update == group.settings.updates - 1:
            values = {"loss": losses, "forcing_probability": _probabilities(group, update), **validation(group)}
            _log(outcomes, update, values)
        if listen is not None:
            listen(update, values)
    return outcomes


class Trainer:
    """The optimiser of a group and which of its replicas are still alive."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.optimizer = _optimizer(group)
        self.alive = torch.ones(len(group.experiments), dtype=torch.bool, device=group.device)

    def update(self, update: int, outcomes: list[Outcome]) -> list[float]:
        """One gradient step for every replica that is alive; returns each one's loss."""
        losses, gradient = _gradient(self.group, update)
        norms = self.optimizer.norms(gradient)
        _freeze_broken(outcomes, self.alive, update, {"loss": losses, "gradient": norms.tolist()})
        scale = self.group.settings.rate(update)
        finite = self.optimizer.step(self.group.flat, gradient, norms, self.alive, update, scale)
        weights = [0.0 if fine else math.nan for fine in finite.tolist()]
        _freeze_broken(outcomes, self.alive, update, {"weights": weights})
        return losses


def _gradient(group: Group, update: int) -> tuple[list[float], Float[torch.Tensor, "R P"]]:
    settings, steps = group.settings, group.experiments[0].task.length
    sizes = {seed: len(group.data[seed].splits["train"]) for seed in group.seeds}
    index = {s: torch.from_numpy(stream(s, "order", update).integers(0, sizes[s], settings.batch)) for s in group.seeds}
    sequences = group.batch("train", index, steps)
    uniform = group.draws("samples", update, steps, settings.batch) if group.feedback.random else None
    weights = group.weights(differentiable=True)
    result = group.roll(weights, sequences, _mask(group, update, steps), uniform)
    losses, shares = group.losses(result, sequences)
    parts = torch.autograd.grad(losses, list(weights.values()), shares, allow_unused=True, materialize_grads=True)
    values = per_replica(torch.sum, losses.detach() * shares, axis=1).tolist()
    return values, torch.cat([part.reshape(len(group.experiments), -1) for part in parts], 1)


def _mask(group: Group, update: int, steps: int) -> Float[torch.Tensor, "T R B"] | None:
    if all(e.regime.always_forced for e in group.experiments) or group.feedback.silent:
        return None
    coins = group.draws("coins", update, steps, group.settings.batch)
    masks = [_checked(e.regime, coins[:, r], update, group.settings.updates) for r, e in enumerate(group.experiments)]
    mask = torch.stack(masks, 1)
    mask[: group.warmup] = 1
    return mask


def _checked(regime: Regime, coins: torch.Tensor, update: int, updates: int) -> Float[torch.Tensor, "T B"]:
    mask = regime.mask(coins, update, updates)
    name = type(regime).__name__
    if mask.shape != coins.shape or mask.dtype != coins.dtype:
        raise ValueError(
            f"the mask of {name} is {mask.dtype} {tuple(mask.shape)}; it must be {coins.dtype} {tuple(coins.shape)}"
        )
    if not bool(((mask >= 0) & (mask <= 1)).all()):
        raise ValueError(f"the mask of {name} must lie in [0, 1], at update {update} it does not")
    return mask


def _probabilities(group: Group, update: int) -> list[float]:
    return [e.regime.probability(update, group.settings.updates) for e in group.experiments]


def _optimizer(group: Group) -> Adam:
    def column(values: list[float]) -> torch.Tensor:
        return torch.tensor(values, dtype=group.dtype, device=group.device)

    each = [e.training for e in group.experiments]
    return Adam(
        rate=column([t.lr for t in each])[:, None],
        decay=column([t.weight_decay for t in each])[:, None],
        clip=column([math.inf if t.clip is None else t.clip for t in each]),
        decoupled=group.settings.optimizer is Optimizer.adamw,
        first=torch.zeros_like(group.flat),
        second=torch.zeros_like(group.flat),
    )


def _freeze_broken(
    outcomes: list[Outcome], alive: Bool[torch.Tensor, " R"], update: int, quantities: dict[str, list[float]]
) -> None:
    for quantity, values in quantities.items():
        for r, outcome in enumerate(outcomes):
            if outcome.broke is None and not math.isfinite(values[r]):
                outcome.broke = (update, quantity)
                alive[r] = False


def _log(outcomes: list[Outcome], update: int, values: dict[str, list[float]]) -> None:
    for quantity, each in values.items():
        for outcome, value in zip(outcomes, each, strict=True):
            if outcome.broke is None:
                known = value if math.isfinite(value) else None
                outcome.curves.append(Point(update=update, quantity=quantity, value=known))


@torch.no_grad()
def validation(group: Group, count: int = 64) -> dict[str, list[float]]:
    """Mean loss on the validation split, forced and free, for curves and progress; nothing is selected by it."""
    steps = group.experiments[0].task.length
    index = {s: spread(len(group.data[s].splits["validation"]), count) for s in group.seeds}
    sequences = group.batch("validation", index, steps)
    weights, size = group.weights(), sequences.start.shape[1]
    uniform = group.draws("evaluation/validation", 0, steps, size) if group.feedback.random else None
    forced = group.mean_loss(group.roll(weights, sequences, None, uniform), sequences)
    free = group.mean_loss(group.roll(weights, sequences, group.release(steps, size), uniform), sequences)
    return {"validation_forced_loss": forced, "validation_free_loss": free}


def spread(total: int, count: int) -> torch.Tensor:
    """At most `count` indices, evenly spread over `total`."""
    return torch.linspace(0, total - 1, min(count, total), dtype=torch.float64).round().long()
