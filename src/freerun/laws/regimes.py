"""Laws of a regime: a mask that is a function of its coins and the update alone, with the rate it claims."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import torch

from freerun.engine.feeding import Lessons
from freerun.engine.replicas import Group
from freerun.errors import given
from freerun.laws.engine import experiments
from freerun.laws.toolkit import demand, only, same_bits
from freerun.parts.regimes import Coin, Regime

UPDATES = 40
WHEN = (0, 1, UPDATES // 2, UPDATES - 1)


def coins(steps: int, batch: int, seed: int = 0) -> torch.Tensor:
    """One uniform draw on [0, 1) for each step of each sequence."""
    return torch.rand((steps, batch), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def law_mask_has_the_coins_shape_and_lies_in_0_1(regime: Regime) -> None:
    """The mask has the shape and type of the coins, and every entry lies in [0, 1].

    Cure: return `(condition).to(coins.dtype).expand_as(coins)`; clamp a blend to [0, 1].
    """
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
    """At every update, without a warning or an overflow, also long after any schedule has ended.

    Cure: clamp the schedule, `min(1.0, update / max(1, updates - 1))`, and let it stay at its end when `update` goes beyond
    `updates`.
    """
    for updates in (1, UPDATES, 10**9):
        for update in (0, 1, updates // 2, updates - 1, 10**9):
            p = regime.probability(update, updates)
            demand(0 <= p <= 1, f"the probability is {p:.4g} at update {update} of {updates}")


def law_pure(regime: Regime) -> None:
    """No memory, no randomness of its own, no change in place: asked in any order, twice, the answers are the same.

    Cure: compute from the arguments and the settings alone: keep nothing in `self`, draw nothing, count no calls, and write no
    coin in place.
    """
    for shape in ((1, 1), (6, 4)):
        drawn = coins(*shape)
        kept = drawn.clone()
        first = {update: (regime.mask(drawn, update, UPDATES), regime.probability(update, UPDATES)) for update in WHEN}
        demand(same_bits(drawn, kept), f"coins {shape} were changed in place")
        for update in reversed(WHEN):
            mask, p = first[update]
            second = regime.probability(update, UPDATES)
            case = f"at update {update} of {UPDATES} depends on what was asked before"
            demand(p == second, f"the probability {case}: {p:.4g}, then {second:.4g}")
            demand(same_bits(mask, regime.mask(drawn, update, UPDATES)), f"the mask {shape} {case}")


def law_probability_is_the_masks_mean(regime: Regime) -> None:
    """The probability is the mean of the mask: within five standard errors of its coins, a step where coins say nothing.

    There are 40,000 coins in all, 4,000 where a whole mask has one.

    Cure: return the share of truth (1 is teacher forcing), not the model's; of a mask that shares its coins declare `coin`
    first, for the mean is taken over independent coins.
    """
    steps, batch, masks = _TOSSES[coin_of(regime)]
    tosses = 4_000 if masks > 2 else 40_000
    for update in WHEN:
        p = regime.probability(update, UPDATES)
        tossed = [regime.mask(coins(steps, batch, seed=1000 * update + k), update, UPDATES) for k in range(max(2, masks))]
        rounding = 1 / steps if torch.equal(tossed[0], tossed[1]) else 1e-7
        spread = 5 * math.sqrt(p * (1 - p) / tosses) + rounding
        rate = sum(float(mask.mean()) for mask in tossed[:masks]) / masks
        demand(abs(rate - p) <= spread, f"claims {p:.3f} at update {update} of {UPDATES}, forces {rate:.3f}")


#: Steps, sequences and masks that hold the coins, by what one coin decides for.
_TOSSES = {
    Coin.step: (200, 200, 1), Coin.sequence: (2, 20_000, 2), Coin.batch_step: (20_000, 2, 2), Coin.batch: (2, 2, 4_000),
    Coin.epoch: (2, 2, 4_000),
}  # fmt: skip
#: What one coin that is not of one step of one sequence decides for, in words.
_SHARED = {
    Coin.sequence: "all steps of a sequence", Coin.batch_step: "a step of all sequences of a batch",
    Coin.batch: "all steps of a batch", Coin.epoch: "all steps of an epoch",
}  # fmt: skip


def coin_of(regime: Regime) -> Coin:
    """What one coin decides for, as a regime declares it by a setting `coin`; a step where it declares nothing."""
    coin = getattr(regime, "coin", Coin.step)
    return coin if isinstance(coin, Coin) else Coin.step


@only(lambda regime: regime.draws_stretches, "regimes that draw how long the model runs on its own")
def law_drawn_stretches_are_equally_often_of_every_length(regime: Regime) -> str:
    """By the first coin of a sequence alone: n free steps after every truth, each n up to the declared one as often.

    Cure: draw the length as `floor(coins[0] * (longest + 1))` and nothing from the other coins.
    """
    spoken = []
    for update in WHEN:
        most = regime.longest(update, UPDATES)  # type: ignore[attr-defined]
        steps, count = 2 * most + 3, 2_000
        drawn, other = coins(steps, count, seed=update), coins(steps, count, seed=update + 1)
        other[0] = drawn[0]
        mask = regime.mask(drawn, update, UPDATES)
        case = f"at update {update} of {UPDATES}"
        demand(same_bits(mask, regime.mask(other, update, UPDATES)), f"other coins than the first count {case}")
        counts = [0] * (most + 1)
        for column in mask.T.tolist():
            forced = [t for t, share in enumerate(column) if share]
            gaps = {b - a - 1 for a, b in itertools.pairwise(forced)}
            demand(len(gaps) == 1, f"the stretches of one sequence have the lengths {sorted(gaps)} {case}")
            demand(forced[0] <= (n := gaps.pop()) <= most, f"a stretch of {max(n, forced[0])} steps {case}, at most {most}")
            counts[n] += 1
        expected = count / (most + 1)
        off = max(abs(seen - expected) for seen in counts) / max(1.0, math.sqrt(expected))
        demand(off < 5, f"of 0 .. {most} free steps {counts} are drawn {case}")
        spoken.append(most)
    return f"up to {min(spoken)} .. {max(spoken)} free steps"


@only(lambda regime: coin_of(regime) is not Coin.step and not regime.draws_stretches, "regimes whose coins are shared")
def law_a_shared_coin_decides_alone(regime: Regime) -> str:
    """One coin for a sequence, a batch or an epoch: its first one, exactly; no other counts, and each has its own.

    Cure: compare the first coin of what is shared, `coins[:1]` of a sequence, `coins[:, :1]` of a step of the batch, `coins[:1,
    :1]` of a batch, with `self.probability(update, updates)`.
    """
    steps, sequences = {Coin.sequence: (1, 50), Coin.batch_step: (7, 1)}.get(coin_of(regime), (1, 1))
    for update in WHEN:
        p = regime.probability(update, UPDATES)
        drawn, drawn_again = coins(7, 50, seed=update), coins(7, 50, seed=update + 1)
        first = drawn[:steps, :sequences]
        drawn_again[:steps, :sequences] = first
        wanted = (first < p).to(drawn.dtype).expand_as(drawn)
        for name, seen in (("", drawn), (", whatever the other coins", drawn_again)):
            off = int((regime.mask(seen, update, UPDATES) != wanted).sum())
            demand(off == 0, f"{off} of 350 steps are not decided by the first coin at update {update}{name}")
    return f"one coin for {_SHARED[coin_of(regime)]}"


@only(lambda regime: coin_of(regime) is Coin.epoch and not regime.feeder().forced, "regimes with a coin for an epoch")
def law_an_epoch_has_one_coin_and_one_probability(regime: Regime) -> None:
    """Fed by the real engine, the mask changes between epochs alone, and it is that of the first coin of the stream.

    Cure: feed by `MaskedByEpoch`, and let the probability move once an epoch.
    """
    feeder = regime.feeder()
    epoch_updates = getattr(feeder, "every", 0)
    demand(epoch_updates >= 1, f"{type(feeder).__name__} does not say how many updates an epoch has (`every`)")
    chosen = next(experiments(regime))
    updates, count = 3 * epoch_updates, chosen.training.batch
    chosen = replace(chosen, training=replace(chosen.training, updates=updates), seed=3)
    steps, warmup = chosen.task.length, chosen.span[0]
    group = Group([chosen], {3: chosen.task.build(3, max(steps, sum(chosen.span)))})
    lessons = Lessons(group)
    for update in range(updates):
        mask = lessons.give(update, group.weights(), {}).mask
        demand(mask is not None, f"the truth alone is fed at update {update}")
        epoch = update - update % epoch_updates
        p = regime.probability(epoch, updates)
        demand(regime.probability(update, updates) == p, f"the probability moves at update {update}, within an epoch")
        wanted = float(group.draws("coins", epoch, (steps, count))[0, 0, 0] < p)
        seen = given(mask)[warmup:]
        demand(bool((seen == wanted).all()), f"update {update} is not fed by the first coin of update {epoch}, {wanted}")


@only(lambda regime: coin_of(regime) is Coin.step, "regimes whose coins are not shared by declaration")
def law_a_fresh_coin_for_every_sequence_and_step(regime: Regime) -> None:
    """Where coins decide, no correlation between neighbours in time or batch, and rates that vary as independent coins do.

    Bounds are five standard errors of 200 x 200 independent coins.

    Cure: compare `coins` entry by entry; if a sequence, a batch or an epoch is meant to share one coin, say so by `coin =
    Coin.sequence` (or `batch_step`, `batch`, `epoch`; `freerun.parts.regimes.Coin`) in the class.
    """
    size = 200
    drawn = [coins(size, size, seed=seed) for seed in range(2)]
    for update in WHEN:
        mask, second_mask = (regime.mask(c, update, UPDATES) for c in drawn)
        p = regime.probability(update, UPDATES)
        if torch.equal(mask, second_mask) or not 0.05 < p < 0.95:
            continue
        deviation = mask - mask.mean()
        for axis, name in ((0, "time"), (1, "the batch")):
            a, b = deviation.narrow(axis, 0, size - 1), deviation.narrow(axis, 1, size - 1)
            correlation = float((a * b).mean() / deviation.square().mean().clamp(min=1e-9))
            case = f"at update {update} of {UPDATES}"
            demand(
                abs(correlation) < 5 / size,
                f"coins next to each other in {name} correlate by {correlation:.2f} {case}",
            )
            rates = mask.mean(axis)
            ratio = float(rates.var() / (deviation.square().mean() / size).clamp(min=1e-9))
            demand(
                abs(ratio - 1) < 5 * math.sqrt(2 / size),
                f"rates over {name} vary {ratio:.1f} times as independent coins do {case}",
            )


@only(lambda regime: not regime.feeder().blends, "regimes that do not blend")
def law_steps_are_forced_or_free(regime: Regime) -> None:
    """Where a regime does not say that it blends, every entry of the mask is 0 or 1.

    Cure: return 0 or 1 at each step, or let the feeder say `blends = True`.
    """
    for update in WHEN:
        mask = regime.mask(coins(7, 3), update, UPDATES)
        between = mask[(mask != 0) & (mask != 1)]
        seen = between.flatten().tolist()[:1]
        demand(not seen, f"the mask holds {seen} at update {update} of {UPDATES}, and the regime does not say that it blends")


@only(lambda regime: regime.feeder().forced, "regimes that claim it")
def law_always_forced_is_true(regime: Regime) -> None:
    """A regime that claims to be always forced is; the fast path takes its word.

    Cure: let the feeder say `forced = True` only if the mask is 1 at each step of each update.
    """
    for update in WHEN:
        for low in (0.0, 1 - 2**-24):
            mask = regime.mask(coins(5, 4).clamp(min=low), update, UPDATES)
            demand(
                bool((mask == 1).all()), f"claims to be always forced, and is not at update {update}, for coins of {low:.3g}"
            )
        p = regime.probability(update, UPDATES)
        demand(p == 1, f"claims to be always forced, with probability {p:.4g} at update {update}")
