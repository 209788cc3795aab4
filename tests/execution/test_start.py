"""Tests of runs that begin with the weights of other ones: two stages are what one loop by hand makes of them."""

from __future__ import annotations

import shutil
from dataclasses import fields, replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch

from freerun.config.hydra.compose import experiments
from freerun.config.run_identity import canonical, from_canonical
from freerun.config.start_weights import _model_differs
from freerun.engine import engine_choice
from freerun.engine.replicas import Group
from freerun.errors import ConfigError
from freerun.execution.group_runner import run_group
from freerun.execution.grouping import groups
from freerun.execution.planned_run import plan
from freerun.parts import earlier_run
from freerun.parts.registry import parts
from freerun.random_streams import stream
from freerun.store import checkpoints
from freerun.store.claims import Claims
from freerun.store.records import Store
from freerun.sweeps import experiment_file
from laws import runs as kit
from tiers import tiered

WORDS = [
    "task=lorenz63", "task.sequences=24", "task.length=20", "evaluation.warmup=10", "evaluation.horizon=10",
    "evaluation.sequences=4", "evaluation.metrics=[loss]", "evaluation.orbit=0", "model=output_recurrent", "model.hidden=4",
    "training.batch=4", "training.log_every=4", "training.updates=5",
]  # fmt: skip
LETTERS = [
    "task=hidden_markov", "task.sequences=20", "task.length=12", "evaluation.sequences=5", "evaluation.horizon=4",
    "evaluation.metrics=[loss]", "training.updates=4", "training.batch=3", "training.log_every=2", "model=gru",
    "model.hidden=3",
]  # fmt: skip
ENGINES = ("reference", "compiled")


def quiet(*_):
    """Nobody is told."""


def runs_of(words, *more):
    return plan(experiments([*words, *more], sweep=True))


def trained(store, runs, every=0):
    store.open()
    for group in groups(runs, 64):
        run_group(group, store, quiet, every)
    return store


def first_stage(folder, words, *more):
    """Runs that others start from, and the paths of their records."""
    runs = runs_of(words, *more)
    store = trained(Store(folder / "first"), runs)
    return store, runs, [str(store.path(run.trained)) for run in runs]


@pytest.fixture(scope="module")
def letters(tmp_path_factory):
    """Two runs over symbols, trained."""
    return first_stage(tmp_path_factory.mktemp("letters"), LETTERS, "seed=0,1")


@pytest.fixture(scope="module")
def orbits(tmp_path_factory):
    """A run over values, trained."""
    return first_stage(tmp_path_factory.mktemp("orbits"), WORDS)


@pytest.fixture
def engine(request):
    """The engine that all runs of a test take."""
    engine_choice.use(request.param)
    yield request.param
    engine_choice.use(None)


def test_without_an_update_it_is_the_other_run_bit_for_bit(letters, tmp_path):
    """Two that start from two runs, and a third from one of them, in one group; by its record or by its weights."""
    first, runs, (one, other) = letters
    weights = str(Path(other).with_suffix(".safetensors"))
    words = [("training.start=" + one, "seed=0"), ("training.start=" + weights, "seed=1"), ("training.start=" + one, "seed=2")]
    second = [run for more in words for run in runs_of(LETTERS, "training.updates=0", *more)]
    assert len(groups(second, 64)) == 1
    store = trained(Store(tmp_path / "second"), second)
    for run, start in zip(second, (runs[0], runs[1], runs[0]), strict=True):
        kept, begun = store.weights(run.trained), first.weights(start.trained)
        assert kept.keys() == begun.keys()
        assert all(kept[name].tobytes() == begun[name].tobytes() for name in kept), run.experiment.seed
        assert store.read(run.trained)["curves"] == []


