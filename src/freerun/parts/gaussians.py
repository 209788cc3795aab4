"""Predicted distribution of a value: a Gaussian, or a mixture of K Gaussians with a standard deviation for each coordinate.

    p(y) = sum_k w_k prod_i N(y_i; mean_ki, scale_ki^2)                     (Bishop 1994, "Mixture density networks", eq. 22)

A head says how the numbers that a model puts out are read as such a distribution; everything that reads an output as a value
(what is fed back, the loss, every metric) reads it here. Letters: `K` components, `Y` coordinates, `P` numbers of one of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, Int

from freerun.arithmetic import exponential_anywhere, logarithm, root
from freerun.deferred_imports import torch
from freerun.parts import normal

#: Uniform draws are multiples of 2^-24 below 1: half of that is added, so that neither 0 nor 1 is among them.
HALF_A_DRAW = 2.0**-25
#: Beyond this a softplus is the number itself, to the last bit of double precision.
LINEAR = 40.0


@dataclass(frozen=True, kw_only=True)
class Gaussians:
    """Distributions of values, in double precision.

    Attributes:
        log_weights: log w_k, nats.
        means, scales: of every component; a scale of 0 is a value that comes for sure.
    """

    log_weights: Float[torch.Tensor, "*batch K"]
    means: Float[torch.Tensor, "*batch K Y"]
    scales: Float[torch.Tensor, "*batch K Y"]

    @property
    def weights(self) -> Float[torch.Tensor, "*batch K 1"]:
        """w_k, for each coordinate."""
        return exponential_anywhere(self.log_weights)[..., None]

    def mean(self) -> Float[torch.Tensor, "*batch Y"]:
        """E[y]."""
        return self.means[..., 0, :] if self.means.shape[-2] == 1 else (self.weights * self.means).sum(-2)

    def variance(self) -> Float[torch.Tensor, "*batch Y"]:
        """Var[y] of each coordinate."""
        away = self.means - self.mean()[..., None, :]
        return (self.weights * (self.scales.square() + away.square())).sum(-2)

    def log_density(self, values: Float[torch.Tensor, "*batch Y"]) -> Float[torch.Tensor, "*batch"]:
        """Log p(y), nats, of all coordinates together; the scales must be positive."""
        off = (values.double()[..., None, :] - self.means) / self.scales
        each = -(0.5 * off * off + logarithm(self.scales) + normal.LOG_ROOT_2_PI).sum(-1) + self.log_weights
        return each[..., 0] if each.shape[-1] == 1 else _log_sum(each)[..., 0]

    def below(self, values: Float[torch.Tensor, "*batch Y"]) -> Float[torch.Tensor, "*batch Y"]:
        """P(Y_i <= y_i) of each coordinate; half of what comes for sure exactly there."""
        off = values.double()[..., None, :] - self.means
        sure = 0.5 + 0.5 * off.sign()
        share = torch.where(self.scales > 0, normal.distribution(off / self.scales), torch.where(off.isnan(), off, sure))
        return (self.weights * share).sum(-2)

    def crps(self, values: Float[torch.Tensor, "*batch Y"]) -> Float[torch.Tensor, "*batch Y"]:
        """Continuous ranked probability score of each coordinate, in its units.

        sum_k w_k A(y - m_k, s_k^2) - 1/2 sum_kl w_k w_l A(m_k - m_l, s_k^2 + s_l^2), A(m, s^2) = E|N(m, s^2)|
        (Gneiting & Raftery 2007, eq. 21, and Grimit et al. 2006, eq. 5): of one Gaussian whose mean is the value
        s (sqrt 2 - 1) / sqrt pi, and of one value that comes for sure the absolute error.
        """
        weights, square = self.weights, self.scales.square()
        near = (weights * _away(values.double()[..., None, :] - self.means, square)).sum(-2)
        pairs = _away(
            self.means[..., :, None, :] - self.means[..., None, :, :], square[..., :, None, :] + square[..., None, :, :]
        )
        return near - 0.5 * (weights[..., :, None, :] * weights[..., None, :, :] * pairs).sum((-2, -3))

    def drawn(self, uniform: Float[torch.Tensor, "*batch D"]) -> Float[torch.Tensor, "*batch Y"]:
        """Values that uniform draws on [0, 1) take: of each coordinate by inverting its Gaussian.

        Args:
            uniform: a draw for each coordinate, and of a mixture a last one, which takes the component.
        """
        count = self.means.shape[-1]
        z = normal.quantile(uniform[..., :count].double() + HALF_A_DRAW)
        means, scales = self.means[..., 0, :], self.scales[..., 0, :]
        if self.means.shape[-2] > 1:
            passed = exponential_anywhere(self.log_weights).cumsum(-1) <= uniform[..., count:].double()
            taken = passed.sum(-1).clamp(max=self.means.shape[-2] - 1)
            means, scales = (_component(part, taken) for part in (self.means, self.scales))
        return means + scales * z


@dataclass(frozen=True, kw_only=True)
class Head:
    """How the outputs of a model are read as distributions.

    Attributes:
        components: K.
        floor: the least standard deviation, in the units of the output.
    """

    components: int = 1
    floor: float = 1e-3

    def width(self, values: int) -> int:
        """P: the numbers that a model puts out for so many coordinates."""
        return 2 * values if self.components == 1 else self.components * (1 + 2 * values)

    def draws(self, values: int) -> int:
        """Return the uniform draws that one value takes."""
        return values + int(self.components > 1)

    def read(self, raw: Float[torch.Tensor, "*batch P"]) -> Float[torch.Tensor, "*batch P"]:
        """Return the numbers of a distribution (`unpacked`) for what a model puts out.

        Means as they are; standard deviations floor + log(1 + e^x), the softplus (Salinas et al. 2020, "DeepAR", eq. 3); the
        weights of a mixture a softmax, kept as logarithms.
        """
        weights, values = _widths(raw.shape[-1], self.components)
        inside = raw.double()
        scales = self.floor + _softplus(inside[..., weights + values :])
        parts = [inside[..., weights : weights + values], scales]
        if weights:
            logits = inside[..., :weights]
            parts = [logits - _log_sum(logits), *parts]
        return torch.cat(parts, -1).to(raw.dtype)

    def onto(
        self, numbers: Float[torch.Tensor, "*batch P"], fed: Float[torch.Tensor, "*batch Y"], residual: torch.Tensor
    ) -> Float[torch.Tensor, "*batch P"]:
        """Return the distribution of ``fed + residual * increment`` for that of the increment."""
        weights, values = _widths(numbers.shape[-1], self.components)
        repeat = (1,) * (residual.dim() - 1) + (self.components,)
        scale = residual.repeat(repeat)
        means = fed.repeat((1,) * (fed.dim() - 1) + (self.components,)) + scale * numbers[..., weights : weights + values]
        return torch.cat([numbers[..., :weights], means, scale * numbers[..., weights + values :]], -1)

    def distribution(self, numbers: Float[torch.Tensor, "*batch P"]) -> Gaussians:
        """Return the distributions of which these are the numbers."""
        return unpacked(numbers, _widths(numbers.shape[-1], self.components)[1] // self.components)

    def mean(self, numbers: Float[torch.Tensor, "*batch P"]) -> Float[torch.Tensor, "*batch Y"]:
        """Return the means of distributions, the point prediction."""
        if self.components == 1:
            return numbers[..., : numbers.shape[-1] // 2]
        return self.distribution(numbers).mean().to(numbers.dtype)


def unpacked(numbers: Float[torch.Tensor, "*batch P"], values: int) -> Gaussians:
    """Return the distributions that numbers in a row say: log weights of a mixture, then means, then scales.

    Args:
        values: Y; with it the width of a row says how many components there are.
    """
    components = 1 if numbers.shape[-1] == 2 * values else numbers.shape[-1] // (1 + 2 * values)
    weights, size = _widths(numbers.shape[-1], components)
    inside, shape = numbers.double(), (*numbers.shape[:-1], components, values)
    return Gaussians(
        log_weights=inside[..., :weights] if weights else inside.new_zeros(*numbers.shape[:-1], 1),
        means=inside[..., weights : weights + size].reshape(shape),
        scales=inside[..., weights + size :].reshape(shape),
    )


def packed(mean: Float[torch.Tensor, "*batch Y"], scale: Float[torch.Tensor, "*batch Y"]) -> Float[torch.Tensor, "*batch P"]:
    """Return the numbers of one Gaussian."""
    return torch.cat([mean, scale.expand_as(mean)], -1)


def _widths(numbers: int, components: int) -> tuple[int, int]:
    """Return how many numbers in a row are weights, and how many are means (there are as many scales)."""
    weights = components if components > 1 else 0
    return weights, (numbers - weights) // 2


def _component(part: Float[torch.Tensor, "*batch K Y"], taken: Int[torch.Tensor, "*batch"]) -> Float[torch.Tensor, "*batch Y"]:
    index = taken[..., None, None].expand(*taken.shape, 1, part.shape[-1])
    return part.gather(-2, index)[..., 0, :]


def _softplus(x: torch.Tensor) -> torch.Tensor:
    return torch.where(x > LINEAR, x, logarithm(1 + exponential_anywhere(x.clamp(max=LINEAR))))


def _log_sum(x: Float[torch.Tensor, "*batch K"]) -> Float[torch.Tensor, "*batch 1"]:
    """Return log sum_k e^x_k."""
    most = x.detach().amax(-1, keepdim=True)
    return most + logarithm(exponential_anywhere(x - most).sum(-1, keepdim=True))


def _away(mean: torch.Tensor, square: torch.Tensor) -> torch.Tensor:
    """Return E|N(mean, square)|."""
    known = square > 0
    scale = root(torch.where(known, square, 1.0))
    z = mean / scale
    spread = 2 * scale * normal.density(z) + mean * (2 * normal.distribution(z) - 1)
    return torch.where(known, spread, mean.abs())
