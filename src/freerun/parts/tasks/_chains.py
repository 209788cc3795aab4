"""Markov chain of contexts: its recurrent class and its stationary distribution, exact where they are zero."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float

from freerun.errors import given


def successors(contexts: int, size: int) -> np.ndarray:
    """``[context, symbol] -> context``: the oldest symbol is dropped, the new one added."""
    return np.arange(contexts * size).reshape(contexts, size) % contexts


def recurrent(probs: Float[np.ndarray, "C K"]) -> list[int] | None:
    """Return the recurrent contexts of a chain, if they form a single class and all contexts lead to it; otherwise None."""
    contexts, size = probs.shape
    follow = successors(contexts, size)
    onward: list[list[int]] = [follow[c, probs[c] > 0].tolist() for c in range(contexts)]
    back: list[list[int]] = [[] for _ in range(contexts)]
    for context, followers in enumerate(onward):
        for follower in followers:
            back[follower].append(context)
    candidate, seen = 0, set[int]()
    for context in range(contexts):  # if every context leads to a common one, the last that none before led back from does
        if context not in seen:
            candidate = context
            seen |= _reached(context, back, seen)
    if len(_reached(candidate, back, set())) < contexts:
        return None
    return sorted(_reached(candidate, onward, set()))


def _reached(start: int, edges: list[list[int]], without: set[int]) -> set[int]:
    seen, todo = {start}, [start]
    while todo:
        for context in edges[todo.pop()]:
            if context not in seen and context not in without:
                seen.add(context)
                todo.append(context)
    return seen


def stationary(probs: Float[np.ndarray, "C K"]) -> Float[np.ndarray, " C"]:
    """Return the stationary distribution of the contexts, for a chain that has one."""
    return _solved(probs.tobytes(), probs.shape[1]).copy()


@lru_cache(maxsize=8)
def _solved(content: bytes, size: int) -> np.ndarray:
    probs = np.frombuffer(content).reshape(-1, size)
    kept = given(recurrent(probs))
    chain = np.zeros((len(probs), len(probs)))
    np.add.at(chain, (np.arange(len(probs))[:, None], successors(*probs.shape)), probs)
    whole = np.zeros(len(probs))
    whole[kept] = settled(chain[np.ix_(kept, kept)])
    return whole


def settled(chain: Float[np.ndarray, "C C"]) -> Float[np.ndarray, " C"]:
    """Return the stationary distribution of a chain in which every state can be reached from every other.

    By elimination without subtraction (Grassmann, Taksar & Heyman 1985, Oper. Res. 33, 1107), in an order of sums of its own:
    a library of products would give other last bits on another processor.
    """
    left = chain.copy()
    for n in range(len(left) - 1, 0, -1):
        left[:n, n] /= left[n, :n].sum()
        left[:n, :n] += np.outer(left[:n, n], left[n, :n])
    weights = np.zeros(len(left))
    weights[0] = 1
    for n in range(1, len(left)):
        weights[n] = (weights[:n] * left[:n, n]).sum()
    settled: np.ndarray = weights / weights.sum()
    return settled
