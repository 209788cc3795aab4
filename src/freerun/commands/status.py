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
    from freerun import claims, studies
    from freerun.screen import show_rows

    where = place(options)
    names = [options.name] if options.name else studies.names(where)
    if not names:
        raise ConfigError(f"there is no study under {where.results}; run one first, for example: freerun study first_look")
    infos = {name: studies.read_info(name, where, started=False) for name in names}
    found = {name: studies.states(info["ids"], where.store) for name, info in infos.items()}
    rows = []
    for name, states in found.items():
        counts = Counter(states.values())
        rows.append([name, str(len(states)), *(str(counts[state]) for state in studies.STATES)])
    show_rows(["study", "runs", *studies.STATES], rows)
    wanted = {run for states in found.values() for run in states}
    for owner in claims.alive(where.store):
        mine = [run for run in owner.runs if run in wanted]
        if mine:
            where_it_is = f"({owner.host}, process {owner.pid})"
            print(f"running: {_what(mine[0], infos)} x {len(mine)}, {_how_far(owner.progress)} {where_it_is}")
    lost = [run for states in found.values() for run, state in states.items() if state == "failed"]
    failed = {run: where.store.failure(run) for run in lost}
    for run, reason in list(failed.items())[:SHOWN]:
        print(f"failed: {run} {_what(run, infos)}: {' '.join((reason or '').split())[:200]}")
    if len(failed) > SHOWN:
        print(f"... and {len(failed) - SHOWN} more; column reason of the table runs has them all")
    return 0


def _what(run: str, infos: dict[str, dict[str, Any]]) -> str:
    tree = next(info["planned"][run] for info in infos.values() if run in info["planned"])
    return " ".join(str(tree[axis]["name"]) for axis in ("task", "model", "regime")) + f" seed {tree['seed']}"


def _how_far(progress: dict[str, Any]) -> str:
    update, updates = progress.get("update"), progress.get("updates")
    if not (isinstance(update, int) and isinstance(updates, int) and updates):
        return "starting"
    return f"update {update} of {updates}" if update < updates else "measuring"
