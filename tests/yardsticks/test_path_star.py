"""Yardstick of path-star: all but the first node is learned (Bachmann & Nagarajan 2024, d = 2).

The study `path_star` trains longer, with more seeds and the other forms (results/path_star).
"""

from __future__ import annotations

import pytest

from freerun.analysis.inference.confidence_intervals import clopper_pearson
from yardsticks.learned import learned

pytestmark = pytest.mark.slow
MEASURED = 256
WORDS = [
    "task=path_star", "task.arms=2", "task.arm=3", "task.nodes=8", "task.sequences=20000", "model=transformer",
    "model.hidden=48", "model.heads=2", "feedback=argmax", "training.updates=900", "training.batch=64", "training.lr=0.002",
    "training.log_every=1000", f"evaluation.sequences={MEASURED}", "seed=0",
]  # fmt: skip


def test_forced_all_but_the_first_node_is_right_and_free_half_of_the_paths_are():
    ((_, record, _),) = learned(WORDS)
    series = {(s["mode"], s["metric"]): s["values"] for s in record["series"] if s["split"] == "test"}
    low, high = clopper_pearson(MEASURED // 2, MEASURED, 0.9999)
    first, *rest = series["forced", "accuracy"]
    assert low <= first <= high
    assert all(value > 0.97 for value in rest)
    assert low <= series["free", "exact_match"][0] <= high
