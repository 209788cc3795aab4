"""Records of reference players: one for each task, seed and measurement, beside the records of the runs that it is shown with.

A player needs no training, so that its numbers depend on the world and on what is measured alone. All players of a task share
one file, ``IDENTITY.players``, a typed body in the same container as every record. Whoever measures a run writes it if it is
not there; two who do so at once write the same bytes. One that is missing or damaged is made again; no run is touched by that.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct

from freerun.errors import CorruptRecord, StoreError, refused
from freerun.io import container, reading
from freerun.io.text import one_line
from freerun.io.writing import write_atomic
from freerun.store import quantity
from freerun.store.record_types import Count, Identity, Number, Record
from freerun.store.records import Store, trained_run

FORM = container.Form("players", 1)
SUFFIX = ".players"
#: Part of every identity. Raise it when the players, or how they play, change.
PLAYING = 1
#: What of an evaluation players depend on.
_EVALUATION = ("horizon", "sequences", "orbit")
_IDENTITY = re.compile(r"[0-9a-f]{16}")
#: Most bytes of a record.
LARGEST = 2**26


class Level(Struct, kw_only=True, gc=False):
    """What one player has by one metric on the test split, at some steps since the release.

    Attributes:
        mode: `compared` for a measure that sets both modes side by side.
        steps: 0 for the whole rollout, or for the mean over all steps where there is a value for each; else the lead time.
        low, high: the 95 % interval of each value, of the draw of sequences; None where there is none.
    """

    player: str
    mode: Literal["forced", "free", "compared"]
    metric: str
    unit: str
    steps: list[Count]
    values: list[Number]
    low: list[Number] | None = None
    high: list[Number] | None = None

    def __post_init__(self) -> None:
        columns = (self.values, self.low, self.high)
        if any(len(column) != len(self.steps) for column in columns if column is not None):
            raise ValueError("there is a value for each step")
        if not "".join((self.player, self.metric, self.unit)).isprintable():
            raise ValueError("a name holds what is not printed")


class Players(Struct, kw_only=True):
    """What every player of a task has.

    Attributes:
        players: the identity of the record.
        names: of all players, the truth first, the degenerate ones last, in the order of tables.
        degenerate: those of them that no set of headlines may reward.
        ignorant: those that know no more of a task than how its values are spread, or the last one; none in an older record.
        best: the one beside which the others are judged; "" where there is none.
        quantities: what the values mean by metric, as in the record of a measurement.
    """

    players: Identity
    names: list[str]
    degenerate: list[str]
    best: str
    levels: list[Level]
    quantities: Raw = Raw(b"{}")
    ignorant: list[str] = []

    def __post_init__(self) -> None:
        keys = [(level.player, level.mode, level.metric) for level in self.levels]
        if len(set(keys)) != len(keys) or len(set(self.names)) != len(self.names):
            raise ValueError("something is told twice")
        if not {level.player for level in self.levels} | {*self.degenerate, *self.ignorant} <= {*self.names}:
            raise ValueError("a player is not named")
        for name, told in msgspec.json.decode(self.quantities, type=dict[str, dict[str, Any]]).items():
            quantity.read(name, told)


_DECODER = msgspec.json.Decoder(Players)


def identity(tree: Mapping[str, Any], evaluation: Mapping[str, Any], metrics: Mapping[str, Any], measuring: int) -> str:
    """Return the identity of the players that belong to a measurement: 16 hexadecimal digits.

    Args:
        tree: the canonical experiment of its trained run, of which task, seed and warm-up count.
        evaluation, metrics, measuring: as the measurement has them (`record_types.Measured`).
    """
    kept = {name: evaluation[name] for name in (*_EVALUATION, "split") if name != "split" or name in evaluation}
    plain = {
        "players": PLAYING, "task": tree["task"], "seed": tree["seed"], "warmup": tree["evaluation"]["warmup"],
        "evaluation": kept, "metrics": metrics, "measuring": measuring,
    }  # fmt: skip
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def of(record: Record) -> str | None:
    """Return the identity of the players that belong to a measured run; None for a record from before there were any."""
    measured, tree = record.measured, record.trained.experiment
    asked = [*(name in measured.evaluation for name in _EVALUATION), "warmup" in tree["evaluation"]]
    if not measured.measuring or not all(asked):
        return None
    return identity(tree, measured.evaluation, measured.metrics, measured.measuring)


def complete(store: Store, run: str) -> bool:
    """Return whether a run has a sound record, and its players have one."""
    if not store.has(run):
        return False
    trained_id = trained_run(run)
    if trained_id == run:
        return True
    try:
        players = of(store.whole(run, store.body(run), store.body(trained_id)))
    except (FileNotFoundError, CorruptRecord):
        return False
    return players is None or has(store, players)


def belonging(store: Store, runs: Iterable[str]) -> set[str]:
    """Return the identities of the players that belong to the sound records among some runs."""
    identities: set[str] = set()
    for run in runs:
        trained_id = trained_run(run)
        with suppress(FileNotFoundError, CorruptRecord):
            if trained_id != run and (players := of(store.whole(run, store.body(run), store.body(trained_id)))) is not None:
                identities.add(players)
    return identities


def path(store: Store, players: str) -> Path:
    """Return the file of a record of players."""
    return store.root / players[:2] / f"{players}{SUFFIX}"


def read(store: Store, players: str) -> Players:
    """Return the record of some players.

    Raises:
        FileNotFoundError: if there is none.
        CorruptRecord: if its checksum, its form or its identity is wrong.
        StoreError: if the disk refuses, or another version of Freerun wrote it in another form.
    """
    if not _IDENTITY.fullmatch(players):
        raise CorruptRecord(f"{one_line(players, 40)!r} is not the identity of players")
    place = path(store, players)
    try:
        record = _DECODER.decode(container.unwrapped(reading.content(place, LARGEST), FORM))
    except FileNotFoundError:
        raise
    except container.OtherVersion as fault:
        raise StoreError(f"{place}: {fault}") from None
    except (ValueError, RecursionError) as fault:
        raise CorruptRecord(f"{place}: is no record of players: {one_line(fault, 80)}") from None
    except OSError as fault:
        raise refused(place, "cannot be read", fault) from None
    if record.players != players:
        raise CorruptRecord(f"{place}: holds the record of other players, {one_line(record.players, 40)}")
    return record


def has(store: Store, players: str) -> bool:
    """Return whether there is a sound record of some players."""
    try:
        read(store, players)
    except (FileNotFoundError, CorruptRecord):
        return False
    return True


def write(store: Store, record: Players) -> None:
    """Write a record of players, in the place of a broken one if there is one.

    Raises:
        StoreError: if the disk refuses; nothing half-written stays under its name.
    """
    place = path(store, record.players)
    try:
        store.make_room(place)
        write_atomic(place, container.wrapped(msgspec.json.encode(record), FORM))
    except OSError as fault:
        raise refused(place, "cannot be written", fault) from None


def checksum(store: Store, players: str) -> str:
    """Return the head of a record of players, which holds its checksum; "" if there is none."""
    if not _IDENTITY.fullmatch(players):
        return ""
    try:
        with reading.opened(str(path(store, players))) as file:
            return file.read(container.LONGEST_HEAD).partition(b"\n")[0].decode("ascii", errors="replace").strip()
    except (FileNotFoundError, reading.NotPlain):
        return ""
