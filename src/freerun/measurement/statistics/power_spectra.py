"""Hellinger distance between the power spectra of orbits.

D_H: the Hellinger distance between power spectra (Mikhaeil, Monfared & Durstewitz 2022, appendix; Hess et al. 2023, eq. 27),

    H = sqrt(1 - sum_f sqrt(p(f) q(f))) ,      p, q: spectra, smoothed by a Gaussian over frequencies, with sum 1

a mean over coordinates; 0 for one spectrum, 1 for two that share no frequency. Spectra are means over orbits, of values less
their mean, whose ends are tapered by a Hann window. The phases are gone, so an orbit and its reverse are the same.
"""

from __future__ import annotations

import math

from jaxtyping import Bool, Float

from freerun.arithmetic import root
from freerun.errors import require
from freerun.lazy import torch

#: Standard deviation of the smoothing, in frequencies (multiples of one over the length).
SMOOTH = 5.0
#: What moves by no more than this share of its size, or of 1, rests: a few times the rounding of single precision.
STILL = 1e-6


def hellinger(true: Float[torch.Tensor, "T N D"], made: Float[torch.Tensor, "T M D"], smooth: float = SMOOTH) -> float:
    """D_H between two sets of orbits of one length, in [0, 1].

    An orbit that is not finite, or a coordinate of one that rests, has no spectrum and shares nothing with the truth: it counts
    as 1, however many others there are.
    """
    require(len(true) == len(made), "made", len(made), f"be as long as the truth ({len(true)} steps)")
    require(len(true) >= 4, "true", len(true), "be at least 4 steps long")
    fine = torch.isfinite(made).all(2).all(0)
    lost = 1 - float(fine.double().mean())
    if lost == 1:
        return 1.0
    kept = made[:, fine]
    rest = _still(kept).double().mean(0)
    p, q = spectrum(true, smooth), spectrum(kept, smooth)
    overlap = root(p * q).sum(0).clamp(max=1)
    each = rest + (1 - rest) * root(1 - overlap)
    return lost + (1 - lost) * float(each.mean())


def spectrum(orbits: Float[torch.Tensor, "T N D"], smooth: float = SMOOTH) -> Float[torch.Tensor, "F D"]:
    """The smoothed power spectrum of each coordinate, a mean over orbits, with sum 1; orbits that rest add nothing to it."""
    steps = len(orbits)
    values = orbits.double() - orbits.double().mean(0)
    taper = 0.5 - 0.5 * torch.cos(2 * math.pi * (torch.arange(steps, dtype=torch.float64) + 0.5) / steps)
    power = torch.fft.rfft(torch.where(_still(orbits), 0.0, values) * taper[:, None, None], dim=0).abs().square()[1:].mean(1)
    reach = min(int(4 * smooth), len(power) - 1)
    if smooth > 0 and reach > 0:
        kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, dtype=torch.float64) / smooth).square())
        padded = torch.nn.functional.pad(power.mT[:, None], (reach, reach), mode="reflect")
        power = torch.nn.functional.conv1d(padded, (kernel / kernel.sum())[None, None])[:, 0].mT
    total = power.sum(0)
    return torch.where(total > 0, power / total.clamp(min=torch.finfo(torch.float64).tiny), torch.zeros_like(power))


def _still(orbits: Float[torch.Tensor, "T N D"]) -> Bool[torch.Tensor, "N D"]:
    """Which coordinates of which orbits rest."""
    values = orbits.double()
    moved: torch.Tensor = (values - values.mean(0)).abs().amax(0)
    return moved <= STILL * values.abs().amax(0).clamp(min=1)
