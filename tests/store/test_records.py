"""Tests of the store: a record is never silently wrong."""

from __future__ import annotations

import errno
import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

from freerun.errors import CorruptRecord, StoreError
from freerun.io.writing import write_atomic
from freerun.store import records as module
from freerun.store.records import Store
from synthetic import record, tree

RUN = "0123456789abcdef"
RECORD = {**record(RUN, tree()), "reason": "é"}
RECORD["series"][0]["values"][:3] = [1.5, None, 0.1 + 0.2]
WEIGHTS = {"a.weight": np.arange(6, dtype=np.float32).reshape(2, 3) / 7, "b": np.array([[1e-300]])}


def _opened(cls: type[Store], folder: Path) -> Store:
    store = cls(folder)
    store.open()
    store.write(RECORD, WEIGHTS)
    return store


def law_reads_what_was_written(cls, folder) -> None:
    store = _opened(cls, folder)
    assert store.has(RUN)
    found = store.read(RUN)
    assert {key: found[key] for key in RECORD} == RECORD, "another record comes back"
    for name, value in store.weights(RUN).items():
        assert value.dtype == WEIGHTS[name].dtype, f"{name} comes back as {value.dtype}"
        assert np.array_equal(value, WEIGHTS[name]), f"{name} comes back with other bits"
    assert list(store.runs()) == [RUN]


def _spoiled(content: bytes, count: int = 200):
    """The record altered in one byte, cut short, extended, with a piece doubled: over all of its length."""
    for at in np.linspace(0, len(content) - 1, count).astype(int):
        yield f"bit flipped in byte {at}", content[:at] + bytes([content[at] ^ (1 << (at % 8))]) + content[at + 1 :]
        yield f"cut at byte {at}", content[:at]
        yield f"byte {at} missing", content[:at] + content[at + 1 :]
    yield "a byte more", content + b"\n"
    yield "twice", content + content
    yield "zeros", bytes(len(content))


def law_any_damage_is_seen(cls, folder) -> None:
    store = _opened(cls, folder)
    path = store.path(RUN)
    content = path.read_bytes()
    for what, spoiled in _spoiled(content):
        path.write_bytes(spoiled)
        try:
            store.read(RUN)
        except CorruptRecord:
            continue
        raise AssertionError(f"{what}: read without complaint")


def law_damage_is_set_aside(cls, folder) -> None:
    store = _opened(cls, folder)
    path = store.path(RUN)
    content = path.read_bytes()
    for round_ in range(3):
        path.write_bytes(content[:-5])
        assert not store.has(RUN), "a torn record counts as done"
        assert not path.exists(), "the torn record still stands in the way"
        assert sum(1 for _ in (folder / "aside").iterdir()) == round_ + 1, "the torn record was not kept for inspection"
        store.write(RECORD, WEIGHTS)
        assert store.has(RUN)


def law_a_record_that_was_put_right_meanwhile_stays(cls, folder) -> None:
    """Another process sets the broken record aside, or writes it anew, between the look at it and the moving."""
    for anew in (False, True):
        store = _opened(cls, folder / str(anew))
        sound = store.path(RUN).read_bytes()
        store.path(RUN).write_bytes(sound[:-5])
        genuine, other = store.set_aside, Store(store.root)

        def late(run, genuine=genuine, other=other, anew=anew):
            other.set_aside(run)
            if anew:
                other.write(RECORD, WEIGHTS)
            return genuine(run)

        store.set_aside = late  # type: ignore[method-assign]
        assert store.has(RUN) == anew, "what another process did is undone"
        assert store.path(RUN).exists() == anew
        assert sum(1 for _ in (store.root / "aside").iterdir()) == 1


