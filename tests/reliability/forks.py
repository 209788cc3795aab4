"""Runs that fork processes and are killed, hang or exit: each fails alone, in time, and nothing of it is left running."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from reliability.sweeps import bodies, ended, folder, fork, forked_workers

PLUGIN = Path(__file__).with_name("forking.py")
ENDS = {"kill": "SIGKILL", "exit": "code 3", "hang": "not finished after"}
#: Seconds that a group may take, and that the whole may: the forked processes live for ten minutes.
LIMIT, WITHIN = 5, 90
TINY = ["task.sequences=16", "task.length=6", "evaluation.warmup=1", "model.hidden=2", "training.updates=3", "training.batch=2"]


def cases(seed: int, count: int) -> Iterator[tuple[str, int, bool, int]]:
    """How a run ends, how many processes it forks, whether into sessions of their own, how many sound runs are beside it."""
    chance = random.Random(seed)
    for number in range(count):
        yield list(ENDS)[number % len(ENDS)], chance.randint(1, 3), number % 2 == 1, chance.randint(1, 3)


def check(case: tuple[str, int, bool, int]) -> None:
    """Do the sweep, count what is done and what is left running."""
    how, _, apart, sound = case
    with folder() as place:
        notes, began = place / "forked", time.monotonic()
        try:
            end = ended(fork(lambda: _sweep(place, case), forked_workers), WITHIN)
            lasted = time.monotonic() - began
            lines = [line for line in end.said.splitlines() if line.startswith("failed: ")]
            assert (end.code, len(lines)) == (1, 1), end
            assert ENDS[how] in lines[0], end
            assert lasted < WITHIN, f"{lasted:.0f} s"
            assert len({run.partition("-")[0] for run in bodies(place)}) == sound, "another run was lost"
            pairs = [[int(word) for word in line.split()] for line in notes.read_text().splitlines()]
            watched = {pid for parent, child in pairs for pid in ((parent,) if apart else (parent, child))}
            time.sleep(0.3)
            assert not [pid for pid in watched if _runs(pid)], "something is left running"
        finally:
            for line in notes.read_text().splitlines() if notes.exists() else ():
                for word in line.split():
                    with suppress(ProcessLookupError):
                        os.kill(int(word), signal.SIGKILL)


def _runs(pid: int) -> bool:
    """Whether a process is there that is not waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _sweep(place: Path, case: tuple[str, int, bool, int]) -> int:
    from freerun.execution import launchers
    from freerun.store import results_folder
    from freerun.sweeps import study, sweep

    how, children, apart, sound = case
    words = [*TINY, f"plugins=[{PLUGIN}]", "regime=forking"]
    settings = {"how": how, "children": children, "apart": str(apart).lower(), "notes": place / "forked"}
    bad = [f"regime.{name}={value}" for name, value in settings.items()]
    asked = study.adhoc([*words, f"seed=range({sound})"], sweep=True)
    asked.runs += study.adhoc([*words, *bad, "seed=0"], sweep=False).runs
    chosen, _ = launchers.choose(["launcher=local", "launcher.workers=1", f"launcher.time_limit={LIMIT}"], {"group": 8})
    where = results_folder.Place(results=place / "results")
    return sweep.settle(sweep.do(asked, where, chosen), where, asked.name)
