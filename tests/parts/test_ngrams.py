"""Tests of the n-gram model: the formula of Witten and Bell, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from freerun.parts import ngrams
from freerun.parts.ngrams import NgramModel
from freerun.random_streams import stream

SYMBOLS = 4


def by_hand(strings, order, context, symbol, first=0):
    """The probability of a symbol after a context, by the recursion, counted one by one."""
    chance = 1 / SYMBOLS
    for n in range(1, order + 1):
        if n - 1 > len(context):
            break
        last = tuple(context[len(context) - n + 1 :])
        after = [
            int(column[t])
            for column in strings.T
            for t in range(max(first, n - 1), len(column))
            if tuple(column[t - n + 1 : t]) == last
        ]
        kinds = len(set(after))
        if after:
            chance = (after.count(symbol) + kinds * chance) / (len(after) + kinds)
    return chance


@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("first", [0, 3])
@pytest.mark.parametrize("tabled", [0, 400, ngrams.TABLED])
@pytest.mark.parametrize("counted", [0, ngrams.COUNTED])
def test_it_is_the_textbooks(order, first, tabled, counted, monkeypatch):
    """So it is whether what comes next is read from the table, is worked out, or both, and however strings are counted."""
    monkeypatch.setattr(ngrams, "TABLED", tabled)
    monkeypatch.setattr(ngrams, "COUNTED", counted)
    drawn = stream(order, "grams")
    strings, others = drawn.choice(SYMBOLS - 1, (9, 12)), drawn.choice(SYMBOLS, (7, 5))  # one symbol was never seen
    model = NgramModel(strings, order, SYMBOLS, first)
    for t in range(len(others)):
        spread = model.distribution(others[:t])
        assert spread.sum(1) == pytest.approx(np.ones(5), abs=1e-14)
        for n in range(5):
            wanted = [by_hand(strings, order, others[:t, n].tolist(), k, first) for k in range(SYMBOLS)]
            assert spread[n] == pytest.approx(wanted, abs=1e-14)


def test_the_table_has_no_more_bytes_than_it_may_and_changes_no_bit(monkeypatch):
    drawn = stream(0, "table of grams")
    strings, others = drawn.choice(SYMBOLS, (20, 12)), drawn.choice(SYMBOLS, (20, 9))
    answers = []
    for room in (0, 400, 1200, ngrams.TABLED):
        monkeypatch.setattr(ngrams, "TABLED", room)
        model = NgramModel(strings, 5, SYMBOLS)
        answers.append([model.distribution(others[:t]).tobytes() for t in range(20)])
        assert model.table.chances.nbytes <= max(room, 8 * SYMBOLS)
    assert len(model.table.begins) == 6, "the last has room for all"
    assert answers == [answers[0]] * 4


def test_too_many_strings_are_refused():
    with pytest.raises(ValueError, match="order must leave fewer than"):
        NgramModel(np.zeros((5, 2), dtype=np.int64), 20, 10)


def test_other_rows_are_looked_up_where_the_table_tells_all(monkeypatch):
    drawn = stream(0, "rows")
    strings = drawn.choice(SYMBOLS, (9, 12))
    model, before = NgramModel(strings, 3, SYMBOLS), drawn.choice(SYMBOLS, (5, 6))
    assert model.tabled
    assert np.array_equal(model.looked_up(before, 2 * model.table.chances), 2 * model.distribution(before))
    monkeypatch.setattr(ngrams, "TABLED", 400)
    part = NgramModel(strings, 3, SYMBOLS)
    assert not part.tabled
    with pytest.raises(ValueError, match="tells of every context"):
        part.looked_up(before, part.table.chances)
