"""Tests of string statistics: counts are those of a hand."""

from __future__ import annotations

import math
from collections import Counter

import pytest
import torch

from freerun.measurement.statistics import string_statistics
from freerun.random_streams import stream

STEPS, ROWS, SYMBOLS = 12, 30, 3


def draw(number, weights=None):
    return torch.from_numpy(stream(number, "strings").choice(SYMBOLS, size=(STEPS, ROWS), p=weights))


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
@pytest.mark.parametrize("tabled", [0, string_statistics.TABLED])
def test_ngrams_are_counted_by_hand(n, tabled, monkeypatch):
    monkeypatch.setattr(string_statistics, "TABLED", tabled)
    x, y = draw(0), draw(1, [0.6, 0.3, 0.1])
    assert string_statistics.ngrams(x, y, n, SYMBOLS) == pytest.approx(by_hand(x, y, n), abs=1e-12)
    counts = torch.arange(STEPS)[:, None] < 4 + torch.arange(ROWS) % 7
    found = string_statistics.ngrams(x, y, n, SYMBOLS, counts, counts)
    assert found == pytest.approx(by_hand(x, y, n, counts), abs=1e-12)


def test_bigrams_see_an_order_that_single_symbols_do_not():
    x = torch.arange(STEPS)[:, None].expand(-1, ROWS) % SYMBOLS
    y = x.flip(0)
    assert string_statistics.ngrams(x, y, 1, SYMBOLS) == pytest.approx(0)
    assert string_statistics.ngrams(x, y, 2, SYMBOLS) == pytest.approx(1)


def test_lengths_are_compared_as_shares():
    ones = torch.tensor([1, 1, 3, 3]), torch.tensor([1, 2, 3, 3])
    assert string_statistics.lengths(*ones, 4) == pytest.approx(0.25)
    assert string_statistics.lengths(ones[0], torch.tensor([1, 3]), 4) == pytest.approx(0)


def test_too_short_strings_have_no_ngrams():
    found = string_statistics.ngrams(draw(0)[:2], draw(1)[:2], 3, SYMBOLS)
    assert math.isnan(found)
