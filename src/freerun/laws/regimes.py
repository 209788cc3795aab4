"""What a regime owes: a mask that is a function of its coins and the update alone, with the rate it claims."""

from __future__ import annotations

import math

import torch

from freerun.laws import same_bits
from freerun.regimes import Regime

UPDATES = 40
WHEN = (0, 1, UPDATES // 2, UPDATES - 1)


def coins(steps: int, batch: int, seed: int = 0) -> torch.Tensor:
    return torch.rand((steps, batch), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def law_mask_has_the_coins_shape_and_lies_in_0_1(regime: Regime) -> None:
    for dtype in (torch.float32, torch.float64):
        for shape in ((1, 1), (7, 3)):
            for update in WHEN:
                mask = regime.mask(coins(*shape).to(dtype), update, UPDATES)
                assert mask.shape == shape, f"coins {shape} give a mask {tuple(mask.shape)}"
                assert mask.dtype is dtype, f"coins are {dtype}, the mask is {mask.dtype}"
                assert bool(((mask >= 0) & (mask <= 1)).all()), (
                    f"the mask reaches {mask.min()} .. {mask.max()} at update {update}"
                )


def law_probability_lies_in_0_1(regime: Regime) -> None:
    """At every update, without a warning or an overflow, also long after any schedule has ended."""
    for updates in (1, UPDATES, 10**9):
        for update in (0, 1, updates // 2, updates - 1, 10**9):
            p = regime.probability(update, updates)
            assert 0 <= p <= 1, f"the probability is {p} at update {update} of {updates}"


def law_pure(regime: Regime) -> None:
    """No progress, no chance of its own, nothing in place: asked in any order, twice, the answers are the same."""
    drawn = coins(6, 4)
    kept = drawn.clone()
    first = {update: (regime.mask(drawn, update, UPDATES), regime.probability(update, UPDATES)) for update in WHEN}
    assert same_bits(drawn, kept), "the coins were changed in place"
    for update in reversed(WHEN):
        mask, p = first[update]
        assert p == regime.probability(update, UPDATES), f"the probability at update {update} depends on what was asked before"
        assert same_bits(mask, regime.mask(drawn, update, UPDATES)), (
            f"the mask at update {update} depends on what was asked before"
        )


def law_probability_is_the_masks_mean(regime: Regime) -> None:
    """Within five standard errors of 40,000 coins."""
    for update in WHEN:
        p = regime.probability(update, UPDATES)
        rate = float(regime.mask(coins(200, 200, seed=update), update, UPDATES).mean())
        spread = 5 * math.sqrt(p * (1 - p) / 40_000)
        assert abs(rate - p) <= spread + 1e-7, f"claims {p:.3f} at update {update}, forces {rate:.3f}"


def law_a_fresh_coin_for_every_sequence_and_step(regime: Regime) -> None:
    """Where coins decide: no correlation between neighbours in time or batch, and a rate that varies as independent coins do.

    Bounds are five standard errors of 200 x 200 independent coins.
    """
    size = 200
    drawn = [coins(size, size, seed=seed) for seed in range(2)]
    for update in WHEN:
        mask, other = (regime.mask(c, update, UPDATES) for c in drawn)
        p = regime.probability(update, UPDATES)
        if torch.equal(mask, other) or not 0.05 < p < 0.95:
            continue
        deviation = mask - mask.mean()
        for axis, name in ((0, "time"), (1, "the batch")):
            a, b = deviation.narrow(axis, 0, size - 1), deviation.narrow(axis, 1, size - 1)
            correlation = float((a * b).mean() / deviation.square().mean().clamp(min=1e-9))
            assert abs(correlation) < 5 / size, f"coins next to each other in {name} correlate by {correlation:.2f}"
            rates = mask.mean(axis)
            ratio = float(rates.var() / (deviation.square().mean() / size).clamp(min=1e-9))
            assert abs(ratio - 1) < 5 * math.sqrt(2 / size), f"rates over {name} vary {ratio:.1f} times as independent coins do"


def law_always_forced_is_true(regime: Regime) -> None:
    """A regime that claims to be always forced is; the fast path takes its word."""
    claimed = regime.always_forced
    masks = [regime.mask(coins(5, 4).clamp(min=low), update, UPDATES) for update in WHEN for low in (0.0, 1 - 2**-24)]
    if claimed:
        assert all(bool((mask == 1).all()) for mask in masks), "claims to be always forced, and is not"
        assert {regime.probability(update, UPDATES) for update in WHEN} == {1.0}, (
            "claims to be always forced with probability < 1"
        )
