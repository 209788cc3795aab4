"""Note below the table of a paper: how it is to be read, with what rows are compared, and on what its marks rest."""

from __future__ import annotations

import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.inference.power import LEVEL
from freerun.analysis.inference.replicates import LABELS
from freerun.analysis.report import unequal_budgets
from freerun.analysis.report.findings import capital
from freerun.analysis.report.headline_kinds import kinds, resting
from freerun.analysis.report.number_text import listed
from freerun.analysis.report.table_typesetting import BETTER, WORSE
from freerun.analysis.report.verdicts import NONE, comparisons, judged_sets, of_headlines

#: In the place of a model, for reference players.
PLAYERS = "Reference player"


def _against(table: pd.DataFrame) -> str:
    """With what the rows of the table were really compared: one baseline, or which of them for which methods."""
    compared = table.dropna(subset=["holm"])[["baseline", "method"]].drop_duplicates()
    by = compared.groupby("baseline", sort=False)["method"].agg(list)
    if len(by) == 1:
        return str(by.index[0])
    return f"the baseline of their setting ({'; '.join(f'{listed(methods)}: {name}' for name, methods in by.items())})"


def note(table: pd.DataFrame, material: Material) -> str:
    """Return how the table is to be read: its means and marks, on what the marks rest, and where headlines disagree.

    Args:
        table: what `paper_table.tidy` gives.
        material: of the study.
    """
    compared = comparisons(material)
    families = table.dropna(subset=["holm"])[["family", "level"]].drop_duplicates("family")["family"]
    sizes = [f"{family} ({int((compared['family'] == family).sum())} comparisons)" for family in families]
    marks = (
        f"{BETTER} better and {WORSE} worse than {_against(table)} at p < {LEVEL:g}, t tests paired by seed, "
        f"after Holm over {' and '.join(sizes)}, where the two are not equivalent within {100 * material.margin:g} %; "
        "the gap is not tested against the baseline."
        if sizes
        else "No comparison with a baseline has an interval."
    )
    return material.of_split(
        "Means over seeds [95 % intervals over seeds: Student t, BCa from 20 seeds on; none below three], geometric for "
        "levels on a ratio scale; a gap is their difference, on test sequences and over the steps since "
        "the release. n: seeds with a result; lost: runs that diverged or failed, of all that ended, with the 95 % "
        "Clopper-Pearson interval of their share. Bold: numerically "
        "the best mean of its task, with all that print the same, of the methods that lost the smallest share of their runs. "
        f"{marks}"
        + "".join(f" {sentence}" for sentence in _rests_on(table, compared, material))
        + (" Reference players need no training, and are compared with nothing." if (table["model"] == PLAYERS).any() else "")
    )


def _rests_on(table: pd.DataFrame, compared: pd.DataFrame, material: Material) -> list[str]:
    """Where the headlines of a task do not say what a mark says, and that a mark is of one measure alone."""
    marked = table[(table["mark"] != "") & (table["level"] == "free")]
    if not (table["mark"] != "").any():
        return []
    sets = judged_sets(compared)
    keys = [name for name in LABELS if name != "method"]
    methods = material.runs[LABELS].astype("str").drop_duplicates()
    sets = sets.astype(dict.fromkeys(keys, "str")).merge(methods, on=keys, how="left")
    word_of = {(row["task_label"], row["model_label"], row["method"]): row["verdict"] for row in sets.to_dict("records")}
    other: dict[str, list[str]] = {}
    for row in marked.to_dict("records"):
        word = word_of.get((row["task"], row["model"], row["method"]), NONE)
        if word != row["mark"]:
            other.setdefault(word, []).append(f"{row['model']}, {row['method']} on {row['task']} (marked {row['mark']})")
    parts = [f"{word}: {'; '.join(conditions)}" for word, conditions in other.items()]
    disagree = [f"Over all headlines of the task the verdict is another one. {capital('. '.join(parts))}."] if parts else []
    shown = table.loc[table["mark"] != "", ["task", "metric", "label"]].drop_duplicates(["task", "metric"])
    names = [
        f"{row['label']} on {row['task']}{'' if row['metric'] in material.headlines.get(row['task'], ()) else ' (no headline)'}"
        for row in shown.to_dict("records")
    ]
    return [
        *disagree,
        f"A mark is of one measure alone: {'; '.join(names)}.",
        *resting(of_headlines(compared), kinds(material)),
        *unequal_budgets.of_pairs(material, sets),
    ]
