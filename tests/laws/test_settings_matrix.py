"""Matrix of settings: each two of those that protocols are made of run three updates together, or are refused in a line.

From one plain run two things are changed at a time: model, regime, objective, gradient, or how it is trained. What runs changes
the weights, beside the run where it alone is taken back, unless it is known and said that it does not.
"""

from __future__ import annotations

import copy
import itertools
from functools import cache

import pytest

from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import Experiment
from freerun.config.learning_rate import Decay
from freerun.config.level_weights import Levels
from freerun.config.training_settings import Keep, Optimizer, Training
from freerun.engine import training
from freerun.engine.replicas import Group
from freerun.errors import ConfigError
from freerun.laws.toolkit import small
from freerun.parts import registry
from freerun.parts.models.echo_state import EchoState
from freerun.parts.models.encoder_decoder import Cell, EncoderDecoder
from freerun.parts.models.gru import GRU
from freerun.parts.models.hidden_recurrent import HiddenRecurrent
from freerun.parts.models.lstm import LSTM
from freerun.parts.models.output_recurrent import OutputRecurrent
from freerun.parts.objectives.diverted_chain import DivertedChain, Target
from freerun.parts.objectives.gaussian_likelihood import GaussianLikelihood
from freerun.parts.objectives.professor_forcing import ProfessorForcing
from freerun.parts.regimes import Coin
from freerun.parts.regimes.free_running import FreeRunning
from freerun.parts.regimes.noisy_free_running import Level, NoisyFreeRunning
from freerun.parts.regimes.random_unrolling import RandomUnrolling
from freerun.parts.regimes.replay_buffer import ReplayBuffer
from freerun.parts.regimes.scheduled_sampling import ScheduledSampling
from freerun.parts.tasks.hidden_markov import HiddenMarkov
from freerun.parts.tasks.lorenz63 import Lorenz63
from laws.runs import unchecked

LENGTH, WARMUP = 6, 2
TASKS = {
    "symbols": small(HiddenMarkov, sequences=8, length=LENGTH),
    "values": small(Lorenz63, sequences=8, length=LENGTH),
    "increments": small(Lorenz63, sequences=8, length=LENGTH, predict="increment"),
}
PLAIN = {"model": GRU(hidden=3), "regime": FreeRunning(), "objective": None, "gradient": "through", "training": {}}
OTHERS = ("direct", "lru", "min_gru", "selective_ssm", "transformer")
CHANGED = {
    "model": {
        **{name: small(registry.get("model", name), hidden=3) for name in OTHERS},
        "two layers": GRU(hidden=3, layers=2), "dropout": HiddenRecurrent(hidden=3, layers=2, dropout=0.5),
        "layers of an lstm": LSTM(hidden=2, layers=2), "order": OutputRecurrent(hidden=3, order=3),
        "encoder apart": EncoderDecoder(hidden=3, cell=Cell.lstm, encoder_hidden=2, encoder=Cell.hidden_recurrent),
        "reservoir": EchoState(hidden=5, squares=True, density=0.5),
    },
    "regime": {
        **{name: registry.get("regime", name)() for name in registry.builtin_parts("regime") if name != "free_running"},
        **{f"coin a {coin.value}": ScheduledSampling(coin=coin, start=0.5) for coin in Coin if coin is not Coin.epoch},
        "coin an epoch": ScheduledSampling(coin=Coin.epoch, epoch=2, start=0.5),
        "drawn level": NoisyFreeRunning(level=Level.drawn), "long stretches": RandomUnrolling(first=3, last=1),
        "small buffer": ReplayBuffer(slots=4, fresh=0.3),
    },
    "objective": {
        **{
            name: registry.get("objective", name)()
            for name in registry.builtin_parts("objective")
            if name not in ("distillation", "cross_entropy", "squared_error")
        },
        "professor_forcing": ProfessorForcing(trust=0.0),
        "diverted chain, stopped": DivertedChain(target=Target.stop), "branch of 2": DivertedChain(branch=2),
        "mixed residual": DivertedChain(labels=0.5), "mixture": GaussianLikelihood(components=2),
    },
    "gradient": {"stop": "stop", "every 2": "every 2"},
    "training": {
        "window": {"window": 2}, "truncated": {"truncate": 2}, "ramp": {"levels": Levels.ramp},
        "last": {"levels": Levels.last}, "geometric": {"levels": Levels.geometric, "level_ratio": 0.5},
        "momentum": {"optimizer": Optimizer.sgd, "momentum": 0.9},
        "decoupled": {"optimizer": Optimizer.adamw, "weight_decay": 0.1},
        "steps": {"decay": Decay.step, "decay_every": 1}, "plateau": {"decay": Decay.plateau, "decay_patience": 0},
        "patience": {"patience": 1}, "best": {"keep": Keep.best}, "norms": {"gradient_norms": True},
    },
}  # fmt: skip
CASES = [(kind, name) for kind, choices in CHANGED.items() for name in choices]
PAIRS = [pair for pair in itertools.combinations(CASES, 2) if pair[0][0] != pair[1][0]]
#: A sixth or a tenth of the pairs is tried each time; all of them with every=1.
#: What changes no weight by what it is, in three updates; and what coins, windows or slots leave as it is by chance.
MOVES_NOTHING = {("training", name) for name in ("plateau", "patience", "best", "norms")}
BY_CHANCE = {("regime", "coin a batch"), ("regime", "coin an epoch"), ("regime", "replay_buffer"), ("training", "window")}


