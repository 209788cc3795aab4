"""Tests of the scan: what it sees of many records is what a look at each sees."""

from __future__ import annotations

import json

import pytest

from freerun.errors import StoreError
from freerun.io import reading
from freerun.io.container import wrapped
from freerun.store import record_scan
from freerun.store.records import FORM, Store
from synthetic import grid, study

COUNT = 3 * record_scan.PART + 5


def spoil(store, ids):
    """Damage of every kind, in the first part that is read, at the seam of two, and in the last one."""

    def rewrite(run, change):
        body = change(store.path(run).read_bytes().partition(b"\n")[2])
        store.path(run).write_bytes(wrapped(body, FORM))

    torn, altered, other, formless, no_mapping, weightless = (ids[place] for place in (0, 63, 64, 100, 191, COUNT - 1))
    store.path(torn).write_bytes(store.path(torn).read_bytes()[:-5])
    content = store.path(altered).read_bytes()
    store.path(altered).write_bytes(content[:300] + bytes([content[300] ^ 1]) + content[301:])
    store.path(other).write_bytes(store.path(ids[1]).read_bytes())
    rewrite(formless, lambda body: json.dumps({**json.loads(body), "series": [{"split": "test"}]}).encode())
    rewrite(no_mapping, lambda body: b"[]")
    rewrite(weightless[:16], lambda body: json.dumps({**json.loads(body), "weights": "0" * 64}).encode())
    store.path(ids[130]).unlink()
    return [torn, altered, other, formless, ids[130], no_mapping, weightless]


@pytest.fixture(params=[False, True], ids=["whole", "apart"])
def made(tmp_path, request):
    return study(tmp_path / "store", grid(seeds=COUNT)[:COUNT], {7: ("diverged", "loss")}, apart=request.param)


def law_a_scan_sees_all_damage(store, ids, cls=Store, missing=record_scan.missing):
    wanted = spoil(store, ids)
    scanned = cls(store.root)
    statuses = {run: status for run in ids if (status := store.status(run))}
    assert record_scan.statuses(scanned, ids) == statuses
    assert missing(scanned, ids) == wanted
    assert len(list((store.root / "aside").iterdir())) == len(wanted) - 1, "what is broken is not kept for inspection"
    assert missing(scanned, ids) == wanted
    assert missing(scanned, []) == []


def exists(store, runs):
    """A file that is there counts as done."""
    return [run for run in runs if not store.path(run).exists()]


class Shallow(Store):
    """What parses is believed, whatever its form."""

    def demand_whole(self, run, body, of=None):
        json.loads(body)


def test_a_scan_sees_all_damage(made):
    law_a_scan_sees_all_damage(*made)


@pytest.mark.parametrize("broken", [{"missing": exists}, {"cls": Shallow}], ids=["exists", "shallow"])
def test_the_law_catches(broken, made):
    with pytest.raises(AssertionError):
        law_a_scan_sees_all_damage(*made, **broken)


def test_what_is_put_right_behind_the_reader_is_not_set_aside(made, monkeypatch):
    store, ids = made
    monkeypatch.setattr(
        record_scan, "_texts", lambda store, runs: ((run, (None, (b"torn",), (b"[]",))[int(run[:16], 16) % 3]) for run in runs)
    )
    assert record_scan.missing(store, ids) == []
    assert record_scan.statuses(store, ids) == {run: "diverged" if run == ids[7] else "done" for run in ids}
    assert not (store.root / "aside").exists()


def test_a_disk_that_cannot_be_read_ends_the_scan(made, monkeypatch):
    store, ids = made

    def refuse(path, most=None):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(reading, "content", refuse)
    with pytest.raises(StoreError, match="Input/output"):
        record_scan.missing(store, ids)
