"""How does a trained group do, forced and free, on what it has seen and on what it has not?

The table is always whole: {forced, free} x {train, test}, step by step, on the same sequences with the same warm-up and the
same random draws.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch

from freerun import catalog
from freerun.group import Group, spread
from freerun.metrics import Metric, Observed
from freerun.rollout import Rollout
from freerun.tasks import Sequences

MODES = ("forced", "free")
MEASURED = ("train", "test")


@dataclass(kw_only=True)
class Series:
    """One metric of one run in one mode on one split.

    Attributes:
        first: the lead time of the first value, in steps since the release (1: the first prediction after it); 0 for a value
            of the whole rollout.
        values: one for each step; None where undefined.
    """

    split: str
    mode: str
    metric: str
    unit: str
    first: int
    values: list[float | None]


@dataclass(kw_only=True)
class Measured:
    """Everything measured on one run; `sample` is what the task shows of its free rollout."""

    series: list[Series] = field(default_factory=list)
    sample: dict[str, Any] | None = None


@torch.no_grad()
def evaluate(group: Group) -> list[Measured]:
    """Measure every run of a group with every metric that applies."""
    metrics = {name: metric() for name, metric in catalog.parts("metric").items()}
    measured = [Measured() for _ in group.experiments]
    weights = group.weights()
    steps = group.warmup + group.horizon
    for split in MEASURED:
        wanted = group.experiments[0].evaluation.sequences
        index = {seed: spread(len(group.data[seed].splits[split]), wanted) for seed in group.seeds}
        sequences = group.batch(split, index, steps)
        size = sequences.start.shape[1]
        uniform = group.chance(f"evaluation/{split}", 0, steps, size)
        for mode, mask in (("forced", None), ("free", group.release(steps, size))):
            result = group.roll(weights, sequences, mask, uniform)
            for r, run in enumerate(measured):
                observed = _observe(group, r, result, sequences, uniform)
                run.series += _measure(observed, metrics, split, mode)
                if (split, mode) == ("test", "free"):
                    run.sample = _plain(group.experiments[r].task.show(observed))
    return measured


def _plain(tree: Any) -> Any:
    """A sample as JSON can hold it: what is not finite becomes None."""
    if isinstance(tree, dict):
        return {key: _plain(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_plain(value) for value in tree]
    return None if isinstance(tree, float) and not math.isfinite(tree) else tree


def _observe(group: Group, r: int, result: Rollout, sequences: Sequences, uniform: torch.Tensor | None) -> Observed:
    outputs = result.outputs[:, r].contiguous()
    picks = None
    if group.feedback.discrete:
        picks = group.feedback(outputs, None if uniform is None else uniform[:, r]).argmax(-1).cpu()
    return Observed(
        experiment=group.experiments[r],
        data=group.data[group.experiments[r].seed],
        outputs=outputs.cpu(),
        targets=sequences.targets[:, r].cpu(),
        weights=sequences.weights[:, r].cpu(),
        fed=result.fed[:, r].cpu(),
        picks=picks,
        warmup=group.warmup,
    )


def _measure(observed: Observed, metrics: dict[str, Metric], split: str, mode: str) -> list[Series]:
    found = []
    for name, metric in metrics.items():
        if metric.applies(observed):
            values = [v if math.isfinite(v) else None for v in metric.measure(observed).tolist()]
            first = 1 if metric.per == "step" else 0
            found.append(Series(split=split, mode=mode, metric=name, unit=metric.unit(observed), first=first, values=values))
    return found
