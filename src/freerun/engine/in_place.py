"""Parts of a user's own that work in place on what they are given: refused before anything is computed with them.

What a model is fed is the truth of a later step, and what a feedback rule is given is the output that is measured: either would
be another number for whoever looks at it next, without a word.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch

from freerun.errors import ConfigError
from freerun.parts.part_source import source_of

if TYPE_CHECKING:
    from freerun.engine.replicas import Group

#: Sequences and steps that are tried.
_SIZE, _STEPS = 2, 2


@torch.no_grad()
def demand_none(group: Group) -> None:
    """Try the model and the feedback rule of a group once, where they are a user's own.

    Raises:
        ConfigError: naming the part, and what it changes.
    """
    if source_of(group.model) is not None:
        weights, fed = group.weights(), _numbers(group, _STEPS, len(group.experiments), _SIZE, group.inputs)
        _, state = group.model.step(weights, fed[0].clone(), group.model.start(len(fed[0]), _SIZE, fed))
        for held in (fed[1], fed):
            kept = [held.clone(), *(part.clone() for part in (*state, *weights.values()))]
            (group.model.step if held.dim() == 3 else group.model.unroll)(weights, held, state)
            names = ["what it is fed", *["its state"] * len(state), *["its weights"] * len(weights)]
            _demand_kept("model", group.model, zip(names, kept, (held, *state, *weights.values()), strict=True))
    rule = group.experiments[0].feedback
    if source_of(rule) is not None and not group.feedback.silent:
        outputs, chance = _numbers(group, len(group.experiments), _SIZE, group.width), group.chance("in place", 0, 1, _SIZE)
        before = outputs.clone()
        group.feedback(outputs, None if chance is None else chance[0])
        _demand_kept("feedback", rule, [("the outputs", before, outputs)])


def _numbers(group: Group, *shape: int) -> torch.Tensor:
    count = torch.Size(shape).numel()
    return torch.linspace(-0.9, 0.8, count, dtype=group.dtype, device=group.device).reshape(shape)


def _demand_kept(kind: str, part: object, tensors: Iterable[tuple[str, torch.Tensor, torch.Tensor]]) -> None:
    for name, before, after in tensors:
        if not torch.equal(before, after):
            raise ConfigError(
                f"{kind}: {type(part).__name__} changes {name} in place, which others look at too; clone() it first"
            )
