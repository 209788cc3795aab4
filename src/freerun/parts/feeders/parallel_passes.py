"""Feeding by parallel passes: whole sequences are run several times, and each pass mixes the truth with the one before."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.parts.feedback import Feedback
from freerun.parts.feeders import Batch, Feed, Feeder, Memory, after_warmup, blend
from freerun.parts.feeders.masked import masks


@dataclass(frozen=True)
class ParallelPasses(Feeder):
    """A mask that mixes the truth with the outputs of the pass before; the last pass is charged.

    Attributes:
        passes: before the one that is charged.
    """

    passes: int

    @property
    def key(self) -> Hashable:
        return ParallelPasses, self.passes

    def rolled(self, batch: int, update: int, updates: int) -> int:
        return (1 + self.passes) * batch

    def feed(self, batch: Batch, memory: Memory) -> Feed:
        drawn = masks(batch)
        mask = after_warmup(drawn, torch.ones_like(drawn), batch.warmup)
        truth = fed_in_parallel(
            lambda fed: batch.roll(truth=fed)[0],
            truth=batch.truth, mask=mask, feedback=batch.feedback, uniform=batch.uniform, passes=self.passes,
            stopped=batch.stopped, closed=batch.closed,
        )  # fmt: skip
        return Feed(mask=mask, truth=truth, beforehand=True)


def fed_in_parallel(
    run: Callable[[Float[torch.Tensor, "T R B F"]], Float[torch.Tensor, "T R B O"]],
    *,
    truth: Float[torch.Tensor, "T R B F"],
    mask: Float[torch.Tensor, "T R B"],
    feedback: Feedback,
    uniform: torch.Tensor | None,
    passes: int,
    stopped: Callable[[Float[torch.Tensor, "T R B F"]], Float[torch.Tensor, "T R B F"]],
    closed: bool = False,
) -> Float[torch.Tensor, "T R B F"]:
    """Return what to feed where whole sequences are run at once: every pass mixes the truth with the pass before.

    After `passes` of them the first `passes` entries are those of the loop with the same mask and draws (Duckworth et al.
    2019, section 3).

    Args:
        run: runs whole sequences, fed with what it is given, and returns the outputs.
        stopped: returns what is fed without a gradient where it is stopped; in every pass alike.
        closed: it is stopped everywhere.
    """
    split = bool(((mask > 0) & (mask < 1)).any())
    fed = truth
    for _ in range(passes):
        with torch.set_grad_enabled(torch.is_grad_enabled() and not closed):
            prediction = feedback(run(fed), uniform)
        fed = blend(mask[..., None], truth, stopped(prediction), split)
    return fed
