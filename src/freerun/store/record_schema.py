"""Decoding of records: the text of a record, checked against its type, its run and its place.

A checksum says that a text is as it was written; what it holds is checked here before anything is made of it.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from freerun.errors import CorruptRecord
from freerun.io.text import one_line
from freerun.store.record_types import Measured, Record, Trained

#: Most characters of what is wrong.
LONGEST_FAULT = 110
_Made = TypeVar("_Made")


class _Undivided(Struct):
    """Whether a record holds a measurement beside its trained run."""

    series: Raw | UnsetType = UNSET


class _Ended(Struct):
    """What a look at how a run has ended needs of its record."""

    run: str
    status: str


_UNDIVIDED = msgspec.json.Decoder(_Undivided)
_TRAINED, _MEASURED, _ENDED = msgspec.json.Decoder(Trained), msgspec.json.Decoder(Measured), msgspec.json.Decoder(_Ended)
_ANY = msgspec.json.Decoder()


def understood(body: bytes, run: str, place: str, *, whole: bool = False) -> dict[str, Any]:
    """Return the record of a run from its text, as plain data.

    Args:
        body: the text, as its checksum says it was written.
        run: whose record it should be.
        place: where it was found, for messages.
        whole: demand what the tables need, in its form; without it, a mapping with the right identity is enough.

    Raises:
        CorruptRecord: if it is no record, that of another run, or holds other than numbers and texts where they belong.
    """
    if whole:
        (measured if "-" in run else trained)(body, run, place)
    record = _decoded(_ANY, body, place)
    if not isinstance(record, dict):
        raise CorruptRecord(f"{place}: is no record")
    _demand_run(record.get("run"), run, place)
    return record


def trained(body: bytes, run: str, place: str) -> Trained:
    """Return what was trained, from the text of its record; a measurement that the record also holds is checked too.

    Args:
        body, run, place: see `understood`.

    Raises:
        CorruptRecord: as `understood`.
    """
    record = _decoded(_TRAINED, body, place)
    _demand_run(record.run, run, place)
    if _decoded(_UNDIVIDED, body, place).series is not UNSET:
        _decoded(_MEASURED, body, place)
    return record


def measured(body: bytes, run: str, place: str) -> Measured:
    """Return what was measured, from the text of its record, checked against its type.

    Args:
        body, run, place: see `understood`.

    Raises:
        CorruptRecord: as `understood`.
    """
    record = _decoded(_MEASURED, body, place)
    _demand_run(record.run, run, place)
    return record


def typed(body: bytes, run: str, place: str) -> Record:
    """Return both halves of a record that holds what was trained and what was measured of it.

    Args:
        body, run, place: see `understood`.

    Raises:
        CorruptRecord: as `understood`.
    """
    return Record(trained(body, run, place), measured(body, run, place))


def status(body: bytes, run: str, place: str) -> str:
    """Return how a run ended, from the text of its record; nothing else of the text is checked.

    Args:
        body, run, place: see `understood`.

    Raises:
        CorruptRecord: if it does not say, or is the record of another run.
    """
    ended = _decoded(_ENDED, body, place)
    _demand_run(ended.run, run, place)
    return ended.status


def sample(measured: Measured) -> dict[str, Any] | None:
    """Return the sample of a measurement, such as a text or an orbit, as plain data; None if it has none."""
    decoded: dict[str, Any] | None = msgspec.json.decode(measured.sample)
    return decoded


def _decoded(decoder: msgspec.json.Decoder[_Made], body: bytes, place: str) -> _Made:
    try:
        return decoder.decode(body)
    except (ValueError, RecursionError) as fault:
        raise CorruptRecord(f"{place}: is no record: {one_line(fault, LONGEST_FAULT)}") from None


def _demand_run(identity: Any, run: str, place: str) -> None:
    if identity != run:
        raise CorruptRecord(f"{place}: holds the record of another run, {one_line(identity, 40)}")
