"""Analysis of the study first_look: every number of the README beside this file, from the tables of the study.

Run from the top of the repository, after ``make study`` or on the tables that are kept there:

    .venv/bin/python experiments/first_look/analysis.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from freerun.analysis.inference.paired_differences import against_baseline
from freerun.analysis.inference.replicates import conditions
from freerun.analysis.tables import gap, tidy
from freerun.analysis.tables.quantities import Quantities
from freerun.cli.terminal import show_table

#: The measure of the closed loop that answers the question, for each task.
MEASURES = {"hidden_markov": ["kl"], "embedded_reber": ["validity"], "lorenz63": ["rmse", "valid_time"], "text": ["loss"]}


def answer(folder: Path) -> pd.DataFrame:
    """Every regime against teacher forcing, free and forced, paired over seeds, on the test split."""
    frames = tidy.read(folder)
    steps, meant = gap.exposure_gap(frames.gaps), Quantities(frames.quantities)
    wanted = pd.Series([m in MEASURES[t] for t, m in zip(steps["task"], steps["metric"], strict=True)], index=steps.index)
    steps = steps[wanted & (steps["split"] == "test")]
    labels = conditions(frames.runs)
    compared = [against_baseline(steps, labels, level, quantities=meant).assign(mode=level) for level in ("forced", "free")]
    table = pd.concat(compared, ignore_index=True)
    kind = table["ratio"].map({True: "x", False: "+"})
    table["against teacher forcing"] = [
        f"{sign} {mean:.3g} ({low:.3g} to {high:.3g})"
        for sign, mean, low, high in zip(kind, table["mean"], table["low"], table["high"], strict=True)
    ]
    return table[["task_label", "model_label", "metric", "regime_label", "mode", "n", "against teacher forcing"]]


if __name__ == "__main__":
    show_table(answer(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("results/first_look")))
