"""Two-sample distances and their tests: energy, MMD and sliced Wasserstein.

Row i of one sample and row i of the other may belong together (one sequence, run twice); different rows are independent. Both
distances are means over pairs i != j of

    h_ij = k(x_i, x_j) + k(y_i, y_j) - k(x_i, y_j) - k(x_j, y_i)

(Gretton et al. 2012, "A kernel two-sample test", eq. 4), with k = -|x - y| for the energy distance (Szekely & Rizzo 2013, eq.
2.1: 2 E|X-Y| - E|X-X'| - E|Y-Y'|) and a Gaussian k for MMD^2. Since no pair holds a row and its partner, both are unbiased,
0 in mean where the distributions agree, whether partners are independent or one and the same; so they may be negative.

Where the distributions agree, x_i and y_i may be swapped. A swap turns the signs of row and column i of h, so the distances of
all swapped samples are s h s / (n (n - 1)) for signs s: the p-value is the share of them that is as large as what was seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from freerun.arithmetic import root
from freerun.deferred_imports import torch
from freerun.errors import require

#: Rows that are used to find a bandwidth: 64 have 8,128 distances among them and their partners.
MEDIAN_ROWS = 64
#: Steps whose distances are held at once: 16 times 64 by 64 of them stay near the processor.
SIDE_BY_SIDE = 16
#: The share of two squared sizes below which a squared distance is taken for 0: some roundings of a product of 64 columns.
NOTHING = 1e-13


@dataclass(frozen=True, kw_only=True)
class Distance:
    """A distance between two samples.

    Attributes:
        value: the distance itself; NaN where a sample is not finite, or of fewer than two rows.
        p: the share of swapped samples (the given one among them) whose distance is at least as large.
    """

    value: float
    p: float


def energy(
    x: Float[torch.Tensor, "T N D"],
    y: Float[torch.Tensor, "T N D"],
    counts: Bool[torch.Tensor, "T N"] | None = None,
    of_x: Callable[[], Float[torch.Tensor, " T"]] | None = None,
) -> Float[torch.Tensor, " T"]:
    """The energy distance at each of T steps, in the unit of the samples; NaN where a sample is not finite.

    Samples that are equal number for number are exactly 0 apart.

    Args:
        counts: which rows are there at which step; NaN where fewer than two are. None: all.
        of_x: what `within` says of x with the same counts, for who sets several samples beside it; called if anything differs.
    """
    _check(x, y)
    rows = x.shape[1]
    there = torch.full((len(x),), float(rows), dtype=torch.float64)
    if counts is not None:  # partners that are equal have no part in h
        there = counts.sum(1).double()
        x, y = _present(x, counts), _present(y, counts)
    sums = torch.zeros(len(x), dtype=torch.float64)
    if len(differ := (x != y).flatten(1).any(1).nonzero()[:, 0]):
        apart = within(x) if of_x is None else of_x()
        for steps in torch.split(differ, SIDE_BY_SIDE):
            a, b = x[steps].double(), y[steps].double()
            middle = _middle(a)
            cross = _distances(a - middle, b - middle)
            between = cross.sum((1, 2)) - cross.diagonal(dim1=1, dim2=2).sum(1)
            sums[steps] = 2 * between - apart[steps] - within(b)
    return torch.where(there > 1, sums / (there * (there - 1)), torch.nan)


def within(x: Float[torch.Tensor, "T N D"], counts: Bool[torch.Tensor, "T N"] | None = None) -> Float[torch.Tensor, " T"]:
    """The sum of all distances between the rows of a sample, at each step; rows that are not there stand at 0."""
    if counts is not None:
        x = _present(x, counts)
    parts = (part - _middle(part) for part in (steps.double() for steps in torch.split(x, SIDE_BY_SIDE)))
    return torch.cat([_distances(part, part).sum((1, 2)) for part in parts])


def mmd(
    x: Float[torch.Tensor, "N D"],
    y: Float[torch.Tensor, "N D"],
    signs: Float[torch.Tensor, "P N"],
    bandwidth: float | None = None,
) -> Distance:
    """MMD^2 with k = exp(-|x - y|^2 / (2 b^2)), and how rarely swapped samples are as far apart.

    Args:
        signs: 1 and -1 (`swaps`), a row for each swapped sample.
        bandwidth: b; None for the median distance in both samples together (`median`).
    """
    _check(x, y)
    if _undefined(x, y):
        return Distance(value=float("nan"), p=float("nan"))
    squares = _three(x.double(), y.double())
    width = _median(squares) if bandwidth is None else bandwidth
    return _tested(_h([torch.exp(square / (-2 * width * width)) for square in squares]), signs.double())


def sliced_wasserstein(
    x: Float[torch.Tensor, "N D"],
    y: Float[torch.Tensor, "N D"],
    directions: Float[torch.Tensor, "K D"],
    signs: Float[torch.Tensor, "P N"],
) -> Distance:
    """The mean distance between sorted projections (Wasserstein-1 along each direction), less its mean over swapped samples.

    Along unit directions it has the unit of the samples (Bonneel et al. 2015, eq. 5). What is taken off is its floor: the
    distance that samples of this size show where the distributions agree, so that it is 0 in mean then.

    Args:
        directions: any vectors but 0; they are made unit vectors here.
        signs: as in `mmd`.
    """
    _check(x, y)
    if _undefined(x, y):
        return Distance(value=float("nan"), p=float("nan"))
    unit = directions.double() / directions.double().norm(dim=1, keepdim=True)
    a, b = unit @ x.double().mT, unit @ y.double().mT
    middle, half = (a + b) / 2, (a - b) / 2
    distances = _sorted_apart(middle, half * torch.cat([torch.ones_like(half[:1]), signs.double()])[:, None])
    return Distance(value=float(distances[0] - distances[1:].mean()), p=_share(distances[0], distances[1:]))


def swaps(uniform: Float[torch.Tensor, "P N"]) -> Float[torch.Tensor, "P N"]:
    """Signs out of uniform draws on [0, 1): -1 where row i of one sample changes place with row i of the other."""
    return torch.where(uniform < 0.5, -1.0, 1.0)


def median(x: Float[torch.Tensor, "N D"], y: Float[torch.Tensor, "N D"]) -> float:
    """The median distance between different points of both samples together; 1 where all points are one.

    Of large samples, as many rows as `MEDIAN_ROWS`, evenly spread, are looked at.
    """
    keep = _evenly(len(x))
    return _median(_three(x[keep].double(), y[keep].double()))


def _present(x: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    return torch.where(counts[..., None], x, torch.zeros_like(x))


def _check(x: torch.Tensor, y: torch.Tensor) -> None:
    require(x.shape == y.shape, "y", tuple(y.shape), f"have the shape of x, {tuple(x.shape)}")


def _undefined(x: torch.Tensor, y: torch.Tensor) -> bool:
    return len(x) < 2 or not (_finite(x) and _finite(y))


def _finite(x: torch.Tensor) -> bool:
    """Whether all numbers are finite; a finite sum says so sooner."""
    return bool(torch.isfinite(x.sum())) or bool(torch.isfinite(x).all())


def _squares(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Squared distances between points around 0, of which little is lost where large numbers cancel.

    What is left of the difference of two points where their sizes cancel to `NOTHING` is rounding, and 0.
    """
    of_a = a.square().sum(-1).mul_(1 - NOTHING)
    of_b = of_a if a is b else b.square().sum(-1).mul_(1 - NOTHING)
    squares = torch.matmul(a, b.mT).mul_(-2)
    return squares.add_(of_a[..., :, None]).add_(of_b[..., None, :]).clamp_(min=0)


