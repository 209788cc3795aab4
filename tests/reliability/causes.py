"""Causes of death: a run ends its process in every way there is, and every other run finishes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from reliability.sweeps import bodies, ended, folder, fork, forked_workers

PLUGIN = Path(__file__).with_name("faulty.py")
STANDINS = Path(__file__).parents[1] / "execution/launchers"
CAUSES = {
    "exception": "a fault of this part", "exit": "SystemExit", "abort": "SIGABRT", "kill": "SIGKILL",
    "hang": "not finished after", "memory": "memory", "silence": "ended with code 0", "segfault": "SIGSEGV",
    "recursion": "recursion", "noise": None,
}  # fmt: skip
LAUNCHERS = {
    "local": ["launcher=local", "launcher.workers=2"],
    "slurm": ["launcher=slurm"],
    "joblib": ["launcher=joblib", "launcher.workers=2"],
    "submitit": ["launcher=slurm", "launcher.cluster=local", "launcher.workers=2"],
}
LIMIT = 5


def cases(causes: int, launchers: int) -> Iterator[tuple[str, str]]:
    """Causes by launchers, so many of them for each cause, in turn, so that every launcher has its share."""
    for number, cause in enumerate(list(CAUSES)[:causes]):
        for step in range(launchers):
            yield cause, list(LAUNCHERS)[(number + step) % len(LAUNCHERS)]


def check(case: tuple[str, str]) -> None:
    """Four runs of which one is faulty, two in its own group; the same command then does what is missing, and nothing else."""
    cause, launcher = case
    with folder() as place:
        hands = forked_workers if launcher == "local" else lambda: None
        end = ended(fork(lambda: _sweep(place, cause, launcher), hands), 300)
        done = bodies(place)
        reason = CAUSES[cause]
        if reason is None:  # output that nobody asked for harms nothing
            assert (end.code, len(done)) == (0, 4), end
            return
        lines = [line for line in end.said.splitlines() if line.startswith("failed: ")]
        assert end.code == 1, end
        assert len(done) == 3, (sorted(done), end)
        assert len(lines) == 1, end
        assert reason in lines[0], end
        before = {path: path.stat().st_mtime_ns for path in (place / "results" / ".store").rglob("*.json")}
        again = ended(fork(lambda: _sweep(place, cause, launcher), hands), 300)
        assert again.code == 1, again
        assert {path: path.stat().st_mtime_ns for path in (place / "results" / ".store").rglob("*.json")} == before


def _sweep(place: Path, cause: str, launcher: str) -> int:
    from freerun.execution import launchers
    from freerun.store import results_folder
    from freerun.sweeps import study, sweep

    os.environ["PATH"] = f"{STANDINS}{os.pathsep}{os.environ['PATH']}"
    os.environ["FAKE_SLURM"] = str(place / "slurm")
    (place / "slurm").mkdir(exist_ok=True)
    words = [
        "task.sequences=16",
        "task.length=6",
        "evaluation.warmup=1",
        "model.hidden=2",
        "training.updates=3",
        "training.batch=2",
    ]
    with_fault = [f"plugins=[{PLUGIN}]", "regime=faulty,free_running"]
    asked = study.adhoc([*words, *with_fault, "seed=0"], sweep=True)
    asked.runs += study.adhoc([*words, *with_fault[:1], "regime=free_running", "seed=1"], sweep=True).runs
    asked.runs += study.adhoc([*words, *with_fault[:1], "regime=teacher_forcing", "seed=0"], sweep=True).runs
    if cause != "nothing":
        bad = study.adhoc([*words, with_fault[0], "regime=faulty", f"regime.cause={cause}", "seed=0"], sweep=False).runs
        asked.runs[0] = bad[0]
    chosen, _ = launchers.choose([*LAUNCHERS[launcher], f"launcher.time_limit={LIMIT}"], {"group": 8})
    chosen.workers = chosen.workers if launcher != "local" else 1  # so that the fault shares its group
    where = results_folder.Place(results=place / "results")
    return sweep.settle(sweep.do(asked, where, chosen), where, asked.name)
