"""KL divergence between the distributions of states that two orbits visit.

D_stsp = KL(p_true || p_generated) between the distributions of states, whatever their order in time (Koppe, Toutounji, Kirsch,
Lis & Durstewitz 2019, eq. 14; Brenner et al. 2022; Hess et al. 2023, appendix). What is published:

* up to `CELLED` dimensions `in_box`: shares in `bins` cells a dimension; what lies outside of the box is left out of the
  counts, and `smoothing` is added to the count of every cell. The box is that of the true states, a tenth of their standard
  deviation wider on each side (Hess et al., code: `margin`), or two standard deviations around 0 (Brenner et al.: `sigmas`);
* beyond, `mixture`: a Gaussian of one width around every state, the divergence of the two mixtures estimated by draws from the
  true one (after Hershey & Olsen 2007).

Both have faults, which no setting of theirs mends. States outside cost an orbit nothing, and one that has left with almost all
of them is near to the uniform distribution. The mixture ranks an orbit that has shrunk to half above the truth itself: a draw
from the true mixture has its own centre in the true density and never in the other, and without that centre a blurred crowd in
the middle is nearer to every draw. So there are two more variants: `binned`, in the very box of the true states, whatever lies
outside or is not finite in one cell more, so that an orbit that runs away is charged and never lost; and for many dimensions
`marginal`, the mean of that over all triples of coordinates that follow one another.

No variant is 0 for two orbits of one system: how large it is then depends on their length, so a score stands beside that floor.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from freerun.arithmetic import exponential, logarithm
from freerun.deferred_imports import torch
from freerun.errors import require

#: Cells a dimension, and count added to each cell.
BINS, SMOOTHING = 30, 1e-5
#: The most dimensions that are divided into cells as published, and by `binned`.
CELLED, BINNED = 5, 3
#: Boxes as published.
BOXES = ("margin", "sigmas")
#: Of the mixture: the standard deviation of its Gaussians, in units of the data; draws; the most states of an orbit.
WIDTH, DRAWS, FIRST = 1.0, 1_000, 10_000
#: Draws that are compared with all states at once.
AT_ONCE = 100


def in_box(
    true: Float[torch.Tensor, "S D"],
    made: Float[torch.Tensor, "U D"],
    box: str = "margin",
    bins: int = BINS,
    smoothing: float = SMOOTHING,
) -> float:
    """D_stsp in cells, as published, in nats; NaN where no state of `made` lies in the box.

    Args:
        true: the states that the box is taken from.
        made: others; those that are not finite lie outside.
        box: `margin` or `sigmas`.
        bins: cells a dimension; each has its lower edge and not its upper one.
        smoothing: added to the count of every cell.
    """
    width = true.shape[1]
    require(width <= CELLED, "D", width, f"be at most {CELLED} for cells; use a mixture")
    require(smoothing > 0, "smoothing", smoothing, "be positive")
    require(box in BOXES, "box", box, f"be one of {', '.join(BOXES)}")
    true, made = true.double(), made.double()
    spread = true.std(0)
    low, high = (true.amin(0) - 0.1 * spread, true.amax(0) + 0.1 * spread) if box == "margin" else (-2 * spread, 2 * spread)
    codes = [_codes(part, low, high, bins) for part in (true, made)]
    if not all(len(code) for code in codes):
        return float("nan")
    visited, place = torch.unique(torch.cat(codes), return_inverse=True)
    first = len(codes[0])
    counts = [torch.bincount(part, minlength=len(visited)).double() for part in (place[:first], place[first:])]
    cells = bins**width
    p, q = ((count + smoothing) / (count.sum() + smoothing * cells) for count in counts)
    # all cells that nobody has visited are alike
    p_empty, q_empty = (smoothing / (count.sum() + smoothing * cells) for count in counts)
    empty = (cells - len(visited)) * p_empty * logarithm(p_empty / q_empty)
    return float((p * logarithm(p / q)).sum() + empty)


def _codes(states: torch.Tensor, low: torch.Tensor, high: torch.Tensor, bins: int) -> torch.Tensor:
    """The number of the cell of every state that lies in the box."""
    place = (states - low) / (high - low).clamp(min=torch.finfo(torch.float64).tiny) * bins
    inside = (torch.isfinite(place) & (place >= 0) & (place < bins)).all(1)
    code = torch.zeros(int(inside.sum()), dtype=torch.int64)
    for column in place[inside].long().unbind(1):
        code = code * bins + column
    return code


def mixture(
    true: Float[torch.Tensor, "S D"],
    made: Float[torch.Tensor, "U D"],
    chance: np.random.Generator,
    width: float = WIDTH,
) -> float:
    """D_stsp of mixtures of Gaussians, as published, in nats; NaN where no state of `made` is finite.

    The density of `made` is a mean over all of its states, and one that is not finite adds nothing.

    Args:
        true: states; of either, the first `FIRST` alone are looked at.
        made: others.
        chance: says which states draws are made around, then where: `DRAWS` whole numbers, `DRAWS` x D normal numbers.
        width: the standard deviation of the Gaussians, in the units of the states.
    """
    require(width > 0, "width", width, "be positive")
    true, made = true[:FIRST].double(), made[:FIRST].double()
    fine = torch.isfinite(made).all(1)
    if not fine.any():
        return float("nan")
    around = true[torch.from_numpy(chance.integers(0, len(true), DRAWS))]
    draws = around + width * torch.from_numpy(chance.standard_normal(tuple(around.shape)))
    lost = logarithm(fine.double().mean())
    ratios = [_log_density(some, true, width) - _log_density(some, made[fine], width) for some in torch.split(draws, AT_ONCE)]
    return float(torch.cat(ratios).mean() - lost)


def _log_density(draws: torch.Tensor, states: torch.Tensor, width: float) -> torch.Tensor:
    """The logarithm of the mean of exp(-d^2 / 2 width^2) over states, for each draw."""
    middle = states.mean(0)
    a, b = draws - middle, states - middle
    far = a.square().sum(1, keepdim=True) + b.square().sum(1) - 2 * a @ b.mT
    exponent = far.clamp(min=0) / (-2 * width**2)
    most = exponent.amax(1, keepdim=True)
    return most[:, 0] + logarithm(exponential(exponent - most).mean(1))


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
