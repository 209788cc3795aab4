"""Measures and rules as they were when the findings were made; `laws.broken` has those that break a law."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from freerun.analysis.inference.confidence_intervals import summarise
from freerun.measurement.metrics.rmse import RMSE
from freerun.measurement.metrics.tv import TV
from freerun.measurement.statistics.power_spectra import _smoothed
from freerun.random_streams import stream
from freerun.store.quantity import Quantity
from laws.broken.symbol_measures import FreeLoss, _js


class WrittenLoss(TV):
    """The loss against the one continuation that was written, in both modes."""

    quantity = Quantity(label="Loss", unit="nats", better="lower", scale="logarithm")

    def measure(self, observed):
        return FreeLoss().measure(observed)


class NRMSEAlone(RMSE):
    """The error over one Lyapunov time as the one headline."""

    quantity = replace(RMSE.quantity, part="headline")

    def measure(self, observed):
        steps = round(observed.experiment.task.lyapunov_steps())
        return super().measure(observed)[:steps].mean()[None]


def tapered_hellinger(true, made):
    """D_H with tapered ends, without the power of the mean, smoothed over 5 frequencies in place of 20."""
    spectra = []
    for orbits in (true, made):
        taper = torch.hann_window(len(orbits), periodic=False, dtype=torch.float64)[:, None, None]
        power = _smoothed((torch.fft.rfft((orbits - orbits.mean(0)) * taper, dim=0).abs() ** 2)[1:].mean(1), 5.0)
        spectra.append(power / power.sum(0))
    overlap = (spectra[0] * spectra[1]).sqrt().sum(0)
    return float((1 - overlap.clamp(max=1)).sqrt().mean())


def permuted_floor(true, made, symbols):
    """The floor of a text distance as the mean over random halves of true and made text, pooled: of both, not of the truth."""
    pooled, found = np.concatenate([true.reshape(-1), made.reshape(-1)]), []
    for draw in range(4):
        order = stream(draw, "permuted").permutation(len(pooled))
        halves = [np.bincount(pooled[half], minlength=symbols) for half in np.array_split(order, 2)]
        p, q = (torch.from_numpy(half / half.sum()) for half in halves)
        found.append(float(_js(p, q)))
    return float(np.mean(found))


def rate_of_the_mean_square(seen):
    """The slope of the root mean square over sequences: that of the few that have grown furthest."""
    logs = RMSE().measure(seen).log()
    logs = logs[: int((logs < np.log(0.1)).int().cumprod(0).sum())]
    time = torch.arange(len(logs), dtype=torch.float64)
    time = time - time.mean()
    return float((time * logs).sum() / time.square().sum())


def by_its_interval_alone(rows):
    """Better and worse wherever a single interval excludes no change, whatever Holm says of the family."""
    shown = (rows["own_low"] > 1) | (rows["own_high"] < 1)
    word = np.where(rows["mean"] < 1, "better", "worse")
    return rows.assign(verdict=rows["verdict"].where(~shown | rows["equivalent"].astype(bool), word))


def arithmetic_gaps(frame, by):
    """Student's t of the differences of skewed errors."""
    return summarise(frame.assign(gap=frame["free"] - frame["forced"]), by, "gap")


def at_the_longest_horizon(rows):
    """Every measure at the last step of whichever condition has the most."""
    last = max((row["at"] for row in rows), key=lambda at: int(at.removeprefix("step ")))
    return [{**row, "at": last} for row in rows]
