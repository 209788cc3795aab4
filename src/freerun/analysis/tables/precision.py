"""Precision of tables: the many numbers of each lead have no more digits than the arithmetic that they come from."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

#: Significant bits of a number in single precision.
SINGLE = 24
_COLUMNS = ("value", "low", "high")


def as_computed(table: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose values at each lead have 24 significant bits, seven digits, where their run is in single precision.

    The bits beyond are those of averages over errors of rounding: they say nothing, and take half the room of a table on disk.
    Values of whole rollouts, step 0, which are few, stay as they are.

    Args:
        table: gaps, comparisons or players, as in `Tables`.
        runs: as in `Tables`.
    """
    single: Iterable[str] = runs.loc[runs["dtype"].astype("str") == "float32", "run"] if "dtype" in runs else ()
    at = (table["run"].isin(list(single)) & (table["step"] > 0)).to_numpy()
    columns = {name: table[name].to_numpy(dtype=np.float64) for name in _COLUMNS if name in table}
    return table.assign(**{name: np.where(at, rounded(values), values) for name, values in columns.items()})


def rounded(values: np.ndarray) -> np.ndarray:
    """Return each number as the nearest with 24 significant bits, of any size; what is not finite stays what it is."""
    fraction, exponent = np.frexp(values)
    nearest: np.ndarray = np.ldexp(np.rint(np.ldexp(fraction, SINGLE)), exponent - SINGLE)
    return nearest
