"""Yardstick of delayed recall: what a recurrence can remember (Goodfellow et al. 2016, 10.2.1)."""

from __future__ import annotations

import pytest

from freerun.analysis.inference.confidence_intervals import clopper_pearson
from yardsticks.learned import learned

pytestmark = pytest.mark.slow
K = 4
MEASURED = 256
BASE = [
    "task=delayed_recall", f"task.cues={K}", "task.blanks=6",
    "model=output_recurrent,gru", "model.hidden=24", "task.control=false,true",
    "regime=teacher_forcing,free_running", "training.updates=400", "training.lr=0.01", "training.log_every=1000",
    f"evaluation.sequences={MEASURED}", "seed=0,1",
]  # fmt: skip


#: Blanks: an echoed cue is in the feeds that are read where they are fewer than those (`model.order`).
BLANKS, ORDERS = 4, (1, 4, 5, 6)
WINDOWS = [
    "task=delayed_recall", f"task.cues={K}", f"task.blanks={BLANKS}", "task.echo=true", "model=output_recurrent",
    f"model.order={','.join(map(str, ORDERS))}", "model.hidden=16", "regime=teacher_forcing,free_running", "feedback=argmax",
    "training.updates=300", "training.lr=0.01", "training.log_every=1000", f"evaluation.sequences={MEASURED}", "seed=0,1",
]  # fmt: skip


def test_outputs_carry_a_cue_as_far_as_they_are_read():
    """An echoed cue: forced, the answer is right if more feeds are read than there are blanks, and else at most by chance."""
    high = clopper_pearson(MEASURED // K, MEASURED, 0.9999)[1]
    for run, record, _ in learned(WINDOWS):
        assert record["status"] == "done"
        table = {s["mode"]: s["values"] for s in record["series"] if (s["metric"], s["split"]) == ("accuracy", "test")}
        order, last = run.experiment.model.order, table["forced"][-1]
        assert last == 1.0 if order > BLANKS else last <= high, (order, type(run.experiment.regime).__name__, last)


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


def test_what_is_remembered_is_what_the_recurrence_allows():
    """By its outputs alone at most chance, 1/K, within the binomial 99.99 %: forced, at the last step; free, where what is
    fed back is discrete, in the whole answer. With a state, or with a target that repeats the cue, all of it.
    """
    found = last_step()
    high = clopper_pearson(MEASURED // K, MEASURED, 0.9999)[1]
    for regime in ("TeacherForcing", "FreeRunning"):
        assert all(last <= high for last, _ in found["OutputRecurrent", False, regime, "forced"])
        assert all(whole <= high for _, whole in found["OutputRecurrent", False, regime, "free"])
    for model, control in (("OutputRecurrent", True), ("GRU", False), ("GRU", True)):
        for mode in ("forced", "free"):
            assert set(found[model, control, "TeacherForcing", mode]) == {(1.0, 1.0)}, (model, control, mode)
