"""What is the answer, in words? Sentences computed from the tables, with their intervals, whoever wins."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from freerun.figures import Material
from freerun.report.words import change, listed, measured, number, seeds, with_unit
from freerun.stats.family import declared
from freerun.stats.intervals import FEWEST
from freerun.stats.labels import MORE_IS_BETTER, label, positive
from freerun.stats.paired import against_baseline
from freerun.stats.power import LEVEL, assessed

NO_INTERVAL, NO_DIFFERENCE = "no interval", "no difference shown"
#: What is said of a difference whose own interval excludes no change, but whose p-value does not survive Holm.
ALONE = "by its interval alone"
_TALLY = {
    "lowers": "lower", "raises": "higher", f"lowers {ALONE}": f"lower {ALONE}", f"raises {ALONE}": f"higher {ALONE}",
    NO_DIFFERENCE: "not shown to differ", NO_INTERVAL: "without an interval",
}  # fmt: skip


def comparisons(material: Material) -> pd.DataFrame:
    """Every regime against the first one, free and forced, with a `verdict` on each level of each row."""
    labels = material.runs.set_index("run")[["task_label", "model_label", "regime_label", "setting", "method"]]
    steps = material.steps.drop(columns=[*labels.columns])
    shown = [*material.primary.values(), *steps.loc[steps["step"] == 0, "metric"].astype(str).unique()]
    steps = steps[steps["metric"].isin(shown)]
    found = []
    for level in ("free", "forced"):
        rows = against_baseline(steps, labels, level)
        found.append(rows.assign(level=level))
    both = pd.concat(found, ignore_index=True)
    rollouts = set(steps.loc[steps["step"] == 0, "metric"].astype(str))
    own = both["metric"] == both["task_label"].map(material.primary)
    kept = own | both["metric"].isin(list(rollouts))
    table = declared(both[kept].reset_index(drop=True), own[kept].reset_index(drop=True))
    return table.assign(verdict=[verdict(row) for row in table.to_dict("records")])


def headline(table: pd.DataFrame, compared: pd.DataFrame) -> list[str]:
    """The finding over all tasks in a few sentences."""
    if not len(table) or not table["n"].any():
        return ["No run of this study has finished yet: there is nothing to report."]
    return [*_gaps(table), *_wins(compared, table)]


def by_task(material: Material, table: pd.DataFrame, compared: pd.DataFrame) -> list[dict[str, Any]]:
    """For each task its sentences: the gap, what the regimes change, and what to be careful about."""
    tasks = []
    for task, metric in material.primary.items():
        rows = table[(table["task_label"] == task) & table["primary"] & (table["n"] > 0)]
        points = [_gap_sentence(rows, metric), *_regimes(compared[compared["task_label"] == task])]
        points.append(_lost(table[table["task_label"] == task]))
        tasks.append(
            {"name": task, "points": [point for point in points if point], "cautions": _cautions(material, task, metric)}
        )
    return tasks


def verdict(row: Mapping[Any, Any]) -> str:
    """What may be said of a comparison: by its p-value after Holm; its interval alone is not enough."""
    if not math.isfinite(row["low"]):
        return NO_INTERVAL
    neutral = 1.0 if row["ratio"] else 0.0
    way = "raises" if row["mean"] > neutral else "lowers"
    if row["holm"] <= LEVEL:
        return way
    return NO_DIFFERENCE if row["low"] <= neutral <= row["high"] else f"{way} {ALONE}"


def power(compared: pd.DataFrame) -> list[str]:
    """Which families of comparisons could not have shown anything, and how many seeds it would take."""
    table = assessed(compared[compared["n"] >= FEWEST])
    return [
        f"Underpowered: with {seeds(row['seeds'])} no p-value of a sign-flip test is below {number(row['smallest_p'])}, "
        f"which Holm over the family of {row['comparisons']} comparisons ({row['family']}) makes "
        f"{number(row['smallest_holm'])}; from {row['seeds_needed']} seeds on a difference can be shown, from "
        f"{row['seeds_for_one']} on one of a standard deviation is found with 80 % power."
        for row in table[table["underpowered"]].to_dict("records")
    ]


def _baseline(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the first method (teacher forcing, where it was run), of the tasks' own errors."""
    rows = table[table["primary"] & (table["n"] > 0)]
    return rows[rows["method"].astype(str).str.startswith(str(_first(table)))]


def _first(table: pd.DataFrame) -> str:
    return str(table["method"].cat.categories[0]).partition(" (")[0]


def _gaps(table: pd.DataFrame) -> list[str]:
    rows = _baseline(table)
    rows = rows[rows["horizon"] > 1]
    known = rows[rows["gap_low"].notna()]
    found = []
    if len(known):
        above, below = int((known["gap_low"] > 0).sum()), int((known["gap_high"] < 0).sum())
        rest = len(known) - above - below
        parts = [f"an exposure gap (free error above forced error) is shown in {above} of {len(known)} task-model pairs"]
        parts += [f"the free error is the smaller one in {below}"] if below else []
        parts += [f"no difference is shown in {rest}"] if rest else []
        found.append(f"Trained by {_first(table)}, {listed(parts)}.")
    elif len(rows):
        found.append("With fewer than three seeds there are no intervals: what follows describes single runs.")
    ratio = rows[rows["log"].astype(bool) & (rows["forced"] > 0)]
    if len(ratio):
        top = ratio.iloc[int(np.argmax((ratio["free"] / ratio["forced"]).to_numpy()))]
        times = number(float(top["free"] / top["forced"]))
        found.append(
            f"The widest as a ratio is that of {top['model_label']} on {top['task_label']}: {label(top['metric'])} of "
            f"{with_unit(number(top['free']), top['unit'])} free against {number(top['forced'])} forced, {times} times as much."
        )
    return found


