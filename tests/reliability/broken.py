"""Does each detector detect? A part is broken on purpose, and the law has to fail on it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from unittest import mock

from reliability import causes, concurrency, crashes, orders, refusals


def in_place(path, content: bytes, *, settle: bool = True) -> None:
    """A writer that opens the file itself."""
    del settle
    with open(path, "wb") as file:
        file.write(content[: len(content) // 2])
        file.flush()
        os.fsync(file.fileno())
        file.write(content[len(content) // 2 :])


def _careless_store():
    from freerun import store

    return [mock.patch.object(store, "write_atomic", in_place)]


def _store_that_says_nothing():
    from freerun.errors import StoreError
    from freerun.store import Store

    write = Store.write

    def quiet(self, record, weights):
        try:
            write(self, record, weights)
        except StoreError:
            self.fail(record["run"], "lost")

    return [mock.patch.object(Store, "write", quiet)]


def _claims_without_eyes():
    from freerun import claims

    return [
        mock.patch.object(claims, "owners", lambda store: {}),
        mock.patch.object(claims.Store, "has", lambda self, run: False),
    ]


def _one_folder_for_all():
    from freerun.studies import Place

    return [mock.patch.object(Place, "folder", lambda self, name: self.results / "same")]


def _worker_that_blames_all():
    from freerun.workers import Worker

    def blame(self, store, runs, reason, listen):
        for run in runs:
            store.fail(run, reason)

    return [mock.patch.object(Worker, "_narrow_down", blame)]


def _draws_that_know_the_group():
    from freerun.group import Group

    draws = Group.draws
    return [
        mock.patch.object(Group, "draws", lambda self, *words: draws(self, *words) * (1 - 0.05 * (len(self.experiments) > 1)))
    ]


def _tried(check: Callable, cases: Iterator) -> bool:
    """Whether the law fails on one of the cases."""
    for case in cases:
        try:
            check(case)
        except Exception:
            return True
    return False


VARIANTS = {
    "crashes, with a writer in place": (_careless_store, lambda: _tried(crashes.crash, crashes.points(1, 40))),
    "refusals, with a store that says nothing": (
        _store_that_says_nothing,
        lambda: _tried(refusals.check, refusals.cases(1, 24)),
    ),
    "sweeps, with claims that nobody sees": (_claims_without_eyes, lambda: _tried(concurrency.sweeps, iter(range(5)))),
    "writers, with a writer in place": (_careless_store, lambda: _tried(concurrency.writers, iter(range(3)))),
    "instant, with one folder for all": (_one_folder_for_all, lambda: _tried(lambda n: concurrency.instant(0, n), iter([4]))),
    "causes, with a worker that blames all": (_worker_that_blames_all, lambda: _tried(causes.check, iter([("kill", "local")]))),
    "orders, with draws that know the group": (_draws_that_know_the_group, lambda: _tried(orders.check, orders.cases(1, 3))),
}


def caught(name: str) -> bool:
    """Whether the detector fails on its broken part. What it compares with is made before anything is broken."""
    from reliability.sweeps import undisturbed, warm

    warm()
    undisturbed()
    crashes.operations()
    if name.startswith("orders"):
        orders.alone()
    patches, law = VARIANTS[name]
    with ExitStack() as stack:
        for patch in patches():
            stack.enter_context(patch)
        return law()
