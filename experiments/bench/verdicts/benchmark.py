"""Benchmark of verdicts: how often the report is wrong on simulated studies, and how often its intervals hold the truth.

Run from the top of the repository; writes results/bench/verdicts/benchmark.csv and .md.
"""

from __future__ import annotations

import argparse
import math
import platform
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))
from _report import made_on, write
from simulation import FAMILY, KINDS, simulate

SEEDS = (3, 5, 10, 20)
#: The cases that are simulated: seeds of a kind without an effect, with one, and with one as large as the margin.
CASES = [(name, effect) for name in KINDS for effect in ((True,) if name.startswith("margin") else (False, True))]
_HEAD = (
    "Seeds",
    "n",
    "Case",
    "False verdict",
    "Called worse",
    "95 % intervals hold",
    "Beside words",
    "Contradictions",
    "Whole report",
)


def share(value: float) -> str:
    """A share in per cent; none where there is no interval."""
    return "none" if math.isnan(value) else f"{100 * value:.1f} %"


def main() -> None:
    """Simulate, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=10_000)
    parser.add_argument("--whole", type=int, default=4)
    parser.add_argument("--out", type=Path, default=Path("results/bench/verdicts"))
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, effect in CASES:
            for seeds in SEEDS:
                rows.append(simulate(Path(folder), name, seeds, effect, options.studies, options.whole))
                print(rows[-1], file=sys.stderr, flush=True)
    error = 100 * (0.05 * 0.95 / options.studies) ** 0.5
    lines = [
        "# Verdicts",
        "",
        f"{options.studies} studies in each row, a family of {FAMILY} comparisons in each (so a rate of 5 % has a standard "
        f"error of {error:.1f} %). False verdict: the share of studies with one at least. The first {options.whole} of each "
        "row went through "
        "the whole report, and in the last column stands in how many of them its sentences say the same words.",
        made_on(f"Python {platform.python_version()}"),
        "",
        f"| {' | '.join(_HEAD)} |",
        f"|{'---|' * len(_HEAD)}",
        *(
            f"| {row['kind']} | {row['n']} | {row['case']} | {100 * row['false_verdict']:.1f} % | {100 * row['found']:.1f} % | "
            f"{share(row['coverage'])} | {share(row['beside_words'])} | {row['contradictions']} | "
            f"{row['agree']} of {row['whole']} |"
            for row in rows
        ),
    ]
    write(options.out, lines, rows)


if __name__ == "__main__":
    main()
