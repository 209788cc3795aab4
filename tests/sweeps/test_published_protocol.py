"""A published protocol is one study file: how it trains, stops and chooses are settings, and so are encoder and decoder."""

from __future__ import annotations

import pytest

from freerun.parts import registry
from freerun.sweeps import study

#: Teutsch & Maeder 2022, section 5 and their published code, but for what the file says is smaller: an epoch is 16 updates.
EPOCH = 16
PAPER = {
    "batch": 128, "lr": 0.001, "clip": None, "decay_factor": 0.6, "decay_patience": 10, "patience": 100,
    "patience_threshold": 0.01, "log_every": EPOCH, "watch": "validation_free_loss",
}  # fmt: skip
#: Steps of one Lyapunov time that are forecast, behind 150 that are read.
HORIZON = {"thomas": 182, "lorenz96": 12}


@pytest.fixture(scope="module", params=["gru", "encoder_decoder"])
def runs(request):
    words = ["model=encoder_decoder", "model.encoder_hidden=64"] if request.param == "encoder_decoder" else []
    return study.load("flipped_classroom_protocol", [*words, "seed=0"], None).runs


def test_the_study_file_is_the_protocol(runs):
    regimes = set()
    for run in runs:
        experiment, training = run.experiment, run.experiment.training
        assert {key: getattr(training, key) for key in PAPER} == PAPER
        assert (training.optimizer.value, training.decay.value, training.keep.value) == ("adam", "plateau", "best")
        task = registry.name_of(experiment.task)
        assert experiment.span == (150, HORIZON[task])
        assert training.updates == 1000 * EPOCH
        regime = experiment.regime
        if (name := registry.name_of(regime)) == "scheduled_sampling":
            assert (regime.coin.value, regime.epoch, regime.span) == ("epoch", EPOCH, 0.1)
            regimes.add((task, name, regime.start, regime.end))
        else:
            regimes.add((task, name))
    both = {("teacher_forcing",), ("free_running",), ("scheduled_sampling", 1.0, 0.0), ("scheduled_sampling", 0.0, 1.0)}
    assert regimes == {(task, *rest) for task in HORIZON for rest in both}
