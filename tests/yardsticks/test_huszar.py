"""Yardstick of Huszar (2015): what scheduled sampling learns (a, p and both gradients).

Each Q is trained by the engine with several seeds; the exact optimum must lie in the 99.9 % interval over seeds, widened by
what the optimiser leaves (half a percent of probability: the noise of Adam at the end of a cosine).
"""

from __future__ import annotations

import pytest
import torch

from yardsticks.exact import huszar_full, huszar_stopped
from yardsticks.learned import learned, over_seeds, says

pytestmark = pytest.mark.slow
LEFT = 0.005
SEEDS = 6
BASE = [
    "task=two_step", "task.sequences=16384", "model=output_recurrent", "model.hidden=8", "regime=scheduled_sampling",
    "regime.schedule=constant", "feedback=sample", "training.updates=500", "training.batch=256", "training.lr=0.03",
    "training.log_every=1000", "evaluation.sequences=4", f"seed=range({SEEDS})",
]  # fmt: skip


def optimum(words: list[str]) -> dict[float, list[list[float]]]:
    """Q(x1=1), Q(x2=1|0), Q(x2=1|1) of every seed, by eps."""
    found: dict[float, list[list[float]]] = {}
    for run, record, weights in learned([*BASE, *words]):
        assert record["status"] == "done"
        eye = torch.eye(2)
        first = says(run, weights, eye[:0], 2)[0, 1]
        second = [says(run, weights, eye[c : c + 1], 2)[1, 1] for c in (0, 1)]
        found.setdefault(run.experiment.regime.start, []).append([float(v) for v in (first, *second)])
    return found


def check(found: dict[float, list[list[float]]], exact) -> None:
    for eps, rows in found.items():
        assert len(rows) == SEEDS
        for i, (name, wanted) in enumerate(zip(("Q(x1=1)", "Q(x2=1|0)", "Q(x2=1|1)"), exact(eps), strict=True)):
            interval = over_seeds([row[i] for row in rows])
            assert interval.low - LEFT <= wanted <= interval.high + LEFT, f"eps {eps}, {name}: {interval}, exact {wanted:.4f}"
            assert interval.high - interval.low < 0.08, f"eps {eps}, {name}: the interval says little, {interval}"


@pytest.mark.parametrize(("a", "p"), [(0.5, (0.1, 0.9)), (0.2, (0.3, 0.8))], ids=["symmetric", "asymmetric"])
def test_the_gradient_stopped_at_the_feedback(a, p):
    words = [f"task.a={a}", f"task.p0={p[0]}", f"task.p1={p[1]}", "regime.start=1,0.75,0.5,0.25,0", "gradient=stop"]
    check(optimum(words), lambda eps: huszar_stopped(a, p, eps))


def test_the_full_gradient_through_the_sampling_distribution():
    """An asymmetric case, in which the two optima are further apart than the interval is wide."""
    a, p, eps = 0.1, (0.02, 0.9), 0.5
    words = [
        f"task.a={a}", f"task.p0={p[0]}", f"task.p1={p[1]}", f"regime.start={eps}", "objective=policy_gradient",
        "objective.reward=likelihood", "task.sequences=65536",
    ]  # fmt: skip
    found = optimum(words)
    check(found, lambda eps: huszar_full(a, p, eps))
    assert abs(huszar_stopped(a, p, eps)[0] - huszar_full(a, p, eps)[0]) > 0.014
    with pytest.raises(AssertionError):
        check(found, lambda eps: huszar_stopped(a, p, eps))
