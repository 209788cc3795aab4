"""Free running with noise on what the model feeds itself: a disturbed state on the model's own orbit, with the true target.

    f_t = phi(o_t) + sigma_t xi_t,   xi_t ~ N(0, 1) for each coordinate;   after the warm-up

    level=constant   sigma_t = noise
    level=drawn      sigma_t = noise u,   u ~ uniform on [0, 1), anew for every step of every sequence

`noisy_forcing` disturbs the truth so (Sanchez-Gonzalez et al. 2020, "Learning to simulate complex physics with graph
networks": noise on the input, so that a model learns to step back from where its own errors lead). Here the disturbed state is
the model's own, as the states of a rollout are, and its own errors are in it as well. A level that is drawn for each step on
its own is that of diffusion forcing (Chen et al. 2024, "Diffusion forcing: next-token prediction meets full-sequence
diffusion"), whose model is told the level; here it is not. The gradient runs through phi as without noise. Nothing that is
measured by the usual rollouts is disturbed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import given, require
from freerun.parts.feeders import Feeder
from freerun.parts.feeders.disturbed import Disturbed
from freerun.parts.regimes import Regime

if TYPE_CHECKING:
    from freerun.parts.experiment_protocol import Experiment


class Level(Enum):
    """The level of the noise: one for all steps, or drawn for each."""

    constant = "constant"
    drawn = "drawn"


@dataclass(kw_only=True)
class NoisyFreeRunning(Regime):
    """Closed-loop training on values with noise on what is fed back.

    Attributes:
        noise: the standard deviation of the noise in scaled units, or the largest that is drawn.
        level: `constant`, or `drawn` for every step of every sequence, evenly below `noise`.
    """

    tosses: ClassVar[bool] = False

    noise: float = 0.1
    level: Level = Level.constant

    def __post_init__(self) -> None:
        require(0 < self.noise < math.inf, "noise", self.noise, "be positive")

    def misfit(self, experiment: Experiment) -> str | None:
        if experiment.task.symbols or given(experiment.feedback).silent:
            return "its noise is added to real values that are fed back; choose noisy_forcing or free_running"
        return None

    def feeder(self) -> Feeder:
        return Disturbed(self)

    def disturbance(
        self, normals: Float[torch.Tensor, "T B F"], uniforms: Float[torch.Tensor, "T B"]
    ) -> Float[torch.Tensor, "T B F"]:
        scaled = self.noise * normals
        return scaled if self.level is Level.constant else uniforms[..., None] * scaled

    def probability(self, update: int, updates: int) -> float:
        return 0.0

    def mask(self, coins: Float[torch.Tensor, "T B"], update: int, updates: int) -> Float[torch.Tensor, "T B"]:
        return torch.zeros_like(coins)
