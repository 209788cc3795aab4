"""Feeding of a group: what one update shows the model, the batch, fed as the runs' feeders say."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float

from freerun.engine.experts import expert_of
from freerun.engine.group_batch import GroupBatch
from freerun.engine.replicas import Group
from freerun.engine.rollout import Charge, Rollout
from freerun.engine.true_step import TrueStep
from freerun.parts.feedback import Feedback
from freerun.parts.feeders import Feed, Kept, Memory, Sizes, after_warmup
from freerun.parts.layers import Weights
from freerun.parts.objectives import Answer, Lesson
from freerun.parts.objectives.squared_error import SquaredError
from freerun.parts.tasks import Sequences
from freerun.random_streams import stream


class Lessons:
    """The lessons of a group, update by update.

    Attributes:
        feeders: how each run is fed.
        memory: what the feeders remember.
        last: the updates that were made, by which a trained group is fed as in its last one.

    Raises:
        ValueError: if the runs are not fed in one way.
    """

    def __init__(self, group: Group) -> None:
        self.group = group
        self.feeders = [experiment.regime.feeder() for experiment in group.experiments]
        #: The feeder that feeds all runs; their keys are equal.
        self.feeder = self.feeders[0]
        for feeder in self.feeders:
            if feeder.key != self.feeder.key:
                raise ValueError(
                    f"the runs of a group must be fed in one way, got {self.feeder!r} and {feeder!r}; train them in two groups"
                )
        self.expert = expert_of(group)
        self.last = group.settings.end
        self._parted: dict[int, tuple[dict[str, torch.Tensor], dict[str, float]]] = {}
        self.true_step = TrueStep(group) if group.objective.steps_onward else None
        started = kept(group, 0).numbers.items()
        self.memory = Memory(numbers={name: [number.start] * len(self.feeders) for name, number in started})

    def give(self, update: int, weights: Weights, critic: dict[str, torch.Tensor]) -> Lesson:
        """Return the lesson of an update, counted from 0, rolled out with `weights`."""
        return self.rolled(update, weights, critic)[0]

    def rolled(self, update: int, weights: Weights, critic: dict[str, torch.Tensor]) -> tuple[Lesson, Rollout]:
        """Return the lesson of an update with the rollout that is charged.

        With `Trained` weights that may hold the gradient already, if nothing but its predictions is charged.
        """
        group, batch = self.group, self._next(update, weights)
        sequences, uniform, feedback, steps, count = batch.sequences, batch.uniform, batch.feedback, batch.steps, batch.count
        with torch.no_grad():
            self.memory = self.feeder.remember(batch, self.memory)
        feed = self.feed(batch)
        shares = group.charged_shares(sequences, batch.windows)
        result = _rolled(batch, feed, None, self._charge(sequences, shares))
        if self.feeder.chooses:
            with torch.no_grad():
                self.memory = self.feeder.learn(batch, self.memory, result.outputs.detach())
        behaved: dict[bool, torch.Tensor] = {}
        answered: list[Answer] = []

        def behave(forced: bool) -> torch.Tensor:
            if forced not in behaved:
                free = group.release(steps, count)
                whole = torch.ones_like(free) if forced else free
                rolled = group.roll(weights, sequences, whole, uniform, feedback=feedback, states=True, dropout=batch.dropout)
                behaved[forced] = _behaviour(group, rolled, sequences)
            return behaved[forced]

        def answer() -> Answer:
            if self.expert is None:
                raise ValueError(
                    f"{type(group.objective).__name__} asked for an expert's answer without declaring one; "
                    "override `teaches`, or set `asks_the_world`"
                )
            if not answered:
                answered.append(self.expert.answer(sequences, result.fed.detach()))
            return answered[0]

        lesson = Lesson(
            sequences=sequences, outputs=result.outputs, fed=result.fed, mask=feed.mask, shares=shares,
            behave=behave, critic={name.removeprefix("critic."): value for name, value in critic.items()},
            answer=answer, **({"onward": self.true_step} if self.true_step else {}),
        )  # fmt: skip
        return lesson, result

    def _charge(self, sequences: Sequences, shares: Float[torch.Tensor, "S R B"]) -> Charge | None:
        """Return what is charged, where that is the squared error of the rollout and nothing else."""
        return Charge(targets=sequences.targets, shares=shares) if type(self.group.objective) is SquaredError else None

    @torch.no_grad()
    def stepped(self, update: int) -> tuple[Sequences, Rollout]:
        """Return the sequences of an update, and their rollout step by step, with the states, fed as the runs are."""
        batch = self._next(update, self.group.weights())
        self.memory = self.feeder.remember(batch, self.memory)
        return batch.sequences, _rolled(batch, self.feed(batch), self.group.release(batch.steps, batch.count, batch.steps))

    def _next(self, update: int, weights: Weights) -> GroupBatch:
        """Return the batch of an update."""
        group, settings = self.group, self.group.settings
        steps, count = group.experiments[0].task.length, settings.batch
        sizes = {seed: len(group.data[seed].splits["train"]) for seed in group.seeds}
        index = {seed: torch.from_numpy(stream(seed, "order", update).integers(0, sizes[seed], count)) for seed in group.seeds}
        sequences = group.batch("train", index, steps)
        uniform = group.chance("samples", update, steps, count)
        feedback = group.rule(update / max(1, settings.updates - 1))
        dropout, windows = group.dropout(update, steps, count), group.windows(update, steps)
        batch = self.batch(update, weights, sequences, uniform, feedback, dropout=dropout, windows=windows)
        return self._chosen(batch, steps, index) if self.feeder.chooses else batch

    def _chosen(self, batch: GroupBatch, steps: int, begun: dict[int, torch.Tensor]) -> GroupBatch:
        """Return a batch of the training sequences that the feeder shows in the place of those in the order of the data.

        Args:
            begun: the latter, for each seed.
        """
        batch.index = torch.stack([begun[experiment.seed] for experiment in self.group.experiments]).to(self.group.device)
        index = self.feeder.chosen(batch, self.memory)
        of_seed = {experiment.seed: row.cpu() for experiment, row in zip(self.group.experiments, index, strict=True)}
        return replace(batch, sequences=self.group.batch("train", of_seed, steps), index=index)

    @torch.no_grad()
    def shown(self, sequences: Sequences, uniform: torch.Tensor | None) -> Rollout:
        """Roll out any sequences step by step with the present weights, fed as the last update fed its batch.

        Masks and noise are drawn from streams of their own. Without training, the settings of update 0 hold.
        """
        group, update = self.group, max(0, self.last - 1)
        batch = self.batch(update, group.weights(), sequences, uniform, group.feedback, streams="evaluation/")
        return _rolled(batch, self.feed(batch), group.release(batch.steps, batch.count, batch.steps))

    def probabilities(self, update: int) -> list[float]:
        """Return the share of truth of each replica at an update."""
        updates = self.group.settings.updates
        return [feeder.probability(update, updates, self.memory.of(r)) for r, feeder in enumerate(self.feeders)]

    def batch(
        self,
        update: int,
        weights: Weights,
        sequences: Sequences,
        uniform: torch.Tensor | None,
        feedback: Feedback,
        streams: str = "",
        dropout: Float[torch.Tensor, "T R B D"] | None = None,
        windows: tuple[int, ...] | None = None,
    ) -> GroupBatch:
        """Return the sequences of an update, as a feeder sees them.

        Args:
            streams: what the names of the streams begin with.
            dropout: the draws by which the rollouts of the update drop what they drop.
            windows: the first step that is charged, for each replica.
        """
        group = self.group
        return GroupBatch(
            update=update, updates=group.settings.updates, steps=sequences.steps(), count=sequences.start.shape[1],
            warmup=group.warmup, symbols=group.symbols, feedback=feedback, uniform=uniform, group=group, trained=weights,
            sequences=sequences, streams=streams, runs=self.feeders,
            dropout=dropout, windows=windows,
        )  # fmt: skip

    def feed(self, batch: GroupBatch) -> Feed:
        """Return what the feeder feeds, with the truth in the warm-up and gradients cut; the truth where nothing is fed back.

        Raises:
            ValueError: if it is not of the shape and type that it must be, or a mask does not lie in [0, 1].
        """
        if self.group.feedback.silent and not self.feeder.corrects:
            return Feed()
        feed = self.feeder.feed(batch, self.memory)
        shape = (batch.steps, len(self.feeders), batch.count)
        pull = None if feed.pull is None else self._pulled(batch, feed.pull, shape)
        if self.group.feedback.silent:
            return Feed(pull=pull)
        mask, truth = feed.mask, feed.truth
        if mask is not None:
            self._check("mask", mask, shape)
            least, most = (float(end) for end in mask.aminmax())
            if not 0 <= least <= most <= 1:
                wrong = next(r for r, part in enumerate(mask.unbind(1)) if not bool(((part >= 0) & (part <= 1)).all()))
                name = type(self.feeders[wrong].regime).__name__
                raise ValueError(f"the mask of {name} must lie in [0, 1], at update {batch.update} it does not")
            mask = after_warmup(mask, torch.ones_like(mask), batch.warmup)
        if truth is not None:
            self._check("truth", truth, (*shape, self.group.outputs))
            truth = after_warmup(batch.stopped(truth), batch.truth, batch.warmup)
        if feed.noise is not None:
            self._check("noise", feed.noise, (*shape, self.group.outputs))
        return Feed(mask=mask, truth=truth, beforehand=feed.beforehand, noise=feed.noise, pull=pull)

    def _pulled(
        self, batch: GroupBatch, pull: Float[torch.Tensor, "T R B"], shape: tuple[int, ...]
    ) -> Float[torch.Tensor, "T R B"]:
        """Return by what share states are corrected: nothing in the warm-up, nor where no prediction counts."""
        self._check("pull", pull, shape)
        pull = torch.where(batch.sequences.weights > 0, pull, 0.0)
        return after_warmup(pull, torch.zeros_like(pull), batch.warmup)

    def _check(self, label: str, x: torch.Tensor, shape: tuple[int, ...]) -> None:
        if x.shape != shape or x.dtype != self.group.dtype:
            name = type(self.feeder).__name__
            raise ValueError(f"the {label} of {name} is {x.dtype} {tuple(x.shape)}; it must be {self.group.dtype} {shape}")

    def part_with(self, r: int, update: int) -> None:
        """Put by what the feeder of a run that ends after so many updates remembers: those of the others go on."""
        memory = self.remembered(update)
        self._parted[r] = {name: value[r].clone() for name, value in memory.tensors.items()}, memory.of(r)

    def left(self, r: int) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
        """Return the tensors and the numbers that the feeder of a run remembers at the end of its training."""
        if r in self._parted:
            return self._parted[r]
        memory = self.remembered(self.group.settings.end)
        return {name: value[r] for name, value in memory.tensors.items()}, memory.of(r)

    def remembered(self, update: int) -> Memory:
        """Return the memory after so many updates.

        Raises:
            ValueError: if it is not what the feeder says that it keeps.
        """
        declared, memory, count = kept(self.group, update), self.memory, len(self.feeders)
        expected = {name: f"{self.group.dtype} {(count, *shape)}" for name, shape in declared.tensors.items()}
        held = {name: f"{value.dtype} {tuple(value.shape)}" for name, value in memory.tensors.items()}
        expected |= dict.fromkeys(declared.numbers, f"{count} numbers")
        held |= {name: f"{len(values)} numbers" for name, values in memory.numbers.items()}
        if expected != held:
            name = type(self.feeder).__name__
            raise ValueError(f"{name} remembers {held} after {update} updates, it must be what its `kept` says: {expected}")
        return memory


def kept(group: Group, update: int) -> Kept:
    """Return what the checkpoint of a run holds of its feeder's memory after so many updates; the same for all runs."""
    first = group.experiments[0]
    return first.regime.feeder().kept(
        update,
        Sizes(
            updates=group.settings.updates, steps=first.task.length, batch=group.settings.batch,
            width=0 if group.feedback.silent else group.outputs, weights=group.parameters.flat.shape[1],
        ),
    )  # fmt: skip


