"""How does a trained group do, forced and free, on what it has seen and on what it has not?

The table is always whole: {forced, free} x {train, test}, step by step, on the same sequences with the same warm-up and the
same random draws.
"""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from freerun import catalog
from freerun.group import Group, spread
from freerun.lessons import Lessons, columns
from freerun.metrics import Comparison, Further, Metric, Observed
from freerun.orbits import follow
from freerun.rollout import Rollout
from freerun.tasks import Sequences

MODES = ("forced", "free")
MEASURED = ("train", "test")
#: Steps times sequences that a further rollout holds in memory at once, in whole replicas.
ROWS = 2**17
#: How many sequences are set beside what they were in training.
BESIDE = 64


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
class Compared:
    """One comparison of the free rollout of a run with the forced one, on one split.

    Attributes:
        first, values: as in `Series`.
        low, high: the interval of each value as an estimate, for this run alone; None where it is exact.
    """

    split: str
    metric: str
    unit: str
    first: int
    values: list[float | None]
    low: list[float | None] | None = None
    high: list[float | None] | None = None


@dataclass(kw_only=True)
class Measured:
    """Everything measured on one run; `sample` is what the task shows of its free rollout."""

    series: list[Series] = field(default_factory=list)
    comparisons: list[Compared] = field(default_factory=list)
    sample: dict[str, Any] | None = None


@torch.no_grad()
def evaluate(group: Group, lessons: Lessons | None = None) -> list[Measured]:
    """Measure every run of a group with every metric that applies.

    Args:
        lessons: what the group was shown; None for a group that was not trained.
    """
    found = {name: metric() for name, metric in catalog.parts("metric").items()}
    metrics = {name: metric for name, metric in found.items() if not isinstance(metric, Comparison)}
    comparisons = {name: metric for name, metric in found.items() if isinstance(metric, Comparison)}
    measured = [Measured() for _ in group.experiments]
    weights = group.weights()
    steps = group.warmup + group.horizon
    for split in MEASURED:
        wanted = group.experiments[0].evaluation.sequences
        index = {seed: spread(len(group.data[seed].splits[split]), wanted) for seed in group.seeds}
        sequences = group.batch(split, index, steps)
        size = sequences.start.shape[1]
        uniform = group.chance(f"evaluation/{split}", 0, steps, size)
        forced: list[Observed | None] = [None] * len(measured)
        known: Known = {}
        for mode, mask in (("forced", None), ("free", group.release(steps, size))):
            result = group.roll(weights, sequences, mask, uniform)
            observed = [
                _observe(group, r, result, sequences, uniform, split=split, forced=forced[r]) for r in range(len(measured))
            ]
            for run, series in zip(measured, _measure(group, observed, metrics, known, split, mode), strict=True):
                run.series += series
            forced = list(observed)
        if split == "test":
            shown = {name: metric for name, metric in metrics.items() if metric.of_training}
            for mode, beside in _beside_training(group, lessons or Lessons(group), sequences, uniform).items():
                for run, series in zip(measured, _measure(group, beside, shown, known, split, mode), strict=True):
                    run.series += series
            for each, orbit in zip(observed, follow(group), strict=True):
                each.orbit = orbit
        for name, comparison in comparisons.items():
            for run, seen in zip(measured, _prepared(group, comparison, observed, known), strict=True):
                if seen is not None:
                    run.comparisons.append(_compared(seen, name, comparison))
        if split == "test":
            for run, seen in zip(measured, observed, strict=True):
                run.sample = _plain(seen.experiment.task.show(seen))
    return measured


def _beside_training(
    group: Group, lessons: Lessons, sequences: Sequences, uniform: torch.Tensor | None
) -> dict[str, list[Observed]]:
    """Some of the sequences, forced and free, each beside itself as it is fed in training; nothing if this is not asked for."""
    if not group.experiments[0].evaluation.distances or group.feedback.silent:
        return {}
    some = spread(sequences.start.shape[1], BESIDE).to(group.device)
    part, chance = columns(sequences, some), None if uniform is None else uniform.index_select(2, some)
    steps, each = part.steps(), range(len(group.experiments))

    def seen(rolled: Rollout) -> list[Observed]:
        return [_observe(group, r, rolled, part, chance, split="test", hidden=True) for r in each]

    trained = seen(lessons.shown(part, chance))
    found = {}
    for mode, forced in (("forced", steps), ("free", group.warmup)):
        found[mode] = seen(group.roll(group.weights(), part, group.release(steps, len(some), forced), chance))
        for r in each:
            found[mode][r].training = trained[r]
    return found


#: Further rollouts by the object that asked for them, which is kept so that its `id` stays its own.
Known = dict[int, tuple[Further, Observed]]


