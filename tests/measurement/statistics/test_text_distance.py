"""Tests of the distances between texts: their formulas by hand, 0 in mean for one source, and seen where there are two."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from freerun.measurement.statistics import text_distance
from freerun.measurement.statistics.text_distance import GROUPS, distances
from freerun.parts.ngrams import NgramModel
from freerun.parts.tasks.text import Text
from freerun.random_streams import stream
from laws.broken.symbol_measures import floor_of_the_truth_alone

BLOCKS, SYMBOLS = 2 * GROUPS, 6


def text(number, rows, blocks=BLOCKS, steps=25, strings=6):
    """A text of a Markov chain: T blocks P."""
    chance = stream(number, "text distance")
    bounds, said = np.cumsum(rows, 1), np.zeros((steps, blocks, strings), dtype=np.int64)
    for t, coins in enumerate(chance.random((steps, blocks, strings))):
        said[t] = (bounds[said[t - 1] if t else said[t]] <= coins[..., None]).sum(-1).clip(max=SYMBOLS - 1)
    return said


def chain(number=0, sharpness=1.0):
    rows = stream(number, "chain").dirichlet(np.full(SYMBOLS, 0.5), SYMBOLS) ** sharpness
    return rows / rows.sum(1, keepdims=True)


def halves(both):
    half = both.shape[1] // 2
    return [part.reshape(len(both), -1) for part in (both[:, :half], both[:, half:])]


def chances(model, strings, first):
    """What a model says of every symbol of some strings from the step `first` on."""
    rows = np.arange(strings.shape[1])
    return np.array([model.distribution(strings[:t])[rows, strings[t]] for t in range(first, len(strings))])


def excess_by_hand(true, made, first):
    """J by n-gram models that are counted and asked one by one."""
    total = 0.0
    for a, b in ((0, 1), (1, 0)):
        models = [NgramModel(halves(part)[b], 5, SYMBOLS, first) for part in (true, made)]
        judged = [halves(part)[a] for part in (true, made)]
        for sign, part in zip((1, -1), judged, strict=True):
            p, q = (np.log(chances(model, part, first)).mean() for model in models)
            total += sign * (p - q) / 2
    return total


def divergence_by_hand(true, made, k):
    def shares(part):
        grams = Counter(
            tuple(part[t : t + k, n].tolist()) for n in range(part.shape[1]) for t in range(4 - k + 1, len(part) - k + 1)
        )
        return {gram: count / sum(grams.values()) for gram, count in grams.items()}

    def js(p, q):
        middle = {gram: (p.get(gram, 0) + q.get(gram, 0)) / 2 for gram in p | q}
        kl = [sum(share * math.log(share / middle[gram]) for gram, share in part.items()) for part in (p, q)]
        return sum(kl) / 2

    (true_a, true_b), (made_a, made_b) = ([shares(half) for half in halves(part)] for part in (true, made))
    return (js(true_a, made_b) + js(true_b, made_a) - js(true_a, true_b) - js(made_a, made_b)) / 2


def test_both_are_their_formulas():
    true, made = text(0, chain(0)), text(1, chain(1))
    found = distances(true, made, SYMBOLS, 4)
    assert found.excess.value == pytest.approx(excess_by_hand(true, made, 4), abs=1e-12)
    wanted = np.mean([divergence_by_hand(true, made, k) for k in (1, 2, 3, 4)])
    assert found.divergence.value == pytest.approx(wanted, abs=1e-12)


def test_leaving_a_group_out_is_counting_anew():
    """The first variant of the first half is the distance of texts without that group."""
    true, made = text(2, chain(0), BLOCKS), text(3, chain(1), BLOCKS)
    every = text_distance._tables(np.stack([true, made]), SYMBOLS, 0)
    found = text_distance._excess(every, SYMBOLS)[0, 0]
    left = [np.delete(part, np.arange(BLOCKS // 2 // GROUPS), 1) for part in (true, made)]
    padded = [np.concatenate([np.full((4, *part.shape[1:]), SYMBOLS), part]) for part in left]
    size = BLOCKS // 2 - BLOCKS // 2 // GROUPS
    total = 0.0
    for a, b in ((slice(0, size), slice(size, None)), (slice(size, None), slice(0, size))):
        models = [_model(part[:, b]) for part in padded]
        for sign, part in zip((1, -1), padded, strict=True):
            p, q = (np.log(_over(model, part[:, a].reshape(len(part), -1))).mean() for model in models)
            total += sign * (p - q) / 2
    assert float(found) == pytest.approx(total, abs=1e-12)


def _model(part):
    return NgramModel(part.reshape(len(part), -1), 5, SYMBOLS + 1, 4)


def _over(model, strings):
    """The chances of a model with one symbol more, that of the padding, whose flat bottom is that of the symbols there are."""
    chances = np.full((len(strings) - 4, strings.shape[1]), 1 / SYMBOLS)
    for n, counts in enumerate(model.counts, 1):
        for (t, column), shorter in np.ndenumerate(chances):
            gram = 0
            for symbol in strings[t + 5 - n : t + 5, column]:
                gram = gram * model.symbols + int(symbol)
            place = np.searchsorted(counts.contexts, gram // model.symbols)
            if place < len(counts.contexts) and counts.contexts[place] == gram // model.symbols:
                seen = counts.seen[counts.grams == gram].sum()
                chances[t, column] = (seen + counts.kinds[place] * shorter) / (counts.totals[place] + counts.kinds[place])
    return chances


def test_texts_of_one_source_are_at_0_and_within_their_interval():
    """Over 100 pairs: the mean within 4 standard errors of 0, and at least 92 intervals hold it (95 % is asked for)."""
    found = [distances(text(2 * n, chain()), text(2 * n + 1, chain()), SYMBOLS) for n in range(100)]
    for name in ("excess", "divergence"):
        each = [getattr(one, name) for one in found]
        values = np.array([one.value for one in each])
        assert abs(values.mean()) < 4 * values.std() / math.sqrt(len(values)), name
        assert sum(one.low <= 0 <= one.high for one in each) >= 92, name


def test_true_text_is_at_0_beside_other_true_text():
    """Real English, in blocks that share nothing: of 20 deals at least 18 intervals hold 0."""
    part = Text().build(0, 40).splits["test"].targets[0].numpy()
    size = len(part) // 48
    blocks = part[: 48 * size].reshape(48, size)[:, : size // 40 * 40].reshape(48, -1, 40)
    inside = 0
    for n in range(20):
        dealt = blocks[stream(n, "deal").permutation(48)].transpose(2, 0, 1)
        found = distances(dealt[:, :24], dealt[:, 24:], 84, 5)
        inside += found.excess.low <= 0 <= found.excess.high
        inside += found.divergence.low <= 0 <= found.divergence.high
    assert inside >= 36


@pytest.mark.parametrize("rows", [chain(1), chain(sharpness=2), chain(sharpness=0.5), np.tile(chain().mean(0), (SYMBOLS, 1))])
def test_another_source_is_further_than_its_interval(rows):
    found = distances(text(0, chain(), strings=30), text(1, rows, strings=30), SYMBOLS)
    assert found.excess.low > 0
    assert found.divergence.low > 0


def test_a_floor_of_the_truth_alone_is_won_by_saying_less():
    blunt, sharp = ([text(2 * n + 1, chain(sharpness=sharpness)) for n in range(10)] for sharpness in (1.0, 1.2))
    alone, both = ([], [])
    for n in range(10):
        true = text(2 * n, chain())
        alone.append([floor_of_the_truth_alone(true, part[n], SYMBOLS) for part in (blunt, sharp)])
        both.append([distances(true, part[n], SYMBOLS).divergence.value for part in (blunt, sharp)])
    assert np.mean(alone, 0)[1] < np.mean(alone, 0)[0]
    assert np.mean(both, 0)[1] > np.mean(both, 0)[0]