def _rolled(batch: GroupBatch, feed: Feed, whole: Float[torch.Tensor, "T R B"] | None, charge: Charge | None = None) -> Rollout:
    """Run the rollout whose predictions enter the loss.

    Args:
        whole: a mask of 1 everywhere, to feed what was made beforehand step by step; None for the fast path.
        charge: all that is charged of it, where that is known.
    """
    mask = whole if feed.mask is None or feed.beforehand else feed.mask
    return batch.group.roll(
        batch.trained, batch.sequences, mask, batch.uniform, feedback=batch.feedback,
        truth=batch.truth if feed.truth is None else feed.truth,
        states=whole is not None, noise=feed.noise, dropout=batch.dropout, windows=batch.windows, pull=feed.pull,
        charge=charge,
    )  # fmt: skip


def _behaviour(group: Group, rollout: Rollout, sequences: Sequences) -> Float[torch.Tensor, "T R B W"]:
    """Return hidden states and outputs (for symbols their probabilities) side by side; zeros where the truth has ended."""
    pairs = zip(rollout.states, rollout.outputs, strict=True)
    hidden = torch.stack([group.model.summary(state, output) for state, output in pairs])
    answers = torch.softmax(rollout.outputs, -1) if group.symbols else rollout.outputs
    counted = (sequences.weights > 0).to(answers.dtype)
    counted[: group.warmup] = 1
    return torch.cat([hidden, answers], -1) * counted[..., None]
