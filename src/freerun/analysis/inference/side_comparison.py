"""Comparison of two sides (regimes, models, any settings, or studies), condition by condition.

Paired where seeds and data are shared, else two samples; no two conditions are ever pooled.

The two sides take the place of regime and baseline, so that everything is counted as in any comparison of regimes. Where no
seed, or not the data of a seed, is shared, the runs are two samples: Welch's t with its interval, and a permutation of it
beside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from freerun.analysis.inference.change_interval import Changes, all_at_ends, two_levels
from freerun.analysis.inference.confidence_intervals import FEWEST
from freerun.analysis.inference.effect_sizes import cliffs_delta, hedges, improvement
from freerun.analysis.inference.equivalence import MARGIN
from freerun.analysis.inference.multiple_comparisons import declared
from freerun.analysis.inference.paired_differences import against_baseline
from freerun.analysis.inference.scales import unlogged
from freerun.analysis.inference.simultaneous import judged
from freerun.analysis.inference.unpaired_differences import dealt, welch
from freerun.analysis.tables.quantities import Quantities
from freerun.errors import require
from freerun.store.quantity import Quantity

_CELL = ["task_label", "model_label", "setting"]
_MEASURED = [*_CELL, "metric", "unit"]
LEVELS = ("forced", "free")


@dataclass(frozen=True, kw_only=True)
class Side:
    """The runs of one side.

    Attributes:
        name: what people call it.
        runs: run, seed, data, lost (whether it ended without a result) and, made the same on both sides for what is to be
            compared, task_label, model_label, setting: one row for each seed of a condition. `of` is the run itself, of which
            there is a copy, with a name of its own in `run`, for every condition that it is compared in.
        steps: the exposure gap of its errors for each step, by run, with `own`: whether it is the task's own error; of one
            split.
        whole: the same over the horizon.
        margin: the margin of equivalence of its study.

    Raises:
        ValueError: if two runs of one condition share a seed, so that settings that differ would be pooled.
    """

    name: str
    runs: pd.DataFrame
    steps: pd.DataFrame
    whole: pd.DataFrame
    margin: float = MARGIN

    def __post_init__(self) -> None:
        twice = self.runs.duplicated([*_CELL, "seed"])
        require(not twice.any(), "runs", list(self.runs.loc[twice, "run"])[:2], "have one run for each seed of a condition")

    def without_result(self) -> int:
        """How many runs have no result for the task's own error."""
        known = self.whole.loc[self.whole["free"].notna() & self.whole["own"], "run"]
        return int(self.runs.loc[~self.runs["run"].isin(list(known)), "of"].nunique())


def versus(a: Side, b: Side, quantities: Quantities) -> pd.DataFrame:
    """Side `a` against side `b`, in each task's own error and in the other measures; `quantities` say what the values mean.

    Returns:
        The columns of `paired_differences.against_baseline` (change of `a` from `b`) and of `simultaneous.judged`, with
        `level`, `own` (whether of the task's own error), `paired` (whether by seed), `common` (how many seeds both sides have
        over the same data), `first` and `other` runs on the two sides, and Holm over the own errors of a level and over each
        other measure of one. Equivalent is what lies within the smaller margin of the two sides.
    """
    every = _shared(a, b)
    common = {tuple(map(str, cell)): len(rows) for cell, rows in every.groupby(_CELL)}
    shared = every[every.groupby(_CELL)["seed"].transform("count") >= FEWEST]
    rows = []
    for level in LEVELS:
        paired_rows = _by_seed(a, b, shared, level, quantities) if len(shared) else pd.DataFrame()
        rows += [{**{str(k): v for k, v in row.items()}, "level": level} for row in paired_rows.to_dict("records")]
        done = {tuple(str(row[name]) for name in _MEASURED) for row in paired_rows.to_dict("records")}
        rows += [{**row, "level": level} for row in _apart(a, b, level, quantities) if row["key"] not in done]
    for row in rows:
        row["common"] = common.get(tuple(str(row[name]) for name in _CELL), 0)
    table = pd.DataFrame(rows)
    if table.empty:
        return table
    owned = [side.loc[side["own"], ["task_label", "metric"]].astype("str") for side in (a.whole, b.whole)]
    headlines = {*owned[0].itertuples(index=False, name=None)} & {*owned[1].itertuples(index=False, name=None)}
    table["own"] = [(row["task_label"], row["metric"]) in headlines for row in table.to_dict("records")]
    table = declared(table.drop(columns="key", errors="ignore"), table["own"])
    table = judged(table, quantities.of_rows(table), min(a.margin, b.margin))
    order = table.sort_values(["own", "metric", *_CELL], kind="stable", ascending=[False, True, True, True, True])
    return order.sort_values("level", kind="stable", ascending=False).reset_index(drop=True)


def _shared(a: Side, b: Side) -> pd.DataFrame:
    """The pairs of runs that differ in their side alone, and saw the same data."""
    keys = [*_CELL, "seed"]
    pairs = a.runs.astype(dict.fromkeys(_CELL, "str")).merge(
        b.runs.astype(dict.fromkeys(_CELL, "str")), on=keys, suffixes=("", "_b")
    )
    pairs = pairs[(pairs["data"] == pairs["data_b"]) | (pairs["data"].isna() & pairs["data_b"].isna())]
    return pairs[~pairs.duplicated(keys, keep=False)]


