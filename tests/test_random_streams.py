"""Tests of the random streams: every draw is a function of seed, name and step, and of nothing else."""

from __future__ import annotations

import itertools
import zlib

import numpy as np
import pytest

from freerun.random_streams import stream, uniforms

SEEDS = (0, 1, -1, 2**31, 2**32, 2**32 + 1, 2**40, 2**64, 2**80)
NAMES = ("data", "init", "init/a", "order", "coins", "samples", "evaluation/test")


def law_pure(draw) -> None:
    first = draw(3, "coins", 7, (5, 4))
    np.random.default_rng(0).random(100)
    draw(3, "coins", 8, (50, 4))
    assert np.array_equal(first, draw(3, "coins", 7, (5, 4))), "two equal calls differ"
    assert np.array_equal(first, draw(3, "coins", 7, (9, 4))[:5]), "a longer draw begins otherwise"


def law_every_key_is_its_own_stream(draw) -> None:
    seen = {}
    for key in itertools.product(SEEDS, NAMES, (0, 1, 2, 10**9)):
        value = draw(*key, (8,)).tobytes()
        assert value not in seen, f"{key} and {seen[value]} draw the same"
        seen[value] = key


def law_streams_are_independent(draw) -> None:
    """Correlations of 4,096 draws between neighbouring keys stay below six standard errors (6 / 64)."""
    keys = [(0, "coins", 0), (1, "coins", 0), (0, "coins", 1), (0, "samples", 0), (2**32, "coins", 0)]
    draws = np.stack([draw(*key, (4096,)) for key in keys]).astype(np.float64)
    worst = np.abs(np.corrcoef(draws) - np.eye(len(keys))).max()
    assert worst < 6 / 64, f"two streams correlate by {worst:.2f}"
    lagged = np.corrcoef(draws[0, 1:], draws[2, :-1])[0, 1]
    assert abs(lagged) < 6 / 64, "the next step continues this one, one draw later"


def law_draws_lie_in_0_1(draw) -> None:
    values = draw(0, "coins", 0, (1000, 100))
    assert values.shape == (1000, 100)
    assert values.min() >= 0
    assert values.max() < 1
    assert abs(values.mean() - 0.5) < 6 / np.sqrt(12 * values.size)


class Broken:
    _global = np.random.default_rng(0)

    @classmethod
    def from_a_global_generator(cls, seed, name, step, shape):
        return cls._global.random(shape)

    @staticmethod
    def by_seed_arithmetic(seed, name, step, shape):
        return np.random.default_rng((seed + zlib.crc32(name.encode()) + step) % 2**64).random(shape)

    @staticmethod
    def by_32_bits(seed, name, step, shape):
        return uniforms(seed % 2**32, name, step, shape)

    @staticmethod
    def by_advancing(seed, name, step, shape):
        size = int(np.prod(shape))
        return stream(seed, name).random(size + step % 1000)[step % 1000 :].reshape(shape)

    @staticmethod
    def up_to_2(seed, name, step, shape):
        return 2 * uniforms(seed, name, step, shape)


LAWS = [law_pure, law_every_key_is_its_own_stream, law_streams_are_independent, law_draws_lie_in_0_1]
CAUGHT = [
    (law_pure, Broken.from_a_global_generator),
    (law_every_key_is_its_own_stream, Broken.by_32_bits),
    (law_every_key_is_its_own_stream, Broken.by_seed_arithmetic),
    (law_streams_are_independent, Broken.by_advancing),
    (law_draws_lie_in_0_1, Broken.up_to_2),
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law):
    law(uniforms)


@pytest.mark.parametrize(("law", "draw"), CAUGHT, ids=lambda x: x.__name__)
def test_law_catches(law, draw):
    with pytest.raises(AssertionError):
        law(draw)


def test_every_law_has_been_seen_to_fail():
    assert {law for law, _ in CAUGHT} == set(LAWS)
