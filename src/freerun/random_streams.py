"""Random streams: every draw is a pure function of seed, stream and step.

Every draw is a pure function of (seed, stream name, step): a Philox counter generator whose 128-bit key is a hash of seed and
name, and whose counter starts at the step (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"). There is no
global generator, no state to save, and adding a draw to one stream never moves another.

The streams of a run: `data`, `init`, `order`, `coins`, `samples`, `dropout`, `window`, `evaluation`; of a task's fixed world:
`world`.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence


class _Key(ISeedSequence):
    """A key as numpy asks for one, so that it draws none from the operating system beforehand."""

    def __init__(self, key: np.ndarray) -> None:
        self.key = key

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> np.ndarray:
        return self.key


@lru_cache(maxsize=4096)
def _key(seed: int, name: str) -> _Key:
    return _Key(np.frombuffer(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:16], dtype=np.uint64))


def stream(seed: int, name: str, step: int = 0) -> np.random.Generator:
    """Return a fresh generator for one (seed, name, step).

    Args:
        seed: the seed of the run; any integer.
        name: the stream, for example ``"coins"``; a slash separates a sub-stream, ``"init/recurrent"``.
        step: what counts within the stream, usually the update. Steps lie 2**192 draws apart and never meet.
    """
    counter = np.array([0, 0, 0, step], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(_key(seed, name), counter=counter))  # type: ignore[arg-type]


def uniforms(seed: int, name: str, step: int, shape: tuple[int, ...]) -> np.ndarray:
    """Uniform draws on [0, 1), float32 with 24 random bits each, in the given shape."""
    return stream(seed, name, step).random(shape, dtype=np.float32)