def _wins(compared: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    primary = table.loc[table["primary"], ["task_label", "metric"]].drop_duplicates().astype(str)
    rows = compared[compared["level"] == "free"].merge(primary, on=["task_label", "metric"])
    found = []
    for (regime, first), each in rows.groupby(["regime_label", "baseline"], observed=True, sort=False):
        parts = []
        for kind, words in _TALLY.items():
            where = each.loc[each["verdict"] == kind, "task_label"].astype(str).value_counts(sort=False)
            if len(where):
                named = listed([f"{task} {count}" for task, count in where.items()])
                parts.append(f"{words} in {where.sum()} ({named})")
        pairs = "comparison" if len(each) == 1 else "comparisons"
        families = str(each["family"].iloc[0])
        found.append(
            f"{_capital(regime)} against {first}, {len(each)} {pairs} paired by seed: the free error is {listed(parts)}, "
            f"judged at p < {LEVEL:g} after Holm over {families} "
            f"({(compared['family'] == each['family'].iloc[0]).sum()} comparisons)."
        )
    return [*found, *power(rows)]


def _gap_sentence(rows: pd.DataFrame, metric: str) -> str:
    rows = _baseline(rows)
    rows = rows[rows["gap"].notna()]
    if rows.empty:
        return ""
    if (rows["horizon"] <= 1).all():
        top = rows.iloc[0]
        level = measured(top["forced"], top["forced_low"], top["forced_high"])
        said = f"{label(metric)} {with_unit(level, top['unit'])}"
        return f"One output for a whole sequence: nothing is fed back and there is no gap. {said}."
    top = rows.iloc[int(np.argmax(rows["gap"].to_numpy()))]
    unit = top["unit"]
    levels = f"{label(metric)} {with_unit(number(top['forced']), unit)} forced, {with_unit(number(top['free']), unit)} free"
    gap = with_unit(measured(top["gap"], top["gap_low"], top["gap_high"]), unit)
    which = (
        f"the largest mean gap of {len(rows)} models is that of {top['model_label']}"
        if len(rows) > 1
        else f"{top['model_label']}"
    )
    text = f"Trained by {top['method']}, {which}: {levels}, gap {gap} ({seeds(int(top['n']))})."
    if not math.isfinite(top["gap_low"]):
        return f"{text} Too few seeds for an interval."
    if top["gap_low"] <= 0 <= top["gap_high"]:
        return f"{text} Its interval includes 0: no exposure gap is shown at n = {int(top['n'])}."
    return text if top["gap"] > 0 else f"{text} The gap is negative: free, the error is smaller than forced."


def _regimes(compared: pd.DataFrame) -> list[str]:
    """What each regime does to each free measure, one sentence a regime and metric."""
    found = []
    free = compared[compared["level"] == "free"]
    for (regime, first, metric), rows in free.groupby(["regime_label", "baseline", "metric"], observed=True, sort=False):
        clauses = [_clause(str(verdict), each, str(metric)) for verdict, each in rows.groupby("verdict", sort=False)]
        found.append(f"{_capital(regime)} against {first}, {label(str(metric))} free: {'; '.join(clauses)}.")
    return found


def _lost(rows: pd.DataFrame) -> str:
    """Which conditions lost runs, so that a mean over survivors is read as one."""
    rows = rows.drop_duplicates(["model_label", "method"])
    parts = [
        f"{row['diverged'] + row['failed']} of {row['runs']} for {row['model_label']}, {row['method']}"
        for row in rows.to_dict("records")
        if row["diverged"] + row["failed"]
    ]
    return f"Runs that diverged or failed, and are in no mean: {listed(parts)}." if parts else ""


def _capital(text: object) -> str:
    return str(text)[:1].upper() + str(text)[1:]


def _clause(verdict: str, rows: pd.DataFrame, metric: str) -> str:
    each = []
    for row in rows.to_dict("records"):
        who = row["model_label"] + (f" ({row['setting']})" if row["setting"] else "")
        changed = change(row["mean"], row["low"], row["high"], row["ratio"], row["unit"])
        each.append(f"{who} ({changed}, n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{row['n']})")
    if verdict in (NO_INTERVAL, NO_DIFFERENCE):
        return f"{verdict} for {listed(each)}"
    good = verdict.startswith("raises") == (metric in MORE_IS_BETTER)
    alone = f" {ALONE}" if verdict.endswith(ALONE) else ""
    return f"{'better' if good else 'worse'}{alone} for {listed(each)}"


def _cautions(material: Material, task: str, metric: str) -> list[str]:
    rows = material.whole[material.whole["task_label"] == task]
    steps = material.steps[material.steps["task_label"] == task]
    metrics, units = set(rows["metric"].astype(str)), set(rows.loc[rows["metric"] == metric, "unit"].astype(str))
    found = []
    if "valid_time" in metrics:
        found.append("Part of a free error on a chaotic system is the world's own growth of any error, not the model's fault.")
    if (
        metric == "loss"
        and "exact_match" not in metrics
        and not any(positive(metric, unit) for unit in units)
        and steps["step"].nunique() > 1
    ):
        found.append(
            "The loss is taken against the one continuation that was written. Running free, even a perfect model would write "
            "another one, so part of this gap is the freedom of the source, not a fault of the model."
        )
    if (rows.loc[rows["metric"] == "off_support", "free"] > 0).any():
        found.append(
            "KL is averaged over prefixes inside the support alone, at steps where forced and free both have some; sequences "
            "that have left it are counted by the off-support share and by the share of valid strings. Read them together."
        )
    return found
