"""Broken parts for the detectors: each law of reliability has to fail on its own."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from reliability import causes, concurrency, crashes, forks, links, merges, moves, orders, pipes, plugins, refusals


def in_place(path, content: bytes, *, settle: bool = True) -> None:
    """A writer that opens the file itself, on a disk that takes its time, so that somebody comes upon half of it."""
    del settle
    with open(path, "wb") as file:
        file.write(content[: len(content) // 2])
        file.flush()
        os.fsync(file.fileno())
        time.sleep(0.002)
        file.write(content[len(content) // 2 :])


def _careless_store():
    from freerun.store import records

    return [mock.patch.object(records, "write_atomic", in_place)]


def _careless_merge():
    from freerun.store import merging

    return [mock.patch.object(merging, "write_atomic", in_place)]


def _store_that_says_nothing():
    from freerun.errors import StoreError
    from freerun.store.records import Store

    write = Store.write

    def quiet(self, record, weights):
        try:
            write(self, record, weights)
        except StoreError:
            self.failures.note(record["run"], "lost")

    return [mock.patch.object(Store, "write", quiet)]


def _claims_without_eyes():
    from freerun.store import claims

    return [
        mock.patch.object(claims, "owners", lambda store: {}),
        mock.patch.object(claims.Store, "has", lambda self, run: False),
    ]


def _one_folder_for_all():
    from freerun.store.results_folder import Place

    return [mock.patch.object(Place, "folder", lambda self, name: self.results / "same")]


def _worker_that_blames_all():
    from freerun.execution.worker_supervisor import Worker

    def blame(self, store, runs, reason, listen):
        for run in runs:
            store.failures.note(run, reason)

    return [mock.patch.object(Worker, "_narrow_down", blame)]


def _draws_that_know_the_group():
    from freerun.engine.replicas import Group

    draws = Group.draws
    return [
        mock.patch.object(Group, "draws", lambda self, *words: draws(self, *words) * (1 - 0.05 * (len(self.experiments) > 1)))
    ]


def _checkpoints_that_forget():
    from dataclasses import replace

    from freerun.store import checkpoints

    read = checkpoints.read

    def forgetful(store, run, needs):
        found = read(store, run, needs)
        if found is None:
            return None
        blank = {name: value if value.dtype.kind == "i" else 0 * value for name, value in found.tensors.items()}
        return replace(found, tensors=blank)

    return [mock.patch.object(checkpoints, "read", forgetful)]


def _links_that_nobody_looks_for():
    from freerun.io import links

    return [mock.patch.object(links, "_links", lambda folder, depth: iter(()))]


def _store_that_is_made_anew():
    from freerun.store.store_folder import StoreFolder
    from freerun.sweeps import sweep

    def made(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)

    return [
        mock.patch.object(StoreFolder, "demand_here", lambda self: made(self.root)),
        mock.patch.object(StoreFolder, "make_room", lambda self, path: made(path.parent)),
        mock.patch.object(sweep, "demand_still_there", lambda name, place: made(place.folder(name))),
    ]


def _children_that_are_left():
    return [mock.patch.object(os, "killpg", lambda group, number: os.kill(group, number))]


def _output_that_is_lost_without_a_word():
    from freerun.cli.steady_output import SteadyOutput

    return [mock.patch.object(SteadyOutput, "_lose", lambda self, fault: None)]


def _plugins_by_their_file_alone():
    from freerun.parts import plugin_sources

    return [mock.patch.object(plugin_sources, "_collect", lambda source, modules: None)]


def _try_plugin(case: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        plugins.check(case, Path(folder))


@dataclass(frozen=True)
class Variant:
    """A part broken on purpose, the law that has to fail on one of some cases, and what is made before anything is broken."""

    patches: Callable[[], list]
    check: Callable[[Any], None]
    cases: Callable[[], Iterable[Any]]
    before: Callable[[], Any] = lambda: None


VARIANTS = {
    "crashes, with a writer in place": Variant(
        _careless_store, crashes.crash, lambda: crashes.points(1, 40, crashes.operations()), crashes.operations
    ),
    "crashes_of_workers, with checkpoints that forget": Variant(
        _checkpoints_that_forget, crashes.crash_of_a_worker,
        lambda: crashes.points(1, 30, crashes.operations_of_a_worker())[5:], crashes.operations_of_a_worker,
    ),
    "kills, with checkpoints that forget": Variant(_checkpoints_that_forget, crashes.kill, lambda: crashes.kills(1, 60)),
    "refusals, with a store that says nothing": Variant(
        _store_that_says_nothing, refusals.check, lambda: refusals.cases(2, 60), crashes.operations
    ),
    "merges, with a writer in place": Variant(
        _careless_merge, merges.check, lambda: merges.cases(1, 40), merges.operations
    ),
    "sweeps, with claims that nobody sees": Variant(_claims_without_eyes, concurrency.sweeps, lambda: range(10)),
    "writers, with a writer in place": Variant(_careless_store, concurrency.writers, lambda: range(6)),
    "instant, with one folder for all": Variant(_one_folder_for_all, lambda n: concurrency.instant(0, n), lambda: [4]),
    "causes, with a worker that blames all": Variant(_worker_that_blames_all, causes.check, lambda: [("kill", "local")]),
    "orders, with draws that know the group": Variant(
        _draws_that_know_the_group, orders.check, lambda: orders.cases(1, 3), orders.alone
    ),
    "links, with links that nobody looks for": Variant(
        _links_that_nobody_looks_for, links.check, lambda: list(links.cases(1, 28)), links.results
    ),
    "moves, with a store that is made anew": Variant(
        _store_that_is_made_anew, moves.check, lambda: list(moves.cases(1, 12)), crashes.operations
    ),
    "pipes, with output that is lost without a word": Variant(
        _output_that_is_lost_without_a_word, pipes.check, lambda: [("full", "output", 0)], crashes.operations
    ),
    "forks, with children that are left": Variant(
        _children_that_are_left, forks.check, lambda: [("kill", 2, False, 1)]
    ),
    "plugins, by their file alone": Variant(
        _plugins_by_their_file_alone, _try_plugin, lambda: plugins.cases(1, 30)
    ),
}  # fmt: skip


def caught(name: str) -> bool:
    """Whether the law fails on a case with the broken part, and holds on the same case without it.

    Raises:
        Exception: whatever else than the law fails: then the variant itself is out of date.
    """
    from reliability.sweeps import undisturbed, warm

    warm()
    undisturbed()
    variant = VARIANTS[name]
    variant.before()
    for case in variant.cases():
        try:
            with ExitStack() as stack:
                for patch in variant.patches():
                    stack.enter_context(patch)
                variant.check(case)
        except AssertionError as found:
            if "unexpected error" in str(found):
                raise
            variant.check(case)
            return True
    return False
