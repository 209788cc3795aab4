"""Summary table of the report: a row for each condition and metric, the gap between its levels, the runs lost."""

from __future__ import annotations

import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.inference.confidence_intervals import counts, summarise
from freerun.analysis.inference.gap_interval import geometric_gaps
from freerun.analysis.inference.interquartile_mean import middles
from freerun.analysis.inference.replicates import CELL
from freerun.store.quantity import Quantity

LEVELS = ("forced", "free", "gap")


def full(material: Material) -> pd.DataFrame:
    """Every condition with the task's primary metric and the metrics of whole rollouts.

    Returns:
        task_label, model_label, method, metric, unit, label and better (of the metric), primary (whether this is the task's
        error), for each of forced, free and gap the mean with `_low` and `_high`, and the interquartile mean, `_iqm`,
        with `_iqm_low` and `_iqm_high`; `log` (whether the levels are geometric means, of the middle half too, and the gap is
        their difference), n (seeds with a defined gap), steps and horizon (fewest steps averaged over, of how many), and
        the counts of `confidence_intervals.counts`. A condition whose every run is lost has a row too, with undefined numbers.
    """
    whole = _of_interest(material)
    parts = [_row(rows, material.quantities.of(*key)) for key, rows in whole.groupby(["metric", "unit"], observed=True)]
    became = counts(material.runs, CELL)
    measured = (
        pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*CELL, "metric", "unit", "label", "better"])
    )
    for name in CELL:
        measured[name] = pd.Categorical(measured[name], categories=list(became[name].cat.categories))
    table = became.merge(measured, on=CELL, how="left")
    table["primary"] = [
        not isinstance(row["metric"], str) or row["metric"] == material.primary.get(str(row["task_label"]))
        for row in table.to_dict("records")
    ]
    table["n"] = table["n"].fillna(0).astype(int) if "n" in table else 0
    return table.sort_values(
        [*CELL[:1], "primary", "metric", *CELL[1:]], ascending=[True, False, True, True, True]
    ).reset_index(drop=True)


def short(table: pd.DataFrame) -> pd.DataFrame:
    """The columns of `full` that fit a terminal, with the task's own error alone.

    The gap is the difference of its levels; `log` says where these are geometric means.
    """
    names = {"task_label": "task", "model_label": "model", "method": "regime"}
    kept = [
        *names,
        "metric",
        "unit",
        "forced",
        "free",
        "gap",
        "gap_low",
        "gap_high",
        "log",
        "n",
        "diverged",
        "failed",
        "pending",
    ]
    rows = table[table["primary"]].reindex(columns=kept).rename(columns=names)
    return rows.reset_index(drop=True)


def _of_interest(material: Material) -> pd.DataFrame:
    whole = material.whole
    first = whole["task_label"].astype(object).map(material.primary) == whole["metric"].astype(object)
    rollouts = material.steps.loc[material.steps["step"] == 0, "metric"].unique()
    return whole[first | whole["metric"].isin(list(rollouts))]


def _row(rows: pd.DataFrame, meant: Quantity) -> pd.DataFrame:
    values = rows[["forced", "free"]].stack()
    log = meant.ratio and bool((values > 0).all())
    grouped = rows.groupby(CELL, observed=True, sort=True)
    table = grouped[["steps", "horizon"]].min().reset_index()
    named = {"metric": meant.name, "unit": meant.unit, "label": meant.label, "better": meant.better}
    table = table.assign(**named, log=log)
    for name in LEVELS:
        geometric, within = log and name != "gap", meant.change if name == "gap" else meant.range
        found = summarise(rows, CELL, name, log=geometric, within=within)
        columns = {name: found["mean"], f"{name}_low": found["low"], f"{name}_high": found["high"], "n": found["n"]}
        if log and name == "gap":
            own = geometric_gaps(rows, CELL)
            columns |= {name: own["gap"], f"{name}_low": own["low"], f"{name}_high": own["high"]}
        middle = middles(rows, CELL, name, log=geometric, within=within)
        columns |= {f"{name}_{end}": middle[end] for end in ("iqm", "iqm_low", "iqm_high")}
        table = table.assign(**{key: value.to_numpy() for key, value in columns.items()})
    return table
