"""Batch of an update, of all runs of a group: what the engine can do for a feeder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from jaxtyping import Float, Int

from freerun.engine.jacobians import growth
from freerun.engine.replicas import Group
from freerun.engine.rollout import stopped
from freerun.parts.feeders import Batch
from freerun.parts.layers import Weights
from freerun.parts.tasks import Sequences


@dataclass(kw_only=True, eq=False)
class GroupBatch(Batch):
    """The sequences of one update of a group.

    Attributes:
        trained: the weights, by name, that a gradient may be taken of.
        streams: what the names of the streams begin with.
        dropout: the draws by which rollouts of the update by the present weights drop what they drop.
        windows: for each run the first step of the window that is charged; None where all steps are.
    """

    group: Group
    trained: Weights
    sequences: Sequences
    streams: str
    dropout: torch.Tensor | None = None
    windows: tuple[int, ...] | None = None
    _drawn: dict[tuple[str, str, tuple[int, ...]], torch.Tensor] = field(default_factory=dict)

    @cached_property
    def truth(self) -> Float[torch.Tensor, "T R B F"]:
        return self.group.encoded(self.sequences)[0]

    @property
    def closed(self) -> bool:
        return 1 in (self.group.gradient.feedback, self.group.gradient.state)

    def stopped(self, feeds: Float[torch.Tensor, "T R B F"]) -> Float[torch.Tensor, "T R B F"]:
        return stopped(feeds, replace(self.group.gradient, windows=self.windows))

    def draws(self, name: str, *shape: int) -> Float[torch.Tensor, "T R *rest"]:
        return self._once("uniform", name, shape, self.group.draws)

    def normals(self, name: str, *shape: int) -> Float[torch.Tensor, "T R *rest"]:
        return self._once("normal", name, shape, self.group.normals)

    def _once(
        self, law: str, name: str, shape: tuple[int, ...], draw: Callable[[str, int, tuple[int, ...]], torch.Tensor]
    ) -> torch.Tensor:
        """Return the draws of a stream, drawn once however many runs ask for them."""
        key = law, name, shape
        if key not in self._drawn:
            self._drawn[key] = draw(f"{self.streams}{name}", self.update, shape)
        return self._drawn[key]

    def weights(self) -> Float[torch.Tensor, "R P"]:
        return self.group.parameters.flat.clone()

    def roll(
        self,
        *,
        mask: Float[torch.Tensor, "T R B"] | None = None,
        truth: Float[torch.Tensor, "T R B F"] | None = None,
        weights: Float[torch.Tensor, "R P"] | None = None,
        chosen: Int[torch.Tensor, " N"] | None = None,
    ) -> tuple[Float[torch.Tensor, "S R N O"], Float[torch.Tensor, "T R N F"]]:
        named: Weights = self.trained if weights is None else self.group.parameters.named(flat=weights)
        sequences, drawn = self.sequences, (self.uniform, mask, truth, self.dropout if weights is None else None)
        if chosen is not None:
            sequences = columns(sequences, chosen)
            drawn = tuple(None if x is None else x.index_select(2, chosen) for x in drawn)  # type: ignore[assignment]
        uniform, mask, truth, dropout = drawn
        rolled = self.group.roll(
            named, sequences, mask, uniform, feedback=self.feedback, truth=truth, dropout=dropout, windows=self.windows
        )
        return rolled.outputs, rolled.fed

    def growth(self) -> list[float]:
        return growth(self.group, self.group.weights(), self.sequences)


def columns(sequences: Sequences, chosen: torch.Tensor) -> Sequences:
    """Return the chosen sequences of every replica."""
    return Sequences(
        targets=sequences.targets.index_select(2, chosen),
        start=sequences.start.index_select(1, chosen),
        weights=sequences.weights.index_select(2, chosen),
        inputs=None if sequences.inputs is None else sequences.inputs.index_select(2, chosen),
    )
