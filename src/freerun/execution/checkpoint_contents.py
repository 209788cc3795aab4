"""Contents of a checkpoint: the tensors and numbers of a run in training, and the engine's objects that they stand for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch

from freerun.engine.feeding import kept
from freerun.engine.parameters import Parameters
from freerun.engine.replicas import Group
from freerun.engine.training import Outcome, Point, Trainer, method
from freerun.errors import CorruptRecord
from freerun.parts.feeders import Memory, Number
from freerun.store.checkpoints import QUANTITIES, Checkpoint, Need

#: What the names of the tensors that feeders remember begin with.
MEMORY = "memory"
_KINDS = {torch.float32: "F32", torch.float64: "F64"}


def needs(group: Group, update: int) -> dict[str, Need]:
    """Return the types and shapes of a run's tensors after so many updates, for the runs of this group.

    Raises:
        CorruptRecord: if no run of this group can have been stopped at this update.
    """
    settings = group.settings
    if not 0 < update < settings.updates:
        raise CorruptRecord(f"update {update} is none of the {settings.updates} at which a run can have been stopped")
    kinds = dict.fromkeys(("weights", *method(settings.optimizer).carried), group.parameters)
    if group.critic is not None:
        kinds |= {f"critic.{kind}": group.critic for kind in kinds}
    if settings.kept_by is not None:
        kinds["best"] = group.parameters
    tensors = {
        f"{kind}/{name}": Need(dtype=_KINDS[group.dtype], shape=(shape.rows, shape.columns))
        for kind, parameters in kinds.items()
        for name, shape in parameters.shapes.items()
    }
    memory = kept(group, update).tensors.items()
    tensors |= {f"{MEMORY}/{name}": Need(dtype=_KINDS[group.dtype], shape=shape) for name, shape in memory}
    longest = QUANTITIES * (update // settings.log_every + 1)
    for name, kind in (("update", "I64"), ("quantity", "I64"), ("value", "F64")):
        tensors[f"curves/{name}"] = Need(dtype=kind, shape=(longest,), at_most=True)
    return tensors


def flats(trainer: Trainer) -> Iterator[tuple[str, Parameters, torch.Tensor]]:
    """Yield the name, the parameters that name its columns, and the values of every flat tensor ``[R P]`` in training."""
    group, critic = trainer.group, trainer.critic_optimizer
    yield "weights", group.parameters, group.parameters.flat
    for name, value in trainer.optimizer.state().items():
        yield name, group.parameters, value
    if trainer.best is not None:
        yield "best", group.parameters, trainer.best
    if group.critic is not None and critic is not None:
        yield "critic.weights", group.critic, group.critic.flat
        for name, value in critic.state().items():
            yield f"critic.{name}", group.critic, value


def memory_of(group: Group, starts: list[Checkpoint]) -> Memory:
    """Return what the feeders of a group remember, from the checkpoints of its runs."""
    update = starts[0].update
    tensors, numbers = {}, {}
    for name in kept(group, update).tensors:
        rows = np.stack([start.tensors[f"{MEMORY}/{name}"] for start in starts])
        tensors[name] = torch.from_numpy(rows).to(group.device)
    for name in kept(group, update).numbers:
        numbers[name] = [start.state.numbers[name] for start in starts]
    return Memory(tensors=tensors, numbers=numbers)


def columns(outcome: Outcome) -> dict[str, np.ndarray]:
    """Return training curves as columns; a value that is undefined is NaN."""
    names = {name: place for place, name in enumerate(dict.fromkeys(point.quantity for point in outcome.curves))}
    return {
        "curves/update": np.array([point.update for point in outcome.curves], dtype="<i8"),
        "curves/quantity": np.array([names[point.quantity] for point in outcome.curves], dtype="<i8"),
        "curves/value": np.array([math.nan if p.value is None else p.value for p in outcome.curves], dtype="<f8"),
    }


def outcome_of(checkpoint: Checkpoint) -> Outcome:
    """Return the curves of a checkpoint, and where its run diverged, if it did."""
    names = checkpoint.state.quantities
    series = (checkpoint.tensors[f"curves/{name}"].tolist() for name in ("update", "quantity", "value"))
    curves = [
        Point(update=update, quantity=names[quantity], value=value if math.isfinite(value) else None)
        for update, quantity, value in zip(*series, strict=True)
    ]
    return Outcome(curves=curves, broke=checkpoint.state.broke)


def demand_fitting(checkpoint: Checkpoint, numbers: Mapping[str, Number], path: Path) -> None:
    """Check that the numbers and the curves of a checkpoint can be those of this run.

    Raises:
        CorruptRecord: if they cannot, naming the first that is wrong.
    """
    state, curves = checkpoint.state, {name: checkpoint.tensors[f"curves/{name}"] for name in ("update", "quantity", "value")}
    update, quantity, value = curves.values()

    def counted(column: np.ndarray, most: int) -> bool:
        return bool(((column >= 0) & (column < most)).all())

    sound: Mapping[str, bool] = {
        "numbers": state.numbers.keys() == numbers.keys()
        and all(number.least <= state.numbers[name] <= number.most for name, number in numbers.items()),
        "resumed": all(before < checkpoint.update for before in state.resumed),
        "broke": state.broke is None or state.broke[0] < checkpoint.update,
        "curves": len(update) == len(quantity) == len(value)
        and counted(update, checkpoint.update)
        and counted(quantity, len(state.quantities))
        and not bool(np.isinf(value).any()),
    }
    for key, fine in sound.items():
        if not fine:
            raise CorruptRecord(f"{path}: its {key} cannot be those of this run")
