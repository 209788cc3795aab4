from __future__ import annotations

import pytest

from freerun import workers
from freerun.compose import experiments
from freerun.errors import FreerunError
from freerun.grouping import groups, plan
from freerun.store import Store

TINY = ["task.sequences=16", "task.length=6", "evaluation.warmup=1", "model.hidden=2", "training.updates=2", "training.batch=2"]


class Silent:
    def __init__(self) -> None:
        self.said = []

    def started(self, number, group):
        self.said.append(("started", number))

    def advanced(self, number, values):
        pass

    def finished(self, number, reason):
        self.said.append(("finished", number, reason))


def test_every_group_is_started_and_finished_once(tmp_path):
    store, watcher = Store(tmp_path), Silent()
    store.open()
    pieces = groups(plan(experiments([*TINY, "seed=range(5)"], sweep=True)), 2)
    assert workers.run_groups(pieces, store, 2, watcher) == {}
    assert sorted(n for kind, n, *_ in watcher.said if kind == "started") == [0, 1, 2]
    assert sorted(n for kind, n, *_ in watcher.said if kind == "finished") == [0, 1, 2]
    assert len(list(store.runs())) == 5


def test_workers_that_never_start_end_the_sweep(tmp_path, monkeypatch):
    monkeypatch.setattr(workers.sys, "executable", "/bin/false")
    store = Store(tmp_path)
    store.open()
    with pytest.raises(FreerunError, match="do not start"):
        workers.run_groups(groups(plan(experiments(TINY, sweep=False)), 2), store, 2, Silent())
