"""Feeding from a buffer: sequences are fed what the model said of them when they were last shown; what it says now is kept.

A slot of the buffer holds a training sequence and what it is fed. In an update each sequence of the batch takes a slot: at
first, and then by a coin, the sequence that the order of the data gives it, fed the truth; else what the slot holds. What the
model says in the pass that is charged goes back into the slot, so that own states are one step older with every visit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Bool, Float, Int

from freerun.deferred_imports import torch
from freerun.errors import given
from freerun.parts.feeders import Batch, Feed, Feeder, Kept, Memory, Number, Sizes, after_warmup

#: What a slot holds: its sequence, what that is fed, and how many passes made it (0: the truth); EMPTY for no sequence.
SEQUENCE, FED, AGE, EMPTY = "replay.sequence", "replay.fed", "replay.age", -1
#: The share of the last batch that was fed the truth.
SHARE = "replay.share"


@dataclass(frozen=True)
class Replayed(Feeder):
    """What the model said of a sequence in an earlier update, or the truth; neither carries a gradient.

    Attributes:
        slots: of the buffer, at least one for each sequence of a batch.
    """

    chooses: ClassVar[bool] = True
    carries: ClassVar[bool] = False

    slots: int

    def kept(self, update: int, sizes: Sizes) -> Kept:
        tensors = {SEQUENCE: (self.slots,), FED: (self.slots, sizes.steps, sizes.width), AGE: (self.slots,)} if update else {}
        return Kept(tensors=tensors, numbers={SHARE: Number(start=1.0, least=0.0, most=1.0)})

    def chosen(self, batch: Batch, memory: Memory) -> Int[torch.Tensor, "R B"]:
        slots, begun = self._slots(batch), given(batch.index)
        held = _gathered(self._held(batch, memory)[SEQUENCE], slots)
        return torch.where(self._fresh(batch, held), begun, held.long())

    def remember(self, batch: Batch, memory: Memory) -> Memory:
        """Put the sequences that begin anew into their slots, fed the truth."""
        slots, held = self._slots(batch), self._held(batch, memory)
        begins = self._fresh(batch, _gathered(held[SEQUENCE], slots))
        truth = batch.truth.permute(1, 2, 0, 3)
        new = {SEQUENCE: given(batch.index).to(truth.dtype), FED: truth, AGE: truth.new_zeros(begins.shape)}
        for name, values in new.items():
            own = _gathered(held[name], slots)
            wanted = begins.reshape(*begins.shape, *[1] * (own.ndim - 2))
            held[name] = _put(held[name], slots, torch.where(wanted, values, own))
        return Memory(tensors=held, numbers={SHARE: begins.to(torch.float64).mean(1).tolist()})

    def feed(self, batch: Batch, memory: Memory) -> Feed:
        if batch.index is None:
            return Feed(truth=self._passed(batch, memory))
        return Feed(truth=_gathered(memory.tensors[FED], self._slots(batch)).permute(2, 0, 1, 3))

    def learn(self, batch: Batch, memory: Memory, outputs: Float[torch.Tensor, "S R B O"]) -> Memory:
        """Put what the model says in the pass that is charged in the place of what was fed."""
        slots, tensors = self._slots(batch), memory.tensors
        said = after_warmup(batch.feedback(outputs, batch.uniform), batch.truth, batch.warmup)
        said = said.expand(batch.truth.shape).permute(1, 2, 0, 3)  # of one answer at the end, which is not fed: no width
        fed = _put(tensors[FED], slots, said)
        age = _put(tensors[AGE], slots, _gathered(tensors[AGE], slots) + 1)
        return Memory(tensors={**tensors, FED: fed, AGE: age}, numbers=memory.numbers)

    def probability(self, update: int, updates: int, numbers: Mapping[str, float]) -> float:
        return numbers[SHARE]

    def _slots(self, batch: Batch) -> Int[torch.Tensor, "R B"]:
        """Return the slot of each sequence of a batch: so many different ones, all equally often."""
        return batch.draws("replay", self.slots).argsort(dim=0, stable=True)[: batch.count].mT

    def _fresh(self, batch: Batch, held: Float[torch.Tensor, "R B"]) -> Bool[torch.Tensor, "R B"]:
        """Return which sequences of a batch begin anew: those whose slot is empty, and those that the mask forces."""
        coins = batch.draws("coins", batch.steps, batch.count)
        forced = [run.regime.mask(coins[:, r], batch.update, batch.updates)[0] for r, run in enumerate(batch.runs)]
        return (torch.stack(forced) == 1) | (held == EMPTY)

    def _held(self, batch: Batch, memory: Memory) -> dict[str, torch.Tensor]:
        """Return what the slots hold; before the first update, nothing."""
        if memory.tensors:
            return dict(memory.tensors)
        truth = batch.truth
        steps, runs, _, width = truth.shape
        nothing = truth.new_zeros(runs, self.slots)
        return {SEQUENCE: nothing + EMPTY, FED: truth.new_zeros(runs, self.slots, steps, width), AGE: nothing}

    def _passed(self, batch: Batch, memory: Memory) -> Float[torch.Tensor, "T R B F"]:
        """Return what sequences that the buffer does not know would be fed: by so many passes as made what slots hold."""
        truth = fed = passed = batch.truth
        if not memory.tensors:
            return truth
        slots = (batch.draws("replay", batch.count) * self.slots).long().clamp(max=self.slots - 1).mT
        age = _gathered(memory.tensors[AGE], slots).clamp(max=batch.steps)
        for passes in range(1, int(age.max()) + 1):
            passed = after_warmup(batch.feedback(batch.roll(truth=passed)[0], batch.uniform), truth, batch.warmup)
            fed = torch.where((age == passes)[None, ..., None], passed, fed)
        return fed


def _gathered(held: Float[torch.Tensor, "R S *rest"], slots: Int[torch.Tensor, "R B"]) -> Float[torch.Tensor, "R B *rest"]:
    """Return what the slots of each run hold."""
    return held[torch.arange(len(held), device=held.device)[:, None], slots]


def _put(
    held: Float[torch.Tensor, "R S *rest"], slots: Int[torch.Tensor, "R B"], values: Float[torch.Tensor, "R B *rest"]
) -> Float[torch.Tensor, "R S *rest"]:
    """Return what the slots hold once some of them hold other values."""
    runs = torch.arange(len(held), device=held.device)[:, None]
    return held.index_put((runs, slots), values)
