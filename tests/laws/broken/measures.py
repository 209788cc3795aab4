"""Measures with one fault each."""

from __future__ import annotations

import math
from dataclasses import replace

import scipy.stats
import torch

from freerun.measurement.metrics.rmse import RMSE
from freerun.measurement.statistics import orbit_fate, power_spectra, state_distribution, two_sample, two_sample_classifier
from freerun.random_streams import stream


def with_partners(x, y, _):
    """Counts the distance of a row to its own partner: too small where the two are one sequence."""
    n = len(x)
    return float(2 * torch.cdist(x, y).mean() - (torch.cdist(x, x).sum() + torch.cdist(y, y).sum()) / (n * (n - 1)))


def with_the_diagonal(x, y, _):
    """The biased statistic: the distance of a row to itself is counted as 0."""
    return float(2 * torch.cdist(x, y).mean() - torch.cdist(x, x).mean() - torch.cdist(y, y).mean())


def without_its_floor(x, y, _):
    """What finite samples show in any case is not taken off."""
    return float((x.sort(0).values - y.sort(0).values).abs().mean())


def root_of_nothing(x, y, number):
    """Forgets the second sample."""
    return float(two_sample.energy(x[None], x.flip(0)[None])[0])


def neighbours_alone(x, y, _):
    """A fast estimate out of successive rows, which depends on their order."""
    a, b, c, d = x[:-2], x[1:-1], y[:-2], y[2:]
    return float(((a - d).norm(dim=1) + (b - c).norm(dim=1) - (a - b).norm(dim=1) - (c - d).norm(dim=1)).mean())


def p_of_a_normal(x, y, _):
    """A p-value from a normal distribution of pairs that are taken for independent, which they are not."""
    h = -two_sample._h([each.sqrt() for each in two_sample._three(x, y)])
    off = h[~torch.eye(len(h), dtype=torch.bool)]
    return float(scipy.stats.norm.sf(off.mean() / off.std() * math.sqrt(len(off))))


def judged_on_what_it_learned(x, y, coins, seed):
    """The accuracy on the sequences that it was trained on."""
    order = torch.argsort(torch.from_numpy(coins[0]), stable=True)[: x.shape[2] // 2]
    shown = torch.cat([x[:, :, order], y[:, :, order]], 2).float()
    model = two_sample_classifier.SequenceToOne(hidden=8)
    weights = two_sample_classifier._train(model, shown, [1], seed, 15)
    right = (two_sample_classifier._logits(model, weights, shown) > 0)[0] == (torch.arange(2 * len(order)) >= len(order))
    low, high = two_sample_classifier.null_interval(len(right))
    return [two_sample_classifier.Accuracy(accuracy=float(right.double().mean()), low=low, high=high, held_out=len(right))]


def partners_apart(x, y, coins, seed):
    """Judges partners of what was learned: a sequence that stood in training under the one label comes up under the other."""
    order = torch.argsort(torch.from_numpy(coins[0]), stable=True)
    half = x.shape[2] // 2
    learned, other = order[:half], order[half:]
    shown = torch.cat([x[:, :, learned], y[:, :, other]], 2).float()
    model = two_sample_classifier.SequenceToOne(hidden=8)
    weights = two_sample_classifier._train(model, shown, [1], seed, 15)
    judged = torch.cat([x[:, :, other], y[:, :, learned]], 2).float()
    right = (two_sample_classifier._logits(model, weights, judged) > 0)[0] == (torch.arange(2 * half) >= half)
    low, high = two_sample_classifier.null_interval(len(right))
    return [two_sample_classifier.Accuracy(accuracy=float(right.double().mean()), low=low, high=high, held_out=len(right))]


def drops_what_is_outside(true, made):
    """States outside the box are left out, so that an orbit that runs away is charged for nothing."""
    low, high = true.amin(0), true.amax(0)
    inside = ((made >= low) & (made <= high)).all(1)
    return state_distribution.binned(true, made[inside])


def sees_the_order(true, made):
    """Weighs late states more."""
    return state_distribution.binned(true, made[len(made) // 2 :])


def mixture_with_its_own_centres(true, made):
    """The published D_stsp beyond three dimensions: a draw's own centre is in the true density and never in the other."""
    width = 0.5
    a, b = (state_distribution.evenly(part.flatten(0, 1), 1000) for part in (true, made))
    draws = a + width * torch.from_numpy(stream(0, "mixture").standard_normal(a.shape))
    log_p, log_q = (torch.logsumexp(torch.cdist(draws, part).square() / (-2 * width**2), 1) for part in (a, b))
    return float((log_p - log_q).mean())


class RMSEAlone(RMSE):
    """The error over all leads, most of them saturated, as the one headline."""

    quantity = replace(RMSE.quantity, part="headline")


def keeps_the_survivors(true, made):
    """Orbits that broke down are left out of the mean."""
    fine = torch.isfinite(made).all(2).all(0)
    return power_spectra.hellinger(true, made[:, fine]) if fine.any() else 0.0


def rests_add_nothing(true, made):
    """Orbits that rest, whose power is 0, vanish when the spectrum is brought to a sum of 1."""
    still = (made - made.mean(0)).abs().amax((0, 2)) < 1e-5
    return power_spectra.hellinger(true, made[:, ~still]) if (~still).any() else 1.0


def mean_is_power(true, made):
    """A constant offset counts as power at frequency 0 and drowns the rest."""
    p, q = ((torch.fft.rfft(part, dim=0).abs() ** 2).mean(1) for part in (true, made))
    p, q = p / p.sum(0), q / q.sum(0)
    return float((1 - (p * q).sqrt().sum(0).clamp(max=1)).sqrt().mean())


def blind_to_direction(true, made):
    """States alone, without where they go next."""
    a, b = (state_distribution.evenly(part.flatten(0, 1), 512) for part in (true, made))
    return float(two_sample.energy(a[None], b[None])[0])


def everything_still_is_fine(orbits, low, high):
    """An orbit that is not finite compares as not outside."""
    values = orbits.double()
    span = high - low
    left = ((values < low - span) | (values > high + span)).any(2).any(0)
    found = orbit_fate.fates(torch.nan_to_num(orbits, posinf=0.0, neginf=0.0), low, high)
    return orbit_fate.Fates(left=left, rests=found.rests & ~left, cycles=found.cycles & ~left)


def slow_is_still(orbits, low, high):
    """Takes an orbit that moves little in one step for one that rests."""
    found = orbit_fate.fates(orbits, low, high)
    slow = ((orbits[-1] - orbits[-2]).abs() < 0.1 * (high - low)).all(1)
    return orbit_fate.Fates(left=found.left, rests=slow & ~found.left, cycles=found.cycles & ~slow)
