"""What does one update show the model? The batch, fed as the regime says: by a mask in the loop, or by passes over data."""

from __future__ import annotations

from functools import cache

import torch
from jaxtyping import Float

from freerun.engine.jacobians import growth
from freerun.engine.replicas import Group
from freerun.engine.rollout import Rollout, fed_in_parallel
from freerun.parts.feedback import Feedback
from freerun.parts.objectives import Lesson
from freerun.parts.regimes import Regime
from freerun.parts.tasks import Sequences
from freerun.streams import stream


class Lessons:
    """The lessons of a group, update by update.

    Attributes:
        kept: weights of earlier stages, whose rollouts are training data (`Regime.demonstrations`).
        share: the share of truth of every replica whose regime is measured (`Regime.measured_every`).
    """

    def __init__(self, group: Group) -> None:
        self.group = group
        self.regimes = [e.regime for e in group.experiments]
        self.kept: list[torch.Tensor] = []
        self.share = [1.0] * len(self.regimes)

    def give(self, update: int, weights: dict[str, torch.Tensor], critic: dict[str, torch.Tensor]) -> Lesson:
        """The lesson of an update, counted from 0, run with `weights`."""
        group, settings = self.group, self.group.settings
        steps, count = group.experiments[0].task.length, settings.batch
        sizes = {seed: len(group.data[seed].splits["train"]) for seed in group.seeds}
        index = {s: torch.from_numpy(stream(s, "order", update).integers(0, sizes[s], count)) for s in group.seeds}
        sequences = group.batch("train", index, steps)
        uniform = group.chance("samples", update, steps, count)
        feedback = group.experiments[0].feedback.at(update / max(1, settings.updates - 1))  # type: ignore[union-attr]
        self._measure(update, sequences)
        self._keep(update)
        mask = self._mask(update, steps, count)
        result, mask = self._fed(update, weights, sequences, mask, uniform, feedback)
        free = group.release(steps, count)

        @cache
        def behave(forced: bool) -> torch.Tensor:
            whole = torch.ones_like(free) if forced else free
            shown = group.roll(weights, sequences, whole, uniform, feedback=feedback)
            return _behaviour(group, shown, sequences)

        return Lesson(
            sequences=sequences, outputs=result.outputs, fed=result.fed, mask=mask, shares=group.shares(sequences),
            behave=behave, critic={name.removeprefix("critic."): value for name, value in critic.items()},
        )  # fmt: skip

    @torch.no_grad()
    def shown(self, sequences: Sequences, uniform: torch.Tensor | None) -> Rollout:
        """Any sequences, fed as the last update fed its batch, step by step and by the weights as they are now.

        Masks and noise are drawn from streams of their own. Where there was no training, the first stage is the last.
        """
        group, update = self.group, max(0, self.group.settings.updates - 1)
        steps, count = sequences.steps(), sequences.start.shape[1]
        mask = self._mask(update, steps, count, "evaluation/")
        whole = group.release(steps, count, steps)
        rolled, _ = self._fed(update, group.weights(), sequences, mask, uniform, group.feedback, whole, "evaluation/")
        return rolled

    def probabilities(self, update: int) -> list[float]:
        """The mean of each replica's mask at an update."""
        measured = self.regimes[0].measured_every
        return [
            share if measured else regime.probability(update, self.group.settings.updates)
            for regime, share in zip(self.regimes, self.share, strict=True)
        ]

    def _measure(self, update: int, sequences: Sequences) -> None:
        every = self.regimes[0].measured_every
        if every and update % every == 0:
            found = growth(self.group, self.group.weights(), sequences)
            self.share = [r.adapted(s, g) for r, s, g in zip(self.regimes, self.share, found, strict=True)]

    def _keep(self, update: int) -> None:
        regime, updates = self.regimes[0], self.group.settings.updates
        if regime.demonstrations and len(self.kept) < regime.sets(update, updates) - 1:
            self.kept.append(self.group.parameters.flat.clone())

    def _mask(self, update: int, steps: int, count: int, streams: str = "") -> Float[torch.Tensor, "T R B"] | None:
        group = self.group
        if group.feedback.silent or all(regime.always_forced for regime in self.regimes):
            return None
        coins = group.draws(f"{streams}coins", update, (steps, count))
        if self.regimes[0].measured_every:
            masks = [torch.full_like(coins[:, r], share) for r, share in enumerate(self.share)]
        else:
            masks = [_checked(regime, coins[:, r], update, group.settings.updates) for r, regime in enumerate(self.regimes)]
        mask = torch.stack(masks, 1)
        mask[: group.warmup] = 1
        return mask

    def _fed(
        self,
        update: int,
        weights: dict[str, torch.Tensor],
        sequences: Sequences,
        mask: Float[torch.Tensor, "T R B"] | None,
        uniform: torch.Tensor | None,
        feedback: Feedback,
        whole: Float[torch.Tensor, "T R B"] | None = None,
        streams: str = "",
    ) -> tuple[Rollout, Float[torch.Tensor, "T R B"] | None]:
        """The rollout that is charged, and its mask; None where all that was fed was given beforehand.

        Args:
            whole: a mask of 1 everywhere, where what is given beforehand is to be fed step by step; None for the fast path.
        """
        group, regime = self.group, self.regimes[0]
        if mask is None:
            truth = self._blurred(update, sequences, streams)
            return group.roll(weights, sequences, whole, uniform, feedback=feedback, truth=truth), None
        if regime.demonstrations:
            truth = self._demonstrated(update, sequences, uniform, feedback)
            return group.roll(weights, sequences, whole, uniform, feedback=feedback, truth=truth), None
        if regime.passes:
            truth = fed_in_parallel(
                lambda fed: group.roll(weights, sequences, None, None, feedback=feedback, truth=fed).outputs,
                truth=group.encoded(sequences)[0], mask=mask, feedback=feedback, uniform=uniform, gradient=group.gradient,
                passes=regime.passes,
            )  # fmt: skip
            return group.roll(weights, sequences, whole, uniform, feedback=feedback, truth=truth), mask
        return group.roll(weights, sequences, mask, uniform, feedback=feedback), mask

    def _blurred(self, update: int, sequences: Sequences, streams: str) -> Float[torch.Tensor, "T R B F"] | None:
        group = self.group
        if group.feedback.silent or not any(regime.blurs for regime in self.regimes):
            return None
        truth, _ = group.encoded(sequences)
        steps, _, count, width = truth.shape
        if group.symbols:
            noise = group.draws(f"{streams}noise", update, (steps, count, 2))
        else:
            noise = group.normals(f"{streams}noise", update, (steps, count, width))
        each = [
            regime.blur(truth[:, r], noise[:, r], group.symbols) if regime.blurs else truth[:, r]
            for r, regime in enumerate(self.regimes)
        ]
        return torch.cat([truth[: group.warmup], torch.stack(each, 1)[group.warmup :]])

    @torch.no_grad()
    def _demonstrated(
        self, update: int, sequences: Sequences, uniform: torch.Tensor | None, feedback: Feedback
    ) -> Float[torch.Tensor, "T R B F"]:
        """What is fed where each sequence is dealt the truth or the rollout of an earlier stage."""
        group, regime = self.group, self.regimes[0]
        truth, _ = group.encoded(sequences)
        steps, _, count, _ = truth.shape
        dealt = regime.dealt(count, update, group.settings.updates).to(truth.device)
        fed = truth.clone()
        for number, flat in enumerate(self.kept, 1):
            chosen = (dealt == number).nonzero()[:, 0]
            if len(chosen):
                shown = group.roll(
                    group.parameters.named(flat=flat), columns(sequences, chosen), group.release(steps, len(chosen)),
                    None if uniform is None else uniform.index_select(2, chosen), feedback=feedback,
                )  # fmt: skip
                fed[:, :, chosen] = shown.fed
        return fed


def gathered(regime: Regime, update: int, updates: int) -> int:
    """How many earlier weights are kept after so many updates."""
    kept = 0
    for past in range(update if regime.demonstrations else 0):
        kept += kept < regime.sets(past, updates) - 1
    return kept


def columns(sequences: Sequences, chosen: torch.Tensor) -> Sequences:
    """Some of the sequences of every replica."""
    return Sequences(
        targets=sequences.targets.index_select(2, chosen),
        start=sequences.start.index_select(1, chosen),
        weights=sequences.weights.index_select(2, chosen),
        inputs=None if sequences.inputs is None else sequences.inputs.index_select(2, chosen),
    )


def _behaviour(group: Group, shown: Rollout, sequences: Sequences) -> Float[torch.Tensor, "T R B W"]:
    """Hidden states beside what the outputs say; zeros where the truth has ended."""
    pairs = zip(shown.states, shown.outputs, strict=True)
    hidden = torch.stack([group.model.summary(state, output) for state, output in pairs])
    said = torch.softmax(shown.outputs, -1) if group.symbols else shown.outputs
    counted = (sequences.weights > 0).to(said.dtype)
    counted[: group.warmup] = 1
    return torch.cat([hidden, said], -1) * counted[..., None]


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
