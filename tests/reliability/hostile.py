"""Hostile files: studies, records, indexes, manifests and plugins' paths are never more than data.

Reading one runs nothing (an audit hook watches), ends within two seconds with one line or without the file, and leaves what is
beside it as it was.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from freerun.analysis.tables import run_table, tidy
from freerun.analysis.tables.precision import rounded
from freerun.config.hydra.compose import experiments
from freerun.errors import ConfigError, CorruptRecord, StoreError
from freerun.io.container import unwrapped, wrapped
from freerun.io.reading import NotPlain
from freerun.store import manifest, record_index, study_file
from freerun.store.records import FORM, Store
from freerun.sweeps.study import load
from reliability.watched import one_line, watched
from synthetic import record, tree

KEPT = Path(__file__).parents[1] / "attacks"
SECONDS = 2.0
RUN = "0" * 15 + "1"


@dataclass(frozen=True, kw_only=True)
class Hostile:
    """A file: what it claims to be, by what it is known, and what it holds (None for a pipe, a folder or a device)."""

    kind: str
    name: str
    content: bytes | None = None


def kept() -> list[Hostile]:
    """The files of `tests/attacks`, and those that cannot be kept."""
    found = [Hostile(kind="study", name=path.name, content=path.read_bytes()) for path in sorted((KEPT / "studies").iterdir())]
    found += [
        Hostile(kind="record", name=path.name, content=path.read_bytes()) for path in sorted((KEPT / "records").iterdir())
    ]
    found += [Hostile(kind="info", name=path.name, content=path.read_bytes()) for path in sorted((KEPT / "infos").iterdir())]
    special = ("pipe", "folder", "loop", "device", "large")
    return found + [
        Hostile(kind=kind, name=name) for kind in ("study", "record", "info", "index", "manifest", "plugin") for name in special
    ]


def cases(seed: int, count: int) -> list[Hostile]:
    """Half of the kept files, and as many spliced from pieces of others."""
    chance = random.Random(seed)
    files = kept()
    chance.shuffle(files)
    made = [_made(chance, files) for _ in range(count)]
    return (files[: count // 2] + made)[:count]


def _made(chance: random.Random, files: list[Hostile]) -> Hostile:
    if chance.random() < 0.25:
        return Hostile(kind="index", name="forged", content=_forged(chance))
    kind = chance.choice(("study", "record", "info"))
    texts = [each.content for each in files if each.kind == kind and each.content]
    first, second = chance.choice(texts), chance.choice(texts)
    at, to = chance.randrange(len(first) + 1), chance.randrange(len(second) + 1)
    return Hostile(kind=kind, name="spliced", content=first[:at] + second[to:])


@cache
def _sound_index() -> dict[str, np.ndarray]:
    """The arrays of an index as it is written for two records."""
    import tempfile

    from safetensors.numpy import load as arrays_of

    with tempfile.TemporaryDirectory() as place:
        store = Store(Path(place))
        runs = [f"{number + 1:016x}" for number in range(2)]
        for run in runs:
            store.write(record(run, tree()), None)
        settled, record_index.SETTLED = record_index.SETTLED, -1.0
        try:
            record_index.extracts(store, runs, run_table.outcome)
        finally:
            record_index.SETTLED = settled
        body = unwrapped((store.root / record_index.NAME).read_bytes(), record_index.FORM)
        return {name: np.array(value) for name, value in arrays_of(body).items()}


def _forged(chance: random.Random) -> bytes:
    """An index with the right checksum whose arrays do not fit together."""
    from safetensors.numpy import save

    arrays = dict(_sound_index())
    name = chance.choice(sorted(arrays))
    value = arrays[name]
    change = chance.randrange(5)
    if change == 0:
        del arrays[name]
    elif change == 1:
        arrays[name] = value[: len(value) // 2] if len(value) > 1 else np.concatenate([value, value])
    elif change == 2:
        arrays[name] = value.astype(np.float32)
    elif change == 3:
        arrays[name] = np.ascontiguousarray(np.stack([value, value]))
    else:
        arrays["more"] = value
    return wrapped(save(arrays), record_index.FORM)


def check(case: Hostile, folder: Path) -> None:
    """The law: nothing runs, one line or no such file, within two seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    with watched(folder):
        began = time.process_time()
        _READ[case.kind](case, folder)
        spent = time.process_time() - began
    assert spent < SECONDS, f"{case.kind} {case.name}: {spent:.1f} s"


