"""Tests of the weights that a run keeps: the last ones, or those with the least validation loss; alone, in a group, resumed."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest

from freerun.config.hydra.compose import experiments
from freerun.config.run_identity import canonical, from_canonical
from freerun.config.training_settings import Keep
from freerun.execution.group_runner import run_group
from freerun.execution.planned_run import plan
from freerun.execution.resume import Keeper
from freerun.store.records import Store

WORDS = [
    "task=lorenz63", "task.sequences=24", "task.length=20", "evaluation.warmup=10", "evaluation.horizon=10",
    "evaluation.sequences=4", "evaluation.metrics=[loss]", "model=gru", "model.hidden=4", "training.batch=4",
    "training.decay=constant", "training.log_every=4", "training.lr=1", "training.clip=null",
]  # fmt: skip
UPDATES = 21


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


def kept(store, run, mode):
    curve = [point for point in store.read(run.trained)["curves"] if point["quantity"] == f"validation_{mode}_loss"]
    return min(curve, key=lambda point: point["value"])["update"]


@pytest.mark.parametrize(("keep", "mode"), [("best", "free"), ("best_forced", "forced")])
def test_the_best_weights_are_those_of_a_run_that_ends_there(tmp_path, keep, mode):
    """With a constant rate a run of fewer updates is the beginning of a longer one, so it has the very weights."""
    (long,) = runs(f"training.updates={UPDATES}", f"training.keep={keep}")
    store = trained(tmp_path, [long])
    best = kept(store, long, mode)
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
    (run,) = runs(f"training.updates={UPDATES}", "training.keep=best")
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
    assert kept(whole, run, "free") < UPDATES - 2, "the best update was before the kill"
    run_group([run], store, quiet, UPDATES - 1)
    assert store.read(run.trained)["provenance"]["resumed_from"] == [UPDATES - 1]
    for name, value in weights(whole, run).items():
        assert np.array_equal(value, weights(store, run)[name]), name


def test_runs_of_a_group_keep_each_its_own(tmp_path):
    some = runs(f"training.updates={UPDATES}", "training.keep=best", "seed=range(3)", sweep=True)
    together = trained(tmp_path / "together", some)
    assert len({kept(together, run, "free") for run in some}) > 1
    for run in some:
        alone = trained(tmp_path / run.id, [run])
        for name, value in weights(alone, run).items():
            assert np.array_equal(value, weights(together, run)[name]), name


def test_a_run_that_diverges_stays_diverged(tmp_path):
    (run,) = runs(f"training.updates={UPDATES}", "training.keep=best", "training.lr=1e38")
    store = trained(tmp_path, [run])
    assert store.read(run.trained)["status"] == "diverged"


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
