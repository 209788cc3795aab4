"""Results folder: where results go, and what is in the folder of a study."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from freerun.errors import ConfigError, StoreError, refused
from freerun.io.reading import NotPlain
from freerun.io.suggestions import nearest
from freerun.io.writing import sweep_temporaries, write_atomic
from freerun.store import manifest, study_file
from freerun.store.records import Store, trained_run

#: The table of a search, beside its study.
TRIALS = "trials.csv"
#: What a search leaves beside its study (`freerun.sweeps.search.search`).
SEARCH = "search.json"


@dataclass(kw_only=True)
class Place:
    """Where results go: a folder for each study, one store for all.

    Attributes:
        results: the folder of all results.
    """

    results: Path

    @property
    def store(self) -> Store:
        """The store of records."""
        return Store(self.results / ".store")

    def folder(self, name: str) -> Path:
        """Return the folder of a study."""
        return self.results / name


class Study(Protocol):
    """What a folder has to know of the study that it is for (`freerun.sweeps.study`)."""

    name: str

    @property
    def ids(self) -> list[str]:
        """The identities of its runs."""

    def info(self) -> dict[str, Any]:
        """Return the study as it is written to results/NAME/study.json."""


def folder_name(name: str) -> str:
    """Check and return the name of a study, which is that of its folder.

    Raises:
        ConfigError: if it could be anything else than one plain folder.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name):
        raise ConfigError(f"study {name!r}: a name is letters, digits, '_', '.' and '-', at most 64 of them")
    return name


def say_what_is_replaced(study: Study, place: Place, kind: str = "other runs") -> bool:
    """Print a note if the folder holds another study, which is about to be replaced; return whether runs of it go.

    Args:
        study: that takes the folder.
        place: where results are.
        kind: words for the runs that the folder holds.
    """
    folder = place.folder(study.name)
    try:
        runs_there = study_file.read(folder)["ids"]
    except OSError:
        return False
    except NotPlain:  # whatever it was
        return True
    before, now = ({trained_run(run) for run in runs} for runs in (runs_there, study.ids))  # whatever is measured of them
    if not (before <= now or now <= before):
        replaced = f"{len(runs_there)} {kind}; what was made of them goes, their records stay"
        print(f"note: {folder} holds a study of {replaced}; to keep both, choose another name with --as", flush=True)
    return not before <= now


def demand_study(folder: Path) -> None:
    """Check that a folder that is to hold a study holds nothing else.

    Raises:
        ConfigError: if it does.
    """
    with suppress(FileNotFoundError, NotADirectoryError):
        held = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
        if held and study_file.NAME not in held and held != {SEARCH}:
            raise ConfigError(f"{folder}: holds files but no {study_file.NAME}, so no study; choose another name with --as")


def make_way(study: Study, place: Place, kind: str = "other runs") -> None:
    """Remove the results of a study whose folder another study takes; only files that Freerun wrote are removed.

    Args:
        study, place, kind: see `say_what_is_replaced`.

    Raises:
        StoreError: if the disk refuses.
    """
    folder = place.folder(study.name)
    if say_what_is_replaced(study, place, kind):
        try:
            manifest.remove_made(folder)
            (folder / SEARCH).unlink(missing_ok=True)
        except OSError as fault:
            raise refused(folder, "cannot be replaced", fault) from None


def write_info(study: Study, place: Place) -> None:
    """Write results/NAME/study.json.

    Raises:
        StoreError: if the folder cannot be written to.
    """
    folder = place.folder(study.name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sweep_temporaries(folder)
        write_atomic(folder / study_file.NAME, (json.dumps(study.info(), indent=0) + "\n").encode())
    except OSError as fault:
        raise refused(folder, "cannot be written to", fault) from None


def names(place: Place) -> list[str]:
    """Return the studies that have a folder.

    Raises:
        StoreError: if the folder of all results is none.
    """
    if place.results.exists() and not place.results.is_dir():
        raise StoreError(f"{place.results}: is not a folder")
    return sorted(path.parent.name for path in place.results.glob("*/study.json"))


def read_info(name: str, place: Place, *, started: bool = True) -> dict[str, Any]:
    """Return the study that was run under a name.

    Args:
        name: of its folder.
        place: where results are.
        started: refuse a study of which no run has been tried.

    Raises:
        ConfigError: if there is none, or its file is damaged.
    """
    folder = place.folder(folder_name(name))
    try:
        info = study_file.read(folder)
    except FileNotFoundError:
        studies = names(place)
        hint = nearest(name, studies) if studies else "run one first, for example: freerun study first_look"
        raise ConfigError(f"study {name!r}: nothing under {place.results}; {hint}") from None
    except NotPlain as fault:
        remedy = f"run the study again, or: freerun clean {folder.name} --yes"
        raise ConfigError(f"{folder}/{study_file.NAME}: damaged ({fault}); {remedy}") from None
    except OSError as fault:
        raise refused(folder / study_file.NAME, "cannot be read", fault) from None
    store = place.store
    if started and info["ids"] and not any(store.path(run).exists() or store.failures.reason(run) for run in info["ids"]):
        runs = "its run has no record" if len(info["ids"]) == 1 else f"none of its {len(info['ids'])} runs has a record"
        raise ConfigError(f"study {name!r}: {runs} in {store.root}; this does what is missing: freerun retry {name}")
    return info
