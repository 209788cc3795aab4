"""Schema of a record: its form, checked before anything is made of it.

A checksum says that a record is as it was written, not by whom: every number is a number, every name is text, every list is as
long as it has to be.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import chain
from typing import Any

import orjson

from freerun.errors import CorruptRecord
from freerun.store import quantity

#: Whole numbers fit 64 bits, so that every table can hold them.
LARGEST = 2**63
#: What the record of a trained run has to hold, and that of a measurement.
NEEDED = ("experiment", "status", "reason", "curves", "provenance")
MEASURED = ("evaluation", "metrics", "of", "series", "provenance")
MODES = ("forced", "free")
#: Updates and steps are counted in whole numbers that a float holds too.
_COUNTS = 2**53
#: Most bytes of the header of weights, and their types.
_HEADER, _FLOATS = 2**20, ("F32", "F64")
_NAMED = ("task", "model", "regime", "feedback")
_WORDS = ("gradient", "device", "dtype")
_NUMBERS = {float, int, type(None)}


def understood(body: bytes, run: str, place: str, *, whole: bool = False) -> dict[str, Any]:
    """The record of a run from its text.

    Args:
        body: the text, as its checksum says it was written.
        run: whose record it should be.
        place: where it was found, for messages.
        whole: demand what the tables need, in its form; without it, a mapping with the right identity is enough.

    Raises:
        CorruptRecord: if it is no record, that of another run, or holds other than numbers and texts where they belong.
    """
    try:
        record = orjson.loads(body)
        if not isinstance(record, dict):
            raise TypeError("is no record")
        if record.get("run") != run:
            raise CorruptRecord(f"{place}: holds the record of another run, {str(record.get('run'))[:40]}")
        _exact_seed(record, body)
        needed = MEASURED if "-" in run else NEEDED
        if missing := [key for key in needed if whole and key not in record]:
            raise TypeError(f"lacks {missing[0]}")
        for key, check in _FORMS.items():
            if whole and key in record and not check(record[key]):
                raise TypeError(f"its {key} has another form than a record's")
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as fault:
        raise CorruptRecord(f"{place}: {' '.join(str(fault).split())[:80]}") from None
    return record


def demand_weights(content: bytes, shapes: Mapping[str, tuple[int, ...]], place: str) -> None:
    """See by its header that a safetensors file holds these tensors, of floating point, and nothing else.

    Raises:
        CorruptRecord: naming the first that differs.
    """
    try:
        length = int.from_bytes(content[:8], "little")
        header: Any = orjson.loads(content[8 : 8 + length]) if length <= _HEADER else None
        found = {name: (each["dtype"], tuple(each["shape"])) for name, each in header.items() if name != "__metadata__"}
    except (ValueError, TypeError, LookupError, AttributeError):
        raise CorruptRecord(f"{place}: no safetensors file") from None
    wrong = sorted(found.keys() ^ shapes.keys())
    wrong += [
        name for name, shape in shapes.items() if name in found and found[name] not in ((kind, shape) for kind in _FLOATS)
    ]
    if wrong:
        raise CorruptRecord(f"{place}: other weights than the model's, first {wrong[0][:40]!r}")


def most_weights(shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Most bytes of a safetensors file that holds these tensors."""
    return 8 + _HEADER + 8 * sum(math.prod(shape) for shape in shapes.values())


def _exact_seed(record: dict[str, Any], body: bytes) -> None:
    """Beyond 64 bits only the slower parser reads a whole number exactly."""
    tree = record.get("experiment")
    if isinstance(tree, dict) and isinstance(tree.get("seed"), float):
        tree["seed"] = json.loads(body)["experiment"]["seed"]


def is_experiment(tree: Any) -> bool:
    """Whether this is the canonical form of an experiment, as far as tables and figures need it."""
    parts = all(isinstance(tree.get(key), dict) and _text(tree[key].get("name")) for key in _NAMED)
    return parts and type(tree.get("seed")) is int and all(_text(tree.get(key, "")) for key in _WORDS)


def _settings(settings: Any) -> bool:
    return isinstance(settings, dict) and all(_text(name) for name in settings)


def _points(points: Any) -> bool:
    updates, quantities, values = ([each[name] for each in points] for name in ("update", "quantity", "value"))
    typed = {*map(type, updates)} <= {int} and {*map(type, quantities)} <= {str} and {*map(type, values)} <= _NUMBERS
    return (
        typed
        and (not updates or (min(updates) >= 0 and max(updates) < _COUNTS))
        and _once(zip(updates, quantities, strict=True))
    )


def _series(found: Any) -> bool:
    sound = all(_measured(each) and each["mode"] in MODES for each in found)
    return sound and _once((each["split"], each["mode"], each["metric"]) for each in found)


def _comparisons(found: Any) -> bool:
    sound = all(_measured(each) and all(_ends(each[end], len(each["values"])) for end in ("low", "high")) for each in found)
    return sound and _once((each["split"], each["metric"]) for each in found)


def _measured(each: Any) -> bool:
    texts = all(_text(each[name]) for name in ("split", "metric", "unit"))
    return texts and _count(each["first"]) and _numbers(each["values"])


def _ends(values: Any, length: int) -> bool:
    return values is None or (_numbers(values) and len(values) == length)


def _numbers(values: Any) -> bool:
    return isinstance(values, list) and {*map(type, values)} <= _NUMBERS


def _count(value: Any) -> bool:
    return type(value) is int and 0 <= value < _COUNTS


def _once(keys: Iterator[tuple[Any, ...]]) -> bool:
    listed = list(keys)
    return len({*listed}) == len(listed)


def _quantities(found: Any) -> bool:
    return isinstance(found, dict) and _meaningful(orjson.dumps(found))


@lru_cache(maxsize=1024)
def _meaningful(text: bytes) -> bool:
    """Whether this is what metrics mean by their names; of a study's records there are few."""
    found = orjson.loads(text)
    return all(_text(name) and bool(quantity.read(name, told).label) for name, told in found.items())


def _provenance(made: Any) -> bool:
    costs = ("training_seconds", "evaluation_seconds", "updates_per_second", "group_size", "threads")
    return isinstance(made.get("versions", {}), dict) and all(
        type(made[name]) in (int, float) for name in costs if name in made
    )


def _sample(shown: Any) -> bool:
    if shown is None:
        return True
    kind = shown.get("kind")
    if kind in ("text", "strings"):
        texts = ("prompt", "truth", "generated") if kind == "text" else ("text",)
        return bool(shown["lines"]) and all(isinstance(line[name], str) for line in shown["lines"] for name in texts)
    if kind == "orbit":
        width = len(shown["true"][0])
        rows = [*shown["true"], *shown["generated"]]
        even = (
            width > 0 and len(rows) == 2 * len(shown["true"]) and {*map(type, rows)} == {list} and {*map(len, rows)} == {width}
        )
        return (
            even
            and {*map(type, chain.from_iterable(rows))} <= _NUMBERS
            and _count(shown["warmup"])
            and type(shown["dt"]) in (int, float)
        )
    return isinstance(kind, str)


def _text(value: Any) -> bool:
    """Text that a terminal does not obey."""
    return isinstance(value, str) and value.isprintable()


_FORMS: dict[str, Callable[[Any], bool]] = {
    "experiment": is_experiment, "status": _text, "reason": _text, "curves": _points, "series": _series,
    "evaluation": _settings, "metrics": _settings, "of": _text, "comparisons": _comparisons, "quantities": _quantities,
    "sample": _sample, "provenance": _provenance, "weights": _text,
}  # fmt: skip
