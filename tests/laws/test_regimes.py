"""Tests of the laws of regimes: a regime feeds as often, and as independently, as it says."""

from __future__ import annotations

import math

import pytest
import torch

from freerun.config.hydra.compose import experiments
from freerun.config.presets import presets
from freerun.errors import ConfigError
from freerun.laws import regimes as kit
from freerun.laws.register import of
from freerun.laws.toolkit import variants
from freerun.parts.regimes import Coin
from freerun.parts.regimes._schedule import Schedule
from freerun.parts.regimes.free_running import FreeRunning
from freerun.parts.regimes.random_unrolling import RandomUnrolling
from freerun.parts.regimes.scheduled_sampling import ScheduledSampling
from freerun.parts.regimes.teacher_forcing import TeacherForcing
from laws.broken import regimes as broken

LAWS = of("regime", "regimes")
PRESETS = {name: experiments([f"regime={name}", "task=lorenz63"], sweep=False)[0].regime for name in presets("regime")}
EPOCHS = {f"scheduled_sampling-epoch-{every}": ScheduledSampling(coin=Coin.epoch, epoch=every) for every in (1, 7)}
UNROLLED = {f"random_unrolling-{a}-{b}": RandomUnrolling(first=a, last=b, span=0.5) for a, b in ((0, 0), (3, 3), (6, 1))}
REGIMES = variants("regime") | PRESETS | EPOCHS | UNROLLED
CAUGHT = [
    (kit.law_mask_has_the_coins_shape_and_lies_in_0_1, broken.GoesOn),
    (kit.law_probability_lies_in_0_1, broken.GoesOn),
    (kit.law_pure, broken.ItsOwnChance),
    (kit.law_pure, broken.ChangesTheCoins),
    (kit.law_pure, broken.CountsItsCalls),
    (kit.law_probability_is_the_masks_mean, broken.Opposite),
    (kit.law_probability_is_the_masks_mean, broken.PerEpoch),
    (kit.law_probability_is_the_masks_mean, broken.Frozen),
    (kit.law_a_fresh_coin_for_every_sequence_and_step, broken.OneCoinForTheBatch),
    (kit.law_a_fresh_coin_for_every_sequence_and_step, broken.OneCoinForASequence),
    (kit.law_a_fresh_coin_for_every_sequence_and_step, broken.OneCoinForAStep),
    (kit.law_a_shared_coin_decides_alone, broken.ACoinOfItsOwnForEveryStep),
    (kit.law_a_shared_coin_decides_alone, broken.OneCoinForAllSequences),
    (kit.law_a_shared_coin_decides_alone, broken.TheLastCoin),
    (kit.law_a_shared_coin_decides_alone, broken.ACoinForEverySequence),
    (kit.law_a_shared_coin_decides_alone, broken.OneCoinForAllSteps),
    (kit.law_probability_is_the_masks_mean, broken.OppositeForABatch),
    (kit.law_drawn_stretches_are_equally_often_of_every_length, broken.NeverTheLongest),
    (kit.law_drawn_stretches_are_equally_often_of_every_length, broken.OneStretchForEveryStep),
    (kit.law_an_epoch_has_one_coin_and_one_probability, broken.TossesEveryUpdate),
    (kit.law_an_epoch_has_one_coin_and_one_probability, broken.MovesWithinAnEpoch),
    (kit.law_probability_is_the_masks_mean, broken.OppositeForAnEpoch),
    (kit.law_steps_are_forced_or_free, broken.BlendsInSecret),
    (kit.law_always_forced_is_true, broken.ClaimsForcing),
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
@pytest.mark.parametrize("regime", REGIMES.values(), ids=REGIMES)
def test_law(law, regime):
    law(regime)


@pytest.mark.parametrize(("law", "regime"), CAUGHT, ids=lambda x: x.__name__)
def test_law_catches(law, regime):
    with pytest.raises(AssertionError):
        law(regime())


def test_every_law_has_been_seen_to_fail():
    assert {law for law, _ in CAUGHT} == {law.function for law in LAWS}


def test_the_law_catches_an_overflowing_sigmoid():
    with pytest.raises(OverflowError):
        kit.law_probability_lies_in_0_1(broken.Overflows())


@pytest.mark.parametrize("start", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("schedule", Schedule)
@pytest.mark.parametrize("end", [0.0, 0.6, 1.0])
def test_every_schedule_keeps_the_laws_falling_and_rising(schedule, start, end):
    if schedule is Schedule.constant and end not in (0.0, start):
        with pytest.raises(ConfigError, match="end has no meaning"):
            ScheduledSampling(schedule=schedule, start=start, end=end)
        return
    for law in LAWS:
        law(ScheduledSampling(schedule=schedule, start=start, end=end))


@pytest.mark.parametrize(
    ("schedule", "k", "wanted"),
    [
        (Schedule.linear, 0.01, lambda i: max(0.25, 1 - 0.01 * i)),
        (Schedule.exponential, 0.99, lambda i: max(0.25, 0.99**i)),
        (Schedule.inverse_sigmoid, 20.0, lambda i: max(0.25, 20 / (20 + math.exp(i / 20)))),
    ],
)
def test_a_schedule_with_its_own_constant_has_a_floor(schedule, k, wanted):
    regime = ScheduledSampling(schedule=schedule, k=k, end=0.25)
    for update in (0, 1, 50, 74, 75, 76, 1000):
        assert regime.probability(update, 100) == pytest.approx(wanted(update), abs=1e-12)


def test_the_span_is_where_a_schedule_has_ended():
    assert ScheduledSampling(span=0.5).probability(50, 100) == 0
    assert ScheduledSampling(span=0.5).probability(25, 100) == pytest.approx(0.5)
    assert ScheduledSampling(schedule=Schedule.exponential, span=0.5).probability(50, 100) == pytest.approx(0.01)
    rising = ScheduledSampling(start=0.2, end=0.8, span=1.0)
    assert [rising.probability(i, 100) for i in (0, 50, 100)] == pytest.approx([0.2, 0.5, 0.8])


def test_no_schedule_ends_before_training_does_unless_it_is_told_to():
    for updates in (10, 1000):
        last = [ScheduledSampling(schedule=schedule).probability(updates - 1, updates) for schedule in Schedule]
        assert all(p > 0 for p in last), f"the truth is never fed at the last update, and before: {last}"
        assert ScheduledSampling().probability(updates, updates) == 0


def test_a_schedule_moves_at_every_update():
    regime = ScheduledSampling(span=1.0)
    values = [regime.probability(i, 100) for i in range(100)]
    assert len(set(values)) == 100
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize(
    ("p", "regime"), [(1.0, TeacherForcing()), (0.0, FreeRunning())], ids=["teacher_forcing", "free_running"]
)
def test_the_ends_of_scheduled_sampling_are_the_other_regimes(p, regime):
    ends = ScheduledSampling(schedule=Schedule.constant, start=p)
    for update in kit.WHEN:
        drawn = kit.coins(20, 20)
        assert (ends.mask(drawn, update, 40) == regime.mask(drawn, update, 40)).all()
        assert ends.probability(update, 40) == regime.probability(update, 40)


@pytest.mark.parametrize(
    "settings",
    [
        {"start": 1.5}, {"start": -0.1}, {"end": 2.0}, {"end": math.nan}, {"span": 0.0}, {"span": 1.1}, {"k": -1.0},
        {"schedule": Schedule.exponential, "k": 1.0}, {"schedule": Schedule.inverse_sigmoid, "k": 0.5},
        {"schedule": Schedule.constant, "k": 0.5}, {"epoch": 5}, {"coin": Coin.epoch}, {"coin": Coin.epoch, "epoch": 0},
        {"coin": Coin.sequence, "epoch": 5},
    ],
    ids=repr,
)  # fmt: skip
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ConfigError, match=r"must|no meaning"):
        ScheduledSampling(**settings)


@pytest.mark.parametrize(
    ("coin", "wanted"),
    [
        (Coin.sequence, "one coin for all steps of a sequence"), (Coin.batch, "one coin for all steps of a batch"),
        (Coin.batch_step, "one coin for a step of all sequences of a batch"),
    ],
    ids=lambda x: getattr(x, "value", ""),
)  # fmt: skip
def test_coins_that_are_shared_by_declaration_are_reported(coin, wanted):
    law = next(law for law in LAWS if law.name == "a_shared_coin_decides_alone")
    assert law(ScheduledSampling(coin=coin)) == wanted
    assert not law.applies(ScheduledSampling())


def test_coins_that_are_shared_in_secret_are_told_how_to_say_so():
    law = next(law for law in LAWS if law.name == "a_fresh_coin_for_every_sequence_and_step")
    assert "`coin = Coin.sequence`" in law.cure
    with pytest.raises(AssertionError, match="independent coins"):
        law(broken.OneCoinForTheBatch())


def test_a_stretch_and_where_it_lies_are_those_of_its_coin():
    """By hand: 3 c = n + what is left, which is the phase as a share of n + 1."""
    regime = RandomUnrolling(first=2, last=2)
    drawn = torch.tensor([0.1, 0.4, 0.6, 0.9]).double().expand(6, 4)
    wanted = [range(6), (0, 2, 4), (1, 3, 5), (1, 4)]
    assert [[t for t in range(6) if column[t]] for column in regime.mask(drawn, 0, 9).T] == [list(steps) for steps in wanted]
    assert regime.probability(0, 9) == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert [RandomUnrolling(last=4, span=0.5).longest(update, 9) for update in (0, 2, 4, 8)] == [0, 2, 4, 4]
    assert RandomUnrolling(first=0, last=0).comes_to(range(5)) == "teacher_forcing"


@pytest.mark.parametrize("settings", [{"first": -1}, {"last": -1}, {"span": 0.0}, {"span": 1.5}], ids=repr)
def test_lengths_out_of_range_are_refused(settings):
    with pytest.raises(ConfigError, match="must lie in"):
        RandomUnrolling(**settings)
