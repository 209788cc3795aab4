"""Analysis of the study flipped_classroom: every number of the README beside this file.

.venv/bin/python experiments/flipped_classroom/analysis.py
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


def answer(folder: Path) -> pd.DataFrame:
    """Every regime against teacher forcing in the free NRMSE over one Lyapunov time, paired over seeds, on the test split."""
    frames = tidy.read(folder)
    steps, meant = gap.exposure_gap(frames.gaps), Quantities(frames.quantities)
    steps = steps[(steps["metric"] == "nrmse") & (steps["split"] == "test")]
    table = against_baseline(steps, conditions(frames.runs), "free", quantities=meant)
    return table[["task_label", "regime_label", "n", "ratio", "mean", "low", "high", "p", "holm"]]


if __name__ == "__main__":
    show_table(answer(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("results/flipped_classroom")))
