"""Delayed recall: is what a network can remember what its recurrence allows? TARGETS: Goodfellow et al. 2016, 10.2.1."""

from __future__ import annotations

import functools

import pytest

from freerun.stats.intervals import clopper_pearson
from yardsticks.learned import learned

K = 4
MEASURED = 256
#: All tests look at the same runs, so they are trained in one process.
pytestmark = pytest.mark.xdist_group("recall")
BASE = [
    "task=delayed_recall", f"task.cues={K}", "task.blanks=6",
    "model=output_recurrent,gru", "model.hidden=24", "task.control=false,true",
    "regime=teacher_forcing,free_running", "training.updates=400", "training.lr=0.01", "training.log_every=1000",
    f"evaluation.sequences={MEASURED}", "seed=0,1",
]  # fmt: skip


@functools.cache
def last_step() -> dict[tuple[str, bool, str, str], list[tuple[float, float]]]:
    """By model, control, regime and mode: how often the last step, and the whole answer, is right on the test split."""
    found: dict[tuple[str, bool, str, str], list[tuple[float, float]]] = {}
    for run, record, _ in learned(BASE):
        assert record["status"] == "done"
        kinds = [type(part).__name__ for part in (run.experiment.model, run.experiment.regime)]
        for mode in ("forced", "free"):
            series = {s["metric"]: s["values"] for s in record["series"] if (s["split"], s["mode"]) == ("test", mode)}
            key = (kinds[0], run.experiment.task.control, kinds[1], mode)
            found.setdefault(key, []).append((series["accuracy"][-1], series["exact_match"][-1]))
    return found


@pytest.mark.parametrize("regime", ["TeacherForcing", "FreeRunning"])
def test_an_output_recurrent_net_cannot_beat_chance(regime):
    """Forced, the last step; free with discrete feedback, the whole answer: at most 1/K, within the binomial 99.99 %."""
    high = clopper_pearson(MEASURED // K, MEASURED, 0.9999)[1]
    for last, _ in last_step()["OutputRecurrent", False, regime, "forced"]:
        assert last <= high
    for _, whole in last_step()["OutputRecurrent", False, regime, "free"]:
        assert whole <= high


@pytest.mark.parametrize(("model", "control"), [("OutputRecurrent", True), ("GRU", False), ("GRU", True)])
def test_a_state_or_a_target_that_repeats_the_cue_reaches_1(model, control):
    for mode in ("forced", "free"):
        for last, whole in last_step()[model, control, "TeacherForcing", mode]:
            assert (last, whole) == (1.0, 1.0)
