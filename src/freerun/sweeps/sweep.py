"""Sweep: the runs of a study, trained until the store misses none, and never twice.

Whoever trains, a worker here or a task on a cluster, leaves a record or a mark of failure in the store, and signs of life while
it works. So a sweep needs to know nothing of other sweeps: what they do is not missing, what they drop is.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Set
from typing import Any

from freerun import arithmetic
from freerun.config.run_identity import older_generation
from freerun.errors import OutOfTime
from freerun.execution import plan_files, run_logs
from freerun.execution.launchers import Launcher
from freerun.execution.planned_run import Planned, titles
from freerun.execution.progress import Hearing, watcher
from freerun.io.reading import NotPlain
from freerun.io.text import one_line
from freerun.store import checkpoints, record_scan, run_notes, study_file
from freerun.store.claims import Claims, owners
from freerun.store.records import Store, trained_run
from freerun.store.results_folder import Place, demand_still_there, demand_study, make_way, read_info, write_info
from freerun.sweeps import watched_curves
from freerun.sweeps.study import Study

#: What may have become of a run.
STATES = ("done", "diverged", "failed", "running", "queued", "pending")
#: Those of a run with a record.
DONE = ("done", "diverged")
#: Seconds between two looks at what another sweep is doing; how often a launcher may come back with nothing done.
WAIT, ROUNDS = 0.5, 3


def do(study: Study, place: Place, launcher: Launcher, *, replace: bool = False) -> dict[str, str]:
    """Do what is missing of a study; returns the reason for every run that failed.

    Runs that another sweep is doing are left to it and waited for; if it stops, they are done here.

    Raises:
        ConfigError: if the folder of the study holds something that is no study, or other runs that it may not `replace`, or
            the engine that is asked for cannot do a run, or one watches what is not measured on its task.
        OutOfTime: if the launcher's time is over and runs are left.
        StoreError: if the folder for results cannot be used.
    """
    demand_study(place.folder(study.name))
    store = place.store
    store.open()
    with Claims(store).presence():
        missing = _missing(study.runs, store)
        watched_curves.demand(missing)
        launcher.demand_engine(missing)
        make_way(study, place, kind_of_runs(study.name, place), replace=replace)
        write_info(study, place)
        _clear_remains(store)
        print(f"{study.name}: {to_do(study.runs, missing, store)}", flush=True)
        missing = _within_leave(missing, place, study.name)
        tell_notes((run.id for run in study.runs), store)  # what nobody waited for
        failed = see_to(missing, store, launcher)
        demand_still_there(study.name, place)
        return failed


def _clear_remains(store: Store) -> None:
    """Remove what killed processes left of runs that are done."""
    checkpoints.clear(store)
    plan_files.clear(store)


def _within_leave(missing: list[Planned], place: Place, name: str) -> list[Planned]:
    """Return the missing runs that are trained already, or may be trained; print a note about the others."""
    untrained = set(record_scan.missing(place.store, (run.trained for run in missing if not run.train)))
    if stranded := [run for run in missing if run.trained in untrained]:
        runs = "1 run is" if len(stranded) == 1 else f"{len(stranded)} runs are"
        cure = f"{place.command('retry', name)} trains what is left"
        print(f"note: {runs} not trained, and cannot be measured; {cure}", file=sys.stderr)
    return [run for run in missing if run.trained not in untrained]


def _missing(runs: list[Planned], store: Store) -> list[Planned]:
    undone = set(record_scan.missing(store, (run.id for run in runs)))
    return [run for run in runs if run.id in undone]


def to_do(runs: list[Planned], missing: list[Planned], store: Store) -> str:
    """Return in words how many runs are done and how many are not, and how many of the latter only need measuring."""
    total = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    ready = trained(missing, store)
    measured = sum(run.trained in ready for run in missing)
    alone = f", {measured} of them trained before, to be measured" if measured else ""
    return f"{total}, {len(runs) - len(missing)} done, {len(missing)} to do{alone}"


def trained(runs: Iterable[Planned], store: Store) -> set[str]:
    """Return the identities, as trained runs, of those runs whose training is done."""
    wanted = {run.trained for run in runs}
    return wanted - set(record_scan.missing(store, wanted))


def see_to(missing: list[Planned], store: Store, launcher: Launcher) -> dict[str, str]:
    """Have runs done, here or by whoever has claimed them; returns the reason for every one that failed.

    Raises:
        ConfigError: if the arithmetic that is asked for does not exist, the engine or the launcher cannot do a run, or one
            watches what is not measured on its task.
        OutOfTime: if the launcher's time is over and runs are left.
        StoreError: if the store has become unusable.
    """
    watched_curves.demand(missing)
    launcher.demand_files(missing)
    arithmetic.mode()  # before anything is trained in one that does not exist
    launcher.demand_engine(missing)
    _say_where_logs_are(missing, store, launcher)
    try:
        failed = _see_to(missing, store, launcher)
        _clear_remains(store)  # those of workers whose driver was killed, which hear of it while this command works
        return failed
    finally:
        owners(store)  # which clears away the claims of workers that were killed here
        tell_notes((run.id for run in missing), store)


def _say_where_logs_are(missing: list[Planned], store: Store, launcher: Launcher) -> None:
    """Print, on standard error, where curves can be seen while runs train, a line a tracker."""
    untrained = record_scan.missing(store, {run.trained for run in missing}) if launcher.log else ()
    for name in run_logs.names(launcher.log) if untrained else ():
        folder = store.root.parent / run_logs.FOLDER / name
        print(f"note: log={name}: {len(untrained)} run{'s' * (len(untrained) > 1)} in {folder}", file=sys.stderr)


def tell_notes(runs: Iterable[str], store: Store) -> None:
    """Print the notes that workers left on some runs, on standard error; each is told once."""
    for text, count in run_notes.take(store, runs).items():
        print(f"note: {text}{f' ({count} runs)' if count > 1 else ''}", file=sys.stderr)


def _see_to(missing: list[Planned], store: Store, launcher: Launcher) -> dict[str, str]:
    taken = owners(store)
    for run in missing:
        if run.id not in taken:
            store.failures.forget(run.id)
    failed: dict[str, str] = {}
    announced, idle = False, 0
    while missing:
        store.demand_here()
        if launcher.over:
            left = "1 run is" if len(missing) == 1 else f"{len(missing)} runs are"
            raise OutOfTime(f"the hours are over, {left} left; what is done is kept, the same command goes on", failed)
        free = _free(missing, owners(store).keys() | launcher.queued(store), store)
        if free:
            plan_files.write(store, free)
            pieces = launcher.pieces(free)
            with watcher(pieces) as watch:
                launcher.launch(pieces, store, watch if launcher.callback is None else Hearing(watch, launcher.callback))
            announced = False
        elif not announced and launcher.waits:
            print(f"waiting for {len(missing)} runs that another sweep is doing, or that are queued", flush=True)
            announced = True
        if not launcher.waits:
            break
        if not free:
            time.sleep(WAIT)
        before = len(missing)
        missing = _missing(missing, store)
        reasons = {run.id: reason for run in missing if (reason := store.failures.reason(run.id)) is not None}
        failed |= reasons
        missing = [run for run in missing if run.id not in reasons]
        idle = idle + 1 if free and len(missing) == before else 0
        if idle > ROUNDS:
            failed |= dict.fromkeys((run.id for run in missing), "the launcher returned several times without doing the run")
            break
    store.demand_here()
    return failed


def _free(missing: list[Planned], taken: Set[str], store: Store) -> list[Planned]:
    """Return the missing runs that can start now.

    An untrained run takes one measurement at a time, wherever that is done. Of those that only lack their reference players,
    the first makes them for all.
    """
    started = {trained_run(run) for run in taken}
    count = Counter(run.trained for run in missing)
    untrained = set(record_scan.missing(store, [run for run in count if count[run] > 1 or run in started]))
    first_of = {run.trained: run.id for run in reversed(missing)}

    def free(run: Planned) -> bool:
        alone = run.trained not in started and first_of[run.trained] == run.id
        return run.id not in taken and (run.trained not in untrained or alone)

    return _making_players_once([run for run in missing if free(run)], store)


def _making_players_once(runs: list[Planned], store: Store) -> list[Planned]:
    """Return runs without those of which nothing is missing but players that another one of them makes."""
    kept, made = [], set[str]()
    for run in runs:
        whole = store.has(run.id)
        if not whole or run.players not in made:
            kept.append(run)
        if whole:
            made.add(run.players)
    return kept


def states(ids: Iterable[str], store: Store, queued: Iterable[str] = ()) -> dict[str, str]:
    """Return the state of every run, one of `STATES`.

    Args:
        ids: of the runs.
        store: where their records are.
        queued: runs that wait in the queue of a cluster.
    """
    runs, waiting = list(ids), set(queued)
    taken, recorded = owners(store), record_scan.statuses(store, runs)

    def undone(run: str) -> str:
        if run in taken:
            return "running"
        return "failed" if store.failures.reason(run) is not None else "queued" if run in waiting else "pending"

    return {run: recorded[run] if run in recorded else undone(run) for run in runs}


def kind_of_runs(name: str, place: Place) -> str:
    """Return words for the runs that a folder holds, for the note that they are replaced."""
    try:
        older = generation(study_file.read(place.folder(name)))
    except (OSError, NotPlain):
        older = None
    return "other runs" if older is None else f"runs of generation {older} of Freerun, whose numbers are others"


def generation(info: Mapping[str, Any]) -> int | None:
    """Return the earlier generation of the program that a study is of; None if it is of this one."""
    return next((older for run in info["ids"] if (older := older_generation(run, info["planned"][run])) is not None), None)


def settle(failed: dict[str, str], place: Place, name: str) -> int:
    """Say which runs of a study have failed, a line each; returns the exit code of the sweep."""
    if not failed:
        return 0
    labels = titles(read_info(name, place, started=False)["planned"])
    for run, reason in failed.items():
        print(f"failed: {run} {labels.get(run, '')}: {one_line(reason)}", file=sys.stderr)
    return 1
