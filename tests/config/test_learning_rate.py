"""Tests of schedules: rates and plateaus are those of torch, patience ends where it says, and each has its own settings."""

from __future__ import annotations

import math

import pytest
import torch

from freerun.config import learning_rate
from freerun.config.learning_rate import Decay, Patience, Plateau, factor
from freerun.config.training_settings import Optimizer, Training
from freerun.errors import ConfigError
from freerun.laws.toolkit import CLOSE
from freerun.parts.settings import build
from freerun.random_streams import uniforms


def rated(schedule, losses=None, count=60):
    """The rates that a scheduler of torch gives one weight, from 0.3 on."""
    weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = torch.optim.SGD([weight], lr=0.3)
    scheduler, rates = schedule(optimizer), []
    for at in range(count):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step() if losses is None else scheduler.step(losses[at])
    return rates


def law_steps_are_those_of_torch(rate) -> None:
    for every, by in ((1, 0.9), (7, 0.1), (60, 0.5), (100, 0.5)):
        told = rated(lambda optimizer, every=every, by=by: torch.optim.lr_scheduler.StepLR(optimizer, every, by))
        own = [0.3 * rate(Decay.step, update, 60, every, by) for update in range(60)]
        assert own == pytest.approx(told, rel=CLOSE, abs=0)


def law_plateaus_are_those_of_torch(kind) -> None:
    """Losses fall, stay, rise, come back within the threshold, and are once undefined."""
    falls = 0
    for seed in range(8):
        losses = [
            (1 + math.exp(-at / 9) * (draw - 0.5) + 2 * math.exp(-at / 20)) / 100
            for at, draw in enumerate(uniforms(seed, "losses", 0, (60, 1))[:, 0].tolist())
        ]
        losses[20] = math.nan
        for by, patience, threshold in ((0.5, 0, 0.0), (0.1, 2, 1e-4), (0.6, 5, 0.05)):
            told = rated(
                lambda optimizer, by=by, patience=patience, threshold=threshold: torch.optim.lr_scheduler.ReduceLROnPlateau(
                    optimizer, factor=by, patience=patience, threshold=threshold, eps=0
                ),
                losses,
            )
            plateau, own = kind(by=by, patience=patience, threshold=threshold), []
            for loss in losses:
                own.append(0.3 * plateau.factor)
                plateau.see(None if math.isnan(loss) else loss)
            assert own == pytest.approx(told, rel=2 * CLOSE, abs=0)
            falls += own[-1] < own[0]
    assert falls > 10


def law_patience_ends_after_so_many(kind) -> None:
    """Written out: the least loss is so many losses ago."""
    ends = set()
    for seed in range(8):
        losses = (uniforms(seed, "losses", 0, (30, 1))[:, 0] * 8 + 20).round().tolist()
        best, better = math.inf, []  # by a tenth
        for loss in losses:
            better.append(loss < 0.9 * best)
            best = loss if better[-1] else best
        for most in (1, 2, 5):
            slow = kind(most=most, threshold=0.1)
            for at, loss in enumerate(losses):
                slow.see(loss)
                assert slow.ended == any(not any(better[end - most + 1 : end + 1]) for end in range(most, at + 1))
            watched, told = kind(most=most), []
            for loss in losses:
                watched.see(loss)
                told.append(watched.ended)
            own = [
                any(at - losses[: at + 1].index(min(losses[: at + 1])) >= most for at in range(end + 1)) for end in range(30)
            ]
            assert told == own
            ends.add(own.index(True) if True in own else None)
    assert len(ends) > 3


def law_more_is_better_the_other_way_round(kind) -> None:
    """Values of which more is better are told what torch tells of them, and those below 0 what their mirror image is told."""
    for seed in range(8):
        values = (uniforms(seed, "losses", 0, (30, 1))[:, 0] * 8 + 20).round().tolist()
        scheduler, weight = torch.optim.lr_scheduler.ReduceLROnPlateau, torch.nn.Parameter(torch.zeros(1))
        torchs = scheduler(torch.optim.SGD([weight], lr=1.0), mode="max", factor=0.5, patience=2, threshold=0.1)
        more, mirrored = kind(by=0.5, patience=2, threshold=0.1, sign=1.0), kind(by=0.5, patience=2, threshold=0.1)
        for value in values:
            torchs.step(value)
            more.see(value)
            mirrored.see(-value)
            assert more.factor == mirrored.factor == torchs.get_last_lr()[0]


class AlwaysLess(Plateau):
    """Forgets which way is better."""

    def __post_init__(self):
        self.sign = -1.0
        super().__post_init__()


class Late(Plateau):
    """Lets one loss fewer pass."""

    def see(self, loss):
        super().see(loss)
        if self._worse >= self.patience > 0:
            self.factor, self._worse = self.factor * self.by, 0


