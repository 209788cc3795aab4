"""`freerun status [NAME]`: how far are studies?"""

from __future__ import annotations

from collections import Counter
from typing import Any

from freerun.commands import parser, place
from freerun.errors import ConfigError

#: Of so many failures the reasons are shown.
SHOWN = 20


def main(words: list[str]) -> int:
    """Print a row for each study, what is at work, and why runs have failed."""
    parsed = parser("status")
    parsed.add_argument("name", nargs="?")
    options = parsed.parse_intermixed_args(words)
    from freerun import claims, studies, sweeping
    from freerun.grouping import titles
    from freerun.launchers import _queue as queue
    from freerun.outside import one_line
    from freerun.screen import show_rows

    where = place(options)
    names = [options.name] if options.name else studies.names(where)
    if not names:
        raise ConfigError(f"there is no study under {where.results}; run one first, for example: freerun study first_look")
    infos = {name: studies.read_info(name, where, started=False) for name in names}
    queued = [run for _, runs in queue.listed(where.store) for run in runs]
    found = {name: sweeping.states(info["ids"], where.store, queued) for name, info in infos.items()}
    rows = []
    for name, states in found.items():
        counts = Counter(states.values())
        rows.append([name, str(len(states)), *(str(counts[state]) for state in sweeping.STATES)])
    show_rows(["study", "runs", *sweeping.STATES], rows)
    labels = {run: label for info in infos.values() for run, label in titles(info["planned"]).items()}
    wanted = {run for states in found.values() for run in states}
    for owner in claims.alive(where.store):
        mine = [run for run in owner.runs if run in wanted]
        if mine:
            where_it_is = f"({owner.host}, process {owner.pid})"
            print(f"running: {labels[mine[0]]} x {len(mine)}, {_how_far(owner.progress)} {where_it_is}")
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
