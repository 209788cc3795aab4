"""Trained runs in the store: what training leaves of a run, and a group put back to where it was at the end of it.

That is the weights, and what the run's feeder remembers, which says how it was fed at the last update. So a run can be measured
at any time as if it had just been trained, to the bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from freerun.config.training_settings import Training
from freerun.engine.feeding import Lessons, kept
from freerun.engine.replicas import Group
from freerun.errors import CorruptRecord
from freerun.parts.feeders import Memory
from freerun.store.records import MEMORY, Store


def left(group: Group, lessons: Lessons, r: int) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Return the tensors of run `r` of a trained group by name, and the numbers that its feeder remembers."""
    remembered, numbers = lessons.left(r)
    tensors = {name: value[r].cpu().numpy() for name, value in group.weights().items()}
    return tensors | {f"{MEMORY}{name}": value.cpu().numpy() for name, value in remembered.items()}, numbers


def updates_made(store: Store, run: str, settings: Training) -> int:
    """Return after how many updates the training of a run ended: as its settings say, or when its patience was at an end.

    Raises:
        CorruptRecord: if its record does not fit its settings.
    """
    if settings.patience is None:
        return settings.end
    made = store.read(run)["provenance"].get("updates", settings.end)
    if not isinstance(made, int) or not 0 <= made <= settings.end:
        raise CorruptRecord(f"the record of run {run} does not say after how many updates its training ended")
    return made


def restore(group: Group, store: Store, runs: list[str]) -> Lessons:
    """Restore a group of trained runs to the end of their training; return its lessons, which hold the feeders' memory.

    Args:
        runs: the identity of each run; all have made the same number of updates.

    Raises:
        CorruptRecord: if the weights of a run are missing or altered, or its record does not fit.
    """
    last = updates_made(store, runs[0], group.settings)
    memory = kept(group, last)
    shapes: dict[str, tuple[int, ...]] = {name: (shape.rows, shape.columns) for name, shape in group.parameters.shapes.items()}
    shapes |= {f"{MEMORY}{name}": shape for name, shape in memory.tensors.items()}
    tensors = [store.weights(run, shapes, memory=True) for run in runs]
    rows = [np.concatenate([held[name].reshape(-1) for name in group.parameters.shapes]) for held in tensors]
    group.parameters.flat.copy_(torch.from_numpy(np.stack(rows)))
    lessons = Lessons(group)
    lessons.last = last
    remembered = [_numbers(store.read(run), run) for run in runs] if memory.numbers else []
    lessons.memory = Memory(
        tensors={
            name: torch.from_numpy(np.stack([held[f"{MEMORY}{name}"] for held in tensors])).to(group.device)
            for name in memory.tensors
        },
        numbers={name: [numbers[name] for numbers in remembered] for name in memory.numbers},
    )
    lessons.remembered(last)
    return lessons


def _numbers(record: dict[str, Any], run: str) -> dict[str, float]:
    try:
        return {name: float(value) for name, value in record["memory"].items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise CorruptRecord(f"the record of run {run} does not say what its feeder remembers") from None
