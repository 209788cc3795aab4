"""Hellinger distance between the power spectra of orbits.

D_H: the Hellinger distance between power spectra (Mikhaeil, Monfared & Durstewitz 2022, appendix; Hess et al. 2023, eq. 27),

    H = sqrt(1 - sum_f sqrt(p(f) q(f))) ,      p, q: spectra, smoothed by a Gaussian over frequencies, with sum 1

a mean over coordinates; 0 for one spectrum, 1 for two that share no frequency. The variant is that of the papers' code: every
orbit brought to mean 0 and variance 1, its ends not tapered, its power at all frequencies, that of the mean among them,
smoothed with a standard deviation of 20 frequencies and mirrored at both ends, brought to sum 1, and averaged over orbits. The
phases are gone, and so is the size: an orbit, its reverse and its shrunk copy are the same.
"""

from __future__ import annotations

from jaxtyping import Bool, Float

from freerun.arithmetic import exponential, root
from freerun.deferred_imports import torch
from freerun.errors import require

#: Standard deviation of the smoothing, in frequencies (multiples of one over the length).
SMOOTH = 20.0
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
    resting = _still(kept).double().mean(0)
    p, q = spectrum(true, smooth), spectrum(kept, smooth)
    overlap = root(p * q).sum(0).clamp(max=1)
    per_coordinate = resting + (1 - resting) * root(1 - overlap)
    return lost + (1 - lost) * float(per_coordinate.mean())


def spectrum(orbits: Float[torch.Tensor, "T N D"], smooth: float = SMOOTH) -> Float[torch.Tensor, "F D"]:
    """The smoothed power spectrum of each coordinate, a mean over orbits, with sum 1; orbits that rest add nothing to it."""
    values, resting = orbits.double(), _still(orbits)
    values = torch.where(resting, 0.0, values - values.mean(0))
    power = torch.fft.rfft(values, dim=0).abs().square()
    shares = power / power.sum(0).clamp(min=torch.finfo(torch.float64).tiny)  # brings every orbit to variance 1 as well
    return _smoothed(shares.sum(1) / (~resting).sum(0).clamp(min=1), smooth)  # keeps every sum, so that one smoothing will do


def _smoothed(power: Float[torch.Tensor, "F D"], smooth: float) -> Float[torch.Tensor, "F D"]:
    """A spectrum smoothed over frequencies, which are mirrored at both ends, the end included."""
    reach = min(int(4 * smooth + 0.5), len(power))
    if not (smooth > 0 and reach > 0):
        return power
    kernel = exponential(-0.5 * (torch.arange(-reach, reach + 1, dtype=torch.float64) / smooth).square())
    mirrored = torch.cat([power[:reach].flip(0), power, power[len(power) - reach :].flip(0)])
    return torch.nn.functional.conv1d(mirrored.mT[:, None], (kernel / kernel.sum())[None, None])[:, 0].mT


def _still(orbits: Float[torch.Tensor, "T N D"]) -> Bool[torch.Tensor, "N D"]:
    """Whether each coordinate of each orbit rests."""
    values = orbits.double()
    moved: torch.Tensor = (values - values.mean(0)).abs().amax(0)
    return moved <= STILL * values.abs().amax(0).clamp(min=1)
