"""KL divergence between the distributions of states that two orbits visit.

D_stsp = KL(p_true || p_generated) between the distributions of states, whatever their order in time (Koppe, Toutounji, Kirsch,
Lis & Durstewitz 2019, eq. 14; Brenner et al. 2022, appendix): shares in `bins` cells a dimension over the box of the true
states. Whatever lies outside, or is not finite, is in one cell more, so that an orbit that runs away is charged and never
lost. Laplace smoothing: `smoothing` is added to the count of every cell.

Up to three dimensions that is the published measure. Beyond, cells are too many, and the published mixture of Gaussians ranks
an orbit that has shrunk to half above the truth itself: a draw from the true mixture has its own centre in the true density
and never in the other, and without that centre a blurred crowd in the middle is nearer to every draw. So there it is
`marginal`: the mean over all triples of coordinates that follow one another.

It is not 0 for two orbits of one system: how large it is then depends on their length, so a score stands beside that floor.
"""

from __future__ import annotations

from jaxtyping import Float

from freerun.arithmetic import logarithm
from freerun.deferred_imports import torch
from freerun.errors import require

#: Cells a dimension, and count added to each cell.
BINS, SMOOTHING = 30, 1e-5
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


def marginal(
    true: Float[torch.Tensor, "S D"], made: Float[torch.Tensor, "U D"], bins: int = BINS, smoothing: float = SMOOTHING
) -> float:
    """The mean of `binned` over the D triples of coordinates (i, i + 1, i + 2), the first after the last; in nats."""
    width = true.shape[1]
    require(width > BINNED, "D", width, f"be more than {BINNED}; use cells of all of them")
    triples = [[i, (i + 1) % width, (i + 2) % width] for i in range(width)]
    return sum(binned(true[:, three], made[:, three], bins, smoothing) for three in triples) / width


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
