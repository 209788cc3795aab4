"""Exposure bias in the opening of a report: what a model's own outputs do to its errors, or that no measure tells."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.inference.confidence_intervals import FEWEST, summarise
from freerun.analysis.inference.exposure_parts import tested
from freerun.analysis.inference.multiple_comparisons import holm
from freerun.analysis.inference.power import LEVEL
from freerun.analysis.inference.replicates import CELL
from freerun.analysis.report.gap_findings import first_method, judged_gaps, of_first_method
from freerun.analysis.report.number_text import counted, listed, with_unit
from freerun.analysis.report.opening_levels import SURE, plain_number, within_sentence
from freerun.analysis.report.opening_order import NAMED, flat_label, on_case
from freerun.parts import registry

#: Where the model is fed what it made itself, and nothing tells what that does to it.
UNKNOWN = "exposure bias is not known, for no measure here tells it apart"
#: Where a measure tells, of too few seeds.
OPEN = f"exposure bias was measured, and its interval takes {FEWEST} seeds"


def exposure_in_words(table: pd.DataFrame, material: Material) -> list[str]:
    """What being fed its own outputs does to the errors of the baseline, in clauses; none where no measure tells.

    By the errors that were measured forced and free, where there are any; else by measures that are the exposure bias
    themselves (`Quantity.account`). The first says on which tasks it is not measured apart.

    Args:
        table: what `summary_table.full` gives.
        material: of the study.
    """
    known = judged_gaps(table)
    if known.empty:
        said = _by_measures_of_it(_measured(material, table), first_method(table))
    else:
        said = [_by_both_modes(known, first_method(table))]
    return [f"{said[0]}{_not_apart(material, known)}", *said[1:]] if said else []


def _not_apart(material: Material, known: pd.DataFrame) -> str:
    """The tasks on which exposure bias is not measured apart from other errors, in a clause; "" where there are none.

    Args:
        material: of the study.
        known: what `judged_gaps` gives.
    """
    compared, meant = material.compared, material.quantities
    parts = [*meant.accounting("exposure bias", compared["metric"]), *meant.accounting("exposure", compared["metric"])]
    own = known["metric"].isin(meant.accounting("one-step error", known["metric"]))
    apart = set(
        pd.concat([known.loc[own, "task_label"], compared.loc[compared["metric"].isin(parts), "task_label"]]).astype(str)
    )
    if not apart:
        return "; how much of that is exposure bias is not known"
    fed = pd.concat([frame.loc[frame["step"] != 1, "task_label"] for frame in (material.steps, compared)]).astype(str)
    tasks = [flat_label(task) for task in dict.fromkeys(fed) if task not in apart]
    if not tasks:
        return ""
    plain = len(tasks) <= NAMED and not any("," in task for task in tasks)
    return f"; on {listed(tasks) if plain else counted(len(tasks), 'task')} that is not measured apart"


def tells(material: Material) -> bool:
    """Whether some measure of a study is the exposure bias itself, or a part of what was told apart."""
    metrics, meant = material.compared["metric"], material.quantities
    return any(meant.accounting(part, metrics) for part in ("exposure bias", "exposure"))


def feeds_itself(material: Material) -> bool:
    """Whether a model was run free for more than one step, so that it can have an exposure bias."""
    return bool((material.steps["step"] > 1).any()) or bool((material.compared["step"] != 1).any())


def only_built_in(material: Material) -> bool:
    """Whether every metric of a study is one of the framework's own, which all say what they tell."""
    measured = {*material.steps["metric"].astype(str), *material.compared["metric"].astype(str)}
    return measured <= {*registry.builtin_parts("metric")}


def _by_both_modes(known: pd.DataFrame, first: str) -> str:
    """The gap: with numbers of one condition, in how many of several."""
    harm = known["gap"].mask(known["better"] == "higher", -known["gap"])
    more, less = (int((known["shown"] & side).sum()) for side in (harm > 0, harm < 0))
    who = f"models trained by {first}"
    if len(known) > 1:
        return f"fed their own outputs, {who} {_err(more, less, len(known))}"
    row = known.iloc[0]
    unit = str(row["unit"]).partition(",")[0]
    free, forced = with_unit(plain_number(row["free"]), "" if unit == "probability" else unit), plain_number(row["forced"])
    sure = f"a difference between {plain_number(row['gap_low'])} and {plain_number(row['gap_high'])} {SURE}"
    levels = f"{within_sentence(str(row['label']))} of {free} against {forced} when fed the truth, {sure}"
    return f"fed their own outputs, {who} {_err(more, less)}: {levels}"


