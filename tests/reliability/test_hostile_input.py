"""Quick tier of hostile input; every detector fails on a reader that is broken on purpose."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from io import FileIO
from types import SimpleNamespace as Space
from typing import Any

import msgspec
import numpy as np
import pytest
import yaml

from freerun.config.hydra import compose, overrides
from freerun.execution import resume
from freerun.io import container, reading
from freerun.io import yaml as yaml_files
from freerun.store import checkpoints, record_index, record_schema, record_types, study_file
from freerun.store.records import Store
from reliability import alterations, configurations, fuzz, half_done, hostile
from reliability.watched import watched
from synthetic import record, tree


@pytest.fixture(scope="module", autouse=True)
def warm():
    """What is imported and compiled once is not counted against a case."""
    compose.experiments(["task=lorenz63"], sweep=False)


def test_bad_configurations(tmp_path):
    for case in configurations.cases(1, 40):
        configurations.check(case, tmp_path)


def test_hostile_files(tmp_path):
    for number, case in enumerate(hostile.cases(1, 40)):
        hostile.check(case, tmp_path / str(number))


def test_altered_records_and_indexes(tmp_path):
    for case in alterations.cases(1, 1_000):
        alterations.check(case, tmp_path)


@pytest.mark.parametrize("reader", list(fuzz.READERS))
def test_fuzz(reader, tmp_path):
    for deal in fuzz.cases(1, 2_000):
        if deal.reader == reader:
            fuzz.check(deal, tmp_path)


def test_cases_are_the_same_every_time():
    for module in (configurations, hostile, alterations, fuzz):
        assert module.cases(3, 30) == module.cases(3, 30)
        assert len(module.cases(3, 30)) in (30, 1)
        assert module.cases(3, 30) != module.cases(4, 30)


def caught(cases, check):
    """Whether the law fails on some of the cases."""
    for number, case in enumerate(cases):
        try:
            check(case, number)
        except (
            AssertionError,
            ValueError,
            TypeError,
            LookupError,
            AttributeError,
            yaml.YAMLError,
            record_schema.CorruptRecord,
        ):
            return True
    return False


@pytest.mark.parametrize("loader", [yaml.UnsafeLoader, yaml.SafeLoader])
def test_an_unsafe_loader_is_caught(loader, tmp_path, monkeypatch):
    monkeypatch.setattr(yaml_files, "_PlainLoader", loader)
    names = ("call.yaml",) if loader is yaml.UnsafeLoader else ("hexadecimal.yaml", "twice.yaml", "alias_bomb.yaml")
    cases = [case for case in hostile.kept() if case.kind == "study" and case.name in names]
    assert len(cases) == len(names)
    if loader is yaml.UnsafeLoader:
        with pytest.raises(AssertionError, match=r"os\.system|more than read"):
            hostile.check(cases[0], tmp_path)
    else:
        assert any(caught([case], lambda case, n: hostile.check(case, tmp_path / case.name)) for case in cases)


def test_a_parser_without_bounds_is_caught(tmp_path, monkeypatch):
    monkeypatch.setattr(overrides, "_bounded", lambda text: None)
    words = ["run", "--cfg", "job", "task=lorenz63", f"seed=[{'1,' * 4_000}1]"]
    assert caught([words], lambda case, n: configurations.check(case, tmp_path))


def test_a_reader_that_waits_for_a_pipe_is_caught(tmp_path, monkeypatch):
    """Until something is written to the pipe it does not come back; a sound one does at once."""
    (case,) = [case for case in hostile.kept() if case.name == "pipe" and case.kind == "info"]

    def read(folder):
        with suppress(AssertionError):
            hostile.check(case, folder)

    sound = threading.Thread(target=read, args=(tmp_path / "sound",))
    sound.start()
    sound.join(10)
    assert not sound.is_alive()
    monkeypatch.setattr(reading, "opened", lambda path: FileIO(path))
    waits = threading.Thread(target=read, args=(tmp_path / "waits",), daemon=True)
    waits.start()
    waits.join(0.5)
    assert waits.is_alive()
    with open(tmp_path / "waits/s" / study_file.NAME, "wb"):
        waits.join(0.1)
    waits.join(10)
    assert not waits.is_alive()


class Unchecked(Store):
    """A reader that does not look at the checksum."""

    def body(self, run: str) -> bytes:
        return self.path(run).read_bytes().partition(b"\n")[2]


def test_a_reader_without_a_checksum_is_caught(tmp_path):
    cases = [case for case in alterations.cases(1, 200) if case.kind == "record"]
    assert caught(cases, lambda case, n: alterations.check(case, tmp_path, Unchecked))


def test_an_index_without_a_checksum_is_caught(tmp_path, monkeypatch):
    alterations.check(alterations.cases(1, 10)[1], tmp_path)  # the sound files are written before
    monkeypatch.setattr(container, "demand", lambda digest, parts: None)
    cases = [case for case in alterations.cases(1, 200) if case.kind == "index" and case.what == "flip"]
    with monkeypatch.context() as patch:
        patch.setattr(record_index, "SETTLED", np.inf)
        assert caught(cases, lambda case, n: alterations.check(case, tmp_path))


def test_an_index_whose_form_is_not_checked_is_caught(tmp_path, monkeypatch):
    monkeypatch.setattr(record_index, "demand_sound", lambda found: None)
    cases = [case for case in hostile.cases(2, 200) if case.kind == "index" and case.content]
    assert caught(cases, lambda case, n: hostile.check(case, tmp_path / str(n)))


def untyped(kind):
    """A type of the same fields, each of which takes anything."""
    return msgspec.defstruct(kind.__name__, [(field.name, Any, field.default) for field in msgspec.structs.fields(kind)])


def unchecked(body, run, place, whole=False):
    """A record as it stands in its text, as plain data or with attributes as a typed one has."""
    found = json.loads(body)
    if whole:
        return found
    made = Space(**{**dict.fromkeys(record_types.Provenance.__struct_fields__), **found["provenance"]})
    points = [Space(**point) for point in found["curves"]]
    lists = {name: [Space(**each) for each in found[name]] for name in ("series", "comparisons")}
    beside = {"evaluation": {}, "metrics": {}, "measuring": None, "quantities": json.dumps(found["quantities"]).encode()}
    return record_types.Record(Space(**{**found, "provenance": made, "curves": points}), Space(**{**found, **lists, **beside}))


def test_a_record_whose_form_is_not_checked_is_caught(tmp_path, monkeypatch):
    monkeypatch.setattr(fuzz, "typed", unchecked)
    monkeypatch.setattr(fuzz, "understood", unchecked)
    fuzz.READERS["record"][1](record(fuzz.RUN, tree()), tmp_path)
    deals = [deal for deal in fuzz.cases(1, 500) if deal.reader == "record"]
    assert caught(deals, lambda deal, n: fuzz.check(deal, tmp_path))


@pytest.mark.parametrize("what", ["types", "bounds"])
def test_a_checkpoint_whose_state_is_not_checked_is_caught(what, tmp_path, monkeypatch):
    if what == "types":
        monkeypatch.setattr(checkpoints, "State", untyped(checkpoints.State))
    else:
        monkeypatch.setattr(resume, "demand_fitting", lambda checkpoint, numbers, path: None)
    deals = [deal for deal in fuzz.cases(1, 3_600) if deal.reader == "checkpoint"]
    assert caught(deals, lambda deal, n: fuzz.check(deal, tmp_path))


def test_a_sound_checkpoint_is_gone_on_with(tmp_path):
    store = Store(tmp_path)
    store.open()
    place = checkpoints.place(store, half_done.RUN)
    place.parent.mkdir()
    place.write_bytes(half_done.content(half_done.sound()))
    assert resume.find(store, half_done.RUN, half_done.group()).update == half_done.UPDATE
    half_done.check(half_done.sound(), tmp_path)


ACTS = (
    "import os; os.system('echo PWNED')", "import subprocess; subprocess.run(['true'])", "PWNED = 1", "open(ELSEWHERE, 'w')",
    "import socket; socket.socket().connect(('127.0.0.1', 1))",
)  # fmt: skip


@pytest.mark.parametrize("act", ACTS)
def test_the_watch_sees(act, tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    with pytest.raises(AssertionError, match="more than read"), watched(inside):
        exec(compile(act, "<string>", "exec"), {"ELSEWHERE": str(tmp_path / "elsewhere")})
    assert not (tmp_path / "elsewhere").exists()


def test_the_watch_lets_reading_be(tmp_path):
    (tmp_path / "a.json").write_text("{}")
    with watched(tmp_path):
        assert json.loads((tmp_path / "a.json").read_bytes()) == {}
        (tmp_path / "b").write_text("inside")
