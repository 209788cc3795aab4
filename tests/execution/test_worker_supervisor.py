"""Tests of the worker: it dies, hangs or is told to stop, and its group alone is marked."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import pytest

from freerun.config.hydra.compose import experiments
from freerun.errors import FreerunError
from freerun.execution import plan_files, worker_supervisor
from freerun.execution.planned_run import plan
from freerun.store.records import Store

TINY = ["task.sequences=16", "task.length=6", "evaluation.warmup=1", "model.hidden=2", "training.updates=2", "training.batch=2"]
ENDLESS = [*TINY[:-2], "training.updates=100000000", "training.batch=2"]


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / ".store")
    made.open()
    return made


def planned(store, *words):
    runs = plan(experiments([*words], sweep=True))
    plan_files.write(store, runs)
    return [run.id for run in runs]


def test_a_worker_does_one_group_after_the_other_and_needs_nothing_but_identities(store):
    worker, heard = worker_supervisor.Worker(worker_supervisor.Terms()), []
    first, second = planned(store, *TINY, "seed=0,1"), planned(store, *TINY, "seed=2")
    worker.do(store, first, heard.append)
    process = worker.process.pid
    worker.do(store, second, heard.append)
    assert worker.process.pid == process
    assert sorted(store.runs()) == sorted([*first, *second])
    assert {event["event"] for event in heard} == {"update"}
    assert not list(store.root.rglob("*.plan"))
    worker.close()


def test_a_killed_worker_marks_its_group_and_the_next_group_gets_a_new_one(store):
    worker = worker_supervisor.Worker(worker_supervisor.Terms())
    endless, tiny = planned(store, *ENDLESS), planned(store, *TINY)
    kill = threading.Thread(target=_kill_when_claimed, args=(worker, store))
    kill.start()
    worker.do(store, endless)
    kill.join()
    assert "SIGKILL" in store.failures.reason(endless[0])
    worker.do(store, tiny)
    assert store.has(tiny[0])
    worker.close()


def _kill_when_claimed(worker, store):
    from freerun.store.claims import owners

    while not owners(store):
        time.sleep(0.05)
    os.kill(worker.process.pid, signal.SIGKILL)


def test_a_group_that_does_not_end_is_ended(store):
    worker = worker_supervisor.Worker(worker_supervisor.Terms(time_limit=4))
    (endless,) = planned(store, *ENDLESS)
    worker.do(store, [endless])
    assert "not finished after 4 s" in store.failures.reason(endless)
    assert worker.process is None
    worker.close()


def test_a_run_whose_plan_is_gone_or_is_another_ones_fails_alone(store):
    worker = worker_supervisor.Worker(worker_supervisor.Terms())
    lost, swapped, sound = planned(store, *TINY, "seed=0,1,2")
    path = store.path(lost).with_suffix(".plan")
    store.path(swapped).with_suffix(".plan").write_bytes(path.read_bytes())
    path.unlink()
    worker.do(store, [lost, swapped, sound])
    assert "missing or damaged" in store.failures.reason(lost)
    assert "missing or damaged" in store.failures.reason(swapped)
    assert list(store.runs()) == [sound]
    worker.close()


def test_a_closed_worker_marks_nothing(store):
    worker = worker_supervisor.Worker(worker_supervisor.Terms())
    endless = planned(store, *ENDLESS)
    from freerun.store.claims import owners

    doing = threading.Thread(target=worker.do, args=(store, endless))
    doing.start()
    while not owners(store):
        time.sleep(0.05)
    worker.stop()
    doing.join(20)
    assert not doing.is_alive()
    worker.close()
    assert store.failures.reason(endless[0]) is None
    assert not owners(store)


def test_workers_that_never_start_are_one_line(store, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    worker = worker_supervisor.Worker(worker_supervisor.Terms())
    with pytest.raises(FreerunError, match=r"do not start \(the worker ended with code 1\)"):
        worker.do(store, planned(store, *TINY))
    worker.close()
