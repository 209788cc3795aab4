"""Gumbel-softmax feedback: a soft sample is fed, through which the draw can be differentiated.

    phi(o) = softmax((o + g) / temperature),   g_k = -log(-log u_k)        (Jang, Gu & Poole 2017, eq. 2; Maddison et al. 2017)

The largest entry is a draw from the softmax of o at any temperature; the feed itself comes closer to one-hot as it falls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.arithmetic import logarithm
from freerun.deferred_imports import torch
from freerun.parts.feedback._annealed import Annealed


@dataclass(kw_only=True)
class Gumbel(Annealed):
    """The Gumbel-softmax: a differentiable, not quite one-hot sample."""

    random: ClassVar[bool] = True
    random_each: ClassVar[bool] = True

    def __call__(
        self, outputs: Float[torch.Tensor, "*batch K"], uniform: torch.Tensor | None
    ) -> Float[torch.Tensor, "*batch K"]:
        if uniform is None:
            raise ValueError("gumbel needs uniform draws")
        return torch.softmax((outputs + self.noise(uniform)) / self.temperature, -1)

    def noise(self, uniform: Float[torch.Tensor, "*batch K"]) -> Float[torch.Tensor, "*batch K"]:
        """Return the noise g of uniform draws."""
        tiny = torch.finfo(uniform.dtype).tiny
        return -logarithm((-logarithm(uniform.clamp(min=tiny))).clamp(min=tiny))
