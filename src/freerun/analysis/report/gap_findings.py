"""Exposure gaps in words: in how many conditions one is shown, where it is the widest, and what is none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from freerun.analysis.inference.multiple_comparisons import holm
from freerun.analysis.inference.power import LEVEL
from freerun.analysis.report.number_text import RISK, counted, listed, number, with_unit


def baseline_rows(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the first method (teacher forcing, where it was run), of the tasks' own errors."""
    rows = table[table["primary"] & (table["n"] > 0)]
    return rows[of_first_method(rows, first_method(table))]


def of_first_method(rows: pd.DataFrame, first: str) -> pd.Series:
    """Which rows are of the first method, with whatever settings."""
    methods = rows["method"].astype(str)
    return (methods == first) | methods.str.startswith(f"{first} (")


def judged_gaps(table: pd.DataFrame) -> pd.DataFrame:
    """The exposure gaps of the first method that have an interval, with `shown`: whether one is, after Holm over them all."""
    rows = baseline_rows(table)
    known = rows[(rows["horizon"] > 1) & ~rows["written"].astype(bool) & rows["gap_low"].notna()]
    return known.assign(shown=holm(known["gap_p"].to_numpy(dtype=float)) <= LEVEL)


def smaller_free(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of `judged_gaps` in which the free error is shown to be better than the forced one."""
    known = judged_gaps(table)
    harm = known["gap"].mask(known["better"] == "higher", -known["gap"])
    return known[known["shown"] & (harm < 0)]


def first_method(table: pd.DataFrame) -> str:
    """The method that the others are compared with, without its settings."""
    return str(table["method"].cat.categories[0]).partition(" (")[0]


def gap_tally(table: pd.DataFrame, inside: Sequence[str] = ()) -> list[str]:
    """In how many conditions of the first method an exposure gap is shown, in a sentence.

    Args:
        table: what `summary_table.full` gives.
        inside: the tasks whose error is averaged over prefixes inside the support alone, while some lie outside.
    """
    rows = baseline_rows(table)
    rows = rows[rows["horizon"] > 1]
    written = rows["written"].astype(bool)
    known, left_out = judged_gaps(table), list(dict.fromkeys(rows.loc[written, "task_label"].astype(str)))
    if not len(known):
        few = "With fewer than three seeds there are no intervals: what follows describes single runs."
        return [few] if len(rows[~written]) else _against_the_written(table, rows)
    shown, higher = known["shown"], known["better"] == "higher"
    harm = known["gap"].mask(higher, -known["gap"])
    above, below = int((shown & (harm > 0)).sum()), len(smaller_free(table))
    remaining = len(known) - above - below
    gap_words, reverse_words = ("free error above forced error", "the free error is smaller")
    if higher.any():
        gap_words, reverse_words = ("free worse than forced", "free is better than forced")
    parts = [f"an exposure gap ({gap_words}) is shown in {above or 'none'} of {counted(len(known), 'condition')}"]
    parts += [f"{reverse_words} in {below}"] if below else []
    parts += [f"no difference is shown in {remaining}"] if remaining else []
    partly = [task for task in inside if task in set(known["task_label"].astype(str))]
    limits = [f"on {listed(partly)} it is over prefixes that the source can write alone"] if partly else []
    limits += [f"on {listed(left_out)} it is not measured"] if left_out else []
    said = [f"Trained by {first_method(table)}, {listed(parts)}, {RISK}."]
    return [" ".join([*said, f"O{listed(limits)[1:]}."])] if limits else said


def details(table: pd.DataFrame) -> list[str]:
    """What no exposure gap is, and where the gap is the widest, in sentences; none before a run has finished."""
    if not len(table) or not table["n"].any():
        return []
    rows = baseline_rows(table)
    rows = rows[rows["horizon"] > 1]
    written = rows["written"].astype(bool)
    sentences, rows = _against_the_written(table, rows[written]), rows[~written]
    ratio = rows[rows["log"].astype(bool) & (rows["forced"] > 0)]
    if ratio.empty:
        return sentences
    top = ratio.iloc[int(np.argmax((ratio["free"] / ratio["forced"]).to_numpy()))]
    times = float(top["free"] / top["forced"])
    levels = f"{with_unit(number(top['free']), top['unit'])} free against {number(top['forced'])} forced"
    where = f"{top['model_label']} on {top['task_label']}: {top['label']} of {levels}, {number(times)} times as much"
    if times > 1:
        open_ = "" if judged_gaps(table)["shown"].get(top.name, True) else ", though no difference is shown there"
        return [*sentences, f"The widest gap as a ratio is that of {where}{open_}."]
    return [*sentences, f"No free error on a ratio scale is above its forced one; nearest to it is that of {where}."]


def _against_the_written(table: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """Tasks whose free error compares with the continuation in the data, so that free minus forced is no exposure gap."""
    if rows.empty:
        return []
    tasks = [str(task) for task in dict.fromkeys(rows["task_label"])]
    whole = table[~table["primary"] & table["task_label"].isin(tasks) & (table["better"] == "higher") & (table["n"] > 0)]
    equal = [
        f"{of_measure['label'].iloc[0].lower()} on {of_measure['task_label'].iloc[0]}"
        for _, of_measure in whole.groupby(["task_label", "label"], observed=True, sort=False)
        if (of_measure[["gap_low", "gap_high"]] == 0).all(axis=None)
    ]
    remark = f" The same forced and free: {listed(equal)}." if equal else ""
    return [
        f"On {listed(tasks)} the free error compares with the one continuation that is in the data, so its difference from the "
        f"forced error is not an exposure gap.{remark}"
    ]
