"""Tests of the index: deleted, stale, torn, altered or of other runs, it never changes a result."""

import os

import numpy as np
import pandas as pd
import pytest

from freerun.analysis.tables import run_table, tidy
from freerun.io.container import Form
from freerun.store import record_index
from freerun.store.record_columns import join, of
from freerun.store.record_schema import understood
from freerun.store.records import Store, names
from synthetic import divided, grid, record, study, tree

STATUSES = {1: ("diverged", "loss"), 2: ("pending", ""), 3: ("failed", "boom")}


@pytest.fixture(params=[False, True], ids=["whole", "apart"])
def made(tmp_path, monkeypatch, request):
    monkeypatch.setattr(record_index, "SETTLED", 0.0)
    return study(tmp_path / "store", grid(tasks=("lorenz63", "embedded_reber"), seeds=3), STATUSES, apart=request.param)


def without(store, ids):
    (store.root / record_index.NAME).unlink(missing_ok=True)
    return tidy.frames(store, ids, "s")


def law_the_same(store, ids):
    """The frames with the index as it stands, then without it."""
    found = tidy.frames(store, ids, "s")
    equal(found, without(store, ids))


def equal(found, wanted):
    for name in tidy.NAMES:
        pd.testing.assert_frame_equal(getattr(found, name), getattr(wanted, name))


def rewritten(store, run, factor=3.0):
    changed = understood(store.body(run), run, store.place(run))
    for series in changed["series"]:
        series["values"] = [factor * value for value in series["values"]]
    store.write(changed, None)


def test_a_second_look_reads_no_record(made, monkeypatch):
    store, ids = made
    wanted = tidy.frames(store, ids, "s")
    monkeypatch.setattr(Store, "body", lambda *_: pytest.fail("a record was read"))
    for order in (ids, ids[::-1], ids[4:7]):
        found = tidy.frames(store, order, "s")
        assert list(found.runs["run"]) == list(names(order).values())
    pd.testing.assert_frame_equal(tidy.frames(store, ids, "s").gaps, wanted.gaps)


def test_damage_is_no_index(made):
    store, ids = made
    tidy.frames(store, ids, "s")
    path = store.root / record_index.NAME
    content = path.read_bytes()
    wanted = without(store, ids)
    for at in np.linspace(0, len(content) - 1, 12).astype(int):
        for damaged in (content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :], content[:at]):
            path.write_bytes(damaged)
            equal(tidy.frames(store, ids, "s"), wanted)


def test_another_version_is_no_index(made, monkeypatch):
    store, ids = made
    monkeypatch.setattr(record_index, "FORM", Form("index", 3))
    tidy.frames(store, ids, "s")
    monkeypatch.undo()
    monkeypatch.setattr(record_index, "SETTLED", 0.0)
    rewritten(store, ids[0])
    law_the_same(store, ids)


def test_what_has_changed_is_read_again(made):
    store, ids = made
    tidy.frames(store, ids, "s")
    rewritten(store, ids[0])
    other = record(ids[2][:16], tree(seed=2))
    for part in divided(other) if "-" in ids[2] else [other]:
        store.write(part, None)
    store.path(ids[5]).unlink()
    store.path(ids[6]).write_bytes(b"torn")
    law_the_same(store, ids)
    assert list(tidy.frames(store, ids, "s").runs["status"][[2, 5, 6]]) == ["done", "pending", "pending"]


def test_a_trained_run_that_has_changed_is_read_again_with_its_measurement(tmp_path, monkeypatch):
    monkeypatch.setattr(record_index, "SETTLED", 0.0)
    store, ids = study(tmp_path / "store", grid(), apart=True)
    tidy.frames(store, ids, "s")
    first, second, third = (run[:16] for run in ids[:3])
    trained = store.read(first)
    store.write({**trained, "curves": trained["curves"][:1]}, None)
    store.path(second).unlink()
    store.path(third).write_bytes(b"torn")
    law_the_same(store, ids)
    found = tidy.frames(store, ids, "s")
    assert (found.curves["run"] == first).sum() == 1
    assert list(found.runs["status"][:3]) == ["done", "pending", "pending"]


def test_a_change_that_keeps_size_and_time_is_seen(made):
    store, ids = made
    tidy.frames(store, ids, "s")
    before = store.path(ids[0]).stat()
    content = store.path(ids[0]).read_bytes()
    store.path(ids[0]).write_bytes(content[:-20] + b"0" + content[-19:])
    os.utime(store.place(ids[0]), ns=(before.st_atime_ns, before.st_mtime_ns))
    law_the_same(store, ids)


def law_a_record_that_could_still_change_is_not_indexed(store, ids):
    tidy.frames(store, ids, "s")
    assert not (store.root / record_index.NAME).exists(), "just written, and believed not to change within the clock's grain"


def test_a_record_that_could_still_change_is_not_indexed(tmp_path):
    law_a_record_that_could_still_change_is_not_indexed(*study(tmp_path, grid()))


def test_believing_a_fresh_record_is_caught(made):
    with pytest.raises(AssertionError):
        law_a_record_that_could_still_change_is_not_indexed(*made)


def test_believing_an_index_without_looking_at_the_files_is_caught(made, monkeypatch):
    store, ids = made
    tidy.frames(store, ids, "s")
    monkeypatch.setattr(record_index, "_stamp", lambda store, run: (0,) * 8 if store.path(run).exists() else None)
    without(store, ids)
    rewritten(store, ids[0])
    with pytest.raises(AssertionError):
        law_the_same(store, ids)


def test_a_folder_that_cannot_be_written_to_does_without(made, monkeypatch):
    store, ids = made

    def refuse(*_):
        raise OSError("read-only")

    monkeypatch.setattr(record_index, "write_atomic", refuse)
    law_the_same(store, ids)


def test_two_studies_share_an_index(made):
    store, ids = made
    tidy.frames(store, ids[:6], "s")
    tidy.frames(store, ids[4:], "t")
    law_the_same(store, ids)


def test_selected_and_joined_extracts_are_those_of_the_records(made):
    store, ids = made
    records = [record for record, _ in record_index.records(store, ids)]
    whole = of(iter(records), run_table.outcome)
    halves = join([of(iter(records[:3]), run_table.outcome), of(iter(records[3:]), run_table.outcome)])
    order = np.array([4, 0, 7, 2])
    for found, wanted in ((halves, whole), (whole.select(order), of([records[i] for i in order], run_table.outcome))):
        for name, column in wanted.columns.items():
            left, right = found.columns[name], column
            if name in wanted.texts:
                left, right = np.array(found.texts[name])[left], np.array(wanted.texts[name])[right]
            np.testing.assert_array_equal(left, right, err_msg=name)


def test_a_seed_beyond_64_bits_is_not_rounded(tmp_path):
    store, ids = study(tmp_path, [tree(seed=2**70 + 1)])
    assert store.whole(ids[0], store.body(ids[0])).trained.experiment["seed"] == 2**70 + 1
