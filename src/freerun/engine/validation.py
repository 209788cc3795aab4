"""Validation of a group while it trains: some sequences of a split, rolled out forced and free by the present weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float

from freerun.config.watched_curve import MODES, WatchedCurve
from freerun.engine.replicas import Group, spread
from freerun.engine.rollout import Rollout
from freerun.parts.tasks import Sequences

#: How many sequences of a split are rolled out.
COUNT = 64


@dataclass(frozen=True, kw_only=True)
class Validation:
    """Rollouts of a group over the same sequences, with the same draws, at every update.

    Attributes:
        split: the split of the sequences.
        masks: of the rollout in each mode; None where the truth alone is fed.
    """

    group: Group
    split: str
    sequences: Sequences
    uniform: torch.Tensor | None
    masks: dict[str, Float[torch.Tensor, "T R B"] | None]
    rollouts: dict[str, Rollout]

    def losses(self) -> dict[str, list[float]]:
        """Return the mean loss of each run in each mode, by the name of its curve."""
        return {
            WatchedCurve(split=self.split, mode=mode).name: self.group.mean_loss(rollout, self.sequences)
            for mode, rollout in self.rollouts.items()
        }


#: Measures the watched metric for every run of a validation, NaN where it is undefined.
Gauge = Callable[[Validation, WatchedCurve], list[float]]


@torch.no_grad()
def validation(group: Group, split: str = "validation") -> Validation:
    """Roll a group out, as it is, over evenly spread sequences of a split."""
    steps = group.experiments[0].task.length
    index = {seed: spread(len(group.data[seed].splits[split]), COUNT) for seed in group.seeds}
    sequences = group.batch(split, index, steps)
    weights, size = group.weights(), sequences.start.shape[1]
    uniform = group.chance(f"evaluation/{split}", 0, steps, size)
    masks = dict(zip(MODES, (None, group.release(steps, size)), strict=True))
    rollouts = {mode: group.roll(weights, sequences, mask, uniform) for mode, mask in masks.items()}
    return Validation(group=group, split=split, sequences=sequences, uniform=uniform, masks=masks, rollouts=rollouts)


@torch.no_grad()
def validated(group: Group, gauge: Gauge | None) -> dict[str, list[float]]:
    """Return the validation losses of each run, forced and free, and the curve that its settings watch if it is another.

    Args:
        gauge: measures a metric; None where none is watched.
    """
    seen, curve = validation(group), group.settings.watched
    values = seen.losses()
    if curve.split not in (None, seen.split):
        seen = validation(group, str(curve.split))
    if curve.measured and gauge is not None:
        values[curve.name] = gauge(seen, curve)
    elif curve.split is not None:
        values[curve.name] = seen.losses()[curve.name]
    return values
