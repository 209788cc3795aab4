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
from freerun.io import processes
from freerun.parts.plugins import plugin_files
from freerun.store.records import Store
from tiers import tiered

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


FORKER = """
import os
import pathlib
import signal
import time
from dataclasses import dataclass
from enum import Enum

import torch

from freerun.parts.regimes import Regime


class How(Enum):
    well = "well"
    kill = "kill"
    hang = "hang"
    escape = "escape"


@dataclass(kw_only=True)
class Forker(Regime):
    \"\"\"Free running, which forks a process that sleeps and then is killed, or hangs.\"\"\"

    how: How = How.well

    def probability(self, update, updates):
        return 0.0

    def mask(self, coins, update, updates):
        if update == 1 and self.how is not How.well:
            child = os.fork()
            if not child:
                if self.how is How.escape:  # into a session of its own, where nothing reaches it
                    os.setsid()
                time.sleep(600)
                os._exit(0)
            with open("forked", "a") as file:
                file.write(f"{os.getpid()} {child}\\n")
            if self.how is How.hang:
                time.sleep(600)
            os.kill(os.getpid(), signal.SIGKILL)
        return torch.zeros_like(coins)
"""


@pytest.mark.parametrize(
    ("how", "says"),
    tiered(
        [("kill", "SIGKILL"), ("hang", "not finished after 6 s"), ("escape", "SIGKILL")], quick=lambda case: case[0] == "escape"
    ),
)
def test_a_run_that_forks_and_then_dies_or_hangs_fails_alone_and_leaves_nothing_running(
    how, says, store, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "forker.py").write_text(FORKER)
    words = [*TINY, f"plugins=[{tmp_path / 'forker.py'}]", "regime=forker"]
    (bad,), (sound,) = planned(store, *words, f"regime.how={how}"), planned(store, *words)
    plugins = tuple(plugin_files().items())
    worker = worker_supervisor.Worker(worker_supervisor.Terms(time_limit=6 if how == "hang" else None, plugins=plugins))
    doing = threading.Thread(target=worker.do, args=(store, [bad, sound]), daemon=True)
    doing.start()
    doing.join(100)  # the forked process lives for ten minutes
    assert not doing.is_alive()
    worker.close()
    pids = [[int(word) for word in line.split()] for line in (tmp_path / "forked").read_text().splitlines()]
    if how == "escape":
        for _, child in pids:
            os.kill(child, signal.SIGKILL)
    assert says in store.failures.reason(bad)
    assert list(store.runs()) == [sound]
    assert len(pids) == 2  # in the group, and alone
    time.sleep(0.5)
    assert not any(processes.started(pid) for pair in pids for pid in pair)
