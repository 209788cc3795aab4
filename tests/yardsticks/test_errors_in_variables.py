"""Yardstick of errors in variables: the weight that teacher forcing and free running must learn."""

from __future__ import annotations

import itertools

import pytest

from tiers import tiered
from yardsticks.exact import errors_in_variables
from yardsticks.learned import learned, over_seeds

BASE = [
    "task=errors_in_variables", "task.phi=0.95", "task.sequences=16384", "model=linear", "model.bias=false", "dtype=float64",
    "training.updates=250", "training.batch=256", "training.lr=0.03", "training.clip=null", "training.log_every=1000",
    "evaluation.sequences=4", "seed=range(6)",
]  # fmt: skip
#: What Adam leaves at the end of a cosine, in units of the weight.
LEFT = 1e-3


def weights(words: list[str]):
    found = {}
    for run, record, value in learned([*BASE, *words]):
        assert record["status"] == "done"
        found.setdefault(run.experiment.regime.__class__.__name__, []).append(float(value["output.weight"]))
    return found


@pytest.mark.parametrize(
    ("signal", "steps"), tiered(itertools.product([0.8, 1.0], [1, 5, 20]), quick=lambda case: case == (0.8, 5))
)
def test_the_weight_is_the_exact_optimum(signal, steps):
    found = weights([f"task.signal={signal}", f"task.length={steps}", "regime=teacher_forcing,free_running"])
    for regime, wanted in (("TeacherForcing", signal * 0.95), ("FreeRunning", errors_in_variables(signal, 0.95, steps))):
        interval = over_seeds(found[regime])
        assert interval.low - LEFT <= wanted <= interval.high + LEFT, f"{regime}, T={steps}: {interval}, exact {wanted:.5f}"
        assert interval.high - interval.low < 0.06, f"{regime}, T={steps}: the interval says little, {interval}"
