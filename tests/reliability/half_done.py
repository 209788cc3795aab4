"""Half-done run: a tree of plain values that can be changed anywhere and written back with a right checksum."""

from __future__ import annotations

import json
import struct
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from freerun.config.hydra.compose import experiments
from freerun.engine.feeding import Lessons
from freerun.engine.replicas import Group
from freerun.engine.training import Trainer
from freerun.execution import checkpoint_contents, checkpoint_origin, resume
from freerun.io.container import unwrapped, wrapped
from freerun.store import checkpoints
from freerun.store.checkpoints import FORM, Checkpoint, State
from freerun.store.records import Store
from reliability.sweeps import SHAPE

RUN = "0" * 15 + "1"
UPDATE = 4
#: Stands for what this version of the program says of itself, which is long and of which any change has one effect.
MADE = "here"


@cache
def group() -> Group:
    """A group of one tiny run, with a critic, so that every kind of tensor is in its checkpoint."""
    words = [*SHAPE, "training.updates=9", "model.hidden=1", "task=automaton", "model=output_recurrent"]
    found = experiments([*words, "objective=professor_forcing", "objective.hidden=1"], sweep=False)
    return Group(found, {e.seed: e.task.build(e.seed, max(e.task.length, sum(e.span))) for e in found})


def sound() -> dict[str, Any]:
    """The header of a sound checkpoint as it stands, with its state parsed, and its data as numbers of 4 bytes."""
    tensors = {
        name: np.zeros((1, *need.shape[1:]) if need.at_most else need.shape, checkpoints.TYPES[need.dtype])
        for name, need in checkpoint_contents.needs(group(), UPDATE).items()
    }
    state = State(made={}, numbers={}, broke=None, quantities=["loss"], resumed=[2], seconds=1.0)
    content = unwrapped(checkpoints.encoded(Checkpoint(run=RUN, update=UPDATE, state=state, tensors=tensors)), FORM)
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header["__metadata__"] |= {"state": {**msgspec.structs.asdict(state), "made": MADE}}
    return {"header": header, "data": np.frombuffer(content[end:], "<i4").tolist()}


def content(tree: dict[str, Any]) -> bytes:
    """The file that a tree stands for; its checksum is right."""
    header = tree.get("header")
    about = header.get("__metadata__") if isinstance(header, dict) else None
    if isinstance(about, dict) and isinstance(about.get("state"), dict):
        state = about["state"]
        state |= {"made": checkpoint_origin.made(group())} if state.get("made") == MADE else {}
        about["state"] = json.dumps(state)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    data = tree.get("data")
    numbers = b"".join(_word(each) for each in (data if isinstance(data, list) else [data]))
    return wrapped(len(text).to_bytes(8, "little") + text + numbers, FORM)


def check(tree: dict[str, Any], folder: Path) -> None:
    """The law: what is no checkpoint of this run is set aside, and with what is believed the run goes on as it was."""
    store = Store(folder)
    store.open()
    place = checkpoints.place(store, RUN)
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(content(tree))
    found = resume.find(store, RUN, group())
    if found is None:
        aside = store.root / "aside" / f"{RUN}.0{checkpoints.SUFFIX}"
        assert aside.exists() != place.exists()
        aside.unlink(missing_ok=True)
        return
    again = _kept_again(found, store)
    assert checkpoint_contents.outcome_of(again) == checkpoint_contents.outcome_of(found)
    for name in found.tensors.keys() - {"curves/update", "curves/quantity", "curves/value"}:
        assert again.tensors[name].tobytes() == found.tensors[name].tobytes()


def _kept_again(found: Checkpoint, store: Store) -> Checkpoint:
    trainer = Trainer(group(), Lessons(group()))
    keeper = resume.Keeper(store, [RUN], [found], every=1)
    keeper.keep(trainer, keeper.restore(trainer))
    again = checkpoints.read(store, RUN, lambda update: checkpoint_contents.needs(group(), update))
    assert again is not None
    return again


def _word(value: Any) -> bytes:
    """A number as 4 bytes, or 8 where it needs them; anything else as it is written."""
    if type(value) is int:
        return (value % 2**32).to_bytes(4, "little")
    if type(value) is float:
        return struct.pack("<f" if abs(value) < 3e38 else "<d", value)
    return json.dumps(value).encode()
