"""Resumption of a run from its checkpoint, alone or in any group, bit for bit.

The state of a run in training is its weights and its critic's, the moments of their optimisers, the best weights where these
are kept, what its feeder remembers, and its curves; whatever else a run depends on is a function of the update. Each run has a
checkpoint of its own, so that runs which were trained together need not meet again.
"""

from __future__ import annotations

import hashlib
import math
import platform
import time
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from freerun import arithmetic
from freerun.config.run_identity import GENERATION
from freerun.engine.feeding import kept
from freerun.engine.parameters import Parameters
from freerun.engine.replicas import Group
from freerun.engine.training import Outcome, Point, Trainer
from freerun.errors import CorruptRecord
from freerun.parts.feeders import Memory, Number
from freerun.store import checkpoints, run_notes
from freerun.store.checkpoints import QUANTITIES, Checkpoint, Need, OtherForm, State
from freerun.store.provenance import versions
from freerun.store.records import Store

#: What the names of the tensors that feeders remember begin with.
MEMORY = "memory"
_KINDS = {torch.float32: "F32", torch.float64: "F64"}


class Keeper:
    """Keeps the runs of a group, all of which have done the same number of updates, as they train.

    Args:
        found: the checkpoint of each run; None for a run that begins.
        every: updates between two checkpoints; 0 for none.
        began: when the work on the group began, by `time.perf_counter`.
    """

    def __init__(
        self, store: Store, runs: list[str], found: list[Checkpoint | None], *, every: int, began: float | None = None
    ) -> None:
        self.store, self.runs, self.found, self.every = store, runs, found, every
        self.began = time.perf_counter() if began is None else began
        self.update = found[0].update if found[0] else 0
        #: The updates from which each run was resumed, and the seconds it took before.
        self.resumed = [[*each.state.resumed, each.update] if each else [] for each in found]
        self.seconds = [each.state.seconds if each else 0.0 for each in found]

    def restore(self, trainer: Trainer) -> int:
        """Put every run back to where it was; returns how many updates are done."""
        sound = [each for each in self.found if each is not None]
        if not sound:
            return 0
        for kind, parameters, flat in _flats(trainer):
            rows = [
                np.concatenate([each.tensors[f"{kind}/{name}"].reshape(-1) for name in parameters.shapes]) for each in sound
            ]
            flat.copy_(torch.from_numpy(np.stack(rows)))
        trainer.lessons.memory = _memory(trainer.group, sound)
        trainer.outcomes[:] = [_outcome(each) for each in sound]
        for r, outcome in enumerate(trainer.outcomes):
            trainer.alive[r] = outcome.broke is None
        return self.update

    def keep(self, trainer: Trainer, update: int) -> None:
        """Write the checkpoints of the group after so many updates, where it is time to."""
        if not self.every or update % self.every or update == trainer.group.settings.updates:
            return
        spent = (time.perf_counter() - self.began) / len(self.runs)
        named: dict[str, np.ndarray] = {}
        for kind, parameters, flat in _flats(trainer):
            named |= {f"{kind}/{name}": value.numpy() for name, value in parameters.named(flat=flat.cpu()).items()}
        memory = trainer.lessons.remembered(update)
        named |= {f"{MEMORY}/{name}": value.cpu().numpy() for name, value in memory.tensors.items()}
        for r, run in enumerate(self.runs):
            curves, outcome = _columns(trainer.outcomes[r]), trainer.outcomes[r]
            state = State(
                made=made(trainer.group), numbers=memory.of(r), broke=outcome.broke,
                quantities=list(dict.fromkeys(point.quantity for point in outcome.curves)),
                resumed=self.resumed[r], seconds=self.seconds[r] + spent,
            )  # fmt: skip
            tensors = {name: value[r] for name, value in named.items()} | curves
            checkpoints.write(self.store, Checkpoint(run=run, update=update, state=state, tensors=tensors))


def find(store: Store, run: str, group: Group) -> Checkpoint | None:
    """The checkpoint from which a run of a group can go on; None if it has to begin.

    One that is torn, altered or of another run is set aside, and one in another form, of which a note tells. One that
    another version of the program made, or other arithmetic, is not gone on with, for the run would be neither's: a note says
    so, and it stays until it is replaced.
    """
    try:
        found = checkpoints.read(store, run, lambda update: needs(group, update))
        if found is not None:
            _check(found, kept(group, found.update).numbers, checkpoints.place(store, run))
    except CorruptRecord as fault:
        checkpoints.set_aside(store, run)
        if isinstance(fault, OtherForm):
            run_notes.leave(store, run, f"begins anew; its checkpoint is set aside: {fault.why}")
        return None
    if found is None:
        return None
    if differs := other(found.state.made, made(group)):
        run_notes.leave(store, run, f"begins anew; its checkpoint, update {found.update}, was made by {differs}")
        return None
    return found


