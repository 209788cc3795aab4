"""Caveats of the opening of a report: what must be told with an answer, and what is not shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.report import unequal_budgets
from freerun.analysis.report.findings import unbeaten_better
from freerun.analysis.report.headline_kinds import PAIR, by_no_headline, kinds, not_of_both, on_one_kind
from freerun.analysis.report.number_text import counted, listed
from freerun.analysis.report.opening_order import NAMED, WORSE
from freerun.analysis.report.verdicts import NONE, OPEN, WORDS, needed


def caveats(
    sets: pd.DataFrame, rows: pd.DataFrame, way: Mapping[str, Any], material: Material, word: str
) -> tuple[list[str], list[str]]:
    """What must be said with a way of training that is named as the best or the last, and what is said where there is room.

    Args:
        sets: the verdicts over the headlines of each comparison.
        rows: the comparisons by headlines.
        way: of `ways_of_training`.
        material: of the study.
        word: which its largest change is, in whose sentence it is said.
    """
    keys = zip(sets["regime_label"].astype(str), sets["setting"].astype(str), strict=True)
    own = sets[[key in way["keys"] for key in keys]]
    kind_of = kinds(material)
    by_headlines = rows.merge(own[PAIR], on=PAIR)
    one_kind = len(by_headlines.loc[on_one_kind(by_headlines, kind_of), PAIR].drop_duplicates())
    players = unbeaten_better(own, material)
    grave, light = list[str](), list[str]()
    if len(players):
        alone = len(players.drop_duplicates(["task_label", "model_label", "method"]))
        names = listed(list(dict.fromkeys(players["player"]))[:NAMED])
        better = way["better"] * len(way["names"])
        where = "there" if better == 1 else f"in all {better} cases" if alone == better else f"in {alone} of {better} cases"
        if word == WORSE:
            where = "where it is better" if alone == better else f"in {alone} of the {better} cases where it is better"
        remark = f"yet {where} a source spoilt on purpose ({names}) is not shown to be worse"
        (light if word == WORSE else grave).append(remark)
    if by_no_headline(by_headlines, kind_of):
        grave.append("no headline of a task was measured there, so that a degenerate model may win by what stands in")
    elif one_kind:
        of = int(own["verdict"].isin(WORDS[:3]).sum())
        where = "" if one_kind == of else f" in {one_kind} of {of} cases"
        light.append(f"that rests on one kind of measure alone{where}")
    if missing := not_of_both(by_headlines, kind_of):
        light.append(f"it is judged without headlines that one side lacks ({missing})")
    if unequal_budgets.of_pairs(material, own):
        grave.append("its training was not given as much work as the baseline's")
    if unequal_budgets.declared(material):
        light.append(f"methods were given equal {material.tables.budget}, not equal updates")
    return grave, light


def not_shown(sets: pd.DataFrame, rows: pd.DataFrame, margin: float) -> list[str]:
    """In how many comparisons no difference is shown, and how many seeds would find one as large as the margin."""
    unknown, said = int((sets["verdict"] == OPEN).sum()), list[str]()
    if unknown:
        said.append(f"in {unknown} of {counted(len(sets), 'comparison')} neither a difference nor its absence is shown")
        takes = rows.loc[(rows["verdict"] == OPEN) & rows["needed"].notna(), "needed"]
        if len(takes):
            ends = [needed(value, "seed") for value in (takes.min(), takes.max())]
            span = ends[0] if ends[0] == ends[1] else f"{ends[0].removesuffix(' seeds')} to {ends[1]}"
            said.append(f"by the spread seen here it takes {span} to find one of {100 * margin:g} %")
    return said


def too_few(sets: pd.DataFrame) -> list[str]:
    """How many comparisons have no verdict, where others have one."""
    without = sets["verdict"] == NONE
    if without.all():
        return []
    spared = without & sets["spared"].astype(bool)
    why = {
        "too few seeds with a result for a verdict": without & ~spared,
        "no verdict, since one side lost runs that the other finished": spared,
    }
    return [
        f"{counted(int(which.sum()), 'comparison')} {'has' if which.sum() == 1 else 'have'} {said}"
        for said, which in why.items()
        if which.any()
    ]


def without_result(runs: pd.DataFrame) -> list[str]:
    """How many runs are in no mean."""
    lost = int(runs["status"].isin(["diverged", "failed"]).sum())
    pending = int((~runs["status"].isin(["done", "diverged", "failed"])).sum())
    said = (
        [f"{lost} of {counted(len(runs), 'run')} diverged or failed and {'is' if lost == 1 else 'are'} in no mean"]
        if lost
        else []
    )
    return [
        *said,
        *([f"{counted(pending, 'run')} of {len(runs)} {'has' if pending == 1 else 'have'} not ended"] if pending else []),
    ]
