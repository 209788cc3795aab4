"""Verdicts: comparisons with the baseline, one word for each measure and one over the headlines of a task."""

from __future__ import annotations

import math

import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.inference.confidence_intervals import FEWEST, LOST
from freerun.analysis.inference.multiple_comparisons import COMPARED, declared
from freerun.analysis.inference.paired_differences import against_baseline
from freerun.analysis.inference.replicates import LABELS
from freerun.analysis.inference.simultaneous import EQUIVALENT, NONE, OPEN, WORDS, judged, over_set
from freerun.analysis.inference.simultaneous import verdict as verdict
from freerun.analysis.report.headline_kinds import PAIR
from freerun.analysis.report.number_text import counted

__all__ = [
    "CONFLICT",
    "EQUIVALENT",
    "NONE",
    "OPEN",
    "WORDS",
    "comparisons",
    "judged_sets",
    "needed",
    "needed_seeds",
    "of_headlines",
    "over_set",
    "spared_losses",
    "verdict",
]

#: What is said of a set of headlines of which one is better and another worse.
CONFLICT = "in conflict"


def comparisons(material: Material) -> pd.DataFrame:
    """Every regime against the first one, with a `verdict` on each level of each row.

    Compared are the headlines of every task, free, forced, and beside the two modes (level ``compared``), and the other
    measures that `Material.reported` names; not what ranks nothing.

    Returns:
        The columns of `paired_differences.against_baseline` and of `simultaneous.judged`, `level`, and `headline`: whether the
        measure is one of its task's.
    """
    labels = material.runs.set_index("run")[LABELS]
    steps = material.steps.drop(columns=LABELS)
    steps = steps[material.reported(material.steps)]
    heads = {name for names in material.headlines.values() for name in names}
    beside = material.compared.drop(columns=LABELS)
    beside = beside[beside["metric"].isin(heads)].rename(columns={"value": COMPARED})
    lost = material.runs.loc[material.runs["status"].isin(LOST), ["run", "seed"]]
    rows = []
    for level, frame in (("free", steps), ("forced", steps), (COMPARED, beside)):
        of_level = against_baseline(frame, labels, level, lost=lost, quantities=material.quantities)
        if len(of_level) or level != COMPARED:
            rows.append(of_level.assign(level=level))
    measured = pd.concat(rows, ignore_index=True)
    is_headline = _is_headline(measured, material)
    kept = measured["better"] != "neither"
    measured = measured[kept].assign(headline=is_headline[kept]).reset_index(drop=True)
    table = declared(measured, measured["headline"].astype(bool))
    return judged(table, material.quantities.of_rows(table), material.margin)


def _is_headline(rows: pd.DataFrame, material: Material) -> pd.Series:
    pairs = zip(rows["task_label"], rows["metric"], strict=True)
    return pd.Series([metric in material.headlines.get(task, ()) for task, metric in pairs], index=rows.index, dtype=bool)


def of_headlines(compared: pd.DataFrame) -> pd.DataFrame:
    """The comparisons by which conditions are judged: by headlines, of the free rollout or beside the two modes."""
    return compared[compared["headline"].astype(bool) & (compared["level"] != "forced")]


def judged_sets(compared: pd.DataFrame) -> pd.DataFrame:
    """One verdict for each condition over the headlines of its task, running free.

    Args:
        compared: what `comparisons` gives.

    Returns:
        task_label, model_label, setting, regime_label, baseline, `verdict` (one of the four words, `CONFLICT` or `NONE`), `n`
        (fewest pairs), `spared` (whether it has none because a side lost runs that the other finished) and `words`: the label
        of each headline with its own word, as a tuple of pairs.
    """
    sets = []
    for key, of_set in of_headlines(compared).groupby(PAIR, observed=True, sort=False):
        words = list(zip(of_set["label"], of_set["verdict"], strict=True))
        said = over_set([word for _, word in words]) or CONFLICT
        fewest, spared = int(of_set["n"].min()), said == NONE and spared_losses(of_set)
        sets.append(
            {**dict(zip(PAIR, key, strict=True)), "verdict": said, "n": fewest, "spared": spared, "words": tuple(words)}
        )
    return pd.DataFrame(sets, columns=[*PAIR, "verdict", "n", "spared", "words"])


def spared_losses(rows: pd.DataFrame) -> bool:
    """Whether losses alone, and no lack of seeds, leave a comparison by some headlines without a verdict."""
    without = rows[rows["verdict"] == NONE]
    lost_alone = (without["n"] >= FEWEST) & (without["lost"] != without["first_lost"])
    return bool(len(without)) and bool(lost_alone.all())


def needed(row_needed: float, unit: str = "pair") -> str:
    """How many pairs of seeds find a change as large as the margin, in words; nothing where that is not known."""
    if math.isnan(row_needed):
        return ""
    return f"more than 10,000 {unit}s" if math.isinf(row_needed) else counted(int(row_needed), unit)


def needed_seeds(compared: pd.DataFrame, margin: float) -> list[str]:
    """How many pairs of seeds the undecided comparisons would need, each by its own spread, in one sentence.

    Args:
        compared: rows of one family of `simultaneous.judged`.
        margin: of the study.
    """
    rows = compared[(compared["verdict"] == OPEN) & compared["needed"].notna()]
    if rows.empty:
        return []
    smallest, largest = rows["needed"].min(), rows["needed"].max()
    fewest, most = int(rows["n"].min()), int(rows["n"].max())
    has = counted(fewest, "pair") if fewest == most else f"{fewest} to {counted(most, 'pair')}"
    takes = needed(smallest) if smallest == largest else f"{needed(smallest).removesuffix(' pairs')} to {needed(largest)}"
    return [
        f"Not distinguished in {counted(len(rows), 'comparison')}, with {has} of seeds: given the spread seen here, it takes "
        f"{takes} to find a change as large as the margin ({100 * margin:g} %) in 4 of 5 such studies."
    ]