def law_a_failing_disk_leaves_nothing_half_written(cls, folder) -> None:
    """Every operation fails once: under the record's name stands the old record or the new one, and no temporary file."""
    store = _opened(cls, folder)
    before = store.path(RUN).read_bytes()
    for name in ("replace", "fsync"):
        for fails_at in (1, 2):
            calls, genuine = 0, getattr(os, name)

            def failing(*args, genuine=genuine, fails_at=fails_at):
                nonlocal calls
                calls += 1
                if calls == fails_at:
                    raise OSError(errno.ENOSPC, "No space left on device")
                return genuine(*args)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(module.os, name, failing)
                with pytest.raises(StoreError, match=r"^[^\n]*No space left[^\n]*$"):
                    store.write({**RECORD, "reason": f"{name} {fails_at}"}, WEIGHTS)
            assert store.read(RUN)["run"] == RUN, "a failing disk tore the record"
            left = [path.name for path in folder.rglob("*") if path.is_file() and path.suffix not in (".json", ".safetensors")]
            assert not left, f"a failing {name} left {left}"
    assert store.path(RUN).read_bytes()[:20] == before[:20]


class Unchecked(Store):
    """No checksum: JSON that parses is believed."""

    def read(self, run):
        try:
            return json.loads(self.path(run).read_bytes().partition(b"\n")[2])
        except ValueError:
            raise CorruptRecord("torn") from None


class Exists(Store):
    """A file that is there counts as done."""

    def has(self, run):
        return self.path(run).exists()


class WritesInPlace(Store):
    def write(self, record, weights):
        self.path(record["run"]).parent.mkdir(exist_ok=True)
        try:
            with open(self.path(record["run"]).with_suffix(".tmp"), "wb") as file:
                file.write(b"x")
                os.fsync(file.fileno())
            super().write(record, weights)
            self.path(record["run"]).with_suffix(".tmp").unlink()
        except OSError as fault:
            raise StoreError(str(fault.strerror)) from None


class MovesBlindly(Store):
    def set_aside(self, run):
        (self.root / "aside").mkdir(exist_ok=True)
        if not self.path(run).exists():
            return None
        return self.path(run).replace(self.root / "aside" / f"{run}.{time.monotonic_ns()}.json")


class Rounds(Store):
    def write(self, record, weights):
        super().write(record, {name: value.astype(np.float32) for name, value in weights.items()})


LAWS = [
    law_reads_what_was_written,
    law_any_damage_is_seen,
    law_damage_is_set_aside,
    law_a_record_that_was_put_right_meanwhile_stays,
    law_a_failing_disk_leaves_nothing_half_written,
]
CAUGHT = dict(zip(LAWS, [Rounds, Unchecked, Exists, MovesBlindly, WritesInPlace], strict=True))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law, tmp_path):
    law(Store, tmp_path)


@pytest.mark.parametrize(("law", "cls"), CAUGHT.items(), ids=lambda x: x.__name__)
def test_law_catches(law, cls, tmp_path):
    with pytest.raises(AssertionError):
        law(cls, tmp_path)


def test_the_record_of_another_run_is_refused(tmp_path):
    store = _opened(Store, tmp_path)
    other = "f" * 16
    store.path(other).parent.mkdir()
    store.path(other).write_bytes(store.path(RUN).read_bytes())
    with pytest.raises(CorruptRecord, match="another run"):
        store.read(other)
    assert not store.has(other)


def test_altered_weights_are_refused(tmp_path):
    store = _opened(Store, tmp_path)
    file = store.path(RUN).with_suffix(".safetensors")
    content = file.read_bytes()
    for at in range(0, len(content), 7):
        file.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with pytest.raises(CorruptRecord):
            store.weights(RUN)


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "0123456789ABCDEF", "0123456789abcde", RUN + "\n"])
def test_only_an_identity_is_a_name(tmp_path, name):
    with pytest.raises(StoreError):
        Store(tmp_path).path(name)


def test_a_run_that_is_not_there(tmp_path):
    store = Store(tmp_path)
    store.open()
    assert not store.has(RUN)
    with pytest.raises(FileNotFoundError):
        store.read(RUN)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        Store(tmp_path / "file" / "store").open()


def test_not_a_number_is_never_written(tmp_path):
    store = _opened(Store, tmp_path)
    with pytest.raises(ValueError, match="JSON"):
        store.write({**RECORD, "run": "f" * 16, "value": float("nan")}, None)
    assert not store.has("f" * 16)


def test_an_atomic_write_that_fails_keeps_the_old_content(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomic(path, b"old")

    def refuse(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(module.os, "replace", refuse)
    with pytest.raises(OSError, match="Input/output"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
