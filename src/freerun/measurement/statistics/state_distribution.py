"""KL divergence between the distributions of states that two orbits visit.

D_stsp = KL(p_true || p_generated) between the distributions of states, whatever their order in time (Koppe, Toutounji, Kirsch,
Lis & Durstewitz 2019, eq. 14; Brenner et al. 2022, appendix). Two variants:

* `binned`: shares in `bins` cells a dimension over the box of the true states; whatever lies outside, or is not finite, is in
  one cell more, so that an orbit that runs away is charged and never lost. Laplace smoothing: `smoothing` is added to the
  count of every cell. For up to three dimensions.
* `mixture`: each state is the centre of a Gaussian of standard deviation `width`; the integral is a mean over draws from the
  true mixture. For any number of dimensions.

Neither is 0 for two orbits of one system: how large it is then depends on their length, so a score stands beside that floor.
"""

from __future__ import annotations

import math

from jaxtyping import Float

from freerun.arithmetic import logarithm
from freerun.errors import require
from freerun.lazy import torch

#: Cells a dimension, count added to each cell, spread of a mixture's Gaussians in standard deviations, states of a mixture.
BINS, SMOOTHING, WIDTH, CENTRES = 30, 1e-5, 0.5, 1000
#: The most dimensions that are divided into cells.
BINNED = 3


def binned(
    true: Float[torch.Tensor, "S D"], made: Float[torch.Tensor, "U D"], bins: int = BINS, smoothing: float = SMOOTHING
) -> float:
    """KL divergence between shares of cells, in nats. Neither the order of the states nor their number matters as such."""
    width = true.shape[1]
    require(width <= BINNED, "D", width, f"be at most {BINNED} for cells; use a mixture")
    require(smoothing > 0, "smoothing", smoothing, "be positive")
    low, high = true.double().amin(0), true.double().amax(0)
    p, q = (_shares(part.double(), low, high, bins, smoothing) for part in (true, made))
    return float((p * logarithm(p / q)).sum())


def mixture(
    true: Float[torch.Tensor, "S D"], made: Float[torch.Tensor, "U D"], noise: Float[torch.Tensor, "M D"], width: float = WIDTH
) -> float:
    """KL divergence between mixtures of Gaussians, in nats, as a mean over M draws from the true one.

    A state that is not finite is a centre infinitely far away.

    Args:
        true: states in units in which `width` means the same in every direction.
        noise: M standard normal draws; draw i belongs to true state i, so M is S.
    """
    require(noise.shape == true.shape, "noise", tuple(noise.shape), f"have the shape of the states, {tuple(true.shape)}")
    draws = true.double() + width * noise.double()
    fine = made[torch.isfinite(made).all(1)].double()
    if not len(fine):
        return math.inf
    log_p = _log_density(draws, true.double(), width)
    log_q = _log_density(draws, fine, width) + math.log(len(fine) / len(made))
    return float((log_p - log_q).mean())


def evenly(states: Float[torch.Tensor, "S D"], count: int) -> Float[torch.Tensor, "U D"]:
    """At most `count` of the states, evenly spread."""
    if len(states) <= count:
        return states
    return states[torch.linspace(0, len(states) - 1, count, dtype=torch.float64).round().long()]


def _shares(states: torch.Tensor, low: torch.Tensor, high: torch.Tensor, bins: int, smoothing: float) -> torch.Tensor:
    cells = bins ** states.shape[1] + 1
    place = (states - low) / (high - low).clamp(min=torch.finfo(torch.float64).tiny) * bins
    place = torch.where(states == high, float(bins - 1), place)  # the upper edge belongs to the last cell
    inside = (torch.isfinite(place) & (place >= 0) & (place < bins)).all(1)
    code = torch.zeros(len(states), dtype=torch.int64)
    for column in torch.where(inside[:, None], place, torch.zeros_like(place)).long().unbind(1):
        code = code * bins + column
    counts = torch.bincount(torch.where(inside, code, cells - 1), minlength=cells).double() + smoothing
    return counts / counts.sum()


def _log_density(points: torch.Tensor, centres: torch.Tensor, width: float) -> torch.Tensor:
    """Up to the same constant for all mixtures of one width."""
    squares = torch.cdist(points, centres, compute_mode="donot_use_mm_for_euclid_dist").square_()
    return torch.logsumexp(squares / (-2 * width * width), 1) - math.log(len(centres))
