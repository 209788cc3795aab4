"""Observation of a group: what a metric gets to see of each run.

Its rollout, the sequences beside themselves as they are fed in training, and whatever further rollout a metric asks for.
"""

from __future__ import annotations

from copy import copy
from typing import Any

import torch
from jaxtyping import Float, Int

from freerun.engine.feeding import Lessons
from freerun.engine.group_batch import columns
from freerun.engine.replicas import Group, spread
from freerun.engine.rollout import Rollout
from freerun.measurement.metrics import Further, Metric, Observed
from freerun.parts.feedback import Feedback
from freerun.parts.tasks import Sequences

#: Steps times sequences that a further rollout holds in memory at once, in whole replicas.
ROWS = 2**17
#: How many sequences are set beside what they were in training.
BESIDE = 64
#: Further rollouts by the object that asked for them, which is kept so that its `id` stays its own.
Known = dict[int, tuple[Further, Observed]]


def observe(
    group: Group,
    r: int,
    result: Rollout,
    sequences: Sequences,
    uniform: torch.Tensor | None,
    *,
    split: str,
    mask: Float[torch.Tensor, "T R N"] | None,
    forced: Observed | None = None,
    warmup: int | None = None,
    hidden: torch.Tensor | None = None,
) -> Observed:
    """The observation of run `r` in a rollout of the group.

    Args:
        uniform: the draws of the rollout.
        mask: of the rollout; None where nothing of the model's own is fed, or it is not known where.
        warmup: steps before the release; None for the group's own.
        hidden: what states and outputs say, of all runs (`said`).
    """
    outputs = result.outputs[:, r].contiguous()
    picks = symbols = None
    if group.feedback.discrete and (uniform is not None or not group.feedback.random):
        symbols = result.fed[:, r].argmax(-1)
        chance, forced_at = None if uniform is None else uniform[:, r], None if mask is None else mask[:, r]
        picks = _picked(group.feedback, outputs, chance, symbols, forced_at)
    seen = Observed(
        experiment=group.experiments[r],
        data=group.data[group.experiments[r].seed],
        outputs=(outputs if group.head is None else group.head.mean(outputs)).cpu(),
        numbers=None if group.head is None else outputs.cpu(),
        inputs=None if sequences.inputs is None else sequences.inputs[:, r].cpu(),
        targets=sequences.targets[:, r].cpu(),
        weights=sequences.weights[:, r].cpu(),
        fed=result.fed[:, r].cpu(),
        picks=None if picks is None else picks.cpu(),
        warmup=group.warmup if warmup is None else warmup,
        split=split,
        start=sequences.start[r].cpu(),
        hidden=None if hidden is None else hidden[:, r].contiguous().cpu(),
        forced=forced,
    )
    if symbols is not None:
        seen.fed_symbols = symbols.cpu()
    return seen


def _picked(
    feedback: Feedback,
    outputs: Float[torch.Tensor, "T N K"],
    uniform: torch.Tensor | None,
    fed: Int[torch.Tensor, "T N"],
    mask: Float[torch.Tensor, "T N"] | None,
) -> Int[torch.Tensor, "T N"]:
    """What the feedback rule picks at every step; where it was fed, what was fed: a draw next to a boundary may differ anew."""
    if mask is None:
        return feedback.symbols(outputs, uniform)
    picks, steps = fed.clone(), (mask != 0).any(-1).nonzero()[:, 0]  # at the others all sequences were fed their own
    anew = feedback.symbols(outputs[steps], None if uniform is None else uniform[steps])
    picks[steps] = torch.where(mask[steps] == 0, fed[steps], anew)
    return picks


def said(group: Group, result: Rollout) -> Float[torch.Tensor, "T R N W"]:
    """The summaries of state and output after each step of a rollout that was made step by step."""
    return torch.stack([group.model.summary(*step) for step in zip(result.states, result.outputs, strict=True)])


def beside_training(
    group: Group, lessons: Lessons, sequences: Sequences, uniform: torch.Tensor | None
) -> dict[str, list[Observed]]:
    """Some sequences, forced and free, each beside the same sequence as fed in training; empty if this is not asked for."""
    if not group.experiments[0].evaluation.distances:
        return {}
    index = spread(sequences.start.shape[1], BESIDE).to(group.device)
    part, chance = columns(sequences, index), None if uniform is None else uniform.index_select(2, index)
    steps, runs = part.steps(), range(len(group.experiments))

    def seen(rolled: Rollout, mask: torch.Tensor | None) -> list[Observed]:
        hidden = said(group, rolled)
        return [observe(group, r, rolled, part, chance, split="test", mask=mask, hidden=hidden) for r in runs]

    trained = seen(lessons.shown(part, chance), None)
    rollouts = {}
    for mode, forced in (("forced", steps), ("free", group.warmup)):
        mask = group.release(steps, len(index), forced)
        rollouts[mode] = seen(group.roll(group.weights(), part, mask, chance, states=True), mask)
        for r in runs:
            rollouts[mode][r].training = trained[r]
    return rollouts


def prepared(group: Group, metric: Metric, observed: list[Observed], known: Known) -> list[Observed | None]:
    """What a metric measures of each run: None where it does not apply, with the further rollout where it asks for one.

    Args:
        known: further rollouts by what was asked for, which are added to.
    """
    seen = [rollout if metric.applies(rollout) else None for rollout in observed]
    if applying := [rollout for rollout in seen if rollout is not None]:
        metric.together(applying)
    asked = {
        r: further for r, rollout in enumerate(seen) if rollout is not None and (further := metric.asks(rollout)) is not None
    }
    if any(id(further) not in known for further in asked.values()):
        rolled = _rolled(group, asked, observed[0].split)
        known |= {id(further): (further, rolled[r]) for r, further in asked.items()}
    for r, further in asked.items():
        seen[r] = rollout = copy(observed[r])
        rollout.further = known[id(further)][1]
    return seen


def _rolled(group: Group, asked: dict[int, Further], split: str) -> dict[int, Observed]:
    """The further rollouts of some runs, those of equal shape together."""
    alike: dict[Any, list[int]] = {}
    for r, further in asked.items():
        shape = tuple(further.sequences.targets.shape), further.release, further.name, further.hidden
        alike.setdefault(shape, []).append(r)
    rollouts: dict[int, Observed] = {}
    for (shape, *_), runs in alike.items():
        at_once = max(1, ROWS // max(1, shape[0] * shape[1]))
        for k in range(0, len(runs), at_once):
            rollouts |= _roll_some(group, {r: asked[r] for r in runs[k : k + at_once]}, split)
    return rollouts


def _roll_some(group: Group, asked: dict[int, Further], split: str) -> dict[int, Observed]:
    first, part = next(iter(asked.values())), group.some(list(asked))
    sequences = part.stacked([further.sequences for further in asked.values()])
    steps, size = sequences.steps(), sequences.start.shape[1]
    uniform = None if first.release is None else part.chance(f"evaluation/{split}/{first.name}", 0, steps, size)
    mask = part.release(steps, size, first.release) if first.hidden or first.release is not None else None
    result = part.roll(part.weights(), sequences, mask, uniform, states=first.hidden)
    warmup, hidden = first.release or 0, said(part, result) if first.hidden else None
    return {
        r: observe(part, k, result, sequences, uniform, split=split, mask=mask, warmup=warmup, hidden=hidden)
        for k, r in enumerate(asked)
    }
