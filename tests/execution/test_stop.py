"""Tests of runs that stop before their last update, and of those that go on from there: the same bits as in one go."""

from __future__ import annotations

import pytest

from freerun.config.hydra.compose import experiments
from freerun.config.run_identity import canonical, from_canonical
from freerun.errors import ConfigError
from freerun.execution.group_runner import run_group
from freerun.execution.planned_run import plan
from freerun.store import checkpoints
from freerun.store.records import Store
from freerun.store.results_folder import Place
from freerun.sweeps import cleaning
from freerun.sweeps.study import Study
from freerun.sweeps.sweep import do

WORDS = [
    "task=lorenz63", "task.sequences=24", "task.length=20", "evaluation.warmup=10", "evaluation.horizon=10",
    "evaluation.sequences=4", "evaluation.metrics=[loss]", "model=gru", "model.hidden=4", "training.batch=4",
    "training.log_every=4", "training.updates=21", "evaluation.orbit=0",
]  # fmt: skip
STOP = 9


def run_of(*words):
    (run,) = plan(experiments([*WORDS, *words], sweep=False))
    return run


def quiet(*_):
    """Nobody is told."""


def trained(folder, *runs, every=1000):
    store = Store(folder)
    store.open()
    for run in runs:
        run_group([run], store, quiet, every)
    return store


def weights(store, run):
    """The weights of a run and what its feeder remembers, as they are on disk."""
    return store.path(run.trained).with_suffix(".safetensors").read_bytes()


#: What a run remembers beside its weights: own states, coins of an epoch, an adapted share, the best weights so far.
KINDS = (
    "regime=scheduled_sampling", "regime=data_as_demonstrator", "regime=scheduled_sampling regime.coin=epoch regime.epoch=4",
    "regime=generalized_forcing regime.mode=adaptive regime.every=3", "regime=free_running training.keep=best training.lr=0.5",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_goes_on_has_the_bits_of_one_that_never_stopped(tmp_path, kind):
    whole = run_of(*kind.split())
    at_once = trained(tmp_path / "whole", whole)
    early, later = (run_of(*kind.split(), f"training.stop={stop}") for stop in (STOP, 2 * STOP))
    store = trained(tmp_path / "rungs", early, later, whole)
    assert store.read(early.trained)["provenance"]["resumed_from"] == []
    assert store.read(later.trained)["provenance"]["resumed_from"] == [STOP]
    assert store.read(whole.trained)["provenance"]["resumed_from"] == [STOP, 2 * STOP]
    assert weights(at_once, whole) == weights(store, whole)
    for part in ("curves", "memory", "status"):
        assert at_once.read(whole.trained)[part] == store.read(whole.trained)[part]
    assert at_once.read(whole.id)["series"] == store.read(whole.id)["series"]
    curve = store.read(whole.trained)["curves"]
    assert store.read(early.trained)["curves"] == [point for point in curve if point["update"] < STOP]
    assert not checkpoints.place(store, whole.course).exists(), "the last of them leaves none"


def test_a_run_that_stops_is_measured_as_it_is_there(tmp_path):
    """With a constant rate a run of fewer updates is the beginning of a longer one, but for what it logs at its end."""
    constant = ("training.decay=constant", "regime=free_running")
    short, early = run_of(*constant, f"training.updates={STOP}"), run_of(*constant, f"training.stop={STOP}")
    store = trained(tmp_path, short, early)
    assert weights(store, short) == weights(store, early)
    assert store.read(short.id)["series"] == store.read(early.id)["series"]


def test_a_run_goes_on_in_another_group(tmp_path):
    words = [*WORDS, "regime=free_running"]
    early = plan(experiments([*words, f"training.stop={STOP}", "seed=0,1,2"], sweep=True))
    whole = plan(experiments([*words, "seed=1,2,3"], sweep=True))
    store = Store(tmp_path / "rungs")
    store.open()
    run_group(early, store, quiet)
    run_group(whole, store, quiet)
    assert [store.read(run.trained)["provenance"]["resumed_from"] for run in whole] == [[STOP], [STOP], []]
    for run in whole:
        assert weights(trained(tmp_path / run.id, run), run) == weights(store, run)


def test_without_checkpoints_or_from_a_later_one_a_run_begins_anew(tmp_path):
    early, later, whole = run_of(f"training.stop={STOP}"), run_of(f"training.stop={2 * STOP}"), run_of()
    store = trained(tmp_path / "none", early, whole, every=0)
    assert store.read(whole.trained)["provenance"]["resumed_from"] == []
    store = trained(tmp_path / "later", later, early)
    assert store.read(early.trained)["provenance"]["resumed_from"] == []
    assert weights(trained(tmp_path / "early", early), early) == weights(store, early)
    assert not list((store.root / "aside").glob("*")), "a checkpoint of a later update is as good as any"


def test_the_default_is_no_part_of_an_identity():
    plain, said, early = run_of(), run_of("training.stop=null"), run_of(f"training.stop={STOP}")
    assert plain.id == said.id != early.id
    assert "stop" not in canonical(plain.experiment)["training"]
    assert plain.course == plain.trained == early.course != early.trained
    assert from_canonical(early.tree).training.end == STOP
    assert plain.experiment.training.end == 21


@pytest.mark.parametrize("stop", [0, 21, 30, -1])
def test_a_run_stops_before_its_last_update_or_not_at_all(stop):
    with pytest.raises(ConfigError, match=r"training\.stop must be below updates"):
        run_of(f"training.stop={stop}")


def test_what_was_left_to_go_on_from_goes_with_its_study(tmp_path):
    from freerun.execution.launchers.inline import Inline

    place = Place(results=tmp_path)
    run = run_of(f"training.stop={STOP}")
    assert do(Study(name="early", runs=[run], command=""), place, Inline()) == {}
    left = checkpoints.place(place.store, run.course)
    assert left.exists()
    assert left in cleaning.of_study("early", place).paths
    other = run_of()
    assert do(Study(name="whole", runs=[run, other], command=""), place, Inline()) == {}
    assert not left.exists()
    assert not any(path.stem.startswith(other.trained) for path in cleaning.of_study("early", place).paths)
