"""Tests of patience and plateaus in groups: each run has its own, and nobody notices that another one has ended."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest

from freerun.analysis.tables.tidy import frames
from freerun.config.hydra.compose import experiments
from freerun.config.run_identity import from_canonical
from freerun.engine.feeding import Lessons
from freerun.engine.training import Trainer
from freerun.execution import trained_runs
from freerun.execution.group_runner import run_group
from freerun.execution.planned_run import plan
from freerun.execution.training_work import work
from freerun.store.records import Store
from reliability.resume import left

UPDATES = 24
WORDS = [
    "task=lorenz63", "task.sequences=24", "task.length=12", "task.transient=1", "evaluation.warmup=4", "evaluation.horizon=8",
    "evaluation.sequences=4", "evaluation.metrics=[loss]", "evaluation.orbit=0", "model=gru", "model.hidden=4",
    "training.batch=4", "training.decay=constant", "training.log_every=2", "training.lr=0.3", "training.clip=null",
    f"training.updates={UPDATES}",
]  # fmt: skip
PATIENT = ["training.patience=3", "seed=range(3)"]


def runs(*words, sweep=True):
    return plan(experiments([*WORDS, *words], sweep=sweep))


def trained(folder, some):
    store = Store(folder)
    store.open()
    run_group(some, store, lambda *_: None, 0)
    return store


def ends(store, some):
    """The updates after which the patience of each run was at an end."""
    return [store.read(run.trained)["provenance"].get("updates") for run in some]


def law_alone_as_in_a_group(folder, *words) -> list[int | None]:
    """Curves, weights, memory and measurements of each run are those of the run alone; return where they ended."""
    some = runs(*PATIENT, *words)
    together = trained(folder / "together", some)
    ended = ends(together, some)
    for run in some:
        alone = trained(folder / run.id, [run])
        assert ends(alone, [run]) == ends(together, [run])
        assert left(alone, run.trained) == left(together, run.trained), f"{run.experiment.seed} ended after {ended}"
        assert alone.read(run.id)["series"] == together.read(run.id)["series"]
    assert len(set(ended)) > 1, f"all ended at once: {ended}"
    return ended


REMEMBERS = ("regime=generalized_forcing_adaptive regime.every=3", "regime=data_as_demonstrator")


MORE_IS_BETTER = "regime=free_running training.keep=watched training.watch=validation_free_skill_persistence"


@pytest.mark.parametrize(
    "words",
    [MORE_IS_BETTER, *(pytest.param(f"{words} training.keep=best", marks=pytest.mark.slow) for words in REMEMBERS)],
)
def test_a_run_that_ends_is_as_if_alone(words, tmp_path):
    law_alone_as_in_a_group(tmp_path, *words.split())


def test_plateaus_are_those_of_each_run(tmp_path):
    some = runs("training.decay=plateau", "training.decay_patience=1", "training.decay_factor=0.5", "seed=range(3)")
    together, rates = trained(tmp_path / "together", some), []
    for run in some:
        alone = trained(tmp_path / run.id, [run])
        assert left(alone, run.trained) == left(together, run.trained)
        curve = together.read(run.trained)["curves"]
        rates.append([point["value"] for point in curve if point["quantity"] == "learning_rate"])
        assert rates[-1][0] == 0.3 > rates[-1][-1]
    assert len({tuple(each) for each in rates}) > 1


@pytest.mark.parametrize(
    ("owner", "name", "fault"),
    [
        (Trainer, "_scale", lambda self, update: min(watch.factor for watch in self.watches)),
        (Trainer, "end_patience", lambda self, updates: [setattr(o, "ended", updates) for o in self.outcomes]),
    ],
)
@pytest.mark.slow
def test_the_law_catches_what_the_group_shares(owner, name, fault, tmp_path):
    words = ["regime=free_running", "training.decay=plateau", "training.decay_patience=0", "training.decay_factor=0.5"]
    genuine = getattr(owner, name)

    def faulty(self, updates):
        told = genuine(self, updates)
        some = name == "_scale" or any(outcome.ended for outcome in self.outcomes)
        return fault(self, updates) if some else told

    with mock.patch.object(owner, name, faulty), pytest.raises(AssertionError, match=r"ended after|assert \["):
        law_alone_as_in_a_group(tmp_path, *words)


@pytest.mark.slow
def test_the_law_catches_memory_that_goes_on(tmp_path):
    with mock.patch.object(Lessons, "part_with"), pytest.raises((AssertionError, ValueError)):
        law_alone_as_in_a_group(tmp_path, *REMEMBERS[0].split())


def test_a_run_that_ended_is_one_of_so_many_updates_and_its_budget_says_so(tmp_path):
    """Weights, curves and budget; the run that is planned longer has the work of the updates that it really made."""
    some = runs("training.patience=1", "seed=range(2)")
    store = trained(tmp_path, some)
    budgets = frames(store, [run.id for run in some], "patient", {}).budgets
    for run, end, (_, told) in zip(some, ends(store, some), budgets.iterrows(), strict=True):
        assert end in range(2, UPDATES), "patience 1 at a rate of 0.3 ends"
        (short,) = runs(f"training.updates={end}", f"seed={run.experiment.seed}", sweep=False)
        trained(tmp_path, [short])
        assert all(
            np.array_equal(value, store.weights(short.trained)[name]) for name, value in store.weights(run.trained).items()
        )
        own = work(short.experiment)
        assert (told["updates"], told["steps"], told["products"]) == (end, own.steps, own.products)
        assert trained_runs.updates_made(store, run.trained, run.experiment.training) == end


def test_patience_is_no_part_of_other_identities():
    (plain,), (said,) = runs(), runs("training.patience=null", "training.watch=validation_free_loss")
    (patient,) = runs("training.patience=2", "training.watch=loss")
    assert plain.id == said.id != patient.id
    assert not {"patience", "watch", "decay_every", "momentum"} & plain.tree["training"].keys()
    settings = from_canonical(patient.tree).training
    assert (settings.patience, settings.watch) == (2, "loss")
