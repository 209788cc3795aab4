"""Yardstick of the kept closed-form studies: their tables lie on the exact curves, at every lead and every share of truth."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from freerun.analysis.inference.confidence_intervals import mean_interval
from yardsticks.exact import errors_in_variables_rmse, stencil_rmse, two_step_error

RESULTS = Path(__file__).resolve().parents[2] / "results"
A, P = 0.1, (0.02, 0.9)
#: What training leaves: of a probability, and of an error as a share of it.
LEFT, SHARE = 0.005, 0.02


def rows(study: str, table: str, *settings: str) -> pd.DataFrame:
    """The test rows of a table, with some settings of their runs."""
    frame, runs = (pd.read_parquet(RESULTS / study / f"{name}.parquet") for name in (table, "runs"))
    return frame[frame["split"] == "test"].merge(runs[["run", *settings]], on="run")


@pytest.fixture(scope="module")
def improper():
    return rows("improper", "compared", "objective", "regime.start")


@pytest.fixture(scope="module")
def misspecified():
    return rows("misspecification", "gaps", "task.signal", "task.cfl")


@pytest.mark.parametrize("prefixes", ["true", "own"])
@pytest.mark.parametrize(
    ("objective", "gradient", "eps"),
    [("cross_entropy", "stopped", eps) for eps in (1, 0.75, 0.5, 0.25, 0)]
    + [("policy_gradient", "full", eps) for eps in (0.75, 0.5, 0.25, 0)],
)
def test_what_scheduled_sampling_learns_is_the_closed_form(improper, objective, gradient, eps, prefixes):
    kept = improper[
        (improper["metric"] == f"one_step_error_{prefixes}") & (improper["objective"] == objective)
        & (improper["regime.start"] == eps)
    ]  # fmt: skip
    interval, exact = mean_interval(kept["value"].to_numpy()), two_step_error(A, P, eps, gradient, prefixes)
    assert interval.n == 20
    assert interval.low - LEFT <= exact <= interval.high + LEFT, (interval, exact)
    assert abs(interval.mean - exact) <= 0.0016


def test_the_two_gradients_are_told_apart(improper):
    """At eps = .5 each lies nearer to its own curve than to the other one, in every seed."""
    at = improper[(improper["metric"] == "one_step_error_true") & (improper["regime.start"] == 0.5)]
    half = (two_step_error(A, P, 0.5, "stopped") + two_step_error(A, P, 0.5, "full")) / 2
    assert (at[at["objective"] == "cross_entropy"]["value"] < half).all()
    assert (at[at["objective"] == "policy_gradient"]["value"] > half).all()


WORLDS = [("task.signal", 0.8), ("task.signal", 1.0), ("task.cfl", -0.75)]


@pytest.mark.parametrize(
    ("world", "regime", "mode"), list(product(WORLDS, ("teacher_forcing", "free_running"), ("forced", "free")))
)
def test_errors_of_wrong_and_right_models_lie_on_their_curves_at_every_lead(misspecified, world, regime, mode):
    """Of the seeds that found the optimum: under free running one of twenty has not."""
    setting, value = world
    of = misspecified[
        (misspecified[setting] == value) & (misspecified["regime"] == regime) & (misspecified["metric"] == "rmse")
    ]
    first = of[(of["mode"] == "forced") & (of["step"] == 1)].set_index("seed")["value"]
    found = first.index[first < 1.3 * first.median()]
    assert len(found) == (19 if regime == "free_running" else 20)
    exact = (errors_in_variables_rmse if setting == "task.signal" else stencil_rmse)(value, regime, mode)
    table = of[(of["mode"] == mode) & of["seed"].isin(found)].pivot(index="seed", columns="step", values="value")
    assert list(table.columns) == list(range(1, 21))
    for step, wanted in zip(table.columns, exact, strict=True):
        interval = mean_interval(table[step].to_numpy())
        assert interval.low - SHARE * wanted <= wanted <= interval.high + SHARE * wanted, (step, interval, wanted)
    other = "teacher_forcing" if regime == "free_running" else "free_running"
    if value != 1.0:
        curve = (errors_in_variables_rmse if setting == "task.signal" else stencil_rmse)(value, other, mode)
        assert np.abs(table.mean().to_numpy() / curve - 1).max() > SHARE, "the other optimum would pass as well"


def test_a_model_that_is_right_has_no_error_where_there_is_no_noise(misspecified):
    of = misspecified[(misspecified["task.cfl"] == -1.0) & (misspecified["metric"] == "rmse") & (misspecified["step"] == 20)]
    free = of[of["mode"] == "free"].groupby("regime", observed=True)["value"]
    assert (free.median() < 1e-6).all()
    assert free.apply(lambda errors: (errors > 1e-3).sum()).to_dict() == {"teacher_forcing": 0, "free_running": 1}
