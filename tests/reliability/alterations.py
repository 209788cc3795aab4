"""Altered records and indexes: truncated or changed at any byte, none is ever believed.

A record is found out, set aside and written again as it was; an index is no index, and the tables are those of the records.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from freerun.analysis.tables import tidy
from freerun.errors import CorruptRecord, StoreError
from freerun.store import record_index
from freerun.store.records import Store
from synthetic import record, tree

RUN = "0" * 15 + "1"
#: One in so many altered indexes is followed to the tables.
FOLLOWED = 50
WEIGHTS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3)}


@dataclass(frozen=True, kw_only=True)
class Alteration:
    """What is done to which file: `at` and `to` are shares of its length."""

    kind: str
    what: str
    at: float
    to: float
    follow: bool

    def __call__(self, content: bytes) -> bytes:
        """The altered file; never the same."""
        at, to = int(self.at * len(content)), int(self.to * len(content))
        low, high = min(at, to), max(at, to) + 1
        made = {
            "cut": content[:at],
            "flip": content[:at] + bytes([content[at] ^ (1 << int(8 * self.to))]) + content[at + 1 :],
            "missing": content[:at] + content[at + 1 :],
            "more": content[:at] + bytes([int(256 * self.to)]) + content[at:],
            "zeros": content[:low] + bytes(high - low) + content[high:],
            "doubled": content[:high] + content[low:],
            "swapped": content[high:] + content[:high],
            "appended": content + content[low:high],
        }[self.what]
        return made if made != content else content + b"\0"


def cases(seed: int, count: int) -> list[Alteration]:
    """Alterations of records, weights and indexes, spread evenly over the files' bytes."""
    chance = random.Random(seed)
    kinds, ways = (
        ("record", "index", "record", "index", "weights"),
        ("cut", "flip", "missing", "more", "zeros", "doubled", "swapped", "appended"),
    )
    return [
        Alteration(
            kind=kinds[number % len(kinds)], what=ways[number // len(kinds) % len(ways)], at=(number + chance.random()) / count,
            to=chance.random(), follow=number % FOLLOWED == 1,
        )
        for number in range(count)
    ]  # fmt: skip


@cache
def _sound(folder: Path) -> tuple[Store, bytes, bytes, bytes, tidy.Tables]:
    """A store with one run; the bytes of its record, weights and index, and its tables."""
    store = Store(folder / "sound")
    store.open()
    store.write(record(RUN, tree()), WEIGHTS)
    settled, record_index.SETTLED = record_index.SETTLED, -1.0
    try:
        found = tidy.frames(store, [RUN], "s")
    finally:
        record_index.SETTLED = settled
    place = store.path(RUN)
    return (
        store,
        place.read_bytes(),
        place.with_suffix(".safetensors").read_bytes(),
        (store.root / record_index.NAME).read_bytes(),
        found,
    )


def check(case: Alteration, folder: Path, store_class: type[Store] = Store) -> None:
    """The law; `folder` may be the same for many cases."""
    sound, text, weights, of_index, wanted = _sound(folder)
    store = store_class(sound.root)
    {"record": _record, "weights": _weights, "index": _index}[case.kind](
        case, store, {"record": text, "weights": weights, "index": of_index}[case.kind], wanted
    )


def _says_another_version(content: bytes) -> bool:
    """Whether a file begins as one of another version of Freerun does, which stays where it is whatever it holds."""
    return re.match(rb'\{"format": -?(?!1,)\d+, "sha256": "[0-9a-f]{64}"\}\n', content) is not None


def _record(case: Alteration, store: Store, sound: bytes, wanted: tidy.Tables) -> None:
    path = store.path(RUN)
    _replace(path, case(sound))
    refusal: type[Exception] = StoreError if _says_another_version(case(sound)) else CorruptRecord
    try:
        store.read(RUN)
    except refusal:
        pass
    else:
        raise AssertionError(f"{case}: an altered record is read")
    finally:
        _replace(path, sound)
    if case.follow and refusal is CorruptRecord:
        _replace(path, case(sound))
        assert not store.has(RUN), f"{case}: an altered record counts as done"
        assert not path.exists(), f"{case}: an altered record is not set aside"
        assert list(tidy.frames(store, [RUN], "s").runs["status"]) == ["pending"]
        store.write(record(RUN, tree()), WEIGHTS)
        assert path.read_bytes() == sound, f"{case}: done again, it is another record"


def _weights(case: Alteration, store: Store, sound: bytes, wanted: tidy.Tables) -> None:
    path = store.path(RUN).with_suffix(".safetensors")
    _replace(path, case(sound))
    try:
        store.weights(RUN)
    except CorruptRecord:
        return
    finally:
        _replace(path, sound)
    raise AssertionError(f"{case}: altered weights are read")


def _index(case: Alteration, store: Store, sound: bytes, wanted: tidy.Tables) -> None:
    path = store.root / record_index.NAME
    _replace(path, case(sound))
    try:
        found, stamps = record_index._load(path)
        assert (len(found), stamps) == (0, []), f"{case}: an altered index is believed"
        if case.follow:
            again = tidy.frames(store, [RUN], "s")
            for name in tidy.NAMES:
                pd.testing.assert_frame_equal(getattr(again, name), getattr(wanted, name))
    finally:
        _replace(path, sound)


def _replace(path: Path, content: bytes) -> None:
    with open(path, "wb", buffering=0) as file:
        file.write(content)
