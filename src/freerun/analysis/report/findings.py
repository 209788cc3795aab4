"""Findings in words: sentences computed from the tables, with their intervals, whoever wins."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.inference.power import LEVEL
from freerun.analysis.report.cautions import cautions, lost
from freerun.analysis.report.number_text import change, counted, listed, measured, number, seeds, with_unit
from freerun.analysis.report.verdicts import ALONE, MEANT, NO_DIFFERENCE, NO_INTERVAL, better, power

_TALLY = {
    "lowers": "lower", "raises": "higher", f"lowers {ALONE}": f"lower, {ALONE},", f"raises {ALONE}": f"higher, {ALONE},",
    NO_DIFFERENCE: "not shown to differ", NO_INTERVAL: "without an interval",
}  # fmt: skip
#: So many conditions of a task are named in a tally.
_NAMED = 3


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
        points = [_gap_sentence(rows), *_regimes(compared[compared["task_label"] == task], metric)]
        points.append(lost(table[table["task_label"] == task]))
        tasks.append(
            {"name": task, "points": [point for point in points if point], "cautions": cautions(material, task, metric)}
        )
    return tasks


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
        higher = known["better"] == "higher"
        worse = known["gap_low"].mask(higher, -known["gap_high"]) > 0
        above = int(worse.sum())
        below = int((known["gap_high"].mask(higher, -known["gap_low"]) < 0).sum())
        rest = len(known) - above - below
        what, other = ("free error above forced error", "the free error is the smaller one")
        if higher.any():
            what, other = "free worse than forced", "free is better than forced"
        parts = [f"an exposure gap ({what}) is shown in {above} of {len(known)} task-model pairs"]
        parts += [f"{other} in {below}"] if below else []
        parts += [f"no difference is shown in {rest}"] if rest else []
        found.append(f"Trained by {_first(table)}, {listed(parts)}.")
    elif len(rows):
        found.append("With fewer than three seeds there are no intervals: what follows describes single runs.")
    ratio = rows[rows["log"].astype(bool) & (rows["forced"] > 0)]
    if len(ratio):
        top = ratio.iloc[int(np.argmax((ratio["free"] / ratio["forced"]).to_numpy()))]
        times = float(top["free"] / top["forced"])
        levels = f"{with_unit(number(top['free']), top['unit'])} free against {number(top['forced'])} forced"
        measured_ = f"{top['label']} of {levels}, {number(times)} times as much"
        where = f"{top['model_label']} on {top['task_label']}: {measured_}"
        if times > 1:
            open_ = ", though no difference is shown there" if top["gap_low"] <= 0 <= top["gap_high"] else ""
            found.append(f"The widest gap as a ratio is that of {where}{open_}.")
        else:
            found.append(f"No free error on a ratio scale is above its forced one; nearest to it is that of {where}.")
    return found


def _wins(compared: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    primary = table.loc[table["primary"], ["task_label", "metric"]].drop_duplicates().astype(str)
    rows = compared[compared["level"] == "free"].merge(primary, on=["task_label", "metric"])
    found = []
    for (regime, first), each in rows.groupby(["regime_label", "baseline"], observed=True, sort=False):
        parts = []
        for kind, words in _TALLY.items():
            some = each[each["verdict"] == kind]
            if len(some):
                parts.append(f"{words} in {len(some)}: {_where(some, each)}")
        pairs = counted(len(each), "comparison")
        found.append(f"{_capital(regime)} against {first}, {pairs} paired by seed. The free error is {'; '.join(parts)}.")
    if found:
        families = rows["family"].iloc[0]
        size = counted(int((compared["family"] == families).sum()), "comparison")
        found.append(f"Judged at p < {LEVEL:g} after Holm over {families} ({size}).")
    alone = [MEANT] if any(str(said).endswith(ALONE) for said in rows["verdict"]) else []
    return [*found, *alone, *_teacher_wins(rows), *power(rows)]


def _where(rows: pd.DataFrame, among: pd.DataFrame) -> str:
    """Some comparisons by task: all of it, a few by their models, or how many there are."""
    parts = []
    for task, each in rows.groupby("task_label", sort=False):
        size = int((among["task_label"] == task).sum())
        if len(each) == size:
            parts.append(f"{task} ({f'all {size}' if size > 1 else _who(each.to_dict('records')[0])})")
        else:
            named = listed([_who(row) for row in each.to_dict("records")])
            parts.append(f"{task} ({named if len(each) <= _NAMED else f'{len(each)} of {size}'})")
    return listed(parts)


def _teacher_wins(rows: pd.DataFrame) -> list[str]:
    """Where the baseline has the better free error; a result like any other."""
    judged = rows.assign(good=[better(row["verdict"], row["better"]) for row in rows.to_dict("records")])
    found = []
    for surely in ("", f" {ALONE}"):
        lost = judged[judged["good"] == f"worse{surely}"]
        parts = []
        for first, each in lost.groupby("regime_label", observed=True, sort=False):
            where = [
                f"{task} ({_which(of, judged[(judged['regime_label'] == first) & (judged['task_label'] == task)])})"
                for task, of in each.groupby("task_label", sort=False)
            ]
            parts.append(f"against {first} on {listed(where)}")
        if parts:
            first, said = _capital(lost["baseline"].iloc[0]), f",{surely}," if surely else ""
            errors = (lost["better"] == "lower").all()
            why = "there its free error is the smaller one" if errors else "there it is the better one, free"
            found.append(f"{first} wins{said} {'; '.join(parts)}: {why}.")
    return found


def _which(rows: pd.DataFrame, among: pd.DataFrame) -> str:
    """The models of some rows, or that they are all."""
    models = list(dict.fromkeys(rows["model_label"]))
    return f"all {len(models)} models" if len(models) > 1 and len(rows) == len(among) else listed(models)


def _gap_sentence(rows: pd.DataFrame) -> str:
    rows = _baseline(rows)
    rows = rows[rows["gap"].notna()]
    if rows.empty:
        return ""
    if (rows["horizon"] <= 1).all() and (rows["gap"] == 0).all():
        top = rows.iloc[0]
        level = measured(top["forced"], top["forced_low"], top["forced_high"])
        said = f"{top['label']} {with_unit(level, top['unit'])}"
        return f"One output for a whole sequence: nothing is fed back and there is no gap. {said}."
    harm = rows["gap"].mask(rows["better"] == "higher", -rows["gap"])
    top = rows.iloc[int(np.argmax(harm.to_numpy()))]
    unit = top["unit"]
    forced, free = (with_unit(number(top[f"{level}_mean"]), unit) for level in ("forced", "free"))
    levels = f"{top['label']} {forced} forced, {free} free"
    how = "arithmetic means, " if top["log"] else ""
    gap = with_unit(measured(top["gap"], top["gap_low"], top["gap_high"]), unit)
    which = (
        f"the largest mean gap of {len(rows)} models is that of {top['model_label']}"
        if len(rows) > 1
        else f"{top['model_label']}"
    )
    text = f"Trained by {top['method']}, {which}: {levels}, gap {gap} ({how}{seeds(int(top['n']))})."
    if not math.isfinite(top["gap_low"]):
        return f"{text} Too few seeds for an interval."
    if top["gap_low"] <= 0 <= top["gap_high"]:
        return f"{text} Its interval includes 0: no exposure gap is shown at n = {int(top['n'])}."
    if harm.max() > 0:
        return f"{text} More is better: free is worse than forced." if top["better"] == "higher" else text
    if top["better"] == "higher":
        return f"{text} The gap is positive, and more is better: free is better than forced."
    return f"{text} The gap is negative: free, the error is smaller than forced."


def _regimes(compared: pd.DataFrame, metric: str) -> list[str]:
    """What each regime does to the task's own free error, with numbers, and to every other measure, in a word."""
    found = []
    free = compared[compared["level"] == "free"]
    for (regime, first), rows in free.groupby(["regime_label", "baseline"], observed=True, sort=False):
        head, own = f"{_capital(regime)} against {first}", rows["metric"] == metric
        if own.any():
            clauses = [_clause(str(verdict), each) for verdict, each in rows[own].groupby("verdict", sort=False)]
            found.append(f"{head}, {rows.loc[own, 'label'].iloc[0]} free: {'; '.join(clauses)}.")
        rest = [part for _, each in rows[~own].groupby("metric", sort=False) for part in _in_a_word(each)]
        if rest:
            found.append(f"{head}, other measures free: {'; '.join(rest)}.")
        elif not own.all():
            found.append(f"{head}, other measures free: no difference shown.")
    return found


def _in_a_word(rows: pd.DataFrame) -> list[str]:
    goods = pd.Series([better(row["verdict"], row["better"]) for row in rows.to_dict("records")], index=rows.index)
    return [
        f"{rows['label'].iloc[0]} {good} for {listed([_who(row) for row in each.to_dict('records')])}"
        for good, each in rows.groupby(goods, sort=False)
        if good
    ]


def _capital(text: object) -> str:
    return str(text)[:1].upper() + str(text)[1:]


def _clause(verdict: str, rows: pd.DataFrame) -> str:
    each = []
    for row in rows.to_dict("records"):
        changed = change(row["mean"], row["low"], row["high"], row["ratio"], row["unit"])
        each.append(f"{_who(row)} ({changed}, n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{row['n']})")
    return f"{better(verdict, str(rows['better'].iloc[0])) or verdict} for {listed(each)}"


def _who(row: Mapping[Any, Any]) -> str:
    return str(row["model_label"]) + (f" ({row['setting']})" if row["setting"] else "")