def other(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """In what a checkpoint was made otherwise than it would be now, in words; "" for nothing.

    Args:
        before: what the checkpoint says.
        now: what it would say now.
    """
    differ = {key: (_brief(before.get(key)), _brief(value)) for key, value in now.items() if before.get(key) != value}
    words = {
        "arithmetic": "other arithmetic",
        "source": "another source of Freerun",
        "generation": "another version of Freerun",
    }
    said = []
    for key, (old, new) in differ.items():
        said.append(words.get(key, f"other {key}") + ("" if key == "source" else f" ({old}, here {new})"))
    return " and ".join(said)


def _brief(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {version}" for name, version in value.items())
    return "unknown" if value is None else str(value)


def needs(group: Group, update: int) -> dict[str, Need]:
    """The tensors of a run of this group after so many updates.

    Raises:
        CorruptRecord: if no run of this group stops there.
    """
    settings = group.settings
    if not 0 < update < settings.updates:
        raise CorruptRecord(f"update {update} is none of the {settings.updates} at which a run can have been stopped")
    kinds = {"weights": group.parameters, "first": group.parameters, "second": group.parameters}
    if group.critic is not None:
        kinds |= {f"critic.{kind}": group.critic for kind in list(kinds)}
    if settings.keep.mode is not None:
        kinds["best"] = group.parameters
    found = {
        f"{kind}/{name}": Need(dtype=_KINDS[group.dtype], shape=(shape.rows, shape.columns))
        for kind, parameters in kinds.items()
        for name, shape in parameters.shapes.items()
    }
    memory = kept(group, update).tensors.items()
    found |= {f"{MEMORY}/{name}": Need(dtype=_KINDS[group.dtype], shape=shape) for name, shape in memory}
    longest = QUANTITIES * (update // settings.log_every + 1)
    for name, kind in (("update", "I64"), ("quantity", "I64"), ("value", "F64")):
        found[f"curves/{name}"] = Need(dtype=kind, shape=(longest,), at_most=True)
    return found


def made(group: Group) -> dict[str, int | str | dict[str, str]]:
    """By what a checkpoint is made: another version, or another source, may give other bits."""
    return {
        "generation": GENERATION, "versions": versions(), "source": _source(), "arithmetic": str(arithmetic.in_force()),
        "device": str(group.device), "machine": f"{platform.system()} {platform.machine()}", "threads": torch.get_num_threads(),
    }  # fmt: skip


@cache
def _source() -> str:
    """The SHA-256 of this package as it stands."""
    top, digest = Path(__file__).parents[1], hashlib.sha256()
    for path in sorted(top.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(top).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _flats(trainer: Trainer) -> Iterator[tuple[str, Parameters, torch.Tensor]]:
    """Every flat tensor ``[R P]`` of a group in training, with the parameters that say what lies where."""
    group, critic = trainer.group, trainer.critic_optimizer
    yield "weights", group.parameters, group.parameters.flat
    yield "first", group.parameters, trainer.optimizer.first
    yield "second", group.parameters, trainer.optimizer.second
    if trainer.best is not None:
        yield "best", group.parameters, trainer.best
    if group.critic is not None and critic is not None:
        yield "critic.weights", group.critic, group.critic.flat
        yield "critic.first", group.critic, critic.first
        yield "critic.second", group.critic, critic.second


def _memory(group: Group, found: list[Checkpoint]) -> Memory:
    """What the feeders of a group remember, as the checkpoints of its runs have it."""
    update = found[0].update
    tensors, numbers = {}, {}
    for name in kept(group, update).tensors:
        rows = np.stack([each.tensors[f"{MEMORY}/{name}"] for each in found])
        tensors[name] = torch.from_numpy(rows).to(group.device)
    for name in kept(group, update).numbers:
        numbers[name] = [each.state.numbers[name] for each in found]
    return Memory(tensors=tensors, numbers=numbers)


def _columns(outcome: Outcome) -> dict[str, np.ndarray]:
    """Training curves as columns; a value that is undefined is NaN."""
    names = {name: place for place, name in enumerate(dict.fromkeys(point.quantity for point in outcome.curves))}
    return {
        "curves/update": np.array([point.update for point in outcome.curves], dtype="<i8"),
        "curves/quantity": np.array([names[point.quantity] for point in outcome.curves], dtype="<i8"),
        "curves/value": np.array([math.nan if p.value is None else p.value for p in outcome.curves], dtype="<f8"),
    }


def _outcome(found: Checkpoint) -> Outcome:
    names = found.state.quantities
    columns = (found.tensors[f"curves/{name}"].tolist() for name in ("update", "quantity", "value"))
    curves = [
        Point(update=update, quantity=names[quantity], value=value if math.isfinite(value) else None)
        for update, quantity, value in zip(*columns, strict=True)
    ]
    return Outcome(curves=curves, broke=found.state.broke)


def _check(found: Checkpoint, numbers: Mapping[str, Number], path: Path) -> None:
    """See that everything that is not a weight can be put into a record of this run as it stands.

    Raises:
        CorruptRecord: if it cannot.
    """
    state, curves = found.state, {name: found.tensors[f"curves/{name}"] for name in ("update", "quantity", "value")}
    update, quantity, value = curves.values()

    def counted(column: np.ndarray, most: int) -> bool:
        return bool(((column >= 0) & (column < most)).all())

    sound: Mapping[str, bool] = {
        "numbers": state.numbers.keys() == numbers.keys()
        and all(wanted.least <= state.numbers[name] <= wanted.most for name, wanted in numbers.items()),
        "resumed": all(before < found.update for before in state.resumed),
        "broke": state.broke is None or state.broke[0] < found.update,
        "curves": len(update) == len(quantity) == len(value)
        and counted(update, found.update)
        and counted(quantity, len(state.quantities))
        and not bool(np.isinf(value).any()),
    }
    for key, fine in sound.items():
        if not fine:
            raise CorruptRecord(f"{path}: its {key} cannot be those of this run")