def _err(more: int, less: int, of: int = 1) -> str:
    """That errors are more or less, in how many of some cases; of one case without its number."""
    if not more and not less:
        return f"are not shown to err more or less{f' in any of {of} cases' if of > 1 else ''}"
    return f"are shown to err {_more_and_less(more, less, of) if of > 1 else 'more' if more else 'less'}"


def _more_and_less(more: int, less: int, of: int) -> str:
    cases = counted(of, "case")
    if not more and not less:
        return f"neither more nor less in any of {cases}"
    if more and less:
        return f"more in {more} and less in {less} of {cases}"
    return f"more in {more} of {cases} and less in none" if more else f"less in {less} of {cases} and more in none"


def _measured(material: Material, table: pd.DataFrame) -> pd.DataFrame:
    """The exposure bias of each condition of the first method by every measure that is one, where it has an interval.

    Returns:
        `CELL`, metric, unit, label, log (whether it is a logarithm), mean, low, high, n, p, and `shown`: whether it is not 0,
        after Holm over them all.
    """
    names = material.quantities.accounting("exposure bias", material.compared["metric"])
    rows = material.compared[material.compared["metric"].isin(names)]
    rows = rows[of_first_method(rows, first_method(table))]
    parts = []
    for key, of in rows.groupby(["metric", "unit"], observed=True, sort=False):
        meant = material.quantities.of(*key)
        tests = tested(of.assign(change=of["value"]))[[*CELL, "p"]]
        table = summarise(of, CELL, "value").merge(tests, on=CELL)
        parts.append(table.assign(metric=meant.name, unit=meant.unit, label=meant.label, log=meant.scale == "logarithm"))
    if not parts:
        return pd.DataFrame()
    known = pd.concat(parts, ignore_index=True)
    known = known[known["low"].notna()]
    return known.assign(shown=holm(known["p"].to_numpy(dtype=float)) <= LEVEL)


def _by_measures_of_it(known: pd.DataFrame, first: str) -> list[str]:
    """In how many cases each measure of the exposure bias shows one, and an example of the first measure with its interval."""
    said = list[str]()
    for label, rows in known.groupby("label", sort=False) if len(known) else ():
        more, less = (int((rows["shown"] & side).sum()) for side in (rows["mean"] > 0, rows["mean"] < 0))
        name = within_sentence(str(label))
        if said:
            said.append(f"{name}: {_more_and_less(more, less, len(rows))}")
            continue
        start = f"fed their own outputs, models trained by {first}"
        if len(rows) > 1:
            said += [f"{start} {_err(more, less, len(rows))} ({name})", *_example(rows[rows["shown"]])]
        else:
            said.append(f"{start} {_err(more, less)} ({name}): {_size(rows.iloc[0].to_dict())}")
    return said


def _example(shown: pd.DataFrame) -> list[str]:
    """The condition in which errors grow the most, or else shrink, with its interval; a factor rather than a difference."""
    harm = shown[shown["mean"] > 0]
    rows = harm if len(harm) else shown
    if rows.empty:
        return []
    rows = rows[rows["log"] == rows["log"].any()]
    row: Mapping[Any, Any] = rows.iloc[int(rows["mean"].abs().to_numpy().argmax())].to_dict()
    return [f"{on_case(str(row['task_label']), str(row['model_label']))} {_size(row)}"]


def _size(row: Mapping[Any, Any]) -> str:
    """An exposure bias in words, with its interval."""
    ends = (row["mean"], row["low"], row["high"])
    mean, low, high = (plain_number(math.exp(value) if row["log"] else value) for value in ends)
    unit = str(row["unit"]).partition(",")[0]
    return f"{f'{mean} times as much' if row['log'] else f'by {with_unit(mean, unit)}'} ({low} to {high} {SURE})"
