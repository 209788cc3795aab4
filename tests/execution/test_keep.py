"""Tests of the weights that a run keeps: the last ones, or those with the least validation loss; alone, in a group, resumed."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest

from freerun.config.hydra.compose import experiments
from freerun.config.run_identity import canonical, from_canonical, sources
from freerun.config.training_settings import Keep
from freerun.engine.replicas import Group
from freerun.engine.training import train
from freerun.engine.validation import validation
from freerun.errors import ConfigError, FreerunError
from freerun.execution.group_runner import run_group
from freerun.execution.planned_run import plan
from freerun.execution.resume import Keeper
from freerun.execution.task_data import worlds
from freerun.measurement import watched_metric
from freerun.store.records import Store

WORDS = [
    "task=lorenz63", "task.sequences=24", "task.length=20", "evaluation.warmup=10", "evaluation.horizon=10",
    "evaluation.sequences=4", "evaluation.metrics=[loss]", "model=gru", "model.hidden=4", "training.batch=4",
    "training.decay=constant", "training.log_every=4", "training.lr=1", "training.clip=null",
]  # fmt: skip
UPDATES = 21
PLUGIN = """
from dataclasses import dataclass

from freerun import Quantity
from freerun.measurement.metrics import Metric


@dataclass(kw_only=True)
class Halved(Metric):
    quantity = Quantity(label="half the error", unit="scaled", better="lower")

    def applies(self, observed):
        return not observed.experiment.task.symbols

    def measure(self, observed):
        return 0.5 * observed.mean((observed.outputs - observed.targets).abs().mean(-1), observed.weights)
