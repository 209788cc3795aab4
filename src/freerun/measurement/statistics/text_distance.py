"""Distances between two texts, the true one and one that was made, which are 0 in mean where both have one source.

Both texts are dealt out in blocks to two halves, a and b, so that there are four sets that share nothing: true and made text of
half a, and of half b. The prompts of a half are followed by both of its sets; what is judged and what it is judged by are never
of the same half, and so never of the same prompts.

    J   = mean over (a, b), (b, a) of  < true_a - made_a,  log f(true_b) - log f(made_b) >     nats a symbol
    JS' = mean over k of  [JS(true_a, made_b) + JS(true_b, made_a) - JS(true_a, true_b) - JS(made_a, made_b)] / 2

where f(s) is the 5-gram model with Witten-Bell smoothing (`freerun.parts.ngrams`) that was counted on s, and < , > the sum over
5-grams of the difference of their shares times the logarithm. J is an excess cross-entropy both ways: how much worse the made
text foretells the true one than true text of equal size does, and how much worse true text foretells the made one than more of
what was made does. JS' is the Jensen-Shannon divergence of the shares of k successive symbols, less half of both floors, truth
against truth and made against made; without the second a model would gain by saying little.

Where true and made text follow a prompt by one law, they may change places in half b, which turns the sign of both: so both are
0 in mean at any size of the sets. Their 95 % interval is a jackknife over groups of blocks, which are counted and judged anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from freerun.arithmetic import logarithm, logarithm_, root
from freerun.deferred_imports import torch
from freerun.engine.engine_choice import used
from freerun.errors import require
from freerun.measurement.accumulated_error_estimate import student

#: The order of the models, and the longest strings whose shares are compared.
ORDER, LONGEST = 5, 4
#: Groups of blocks of each half, of which the jackknife leaves out one at a time.
GROUPS = 6
#: Codes of strings are numbered by a table of up to so many entries.
TABLED = 2**22


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A distance with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Distances:
    """The distances of a made text from a true one.

    Attributes:
        excess: J.
        divergence: JS', the mean over the lengths of `floors`.
        floors: JS(true_a, true_b) for strings of 1, 2, ... symbols.
    """

    excess: Estimate
    divergence: Estimate
    floors: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Strings:
    """All strings of one length that end in what is scored, of both texts.

    Attributes:
        counts: how often each was counted, true and made, half, without each group in turn and then with all, ``[2 2 V G]``.
        context: which strings share all but their last symbol, as a number rising with the string.
        shorter: the place, among strings one shorter, of what is left without the oldest symbol.
    """

    counts: Float[torch.Tensor, "2 2 V G"]
    context: Int[np.ndarray, " G"]
    shorter: Int[np.ndarray, " G"]


def distances(true: Int[np.ndarray, "T B P"], made: Int[np.ndarray, "T B P"], symbols: int, first: int = 0) -> Distances:
    """The distances between two texts that were dealt out in blocks.

    Args:
        true, made: B blocks of P strings of T symbols, the first half of the blocks half a; B is a multiple of 2 `GROUPS`.
        symbols: K.
        first: symbols of each string, the prompt, that are read and not scored.
    """
    require(true.shape == made.shape, "made", made.shape, f"have the shape of true, {true.shape}")
    require(true.shape[1] % (2 * GROUPS) == 0, "blocks", true.shape[1], f"be a multiple of {2 * GROUPS}")
    tables = _tables(np.stack([true, made]), symbols, first)
    floors, variants = [], []
    for table in tables[:LONGEST]:
        shares = table.counts / table.counts.sum(-1, keepdim=True)
        across, floor = _divergences(shares)
        floors.append(float(floor[0, -1]))
        variants.append(across)
    excess = _estimate(_excess(tables, symbols))
    return Distances(excess=excess, divergence=_estimate(torch.stack(variants).mean(0)), floors=tuple(floors))


def _tables(pair: Int[np.ndarray, "2 T B P"], symbols: int, first: int) -> list[Strings]:
    """The strings of 1, 2, ..., `ORDER` symbols; what stands before a string is a symbol of its own."""
    texts, steps, blocks, _ = pair.shape
    padded = np.full((texts, steps + ORDER - 1, *pair.shape[2:]), symbols, dtype=np.int64)
    padded[:, ORDER - 1 :] = pair
    last = padded[:, first + ORDER - 1 :]
    place, tables, before = np.zeros_like(last), [], np.zeros(1, dtype=np.int64)
    scored = last.shape[1]
    for n in range(1, ORDER + 1):
        begin = first + ORDER - n
        longer, place = _numbered(padded[:, begin : begin + scored] * len(before) + place, (symbols + 1) * len(before))
        oldest, shorter = np.divmod(longer, len(before))
        known = oldest * (symbols + 1) ** (n - 1) + before[shorter]
        rows = np.arange(texts)[:, None, None, None] * 2 * GROUPS + np.arange(blocks)[:, None] // (blocks // (2 * GROUPS))
        counts = np.bincount((rows * len(known) + place).ravel(), minlength=texts * 2 * GROUPS * len(known))
        whole = counts.reshape(texts, 2, GROUPS, len(known))
        total = whole.sum(2, keepdims=True)
        variants = np.concatenate([total - whole, total], 2)
        tables.append(Strings(counts=torch.from_numpy(variants).double(), context=known // (symbols + 1), shorter=shorter))
        before = known
    return tables


def _numbered(codes: Int[np.ndarray, "*shape"], most: int) -> tuple[Int[np.ndarray, " G"], Int[np.ndarray, "*shape"]]:
    """All codes, numbers below `most`, rising, and the place of each: `numpy.unique`, by a table if that is small."""
    if most > TABLED:
        known, place = np.unique(codes, return_inverse=True)
        return known, place.reshape(codes.shape)
    found = np.zeros(most, dtype=bool)
    found[codes] = True
    known = np.flatnonzero(found)
    place = np.empty(most, dtype=np.int64)
    place[known] = np.arange(len(known))
    return known, place[codes]


def _excess(tables: list[Strings], symbols: int) -> Float[torch.Tensor, "2 V"]:
    """J without each group of each half in turn, and, last, with all."""
    top = tables[-1].counts
    ratio = logarithm(_chances(tables, symbols))
    ratio = ratio[0] - ratio[1]
    shares = top / top.sum(-1, keepdim=True)
    judged = shares[0] - shares[1]
    return torch.stack([_terms(judged[half], ratio[1 - half], judged[1 - half], ratio[half]) for half in range(2)])


def _terms(
    judged: Float[torch.Tensor, "V G"],
    by: Float[torch.Tensor, "V G"],
    judged_other: Float[torch.Tensor, "V G"],
    by_other: Float[torch.Tensor, "V G"],
) -> Float[torch.Tensor, " V"]:
    """J without groups of one half: one half judged by the model of the other, and the other way round, averaged."""
    return ((judged * by[-1]).sum(-1) + (judged_other[-1] * by_other).sum(-1)) / 2


def _chances(tables: list[Strings], symbols: int) -> Float[torch.Tensor, "2 2 V G"]:
    """The probability that each model gives to the last symbol of every string of `ORDER` symbols.

    Model by model: what one takes stays in the cache, which makes it five times as fast as all at once.
    """
    places = []
    for table in tables:
        new = np.diff(table.context, prepend=-1) > 0
        places.append((new.cumsum() - 1, table.shorter))
    models = [table.counts.flatten(0, 2).numpy() for table in tables]
    if library := used():
        from freerun.engine.compiled.smoothing import smoothed  # which loads torch

        rows = smoothed(library, models, places, 1 / symbols)
    else:
        rows = np.stack([_chance([each[row] for each in models], places, symbols) for row in range(len(models[0]))], axis=1)
    kinds = tables[-1].counts.shape
    # strings by strings in memory: so sums over them have always been taken, and their last bits are in kept tables
    return torch.from_numpy(rows).reshape(kinds[-1], *kinds[:-1]).permute(1, 2, 3, 0)


def _chance(counts: list[np.ndarray], places: list[tuple[np.ndarray, np.ndarray]], symbols: int) -> Float[np.ndarray, " G"]:
    """That of one model: from one length to the next, mixed with that of the shorter context (Witten-Bell)."""
    chance = np.full(1, 1 / symbols)
    for count, (place, shorter) in zip(counts, places, strict=True):
        total, kinds = (np.bincount(place, column) for column in (count, count > 0))  # of whole numbers, exact in any order
        before = chance.take(shorter)
        mixed = (count + kinds.take(place) * before) / np.where(total > 0, total + kinds, 1.0).take(place)
        chance = np.where((total > 0).take(place), mixed, before)
    return chance


def _divergences(shares: Float[torch.Tensor, "2 2 V G"]) -> tuple[Float[torch.Tensor, "2 V"], Float[torch.Tensor, "2 V"]]:
    """JS' of strings of one length, and its floor of the truth, without each group of each half in turn, and with all."""
    entropies, rows, floors = _entropy(shares), [], []
    for half in range(2):

        def js(x: int, y: int, half: int = half) -> Float[torch.Tensor, " V"]:
            middle = (shares[x, half] + shares[y, 1 - half, -1]).div_(2)
            return _entropy(middle) - (entropies[x, half] + entropies[y, 1 - half, -1]) / 2

        floor = js(0, 0)
        rows.append((js(0, 1) + js(1, 0) - floor - js(1, 1)) / 2)
        floors.append(floor)
    return torch.stack(rows), torch.stack(floors)


def _entropy(p: Float[torch.Tensor, "*rest G"]) -> Float[torch.Tensor, "*rest"]:
    return -logarithm_(p.clamp(min=torch.finfo(p.dtype).tiny)).mul_(p).sum(-1)


def _estimate(variants: Float[torch.Tensor, "2 V"]) -> Estimate:
    """The value with all groups, with the jackknife's interval over groups of both halves (Student's t, 2 (g - 1) degrees)."""
    value, without = variants[0, -1], variants[:, :-1]
    apart = without - without.mean(1, keepdim=True)
    half = student(2 * (GROUPS - 1)) * root(apart.square().sum() * (GROUPS - 1) / GROUPS)
    return Estimate(value=float(value), low=float(value - half), high=float(value + half))
