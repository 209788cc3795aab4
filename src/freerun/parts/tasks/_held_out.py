"""Held-out stretches of a recording: what long orbits of a model are compared with where no equations are known.

Of the test part, from where orbits of the model begin, and as many of the validation part, whose distance from the first is the
floor.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import given
from freerun.parts.tasks import Data, HeldOut
from freerun.parts.tasks._recordings import Recording

#: The fewest steps of an orbit, and the most by default.
FEWEST, LONGEST_ORBIT = 100, 1000


def longest_orbit(pieces: dict[str, list[Float[np.ndarray, "_ Y"]]], warmup: int) -> int:
    """Return the most steps of an orbit that the test and the validation part both have a stretch for."""
    longest = min(max((len(piece) for piece in pieces[split]), default=0) for split in ("test", "validation"))
    return max(0, longest - 1 - warmup)


def held_out(task: Recording, data: Data, warmup: int, steps: int) -> HeldOut:
    """See `Task.held_out`; stretches of one part share no row where it is long enough for several."""
    length = data.splits["test"].steps()
    index, true = _stretches(task, data, "test", length, warmup, steps)
    _, again = _stretches(task, data, "validation", length, warmup, steps)
    count = min(true.shape[1], again.shape[1])
    chosen = [torch.linspace(0, n - 1, count, dtype=torch.float64).round().long() for n in (true.shape[1], again.shape[1])]
    return HeldOut(index=index[chosen[0]], true=true[:, chosen[0]], again=again[:, chosen[1]])


def _stretches(
    task: Recording, data: Data, split: str, length: int, warmup: int, steps: int
) -> tuple[torch.Tensor, Float[torch.Tensor, "T N Y"]]:
    """Return the sequences of a part whose series goes on for so many steps, and how it does."""
    mean, std = given(data.mean).double().numpy(), given(data.std).double().numpy()
    index, orbits, before, need = [], [], 0, 1 + warmup + steps
    for piece in task.taken()[split]:
        windows = max(1, len(piece) - max(length, task.reserve(len(piece))))
        if len(piece) >= need:
            last = min(len(piece) - need, windows - 1)
            for begin in np.linspace(0, last, last // need + 1).astype(int).tolist():
                index.append(before + begin)
                orbits.append((piece[begin + 1 + warmup : begin + need] - mean) / std)
        before += windows
    return torch.tensor(index), torch.from_numpy(np.stack(orbits, 1))
