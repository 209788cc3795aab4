"""Tests of the classifier test: chance without a difference, the best possible accuracy with one."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
import torch

from freerun.laws.toolkit import demand, same_bits
from freerun.measurement.statistics import two_sample_classifier
from freerun.measurement.statistics.two_sample_classifier import classify, null_interval
from freerun.random_streams import stream
from laws.broken import measures as broken


def sequences(number, rows, steps=4, width=2, shift=0.0, related=0.0):
    """Two samples of sequences of noise; the second is moved by `shift`, and like its partners as far as `related`."""
    chance = stream(number, "classifier")
    x, y = chance.normal(size=(2, steps, 1, rows, width))
    y = related * x + math.sqrt(1 - related**2) * y + shift
    return torch.from_numpy(x), torch.from_numpy(y), chance.random((3, rows))


def law_chance_is_binomial(judge) -> None:
    """Without a difference the right answers of 40 runs are binomial with 1/2, however alike partners are: mean and spread."""
    for related in (1.0, 0.0, 0.95):
        found = [judge(*sequences(n, 24, steps=2, related=related), n)[0] for n in range(40)]
        right, judged = sum(round(a.accuracy * a.held_out) for a in found), sum(a.held_out for a in found)
        low, high = scipy.stats.binom.interval(0.999, judged, 0.5)
        demand(low <= right <= high, f"{right} of {judged} right answers by chance (related by {related:g})")
        within = sum(a.low <= a.accuracy <= a.high for a in found)
        least = scipy.stats.binom.ppf(0.001, 40, scipy.stats.binom.cdf(round(found[0].high * 12), 12, 0.5) * 2 - 1)
        demand(within >= least, f"{within} of 40 in the null interval, not at least {least:g} (related by {related:g})")


def quick(x, y, coins, seed):
    return classify([(x, y)], coins, seed, updates=5)[0]


def test_chance_is_binomial():
    law_chance_is_binomial(quick)


@pytest.mark.parametrize("judge", [broken.judged_on_what_it_learned, broken.partners_apart], ids=lambda x: x.__name__)
def test_law_catches(judge):
    with pytest.raises(AssertionError):
        law_chance_is_binomial(judge)


def test_a_shift_is_found_as_well_as_it_can_be():
    """Two Gaussians a shift apart: no classifier is better than Phi(|shift| / 2); ours comes within 4 standard errors of it."""
    x, y, coins = sequences(0, 1200, steps=3, width=2, shift=0.6)
    best = scipy.stats.norm.cdf(0.6 * math.sqrt(3 * 2) / 2)
    found = classify([(x, y)], coins, 0)[0][0]
    error = math.sqrt(best * (1 - best) / found.held_out)
    assert found.held_out == 600
    assert best - 4 * error - 0.02 < found.accuracy < best + 4 * error
    assert found.accuracy > found.high


def test_an_order_in_time_is_seen():
    """The same values, in time or against it: nothing but the order tells the samples apart."""
    steps = torch.linspace(-1, 1, 6, dtype=torch.float64)[:, None, None, None]
    noise = torch.from_numpy(stream(1, "classifier").normal(size=(2, 6, 1, 200, 1)))
    pair = steps + noise[0] / 2, -steps + noise[1] / 2
    found = classify([pair], stream(2, "classifier").random((3, 200)), 0)[0][0]
    assert found.accuracy > 0.95


def test_several_pairs_side_by_side_are_each_as_alone():
    parts = [sequences(n, 16, shift=n / 2) for n in range(3)]
    alone = [classify([part[:2]], parts[0][2], 0)[0][0] for part in parts]
    x, y = (torch.cat([part[side] for part in parts], 1) for side in range(2))
    assert classify([(x, y)], parts[0][2], 0) == [alone]
    assert classify([(x, y), parts[1][:2]], parts[0][2], 0) == [alone, alone[1:2]]


def test_a_lot_has_the_same_bits_whatever_others_there_are(monkeypatch):
    """Not only the accuracy, which is coarse: the answers themselves."""
    said = []
    logits = two_sample_classifier._logits
    monkeypatch.setattr(two_sample_classifier, "_logits", lambda *given: said.append(logits(*given)) or said[-1])
    lots = [sequences(n, 16, steps=8, width=5, shift=n / 2)[:2] for n in range(4)]
    coins = sequences(0, 16)[2]
    classify(lots, coins, 0)
    together = said[-1]
    for n, lot in enumerate(lots):
        classify([lot], coins, 0)
        demand(same_bits(said[-1][0], together[n]), f"lot {n} has other bits alone")


def test_what_is_not_finite_is_undefined_and_harms_no_other():
    parts = [sequences(n, 16, shift=1.0) for n in range(2)]
    x, y = (torch.cat([part[side] for part in parts], 1) for side in range(2))
    y[2, 0, 3, 0] = torch.nan
    ((broken_one, fine),) = classify([(x, y)], parts[0][2], 0)
    assert math.isnan(broken_one.accuracy)
    assert [[fine]] == classify([parts[1][:2]], parts[0][2], 0)


@pytest.mark.parametrize("n", [4, 12, 32, 33, 64, 501])
def test_the_null_interval_is_scipys(n):
    low, high = scipy.stats.binom.interval(0.95, n, 0.5)
    assert null_interval(n) == (low / n, high / n)


def test_too_few_rows_are_refused():
    with pytest.raises(ValueError, match="four rows"):
        classify([(torch.zeros(2, 1, 3, 1), torch.zeros(2, 1, 3, 1))], np.zeros((3, 3)), 0)
