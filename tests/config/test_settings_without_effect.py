"""Tests of settings without effect: each is said in one line, or refused, and what does something is not."""

from __future__ import annotations

import pytest

from freerun import Experiment, Lorenz63
from freerun.config.evaluation_settings import Evaluation
from freerun.config.learning_rate import Decay
from freerun.config.level_weights import Levels
from freerun.config.training_settings import Training
from freerun.errors import ConfigError
from freerun.parts.models.direct import Direct
from freerun.parts.models.echo_state import EchoState
from freerun.parts.models.gru import GRU
from freerun.parts.models.output_recurrent import OutputRecurrent
from freerun.parts.objectives.diverted_chain import DivertedChain
from freerun.parts.objectives.exact_expert import ExactExpert
from freerun.parts.objectives.huber import Huber
from freerun.parts.objectives.pushforward import Pushforward
from freerun.parts.regimes.data_as_demonstrator import DataAsDemonstrator
from freerun.parts.regimes.free_running import FreeRunning
from freerun.parts.regimes.noisy_forcing import NoisyForcing
from freerun.parts.regimes.replay_buffer import ReplayBuffer
from freerun.parts.regimes.scheduled_sampling import ScheduledSampling
from freerun.parts.regimes.sparse_forcing import SparseForcing
from freerun.parts.regimes.teacher_forcing import TeacherForcing
from freerun.parts.tasks.burgers import Burgers
from freerun.parts.tasks.kuramoto_sivashinsky import KuramotoSivashinsky

#: Seven values of a curve are logged: of updates 0, 2, ..., 10, and of the last one.
LOGGED = {"updates": 12, "log_every": 2, "batch": 4}
STEP, PLATEAU = Decay.step, Decay.plateau
IDLE = [
    ({"regime": ScheduledSampling(end=1.0)}, "feeds exactly as regime=teacher_forcing"),
    ({"model": Direct(hidden=3), "regime": FreeRunning()}, "trains as under teacher_forcing"),
    ({"model": Direct(hidden=3), "regime": NoisyForcing()}, "trains as under teacher_forcing"),
    ({"model": EchoState(hidden=4)}, "choose model.density=0.5"),
    ({"objective": DivertedChain()}, "charges what objective=squared_error does"),
    ({"regime": ReplayBuffer(slots=4), "gradient": "stop"}, "no gradient runs through what regime=replay_buffer feeds"),
    ({"regime": DataAsDemonstrator(), "gradient": "every 2"}, "no gradient runs through what regime=data_as_demonstrator"),
    ({"regime": FreeRunning(), "gradient": "every 4", "training": Training(batch=4, truncate=2)}, "truncate=2 cuts it there"),
    ({"model": OutputRecurrent(hidden=3), "training": Training(batch=4, truncate=2)}, "so that nothing is cut"),
    (
        {"regime": FreeRunning(), "objective": Pushforward(), "gradient": "stop", "training": Training(levels=Levels.ramp)},
        "charges one step alone",
    ),
    ({"training": Training(decay=STEP, decay_every=12, **LOGGED)}, "training ends after 12 updates"),
    ({"training": Training(decay=STEP, decay_every=12, **{**LOGGED, "updates": 24}, stop=12)}, "ends after 12 updates"),
    ({"training": Training(decay=PLATEAU, decay_patience=6, **LOGGED)}, "only 7 values of its curve are logged"),
    ({"training": Training(patience=7, **LOGGED)}, "so that it ends no run"),
]
BUSY = [
    {"regime": ScheduledSampling()},
    {"model": Direct(hidden=3), "regime": TeacherForcing()},
    {"model": Direct(hidden=3), "regime": ReplayBuffer(slots=4)},
    {"model": EchoState(hidden=4, density=0.5)},
    {"objective": DivertedChain(), "regime": FreeRunning()},
    {"objective": DivertedChain(), "regime": NoisyForcing()},
    {"regime": ReplayBuffer(slots=4), "gradient": "stop", "objective": ExactExpert()},
    {"regime": FreeRunning(), "gradient": "every 4", "training": Training(batch=4, truncate=3)},
    {"model": OutputRecurrent(hidden=3), "regime": FreeRunning(), "training": Training(batch=4, truncate=2)},
    {"regime": SparseForcing(), "objective": Pushforward(), "gradient": "stop", "training": Training(levels=Levels.ramp)},
    {"training": Training(decay=STEP, decay_every=11, **LOGGED)},
    {"training": Training(decay=STEP, decay_every=11, **{**LOGGED, "updates": 0})},
    {"training": Training(decay=PLATEAU, decay_patience=5, **LOGGED)},
    {"training": Training(patience=6, **LOGGED)},
]


def made(**parts):
    settings = {"model": GRU(hidden=3), "training": Training(batch=4), **parts}
    evaluation = Evaluation(warmup=3, horizon=9, orbit=0)
    return Experiment(task=Lorenz63(sequences=24, length=12), evaluation=evaluation, **settings)


@pytest.mark.parametrize(("parts", "says"), IDLE, ids=lambda x: x if isinstance(x, str) else "")
def test_what_changes_nothing_is_said_in_a_line(parts, says):
    (line,) = made(**parts).notes
    assert says in line
    assert "\n" not in line
    assert len(line) <= 160


@pytest.mark.parametrize("parts", BUSY, ids=lambda x: "-".join(type(part).__name__ for part in x.values()))
def test_what_changes_something_is_not(parts):
    assert made(**parts).notes == ()


def test_feeds_that_no_sequence_reaches_are_refused():
    """Their weights would be read by a longer rollout, and never have been trained."""
    assert made(model=OutputRecurrent(hidden=3, order=12)).notes == ()
    with pytest.raises(ConfigError, match=r"in the last 13 steps, and a sequence has only 12 \(task.length\); choose fewer"):
        made(model=OutputRecurrent(hidden=3, order=13))


REFUSED = [
    (Burgers, {"viscosity": 0.02}, "viscosity must be at least 0.024"), (Burgers, {"viscosity": 1e9}, "at most 5 / dt"),
    (Burgers, {"points": 8, "modes": 1}, "viscosity must be at least 0.25"),
    (Burgers, {"dt": 0.5}, r"dt / substeps at most 0.2"), (Burgers, {"dt": 1e9}, "at most 5 / dt"),
    (KuramotoSivashinsky, {"domain": 6.0}, "lie above 2 pi"), (KuramotoSivashinsky, {"domain": 70.0}, "at most 65.97"),
    (KuramotoSivashinsky, {"points": 8}, "where 8 points resolve them"),
    (Huber, {"delta": 1e300}, "lie in"), (Huber, {"delta": 1e-300}, "lie in"),
]  # fmt: skip


@pytest.mark.parametrize(("part", "settings", "says"), REFUSED, ids=lambda x: x if isinstance(x, str) else "")
def test_numbers_with_which_a_part_says_nothing_of_its_equation_are_refused(part, settings, says):
    with pytest.raises(ConfigError, match=says):
        part(**settings)
