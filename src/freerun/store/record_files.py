"""Record files: a record and its weights as they lie on disk, to the byte, once all of it has been checked."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

from freerun.errors import CorruptRecord, refused
from freerun.io import reading
from freerun.store import player_records, records
from freerun.store.record_schema import understood
from freerun.store.records import Store, trained_run


class RecordFiles(NamedTuple):
    """A record: its bytes, what they say, and the bytes of its weights; a measurement has none."""

    content: bytes
    record: dict[str, Any]
    weights: bytes | None = None


def read(store: Store, run: str) -> RecordFiles:
    """Return a record and its weights, both checked.

    Raises:
        FileNotFoundError: if there is no record.
        CorruptRecord: if the record or its weights are torn or altered, or it is the measurement of other weights.
        StoreError: if another version of Freerun wrote it in another form.
    """
    place, trained_id = store.place(run), trained_run(run)
    content = records.content_at(place)
    body = records.body_of(content, place)
    if trained_id != run:
        try:
            trained_body = store.body(trained_id)
        except FileNotFoundError:
            raise CorruptRecord(f"{place}: is a measurement of a run that has no record") from None
        store.demand_whole(run, body, trained_body)
        return RecordFiles(content, understood(body, run, place))
    store.demand_whole(run, body)
    record = understood(body, run, place)
    if "weights" not in record:
        return RecordFiles(content, record)
    path = store.path(run).with_suffix(".safetensors")
    try:
        weights = reading.content(path, records.LARGEST_WEIGHTS)
    except FileNotFoundError:
        raise CorruptRecord(f"{path}: the weights are missing") from None
    except reading.NotPlain as fault:
        raise CorruptRecord(f"{path}: {fault}") from None
    except OSError as fault:
        raise refused(path, "cannot be read", fault) from None
    if hashlib.sha256(weights).hexdigest() != record["weights"]:
        raise CorruptRecord(f"{path}: do not match the record of their run")
    return RecordFiles(content, record, weights)


def read_players(store: Store, players: str) -> bytes:
    """Return the bytes of a record of players, checked.

    Raises:
        FileNotFoundError: if there is none.
        CorruptRecord: if it is torn or altered.
    """
    player_records.read(store, players)
    return reading.content(player_records.path(store, players), player_records.LARGEST)
