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
    "store/record_schema.py", "store/record_types.py",
)  # fmt: skip


def matches(folder: Path, store: Store, info: dict[str, Any]) -> bool:
    """Return whether a folder holds, unaltered, what would be built from the records as they are now."""
    recorded = _read(folder)
    present = _digests(folder, recorded["files"])
    stamp = _stamp(store, info, recorded["players"])
    return bool(present) and recorded["files"] == present and recorded["stamp"] == stamp


def write(folder: Path, store: Store, info: dict[str, Any], built: Iterable[Path]) -> None:
    """Write the manifest of a folder that has just been built, and remove what an earlier build left and this one did not.

    Args:
        folder: of the study.
        store: the records.
        info: the study.
        built: the files that were written.

    Raises:
        OSError: if the disk refuses.
    """
    recorded, files = _read(folder), _digests(folder, _names(folder, built))
    _remove(folder, {name: digest for name, digest in recorded["files"].items() if name not in files})
    beside = {name: digest for name, digest in recorded["beside"].items() if name not in files}
    present = _digests(folder, beside)
    players = sorted(player_records.belonging(store, info["ids"]))
    document = {"stamp": _stamp(store, info, players), "players": players, "files": files}
    _write(folder, {**document, "beside": {name: beside[name] for name in present}})


def rebuilt(folder: Path, built: Iterable[Path]) -> None:
    """Record that files of the report were built anew from what its folder keeps, without the records: nothing matches them.

    Raises:
        OSError: if the disk refuses.
    """
    recorded = _read(folder)
    files = _digests(folder, {*recorded["files"], *_names(folder, built)})
    beside = {name: digest for name, digest in recorded["beside"].items() if name not in files}
    _write(folder, {"stamp": "", "players": recorded["players"], "files": files, "beside": beside})


def note(folder: Path, written: Iterable[Path]) -> None:
    """Record that Freerun wrote these files of a folder, beside those of the report.

    Raises:
        OSError: if the disk refuses.
    """
    recorded = _read(folder)
    digests = _digests(folder, _names(folder, written))
    changed = {name: digest for name, digest in digests.items() if recorded["files"].get(name) != digest}
    if any(recorded["beside"].get(name) != digest for name, digest in changed.items()):
        _write(folder, {**recorded, "beside": dict(sorted({**recorded["beside"], **changed}.items()))})


def made(folder: Path) -> list[str]:
    """Return the names of the files that Freerun made in a folder, as far as they are still there."""
    recorded = _read(folder)
    return [name for section in ("files", "beside") for name in recorded[section] if (folder / name).is_file()]


def remove_made(folder: Path) -> None:
    """Remove from a folder what Freerun made there, as it left it.

    Raises:
        OSError: if the disk refuses.
    """
    recorded = _read(folder)
    for section in ("files", "beside"):
        _remove(folder, recorded[section])
    (folder / NAME).unlink(missing_ok=True)


def _remove(folder: Path, digests: Mapping[str, str]) -> None:
    """Remove the files whose digest is the known one; only files found in the folder are considered, names are not followed."""
    for name, digest in _digests(folder, digests).items():
        if digests[name] == digest:
            path = folder / name
            path.unlink(missing_ok=True)
            if path.parent != folder and not any(path.parent.iterdir()):
                path.parent.rmdir()


def _read(folder: Path) -> dict[str, Any]:
    """Return the manifest; an empty one where there is none that can be understood."""
    try:
        document = mapping(content(folder / NAME, LARGEST_JSON))
        if isinstance(document["stamp"], str) and all(isinstance(document[key], dict) for key in ("files", "beside")):
            players = [name for name in document.get("players", []) if isinstance(name, str)]
            return {"players": players, **{key: document[key] for key in ("stamp", "files", "beside")}}
    except (OSError, ValueError, KeyError):
        pass
    return {"stamp": "", "players": [], "files": {}, "beside": {}}


def _write(folder: Path, document: dict[str, Any]) -> None:
    write_atomic(folder / NAME, (json.dumps(document, indent=1) + "\n").encode())


def _names(folder: Path, paths: Iterable[Path]) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in paths if path.is_relative_to(folder)} - {NAME, STUDY}


def _digests(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of those files of a folder that have one of the names."""
    relevant = set(names)
    if not relevant:
        return {}
    files = ((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*"))
    plain = {name: path for name, path in files if name in relevant and path.is_file() and not path.is_symlink()}
    return {name: hashlib.sha256(plain[name].read_bytes()).hexdigest() for name in sorted(plain)}


def _stamp(store: Store, info: dict[str, Any], players: Iterable[str]) -> str:
    digest = hashlib.sha256(json.dumps(info, sort_keys=True).encode())
    for run in info["ids"]:
        trained_checksum = store.checksum(trained_run(run))
        digest.update(f"{run} {trained_checksum} {store.checksum(run)} {store.failures.reason(run)}\n".encode())
    for identity in players:
        digest.update(f"{identity} {player_records.checksum(store, identity)}\n".encode())
    package = Path(__file__).parents[1]
    for reader in READERS:
        source = package / reader
        for path in sorted(
            [source] if source.is_file() else [*source.rglob("*.py"), *source.rglob("*.j2"), *source.rglob("*.typ")]
        ):
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