def _distances(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return root(_squares(a, b))


def _three(x: torch.Tensor, y: torch.Tensor) -> list[torch.Tensor]:
    """Squared distances between the rows of x, between those of y, and between those of x and those of y."""
    middle = _middle(x)
    a, b, centred_y = x - middle, y - middle, y - _middle(y)
    return [_squares(a, a), _squares(centred_y, centred_y), _squares(a, b)]


def _middle(x: torch.Tensor) -> torch.Tensor:
    return x.mean(-2, keepdim=True)


def _evenly(rows: int) -> torch.Tensor:
    return torch.linspace(0, rows - 1, min(rows, MEDIAN_ROWS), dtype=torch.float64).round().long()


def _median(squares: list[torch.Tensor]) -> float:
    """The median of the distances whose squares are given (`_three`)."""
    keep = _evenly(len(squares[0]))
    xx, yy, xy = (matrix[keep][:, keep] for matrix in squares)
    above = tuple(torch.triu_indices(len(keep), len(keep), 1))
    apart = torch.cat([xx[above], yy[above], xy.flatten()])
    apart = apart[apart > 0]
    return math.sqrt(float(apart.median())) if len(apart) else 1.0


def _h(kernels: list[torch.Tensor]) -> torch.Tensor:
    """The matrix h_ij with 0 on the diagonal, from three kernels (`_three`)."""
    within_x, within_y, cross = kernels
    h = within_x + within_y - cross - cross.mT
    return h * (1 - torch.eye(h.shape[-1], dtype=h.dtype, device=h.device))


def _mean(h: torch.Tensor) -> torch.Tensor:
    n = h.shape[-1]
    return h.sum((-2, -1)) / (n * (n - 1))


def _tested(h: Float[torch.Tensor, "N N"], signs: Float[torch.Tensor, "P N"]) -> Distance:
    n = len(h)
    seen = _mean(h)
    swapped = ((signs @ h) * signs).sum(1) / (n * (n - 1))
    return Distance(value=float(seen), p=_share(seen, swapped))


def _share(seen: torch.Tensor, swapped: Float[torch.Tensor, " P"]) -> float:
    """The p-value; rounding of the last few digits counts as a tie."""
    slack = 1e-9 * float(swapped.abs().max()) if len(swapped) else 0.0
    return (1 + int((swapped >= seen - slack).sum())) / (1 + len(swapped))


def _sorted_apart(middle: Float[torch.Tensor, "K N"], half: Float[torch.Tensor, "Q K N"]) -> Float[torch.Tensor, " Q"]:
    a, b = (np.sort(projections.numpy(), axis=-1) for projections in (middle + half, middle - half))
    return torch.from_numpy(np.abs(a - b)).flatten(1).mean(1)
