"""Tests of the parts of a free error: they add up to it, and exposure bias is read from one-step errors alone."""

import numpy as np
import pandas as pd
import pytest

from freerun.analysis.inference.chaos_share import split
from freerun.analysis.inference.exposure_parts import free_error_parts, one_step
from freerun.analysis.inference.replicates import CELL
from freerun.analysis.tables.quantities import Quantities, of_frames

SEEDS, STEPS = 5, 4


def frames(forced, floor, free, unit="u", name="chaos_floor", exposure=None):
    """Steps and floors of some seeds, [seeds steps] each."""
    run, step = (axis.ravel() for axis in np.indices(np.shape(free)))
    keys = {"run": [f"r{n}" for n in run], "step": step + 1, **dict.fromkeys(CELL, "a")}
    steps = pd.DataFrame({**keys, "metric": "rmse", "unit": "u", "forced": np.ravel(forced), "free": np.ravel(free)})
    compared = pd.DataFrame({**keys, "metric": name, "unit": unit, "value": np.ravel(floor)})
    if exposure is not None:
        compared = pd.concat([compared, compared.assign(metric="exposure_part", unit="nats", value=np.ravel(exposure))])
    meant = Quantities(of_frames([frame.assign(task="t") for frame in (steps, compared)]))
    return steps.assign(gap=steps["free"] - steps["forced"]), compared, meant


def drawn():
    chance = np.random.default_rng(0)
    forced = chance.uniform(0.1, 0.2, size=(SEEDS, STEPS))
    floor = forced + chance.uniform(0.1, 0.5, size=(SEEDS, STEPS))
    return forced, floor, floor + chance.uniform(-0.1, 1.0, size=(SEEDS, STEPS))


def test_a_floor_stands_beside_its_error():
    forced, floor, free = drawn()
    table = split(*frames(forced, floor, free))
    np.testing.assert_array_equal(table["floor"], np.ravel(floor))


def test_a_floor_in_another_unit_is_none():
    assert split(*frames(*drawn(), unit="v")).empty
    assert free_error_parts(*frames(*drawn(), unit="v", name="drift_floor")).empty


def law_the_parts_are_the_free_error(parts):
    forced, floor, free = drawn()
    table = parts(*frames(forced, floor, free, name="drift_floor", exposure=np.full_like(free, 0.1)))
    np.testing.assert_allclose(table["free"], np.log(free / forced).mean(axis=1))
    np.testing.assert_allclose(table["accumulation"], np.log(floor / forced).mean(axis=1))
    np.testing.assert_allclose(table[["accumulation", "exposure", "coherent"]].sum(axis=1), table["free"])
    np.testing.assert_allclose(table["exposure"], 0.1)


def test_the_parts_are_the_free_error():
    law_the_parts_are_the_free_error(free_error_parts)


def test_all_that_lies_above_the_floor_as_exposure_is_caught():
    with pytest.raises(AssertionError):
        law_the_parts_are_the_free_error(lambda *given: free_error_parts(*given).assign(exposure=lambda table: table["rest"]))


def test_without_its_part_exposure_is_undefined_and_the_rest_is_told():
    forced, floor, free = drawn()
    table = free_error_parts(*frames(forced, floor, free, name="drift_floor"))
    assert table[["exposure", "coherent"]].isna().all(axis=None)
    np.testing.assert_allclose(table["rest"], np.log(free / floor).mean(axis=1))


def test_what_is_rounding_has_no_parts():
    forced, floor, free = drawn()
    forced[0], floor[0], free[0] = 1e-17, 3e-17, 2e-16
    assert len(free_error_parts(*frames(forced, floor, free, name="drift_floor"))) == SEEDS - 1


def test_the_chaos_floor_tells_nothing_of_exposure():
    assert free_error_parts(*frames(*drawn())).empty


@pytest.mark.parametrize(("metric", "ratio"), [("own_state_error", True), ("tv", False)])
def test_the_one_step_error_is_compared_at_own_and_at_true_ones(metric, ratio):
    whole = pd.DataFrame(
        {
            **dict.fromkeys(CELL, "a"), "run": list("xy"), "metric": metric, "unit": "u", "forced": [0.2, 0.1],
            "free": [0.1, 0.3],
        }
    )  # fmt: skip
    other = whole.assign(metric="loss", forced=1.0, free=9.0)
    both = pd.concat([whole, other], ignore_index=True)
    table = one_step(both, Quantities(of_frames([both.assign(task="t")])))
    assert set(table["metric"]) == {metric}
    assert set(table["ratio"]) == {ratio}
    np.testing.assert_allclose(table["change"], np.log([1 / 2, 3]) if ratio else [-0.1, 0.2])


def test_no_one_step_error_no_exposure():
    whole = pd.DataFrame({**dict.fromkeys(CELL, "a"), "run": ["x"], "metric": "loss", "unit": "u", "forced": 0.2, "free": 0.1})
    assert one_step(whole, Quantities(of_frames([whole.assign(task="t")]))).empty
