"""`freerun status [NAME]`: progress of studies, and the reasons of failures."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

from freerun.cli.arguments import Parser, place, shared_parser
from freerun.errors import ConfigError, FreerunError

#: Of so many failures the reasons are shown.
SHOWN = 20


def parser() -> Parser:
    """What the command takes."""
    made = shared_parser("status", "[NAME]", examples=("freerun status", "freerun status first_look --results elsewhere"))
    made.add_argument("name", metavar="NAME", nargs="?", help="a study (default: all that have results)")
    return made


def main(words: list[str]) -> int:
    """Print a row for each study, what is at work, and why runs have failed."""
    options = parser().read(words)
    from freerun.cli.terminal import duration, show_rows
    from freerun.execution import launchers
    from freerun.execution.launchers import _queue as queue
    from freerun.execution.planned import titles
    from freerun.io.text import one_line
    from freerun.store import claims, record_scan, results_folder
    from freerun.sweeps import sweep

    where = place(options)
    names = [options.name] if options.name else results_folder.names(where)
    if not names:
        raise ConfigError(f"there is no study under {where.results}; run one first, for example: freerun study first_look")
    infos, damaged = {}, {}
    for name in names:
        try:
            infos[name] = results_folder.read_info(name, where, started=False)
        except FreerunError as fault:
            if options.name:
                raise
            damaged[name] = fault
    tasks, asked = launchers.waiting(where.store)
    queued = [run for runs in tasks.values() for run in runs]
    found = {name: sweep.states(info["ids"], where.store, queued) for name, info in infos.items()}
    rows = []
    for name, states in found.items():
        counts = Counter(states.values())
        rows.append([name, str(len(states)), *(str(counts[state]) for state in sweep.STATES)])
    rows += [[one_line(name, 64), "damaged", *("" for _ in sweep.STATES)] for name in damaged]
    show_rows(["study", "runs", *sweep.STATES], rows)
    for why in damaged.values():
        print(f"freerun: {one_line(why)}", file=sys.stderr)
    for name, states in found.items():
        record_scan.say_damaged(name, where.store, (run for run, state in states.items() if state == "pending"))
    labels = {run: label for info in infos.values() for run, label in titles(info["planned"]).items()}
    wanted = {run for states in found.values() for run in states}
    for owner in claims.alive(where.store):
        mine = [run for run in owner.runs if run in wanted]
        if mine:
            where_it_is = f"({owner.host}, process {owner.pid})"
            print(f"running: {labels[mine[0]]} x {len(mine)}, {_how_far(owner.progress)} {where_it_is}")
    if mine := [name for name, runs in tasks.items() if not wanted.isdisjoint(runs)]:
        oldest = duration(max(queue.age(where.store, name) for name in mine))
        unsure = "" if asked else "; no Slurm here to ask whether they still exist"
        print(f"queued: {len(mine)} tasks, the oldest submitted {oldest} ago{unsure}")
    lost = [run for states in found.values() for run, state in states.items() if state == "failed"]
    failed = {run: where.store.failures.reason(run) for run in lost}
    for run, reason in list(failed.items())[:SHOWN]:
        log = where.store.path(run).with_suffix(".log")
        print(f"failed: {labels[run]}: {one_line(reason)} ({log if log.exists() else run})")
    if len(failed) > SHOWN:
        print(f"... and {len(failed) - SHOWN} more; column reason of the table runs has them all")
    return 0


def _how_far(progress: dict[str, Any]) -> str:
    update, updates = progress.get("update"), progress.get("updates")
    if not (isinstance(update, int) and isinstance(updates, int) and updates):
        return "starting"
    return f"update {update} of {updates}" if update < updates else "measuring"
