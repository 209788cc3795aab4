"""Speakers: what players on symbols expect next after what was fed, as logits.

Where a task has no oracle, "the source" is a 6-gram model of the training part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, cast, runtime_checkable

from jaxtyping import Float, Int

from freerun.arithmetic import logarithm
from freerun.deferred_imports import torch
from freerun.errors import given
from freerun.parts.ngrams import NgramModel
from freerun.parts.tasks import Data
from freerun.parts.tasks._automata import AutomatonOracle
from freerun.parts.tasks.gram_text import GramOracle

#: The logit of what is never said, and the order of the model that stands in for a source without an oracle.
NEVER, ORDER = -1e3, 6


@runtime_checkable
class Speaker(Protocol):
    """What comes next, as logits, given what was fed so far."""

    def __call__(self, fed: Int[torch.Tensor, "t N"], /) -> Float[torch.Tensor, "N K"]: ...


def source(data: Data) -> Speaker:
    """The oracle's own law; where there is none, the 6-gram model of the training part.

    What it says after a true prefix is the same for all who speak for it, and is kept while these data are played on.
    """
    if _known.of is not data:
        _known.of, _known.after = data, {}
    law, known = _law(data), _known.after

    def speak(said: Int[torch.Tensor, "t N"]) -> Float[torch.Tensor, "N K"]:
        before, logits = known.get(tuple(said.shape), (None, None))
        if before is not None and torch.equal(before, said):
            return given(logits)
        logits = law(said)
        known.setdefault(tuple(said.shape), (said, logits))
        return logits

    return speak


@dataclass
class _Known:
    """What the source of some data says after prefixes, the first of each shape; a prefix is not written to any more."""

    of: Data | None = None
    after: dict[tuple[int, ...], tuple[torch.Tensor, torch.Tensor]] = field(default_factory=dict)


_known = _Known()


def _law(data: Data) -> Speaker:
    if data.oracle is None:
        return grams(data, ORDER)
    if isinstance(data.oracle, GramOracle):  # what it says next is in its last few symbols
        model = data.oracle.model
        return cast("Speaker", data.once("source", lambda: _said_by(model, data.outputs)))
    oracle = data.oracle

    return lambda said: floored(oracle(and_one(said)).log_probs[-1])


def and_one(said: Int[torch.Tensor, "t N"]) -> Int[torch.Tensor, "T N"]:
    """What was said and one symbol more, which no oracle reads."""
    return torch.cat([said, said.new_zeros(1, said.shape[1])])


def grams(data: Data, order: int) -> Speaker:
    """The n-gram model of the training part; that a sequence is over is a symbol of its own there, and is never said."""
    return cast("Speaker", data.once(("grams", order), lambda: _said_by(_counted(data, order), data.outputs)))


def _counted(data: Data, order: int) -> NgramModel:
    part, symbols = data.splits["train"], data.outputs
    if data.windows:
        strings = torch.cat([part.targets[0], part.targets[1:, -1]])[:, None]
    else:
        strings = torch.where(part.weights > 0, part.targets, symbols)
    return NgramModel(strings.numpy(), order, symbols + 1)


def _said_by(model: NgramModel, symbols: int) -> Speaker:
    """What an n-gram model says; where a table tells all of it, by a table of the logarithms."""
    logarithms = logarithm(torch.from_numpy(model.table.chances)).numpy() if model.tabled else None

    def speak(said: Int[torch.Tensor, "t N"]) -> Float[torch.Tensor, "N K"]:
        before = said[max(0, len(said) - model.order + 1) :].numpy()
        if logarithms is not None:
            return torch.from_numpy(model.looked_up(before, logarithms)[:, :symbols])
        return logarithm(torch.from_numpy(model.distribution(before)[:, :symbols]))

    return speak


def certain(data: Data, choose: Callable[[int], Int[torch.Tensor, " N"]]) -> Speaker:
    """Always sure of one symbol, by the step."""

    def speak(said: Int[torch.Tensor, "t N"]) -> Float[torch.Tensor, "N K"]:
        symbol = choose(len(said))
        return sure(symbol, torch.empty(len(symbol), data.outputs, dtype=torch.float64))

    return speak


def sure(symbol: Int[torch.Tensor, " N"], like: Float[torch.Tensor, "N K"]) -> Float[torch.Tensor, "N K"]:
    """The logits of being sure of a symbol, in the form of others."""
    return torch.full_like(like, NEVER).scatter_(-1, symbol[..., None], 0.0)


def floored(log_probs: Float[torch.Tensor, "N K"]) -> Float[torch.Tensor, "N K"]:
    """Log-probabilities as logits that are finite."""
    return log_probs.clamp(min=NEVER)


def steps_to_the_end(oracle: AutomatonOracle) -> Float[torch.Tensor, " S"]:
    """How many letters lead from every state to the end at least; infinite where none do."""
    steps = torch.where(oracle.ends, 0.0, torch.inf)
    for _ in range(len(steps)):
        onward = torch.where(oracle.log_probs > -torch.inf, steps[oracle.follow] + 1, torch.inf)
        steps = torch.minimum(steps, onward.amin(-1))
    return steps