def experiment(task: str, *changes: tuple[str, str]) -> Experiment:
    """The plain run with some changes."""
    chosen = {**PLAIN, **{kind: CHANGED[kind][name] for kind, name in changes}}
    settings = {"updates": 3, "batch": 3, "log_every": 1, "lr": 0.01, **chosen.pop("training")}
    evaluation = Evaluation(sequences=2, warmup=WARMUP, horizon=LENGTH - WARMUP, orbit=0, metrics=["loss"])
    parts = {name: copy.copy(part) for name, part in chosen.items()}
    return Experiment(task=copy.copy(TASKS[task]), training=Training(**settings), evaluation=evaluation, **parts)


@cache
def world(task: str):
    return TASKS[task].build(0, LENGTH)


def weights(task: str, run: Experiment) -> bytes:
    """What a run leaves behind; it must not break."""
    group = Group([run], {0: world(task)})
    (outcome,) = training.train(group)
    assert outcome.broke is None, f"{run} broke: {outcome.broke}"
    return group.parameters.flat.numpy().tobytes()


def tried(task: str, *changes: tuple[str, str]) -> tuple[bytes | None, str]:
    """What a run with some changes leaves behind and what is said of it; nothing, and why it is refused."""
    try:
        run = experiment(task, *changes)
    except ConfigError as fault:
        return None, str(fault)
    return weights(task, run), " ".join(run.notes)


@pytest.mark.slow
@pytest.mark.parametrize(("task", "every"), [("values", 6), ("symbols", 10), ("increments", 10)])
def test_every_two_settings_run_together_or_are_refused_and_none_is_idle_in_silence(task, every):
    with unchecked():
        alone = {case: tried(task, case)[0] for case in CASES}
        ran = 0
        for pair in PAIRS[::every]:
            found, said = tried(task, *pair)
            if found is None:
                assert "\n" not in said, pair
                assert len(said) <= 300, f"{pair}: {said}"
                assert "choose" in said or "leave" in said, f"{pair}: no remedy in {said!r}"
                continue
            ran += 1
            for changed, other in (pair, pair[::-1]):
                idle = alone[other] == found and changed not in MOVES_NOTHING and not BY_CHANCE & {changed, other}
                assert not idle or said, f"{changed} changes nothing beside {other}, and nothing is said of it"
    assert ran > len(PAIRS) // every / 3
