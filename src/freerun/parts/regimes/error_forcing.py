"""Error forcing: the hidden state is moved, as little as possible, to where its output has a smaller error.

    h_t <- h_t + c stop( (y_t - o_t) V^+ ),   o_t = d + h_t V,   V^+ = (V^T V + 10^-7)^-1 V^T,   f_t = phi(o_t)

(Sagtekin, Bredenberg & Savin 2025, "Error forcing in recurrent neural networks"; the formula is that of the published code,
`RNNCell.forward` of Savin-Lab-Code/error-forcing, without the mask of its tasks.) The change is orthogonal to all that the
output map does not read: with c = 1 the next step begins in the state nearest to h_t whose output would have been the truth;
teacher forcing of the state would put h_t to y_t V^+ and forget what the output does not show. What is charged is o_t, before
the change, and no gradient runs through the change: back-propagation runs through the hidden states as if it were not there.

There nothing is fed back and all input is the task's (here ``feedback=none``); where something is fed back it is the model's
own output, as o_t was before the change, and the truth reaches the model by its state alone. Nothing is changed in the warm-up
and where no prediction counts, and nothing in what is measured. Of stacked layers the last is changed, of an LSTM h and not c.
For increments the error is divided by their scale. The target is right in so far as the state was moved to it.

It costs a product with V^+ at every step and a system of as many equations as outputs an update, and the loop is made in
PyTorch, since the compiled engine does not correct states. The ridge of 10^-7 is that of the published code; it has not been
tuned, and only keeps V^T V invertible where columns of V hang together. The degenerate case is c = 1: every next step then
begins without an error in its output, whatever the model did, and with no more hidden units than outputs nothing is left of
h_t but the truth, which is teacher forcing of the state. What is measured has no such help. Three hundred updates of a GRU on
Lorenz-63, two seeds and nothing tuned, left a free own-state error of 0.028, 0.040 and 0.67 attractor standard deviations for
c = 0.1, 0.5 and 1, and of 0.0086 for teacher forcing: begin with a small c.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import given, require
from freerun.parts import registry
from freerun.parts.feeders import Feeder
from freerun.parts.feeders.corrected import Corrected
from freerun.parts.regimes import Regime

if TYPE_CHECKING:
    from freerun.parts.experiment_protocol import Experiment


@dataclass(kw_only=True)
class ErrorForcing(Regime):
    """Closed-loop training on values, the hidden state moved at every step by a share of the output's error.

    Attributes:
        strength: c, the share of the error that the state is moved by, in (0, 1].
    """

    strength: float = 0.5

    def __post_init__(self) -> None:
        require(0 < self.strength <= 1, "strength", self.strength, "lie in (0, 1]")

    def misfit(self, experiment: Experiment) -> str | None:
        model, others = experiment.model, registry.parts("model")
        if experiment.task.symbols:
            return "it moves a state by the error of a real value, and this task has symbols; choose free_running"
        if not model.correctable:
            names = ", ".join(name for name, other in others.items() if other.correctable)  # type: ignore[attr-defined]
            return f"model {registry.name_of(model)} carries no state that a linear output map reads; choose one of: {names}"
        if given(experiment.objective).head is not None:
            return "it moves a state by the error of one value, not of a distribution; choose objective=squared_error"
        return None

    def feeder(self) -> Feeder:
        return Corrected(self)

    def probability(self, update: int, updates: int) -> float:
        return 0.0

    def mask(self, coins: Float[torch.Tensor, "T B"], update: int, updates: int) -> Float[torch.Tensor, "T B"]:
        return torch.zeros_like(coins)