def _measure(
    group: Group, observed: list[Observed], metrics: dict[str, Metric], known: Known, split: str, mode: str
) -> list[list[Series]]:
    """Every metric that applies, for each run."""
    found: list[list[Series]] = [[] for _ in observed]
    for name, metric in metrics.items():
        for series, seen in zip(found, _prepared(group, metric, observed, known), strict=True):
            if seen is not None:
                unit, first, values = metric.unit(seen), int(metric.per == "step"), _defined(metric.measure(seen))
                series.append(Series(split=split, mode=mode, metric=name, unit=unit, first=first, values=values))
    return found


def _prepared(group: Group, metric: Metric, observed: list[Observed], known: Known) -> list[Observed | None]:
    """What a metric measures of each run: None where it does not apply, with the further rollout where it asks for one.

    Args:
        known: further rollouts by what was asked for, which are added to.
    """
    seen = [each if metric.applies(each) else None for each in observed]
    asked = {r: further for r, each in enumerate(seen) if each is not None and (further := metric.asks(each)) is not None}
    if any(id(further) not in known for further in asked.values()):
        rolled = _rolled(group, asked, observed[0].split)
        known |= {id(further): (further, rolled[r]) for r, further in asked.items()}
    for r, further in asked.items():
        seen[r] = each = copy(observed[r])
        each.further = known[id(further)][1]
    return seen


def _rolled(group: Group, asked: dict[int, Further], split: str) -> dict[int, Observed]:
    """The further rollouts of some runs, those of equal shape together."""
    alike: dict[Any, list[int]] = {}
    for r, further in asked.items():
        shape = tuple(further.sequences.targets.shape), further.release, further.name, further.hidden
        alike.setdefault(shape, []).append(r)
    found: dict[int, Observed] = {}
    for (shape, *_), runs in alike.items():
        most = max(1, ROWS // max(1, shape[0] * shape[1]))
        for k in range(0, len(runs), most):
            found |= _roll_some(group, {r: asked[r] for r in runs[k : k + most]}, split)
    return found


def _roll_some(group: Group, asked: dict[int, Further], split: str) -> dict[int, Observed]:
    first, part = next(iter(asked.values())), group.some(list(asked))
    sequences = part.stacked([each.sequences for each in asked.values()])
    steps, size = sequences.steps(), sequences.start.shape[1]
    uniform = None if first.release is None else part.chance(f"evaluation/{split}/{first.name}", 0, steps, size)
    mask = part.release(steps, size, first.release) if first.hidden or first.release is not None else None
    result = part.roll(part.weights(), sequences, mask, uniform)
    warmup = first.release or 0
    return {
        r: _observe(part, k, result, sequences, uniform, split=split, warmup=warmup, hidden=first.hidden)
        for k, r in enumerate(asked)
    }


def _plain(tree: Any) -> Any:
    """A sample as JSON can hold it: what is not finite becomes None."""
    if isinstance(tree, dict):
        return {key: _plain(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_plain(value) for value in tree]
    return None if isinstance(tree, float) and not math.isfinite(tree) else tree


def _observe(
    group: Group,
    r: int,
    result: Rollout,
    sequences: Sequences,
    uniform: torch.Tensor | None,
    *,
    split: str,
    forced: Observed | None = None,
    warmup: int | None = None,
    hidden: bool = False,
) -> Observed:
    outputs = result.outputs[:, r].contiguous()
    picks = None
    if group.feedback.discrete and (uniform is not None or not group.feedback.random):
        picks = group.feedback(outputs, None if uniform is None else uniform[:, r]).argmax(-1).cpu()
    said = None
    if hidden:
        one = slice(r, r + 1)
        pairs = [
            (tuple(part[one] for part in state), out[one]) for state, out in zip(result.states, result.outputs, strict=True)
        ]
        said = torch.stack([group.model.summary(state, out)[0] for state, out in pairs]).cpu()
    return Observed(
        experiment=group.experiments[r],
        data=group.data[group.experiments[r].seed],
        outputs=outputs.cpu(),
        targets=sequences.targets[:, r].cpu(),
        weights=sequences.weights[:, r].cpu(),
        fed=result.fed[:, r].cpu(),
        picks=picks,
        warmup=group.warmup if warmup is None else warmup,
        split=split,
        start=sequences.start[r].cpu(),
        hidden=said,
        forced=forced,
    )


def _compared(observed: Observed, name: str, comparison: Comparison) -> Compared:
    unit, first, values = comparison.unit(observed), int(comparison.per == "step"), _defined(comparison.measure(observed))
    found = Compared(split=observed.split, metric=name, unit=unit, first=first, values=values)
    interval = comparison.interval(observed)
    return found if interval is None else replace(found, low=_defined(interval[0]), high=_defined(interval[1]))


def _defined(values: torch.Tensor) -> list[float | None]:
    """The values; None where undefined."""
    return [value if math.isfinite(value) else None for value in values.tolist()]
