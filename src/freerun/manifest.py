"""Is a folder of results still what its records say?

`manifest.json` lists every file of the folder with its SHA-256, and a stamp of everything they were made from: the study, the
checksum of each record, and the source of the code that reads records. Where all of it still holds, nothing has to be built
again.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from freerun.files import write_atomic
from freerun.outside import LARGEST_JSON, content, mapping
from freerun.store import Store

NAME = "manifest.json"
#: The code that turns records into results.
READERS = (
    "tables.py", "run_table.py", "extract.py", "index.py", "records.py", "gap.py", "manifest.py", "stats", "figures", "report",
)  # fmt: skip


def matches(folder: Path, store: Store, info: dict[str, Any]) -> bool:
    """Whether a folder holds, unaltered, what would be built from the records as they are."""
    try:
        known = mapping(content(folder / NAME, LARGEST_JSON))
    except (OSError, ValueError):
        return False
    return bool(known == _content(folder, store, info))


def write(folder: Path, store: Store, info: dict[str, Any]) -> None:
    """Write the manifest of a folder that has just been built.

    Raises:
        OSError: if the disk refuses.
    """
    write_atomic(folder / NAME, (json.dumps(_content(folder, store, info), indent=1) + "\n").encode())


def _content(folder: Path, store: Store, info: dict[str, Any]) -> dict[str, Any]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != NAME and not path.name.startswith("."))
    return {
        "stamp": _stamp(store, info),
        "files": {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
    }


def _stamp(store: Store, info: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(info, sort_keys=True).encode())
    for run in info["ids"]:
        digest.update(f"{run} {store.checksum(run)} {store.failures.reason(run)}\n".encode())
    package = Path(__file__).parent
    for reader in READERS:
        place = package / reader
        for path in sorted([place] if place.is_file() else [*place.rglob("*.py"), *place.rglob("*.j2")]):
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
