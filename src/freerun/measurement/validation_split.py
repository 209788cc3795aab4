"""Validation split in the place of the test split, for choosing settings by a measure: nothing of the test split is read.

Symbols are measured on the whole split. Of values one half is measured, and the other stands where a measure asks for a second
truth: a climate's distance from the truth is read beside that of two truths.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace

import torch

from freerun.engine.replicas import Group
from freerun.parts.tasks import Data, Task


def measured_there(group: Group) -> Group:
    """Return the group, with data in which the validation split stands where the test split was."""
    other = copy(group)
    other.data = {seed: exchanged(group.experiments[0].task, data) for seed, data in group.data.items()}
    return other


def exchanged(task: Task, data: Data) -> Data:
    """Return data of a task whose test split is of the validation split, known by the same fingerprint."""
    part = data.splits["validation"]
    first = second = part
    if not task.symbols and len(part) > 1:
        places = torch.arange(len(part))
        half, steps = (len(part) + 1) // 2, part.steps()
        first, second = part.take(places[:half], steps), part.take(places[half:], steps)
    return replace(data, splits={**data.splits, "test": first, "validation": second})
