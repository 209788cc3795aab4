"""Chaos floor beside the errors that it belongs to.

The chaos floor is what the true system makes of the model's first one-step error alone. A model without any exposure bias
makes a fresh error at every step, so that what lies above this floor is no exposure bias; for that see
`freerun.analysis.inference.exposure_parts`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from freerun.analysis.tables.quantities import Quantities


def split(steps: pd.DataFrame, compared: pd.DataFrame, quantities: Quantities) -> pd.DataFrame:
    """Every run's errors at each step that has a floor.

    Args:
        steps: what `gap.exposure_gap` gives, of one split.
        compared: the comparisons of that split, with the floor among them.
        quantities: what the values mean: which errors on a ratio scale have a floor that is measured, and by what.

    Returns:
        The rows of `steps` with the column `floor`.
    """
    by = ["run", "step", "unit", "below"]
    floor = compared[["run", "step", "unit", "value"]].assign(below=compared["metric"].astype("str"))
    below = quantities.where(steps, "floor_name")
    named = np.array([name is not None for name in below], dtype=bool)
    named &= quantities.where(steps, "scale") == "ratio"  # an error, not a time or a logarithm that has a floor of its own
    floored = steps[named].assign(below=pd.Series(below[named], index=steps.index[named], dtype="str"))
    texts = dict.fromkeys(("run", "unit"), "str")
    return floored.astype(texts).merge(floor.astype(texts).rename(columns={"value": "floor"}), on=by).drop(columns="below")
