"""Tests of the precision of tables: 24 bits of runs in single precision, all of those in double."""

import numpy as np
import pandas as pd
import pytest

from freerun.analysis.tables import tidy
from freerun.analysis.tables.precision import as_computed, rounded
from synthetic import study, tree


def test_numbers_have_24_significant_bits_whatever_their_size():
    values = np.random.default_rng(0).standard_normal(1000) * 10.0 ** np.linspace(-290, 290, 1000)
    found = rounded(values)
    assert np.abs(found / values - 1).max() <= 2.0**-24
    assert (np.abs(found / values - 1) > 2.0**-27).mean() > 0.5
    usual = values[(np.abs(values) > 1e-30) & (np.abs(values) < 1e30)]
    assert np.array_equal(rounded(usual), usual.astype(np.float32).astype(np.float64))
    assert np.array_equal(rounded(found), found)


def test_what_is_not_finite_and_what_is_exact_stay():
    values = np.array([0.0, -0.0, 1.0, 0.5, 1e7, np.inf, -np.inf, np.nan, 5e-324])
    assert rounded(values).tobytes() == values.tobytes()


def test_values_of_whole_rollouts_and_of_double_precision_keep_all_of_it():
    runs = pd.DataFrame({"run": ["a", "b", "c"], "dtype": ["float32", "float64", None]})
    table = pd.DataFrame(
        {"run": ["b", "a", "c", "a"], "step": [1, 1, 2, 0], "value": [1 / 3] * 4, "low": [None, 0.1, 0.2, 0.1]}
    )
    found = as_computed(table, runs)
    assert found["value"].tolist() == [1 / 3, float(np.float32(1 / 3)), 1 / 3, 1 / 3]
    assert found["low"].tolist()[1:] == [float(np.float32(0.1)), 0.2, 0.1]
    assert found["step"].tolist() == [1, 1, 2, 0]
    assert table["value"].tolist() == [1 / 3] * 4


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_table_of_leads_is_so(tmp_path, dtype):
    store, ids = study(tmp_path, [{**tree(seed=seed), "dtype": dtype} for seed in range(3)])
    table = tidy.frames(store, ids, "s").gaps
    values = table.loc[table["step"] > 0, "value"].to_numpy(dtype=float)
    assert np.array_equal(values, rounded(values), equal_nan=True) == (dtype == "float32")
