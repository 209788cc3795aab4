"""Likelihood of the next value under a Gaussian, or a mixture of K Gaussians, that the model predicts.

    loss = -log p(y_t | what was fed) / Y,   p(y) = sum_k w_k prod_i N(y_i; m_ki, s_ki^2),   s = floor + log(1 + e^x)

in nats for each of the Y coordinates (Bishop 1994, "Mixture density networks", eq. 28; for sequences Graves 2013, "Generating
sequences with recurrent neural networks", eq. 26; Salinas et al. 2020, "DeepAR", eq. 2 and 3). A standard deviation is never
below the floor, so that the loss is never below log(floor) + log(2 pi) / 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import require
from freerun.parts.gaussians import Head
from freerun.parts.objectives import Objective
from freerun.store.quantity import Quantity


@dataclass(kw_only=True)
class GaussianLikelihood(Objective):
    """The negative log-likelihood of a value, for a model that predicts its distribution.

    The model puts out mean and standard deviation of each coordinate. `feedback=mean` feeds the mean, `feedback=sample` a draw.

    Attributes:
        components: K, the Gaussians that are mixed; with more than one the coordinates share the component.
        floor: the least standard deviation, in those of the training data; of an increment, in those of increments.
    """

    for_values: ClassVar[bool] = True

    components: int = 1
    floor: float = 0.001

    def __post_init__(self) -> None:
        require(1 <= self.components <= 64, "components", self.components, "lie in [1, 64]")
        require(1e-6 <= self.floor <= 1, "floor", self.floor, "lie in [1e-6, 1]")

    @property
    def head(self) -> Head:
        return Head(components=self.components, floor=self.floor)

    def quantity(self, symbols: bool) -> Quantity:
        """Return the meaning of the loss: a logarithm, below 0 where the density is above 1."""
        return Quantity(label="Negative log-likelihood", unit="nats per coordinate", better="lower", scale="logarithm")

    def __call__(
        self, outputs: Float[torch.Tensor, "*batch P"], targets: Float[torch.Tensor, "*batch Y"]
    ) -> Float[torch.Tensor, "*batch"]:
        return (-self.head.distribution(outputs).log_density(targets) / targets.shape[-1]).to(outputs.dtype)
