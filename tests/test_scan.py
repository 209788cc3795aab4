"""Does the scan of many records see what a look at each sees?"""

from __future__ import annotations

import hashlib
import json

import pytest

from freerun import store as module
from freerun.errors import StoreError
from freerun.store import Store
from synthetic import grid, study

COUNT = 3 * module._PART + 5


def spoil(store, ids):
    """Damage of every kind, in the first part that is read, at the seam of two, and in the last one."""

    def rewrite(run, change):
        body = change(store.path(run).read_bytes().partition(b"\n")[2])
        head = json.dumps({"format": module.FORMAT, "sha256": hashlib.sha256(body).hexdigest()}).encode()
        store.path(run).write_bytes(head + b"\n" + body)

    torn, altered, other, formless, no_mapping, weightless = (ids[place] for place in (0, 63, 64, 100, 191, COUNT - 1))
    store.path(torn).write_bytes(store.path(torn).read_bytes()[:-5])
    content = store.path(altered).read_bytes()
    store.path(altered).write_bytes(content[:300] + bytes([content[300] ^ 1]) + content[301:])
    store.path(other).write_bytes(store.path(ids[1]).read_bytes())
    rewrite(formless, lambda body: json.dumps({**json.loads(body), "series": [{"split": "test"}]}).encode())
    rewrite(no_mapping, lambda body: b"[]")
    rewrite(weightless, lambda body: json.dumps({**json.loads(body), "weights": "0" * 64}).encode())
    store.path(ids[130]).unlink()
    return [torn, altered, other, formless, ids[130], no_mapping, weightless]


@pytest.fixture
def made(tmp_path):
    return study(tmp_path / "store", grid(seeds=COUNT)[:COUNT], {7: ("diverged", "loss")})


def law_a_scan_sees_all_damage(cls, store, ids):
    wanted = spoil(store, ids)
    scanned = cls(store.root)
    statuses = {run: status for run in ids if (status := store.status(run))}
    assert scanned.statuses(ids) == statuses
    assert scanned.missing(ids) == wanted
    assert len(list((store.root / "aside").iterdir())) == len(wanted) - 1, "what is broken is not kept for inspection"
    assert scanned.missing(ids) == wanted
    assert scanned.missing([]) == []


class Exists(Store):
    """A file that is there counts as done."""

    def missing(self, runs):
        return [run for run in runs if not self.path(run).exists()]


class Shallow(Store):
    """What parses is believed, whatever its form."""

    def _demand_whole(self, run, body):
        json.loads(body)


def test_a_scan_sees_all_damage(made):
    law_a_scan_sees_all_damage(Store, *made)


@pytest.mark.parametrize("cls", [Exists, Shallow])
def test_the_law_catches(cls, made):
    with pytest.raises(AssertionError):
        law_a_scan_sees_all_damage(cls, *made)


def test_what_is_put_right_behind_the_reader_is_not_set_aside(made, monkeypatch):
    store, ids = made
    monkeypatch.setattr(Store, "_bodies", lambda self, runs: ((run, (None, b"torn", b"[]")[int(run, 16) % 3]) for run in runs))
    assert store.missing(ids) == []
    assert store.statuses(ids) == {run: "diverged" if run == ids[7] else "done" for run in ids}
    assert not (store.root / "aside").exists()


def test_a_disk_that_cannot_be_read_ends_the_scan(made, monkeypatch):
    store, ids = made

    def refuse(path):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(module.outside, "content", refuse)
    with pytest.raises(StoreError, match="Input/output"):
        store.missing(ids)
