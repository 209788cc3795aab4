"""Tests that nothing is left beside the record of a run by a worker that wrote it and died while the sweep went on."""

from __future__ import annotations

import pytest

from freerun.cli.main import dispatch
from freerun.sweeps import sweep

SMALL = [
    "task=adding", "model=sequence_to_one", "task.sequences=8", "task.length=4", "model.hidden=2", "training.updates=2",
    "training.batch=2", "training.log_every=1", "evaluation.sequences=4", "seed=0,1",
]  # fmt: skip


@pytest.mark.parametrize("suffix", [".plan", ".checkpoint"])
def test_what_an_orphaned_worker_leaves_is_cleared_by_the_sweep_that_it_outlived(suffix, tmp_path, monkeypatch):
    """Workers of a driver that was killed hear of it late: what they leave comes after the sweep has cleared its store."""
    monkeypatch.chdir(tmp_path)
    see_to = sweep._see_to

    def outlived(missing, store, launcher):
        failed = see_to(missing, store, launcher)
        for run in missing:
            store.path(run.id if suffix == ".plan" else run.trained).with_suffix(suffix).write_bytes(b"left")
        return failed

    monkeypatch.setattr(sweep, "_see_to", outlived)
    dispatch(["run", "-m", *SMALL, "launcher=inline"])
    assert not list((tmp_path / "results" / ".store").rglob(f"*{suffix}"))
