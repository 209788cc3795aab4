"""Results folder: where results go, and what is in the folder of a study."""

from __future__ import annotations

import json
import os
import re
import shlex
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from freerun.errors import ConfigError, StoreError, refused
from freerun.io import links
from freerun.io.reading import NotPlain
from freerun.io.suggestions import nearest
from freerun.io.text import brief, command
from freerun.io.writing import sweep_temporaries, write_atomic
from freerun.store import manifest, study_file
from freerun.store.records import Store, trained_run

#: What the name of a study is: that of one plain folder.
_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
#: The table of a search, beside its study.
TRIALS = "trials.csv"
#: What a search leaves beside its study (`freerun.sweeps.search.search`).
SEARCH = "search.json"
#: What stands between two commands of which the second follows the first.
THEN = " && "


@dataclass(kw_only=True)
class Place:
    """Where results go: a folder for each study, one store for all.

    Attributes:
        results: the folder of all results.
    """

    results: Path

    @cached_property
    def store(self) -> Store:
        """The store of records."""
        return Store(self.results / ".store")

    def folder(self, name: str) -> Path:
        """Return the folder of a study.

        Raises:
            StoreError: if it is a link, or holds one that leads elsewhere.
        """
        folder = self.results / name
        links.demand_no_folder_links(folder)
        return folder

    def command(self, *words: str) -> str:
        """Return a command on these results, as a shell takes it."""
        return command(words, self.results)

    def again(self, line: str) -> str:
        """Return a command, or several, as a study keeps it, on these results."""
        try:
            parts = [shlex.split(part) for part in line.split(f"{THEN}freerun ")]
        except ValueError:  # it was kept without quotes
            return line
        return THEN.join(self.command(*(part[1:] if part[:1] == ["freerun"] else part)) for part in parts)


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
    if not re.fullmatch(_NAME, name):
        last = name.rstrip("/").rpartition("/")[2]
        meant = f"; of a path its last part is the name: {last}" if "/" in name and re.fullmatch(_NAME, last) else ""
        raise ConfigError(f"study {brief(name)}: a name is letters, digits, '_', '.' and '-', at most 64 of them{meant}")
    return name


def demand_study(folder: Path) -> None:
    """Check that a folder that is to hold a study holds nothing else.

    Raises:
        ConfigError: if it does.
    """
    with suppress(FileNotFoundError, NotADirectoryError):
        held = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
        if held and study_file.NAME not in held and held != {SEARCH}:
            raise ConfigError(f"{folder}: holds files but no {study_file.NAME}, so no study; choose another name with --as")


def replaced(study: Study, place: Place, kind: str = "other runs") -> tuple[str, bool]:
    """Return in words which runs a study would replace, "" for none, and whether tables or figures were made of them.

    Runs that are added, and other measurements of the same runs, replace nothing.

    Args:
        study: that takes the folder.
        place: where results are.
        kind: words for the runs that the folder holds.
    """
    folder = place.folder(study.name)
    runs_there = _runs_of(folder)
    if not _others(runs_there, study):
        return "", False
    held = f"{len(runs_there)} {kind}" if runs_there else "runs that are not known"
    words = f"{folder} holds a study of {held}"
    if made := bool(manifest.made(folder)):
        words += "; --as NAME keeps both, --replace lets its tables and figures go (records stay)"
    return words, made


def make_way(study: Study, place: Place, kind: str = "other runs", *, replace: bool = False) -> None:
    """Remove the results of other runs whose folder a study takes, with a note; only files that Freerun wrote are removed.

    Args:
        study, place, kind: see `replaced`.
        replace: tables and figures may go.

    Raises:
        ConfigError: if there are some, and they may not.
        StoreError: if the disk refuses.
    """
    folder = place.folder(study.name)
    try:
        words, made = replaced(study, place, kind)
        if made and not replace:
            raise ConfigError(words)
        if words:
            print(f"note: {words.partition(';')[0]}; what was made of them goes, their records stay", flush=True)
            manifest.remove_made(folder)
            (folder / SEARCH).unlink(missing_ok=True)
    except OSError as fault:
        raise refused(folder, "cannot be replaced", fault) from None


def holds(study: Study, place: Place) -> bool:
    """Return whether the folder of a study holds all of its runs, and perhaps more."""
    runs_there = _runs_of(place.folder(study.name))
    return runs_there is not None and set(study.ids) <= set(runs_there)


def _others(runs_there: list[str] | None, study: Study) -> bool:
    """Whether some of the runs of a folder are none of a study's, or may be."""
    return runs_there is None or not set(map(trained_run, runs_there)) <= set(map(trained_run, study.ids))


def _runs_of(folder: Path) -> list[str] | None:
    """Return the runs of the study that a folder holds: none if it holds no study, None if that is not known."""
    try:
        return list(study_file.read(folder)["ids"])
    except NotPlain:
        return None
    except OSError:
        return []


def write_info(study: Study, place: Place) -> None:
    """Write results/NAME/study.json.

    Raises:
        StoreError: if the folder cannot be written to.
    """
    folder = place.folder(study.name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sweep_temporaries(folder)
        text = json.dumps(study_file.folded(study.info()), separators=(",", ":"))
        write_atomic(folder / study_file.NAME, f"{text}\n".encode())
    except OSError as fault:
        raise refused(folder, "cannot be written to", fault) from None


def demand_still_there(name: str, place: Place) -> None:
    """Check that the folder of a study is where `write_info` has put it; none is made anew for its tables.

    Raises:
        StoreError: if it was renamed, moved or removed meanwhile.
    """
    folder = place.folder(name)
    if not (folder / study_file.NAME).is_file():
        raise StoreError(f"{folder}: was renamed, moved or removed meanwhile; runs are kept, the same command makes it again")


def names(place: Place) -> list[str]:
    """Return the studies that have a folder.

    Raises:
        StoreError: if the folder of all results is none.
    """
    if place.results.exists() and not place.results.is_dir():
        raise StoreError(f"{place.results}: is not a folder")
    if not place.results.is_dir():
        return []
    return sorted(folder.name for folder in place.results.iterdir() if os.path.lexists(folder / study_file.NAME))


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
        hint = nearest(name, studies) if studies else f"run one first, for example: {place.command('study', 'first_look')}"
        raise ConfigError(f"study {name!r}: nothing under {place.results}; {hint}") from None
    except NotPlain as fault:
        remedy = f"run the study again, or: {place.command('clean', folder.name, '--yes')}"
        raise ConfigError(f"{folder}/{study_file.NAME}: damaged ({fault}); {remedy}") from None
    except OSError as fault:
        raise refused(folder / study_file.NAME, "cannot be read", fault) from None
    store = place.store
    if started and info["ids"] and not any(store.path(run).exists() or store.failures.reason(run) for run in info["ids"]):
        runs = "its run has no record" if len(info["ids"]) == 1 else f"none of its {len(info['ids'])} runs has a record"
        raise ConfigError(f"study {name!r}: {runs} in {store.root}; this does what is missing: {place.command('retry', name)}")
    return info
