"""Tests of the types of what is kept: every type refuses another type in each of its fields, and what types cannot say."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec import inspect

from freerun.errors import CorruptRecord
from freerun.execution import time_estimate
from freerun.execution.plan_files import PlanFile
from freerun.store import record_schema, record_types
from freerun.store.checkpoints import About, State
from freerun.store.record_schema import typed, understood
from freerun.store.record_types import Measured, Trained
from freerun.store.study_file import StudyFile
from freerun.store.tensor_header import Tensor
from synthetic import record, sample, tree

RUN = "0123456789abcdef"
WHOLE = {**record(RUN, tree()), "weights": "0" * 64}
START = {"run": RUN, "updates": 5, "steps": 9, "products": 2.5}
WHOLE["provenance"] |= {"start": START, "processor": "p", "arithmetic": "a", "finished": "now", "resumed_from": [3]}
#: A sound value of every type that is read from a file.
SOUND: dict[type[msgspec.Struct], Any] = {
    Trained: WHOLE,
    Measured: WHOLE,
    record_types.Experiment: WHOLE["experiment"],
    record_types.Part: WHOLE["experiment"]["task"],
    record_types.Point: WHOLE["curves"][0],
    record_types.Series: WHOLE["series"][0],
    record_types.Comparison: WHOLE["comparisons"][0],
    record_types.Provenance: WHOLE["provenance"],
    record_types.Start: START,
    record_types.Sample: WHOLE["sample"],
    record_types.OrbitSample: {**WHOLE["sample"], "names": ["x", "y", "z"]},
    record_types.ForecastSample: {
        "warmup": 1, "names": ["x"], "series": "a", "time": "row", "dated": False,
        "origins": [{"at": [0, 1], "true": [[0.5], [0.25]], "forecast": [[0.5]]}],
    },
    record_types.Origin: {"at": [0, 1], "true": [[0.5], [0.25]], "forecast": [[0.5]]},
    record_types.TextSample: {"lines": [{"prompt": "a", "truth": "b", "generated": "c"}]},
    record_types.TextLine: {"prompt": "a", "truth": "b", "generated": "c"},
    record_types.StringSample: {"lines": [{"text": "BTE", "valid": True}]},
    record_types.StringLine: {"text": "BTE", "valid": True},
    record_schema._Ended: WHOLE,
    State: {"made": {"threads": 1, "source": "s", "versions": {"python": "3"}}, "numbers": {"share": 0.5}, "broke": [3, "loss"],
            "quantities": ["loss"], "resumed": [2], "seconds": 1.5},
    About: {"run": RUN, "update": "6", "state": "{}"},
    Tensor: {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
    StudyFile: {"ids": [RUN], "planned": {RUN: tree()}, "title": "t", "question": "q", "command": "c", "overrides": ["a=b"]},
    PlanFile: {"plugins": ["part.py"], "experiment": tree(), "metrics": {"loss": {"settings": {"k": 1}}}, "train": True,
               "classes": ["regime Mine"]},
    time_estimate._Cost: WHOLE,
    time_estimate._Measured: WHOLE,
    time_estimate._Spent: {
        **WHOLE["provenance"], "update_seconds": 0.1, "logging_seconds": 0.1, "updates": 7, "engine": "compiled, avx2",
    },
}  # fmt: skip
#: What is kept as it was written is checked where it is read, not by the type of its field.
_MAPPING = inspect.DictType(inspect.StrType(), inspect.AnyType())
KEPT = {
    (Measured, "quantities"): inspect.DictType(inspect.StrType(), _MAPPING),
    (Measured, "sample"): inspect.UnionType((inspect.NoneType(), _MAPPING)),
}
FIELDS = [(kind, field.name) for kind in SOUND for field in inspect.type_info(kind).fields]
PLAIN: dict[type, st.SearchStrategy[Any]] = {
    inspect.NoneType: st.none(),
    inspect.BoolType: st.booleans(),
    inspect.IntType: st.integers(-(2**70), 2**70),
    inspect.FloatType: st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: not number.is_integer()),
    inspect.StrType: st.text(max_size=20),
    inspect.ListType: st.lists(st.integers(), max_size=2),
    inspect.DictType: st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
}


def wrong(declared: inspect.Type) -> st.SearchStrategy[Any]:
    """Plain values that are not of a type: of another kind of JSON, beyond its bounds, or with such a value inside."""
    alternatives = declared.types if isinstance(declared, inspect.UnionType) else (declared,)
    fits = {kind for one in alternatives for kind in _kinds(one)}
    found = [plain for kind, plain in PLAIN.items() if kind not in fits]
    return st.one_of(*found, *(inside for one in alternatives for inside in _inside(one)))


def _kinds(declared: inspect.Type) -> set[type]:
    """The kinds of JSON that a type has values of."""
    if isinstance(declared, inspect.FloatType):
        return {inspect.FloatType, inspect.IntType}
    if isinstance(declared, inspect.LiteralType):
        return {inspect.StrType}
    if isinstance(declared, (inspect.ListType, inspect.TupleType, inspect.VarTupleType)):
        return {inspect.ListType}
    if isinstance(declared, inspect.StructType):
        return {inspect.DictType}
    if isinstance(declared, inspect.AnyType):
        return set(PLAIN)
    return {type(declared)}


def _inside(declared: inspect.Type) -> list[st.SearchStrategy[Any]]:
    """Plain values of the right kind of JSON that are still not of a type."""
    if isinstance(declared, (inspect.IntType, inspect.FloatType)):
        low = [] if declared.ge is None else [st.integers(max_value=int(declared.ge) - 1)]
        high = [] if declared.lt is None else [st.integers(min_value=declared.lt)]
        return low + high + ([] if declared.le is None else [st.integers(min_value=int(declared.le) + 1)])
    if isinstance(declared, inspect.StrType) and declared.pattern is not None:
        return [st.text(max_size=70).filter(lambda text: not re.search(declared.pattern, text)), st.just(RUN[:15] + "\n")]
    if isinstance(declared, inspect.LiteralType):
        return [st.text(max_size=8).filter(lambda text: text not in declared.values)]
    if isinstance(declared, (inspect.ListType, inspect.VarTupleType)):
        found = [wrong(declared.item_type).map(lambda value: [value])]
        found += [st.just([])] if declared.min_length else []
        return found + ([] if declared.max_length is None else [st.just([1] * (declared.max_length + 1))])
    if isinstance(declared, inspect.TupleType):
        size = len(declared.item_types)
        return [st.lists(st.integers(0, 5), max_size=4).filter(lambda values: len(values) != size)]
    if isinstance(declared, inspect.DictType) and not isinstance(declared.value_type, inspect.AnyType):
        return [wrong(declared.value_type).map(lambda value: {RUN: value})]
    if isinstance(declared, inspect.StructType):
        needed = [field.encode_name for field in declared.fields if field.required]
        return [st.just({})] if needed else []
    return []


def law_a_field_refuses_another_type(kind: type[msgspec.Struct], name: str, decoder: type) -> None:
    declared = next(field.type for field in inspect.type_info(kind).fields if field.name == name)
    declared = KEPT.get((kind, name), declared)
    read = msgspec.json.Decoder(decoder).decode
    read(json.dumps(SOUND[kind]))

    @settings(
        max_examples=40, phases=[Phase.generate], deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(wrong(declared))
    def refuses(value: Any) -> None:
        try:
            read(json.dumps({**copy.deepcopy(SOUND[kind]), name: value}))
        except ValueError:
            return
        raise AssertionError(f"{kind.__name__}.{name} takes {value!r}")

    refuses()


def test_every_type_has_a_sound_value():
    # `_Undivided` only asks whether a field is there.
    found = [
        part
        for module in (record_schema, record_types, time_estimate)
        for part in vars(module).values()
        if isinstance(part, type)
    ]
    assert {part for part in found if issubclass(part, msgspec.Struct)} - {
        msgspec.Struct,
        record_schema._Undivided,
    } <= SOUND.keys()


@pytest.mark.parametrize(("kind", "name"), FIELDS, ids=lambda part: getattr(part, "__name__", part))
def test_a_field_refuses_another_type(kind, name):
    law_a_field_refuses_another_type(kind, name, kind)


@pytest.mark.parametrize(("kind", "name"), FIELDS, ids=lambda part: getattr(part, "__name__", part))
def test_a_field_that_takes_anything_is_caught(kind, name):
    fields = [(field.name, Any) for field in msgspec.structs.fields(kind)]
    loose = msgspec.defstruct(kind.__name__, fields)
    if kind in (Trained, Measured, record_types.Experiment, record_types.Provenance, StudyFile):
        loose = msgspec.defstruct(kind.__name__, [(key, Any, None) for key, _ in fields])
    with pytest.raises(AssertionError, match=f"{kind.__name__}.{name} takes"):
        law_a_field_refuses_another_type(kind, name, loose)


@pytest.mark.parametrize(("kind", "name"), FIELDS, ids=lambda part: getattr(part, "__name__", part))
def test_a_field_that_must_be_there_is_missed(kind, name):
    field = next(field for field in msgspec.structs.fields(kind) if field.name == name)
    text = json.dumps({key: value for key, value in SOUND[kind].items() if key != name})
    if field.required:
        with pytest.raises(ValueError, match=name):
            msgspec.json.decode(text, type=kind)
    elif (kind, name) != (record_types.Provenance, "versions"):
        msgspec.json.decode(text, type=kind)


def changed(path: str, value: Any) -> bytes:
    """The record with one value replaced."""
    found = node = copy.deepcopy(WHOLE)
    *way, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    for key in way:
        node = node[key]
    node[last] = value
    return json.dumps(found).encode()


#: What no type of a field says.
BEYOND_TYPES = [
    ("status", "a\x1b[2J"), ("reason", "a\nb"), ("experiment.task.name", "\x07"), ("experiment.device", "a\u202eb"),
    ("series.0.metric", "a\tb"), ("series.0.unit", "\x00"), ("comparisons.0.split", "\n"), ("curves.1", WHOLE["curves"][0]),
    ("series.1", WHOLE["series"][0]), ("comparisons.1", WHOLE["comparisons"][0]), ("comparisons.0.low", [1.0]),
    ("comparisons.0.high", [1.0, 2.0, 3.0]), ("sample.generated", [[0.0, 0.0, 0.0]]), ("sample.true.0", [0.0]),
    ("sample.kind", 5), ("sample", {"kind": "text", "lines": []}), ("sample", {"kind": "strings", "lines": [{"text": 5}]}),
    ("quantities.rmse", {}), ("quantities.rmse.better", "more"), ("quantities.rmse.label", 5), ("quantities.rmse.blind", [5]),
    ("quantities.rmse.more", 1), ("quantities.rmse.name", "rmse"), ("quantities.rmse.range", [1]),
    ("quantities.rmse.floor", []), ("quantities.a\tb", {"label": "l", "unit": "u", "better": "lower"}), ("run", "f" * 16),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value"), BEYOND_TYPES, ids=[path for path, _ in BEYOND_TYPES])
def test_what_types_do_not_say_is_refused(path, value):
    assert typed(json.dumps(WHOLE).encode(), RUN, "here").trained.weights == "0" * 64
    for read in (typed, lambda *words: understood(*words, whole=True)):
        with pytest.raises(CorruptRecord, match=r"^here: [^\n\x1b]{1,200}$"):
            read(changed(path, value), RUN, "here")


def test_a_sample_of_a_plugin_is_of_a_kind_of_its_own():
    typed(changed("sample", {"kind": "picture", "rows": [[1]]}), RUN, "here")
    for task in ("text", "embedded_reber", "adding"):
        typed(changed("sample", sample(task, None)), RUN, "here")


@pytest.mark.parametrize("seed", [2**63, -(2**63) - 1, 2**70 + 1, -(2**64), 10**4000 + 1])
def test_a_seed_of_any_size_is_exact(seed):
    body = changed("experiment.seed", 0).replace(b'"seed": 0', b'"seed": ' + str(seed).encode())
    assert typed(body, RUN, "here").trained.experiment["seed"] == seed
    assert understood(body, RUN, "here")["experiment"]["seed"] == seed


@settings(max_examples=2_000, deadline=None, database=None, derandomize=True)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.none(), min_size=1, max_size=5))
def test_numbers_are_those_that_were_written(values):
    text = json.dumps(WHOLE["series"][0] | {"values": values})
    assert list(map(repr, msgspec.json.decode(text, type=record_types.Series).values)) == list(map(repr, values))
