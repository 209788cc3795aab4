"""Tests of how a sweep ends, asked to or on a full disk: one line, its own exit code, and nothing lost."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from freerun.cli import main
from freerun.errors import StoreError, Terminated, refused
from freerun.store.records import Store
from reliability.sweeps import RUNS, SHAPE
from tiers import tiered

LINE = "freerun: interrupted by SIGTERM; finished runs are kept, the same command goes on\n"


def begun(folder: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    """A sweep of long runs, in a process group of its own."""
    long = [word for word in SHAPE if not word.startswith("training.updates")]
    return subprocess.Popen(
        [sys.executable, "-m", "freerun", "run", "-m", *long, "training.updates=1000000", "seed=0,1", *words], cwd=folder,
        env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def wait_for(folder: Path, pattern: str) -> None:
    limit = time.monotonic() + 100
    while not any(folder.glob(pattern)):
        assert time.monotonic() < limit, f"no {pattern}"
        time.sleep(0.05)


@pytest.mark.parametrize("whole", tiered([False, True], quick=lambda whole: not whole), ids=["driver", "process group"])
def test_a_sweep_that_is_asked_to_end_stops_its_workers_and_gives_up_its_claims(whole, tmp_path):
    sweep = begun(tmp_path, "launcher.workers=2", "launcher.checkpoint=5")
    wait_for(tmp_path, "results/.store/*/*.checkpoint")
    (os.killpg if whole else os.kill)(sweep.pid, signal.SIGTERM)
    _, said = sweep.communicate(timeout=60)
    assert (sweep.returncode, said) == (143, LINE)
    store = tmp_path / "results" / ".store"
    assert list((store / "alive").iterdir()) == []
    assert list(store.glob("*/*.failed")) == []
    assert list(store.glob("*/*.checkpoint"))
    with pytest.raises(ProcessLookupError):  # nobody of its group is left
        os.killpg(sweep.pid, 0)


def test_jobs_are_cancelled_when_a_sweep_is_asked_to_end(tmp_path):
    pytest.importorskip("submitit")
    (tmp_path / "slurm").mkdir()
    path = f"{Path(__file__).parents[1] / 'execution/launchers'}{os.pathsep}{os.environ['PATH']}"
    held = {"FAKE_SLURM": str(tmp_path / "slurm"), "FAKE_SLURM_HOLD": "1"}
    sweep = begun(tmp_path, "launcher=slurm", "launcher.group=1", PATH=path, **held)
    wait_for(tmp_path, "results/.store/queue/*.json")
    time.sleep(1)
    sweep.terminate()
    _, said = sweep.communicate(timeout=60)
    assert (sweep.returncode, said) == (143, LINE)
    assert list((tmp_path / "slurm").glob("*.held")) == []
    assert list((tmp_path / "results" / ".store" / "queue").iterdir()) == []


def test_the_signal_is_handled_while_a_command_works_and_by_its_own_process_only(monkeypatch, capsys):
    def work(words):
        if (child := os.fork()) == 0:
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(60)
            finally:
                os._exit(0)  # an exception in the child: wrong
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)

    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        monkeypatch.setattr(main, "dispatch", work)
        with pytest.raises(SystemExit) as end:
            main.main([])
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as under somebody who does not want it
        monkeypatch.setattr(main, "dispatch", lambda words: int(signal.getsignal(signal.SIGTERM) is not signal.SIG_IGN))
        with pytest.raises(SystemExit) as left_alone:
            main.main([])
    finally:
        signal.signal(signal.SIGTERM, before)
    assert end.value.code == 143
    assert capsys.readouterr().err == LINE
    assert left_alone.value.code == 0
    assert issubclass(Terminated, KeyboardInterrupt)


def test_a_launcher_that_takes_the_signal_for_itself_gives_it_back(tmp_path, monkeypatch):
    from freerun.execution.launchers import known

    (tmp_path / "ray.py").write_text("import signal\nsignal.signal(signal.SIGTERM, lambda number, frame: None)\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "ray", raising=False)
    before = signal.getsignal(signal.SIGTERM)
    known()["ray"]().check()
    monkeypatch.delitem(sys.modules, "ray", raising=False)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_full_disk_is_one_line_with_its_remedy(tmp_path, monkeypatch, capsys):
    def full(path, content, **settings):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.chdir(tmp_path)
    for module in ("store.records", "execution.plan_files", "store.results_folder"):
        with monkeypatch.context() as patch:
            patch.setattr(f"freerun.{module}.write_atomic", full)
            with pytest.raises(SystemExit) as end:
                main.main(["run", "-m", *RUNS, "launcher=inline"])
        said = capsys.readouterr().err
        last = said.splitlines()[-1]
        assert end.value.code == 3, module
        assert [line.startswith("freerun: ") for line in said.splitlines()].count(True) == 1
        assert last.endswith("No space left on device; free some and run the same command again"), said
        assert len(last) <= 200
    assert list(Store(tmp_path / "results" / ".store").runs()) == []


def test_what_a_disk_refuses_is_said_with_a_remedy_only_where_there_is_one():
    assert (
        str(refused("a", "cannot be read", OSError(errno.EIO, "Input/output error"))) == "a: cannot be read: Input/output error"
    )
    assert str(refused("a", "cannot be read", OSError("no number"))) == "a: cannot be read: no number"
    assert "put --results" in str(refused("a", "cannot be written", OSError(errno.EROFS, "Read-only file system")))
    assert isinstance(refused("a", "b", OSError()), StoreError)
