"""Worlds of a process: the data of tasks, kept for the next groups, and by what numbers are made of them."""

from __future__ import annotations

import platform
from collections import OrderedDict
from datetime import UTC, datetime
from typing import Any

from freerun import arithmetic
from freerun.config.experiment import Experiment
from freerun.deferred_imports import torch
from freerun.engine.engine_choice import engine_of
from freerun.parts.tasks import Data
from freerun.store.provenance import commit, versions

#: How many worlds a process keeps for its next groups.
KEPT = 16
_worlds: OrderedDict[tuple[str, int, int], Data] = OrderedDict()


def worlds(experiments: list[Experiment], length: int) -> dict[int, Data]:
    """Return the data of the seeds of some experiments with one task, in sequences of `length` steps."""
    task = experiments[0].task
    data = {}
    for seed in sorted({experiment.seed for experiment in experiments}):
        key = (repr(task), seed, length)
        if key not in _worlds:
            _worlds[key] = task.build(seed, length)
            while len(_worlds) > KEPT:
                _worlds.popitem(last=False)
        _worlds.move_to_end(key)
        data[seed] = _worlds[key]
    return data


def made_by(experiment: Experiment, data: Data) -> dict[str, Any]:
    """Return the provenance of a record: versions, machine, arithmetic, digest of the data and what was taken, time."""
    notes = experiment.task.notes()
    return {
        "versions": versions(),
        "commit": commit(),
        "machine": f"{platform.system()} {platform.machine()}",
        "processor": str(arithmetic.processor()),
        "arithmetic": str(arithmetic.in_force()),
        "engine": str(engine_of(experiment)),
        "device": experiment.device,
        "threads": torch.get_num_threads(),
        "data": data.fingerprint,
        **({"notes": list(notes)} if notes else {}),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