def put(case: Hostile, path: Path) -> None:
    """The hostile file in its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if case.content is not None:
        path.write_bytes(case.content)
    elif case.name == "pipe":
        os.mkfifo(path)
    elif case.name == "folder":
        path.mkdir()
    elif case.name in ("loop", "device"):
        _link(path, path if case.name == "loop" else Path("/dev/zero"))
    else:
        with path.open("wb") as file:
            file.truncate(2**33)  # without a byte on the disk


def _link(path: Path, target: Path) -> None:
    from reliability.watched import _state

    _state["on"] = False
    path.symlink_to(target)
    _state["on"] = True


def _refused(read: Callable[[], Any], *faults: type[Exception]) -> None:
    try:
        read()
    except faults as fault:
        one_line(fault)


def _study(case: Hostile, folder: Path) -> None:
    path = folder / "study.yaml"
    put(case, path)
    try:
        found = load(str(path), [])
    except ConfigError as fault:
        one_line(fault, 191 + len(str(folder)))
    else:
        assert case.name == "spliced", f"{case.name}: taken for {len(found.runs)} runs"


def _record(case: Hostile, folder: Path) -> None:
    store = Store(folder / "store")
    if case.content is None:
        if case.name == "large":
            return  # a record has no limit of its own; its first line would not fit
        put(case, store.path(RUN))
    else:
        put(Hostile(kind="record", name=case.name, content=wrapped(case.content, FORM)), store.path(RUN))
    try:
        body = store.body(RUN)
    except CorruptRecord:
        assert list(tidy.frames(store, [RUN], "s").runs["status"]) == ["pending"]
        return
    except StoreError as fault:
        one_line(fault)
        _refused(lambda: tidy.frames(store, [RUN], "s"), StoreError)
        return
    _refused(lambda: store.read(RUN), CorruptRecord)
    try:
        found = store.whole(RUN, body).trained
    except CorruptRecord:
        assert len(tidy.frames(store, [RUN], "s").gaps) == 0, f"{case.name}: in the tables"
    else:
        frames = tidy.frames(store, [RUN], "s")
        assert len(frames.runs) == 1
        sound = case.name == "spliced" or found.experiment["seed"] >= 2**63
        assert sound, f"{case.name}: believed"


def _info(case: Hostile, folder: Path) -> None:
    if case.name == "large":
        return  # see outside.LARGEST_JSON
    put(case, folder / "s" / study_file.NAME)
    try:
        found = study_file.read(folder / "s")
    except (OSError, NotPlain) as fault:
        one_line(fault)
    else:
        assert case.name == "spliced", f"{case.name}: believed"
        assert found["name"] == "s"
        tidy.frames(Store(folder / "store"), found["ids"], "s", found["planned"])


def _index(case: Hostile, folder: Path) -> None:
    store = Store(folder / "store")
    wanted = record(RUN, tree())
    store.write(wanted, None)
    put(case, store.root / record_index.NAME)
    found, stamps = record_index._load(store.root / record_index.NAME)
    assert (len(found), stamps) == (0, []), f"{case.name}: believed"
    frames = tidy.frames(store, [RUN], "s")
    held = np.array([value for series in wanted["series"] for value in series["values"]])
    assert frames.gaps["value"].tolist() == np.where(frames.gaps["step"] > 0, rounded(held), held).tolist()


def _manifest(case: Hostile, folder: Path) -> None:
    if case.name == "large":
        return
    put(case, folder / "s" / manifest.NAME)
    assert not manifest.matches(folder / "s", Store(folder / "store"), {"ids": []})


def _plugin(case: Hostile, folder: Path) -> None:
    path = folder / "part.py"
    put(case, path)
    _refused(lambda: experiments([f"plugins=['{path}']", "task=lorenz63"], sweep=False), ConfigError)


_READ: dict[str, Callable[[Hostile, Path], None]] = {
    "study": _study, "record": _record, "info": _info, "index": _index, "manifest": _manifest, "plugin": _plugin,
}  # fmt: skip
