"""Cleaning: the removal of what is left over, and of a study and its records when it is named."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from freerun.config.run_identity import identity, unstopped
from freerun.errors import ConfigError, StoreError, refused
from freerun.execution import launchers
from freerun.store import checkpoints, claims, player_records, run_notes
from freerun.store.records import trained_run
from freerun.store.results_folder import Place, names, read_info


@dataclass(frozen=True, kw_only=True)
class Removable:
    """Files that may be removed.

    Attributes:
        what: words for the files.
        folders: removed as well if they are empty afterwards.
    """

    what: str
    paths: list[Path]
    folders: list[Path]

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(path.stat().st_size for path in self.paths if path.is_file())

    def remove(self) -> None:
        """Remove them.

        Raises:
            StoreError: if the disk refuses.
        """
        try:
            for path in self.paths:
                path.unlink(missing_ok=True)
            for folder in sorted(self.folders, key=lambda folder: -len(folder.parts)):
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()
        except OSError as fault:
            raise refused(fault.filename, "cannot be removed", fault) from None


def left_over(place: Place, *, everything: bool) -> Removable:
    """Return what killed processes left, checkpoints and plans of runs that are done, and the index.

    Args:
        place: where results are.
        everything: also files that may still be of use: what was set aside, scripts and logs of cluster jobs, and the notes
            of queued tasks.

    Raises:
        ConfigError: if all of it is wanted while tasks are queued.
        StoreError: while a sweep is at work on the store.
    """
    store = place.store
    refuse_at_work(place)
    if everything:
        refuse_queued(place)
    folders = [claims.FOLDER, run_notes.FOLDER, *(("aside", "jobs", "queue") if everything else ())]
    paths = [path for folder in folders for path in _files(store.root / folder)]
    paths += [path for path in (store.root / "index",) if path.exists()]
    paths += sorted(store.root.glob("[0-9a-f][0-9a-f]/.*.tmp"))
    done = {path.stem for path in store.root.glob("[0-9a-f][0-9a-f]/*.json")}
    for path in sorted(store.root.glob("[0-9a-f][0-9a-f]/*")):
        of_done = path.suffix in (".checkpoint", ".plan", ".failed") and path.stem in done
        if of_done or (path.suffix == ".safetensors" and path.stem not in done):
            paths.append(path)
    return Removable(what="left over", paths=paths, folders=[path for name in folders for path in _folders(store.root / name)])


def refuse_at_work(place: Place) -> None:
    """Refuse to clean a store on which a sweep is at work.

    Raises:
        StoreError: if one is.
    """
    if any(claims.alive(place.store)):
        raise StoreError(f"{place.store.root}: a sweep is at work here; try again when it has ended")


def refuse_queued(place: Place, runs: set[str] | None = None) -> None:
    """Refuse to remove what tasks in the queue of a cluster need when they begin: their plans, their scripts.

    Args:
        place: where results are.
        runs: of which plans are removed; None for scripts, which all tasks need.

    Raises:
        ConfigError: if there are such tasks.
    """
    tasks, answered = launchers.waiting(place.store)
    needed = [name for name, task_runs in tasks.items() if runs is None or not runs.isdisjoint(task_runs)]
    if needed:
        jobs = list(dict.fromkeys(name.partition("_")[0] for name in needed))
        cancel = f"scancel {' '.join(jobs[:3])}{' ...' if len(jobs) > 3 else ''}"
        unsure = "" if answered else f"; no Slurm here to ask: if they are gone, remove {place.store.root}/queue"
        raise ConfigError(f"{len(needed)} queued tasks need these files; wait, or cancel them ({cancel}){unsure}")


def of_study(name: str, place: Place) -> Removable:
    """Return the files of a study: its folder, and all that the store holds of runs that no other study asks for.

    Raises:
        ConfigError: if there is no such study, another one cannot be read, or tasks with its runs are queued.
        StoreError: while a sweep is at work.
    """
    store = place.store
    ids = _runs(name, place)
    unshared, elsewhere = set(ids), set[str]()
    for study in names(place) if unshared else ():
        if study != name:
            elsewhere |= set(read_info(study, place, started=False)["ids"])
    unshared -= elsewhere
    shared = {trained_run(run) for run in elsewhere}
    refuse_at_work(place)
    refuse_queued(place, unshared)
    folder = place.folder(name)
    paths = _files(folder)
    trained = {trained_run(run) for run in unshared}
    for run in sorted(trained - shared):
        paths += sorted(store.path(run).parent.glob(f"{run}[.-]*"))
    paths += _where_stopped(name, place, trained - shared, shared | trained)
    for run in sorted(run for run in unshared if trained_run(run) in shared):
        paths += sorted(store.path(run).parent.glob(f"{run}.*"))
    players = player_records.belonging(store, unshared)
    players -= player_records.belonging(store, elsewhere) if players else set()
    paths += [path for identity in sorted(players) if (path := player_records.path(store, identity)).exists()]
    extent = f"with {len(unshared)} of its {len(ids)} runs" if ids else "without records, for its runs are not known"
    return Removable(what=f"study {name}, {extent}", paths=paths, folders=_folders(folder))


def _runs(name: str, place: Place) -> list[str]:
    """Return the runs of a study; none, if its file is damaged, for then it is not known which records are its own.

    Raises:
        ConfigError: if there is no such study.
    """
    try:
        return list(read_info(name, place, started=False)["ids"])
    except ConfigError:
        if name not in names(place):
            raise
        return []


def _where_stopped(name: str, place: Place, trained: set[str], others: set[str]) -> list[Path]:
    """Return the checkpoints that runs of a study left where they stopped before their last update (`Planned.course`).

    Args:
        trained: the identities of the trained runs that go.
        others: trained runs whose checkpoints are not looked at here.
    """
    planned = read_info(name, place, started=False)["planned"] if trained else {}
    courses: set[str] = set()
    for run, tree in planned.items():
        if trained_run(run) in trained:
            with suppress(LookupError, TypeError, AttributeError):  # a tree that is no experiment has no checkpoint
                courses.add(identity(unstopped(tree)))
    paths = [checkpoints.place(place.store, course) for course in sorted(courses - others)]
    return [path for path in paths if path.exists()]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_symlink() or path.is_file())


def _folders(folder: Path) -> list[Path]:
    below: Iterable[Path] = folder.rglob("*") if folder.is_dir() else ()
    return [folder, *(path for path in below if path.is_dir() and not path.is_symlink())]