def by_hand(weights, data, updates, rate, free):
    """Gradient descent with Adam on the mean squared error after the warm-up, in plain torch."""
    weights = {name: torch.tensor(value, requires_grad=True) for name, value in weights.items()}
    optimizer = torch.optim.Adam(weights.values(), lr=rate)
    for update in range(updates):
        index = torch.from_numpy(stream(0, "order", update).integers(0, len(data), 4))
        sequences = data.take(index, 20)
        u, loss = sequences.start.double(), torch.zeros((), dtype=torch.float64)
        for t in range(20):
            truth = sequences.targets[t].double()
            hidden = torch.tanh(u @ weights["input.weight"] + weights["input.bias"])
            out = hidden @ weights["output.weight"] + weights["output.bias"]
            if t >= 10:
                loss = loss + (out - truth).square().mean() / 10
            u = out if free and t >= 10 else truth
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return {name: value.detach().numpy() for name, value in weights.items()}


@pytest.mark.parametrize("engine", tiered(ENGINES, quick=lambda name: name == "compiled"), indirect=True)
def test_two_stages_are_one_loop_by_hand(engine, tmp_path):
    """Teacher forcing and then the closed loop: the second stage counts updates from 0, and its optimiser knows nothing."""
    words = [*WORDS, "dtype=float64", "training.decay=constant", "training.clip=null", "training.lr=0.01"]
    store, (drawn, forced), _ = first_stage(tmp_path, words, "training.updates=0,5")
    start = f"training.start={store.path(forced.trained)}"
    (free,) = runs_of(words, "regime=free_running", "training.updates=7", "training.lr=0.003", start)
    trained(store, [free])
    data = free.experiment.task.build(0, 20).splits["train"]
    expected = by_hand(store.weights(drawn.trained), data, 5, 0.01, free=False)
    for stage, made in ((forced, expected), (free, by_hand(expected, data, 7, 0.003, free=True))):
        kept = store.weights(stage.trained)
        assert all(np.allclose(kept[name], made[name], rtol=1e-9, atol=1e-11) for name in made), stage.experiment.regime
    assert not np.allclose(store.weights(free.trained)["input.weight"], expected["input.weight"], rtol=1e-3)


def mixed(letters):
    """Runs that start from two runs, two of them from one, and one that starts from none, under regimes that share a group."""
    one, other = letters[2]
    each, other_way = (
        "model.hidden=3 evaluation.metrics=[loss] regime=" + name for name in ("free_running", "scheduled_sampling")
    )
    words = (f"{each} seed=0 training.start={one}", f"{each} seed=0,1 training.start={other}", f"{other_way} seed=2")
    return kit.planned("symbols", *words)


@pytest.mark.parametrize("engine", tiered(ENGINES, quick=lambda name: name == "compiled"), indirect=True)
def test_alone_and_in_a_group_are_the_same(engine, letters):
    runs = mixed(letters)
    assert len(groups(runs, 64)) == 1
    kit.law_alone_and_in_a_group_are_the_same(kit.Engine(), runs)


@pytest.mark.slow
def test_the_law_of_groups_catches_one_start_for_all(letters):
    def of_the_first(group):
        for r in range(len(group.experiments)):
            start = earlier_run.earlier_run("training.start", letters[2][0])
            if group.experiments[0].training.start is not None:
                group.parameters.put(r, {name: torch.from_numpy(value.copy()) for name, value in start.weights.items()})

    with mock.patch.object(Group, "_start", of_the_first), pytest.raises(AssertionError):
        kit.law_alone_and_in_a_group_are_the_same(kit.Engine(), mixed(letters))


class Killed(BaseException):
    """What a killed process does not say."""


@pytest.mark.parametrize("engine", tiered(ENGINES, quick=lambda name: name == "compiled"), indirect=True)
def test_killed_or_stopped_and_gone_on_with_it_has_the_same_bits(engine, letters, tmp_path):
    more = ("regime=free_running", "training.updates=9", f"training.start={letters[2][0]}")
    whole, early = *runs_of(LETTERS, *more), *runs_of(LETTERS, *more, "training.stop=3")
    at_once = trained(Store(tmp_path / "once"), [whole])
    killed, write = Store(tmp_path / "killed"), checkpoints.write

    def dies(*words):
        write(*words)
        raise Killed

    with mock.patch.object(checkpoints, "write", dies), pytest.raises(Killed):
        trained(killed, [whole], every=4)
    rungs = trained(Store(tmp_path / "rungs"), [early], every=100)
    for store, update in ((killed, 4), (rungs, 3)):
        trained(store, [whole], every=100)
        assert store.read(whole.trained)["provenance"]["resumed_from"] == [update]
        same = [each.path(whole.trained).with_suffix(".safetensors").read_bytes() for each in (at_once, store)]
        assert same[0] == same[1]
        assert store.read(whole.trained)["curves"] == at_once.read(whole.trained)["curves"]
    curve = at_once.read(whole.trained)["curves"]
    assert min(point["update"] for point in curve) == 0
    losses = [point["value"] for point in curve if point["quantity"] == "validation_forced_loss"]
    before = [p["value"] for p in letters[0].read(letters[1][0].trained)["curves"] if p["quantity"] == "validation_forced_loss"]
    assert abs(losses[0] - before[-1]) < abs(losses[0] - before[0]), "it goes on from where the other one was"


