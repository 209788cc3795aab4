"""Tests of the choice of the engine: it is made by name, seen, and never mixed within a run."""

from __future__ import annotations

from unittest import mock

import pytest
import torch

from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import Experiment
from freerun.config.training_settings import Training
from freerun.engine import engine_choice
from freerun.engine.compiled.library import Library, library
from freerun.engine.engine_choice import engine_of, setting, use
from freerun.errors import ConfigError
from freerun.execution import launchers
from freerun.execution.group_runner import prepare, run_group
from freerun.execution.planned_run import plan
from freerun.laws.toolkit import gap, small
from freerun.parts.models.gru import GRU
from freerun.parts.models.shallow_plrnn import ShallowPLRNN
from freerun.parts.regimes.scheduled_sampling import ScheduledSampling
from freerun.parts.tasks.hidden_markov import HiddenMarkov
from freerun.parts.tasks.lorenz63 import Lorenz63
from freerun.store import run_notes
from freerun.store.records import Store

BUILT = Library("avx2", mock.sentinel.path)


@pytest.fixture(autouse=True)
def the_default_afterwards():
    yield
    use(None)


def experiment(task=Lorenz63, model=None, updates=4, **settings):
    return Experiment(
        task=small(task), model=model or GRU(hidden=3), regime=ScheduledSampling(),
        training=Training(updates=updates, batch=4, log_every=1),
        evaluation=Evaluation(sequences=4, warmup=2, orbit=0), **settings,
    )  # fmt: skip


def test_a_process_is_told_or_asks_its_environment(monkeypatch):
    monkeypatch.delenv(engine_choice.VARIABLE, raising=False)
    assert setting() == engine_choice.DEFAULT
    monkeypatch.setenv(engine_choice.VARIABLE, "auto")
    assert setting() == "auto"
    use("reference")
    assert setting() == "reference"
    use(None)
    assert setting() == "auto"
    monkeypatch.setenv(engine_choice.VARIABLE, "fast")
    with pytest.raises(ConfigError, match="FREERUN_ENGINE must be one of auto, reference, compiled, got 'fast'"):
        setting()
    with pytest.raises(ConfigError, match="engine must be one of"):
        use("fast")


def test_the_engine_of_a_run_says_why(monkeypatch):
    plain, other = experiment(), experiment(model=small(ShallowPLRNN))
    monkeypatch.setattr(engine_choice, "library", lambda: BUILT)
    assert str(engine_of(plain, "auto")) == str(engine_of(plain, "compiled")) == "compiled, avx2"
    assert str(engine_of(plain, "reference")) == "reference"
    assert not engine_of(plain, "reference").reason
    assert engine_of(other, "auto").reason == "it has no cell ShallowPLRNN"
    with pytest.raises(
        ConfigError, match=r"engine=compiled cannot be used here: it has no cell ShallowPLRNN; choose engine=auto"
    ):
        engine_of(other, "compiled")
    monkeypatch.setattr(engine_choice, "library", lambda: None)
    assert "no C compiler" in engine_of(plain, "auto").reason
    assert engine_of(plain, "auto").bits == "reference"


def test_instruction_sets_with_one_arithmetic_have_one_name_for_their_bits():
    assert (
        str(Library("avx2", mock.sentinel.path))
        == str(Library("avx512", mock.sentinel.path))
        != str(Library("portable", mock.sentinel.path))
    )


def test_a_launcher_takes_the_engine_by_either_word():
    for words in (["engine=auto"], ["launcher=inline", "launcher.engine=auto"]):
        chosen, rest = launchers.choose([*words, "seed=1"], {})
        assert (chosen.engine, chosen.terms.engine, rest) == ("auto", "auto", ["seed=1"])
    assert launchers.choose([], {})[0].engine is None
    with pytest.raises(ConfigError, match=r"launcher.engine must be auto, reference, compiled, or null"):
        launchers.choose(["engine=fast"], {})


@pytest.mark.skipif(library() is None, reason="the compiled engine is not built here (no C compiler)")
@pytest.mark.parametrize("task", [Lorenz63, HiddenMarkov])
def test_records_of_both_engines_hold_one_run(task, tmp_path):
    """One identity, the same numbers but for last bits, and each record names its engine."""
    records = {}
    for name in ("reference", "auto"):
        prepare(1, name)
        store, runs = Store(tmp_path / name), plan([experiment(task, dtype="float64")])
        store.open()
        run_group(runs, store, lambda *_: None)
        records[name] = store.read(runs[0].trained), store.weights(runs[0].trained), runs[0].trained
    (slow, slow_weights, one), (fast, fast_weights, other) = records.values()
    assert one == other
    assert slow["provenance"]["engine"] == "reference"
    assert fast["provenance"]["engine"].startswith("compiled, ")
    assert [point["quantity"] for point in slow["curves"]] == [point["quantity"] for point in fast["curves"]]
    for a, b in zip(slow["curves"], fast["curves"], strict=True):
        assert a["value"] == pytest.approx(b["value"], rel=1e-9)
    for name, value in slow_weights.items():
        assert gap(torch.from_numpy(value.copy()), torch.from_numpy(fast_weights[name].copy())) < 1e-6


@pytest.mark.skipif(library() is None, reason="the compiled engine is not built here (no C compiler)")
@pytest.mark.parametrize(("first", "then"), [("reference", "auto"), ("auto", "reference")])
def test_a_checkpoint_of_the_other_engine_is_not_gone_on_with(first, then, tmp_path):
    runs, store = plan([experiment(updates=6)]), Store(tmp_path)
    store.open()

    def stop(event, values):
        if values["update"] == 4:
            raise KeyboardInterrupt

    prepare(1, first)
    with pytest.raises(KeyboardInterrupt):
        run_group(runs, store, stop, checkpoint_every=2)
    prepare(1, then)
    run_group(runs, store, lambda *_: None, checkpoint_every=2)
    assert store.read(runs[0].trained)["provenance"]["resumed_from"] == []
    (note,) = run_notes.take(store, [runs[0].trained])
    assert "begins anew; its checkpoint, update " in note
    assert "another engine" in note


@pytest.mark.skipif(library() is None, reason="the compiled engine is not built here (no C compiler)")
def test_a_checkpoint_of_the_same_engine_is_gone_on_with_bit_for_bit(tmp_path):
    weights = []
    for folder, stops in (("calm", False), ("rough", True)):
        runs, store = plan([experiment(updates=6)]), Store(tmp_path / folder)
        store.open()
        prepare(1, "auto")

        def stop(event, values):
            if values["update"] == 4:
                raise KeyboardInterrupt

        if stops:
            with pytest.raises(KeyboardInterrupt):
                run_group(runs, store, stop, checkpoint_every=2)
        run_group(runs, store, lambda *_: None, checkpoint_every=2)
        weights.append(store.weights(runs[0].trained))
        assert bool(store.read(runs[0].trained)["provenance"]["resumed_from"]) is stops
    assert all(value.tobytes() == weights[1][name].tobytes() for name, value in weights[0].items())
