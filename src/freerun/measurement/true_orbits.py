"""Orbits of the true system, continued from given states."""

from __future__ import annotations

import torch
from jaxtyping import Float

from freerun.parts.tasks import Data, Task

#: Numbers that true orbits hold in memory at once, in whole lots.
NUMBERS = 2**23


def continued(
    task: Task, places: list[tuple[Data, Float[torch.Tensor, "_ D"]]], steps: int
) -> list[Float[torch.Tensor, "T _ D"]]:
    """What the true system does from some states on, each lot in the units of its own data; for a task that can be continued.

    Lots go on side by side, as many as `NUMBERS` allows: each orbit is a function of its own place alone.
    """
    found, begun = [], []
    for data, states in places:
        mean, std = (0.0, 1.0) if data.mean is None or data.std is None else (data.mean.double(), data.std.double())
        begun.append((mean, std, states.double() * std + mean))
    most = max(1, NUMBERS // max(1, steps * max(states.numel() for _, states in places)))
    for k in range(0, len(begun), most):
        some = begun[k : k + most]
        own = torch.from_numpy(task.advance(torch.cat([states for *_, states in some]).numpy(), steps))
        parts = torch.split(own, [len(states) for *_, states in some], 1)
        found += [(part - mean) / std for part, (mean, std, _) in zip(parts, some, strict=True)]
    return found
