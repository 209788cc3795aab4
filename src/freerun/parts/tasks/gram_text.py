"""Characters drawn from an n-gram model of a text: the companion of `text` whose oracle is exact.

The source is the 6-gram model with Witten-Bell smoothing (`freerun.parts.ngrams`) of the training part of the text that `text`
has by default. It is as varied as text over short stretches and knows nothing beyond its order. Its next-symbol distribution is
known exactly after every prefix, also one that a model made up: every character is possible everywhere. What can only be
measured as a sum on `text` falls apart here into what was learned wrongly and what the model's own prefixes add.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Int

from freerun.arithmetic import logarithm
from freerun.deferred_imports import torch
from freerun.errors import require
from freerun.parts.ngrams import NgramModel
from freerun.parts.tasks import SPLITS, Data, Sequences, Task, Truth
from freerun.parts.tasks.text import Text, prompts_shown
from freerun.random_streams import stream

#: The longest strings that are counted, and how many prefixes are answered at once.
LONGEST, ROWS = 9, 2**13


@dataclass(kw_only=True)
class GramText(Task):
    """Characters from a fixed n-gram model of English: like text, with the exact distribution of what may come next.

    Attributes:
        order: n, the character itself and the n - 1 before it; the first characters of a sequence depend on those there are.
        rare: as for `text`: characters seen fewer times become the unknown symbol.
        sequences: number of training sequences; validation and test have half as many each.
    """

    default_warmup: ClassVar[int] = 10
    default_horizon: ClassVar[int | None] = 60

    order: int = 6
    rare: int = 50
    sequences: int = 4096
    length: int = 40

    def __post_init__(self) -> None:
        require(1 <= self.order <= LONGEST, "order", self.order, f"lie between 1 and {LONGEST}")
        require(self.rare >= 1, "rare", self.rare, "be at least 1")
        require(self.sequences >= 2, "sequences", self.sequences, "be at least 2")

    def content(self) -> str:
        return Text().content()

    def build(self, seed: int, length: int) -> Data:
        model, alphabet = _source(self.order, self.rare, self.content())
        counts = {"train": self.sequences, "validation": self.sequences // 2, "test": self.sequences // 2}
        splits = {name: _drawn(model, stream(seed, "data", k), length, counts[name]) for k, name in enumerate(SPLITS)}
        return Data(splits=splits, inputs=0, outputs=model.symbols, oracle=GramOracle(model), alphabet=alphabet)

    def show(self, observed: Any) -> dict[str, Any] | None:
        """Three prompts, each with what the source goes on to say and what the model writes."""
        return prompts_shown(observed)


@lru_cache(maxsize=4)
def _source(order: int, rare: int, content: str) -> tuple[NgramModel, tuple[str, ...]]:
    """Return the model of a text of this content, and its alphabet."""
    data = Text(rare=rare).build(0, order)
    windows = data.splits["train"].targets
    series = torch.cat([windows[0], windows[1:, -1]])
    return NgramModel(series[:, None].numpy(), order, data.outputs), data.alphabet or ()


def _drawn(model: NgramModel, chance: np.random.Generator, length: int, count: int) -> Sequences:
    """Strings of the source."""
    symbols = np.zeros((length, count), dtype=np.int64)
    for t, coins in enumerate(chance.random((length, count))):  # step by step: a longer sequence begins the same
        bounds = model.distribution(symbols[:t]).cumsum(1)
        symbols[t] = (bounds <= coins[:, None] * bounds[:, -1:]).sum(1).clip(max=model.symbols - 1)
    targets = torch.from_numpy(symbols)
    start = torch.full((count,), -1, dtype=torch.int64)
    return Sequences(targets=targets, start=start, weights=torch.ones(targets.shape))


class GramOracle:
    """An n-gram model as an oracle of the next symbol; every prefix is inside its support."""

    def __init__(self, model: NgramModel) -> None:
        self.model = model

    def __call__(self, prefix: Int[torch.Tensor, "T N"]) -> Truth:
        """Row t is the distribution of y_t given ``prefix[:t]``; the last symbol of `prefix` is therefore not read."""
        symbols, reach = prefix.numpy(), self.model.order - 1
        rows = [self.model.distribution(symbols[:t]) for t in range(min(reach, len(symbols)))]
        slab = max(1, ROWS // max(1, symbols.shape[1]))
        for first in range(reach, len(symbols), slab):
            last = min(first + slab, len(symbols))
            steps = np.arange(first, last) - reach + np.arange(reach)[:, None]
            before = symbols[steps].reshape(reach, (last - first) * symbols.shape[1])
            rows += list(self.model.distribution(before).reshape(last - first, symbols.shape[1], -1))
        inside = torch.ones(prefix.shape, dtype=torch.bool)
        log_probs = logarithm(torch.from_numpy(np.stack(rows)))
        return Truth(log_probs=log_probs, inside=inside, ended=torch.zeros_like(inside))