class NeverForgives(Plateau):
    """Counts on behind a better loss."""

    def see(self, loss):
        before = self._worse
        super().see(loss)
        self._worse += before if self._worse == 0 and loss == self._best else 0


class Absolute(Plateau):
    def see(self, loss):
        super().see(None if loss is None or loss >= self._best - self.threshold else loss)


class Equals(Patience):
    """Takes an equal loss for a better one."""

    def see(self, loss):
        super().see(loss if loss != self._best else loss - 1e-9)


class ForgetsTheThreshold(Patience):
    def see(self, loss):
        threshold, self.threshold = self.threshold, 0.0
        super().see(loss)
        self.threshold = threshold


class Hasty(Patience):
    def see(self, loss):
        super().see(loss)
        self.ended = self.ended or self._worse >= max(1, self.most - 1)


def early(decay, update, updates, every, by):
    return factor(decay, update + 1, updates, every, by)


LAWS = {
    law_steps_are_those_of_torch: (factor, [early, lambda decay, update, updates, every, by: by ** (update / every)]),
    law_plateaus_are_those_of_torch: (Plateau, [Late, NeverForgives, Absolute]),
    law_more_is_better_the_other_way_round: (Plateau, [AlwaysLess]),
    law_patience_ends_after_so_many: (Patience, [Equals, Hasty, ForgetsTheThreshold]),
}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law_and_what_it_catches(law):
    sound, broken = LAWS[law]
    law(sound)
    for part in broken:
        with pytest.raises(AssertionError):
            law(part)


def test_a_setting_of_another_decay_is_refused():
    for words, told in (
        ({"decay_every": 5}, "decay_every=5: decay=cosine does not use it; choose training.decay=step"),
        ({"decay": "plateau", "decay_every": 5}, "decay=plateau does not use it"),
        ({"decay": "step"}, "decay_every must be set for decay=step"),
        ({"decay": "step", "decay_every": 5, "decay_patience": 1}, "choose training.decay=plateau"),
        ({"decay": "constant", "decay_factor": 0.5}, "choose training.decay=step or plateau"),
        ({"decay": "plateau", "decay_factor": 1.0}, "decay_factor must lie in (0, 1)"),
        ({"decay": "plateau", "decay_threshold": -0.1}, "decay_threshold must lie in [0, 1)"),
        ({"decay": "plateau", "decay_patience": -1}, "decay_patience must not be negative"),
        ({"decay": "step", "decay_every": 0}, "decay_every must be at least 1"),
        ({"watch": "loss"}, "watch=loss: nothing watches a curve"),
        ({"watch": "validation_free_rmse", "keep": "best"}, "nothing watches a curve"),
        ({"watch": "validation_free_rmse", "keep": "best", "patience": 3}, "keep=best goes by another curve"),
        ({"watch": "test_free_rmse", "keep": "watched"}, "is out of reach of training; choose validation_free_rmse"),
        ({"watch": "validation_rmse", "keep": "watched"}, "unknown curve; name a curve SPLIT_MODE_METRIC"),
        ({"watch": "validation_free_rsme", "keep": "watched"}, "unknown metric rsme; did you mean 'rmse'?"),
        ({"watch": "validation_free_chaos_floor", "keep": "watched"}, "is of neither mode"),
        ({"watch": "validation_free_coverage_90", "keep": "watched"}, "of neither direction that it is better"),
        ({"watch": 3, "keep": "watched"}, "training.watch must be text, got 3"),
        ({"patience": 0}, "patience must be at least 1"),
        ({"patience_threshold": 0.01}, "patience_threshold=0.01: no patience is set"),
        ({"patience": 3, "patience_threshold": 1.0}, "patience_threshold must lie in [0, 1)"),
    ):
        with pytest.raises(ConfigError) as refused:
            build(Training, "training", words)
        assert told in str(refused.value), words
        assert "\n" not in str(refused.value)


def test_what_is_not_said_of_a_decay_is_filled_in():
    plateau, step = Training(decay=Decay.plateau), Training(decay=Decay.step, decay_every=4)
    assert (plateau.decay_factor, plateau.decay_patience, plateau.decay_threshold) == (0.1, 10, 1e-4)
    assert step == Training(decay=Decay.step, decay_every=4, decay_factor=0.1)
    assert [step.rate(update) for update in (0, 3, 4, 8)] == [1.0, 1.0, 0.1, 0.1 * 0.1]
    assert Training(optimizer="sgd", momentum=0.5).momentum == 0.5
    assert Training(patience=3, watch="loss").watch == "loss"
    assert Training(optimizer=Optimizer.sgd).momentum == 0
    assert learning_rate.factor(Decay.plateau, 5, 10) == 1.0
