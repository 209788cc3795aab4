"""Soak test of sweeps: every row of the table of reliability, in the quick tier or in full.

    python tests/reliability/soak.py [--tier quick|full] [--only NAME ...] [--jobs N] [--out FOLDER]

writes FOLDER/reliability.csv and .md: how many cases there were, how many failed, how long it took. `make soak` is the full
tier into results/reliability. Exit code 1 if anything failed.
"""

from __future__ import annotations

import argparse
import csv
import json
import multiprocessing
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
SEED = 7
#: Rows whose cases are forked from a process that has planned everything.
FORKING = (
    "crashes", "crashes_of_workers", "kills", "refusals", "sweeps", "writers", "instant", "causes", "orders", "merges",
    "links", "moves", "pipes", "forks",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A row of the table: what is tried, how often in each tier, and how one case is tried.

    Attributes:
        check: is given a folder, of the case's own, or one for all of the row where each leaves it as it was found (`shared`).
    """

    what: str
    quick: int
    full: int
    cases: Callable[[int], Iterable[Any]]
    check: Callable[[Any, Path], Any]
    shared: bool = False


def rows() -> dict[str, Row]:
    """All rows by name."""
    from reliability import (
        alterations,
        causes,
        concurrency,
        configurations,
        crashes,
        forks,
        fuzz,
        hostile,
        links,
        merges,
        moves,
        orders,
        own_data,
        pipes,
        plugins,
        refusals,
        resume,
    )  # fmt: skip

    every = 10**6
    return {
        "crashes": Row(
            "crash at a file operation of a 24-run sweep, resume: tables and records identical", 40, every,
            lambda n: crashes.points(SEED, n, crashes.operations()), lambda case, folder: crashes.crash(case),
        ),
        "crashes_of_workers": Row(
            "the same in one of 2 worker processes", 6, every,
            lambda n: crashes.points(SEED, n, crashes.operations_of_a_worker()),
            lambda case, folder: crashes.crash_of_a_worker(case),
        ),
        "kills": Row(
            "kill -9 of driver or worker at a random instant, resume: identical", 9, 500,
            lambda n: list(crashes.kills(SEED, n)), lambda case, folder: crashes.kill(case),
        ),
        "refusals": Row(
            "no space, I/O error, permission, read-only at an operation: exit 3, one line, no record lost", 24, 1000,
            lambda n: list(refusals.cases(SEED, n)), lambda case, folder: refusals.check(case),
        ),
        "alterations": Row(
            "truncated or altered record, weights, index: detected, set aside, done again", 1000, 50_000,
            lambda n: alterations.cases(SEED, n), alterations.check, shared=True,
        ),
        "checkpoints": Row(
            "truncated or altered checkpoint: detected", 200, 10_000,
            lambda n: range(n), resume.check_alteration,
        ),
        "sweeps": Row(
            "two sweeps of the same runs at once: none lost, none done twice", 2, 30,
            lambda n: range(n), lambda case, folder: concurrency.sweeps(case),
        ),
        "writers": Row(
            "16 writers x 500 records on one store, read meanwhile", 1, 30,
            lambda n: range(n), lambda case, folder: concurrency.writers(case),
        ),
        "instant": Row(
            "sweeps started in one instant: an identity each, nothing overwritten", 10, 50,
            lambda n: [n], lambda case, folder: concurrency.instant(SEED, case),
        ),
        "causes": Row(
            "causes of failure x launchers: every other run finishes, one line, only the missing is done again", 8, 40,
            lambda n: list(causes.cases(8, 1) if n == 8 else causes.cases(10, 4)), lambda case, folder: causes.check(case),
        ),
        "orders": Row(
            "runs added, removed, permuted, workers 1, 2, 4, group sizes: records identical", 10, 300,
            lambda n: list(orders.cases(SEED, n, (1, 1, 2, 1, 4))), lambda case, folder: orders.check(case),
        ),
        "merges": Row(
            "merge of 3 parts killed or refused at a file operation, again: records and tables of one sweep", 12, 200,
            lambda n: list(merges.cases(SEED, n)), lambda case, folder: merges.check(case),
        ),
        "resume": Row(
            "bit-exact resume inside a run, models x regimes x optimisers", 12, 200,
            lambda n: list(resume.cases(SEED, n)), resume.check,
        ),
        "configurations": Row(
            "bad configurations: exit 2, one line of at most 200 characters, under 1 s, nothing written", 40, 200,
            lambda n: configurations.cases(SEED, n), configurations.check,
        ),
        "hostile": Row(
            "hostile files: nothing executed, one line, under 2 s", 40, 200,
            lambda n: hostile.cases(SEED, n), hostile.check,
        ),
        "fuzz": Row(
            "fuzz of the readers of configuration, record, checkpoint, study, plan: no exception but our own", 2000, 200_000,
            lambda n: fuzz.cases(SEED, n), fuzz.check,
        ),
        "links": Row(
            "links planted in store and study x commands: refused by name, nothing outside read or changed", 28, 280,
            lambda n: list(links.cases(SEED, n)), lambda case, folder: links.check(case),
        ),
        "moves": Row(
            "results or store renamed, moved, removed at an operation: exit 3, not made anew, put back: identical", 8, 200,
            lambda n: list(moves.cases(SEED, n)), lambda case, folder: moves.check(case),
        ),
        "pipes": Row(
            "outputs closed, full or cut off at an operation: all is done, the exit code is true", 9, 180,
            lambda n: list(pipes.cases(SEED, n)), lambda case, folder: pipes.check(case),
        ),
        "forks": Row(
            "runs that fork processes and are killed, hang or exit: each fails alone, in time, nothing is left running", 3, 60,
            lambda n: list(forks.cases(SEED, n)), lambda case, folder: forks.check(case),
        ),
        "plugins": Row(
            "generated plugins with helpers: what they import is in their digest, nothing else, nothing is run", 100, 5000,
            lambda n: plugins.cases(SEED, n), plugins.check,
        ),
        "own_data": Row(
            "generated files of data (dates, gaps, ids, missing, encodings, delimiters): read as they say, or refused",
            200, 5000, lambda n: own_data.cases(SEED, n), own_data.check,
        ),
    }  # fmt: skip


def run(name: str, count: int, part: int, parts: int) -> dict[str, Any]:
    """Try every `parts`-th case of a row, from the `part`-th on."""
    warnings.simplefilter("ignore")
    from reliability import sweeps

    sweeps.one_thread()
    row = rows()[name]
    if name in FORKING:
        sweeps.warm()
    cases = list(row.cases(count))[part::parts]
    failures, began = [], time.monotonic()
    with tempfile.TemporaryDirectory(prefix="freerun-") as whole:
        for case in cases:
            with nullcontext(whole) if row.shared else tempfile.TemporaryDirectory(prefix="freerun-") as folder:
                try:
                    row.check(case, Path(folder))
                except Exception as fault:
                    where = traceback.extract_tb(fault.__traceback__)[-1]
                    text = " ".join(f"{type(fault).__name__} in {where.name}: {fault}".split())
                    failures.append(f"{str(case)[:200]}: {text[:600]}")
    size = count if name == "instant" else sum(getattr(case, "examples", 1) for case in cases)
    return {"cases": size, "failed": len(failures), "seconds": time.monotonic() - began, "failures": failures}


def main() -> int:
    """Run the rows, say what came out, write the table."""
    known = rows()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tier", choices=["quick", "full"], default="quick")
    parser.add_argument("--only", nargs="*", choices=list(known), default=list(known))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--broken", action="store_true", help="see that each detector fails on a part broken on purpose")
    options = parser.parse_args()
    if options.broken:
        return _broken(options.jobs)
    found: dict[str, dict[str, Any]] = {}
    with _spread(options.jobs) as spread:
        for name in options.only:
            count = getattr(known[name], options.tier)
            whole = ("instant", "writers", "sweeps")  # these keep all cores busy by themselves
            parts = 1 if name in whole else options.jobs
            done = spread(run, [(name, count, part, parts) for part in range(parts)])
            found[name] = {key: sum(each[key] for each in done) for key in ("cases", "failed")}
            found[name] |= {"seconds": max(each["seconds"] for each in done)}
            print(json.dumps({"row": name, **found[name]}), flush=True)
            for each in done:
                for failure in each["failures"][:20]:
                    print(f"  FAILED {failure}", flush=True)
            if options.out:
                write(options.out, options.tier, found)
    return 1 if any(each["failed"] for each in found.values()) else 0


@contextmanager
def _spread(jobs: int) -> Iterator[Callable[[Callable, list[tuple]], list]]:
    """How a function is called with many arguments: one after the other here, or each time in one of `jobs` new processes."""
    if jobs == 1:  # what is the same for many rows is then made once
        yield lambda function, arguments: [function(*each) for each in arguments]
        return
    with multiprocessing.get_context("spawn").Pool(jobs, maxtasksperchild=1) as pool:
        yield lambda function, arguments: pool.starmap(function, arguments, chunksize=1)


def _broken(jobs: int) -> int:
    from reliability import broken

    with _spread(jobs) as spread:
        found = spread(broken.caught, [(name,) for name in broken.VARIANTS])
    for name, caught in zip(broken.VARIANTS, found, strict=True):
        print(f"{'caught' if caught else 'NOT CAUGHT'}: {name}", flush=True)
    return 0 if all(found) else 1


def write(folder: Path, tier: str, found: dict[str, dict[str, Any]]) -> None:
    """Write the table as CSV and Markdown; rows of an earlier soak that were not run again stay."""
    folder.mkdir(parents=True, exist_ok=True)
    path, known = folder / "reliability.csv", rows()
    table = {}
    if path.exists():
        with open(path, newline="") as file:
            table = {row["row"]: row for row in csv.DictReader(file)}
    for name, each in found.items():
        numbers = {"cases": each["cases"], "failed": each["failed"], "seconds": f"{each['seconds']:.0f}"}
        table[name] = {"row": name, "what": known[name].what, "tier": tier, **numbers}
    order = [table[name] for name in known if name in table]
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(order[0]))
        writer.writeheader()
        writer.writerows(order)
    lines = ["# Reliability", "", "What `make soak` tried on sweeps, and how often it failed.", ""]
    lines += ["| what | tier | cases | failed | seconds |", "|---|---|---|---|---|"]
    lines += [f"| {row['what']} | {row['tier']} | {row['cases']} | {row['failed']} | {row['seconds']} |" for row in order]
    (folder / "reliability.md").write_text("\n".join([*lines, ""]))


if __name__ == "__main__":
    sys.exit(main())
