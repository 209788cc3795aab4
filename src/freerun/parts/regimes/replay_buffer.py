"""Replay buffer: the model starts from states that it reached itself in earlier updates, one step at a time.

Bodnar et al. 2025 ("A foundation model for the Earth system", supplement D.4, roll-out fine-tuning): an initial state is taken
from a buffer, the model makes one step, is charged for it, and the state that it predicts goes back into the buffer with the
next truth as its target; from time to time a true state is put in. So all depths of a rollout are trained at the price of
teacher forcing, and no gradient runs through a feed (as in the pushforward of Brandstetter, Worrall & Welling 2022, whose own
states are those of the same update). There the buffer is a queue that drops its oldest entry, is drawn from with replacement,
and is given a true state every so many steps; here each slot of a batch is another one, and a coin fills it anew.

Here all steps of a sequence are done at once. A slot holds a training sequence and what it was fed; on its k-th visit since it
was filled, by the weights theta_k of that update,

    f^1 = e(y),   f^{k+1}_t = phi( o_t(theta_k; f^k_0 .. f^k_{t-1}) ),   loss of visit k:  sum_t l( o_t(theta_k; f^k), y_t )

so that what stands at t behind the warm-up was reached by min(k - 1, t - w + 1) own steps in a row, by the weights of as many
earlier updates. With weights that stand still visit k feeds the closed loop for k - 1 steps. A model with memory reads the
whole of f^k again: its states are those that its present weights make of its past feeds. Stored are sequence and feeds, so
that time and truth stay aligned, with padding, inputs and windows of a series too.

The target y_t is that of the data: it corrects an own state on an orbit, and on a symbolic source it belongs to another
context. With `objective=exact_expert` the world itself is asked for the target at the own state, where it can be (an oracle, or
the flow); then it is right at every depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import require
from freerun.parts.feeders import Feeder
from freerun.parts.feeders.forced import Forced
from freerun.parts.feeders.replayed import Replayed
from freerun.parts.regimes import Coin, Regime

if TYPE_CHECKING:
    from freerun.parts.experiment_protocol import Experiment


@dataclass(kw_only=True)
class ReplayBuffer(Regime):
    """Own states of earlier updates, from a buffer, each with the true next step as target.

    Attributes:
        slots: sequences that the buffer holds, at least those of a batch; each update shows a batch of them, drawn anew.
        fresh: the probability that a slot that is shown is filled with a sequence of the data, fed the truth; 1 is teacher
            forcing. A slot lives for 1 / fresh visits on average.
    """

    coin: ClassVar[Coin] = Coin.sequence

    slots: int = 128
    fresh: float = 0.1

    def __post_init__(self) -> None:
        require(1 <= self.slots <= 65_536, "slots", self.slots, "lie in 1 to 65536")
        require(0 <= self.fresh <= 1, "fresh", self.fresh, "lie in [0, 1]")

    def feeder(self) -> Feeder:
        return Forced(self) if self.fresh == 1 else Replayed(self, slots=self.slots)

    def misfit(self, experiment: Experiment) -> str | None:
        batch = experiment.training.batch
        if batch > self.slots:
            return f"a batch of {batch} does not fit {self.slots} slots; choose regime.slots={batch} or more"
        return None

    def comes_to(self, steps: range) -> str | None:
        return "teacher_forcing" if self.fresh == 1 else None

    def probability(self, update: int, updates: int) -> float:
        """Return the share of full slots that are filled with the truth anew."""
        return self.fresh

    def mask(self, coins: Float[torch.Tensor, "T B"], update: int, updates: int) -> Float[torch.Tensor, "T B"]:
        """1 for the sequences that begin anew, by the first coin of each."""
        return (coins[:1] < self.fresh).to(coins.dtype).expand_as(coins)
