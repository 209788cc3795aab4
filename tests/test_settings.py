from __future__ import annotations

import numpy as np
import pytest

from freerun import GRU, Experiment, HiddenMarkov, Lorenz63, ScheduledSampling, Training
from freerun.canonical import canonical, identity
from freerun.config import Decay
from freerun.errors import ConfigError
from freerun.tasks.lorenz63 import Predict


def changed(node, **values):
    """A node with settings put in after it was made, past the type checker of the tests."""
    for name, value in values.items():
        setattr(node, name, value)
    return node


def known(**settings):
    return identity(canonical(Experiment(task=HiddenMarkov(), model=GRU(), **settings)))


def test_text_for_a_choice_is_that_choice_and_the_same_run():
    assert Experiment(task=changed(Lorenz63(), predict="increment"), model=GRU()).task.predict is Predict.increment
    assert (
        Experiment(task=HiddenMarkov(), model=GRU(), training=changed(Training(), decay="constant")).training.decay
        is Decay.constant
    )
    assert known(training=changed(Training(), decay="constant")) == known(training=Training(decay=Decay.constant)) != known()
    regime = Experiment(
        task=HiddenMarkov(), model=GRU(), regime=changed(ScheduledSampling(), schedule="constant", start=0.5)
    ).regime
    assert regime.probability(900, 1000) == 0.5


def test_every_kind_of_integer_is_one_seed():
    assert known(seed=3) == known(seed=np.int64(3)) != known(seed=4)


@pytest.mark.parametrize("seed", [0.0, True, "0", None, 2**63, -(2**63) - 1])
def test_what_is_not_a_seed_is_refused(seed):
    with pytest.raises(ConfigError, match="seed"):
        known(seed=seed)


@pytest.mark.parametrize("hidden", [8.0, True, "8", None])
def test_a_width_is_a_whole_number(hidden):
    with pytest.raises(ConfigError, match=r"model\.hidden"):
        Experiment(task=HiddenMarkov(), model=changed(GRU(), hidden=hidden))


@pytest.mark.parametrize("lr", ["fast", True, float("inf"), float("nan")])
def test_a_rate_is_a_finite_number(lr):
    with pytest.raises(ConfigError, match=r"training\.lr"):
        known(training=changed(Training(), lr=lr))


def test_a_whole_number_for_a_number_is_the_same_run():
    assert known(training=changed(Training(), lr=1)) == known(training=Training(lr=1.0))