"""


def runs(*words, sweep=False):
    return plan(experiments([*WORDS, *words], sweep=sweep))


def weights(store, run):
    shapes = {name: (shape.rows, shape.columns) for name, shape in run.experiment.model.shapes(3, 3).items()}
    return store.weights(run.trained, shapes)


def quiet(*_):
    """Nobody is told."""


def trained(folder, some, every=0):
    store = Store(folder)
    store.open()
    run_group(some, store, quiet, every)
    return store


def kept(store, run, quantity="validation_free_loss", sign=-1):
    curve = [point for point in store.read(run.trained)["curves"] if point["quantity"] == quantity]
    return max(curve, key=lambda point: sign * point["value"])["update"]


@pytest.mark.parametrize(
    ("keep", "quantity", "sign"),
    [
        ("best", "validation_free_loss", -1), ("best_forced", "validation_forced_loss", -1),
        ("watched", "validation_free_rmse", -1), ("watched", "train_free_skill_linear", 1),
    ],
)  # fmt: skip
def test_the_best_weights_are_those_of_a_run_that_ends_there(tmp_path, keep, quantity, sign):
    """With a constant rate a run of fewer updates is the beginning of a longer one, so it has the very weights."""
    watch = [f"training.watch={quantity}"] if keep == "watched" else []
    (long,) = runs(f"training.updates={UPDATES}", f"training.keep={keep}", *watch)
    store = trained(tmp_path, [long])
    best = kept(store, long, quantity, sign)
    assert best < UPDATES - 1, "the rate is so high that the last update is not the best one"
    (short,) = runs(f"training.updates={best + 1}")
    trained(tmp_path, [short])
    (last,) = runs(f"training.updates={UPDATES}")
    trained(tmp_path, [last])
    for name, value in weights(store, long).items():
        assert np.array_equal(value, weights(store, short)[name]), name
    assert any(not np.array_equal(value, weights(store, last)[name]) for name, value in weights(store, long).items())
    losses = [{each["mode"]: each["values"] for each in store.read(run.id)["series"]} for run in (long, short, last)]
    assert losses[0] == losses[1] != losses[2], "what is measured is measured of the weights that are kept"


def test_a_killed_run_keeps_the_best_weights_from_before(tmp_path):
    (run,) = runs(f"training.updates={UPDATES}", "training.keep=watched", "training.watch=validation_free_rmse")
    whole = trained(tmp_path / "whole", [run])
    store = Store(tmp_path / "killed")
    store.open()
    keep = Keeper.keep

    def killed(self, trainer, update):
        keep(self, trainer, update)
        if update == UPDATES - 1:
            raise KeyboardInterrupt

    with mock.patch.object(Keeper, "keep", killed), pytest.raises(KeyboardInterrupt):
        run_group([run], store, quiet, UPDATES - 1)
    assert kept(whole, run, "validation_free_rmse") < UPDATES - 2, "the best update was before the kill"
    run_group([run], store, quiet, UPDATES - 1)
    assert store.read(run.trained)["provenance"]["resumed_from"] == [UPDATES - 1]
    for name, value in weights(whole, run).items():
        assert np.array_equal(value, weights(store, run)[name]), name


def test_runs_of_a_group_keep_each_its_own(tmp_path):
    watched = ["training.keep=watched", "training.watch=validation_free_rmse"]
    some = runs(f"training.updates={UPDATES}", *watched, "seed=range(3)", sweep=True)
    together = trained(tmp_path / "together", some)
    assert len({kept(together, run, "validation_free_rmse") for run in some}) > 1
    for run in some:
        alone = trained(tmp_path / run.id, [run])
        assert alone.read(run.trained)["curves"] == together.read(run.trained)["curves"]
        for name, value in weights(alone, run).items():
            assert np.array_equal(value, weights(together, run)[name]), name


def test_a_run_that_diverges_stays_diverged(tmp_path):
    (run,) = runs(f"training.updates={UPDATES}", "training.keep=best", "training.lr=1e38")
    store = trained(tmp_path, [run])
    assert store.read(run.trained)["status"] == "diverged"


@pytest.mark.parametrize("split", ["validation", "train"])
def test_what_is_watched_is_what_is_measured_and_never_of_the_test_split(split):
    """The mean of the metric over the leads, on the split that is named; the test split is not asked for."""
    (run,) = runs("training.keep=watched", f"training.watch={split}_free_rmse", "training.updates=3", "training.log_every=1")
    group = Group([run.experiment], worlds([run.experiment], 20))
    with mock.patch.object(Group, "batch", autospec=True, side_effect=Group.batch) as asked:
        (outcome,) = train(group, gauge=watched_metric.measured)
    assert {call.args[1] for call in asked.call_args_list} == {"train", "validation"}
    sequences = run.experiment.task.build(0, 20).splits[split]
    seen = validation(group, split).rollouts["free"].outputs[10:, 0] - sequences.targets[10:]
    curve = [point.value for point in outcome.curves if point.quantity == f"{split}_free_rmse"]
    assert min(curve) == pytest.approx(float(seen.double().square().mean((1, 2)).sqrt().mean()), rel=1e-6)


def test_a_metric_that_is_not_measured_is_refused_before_the_first_update(tmp_path):
    (run,) = runs("training.keep=watched", "training.watch=validation_free_exact_match")
    with pytest.raises(
        FreerunError, match="is not measured on task lorenz63 while it trains; choose one of: log_error,"
    ) as refused:
        trained(tmp_path, [run])
    assert "\n" not in str(refused.value)
    with pytest.raises(ValueError, match="give train a gauge"):
        train(Group([run.experiment], worlds([run.experiment], 20)))


def test_the_code_of_a_metric_that_chooses_weights_is_part_of_what_a_run_is(tmp_path):
    """A metric of a plugin that is watched makes another run when it changes; one that is only measured does not."""
    (tmp_path / "halved.py").write_text(PLUGIN)
    before = _planned_with(tmp_path / "halved.py")
    (tmp_path / "halved.py").write_text(PLUGIN.replace("0.5", "0.25"))
    after = _planned_with(tmp_path / "halved.py")
    assert before[0].trained == after[0].trained, "measured alone"
    assert before[1].trained != after[1].trained
    assert sources(after[1].tree), "a worker has to load it"
    with pytest.raises(ConfigError, match="its metric has changed"):
        from_canonical(before[1].tree)


def _planned_with(path):
    measured = [f"plugins=[{path}]", "evaluation.metrics=[halved]", "training.updates=2"]
    return runs(*measured) + runs(*measured, "training.keep=watched", "training.watch=validation_free_halved")


def test_the_default_is_no_part_of_an_identity():
    (plain,), (said,), (best,) = runs(), runs("training.keep=last"), runs("training.keep=best")
    assert plain.id == said.id != best.id
    assert "keep" not in canonical(plain.experiment)["training"]
    assert from_canonical(best.tree).training.keep is Keep.best
    assert from_canonical(plain.tree).training.keep is Keep.last


def test_the_update_that_is_kept_is_the_first_of_the_least_loss():
    curve = [(0, "validation_free_loss", 2.0), (4, "validation_free_loss", 1.0), (8, "validation_free_loss", 1.0)]
    curve += [(0, "validation_forced_loss", None), (4, "validation_forced_loss", 3.0), (8, "loss", 0.0)]
    assert (Keep.best.update(curve), Keep.best_forced.update(curve), Keep.last.update(curve)) == (4, 4, None)
    assert Keep.best_forced.update(curve[:4]) is None


def test_a_target_on_validation_is_that_of_the_weights_that_are_kept():
    from freerun.sweeps.search.target import target

    curve = [{"update": at, "quantity": "validation_free_loss", "value": value} for at, value in ((0, 3.0), (4, 1.0), (8, 2.0))]
    record = {"status": "done", "curves": curve, "experiment": {"training": {"keep": "best"}}}
    assert target().value(record) == 1.0
    assert target().value({**record, "experiment": {"training": {}}}) == 2.0
