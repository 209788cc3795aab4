"""Verdicts: comparisons with the baseline, one word for each measure and one over the headlines of a task."""

from __future__ import annotations

import math

import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.inference.confidence_intervals import LOST
from freerun.analysis.inference.multiple_comparisons import COMPARED, declared
from freerun.analysis.inference.paired_differences import against_baseline
from freerun.analysis.inference.replicates import LABELS
from freerun.analysis.inference.simultaneous import NONE, OPEN, WORDS, judged, over_set
from freerun.analysis.inference.simultaneous import verdict as verdict
from freerun.analysis.report.number_text import counted

__all__ = [
    "CONFLICT",
    "KINDS",
    "NONE",
    "OPEN",
    "WORDS",
    "comparisons",
    "judged_sets",
    "kinds",
    "needed",
    "needed_seeds",
    "verdict",
]

#: What is said of a set of headlines of which one is better and another worse.
CONFLICT = "in conflict"
#: What a headline sees: the error at each lead time, one number of a whole rollout, or a comparison beside the two modes.
KINDS = ("errors by lead time", "measures of a whole rollout", "comparisons with the forced rollout or the true system")
_SET = ["task_label", "model_label", "setting", "regime_label", "baseline"]


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
        found = against_baseline(frame, labels, level, lost=lost, quantities=material.quantities)
        if len(found) or level != COMPARED:
            rows.append(found.assign(level=level))
    both = pd.concat(rows, ignore_index=True)
    own = _is_headline(both, material)
    kept = both["better"] != "neither"
    both = both[kept].assign(headline=own[kept]).reset_index(drop=True)
    table = declared(both, both["headline"].astype(bool))
    return judged(table, material.quantities.each(table), material.margin)


def _is_headline(rows: pd.DataFrame, material: Material) -> pd.Series:
    pairs = zip(rows["task_label"], rows["metric"], strict=True)
    return pd.Series([metric in material.headlines.get(task, ()) for task, metric in pairs], index=rows.index, dtype=bool)


def judged_sets(compared: pd.DataFrame) -> pd.DataFrame:
    """One verdict for each condition over the headlines of its task, running free.

    Args:
        compared: what `comparisons` gives.

    Returns:
        task_label, model_label, setting, regime_label, baseline, `verdict` (one of the four words, `CONFLICT` or `NONE`), `n`
        (fewest pairs) and `words`: the label of each headline with its own word, as a tuple of pairs.
    """
    rows = compared[compared["headline"].astype(bool) & (compared["level"] != "forced")]
    found = []
    for key, each in rows.groupby(_SET, observed=True, sort=False):
        words = list(zip(each["label"], each["verdict"], strict=True))
        said = over_set([word for _, word in words]) or CONFLICT
        found.append({**dict(zip(_SET, key, strict=True)), "verdict": said, "n": int(each["n"].min()), "words": tuple(words)})
    return pd.DataFrame(found, columns=[*_SET, "verdict", "n", "words"])


def kinds(material: Material, task: str) -> dict[str, str]:
    """Of which of `KINDS` each headline of a task is."""
    of_task = material.steps[material.steps["task_label"] == task]
    leads = of_task.groupby("metric", observed=True)["step"].max()
    found = {}
    for name in material.headlines[task]:
        found[name] = KINDS[2] if name not in leads.index else KINDS[0] if leads[name] > 0 else KINDS[1]
    return found


def needed(row_needed: float, what: str = "pair") -> str:
    """How many pairs of seeds find a change as large as the margin, in words; nothing where that is not known."""
    if math.isnan(row_needed):
        return ""
    return f"more than 10,000 {what}s" if math.isinf(row_needed) else counted(int(row_needed), what)


def needed_seeds(compared: pd.DataFrame, margin: float) -> list[str]:
    """How many seeds the comparisons would take that distinguish nothing, each by its own spread and with its own pairs.

    Args:
        compared: rows of one family of `simultaneous.judged`.
        margin: of the study.
    """
    rows = compared[(compared["verdict"] == OPEN) & compared["needed"].notna()]
    if rows.empty:
        return []
    least, most = rows["needed"].min(), rows["needed"].max()
    few, many = int(rows["n"].min()), int(rows["n"].max())
    has = counted(few, "pair") if few == many else f"{few} to {counted(many, 'pair')}"
    takes = needed(least) if least == most else f"{needed(least).removesuffix(' pairs')} to {needed(most)}"
    return [
        f"Not distinguished in {counted(len(rows), 'comparison')}, with {has} of seeds: by the spread that was seen, a change "
        f"as large as the margin ({100 * margin:g} %) would be found with 80 % power after Holm by {takes}."
    ]
