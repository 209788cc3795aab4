"""Laws of a regime: a mask that is a function of its coins and the update alone, with the rate it claims."""

from __future__ import annotations

import math

import torch

from freerun.laws.toolkit import demand, only, same_bits
from freerun.parts.regimes import Regime

UPDATES = 40
WHEN = (0, 1, UPDATES // 2, UPDATES - 1)


def coins(steps: int, batch: int, seed: int = 0) -> torch.Tensor:
    """One uniform draw on [0, 1) for each step of each sequence."""
    return torch.rand((steps, batch), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def law_mask_has_the_coins_shape_and_lies_in_0_1(regime: Regime) -> None:
    """The mask has the shape and type of the coins, and every entry lies in [0, 1]."""
    for dtype in (torch.float32, torch.float64):
        for shape in ((1, 1), (1, 3), (7, 1), (7, 3)):
            for update in WHEN:
                mask = regime.mask(coins(*shape).to(dtype), update, UPDATES)
                demand(mask.shape == shape, f"coins {shape} give a mask {tuple(mask.shape)} at update {update}")
                demand(mask.dtype is dtype, f"coins are {dtype}, the mask is {mask.dtype}")
                reach = f"{float(mask.min()):.4g} .. {float(mask.max()):.4g}"
                demand(
                    bool(((mask >= 0) & (mask <= 1)).all()),
                    f"the mask {shape} reaches {reach} at update {update} of {UPDATES}",
                )


def law_probability_lies_in_0_1(regime: Regime) -> None:
    """At every update, without a warning or an overflow, also long after any schedule has ended."""
    for updates in (1, UPDATES, 10**9):
        for update in (0, 1, updates // 2, updates - 1, 10**9):
            p = regime.probability(update, updates)
            demand(0 <= p <= 1, f"the probability is {p:.4g} at update {update} of {updates}")


def law_pure(regime: Regime) -> None:
    """No progress, no chance of its own, nothing in place: asked in any order, twice, the answers are the same."""
    for shape in ((1, 1), (6, 4)):
        drawn = coins(*shape)
        kept = drawn.clone()
        first = {update: (regime.mask(drawn, update, UPDATES), regime.probability(update, UPDATES)) for update in WHEN}
        demand(same_bits(drawn, kept), f"coins {shape} were changed in place")
        for update in reversed(WHEN):
            mask, p = first[update]
            again = regime.probability(update, UPDATES)
            case = f"at update {update} of {UPDATES} depends on what was asked before"
            demand(p == again, f"the probability {case}: {p:.4g}, then {again:.4g}")
            demand(same_bits(mask, regime.mask(drawn, update, UPDATES)), f"the mask {shape} {case}")


def law_probability_is_the_masks_mean(regime: Regime) -> None:
    """The probability is the mean of the mask: within five standard errors of 40,000 coins, a step where coins say nothing."""
    size = 200
    for update in WHEN:
        p = regime.probability(update, UPDATES)
        mask, other = (regime.mask(coins(size, size, seed=seed), update, UPDATES) for seed in (update, update + 1))
        rounding = 1 / size if torch.equal(mask, other) else 1e-7
        spread = 5 * math.sqrt(p * (1 - p) / size**2) + rounding
        rate = float(mask.mean())
        demand(abs(rate - p) <= spread, f"claims {p:.3f} at update {update} of {UPDATES}, forces {rate:.3f}")


def law_a_fresh_coin_for_every_sequence_and_step(regime: Regime) -> None:
    """Where coins decide, no correlation between neighbours in time or batch, and rates that vary as independent coins do.

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
            case = f"at update {update} of {UPDATES}"
            demand(abs(correlation) < 5 / size, f"coins next to each other in {name} correlate by {correlation:.2f} {case}")
            rates = mask.mean(axis)
            ratio = float(rates.var() / (deviation.square().mean() / size).clamp(min=1e-9))
            demand(
                abs(ratio - 1) < 5 * math.sqrt(2 / size),
                f"rates over {name} vary {ratio:.1f} times as independent coins do {case}",
            )


@only(lambda regime: not regime.feeder().blends, "regimes that do not blend")
def law_steps_are_forced_or_free(regime: Regime) -> None:
    """Where a regime does not say that it blends, every entry of the mask is 0 or 1."""
    for update in WHEN:
        mask = regime.mask(coins(7, 3), update, UPDATES)
        between = mask[(mask != 0) & (mask != 1)]
        seen = between.flatten().tolist()[:1]
        demand(not seen, f"the mask holds {seen} at update {update} of {UPDATES}, and the regime does not say that it blends")


@only(lambda regime: regime.feeder().forced, "regimes that claim it")
def law_always_forced_is_true(regime: Regime) -> None:
    """A regime that claims to be always forced is; the fast path takes its word."""
    for update in WHEN:
        for low in (0.0, 1 - 2**-24):
            mask = regime.mask(coins(5, 4).clamp(min=low), update, UPDATES)
            demand(
                bool((mask == 1).all()), f"claims to be always forced, and is not at update {update}, for coins of {low:.3g}"
            )
        p = regime.probability(update, UPDATES)
        demand(p == 1, f"claims to be always forced, with probability {p:.4g} at update {update}")
