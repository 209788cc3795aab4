"""Tests of string statistics: counts are those of a hand, and the floor is what equal sources show."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch

from freerun.measurement.statistics import string_statistics
from freerun.measurement.statistics.two_sample import swaps
from freerun.streams import stream

STEPS, ROWS, SYMBOLS = 12, 30, 3


def draw(number, weights=None):
    return torch.from_numpy(stream(number, "strings").choice(SYMBOLS, size=(STEPS, ROWS), p=weights))


def signs(number, count=19):
    return swaps(torch.from_numpy(stream(number, "signs").random((count, ROWS))))


def by_hand(x, y, n, counts=None):
    def share(part):
        grams = Counter(
            tuple(part[t : t + n, r].tolist())
            for r in range(ROWS)
            for t in range(STEPS - n + 1)
            if counts is None or bool(counts[t : t + n, r].all())
        )
        total = sum(grams.values())
        return {gram: count / total for gram, count in grams.items()}

    p, q = share(x), share(y)
    return sum(abs(p.get(g, 0) - q.get(g, 0)) for g in p | q) / 2


@pytest.mark.parametrize("n", [1, 2, 3])
def test_ngrams_are_counted_by_hand(n):
    x, y = draw(0), draw(1, [0.6, 0.3, 0.1])
    assert string_statistics.ngrams(x, y, n, SYMBOLS, signs(0)).value == pytest.approx(by_hand(x, y, n), abs=1e-12)
    counts = torch.arange(STEPS)[:, None] < 4 + torch.arange(ROWS) % 7
    found = string_statistics.ngrams(x, y, n, SYMBOLS, signs(0), counts, counts)
    assert found.value == pytest.approx(by_hand(x, y, n, counts), abs=1e-12)


def test_the_floor_is_that_of_swapped_strings():
    x, y, s = draw(2), draw(3, [0.6, 0.3, 0.1]), signs(1, 5)
    moved = [torch.where(row < 0, torch.stack([y, x]), torch.stack([x, y])) for row in s]
    assert string_statistics.ngrams(x, y, 2, SYMBOLS, s).floor == pytest.approx(
        np.mean([by_hand(a, b, 2) for a, b in moved]), abs=1e-12
    )


def test_value_less_floor_is_0_in_mean_without_a_difference():
    """Over 200 pairs within 4 standard errors; and with one, never below in 20."""
    pairs = [string_statistics.ngrams(draw(2 * n), draw(2 * n + 1), 2, SYMBOLS, signs(n)) for n in range(200)]
    found = np.array([one.value - one.floor for one in pairs])
    assert abs(found.mean()) < 4 * found.std() / math.sqrt(len(found))
    other = [string_statistics.ngrams(draw(2 * n), draw(2 * n + 1, [0.6, 0.3, 0.1]), 2, SYMBOLS, signs(n)) for n in range(20)]
    assert all(one.value > one.floor for one in other)


def test_bigrams_see_an_order_that_single_symbols_do_not():
    x = torch.arange(STEPS)[:, None].expand(-1, ROWS) % SYMBOLS
    y = x.flip(0)
    assert string_statistics.ngrams(x, y, 1, SYMBOLS, signs(0)).value == pytest.approx(0)
    assert string_statistics.ngrams(x, y, 2, SYMBOLS, signs(0)).value == pytest.approx(1)


def test_lengths_are_up_to_the_first_end():
    x = torch.tensor([[0, 0, 2], [1, 2, 0], [2, 2, 1]])
    assert string_statistics.length(x, 2).tolist() == [2, 1, 0]
    assert string_statistics.length(x, 5).tolist() == [3, 3, 3]
    ones = torch.tensor([1, 1, 3, 3]), torch.tensor([1, 2, 3, 3])
    assert string_statistics.lengths(*ones, 4, torch.ones(1, 4)).value == pytest.approx(0.25)


def test_too_short_strings_have_no_ngrams():
    found = string_statistics.ngrams(draw(0)[:2], draw(1)[:2], 3, SYMBOLS, signs(0))
    assert math.isnan(found.value)
