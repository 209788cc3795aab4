"""Bisection of a failed group: its unfinished runs in halves, until the run that is to blame is alone and marked as failed."""

from __future__ import annotations

from collections.abc import Sequence

from freerun.store import player_records
from freerun.store.claims import owners
from freerun.store.records import Store


def halves(runs: Sequence[str], store: Store, reason: str, *, log: str | None = None, claimed: bool = False) -> list[list[str]]:
    """Return the unfinished runs of a failed group in halves, to be done again; mark a run that was alone as failed.

    A run is finished if it has its record and that of its players, or a mark of failure; one that another process is doing is
    left to it.

    Args:
        runs: the identities of the group.
        store: where records and marks are.
        reason: of the failure.
        log: what was said on the way, kept with the mark.
        claimed: this process has claimed the group, so that nobody else is doing a run of it, or has marked one.

    Raises:
        StoreError: if the mark cannot be written.
    """
    unfinished = [run for run in runs if not player_records.complete(store, run)]
    if not claimed:
        elsewhere = owners(store)
        unfinished = [run for run in unfinished if run not in elsewhere and store.failures.reason(run) is None]
    if unfinished and len(runs) == 1:
        if log is not None:
            store.failures.log(unfinished[0], log)
        store.failures.note(unfinished[0], reason)
        return []
    middle = len(unfinished) // 2
    return [half for half in (unfinished[:middle], unfinished[middle:]) if half]
