"""Parts of a user's own that work in place on what they are given: refused before anything is computed with them.

What a model is fed is the truth of a later step, and what a feedback rule is given is the output that is measured: either would
be another number for whoever looks at it next, without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from jaxtyping import Float

from freerun.errors import ConfigError
from freerun.parts.feedback import Feedback
from freerun.parts.layers import Weights
from freerun.parts.models import Model
from freerun.parts.part_source import source_of

#: Sequences that are tried, and steps.
SIZE, _STEPS = 2, 2


@torch.no_grad()
def demand_none_of_model(model: Model, weights: Callable[[], Weights], like: Float[torch.Tensor, "R B I"]) -> None:
    """Try a model once, where it is a user's own.

    Args:
        model: of the runs.
        weights: gives theirs.
        like: what it is fed has this shape, `B` being `SIZE`.

    Raises:
        ConfigError: naming what it changes.
    """
    if source_of(model) is None:
        return
    held, fed = weights(), _numbers(like.new_empty(_STEPS, *like.shape))
    _, state = model.step(held, fed[0].clone(), model.start(len(like), SIZE, like))
    names = ["what it is fed", *["its state"] * len(state), *["its weights"] * len(held)]
    for run, given in ((model.step, fed[1]), (model.unroll, fed)):
        tensors = (given, *state, *held.values())
        kept = [tensor.clone() for tensor in tensors]
        run(held, given, state)
        _demand_kept("model", model, zip(names, kept, tensors, strict=True))


@torch.no_grad()
def demand_none_of_feedback(
    rule: Feedback, read: Feedback, like: Float[torch.Tensor, "R B O"], chance: Callable[[], torch.Tensor | None]
) -> None:
    """Try a feedback rule once, where it is a user's own.

    Args:
        rule: of the runs.
        read: the rule, for outputs as they are read.
        like: outputs have this shape, `B` being `SIZE`.
        chance: gives the draws of a step; None where there are none.

    Raises:
        ConfigError: if it changes the outputs.
    """
    if source_of(rule) is None or read.silent:
        return
    outputs = _numbers(like)
    before = outputs.clone()
    read(outputs, chance())
    _demand_kept("feedback", rule, [("the outputs", before, outputs)])


def _numbers(like: torch.Tensor) -> torch.Tensor:
    return torch.linspace(-0.9, 0.8, like.numel(), dtype=like.dtype, device=like.device).reshape(like.shape)


def _demand_kept(kind: str, part: object, tensors: Iterable[tuple[str, torch.Tensor, torch.Tensor]]) -> None:
    for name, before, after in tensors:
        if not torch.equal(before, after):
            raise ConfigError(
                f"{kind}: {type(part).__name__} changes {name} in place, which others look at too; clone() it first"
            )
