"""Manifest of a results folder: the files that Freerun made, and what they were made from.

`manifest.json` lists the files of the report with their SHA-256, and a stamp of everything they were made from: the study, the
checksum of each record, of runs and of the players beside them, and the source of the code that reads records. Where all of it
still holds, nothing has to be built again. Beside them it lists what else was written there at some time: tables of a paper,
comparisons, exports. So what Freerun has made can be told from what is somebody's own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from freerun.io.reading import LARGEST_JSON, content, mapping
from freerun.io.writing import write_atomic
from freerun.store import player_records
from freerun.store.records import Store, trained_run
from freerun.store.study_file import NAME as STUDY

NAME = "manifest.json"
#: The code that turns records into results.
READERS = (
    "analysis/tables", "analysis/inference", "analysis/figures", "analysis/report", "store/quantity.py", "store/manifest.py",
    "config/learning_rate.py", "store/player_records.py", "store/record_columns.py", "store/record_index.py",
    "store/record_schema.py",
)  # fmt: skip


def matches(folder: Path, store: Store, info: dict[str, Any]) -> bool:
    """Whether a folder holds, unaltered, what would be built from the records as they are."""
    known = _read(folder)
    there = _digests(folder, known["files"])
    return bool(there) and known["files"] == there and known["stamp"] == _stamp(store, info, known["players"])


def write(folder: Path, store: Store, info: dict[str, Any], built: Iterable[Path]) -> None:
    """Write the manifest of a folder that has just been built; what was built before, and is not any more, goes.

    Args:
        folder: of the study.
        store: the records.
        info: the study.
        built: the files that were written.

    Raises:
        OSError: if the disk refuses.
    """
    known, files = _read(folder), _digests(folder, _names(folder, built))
    _remove(folder, {name: digest for name, digest in known["files"].items() if name not in files})
    beside = {name: digest for name, digest in known["beside"].items() if name not in files}
    there = _digests(folder, beside)
    players = sorted(player_records.belonging(store, info["ids"]))
    made = {"stamp": _stamp(store, info, players), "players": players, "files": files}
    _write(folder, {**made, "beside": {name: beside[name] for name in there}})


def note(folder: Path, made: Iterable[Path]) -> None:
    """Note that files of a folder are Freerun's own, beside those of the report.

    Raises:
        OSError: if the disk refuses.
    """
    known = _read(folder)
    found = _digests(folder, _names(folder, made))
    changed = {name: digest for name, digest in found.items() if known["files"].get(name) != digest}
    if any(known["beside"].get(name) != digest for name, digest in changed.items()):
        _write(folder, {**known, "beside": dict(sorted({**known["beside"], **changed}.items()))})


def remove_made(folder: Path) -> None:
    """Remove from a folder what Freerun made there, as it left it.

    Raises:
        OSError: if the disk refuses.
    """
    known = _read(folder)
    for which in ("files", "beside"):
        _remove(folder, known[which])
    (folder / NAME).unlink(missing_ok=True)


def _remove(folder: Path, known: Mapping[str, str]) -> None:
    """Remove files that are as they are known; only what is found in the folder is looked at, no name is followed."""
    for name, digest in _digests(folder, known).items():
        if known[name] == digest:
            path = folder / name
            path.unlink(missing_ok=True)
            if path.parent != folder and not any(path.parent.iterdir()):
                path.parent.rmdir()


def _read(folder: Path) -> dict[str, Any]:
    """The manifest; an empty one where there is none that can be understood."""
    try:
        known = mapping(content(folder / NAME, LARGEST_JSON))
        if isinstance(known["stamp"], str) and all(isinstance(known[key], dict) for key in ("files", "beside")):
            players = [each for each in known.get("players", []) if isinstance(each, str)]
            return {"players": players, **{key: known[key] for key in ("stamp", "files", "beside")}}
    except (OSError, ValueError, KeyError):
        pass
    return {"stamp": "", "players": [], "files": {}, "beside": {}}


def _write(folder: Path, found: dict[str, Any]) -> None:
    write_atomic(folder / NAME, (json.dumps(found, indent=1) + "\n").encode())


def _names(folder: Path, paths: Iterable[Path]) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in paths if path.is_relative_to(folder)} - {NAME, STUDY}


def _digests(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The SHA-256 of those files of a folder that have one of the names."""
    wanted = set(names)
    if not wanted:
        return {}
    files = ((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*"))
    plain = {name: path for name, path in files if name in wanted and path.is_file() and not path.is_symlink()}
    return {name: hashlib.sha256(plain[name].read_bytes()).hexdigest() for name in sorted(plain)}


def _stamp(store: Store, info: dict[str, Any], players: Iterable[str]) -> str:
    digest = hashlib.sha256(json.dumps(info, sort_keys=True).encode())
    for run in info["ids"]:
        own = store.checksum(trained_run(run))
        digest.update(f"{run} {own} {store.checksum(run)} {store.failures.reason(run)}\n".encode())
    for each in players:
        digest.update(f"{each} {player_records.checksum(store, each)}\n".encode())
    package = Path(__file__).parents[1]
    for reader in READERS:
        place = package / reader
        for path in sorted([place] if place.is_file() else [*place.rglob("*.py"), *place.rglob("*.j2")]):
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
