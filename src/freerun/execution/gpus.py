"""GPUs that this process may use, by the names that CUDA_VISIBLE_DEVICES has for them."""

from __future__ import annotations

import os
from collections.abc import Sequence

from freerun.deferred_imports import torch

#: By which a process is told the GPUs that it may use.
VARIABLE = "CUDA_VISIBLE_DEVICES"


def visible() -> list[str]:
    """Return the GPUs that torch finds: as the environment names them, or by their numbers; none where there is none."""
    count, named = torch.cuda.device_count(), os.environ.get(VARIABLE)
    names = [str(number) for number in range(count)] if named is None else [name.strip() for name in named.split(",")]
    return names[:count]


def told(places: Sequence[str]) -> str:
    """Return in words where workers are.

    Args:
        places: the GPU of each, of none more than one worker more than of another.
    """
    names = [*dict.fromkeys(places)]
    workers = "one worker" if len(places) == 1 else f"{len(places)} workers"
    if len(names) == 1:
        return f"{workers} on GPU {names[0]}"
    which = f"GPUs {', '.join(names[:-1])} and {names[-1]}"
    each, odd = divmod(len(places), len(names))
    return f"{workers} on the {which}" if odd else f"{workers}, {'one' if each == 1 else each} on each of the {which}"
