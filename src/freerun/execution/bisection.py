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
    left = [run for run in runs if not player_records.complete(store, run)]
    if not claimed:
        others = owners(store)
        left = [run for run in left if run not in others and store.failures.reason(run) is None]
    if left and len(runs) == 1:
        if log is not None:
            store.failures.log(left[0], log)
        store.failures.note(left[0], reason)
        return []
    middle = len(left) // 2
    return [half for half in (left[:middle], left[middle:]) if half]
