"""Tests of workers on GPUs: each sees its own and no other, also after a death; shown without one, by a list of devices."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch

from freerun.cli.main import dispatch
from freerun.config.hydra.compose import experiments
from freerun.errors import ConfigError
from freerun.execution import gpus, plan_files, worker_supervisor
from freerun.execution.launchers import choose, local
from freerun.execution.launchers.inline import Inline
from freerun.execution.launchers.local import Local
from freerun.execution.planned_run import plan
from freerun.execution.progress import Watcher
from freerun.store.records import Store

TINY = [
    "task=hidden_markov", "task.sequences=16", "task.length=6", "evaluation.warmup=1", "model=gru", "model.hidden=2",
    "training.updates=2", "training.batch=2",
]  # fmt: skip


@pytest.fixture
def devices(monkeypatch):
    """Set how many GPUs torch finds, and what the environment says of them."""

    def found(count, named=None):
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.delenv(gpus.VARIABLE, raising=False)
        if named is not None:
            monkeypatch.setenv(gpus.VARIABLE, named)

    return found


class Quiet(Watcher):
    """Nobody is told."""


@pytest.mark.parametrize(
    ("count", "named", "names"),
    [
        (0, None, []), (2, None, ["0", "1"]), (2, "3,5", ["3", "5"]), (1, "MIG-a1/2/0", ["MIG-a1/2/0"]), (0, "", []),
        (0, "-1", []), (1, "0,-1,2", ["0"]), (2, " 1 , 0 ", ["1", "0"]),
    ],
)  # fmt: skip
def test_gpus_have_the_names_of_the_environment(count, named, names, devices):
    devices(count, named)
    assert gpus.visible() == names


@pytest.mark.parametrize(
    ("per_gpu", "workers", "groups", "expected"),
    [
        (1, None, 5, ["4", "7"]),
        (2, None, 5, ["4", "4", "7", "7"]),
        (2, 2, 5, ["4", "7"]),
        (1, 1, 5, ["4"]),
        (1, None, 1, ["4"]),
        (None, 3, 5, [None] * 3),
    ],
)
def test_each_worker_has_a_gpu_and_few_share_none(per_gpu, workers, groups, expected, devices, monkeypatch, tmp_path):
    devices(2, "4,7")
    made, done, lock = [], [], threading.Lock()

    class Fake:
        closed = False

        def __init__(self, terms, gpu=None):
            made.append(gpu)

        def do(self, store, runs, listen):
            with lock:
                done.extend(runs)

        def stop(self):
            self.closed = True

        close = stop

    monkeypatch.setattr(local, "Worker", Fake)
    runs = plan(experiments([*TINY, f"seed=range({groups})"], sweep=True))
    store = Store(tmp_path / ".store")
    store.open()
    Local(per_gpu=per_gpu, workers=workers).launch([[run] for run in runs], store, Quiet())
    assert sorted(made, key=str) == expected
    assert sorted(done) == sorted(run.id for run in runs)


def test_who_takes_the_place_of_a_dead_worker_has_its_gpu(monkeypatch, tmp_path):
    seen = []

    class Fake:
        """Ready, then dead with the first order; the second does what it is told."""

        pid = 0

        def __init__(self, *_, environment=None, **__):
            seen.append(environment)
            self.told = [{"event": "ready"}, *([None] if len(seen) == 1 else [{"event": "done"}] * 2)]

        def send(self, order): ...

        def receive(self, limit=None):
            return self.told.pop(0)

        def kill(self): ...

        def end(self):
            return "the worker was killed"

    monkeypatch.setattr(worker_supervisor, "ChildProcess", Fake)
    store = Store(tmp_path / ".store")
    store.open()
    runs = plan(experiments([*TINY, "seed=0,1"], sweep=True))
    worker = worker_supervisor.Worker(worker_supervisor.Terms(), "7")
    worker.do(store, [run.id for run in runs])
    worker.close()
    assert seen == [{gpus.VARIABLE: "7"}] * 2
    worker = worker_supervisor.Worker(worker_supervisor.Terms())
    worker.do(store, [])
    worker.close()
    assert seen[-1] is None


@pytest.mark.slow
def test_a_process_sees_the_gpu_of_its_worker_also_in_the_place_of_a_dead_one(tmp_path):
    store = Store(tmp_path / ".store")
    store.open()
    worker, pids = worker_supervisor.Worker(worker_supervisor.Terms(), "7"), set()
    for seed in (0, 1):
        runs = plan(experiments([*TINY, f"seed={seed}"], sweep=True))
        plan_files.write(store, runs)
        worker.do(store, [run.id for run in runs])
        assert store.has(runs[0].id)
        environment = Path(f"/proc/{worker.process.pid}/environ")
        if environment.exists():
            told = environment.read_bytes().split(b"\0")
            assert f"{gpus.VARIABLE}=7".encode() in told
            assert b"OMP_WAIT_POLICY=passive" in told
        pids.add(worker.process.pid)
        worker.process.kill()
        worker._end()
    assert len(pids) == 2
    worker.close()


def refusal(words):
    with pytest.raises(ConfigError) as refused:
        choose(words, {})
    return str(refused.value)


def test_what_cannot_be_is_refused_in_a_line(devices):
    devices(0)
    assert refusal(["launcher.per_gpu=1"]) == (
        "launcher.per_gpu=1: this machine shows no CUDA device to torch; leave it out"
    )  # fmt: skip
    devices(2)
    assert refusal(["launcher.per_gpu=1", "launcher.workers=3"]) == (
        "launcher.workers=3: there is room for 2 workers, one on each of the GPUs 0 and 1; raise launcher.per_gpu, or "
        "leave launcher.workers out"
    )
    assert "per_gpu must be from 1 to 1024, got 0" in refusal(["launcher.per_gpu=0"])
    assert "launcher.per_gpu" in refusal(["launcher=inline", "launcher.per_gpu=1"])
    runs = plan(experiments([*TINY, "seed=0,1"], sweep=True))
    Local().demand_engine(runs)
    with pytest.raises(
        ConfigError, match=r"^launcher.per_gpu=1: hidden_markov gru .* seed 0 computes on the processor; set device"
    ):
        Local(per_gpu=1).demand_engine(runs)
    with pytest.raises(ConfigError, match=r"^launcher.workers=3: there is room for 2 workers"):
        Local(per_gpu=1, workers=3).demand_engine([])
    assert Local(per_gpu=3).at_once == 6
    assert Inline().placement(1) == Local().placement(1) == ""


def test_a_plan_says_where_workers_are(devices, monkeypatch, tmp_path, capsys):
    devices(3)
    monkeypatch.chdir(tmp_path)
    dispatch(["plan", "-m", *TINY, "seed=range(9)", "device=cuda", "launcher.per_gpu=2", "launcher.group=1"])
    said = capsys.readouterr().out
    assert "with 6 at once" in said
    assert said.rstrip().endswith("6 workers, 2 on each of the GPUs 0, 1 and 2")
    dispatch(["plan", "-m", *TINY, "seed=range(9)", "device=cuda", "launcher.per_gpu=1", "launcher.workers=2"])
    assert capsys.readouterr().out.rstrip().endswith("2 workers, one on each of the GPUs 0 and 1")
    assert gpus.told(["a"]) == "one worker on GPU a"
    assert gpus.told(["0", "1", "0"]) == "3 workers on the GPUs 0 and 1"