def copied(letters, folder):
    """The first run of a stage in a store of its own, its record and its weights, to be changed."""
    first, runs, _ = letters
    store, run = Store(folder / "copy"), runs[0].trained
    store.open()
    record, weights = first.read(run), first.weights(run)
    record.pop("weights")
    store.write(record, weights)
    return store, run, record, weights


def test_weights_that_changed_since_planning_are_refused(letters, tmp_path):
    store, run, record, weights = copied(letters, tmp_path)
    (second,) = runs_of(LETTERS, f"training.start={store.path(run)}")
    assert from_canonical(second.tree) == second.experiment
    store.path(run).unlink()
    store.write(record, {name: value + 1 for name, value in weights.items()})
    target = Store(tmp_path / "second")
    for trying in (lambda: from_canonical(second.tree), lambda: trained(target, [second])):
        with pytest.raises(ConfigError, match="its weights have changed since this run was planned"):
            trying()
    (anew,) = runs_of(LETTERS, f"training.start={store.path(run)}")
    assert anew.trained != second.trained, "other weights, another run"
    store.path(run).unlink()
    with pytest.raises(ConfigError, match=r"training\.start=.*: there is no record of such a run"):
        trained(target, [second])


def test_the_default_is_no_part_of_an_identity(letters):
    (plain,), (said,), (begun,) = (
        runs_of(LETTERS, *more) for more in ((), ("training.start=null",), (f"training.start={letters[2][0]}",))
    )
    assert plain.id == said.id != begun.id
    assert not {"start", "content", "recipe"} & plain.tree["training"].keys()
    assert {"start", "content", "recipe"} <= begun.tree["training"].keys()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("model.hidden=4", "its model has model.hidden=3, not 4"),
        ("model=lstm model.hidden=3", "its model is gru, not lstm"),
        ("dtype=float64", "its weights are float32, not float64"),
        ("feedback=none", "it has feedback=sample, and reads another input"),
        ("task.alphabet_size=5", "its task hidden_markov has 6 symbols, not 5"),
        ("task=embedded_reber", "its task hidden_markov has 6 symbols, not 7"),
        ("task=lorenz63 evaluation.horizon=2", "its task hidden_markov has symbols, not values"),
        ("training.start=0123456789abcdef", "there is no record of such a run"),
        ("training.start=/dev/null", "16 hexadecimal digits"),
        ("task=lorenz63 evaluation.horizon=2 model=echo_state", "is solved without a gradient; leave it out"),
        ("VALUES seed=1", "its values are scaled by other data (task lorenz63, seed 0); choose seed=0, or a run of seed 1"),
        ("VALUES task.sequences=25", "its values are scaled by other data (task lorenz63, seed 0)"),
        ("VALUES task.predict=increment", "it predicts values, not increments"),
        ("VALUES objective=gaussian_likelihood feedback=mean", "it predicts values, not distributions of values"),
        ("VALUES task=advection evaluation.warmup=2 evaluation.horizon=3", "its task lorenz63 has 3 values, not 30"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_line_that_says_what_differs(words, said, letters, orbits):
    start = f"training.start={(orbits if 'VALUES' in words else letters)[2][0]}"
    base = WORDS if "VALUES" in words else LETTERS
    typed = {word.partition("=")[0]: word for word in [*base, start, *words.removeprefix("VALUES ").split()]}
    if typed["task"] not in base:  # whose settings it need not have
        typed = {key: word for key, word in typed.items() if not key.startswith("task.") or word not in base}
    with pytest.raises(ConfigError) as fault:
        experiments(list(typed.values()), sweep=False)
    assert said in str(fault.value)
    assert "training.start=" in str(fault.value)
    assert "\n" not in str(fault.value)
    assert len(str(fault.value)) <= 220


@pytest.mark.parametrize("key", ["training.start", "objective.teacher"])
def test_a_run_that_is_still_being_trained_is_named_as_such(tmp_path, key):
    (run,) = runs_of(LETTERS, "seed=3")
    store = Store(tmp_path / "store")
    store.open()
    claims = Claims(store)
    claims.take([run.id])
    with pytest.raises(ConfigError, match=f"{key}=.*: it is still being trained; wait until it is done"):
        earlier_run.earlier_run(key, str(store.path(run.trained)))
    claims.release()
    with pytest.raises(ConfigError, match="there is no record of such a run at this path"):
        earlier_run.earlier_run(key, str(store.path(run.trained)))


def test_another_source_with_the_same_alphabet_will_do(letters):
    (run,) = runs_of(LETTERS, f"training.start={letters[2][0]}", "task.world=3", "seed=5", "objective=policy_gradient")
    assert run.experiment.training.start == letters[2][0]


def test_weights_go_on_under_another_way_to_drop_or_to_draw_and_not_under_another_architecture(letters, tmp_path):
    """Dropout first and the closed loop without it is a protocol; what is dropped has no weights."""
    words = [*LETTERS, "model.layers=2", "training.updates=1"]
    store, runs, paths = first_stage(tmp_path, words, "model.dropout=0.3")
    (second,) = runs_of(words, "training.updates=0", f"training.start={paths[0]}", "regime=free_running")
    kept, begun = (trained(store, [second]).weights(second.trained), store.weights(runs[0].trained))
    assert all(kept[name].tobytes() == begun[name].tobytes() for name in begun)
    allowed, models = {"dropout", "r_min", "r_max", "phase"}, list(parts("model").values())
    assert allowed == {item.name for model in models for item in fields(model) if item.metadata.get("of_training")}
    for one in (model for model in models if {"dropout", "r_max"} & {item.name for item in fields(model)}):
        own = one(layers=3) if "dropout" in {item.name for item in fields(one)} else one()
        changes = {"dropout": 0.5, "r_min": 0.1, "r_max": 0.5, "phase": 1.0}
        other = replace(own, **{item.name: changes[item.name] for item in fields(one) if item.name in allowed})
        assert other != own
        assert other.shapes(3, 2).keys() == own.shapes(3, 2).keys()
        assert _model_differs(own, other) is None
        assert "model.hidden=64, not 2" in _model_differs(own, replace(other, hidden=2))


def test_a_file_of_experiments_knows_whose_weights_it_was_printed_with(letters, tmp_path):
    store, run, record, weights = copied(letters, tmp_path)
    (second,) = runs_of(LETTERS, f"training.start={store.path(run)}")
    file = tmp_path / "printed.yaml"
    file.write_text(experiment_file.printed([second.tree]))
    (again,) = experiment_file.experiments(file, [], sweep=False)
    assert canonical(again) == second.tree
    store.path(run).unlink()
    store.write(record, {name: value + 1 for name, value in weights.items()})
    with pytest.raises(ConfigError, match=r"training\.start: a file it depends on has changed since this was printed"):
        experiment_file.experiments(file, ["training.lr=0.1"], sweep=False)
    (other,) = experiment_file.experiments(file, [f"training.start={letters[2][0]}"], sweep=False)
    assert other.training.start == letters[2][0]


def test_a_path_may_begin_with_the_home_folder(letters, tmp_path, monkeypatch):
    store = letters[0]
    shutil.copytree(store.root, tmp_path / "kept")
    monkeypatch.setenv("HOME", str(tmp_path))
    name = letters[1][0].trained
    assert earlier_run.earlier_run("training.start", f"~/kept/{name[:2]}/{name}.json").run == name
