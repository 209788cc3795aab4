"""Orbits of the true system, continued from given states, undisturbed or with an error at each step."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float

from freerun.parts.tasks import Data, Task

#: Numbers that true orbits hold in memory at once, in whole lots.
NUMBERS = 2**23


def continued(
    task: Task, places: list[tuple[Data, Float[torch.Tensor, "_ D"]]], steps: int
) -> list[Float[torch.Tensor, "T _ D"]]:
    """Continue the true system from some states, each lot in the units of its own data; for a task that can be continued.

    Lots go on side by side, as many as `NUMBERS` allows: each orbit is a function of its own place alone.
    """
    orbits, begun = [], []
    for data, states in places:
        mean, std = _units(data)
        begun.append((mean, std, states.double() * std + mean))
    at_once = max(1, NUMBERS // max(1, steps * max(states.numel() for _, states in places)))
    for k in range(0, len(begun), at_once):
        lot = begun[k : k + at_once]
        onward_states = torch.from_numpy(task.advance(torch.cat([states for *_, states in lot]).numpy(), steps))
        parts = torch.split(onward_states, [len(states) for *_, states in lot], 1)
        orbits += [(part - mean) / std for part, (mean, std, _) in zip(parts, lot, strict=True)]
    return orbits


def onward(task: Task, data: Data, history: Float[torch.Tensor, "H N D"]) -> Float[torch.Tensor, "N D"]:
    """The true system's own next observation after any others, in the units of the data; for a task that `remembers`."""
    mean, std = _units(data)
    return (torch.from_numpy(task.onward((history.double() * std + mean).numpy())) - mean) / std


def disturbed(
    task: Task, places: list[tuple[Data, Float[torch.Tensor, "H _ D"], Float[torch.Tensor, "T _ D"]]]
) -> list[Float[torch.Tensor, "T _ D"]]:
    """The true system with an error added to each of its steps, which it carries on; for a task that `remembers`.

    Args:
        task: of all lots.
        places: for each lot its data, the last observations before the first step, and the errors, in the units of the data.

    Returns:
        What each lot observes, each orbit a function of its own place and errors alone.
    """
    units = [_units(data) for data, *_ in places]
    begun = [history.double() * std + mean for (_, history, _), (mean, std) in zip(places, units, strict=True)]
    errors = torch.cat(
        [errors_of_lot.double() * std for (*_, errors_of_lot), (_, std) in zip(places, units, strict=True)], 1
    ).numpy()
    history, went = torch.cat(begun, 1).numpy(), []
    for error in errors:
        state = task.onward(history) + error
        history = np.concatenate([history[1:], state[None]])
        went.append(state)
    parts = torch.split(torch.from_numpy(np.stack(went)), [states.shape[1] for states in begun], 1)
    return [(part - mean) / std for part, (mean, std) in zip(parts, units, strict=True)]


def _units(data: Data) -> tuple[torch.Tensor | float, torch.Tensor | float]:
    """Mean and standard deviation of the data; 0 and 1 where nothing is scaled."""
    return (0.0, 1.0) if data.mean is None or data.std is None else (data.mean.double(), data.std.double())
