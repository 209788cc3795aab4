"""Copies: runs of two settings of the gradient that come to one, since nothing flows that it could cut.

A symbol that is drawn carries no gradient, so that cutting it changes no bit of a run. Two such settings are one method, and
its seeds would count twice. Configurations resolve them to one run; records from before they did are told by their values.
"""

from __future__ import annotations

from dataclasses import replace

from freerun.analysis.inference.replicates import settings
from freerun.analysis.tables.tidy import Tables

_SETTING = "gradient"
_METHOD = ("regime", "objective")


def copies(tables: Tables) -> dict[str, str]:
    """The runs that repeat another one, each with the value of `gradient` of the one that stays.

    Where two values of `gradient` give the same bits for every method and seed of a task, model and feedback, the first of them
    stays. Where one method tells them apart both stay for all, since methods are compared setting by setting.
    """
    runs = tables.runs[tables.runs["task"].notna() & (tables.runs["status"] == "done")]
    if runs[_SETTING].nunique() < 2:
        return {}
    values = tables.gaps[tables.gaps["run"].isin(list(runs["run"]))].groupby("run", observed=True)["value"]
    bits = values.apply(lambda rows: rows.to_numpy(dtype=float).tobytes())
    names = [name for name in settings(runs) if name != _SETTING]
    rows = runs[["run", "seed", _SETTING, *names]].assign(bits=bits.reindex(runs["run"].astype("str")).to_numpy())
    group = [name for name in names if name.partition(".")[0] not in _METHOD]
    originals: dict[str, str] = {}
    for _, of_group in rows.groupby(group, dropna=False, sort=False):
        first = str(of_group[_SETTING].iloc[0])
        alike = of_group.groupby([*(name for name in names if name not in group), "seed"], dropna=False, sort=False)
        whole = alike[_SETTING].nunique().eq(of_group[_SETTING].nunique()).all()
        if of_group[_SETTING].nunique() > 1 and whole and alike["bits"].nunique(dropna=False).eq(1).all():
            originals |= {str(run): first for run in of_group.loc[of_group[_SETTING] != first, "run"]}
    return originals


def without(tables: Tables, runs: dict[str, str]) -> Tables:
    """The tables without some runs."""
    if not runs:
        return tables
    frames = {name: getattr(tables, name) for name in ("runs", "curves", "gaps", "compared")}
    kept = {name: frame[~frame["run"].isin(list(runs))].reset_index(drop=True) for name, frame in frames.items()}
    return replace(tables, **kept)
