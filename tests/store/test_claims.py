"""Tests of claims: two sweeps never do one run at a time, and a claim ends with its process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

from freerun.io import processes
from freerun.store import claims
from freerun.store.claims import Claims, alive, owners
from freerun.store.records import Store

RUNS = [f"{number:016x}" for number in range(40)]
OTHER = """
import sys, time
from pathlib import Path
from freerun.store.claims import Claims
from freerun.store.records import Store
mine = Claims(Store(Path(sys.argv[1])))
taken = []
for run in sys.argv[2:]:
    taken += mine.take([run])
print(*taken, flush=True)
time.sleep(60)
"""


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / ".store")
    made.open()
    return made


def other(store, *runs):
    return subprocess.Popen([sys.executable, "-c", OTHER, str(store.root), *runs], stdout=subprocess.PIPE, text=True)


def test_processes_that_ask_at_once_share_the_runs_without_overlap(store):
    crew = [other(store, *RUNS) for _ in range(4)]
    taken = [process.stdout.readline().split() for process in crew]
    assert sorted(run for each in taken for run in each) == RUNS
    assert set(owners(store)) == set(RUNS)
    for process in crew:
        process.kill()
        process.communicate()
    assert owners(store) == {}
    assert list((store.root / claims.FOLDER).iterdir()) == []


def test_a_lock_that_does_not_lock_is_found_out(store, monkeypatch):
    """The law above against a broken part: without the lock two readers see the same free run."""
    mine, yours = Claims(store), Claims(store)
    monkeypatch.setattr(claims, "owners", lambda store: {})
    assert mine.take(RUNS[:1]) == yours.take(RUNS[:1]) == RUNS[:1]


def test_what_is_claimed_or_done_is_not_taken_and_what_is_released_is(store):
    process = other(store, RUNS[0])
    assert process.stdout.readline().split() == [RUNS[0]]
    mine = Claims(store)
    assert mine.take(RUNS[:2]) == [RUNS[1]]
    process.kill()
    process.communicate()
    assert mine.take(RUNS[:1]) == [RUNS[0]]
    mine.release()
    assert owners(store) == {}


def test_a_number_that_another_process_has_got_meanwhile_is_no_claim(store):
    mine = Claims(store)
    mine.take(RUNS[:1])
    path = store.root / claims.FOLDER / f"{mine.name}.json"
    before, rest = mine.name.rsplit("-", 1)
    path.rename(path.with_name(f"{before}-{int(rest.split('.')[0]) + 1}.0.json"))
    assert owners(store) == {}


def test_a_process_of_another_container_is_not_taken_for_a_dead_one_of_this(store, monkeypatch):
    """It has a number that nobody has here, under the same name of a machine."""
    with monkeypatch.context() as there:
        there.setattr(processes, "numbers", lambda: "c0ffee00")
        there.setattr(processes.os, "getpid", lambda: 2**22 + 1)
        there.setattr(processes, "started", lambda pid: "7")
        theirs = Claims(store)
        assert theirs.take(RUNS[:1]) == RUNS[:1]
        temporary = store.root / f".half.{processes.name()}.tmp"
    temporary.touch()
    store.open()
    assert temporary.exists()
    assert set(owners(store)) == {RUNS[0]}
    theirs._beating.clear()


def test_another_machine_is_alive_as_long_as_it_says_so(store):
    folder = store.root / claims.FOLDER
    folder.mkdir()
    path = folder / "far-1-1.json"
    path.write_text(json.dumps({"host": "far", "pid": 1, "runs": RUNS[:1], "progress": {}}))
    assert set(owners(store)) == {RUNS[0]}
    long_ago = time.time() - claims.SILENCE - 1
    os.utime(path, (long_ago, long_ago))
    assert owners(store) == {}


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"host": 1}', "[" * 100_000, '{"host":"far","pid":1,"runs":3,"progress":{}}']
)
def test_a_damaged_sign_of_life_is_none(store, content):
    folder = store.root / claims.FOLDER
    folder.mkdir()
    (folder / "far-1-1.json").write_text(content)
    assert list(alive(store)) == []


def test_a_pipe_in_the_place_of_a_sign_of_life_is_not_waited_for(store):
    folder = store.root / claims.FOLDER
    folder.mkdir()
    os.mkfifo(folder / "far-1-1.json")
    assert list(alive(store)) == []


def test_progress_is_seen_by_others(store, monkeypatch):
    monkeypatch.setattr(claims, "BEAT", 0.05)
    mine = Claims(store)
    mine.take(RUNS[:1])
    mine.report({"update": 7, "updates": 9})
    end = time.monotonic() + 10
    while owners(store)[RUNS[0]].progress != {"update": 7, "updates": 9}:
        assert time.monotonic() < end
        time.sleep(0.02)
    mine.release()
