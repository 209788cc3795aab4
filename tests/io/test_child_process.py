"""Parent and child: orders and answers, and the end of a child, of its parent, and of what a child has forked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from freerun.io import child_process, processes
from freerun.io.child_process import ChildProcess

CHILD = """
import json, os, signal, sys, time
from freerun.io.parent_process import ParentProcess

parent = ParentProcess()
parent.tell("ready", words=sys.argv[1:])
while True:
    order = parent.order()
    if order["do"] == "fork":  # a process that holds both pipes and outlives the child, if nobody ends it
        child = os.fork()
        if not child:
            time.sleep(600)
            os._exit(0)
        parent.tell("forked", pid=child)
    elif order["do"] == "say":
        print("nobody asked")
        os.write(1, b"nor for this")
        parent.tell("said", value=order["value"])
    elif order["do"] == "die":
        os.kill(os.getpid(), order["signal"])
    elif order["do"] == "spoil":
        parent._channel.write("this is no answer\\n")
        parent._channel.flush()
    elif order["do"] == "close":
        parent._channel.close()
        time.sleep(600)
    elif order["do"] == "hang":
        time.sleep(600)
    else:
        os._exit(order["code"]) if order["code"] else parent.leave()
"""
PARENT = """
import time
from freerun.io.child_process import ChildProcess

child = ChildProcess("talks", name="the child")
child.receive()
child.send({"do": "fork"})
print(child.pid, child.receive()["pid"], flush=True)
time.sleep(600)
"""


@pytest.fixture
def child(tmp_path, monkeypatch):
    (tmp_path / "talks.py").write_text(CHILD)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]))
    with ChildProcess("talks", ["a", "b"], name="the child") as made:
        assert made.receive(60) == {"event": "ready", "words": ["a", "b"]}
        yield made


def gone(pid: int, within: float = 5.0) -> bool:
    """Whether a process ends by itself within some seconds."""
    until = time.monotonic() + within
    while processes.started(pid) and time.monotonic() < until:
        time.sleep(0.02)
    return not processes.started(pid)


def forked(child: ChildProcess) -> int:
    """The number of a process that the child has forked."""
    child.send({"do": "fork"})
    pid = child.receive(30)["pid"]
    assert processes.started(pid)
    return pid


def test_answers_come_whole_and_in_order_whatever_is_printed(child):
    values = [1, "ä\n", "x" * 300_000, None]
    for value in values:  # more than a pipe holds, before the first is read
        child.send({"do": "say", "value": value})
    assert [child.receive(30)["value"] for _ in values] == values
    with pytest.raises(TimeoutError):
        child.receive(0.2)
    child.send({"do": "leave", "code": 0})
    assert child.receive(30) is None
    assert (child.end(), child.code) == ("the child ended with code 0", 0)


@pytest.mark.parametrize(
    ("order", "says"),
    [
        ({"do": "leave", "code": 7}, "the child ended with code 7"),
        ({"do": "die", "signal": 11}, "the child was killed (SIGSEGV)"),
        ({"do": "die", "signal": 9}, "the child was killed (SIGKILL) (out of memory, if nobody killed it)"),
        ({"do": "die", "signal": 40}, "the child was killed (signal 40)"),
        ({"do": "spoil"}, "the child was ended: it answered b'this is no answer', which is no event"),
    ],
    ids=str,
)
def test_of_what_a_child_died_is_said_in_words(order, says, child):
    child.send({"do": "say", "value": "the last"})
    child.send(order)
    assert child.receive(30)["value"] == "the last"
    assert child.receive(30) is None
    assert child.end() == child.end() == says


@pytest.mark.parametrize("way", ["dies", "is ended", "is killed from outside"])
def test_what_a_child_has_forked_ends_with_it_and_holds_nobody_up(way, child):
    other, began = forked(child), time.monotonic()
    if way == "is ended":
        child.send({"do": "hang"})
        with pytest.raises(TimeoutError):
            child.receive(0.5)
        child.end()
    else:
        child.send({"do": "die", "signal": int(signal.SIGKILL)}) if way == "dies" else os.kill(child.pid, signal.SIGKILL)
        assert child.receive(30) is None
        assert "SIGKILL" in child.end()
    assert time.monotonic() - began < 5
    assert gone(other)
    assert gone(child.pid)


def test_an_order_to_a_dead_child_whose_pipe_is_held_by_another_process_is_not_waited_for(child):
    forked(child)
    child._process.kill()  # and not its group: the pipe stays open
    child.send({"do": "say", "value": "x" * 1_000_000})
    began = time.monotonic()
    assert child.receive(30) is None
    assert time.monotonic() - began < 5


def test_a_child_that_closes_its_channel_and_stays_is_ended(child, monkeypatch):
    monkeypatch.setattr(child_process, "ENDING", 0.5)
    child.send({"do": "close"})
    began = time.monotonic()
    assert child.receive(30) is None
    assert "SIGKILL" in child.end()
    assert time.monotonic() - began < 5
    assert gone(child.pid)


def test_a_child_ends_with_its_parent_and_what_it_has_forked_too(child, tmp_path):
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(pids) == 2
    assert all(map(processes.started, pids))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert all(map(gone, pids))
