"""Linear recurrent unit: a diagonal complex linear recurrence in polar form, so that all steps are made at once.

    lambda = exp(-exp(nu) + i exp(theta)),   x_t = lambda * x_{t-1} + gamma * (b + B u_t),
    m_t = d + M [Re x_t ; Im x_t ; u_t],   o_t = c + V (m_t * sigmoid(g + G m_t))

(Orvieto et al. 2023, "Resurrecting recurrent neural networks for long sequences", equations 5 to 8 and appendix A.) Always
|lambda| < 1. It starts uniform over the ring r_min <= |lambda| <= r_max, its angle in [0, phase] (lemma 3.2), and gamma, which
is trained by its logarithm, at sqrt(1 - |lambda|^2), which keeps the variance of x whatever the radius (section 3.4). B starts
with the variance of theirs, 1/(2 I) for each of its parts, uniform instead of normal.

M holds their C, whose sign of Im x it takes in, and their D as a whole matrix; it, and the gated linear unit behind it, start
as `torch.nn.Linear`. The biases b, d, g and c are not theirs. There is one layer, without a normalisation and a skip around it.
Complex numbers are pairs of real ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import require
from freerun.parts.layers import Shape, State, Weights, flattened, project, restored, scaled
from freerun.parts.models import Model
from freerun.parts.models._gated_readout import gated_readout, readout_shapes
from freerun.parts.settings import OF_TRAINING

DRIVES = ("real", "imaginary")


@dataclass(kw_only=True)
class LRU(Model):
    """Linear recurrent unit, made at once under teacher forcing, with a gated readout.

    The weight `recurrent` has the rows nu, theta and log(gamma).

    Attributes:
        hidden: H, how many complex numbers the state has, and the width of the readout.
        r_min, r_max: between which absolute values lambda starts.
        phase: up to which angle it starts, in radians.
    """

    hidden: int = 64
    r_min: float = field(default=0.0, metadata=OF_TRAINING)
    r_max: float = field(default=1.0, metadata=OF_TRAINING)
    phase: float = field(default=6.283185307179586, metadata=OF_TRAINING)

    def __post_init__(self) -> None:
        require(self.hidden >= 1, "hidden", self.hidden, "be at least 1")
        require(0 < self.r_max <= 1, "r_max", self.r_max, "lie in (0, 1]")
        require(0 <= self.r_min < self.r_max, "r_min", self.r_min, f"lie in [0, r_max = {self.r_max})")
        require(0 < self.phase <= 2 * math.pi, "phase", self.phase, "lie in (0, 2 pi]")

    def shapes(self, inputs: int, outputs: int) -> dict[str, Shape]:
        from freerun.parts.models._polar import Ring

        size, bound = self.hidden, math.sqrt(3 / (2 * max(1, inputs)))
        ring = Ring(inner=self.r_min, outer=self.r_max, phase=self.phase)
        shapes = {"recurrent": Shape(rows=3, columns=size, bound=0.5, initial=ring)}
        for part in DRIVES:
            weight = {f"{part}.weight": Shape(rows=inputs, columns=size, bound=bound)} if inputs else {}
            shapes |= weight | {f"{part}.bias": Shape(rows=1, columns=size, bound=bound)}
        return shapes | readout_shapes(2 * size, inputs, size, outputs)

    def products(self, inputs: int, outputs: int) -> int:
        # Both parts of lambda with both of the state, gamma with both of the drive: 6 a number, not the 3 rows once each.
        return super().products(inputs, outputs) + 3 * self.hidden

    def start(self, replicas: int, batch: int, like: torch.Tensor) -> State:
        return (like.new_zeros(replicas, batch, self.hidden), like.new_zeros(replicas, batch, self.hidden))

    def unroll(
        self, weights: Weights, u: Float[torch.Tensor, "T R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "T R B O"], State]:
        from freerun.parts.models._parallel_scan import scan
        from freerun.parts.models._polar import Polar

        flat, sizes = flattened(u)
        *turn, gamma = Polar.apply(weights["recurrent"])  # type: ignore[no-untyped-call]
        # Gamma times the weights, so that its gradient is a sum over their rows, not over all steps.
        into = {name: scaled(value, gamma) for name, value in weights.items() if name.partition(".")[0] in DRIVES}
        drive = tuple(project(into, part, flat).reshape(len(flat), *sizes, self.hidden) for part in DRIVES)
        x = scan(tuple(part[:, None] for part in turn), drive, state)
        outputs = gated_readout(weights, flat, *(part.flatten(1, 2) for part in x))
        return restored(outputs, sizes), tuple(part[:, -1] for part in x)
