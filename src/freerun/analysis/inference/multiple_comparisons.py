"""Correction for multiple comparisons: Holm's, over a family that is named in the result."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

#: The name of the family of every task's headlines: the comparisons that answer the question of a study.
OWN = "the headlines of all tasks"
#: The level of a measure that is of neither mode alone.
COMPARED = "compared"


def holm(p: np.ndarray) -> np.ndarray:
    """The p-values of a family, corrected so that one false finding in the family is as rare as one of them was (Holm 1979)."""
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    corrected = np.full(len(p), np.nan)
    factors = len(order) - np.arange(len(order))
    corrected[order] = np.minimum(1, np.maximum.accumulate(p[order] * factors))
    return corrected


def corrected(compared: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """`compared` with the columns `family` (its name, from the columns `by`) and `holm` (`p` corrected over it)."""
    if compared.empty:
        return compared.assign(family=pd.Series(dtype="str"), holm=pd.Series(dtype=float))
    columns = [[str(value) for value in compared[name]] for name in by]
    names = pd.Series([", ".join(values) for values in zip(*columns, strict=True)], index=compared.index, dtype="str")
    return compared.assign(family=names, holm=compared.groupby(names, sort=False)["p"].transform(lambda p: holm(p.to_numpy())))


def declared(compared: pd.DataFrame, own: pd.Series) -> pd.DataFrame:
    """`corrected` over the families of a report: the headlines of all tasks, and each other metric, at one level.

    Headlines that compare both modes, or the model with the true system, are of the family of the free level.

    Args:
        compared: comparisons with the columns `label`, of their measure, and `level`.
        own: whether a row compares a headline of its task.
    """
    measure = compared["label"].astype(object).where(~own, OWN)
    at = compared["level"].astype(object).where(~(own & (compared["level"] == COMPARED)), "free")
    return corrected(compared.assign(kind=measure, at=at), ["kind", "at"]).drop(columns=["kind", "at"])
