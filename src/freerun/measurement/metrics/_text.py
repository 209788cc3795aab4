"""Text of the closed loop beside the true one, dealt out in blocks, where no oracle says what may follow.

The test part is cut into `BLOCKS` stretches of at most `STRETCH` symbols, and these into windows of warm-up and horizon that do
not overlap; where sequences are no windows of one series, a block is some of them. From every window the closed loop goes on
after the warm-up, so that there is as much made text as true text, and the blocks are dealt to two halves by a stream of the
run's own seed: other seeds have another deal, so that intervals over seeds hold the choice of text. How the two are compared:
`freerun.measurement.statistics.text_distance`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Int

from freerun.deferred_imports import torch
from freerun.errors import given
from freerun.measurement.metrics import Comparison, Further, Observed
from freerun.measurement.statistics.text_distance import GROUPS, Distances, distances
from freerun.random_streams import stream

#: Blocks of the test part, and the most symbols of a block: a topic is longer, so that both halves have some of each.
BLOCKS, STRETCH = 4 * GROUPS, 2000
#: The most sequences of a block where they are no windows of one series.
MEMBERS = 28


@dataclass(kw_only=True)
class OfText(Comparison):
    """A measure on what the closed loop writes after every window of the test part."""

    per: ClassVar[str] = "rollout"

    def applies(self, observed: Observed) -> bool:
        task, feedback, data = observed.experiment.task, given(observed.experiment.feedback), observed.data
        written = task.symbols and task.emits == "each" and not task.answers and not data.inputs and feedback.discrete
        alone = written and data.oracle is None and observed.split == "test" and observed.forced is not None
        return alone and _members(observed) > 0

    def asks(self, observed: Observed) -> Further:
        """The closed loop after every window that is compared."""
        further: Further = observed.once("text", lambda: _asks(observed))
        return further


def _steps(observed: Observed) -> int:
    return len(observed.targets)


def _members(observed: Observed) -> int:
    """How many windows a block has."""
    count = len(observed.data.splits[observed.split])
    if not observed.data.windows:
        return min(MEMBERS, count // BLOCKS)
    return min(STRETCH, (count - 1) // BLOCKS) // _steps(observed)


def _asks(observed: Observed) -> Further:
    part, members, steps = observed.data.splits[observed.split], _members(observed), _steps(observed)
    begins = torch.arange(BLOCKS) * (len(part) // BLOCKS)
    within = torch.arange(members) * (steps if observed.data.windows else 1)
    dealt = stream(observed.experiment.seed, f"evaluation/{observed.split}/text/deal").permutation(BLOCKS)
    index = (begins[torch.from_numpy(dealt), None] + within).ravel()
    return Further(sequences=part.take(index, steps), release=observed.warmup, name="text")


def texts(observed: Observed) -> tuple[Int[np.ndarray, "T B P"], Int[np.ndarray, "T B P"]]:
    """The true text and what the closed loop wrote in its place, both with their prompts; half a is the first blocks."""
    rolled = given(observed.further)
    prompts = rolled.targets[: rolled.warmup]
    made = torch.cat([prompts, rolled.fed_symbols[rolled.warmup :]])
    shape = (len(made), BLOCKS, -1)
    return rolled.targets.reshape(shape).numpy(), made.reshape(shape).numpy()


def compared(observed: Observed) -> Distances:
    """The distances between the two texts."""
    between_texts: Distances = observed.once("text_distances", lambda: _compared(observed))
    return between_texts


def _compared(observed: Observed) -> Distances:
    true, made = texts(observed)
    return distances(true, made, observed.data.outputs, given(observed.further).warmup)
