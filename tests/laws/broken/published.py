"""Published measures with one constant or one step of another variant."""

from __future__ import annotations

import numpy as np
import torch

from freerun.measurement.metrics.orbit_distances import PARTS
from freerun.measurement.statistics import power_spectra, state_distribution


def _pair(true, made):
    return [torch.from_numpy(part) for part in (true, made)]


def _orbits(name, true, made, **settings):
    return PARTS[name](**settings).between(*(part[:, None] for part in _pair(true, made)))


def in_the_very_box(name, true, made, **settings):
    """No margin around the true states."""
    return (
        state_distribution.binned(*_pair(true, made)) if true.shape[1] <= 3 else state_distribution.marginal(*_pair(true, made))
    )


def counts_what_is_outside(name, true, made, box="margin"):
    """What lies outside has a cell of its own, in a box as it is published."""
    return state_distribution.in_box(*_pair(true, made), box) + float((np.abs(made) > 2 * np.abs(true).max(0)).any(1).mean())


def smooths_less(name, true, made, **settings):
    """A hundred times less is added to every cell."""
    return _orbits(name, true, made, smoothing=1e-7, **settings)


def triples(name, true, made, **settings):
    """Cells of triples where mixtures are published."""
    return state_distribution.marginal(*_pair(true, made))


def half_as_wide(name, true, made, width=1.0):
    """Gaussians of half the width."""
    return _orbits(name, true, made, width=width / 2)


def tapers(name, true, made, smoothing=20.0):
    """A Hann window over every orbit."""
    window = np.hanning(len(true))[:, None]
    return power_spectra.hellinger(*(part[:, None] for part in _pair(true * window, made * window)), smoothing)


def smooths_over_five(name, true, made, smoothing=20.0):
    """Smooths over fewer frequencies."""
    return _orbits(name, true, made, smoothing=smoothing / 4)


def drops_the_mean(name, true, made, smoothing=20.0):
    """Leaves out the first frequency, after smoothing."""
    spectra = [power_spectra.spectrum(part[:, None], smoothing)[1:] for part in _pair(true, made)]
    p, q = (part / part.sum(0) for part in spectra)
    return float((1 - (p * q).sqrt().sum(0)).clamp(min=0).sqrt().mean())


def _nrmse(targets, made, std, warmup, median, scale="mean", window=1.0):
    end = warmup + round(window * (len(targets) - warmup))
    errors = (made - targets)[warmup:end] / (std.mean() if scale == "mean" else std)
    return float(median(np.sqrt((errors**2).mean(2)).mean(0)))


def each_by_its_own(targets, made, std, warmup, window=1.0):
    """Divides each coordinate by its own standard deviation."""
    return _nrmse(targets, made, std, warmup, lambda each: np.sort(each)[(len(each) - 1) // 2], "own", window)


def mean_of_the_two_middles(targets, made, std, warmup, window=1.0):
    """Of an even number of windows, the mean of the two in the middle."""
    return _nrmse(targets, made, std, warmup, np.median, window=window)