def _by_seed(a: Side, b: Side, shared: pd.DataFrame, level: str, quantities: Quantities) -> pd.DataFrame:
    steps, labels, lost = [], [], []
    for side, runs, gone in ((b, shared["run_b"], shared["lost_b"]), (a, shared["run"], shared["lost"])):
        measured = side.steps.groupby("metric", observed=True)[level].transform("count") > 0  # a comparison is of one level
        side_steps = side.steps[measured & side.steps["run"].astype("str").isin(list(runs.astype("str")))]
        tag = f"{side is a}:"
        steps.append(
            side_steps[["run", "seed", "metric", "unit", "step", *LEVELS]].assign(run=tag + side_steps["run"].astype("str"))
        )
        table = shared[_CELL].assign(run=tag + runs.astype("str"), regime_label=tag)
        labels.append(table)
        lost.append(table.loc[gone, ["run"]].assign(seed=shared["seed"]))
    steps_of_both = pd.concat(steps, ignore_index=True).astype({"metric": "str", "unit": "str"})
    known = pd.concat(labels, ignore_index=True).set_index("run")
    for name in _CELL:
        known[name] = pd.Categorical(known[name], categories=list(dict.fromkeys(known[name])))
    known["regime_label"] = pd.Categorical(known["regime_label"], categories=["False:", "True:"])
    differences = against_baseline(steps_of_both, known, level, lost=pd.concat(lost), quantities=quantities)
    return differences.assign(baseline=b.name, regime_label=a.name)


def _apart(a: Side, b: Side, level: str, quantities: Quantities) -> list[dict[str, Any]]:
    rows = []
    texts = dict.fromkeys(_MEASURED, "str")
    sides = [
        {tuple(map(str, key)): rows for key, rows in side.whole.astype(texts).groupby(_MEASURED, sort=False)} for side in (a, b)
    ]
    for key, other_rows in sides[0].items():
        if key not in sides[1]:
            continue
        meant = quantities.of(other_rows["metric"].iloc[0], other_rows["unit"].iloc[0])
        other, first = (rows[level].dropna().to_numpy(dtype=float) for rows in (other_rows, sides[1][key]))
        if not (len(other) or len(first)):  # a comparison is of one level
            continue
        ratio = meant.ratio and bool((np.r_[other, first] > 0).all()) and min(len(other), len(first)) > 0
        x, y = (np.log(other), np.log(first)) if ratio else (other, first)
        n, seen = (len(x), len(y)), welch(x, y)
        start = float(first.mean()) if len(first) else float("nan")
        alone = float(first.var(ddof=1)) / len(first) if len(first) >= 2 else float("nan")
        at_ends = all_at_ends(np.r_[other, first], meant)
        known = {"mean": seen.mean, "error": seen.error, "freedom": seen.freedom, "n": min(n), "p_signs": dealt(x, y)}
        known |= {"ratio": ratio, "at_ends": at_ends, "in_two": two_levels(other, first)}
        changes = Changes(**{name: np.array([value]) for name, value in known.items()}, measures=[meant])
        enough = min(n) >= 2
        spread = np.sqrt((x.var(ddof=1) * (n[0] - 1) + y.var(ddof=1) * (n[1] - 1)) / (sum(n) - 2)) if enough else float("nan")
        effect = seen.mean / spread if spread > 0 else float("nan")
        sign = meant.sign
        ranked = [np.r_[sign * values, _lost(side, key)] for values, side in ((x, a), (y, b))]
        better = improvement(*ranked)
        ends = {"mean": seen.mean, **{end: float(bound[0]) for end, bound in changes.interval().items()}}
        shown = {name: float(unlogged(np.array(value))) for name, value in ends.items()} if ratio else ends
        rows.append(
            {
                "key": key, **dict(zip(_MEASURED, key, strict=True)),
                "label": meant.label, "better": meant.better, "baseline": b.name,
                "regime_label": a.name, "n": min(n), "other": n[0], "first": n[1], "ratio": ratio, **shown, "sd": spread,
                "error": seen.error, "freedom": seen.freedom, "at_ends": at_ends, "in_two": known["in_two"],
                "baseline_mean": start, "paired": False,
                "baseline_error": alone**0.5, "covariance": -alone,
                "effect": effect, "hedges": sign * float(hedges(effect, sum(n) - 2)),
                "delta": cliffs_delta(*ranked), "improved": better.mean,
                "improved_low": better.low, "improved_high": better.high,
                "lost": _share_lost(ranked[0], meant), "first_lost": _share_lost(ranked[1], meant),
                "p": float(changes.p()[0]), "p_signs": known["p_signs"],
            }
        )  # fmt: skip
    return rows


def _share_lost(ranked: np.ndarray, meant: Quantity) -> float:
    """The share of runs of a side that have no result; what is measured under a condition alone may lack one."""
    return float(np.isinf(ranked).mean()) if len(ranked) and meant.conditioned is None else 0.0


def _lost(side: Side, key: tuple[str, ...]) -> np.ndarray:
    """Minus infinity for each run of a condition without a result: worse than any other."""
    runs = side.runs[[cell == key[: len(_CELL)] for cell in side.runs[_CELL].astype("str").itertuples(index=False, name=None)]]
    measure = (side.whole["metric"].astype("str") == key[-2]) & (side.whole["unit"].astype("str") == key[-1])
    whole = side.whole[measure & side.whole["run"].astype("str").isin(list(runs["run"]))]
    return np.full(int(runs["lost"].sum()) + int(whole["free"].isna().sum()), -np.inf)
