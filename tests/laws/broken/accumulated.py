"""Evaluators of accumulated error with one fault each; they give a dictionary, as the genuine one does."""

from __future__ import annotations

import torch

from freerun.measurement.accumulated_error import divergences
from yardsticks.chains import chains


def genuine(p, q, start, steps):
    found = chains(p, q, start, steps)
    return {
        "acc_err": found.acc_err(), "ex_acc_err": found.ex_acc_err(), "eb_c_tv": found.eb_c("tv"), "eb_c_js": found.eb_c("js"),
        "sequence_kl": found.sequence_kl(), "sequence_kl_reverse": found.sequence_kl_reverse(), "left": found.left,
    }  # fmt: skip


def counts_the_start(p, q, start, steps):
    """The start symbol is counted as if it had been predicted, without error: every sum is one step late."""
    found = genuine(p, q, start, steps)
    return {name: torch.cat([torch.ones(1, dtype=value.dtype), value[:-1]]) for name, value in found.items()}


def nothing_is_zero(p, q, start, steps):
    """0/0 is 0."""
    return {name: torch.nan_to_num(value, nan=0.0) for name, value in genuine(p, q, start, steps).items()}


def mean_of_ratios(p, q, start, steps):
    """The mean of the ratios of the single steps in place of the ratio of the sums."""
    found = chains(p, q, start, steps)
    ratio = (found.free[0] / found.forced[0]).cumsum(0) / found.lengths()
    return {**genuine(p, q, start, steps), "acc_err": found.lengths() * ratio, "ex_acc_err": 100 * (ratio - 1)}


def averages_off_support(p, q, start, steps):
    """Prefixes outside the support are averaged in, each with what P says after its last symbol."""
    found = genuine(p, q, start, steps)
    each, own, true = divergences(p.log(), q.log()), torch.eye(len(p), dtype=torch.float64)[start], None
    true, free, forced = own, [], []
    for _ in range(steps):
        free.append(each @ own)
        forced.append(each @ true)
        own, true = own @ q, true @ p
    free, forced = torch.stack(free, 1), torch.stack(forced, 1)
    ratio = free[0].cumsum(0) / forced[0].cumsum(0)
    return {
        **found, "acc_err": torch.arange(1, steps + 1) * ratio, "ex_acc_err": 100 * (ratio - 1),
        "eb_c_tv": free[2] / forced[2], "eb_c_js": free[3] / forced[3],
    }  # fmt: skip
