"""Exposure bias over some leads of a rollout: the one-step error at own prefixes or states beside that at true ones.

Matched lead by lead. For symbols the total variation to the source at own prefixes inside its support, less that at true ones;
for flows log(rms |o_t - F(f_{t-1})| / rms |o_t - F(y_{t-1})|). Late above early: the bias grows. 0 late: the model heals.
"""

import torch

from freerun.measurement.metrics._true_flow import answered, own_errors
from freerun.measurement.metrics.tv import TV


#: What the change is called below 0, and above.
SIGNS = ("own outputs are easier", "exposure bias")


def known(observed):
    """Whether the truth answers to what was fed, and the model hears it."""
    answers = answered(observed) or (observed.has_oracle and observed.heard)
    return answers and observed.forced is not None and observed.experiment.task.emits == "each"


def unit(observed):
    """The unit: a difference for symbols, a logarithm of a factor for flows."""
    return "total variation" if observed.has_oracle else "logarithm of a factor"


def scale(observed):
    """Whether a value is a difference or a logarithm."""
    return "difference" if observed.has_oracle else "logarithm"


def quarter(observed):
    """How many leads a quarter of the horizon has."""
    return max(1, (len(observed.targets) - observed.warmup) // 4)


def exposure(observed, leads):
    """The exposure bias over some leads, one number."""
    sides = (observed, observed.forced)
    if observed.has_oracle:
        own, true = (TV().measure(side)[leads].double().nanmean() for side in sides)
        return (own - true)[None]
    own, true = (own_errors(side)[leads].square().nanmean() for side in sides)
    ratio = (own / true).log() / 2
    return torch.where(torch.isfinite(ratio), ratio, torch.nan)[None]
