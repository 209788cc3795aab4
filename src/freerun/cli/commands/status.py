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
    """Make the parser of the command."""
    command = shared_parser("status", "[NAME]", examples=("freerun status", "freerun status first_look --results elsewhere"))
    command.add_argument("name", metavar="NAME", nargs="?", help="a study (default: all that have results)")
    return command


def main(words: list[str]) -> int:
    """Print a row for each study, what is at work, and why runs have failed."""
    options = parser().read(words)
    from freerun.cli.terminal import show_rows
    from freerun.execution import launchers
    from freerun.execution.launchers import _queue as queue
    from freerun.execution.planned_run import titles
    from freerun.io.text import duration, one_line
    from freerun.store import claims, record_scan, results_folder
    from freerun.sweeps import sweep

    results = place(options)
    names = [options.name] if options.name else results_folder.names(results)
    if not names:
        raise ConfigError(
            f"there is no study under {results.results}; run one first, for example: {results.command('study', 'first_look')}"
        )
    infos, damaged = {}, {}
    for name in names:
        try:
            infos[name] = results_folder.read_info(name, results, started=False)
        except FreerunError as fault:
            if options.name:
                raise
            damaged[name] = fault
    tasks, answered = launchers.waiting(results.store)
    queued = [run for runs in tasks.values() for run in runs]
    states_of = {name: sweep.states(info["ids"], results.store, queued) for name, info in infos.items()}
    rows = []
    for name, states in states_of.items():
        counts = Counter(states.values())
        rows.append([name, str(len(states)), *(str(counts[state]) for state in sweep.STATES)])
    rows += [[one_line(name, 64), "damaged", *("" for _ in sweep.STATES)] for name in damaged]
    show_rows(["study", "runs", *sweep.STATES], rows)
    for damage in damaged.values():
        print(f"freerun: {one_line(damage)}", file=sys.stderr)
    for name, states in states_of.items():
        record_scan.say_damaged(name, results.store, (run for run, state in states.items() if state == "pending"))
    labels = {run: label for info in infos.values() for run, label in titles(info["planned"]).items()}
    run_ids = {run for states in states_of.values() for run in states}
    for owner in claims.alive(results.store):
        owned = [run for run in owner.runs if run in run_ids]
        if owned:
            where_it_is = f"({owner.host}, process {owner.pid})"
            print(f"running: {labels[owned[0]]} x {len(owned)}, {_how_far(owner.progress)} {where_it_is}")
    if jobs := [name for name, runs in tasks.items() if not run_ids.isdisjoint(runs)]:
        oldest = duration(max(queue.age(results.store, name) for name in jobs))
        unsure = "" if answered else "; no Slurm here to ask whether they still exist"
        print(f"queued: {len(jobs)} tasks, the oldest submitted {oldest} ago{unsure}")
    failed_runs = [run for states in states_of.values() for run, state in states.items() if state == "failed"]
    failed = {run: results.store.failures.reason(run) for run in failed_runs}
    for run, reason in list(failed.items())[:SHOWN]:
        log = results.store.path(run).with_suffix(".log")
        print(f"failed: {labels[run]}: {one_line(reason)} ({log if log.exists() else run})")
    if len(failed) > SHOWN:
        print(f"... and {len(failed) - SHOWN} more; column reason of the table runs has them all")
    return 0


def _how_far(progress: dict[str, Any]) -> str:
    update, updates = progress.get("update"), progress.get("updates")
    if not (isinstance(update, int) and isinstance(updates, int) and updates):
        return "starting"
    return f"update {update} of {updates}" if update < updates else "measuring"
