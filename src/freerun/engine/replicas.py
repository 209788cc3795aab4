"""Group of replicas: runs that train together, their tasks, their weights and how to roll them out.

All replicas of a group share shapes, feedback rule and loss, and run through the same batched products; each has its own seed,
regime, learning rate, weight decay, momentum, clipping norm and weights to start from. Nothing here depends on which replicas
happen to share a group.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float

from freerun.config.experiment import Experiment, gradient_cut
from freerun.config.level_weights import Levels, level_weights
from freerun.config.start_weights import start_of
from freerun.engine import in_place
from freerun.engine.dispatch import rollout
from freerun.engine.engine_choice import engine_of
from freerun.engine.parameters import Parameters
from freerun.engine.rollout import Charge, Gradient, Rollout
from freerun.engine.rollout import rollout as looped
from freerun.errors import ConfigError, given
from freerun.parts.feedback import Feedback, one_hot
from freerun.parts.layers import Weights, totals
from freerun.parts.tasks import Data, Sequences
from freerun.random_streams import stream, uniforms


class Group:
    """Runs that train together.

    Args:
        experiments: R experiments that differ in nothing but seed, regime, learning rate, weight decay, momentum, clipping and
            the run that they start from.
        data: the world of each seed.
    """

    def __init__(self, experiments: list[Experiment], data: dict[int, Data]) -> None:
        first = experiments[0]
        self.experiments, self.data = experiments, data
        #: The engine of its rollouts, where it is asked for something that this engine covers.
        self.engine = engine_of(first)
        #: What makes its rollouts: the loop also for those without a correction, if the regime corrects, by the one engine.
        self._rollout = looped if first.regime.feeder().corrects else rollout
        self.model, self.settings = first.model, first.training
        self.objective = given(first.objective)
        #: The feedback rule as it stands after training.
        self.feedback = self.rule(1.0)
        self.warmup, self.horizon = first.span
        self.device, self.dtype = torch.device(first.device), getattr(torch, first.dtype)
        self.seeds = sorted({experiment.seed for experiment in experiments})
        #: Index of each replica's seed among the distinct seeds: replicas with one seed share data, order and coins.
        self.row = torch.tensor([self.seeds.index(experiment.seed) for experiment in experiments], device=self.device)
        self._own_rows = self._each_has_its_row()
        #: The weights of a batch where they are, and what is charged of each prediction.
        self._ones: tuple[torch.Tensor, torch.Tensor] | None = None
        world = data[first.seed]
        self.symbols, self.outputs = first.task.symbols, world.outputs
        #: How outputs are read as distributions of values, and how many numbers the model puts out.
        self.head = self.objective.head
        self.width = self.outputs if self.head is None else self.head.width(self.outputs)
        self.inputs = world.inputs + (0 if self.feedback.silent else world.outputs)
        cut = gradient_cut(first.gradient)
        self.gradient = Gradient(feedback=cut, state=1 if self.objective.last_step_only else first.training.truncate or 0)
        self.residual = None if world.residual is None else self._residuals()
        seeds, like = [experiment.seed for experiment in experiments], torch.empty(0, dtype=self.dtype, device=self.device)
        self.parameters = Parameters(self.model.shapes(self.inputs, self.width), seeds, like, self.model.drawn)
        self._start()
        self.critic: Parameters | None = None
        if self.objective.critic(1):
            shapes = {f"critic.{name}": shape for name, shape in self.objective.critic(self._behaviour_width()).items()}
            self.critic = Parameters(shapes, seeds, like)
        self._demand_nothing_in_place()

    def _demand_nothing_in_place(self) -> None:
        """Refuse a model or a feedback rule of a user's own that works in place.

        Raises:
            ConfigError: naming what it changes.
        """
        like = torch.empty(len(self.experiments), in_place.SIZE, 0, dtype=self.dtype, device=self.device)
        in_place.demand_none_of_model(self.model, self.weights, like.new_empty(*like.shape[:2], self.inputs))

        def chance() -> torch.Tensor | None:
            drawn = self.chance("in place", 0, 1, in_place.SIZE)
            return None if drawn is None else drawn[0]

        rule = given(self.experiments[0].feedback)
        in_place.demand_none_of_feedback(rule, self.feedback, like.new_empty(*like.shape[:2], self.width), chance)

    def _start(self) -> None:
        """Put the weights of the run that a replica starts from in the place of those that were drawn for it.

        Raises:
            ConfigError: if they are not there, or not those of this model.
        """
        for r, experiment in enumerate(self.experiments):
            start = start_of(experiment.training)
            if start is not None:
                if not start.fits(self.parameters.shapes):
                    raise ConfigError(f"training.start={start.run}: its weights are not those of this model")
                self.parameters.put(r, {name: torch.from_numpy(value.copy()) for name, value in start.weights.items()})

    def _each_has_its_row(self) -> bool:
        """Return whether the replicas are the seeds, in their order."""
        return bool(self.row.tolist() == [*range(len(self.seeds))])

    def rule(self, progress: float) -> Feedback:
        """Return the feedback rule as it stands at a share of the updates, for outputs as they are read."""
        return given(self.experiments[0].feedback).at(progress).reading(self.objective.head)

    def _residuals(self) -> Float[torch.Tensor, "R 1 O"]:
        rows = torch.stack([self.data[seed].residual for seed in self.seeds])  # type: ignore[misc]
        return rows.to(self.device, self.dtype)[self.row][:, None]

    def _behaviour_width(self) -> int:
        like = torch.zeros(len(self.experiments), 1, self.inputs, dtype=self.dtype, device=self.device)
        with torch.no_grad():
            output, state = self.model.step(self.weights(), like, self.model.start(len(like), 1, like))
        return self.model.summary(state, output).shape[-1] + self.width

    def weights(self) -> dict[str, torch.Tensor]:
        """Return the weights by name, ``[R in out]``."""
        return self.parameters.named()

    def batch(self, split: str, index: dict[int, torch.Tensor], length: int) -> Sequences:
        """Sequences ``[T R B ...]`` of every replica, its seed's own at `index`."""
        parts = [self.data[seed].splits[split] for seed in self.seeds]

        def gather(name: str, axis: int) -> torch.Tensor:
            whole = [getattr(part, name) for part in parts]
            each = zip(whole, self.seeds, strict=True)
            if axis:
                # of windows that overlap `index_select` copies the whole first
                rows = [
                    x[:length].index_select(1, index[seed]) if x.is_contiguous() else x[:length, index[seed]]
                    for x, seed in each
                ]
            else:
                rows = [x.index_select(0, index[seed]) for x, seed in each]
            return self._spread(rows, axis)

        ones = self._counting(split, length, len(index[self.seeds[0]]))
        return Sequences(
            targets=gather("targets", 1),
            start=gather("start", 0),
            weights=gather("weights", 1) if ones is None else ones,
            inputs=None if parts[0].inputs is None else gather("inputs", 1),
            ends=None if parts[0].ends is None else gather("ends", 0),
        )

    def _spread(self, rows: list[torch.Tensor], axis: int) -> torch.Tensor:
        """Return what each seed has, for each replica, beside each other; numbers in the type of the group."""
        beside = rows[0].unsqueeze(axis) if len(rows) == 1 else torch.stack(rows, axis)
        beside = beside.to(self.device, self.dtype) if beside.is_floating_point() else beside.to(self.device)
        return beside if self._own_rows else beside.index_select(axis, self.row)

    def _counting(self, split: str, length: int, count: int) -> Float[torch.Tensor, "S R B"] | None:
        """Return the weights of so many training sequences where all count alike, 1; None where padding or answers do not.

        It is one tensor for all batches of a size, which nobody changes, so that what follows from it is computed once.
        """
        if split != "train":
            return None
        parts = [self.data[seed].splits[split] for seed in self.seeds]
        if not all(part.alike for part in parts):
            return None
        shape = min(len(parts[0].weights), length), len(self.row), count
        if self._ones is None or self._ones[0].shape != shape:
            ones = torch.ones(shape, dtype=self.dtype, device=self.device)
            self._ones = ones, self._charged(ones)
        return self._ones[0]

    def draws(self, name: str, step: int, shape: tuple[int, ...]) -> Float[torch.Tensor, "T R *rest"]:
        """Uniform draws of a stream, equal for replicas of one seed; `shape` is without the replica axis."""
        return self._spread([torch.from_numpy(uniforms(seed, name, step, shape)) for seed in self.seeds], 1)

    def normals(self, name: str, step: int, shape: tuple[int, ...]) -> Float[torch.Tensor, "T R *rest"]:
        """Standard normal draws, as `draws`."""
        drawn = [stream(seed, name, step).standard_normal(shape, dtype=np.float32) for seed in self.seeds]
        return self._spread([torch.from_numpy(part) for part in drawn], 1)

    def chance(self, name: str, step: int, steps: int, count: int) -> torch.Tensor | None:
        """Return the draws that the feedback rule needs, None if it needs none."""
        if not self.feedback.random:
            return None
        each = self.outputs if self.head is None else self.head.draws(self.outputs)
        return self.draws(name, step, (steps, count, each) if self.feedback.random_each else (steps, count))

    def dropout(self, step: int, steps: int, count: int) -> Float[torch.Tensor, "T R B D"] | None:
        """Return the draws by which the rollouts of an update drop what they drop; None for a model without dropout."""
        return self.draws("dropout", step, (steps, count, self.model.thinned)) if self.model.thinned else None

    def encoded(self, sequences: Sequences) -> tuple[Float[torch.Tensor, "T R B F"], Float[torch.Tensor, "R B F"]]:
        """e(y) of every step, and what stands before the first; of width 0 for a rule that feeds nothing."""
        start = self.encoded_start(sequences)
        if self.feedback.silent or self.symbols:
            like = start.expand(sequences.steps(), *start.shape)
            return (torch.zeros_like(like) if self.feedback.silent else one_hot(sequences.targets, like)), start
        return sequences.targets, start

    def encoded_start(self, sequences: Sequences) -> Float[torch.Tensor, "R B F"]:
        """Return what is fed into the first step."""
        if self.symbols or self.feedback.silent:
            like = torch.empty(*sequences.start.shape[:2], self.outputs, dtype=self.dtype, device=self.device)
            return like[..., :0] if self.feedback.silent else one_hot(sequences.start, like)
        return sequences.start

    def roll(
        self,
        weights: Weights,
        sequences: Sequences,
        mask: Float[torch.Tensor, "T R B"] | None,
        uniform: torch.Tensor | None,
        *,
        feedback: Feedback | None = None,
        truth: Float[torch.Tensor, "T R B F"] | None = None,
        states: bool = False,
        noise: Float[torch.Tensor, "T R B F"] | None = None,
        dropout: Float[torch.Tensor, "T R B D"] | None = None,
        windows: tuple[int, ...] | None = None,
        pull: Float[torch.Tensor, "T R B"] | None = None,
        charge: Charge | None = None,
    ) -> Rollout:
        """Run every replica over its sequences, fed as the mask says.

        Args:
            feedback: the rule as it stands at this update; None: after training.
            truth: what is fed where the mask is 1, if not the truth itself.
            states: whether the states after every step are read.
            noise: what is added to the model's own output where it is fed.
            dropout: what `Group.dropout` draws for an update, in training; None where nothing is dropped.
            windows: what `Group.windows` draws for an update; None where the whole rollout counts.
            pull: the share of each output's error by which the state is corrected, in training; None for nothing.
            charge: all that a gradient will be taken of, where that is known.
        """
        gradient = self.gradient if windows is None else replace(self.gradient, windows=windows)
        encoded, start = self.encoded(sequences) if truth is None else (truth, self.encoded_start(sequences))
        return self._rollout(
            self.model, weights, truth=encoded, start=start, feedback=feedback or self.feedback,
            mask=mask, inputs=sequences.inputs, uniform=uniform, gradient=gradient,
            residual=self.residual,
            ends=sequences.ends, states=states, noise=noise, release=self.warmup, head=self.head,
            dropout=dropout, pull=pull, targets=None if pull is None else sequences.targets, charge=charge,
        )  # fmt: skip

    def shares(self, sequences: Sequences) -> Float[torch.Tensor, "S R B"]:
        """Return the weight of every prediction in its replica's mean; warm-up steps are not charged."""
        return self._shares(sequences.weights)

    def _shares(self, weights: Float[torch.Tensor, "S R B"]) -> Float[torch.Tensor, "S R B"]:
        weights = weights.clone()
        if len(weights) > 1:
            weights[: self.warmup] = 0
        total = totals(weights, axis=1).clamp(min=1)
        return weights / total[:, None]

    def windows(self, step: int, steps: int) -> tuple[int, ...] | None:
        """Return the first step of the window that an update charges, for each replica; None where all steps are charged."""
        if self.settings.window is None:
            return None
        last = steps - self.settings.window
        drawn = {seed: int(stream(seed, "window", step).integers(self.warmup, last + 1)) for seed in self.seeds}
        return tuple(drawn[experiment.seed] for experiment in self.experiments)

    def charged_shares(self, sequences: Sequences, windows: tuple[int, ...] | None = None) -> Float[torch.Tensor, "S R B"]:
        """Return the weight of every prediction in its replica's training loss: its share, by its time level, in the window."""
        if windows is None and self._ones is not None and sequences.weights is self._ones[0]:
            return self._ones[1]
        return self._charged(sequences.weights, windows)

    def _charged(self, weights: torch.Tensor, windows: tuple[int, ...] | None = None) -> Float[torch.Tensor, "S R B"]:
        shares, levels = self._shares(weights), self.settings.levels
        if windows is not None:
            steps, first = torch.arange(len(shares), device=self.device)[:, None], torch.tensor(windows, device=self.device)
            inside = (steps >= first) & (steps < first + given(self.settings.window))
            shares = torch.where(inside[..., None], shares, 0.0)
        if levels is Levels.constant and windows is None:
            return shares
        if levels is Levels.constant:
            weighted = shares
        elif levels is Levels.last:
            counts = (shares > 0).to(shares.dtype)
            weighted = torch.where(counts.flip(0).cumsum(0).flip(0) == 1, shares * counts, 0.0)
        else:
            factors = level_weights(levels, self.settings.level_ratio, len(shares) - self.warmup)
            weighted = shares * shares.new_tensor([0.0] * self.warmup + factors)[:, None, None]
        total = totals(weighted, axis=1)[:, None]
        return torch.where(total > 0, weighted / torch.where(total > 0, total, 1.0), 0.0)

    def mean_loss(self, result: Rollout, sequences: Sequences) -> list[float]:
        """Each replica's mean loss after the warm-up."""
        losses = self.objective(result.outputs, sequences.targets)
        return [float(v) for v in totals(losses * self.shares(sequences), axis=1).tolist()]

    def release(self, steps: int, count: int, warmup: int | None = None) -> Float[torch.Tensor, "T R B"]:
        """Return the mask of a free rollout: 1 in the warm-up (the group's own, if no other is given), then 0."""
        mask = torch.zeros(steps, len(self.experiments), count, dtype=self.dtype, device=self.device)
        mask[: self.warmup if warmup is None else warmup] = 1
        return mask

    def some(self, replicas: list[int]) -> Group:
        """Return a group of some of the replicas, with their weights, for further rollouts."""
        part, parameters = copy(self), copy(self.parameters)
        part.experiments, part.row = [self.experiments[r] for r in replicas], self.row[replicas]
        part.residual = None if self.residual is None else self.residual[replicas]
        part._own_rows, part._ones = part._each_has_its_row(), None
        parameters.flat = self.parameters.flat[replicas]
        part.parameters, part.critic = parameters, None
        return part

    def stacked(self, parts: list[Sequences]) -> Sequences:
        """One replica's own sequences ``[T N ...]`` each, as sequences ``[T R N ...]`` of the group."""

        def gather(name: str, axis: int) -> torch.Tensor:
            stacked = torch.stack([getattr(part, name) for part in parts], axis).to(self.device)
            return stacked.to(self.dtype) if stacked.is_floating_point() else stacked

        return Sequences(
            targets=gather("targets", 1),
            start=gather("start", 0),
            weights=gather("weights", 1),
            inputs=None if parts[0].inputs is None else gather("inputs", 1),
            ends=None if parts[0].ends is None else gather("ends", 0),
        )


def spread(total: int, count: int) -> torch.Tensor:
    """At most `count` indices, evenly spread over `total`."""
    return torch.linspace(0, total - 1, min(count, total), dtype=torch.float64).round().long()
