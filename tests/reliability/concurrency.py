"""Concurrency: several sweeps, or writers, on one store in the same instant."""

from __future__ import annotations

import json
import os
import random
import time
from pathlib import Path

from reliability.sweeps import SHAPE, bodies, ended, folder, fork, study, sweep, tables, undisturbed

WRITERS, RECORDS = 16, 500


def sweeps(seed: int) -> None:
    """Two sweeps of the same runs in other groups: none is lost, none done twice, both end with the same tables."""
    chance = random.Random(seed)
    expected, records = undisturbed()
    with folder() as place:
        crew = [
            fork(lambda size=size: sweep(place, group=size), lambda: _note(place)) for size in chance.sample(range(2, 9), 2)
        ]
        ends = [ended(child) for child in crew]
        assert [end.code for end in ends] == [0, 0], ends
        assert tables(place) == expected
        assert bodies(place) == records
        done = (place / "trained").read_text().split()
        wanted = sorted([*records, *(run.partition("-")[0] for run in records)])  # the measurements and the trained runs
        assert sorted(done) == wanted, "a run was trained or measured twice, or never"


def _note(place: Path) -> None:
    """Have every record that is written noted in one file."""
    from freerun.store.records import Store

    write = Store.write

    def noted(self, record, weights):
        with open(place / "trained", "a") as file:
            file.write(record["run"] + "\n")
        write(self, record, weights)

    Store.write = noted


def writers(seed: int) -> None:
    """Many processes write records, every other one of which another process writes too, while one reads: all are sound."""
    from freerun.store.records import Store

    with folder() as place:
        store = Store(place / "results" / ".store")
        store.open()

        def write(writer: int) -> int:
            for number in range(RECORDS):
                owner = writer if number % 2 else writer // 2 * 2
                run = f"{seed % 256:02x}{owner:02x}{number:012x}"
                store.write({"run": run, "status": "done", "by": "x" * (number + 1), "experiment": {"seed": owner}}, None)
            return 0

        def read() -> int:
            while not (place / "over").exists():
                for run in store.runs():
                    store.read(run)
            return 0

        reader = fork(read)
        crew = [fork(lambda writer=writer: write(writer)) for writer in range(WRITERS)]
        ends = [ended(child, 300) for child in crew]
        (place / "over").touch()
        assert {end.code for end in [*ends, ended(reader)]} == {0}, ends
        runs = list(store.runs())
        assert len(runs) == WRITERS * RECORDS * 3 // 4
        assert all(len(store.read(run)["by"]) == int(run[4:], 16) + 1 for run in runs)
        assert not list(store.root.rglob("*.tmp"))


def instant(seed: int, count: int) -> None:
    """Sweeps started in one instant, each of another run: each has its own identity and folder, nothing is overwritten."""
    del seed
    words = [(*SHAPE, f"training.lr={1e-3 * (number + 1):g}") for number in range(count)]
    for each in words:
        study(*each)
    with folder() as place:
        start = time.time() + 0.2

        def begin(each: tuple[str, ...]) -> int:
            time.sleep(max(0.0, start - time.time()))
            return sweep(place, words=each)

        ends = [ended(child) for child in [fork(lambda each=each: begin(each)) for each in words]]
        assert {end.code for end in ends} == {0}, ends
        found = {json.loads(path.read_bytes())["name"]: path.parent for path in (place / "results").glob("*/study.json")}
        assert len(found) == count
        assert set(found) == {study(*each).name for each in words}
        assert len(bodies(place)) == count
        for each in words:
            rows = (found[study(*each).name] / "runs.csv").read_text().splitlines()
            assert len(rows) == 2
            assert study(*each).runs[0].trained in rows[1]
        assert os.listdir(place) == ["results"]
