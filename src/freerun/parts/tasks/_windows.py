"""Windows of one long series: cut by time into three parts, each part into windows, one from every step on."""

from __future__ import annotations

import stat
from pathlib import Path

from freerun.errors import ConfigError, require
from freerun.lazy import torch
from freerun.parts.tasks import Sequences


def check_shares(train: float, validation: float) -> None:
    """Refuse shares of a series that leave nothing to one of the parts.

    Raises:
        ValueError: naming the share.
    """
    require(0 < train < 1, "train", train, "lie in (0, 1)")
    require(0 < validation < 1 - train, "validation", validation, "lie in (0, 1 - train)")


def bounds(size: int, train: float, validation: float) -> dict[str, tuple[int, int]]:
    """Where each part of a series of `size` steps begins and ends: the first trains, the next validates, the last tests."""
    first, second = int(size * train), int(size * (train + validation))
    return {"train": (0, first), "validation": (first, second), "test": (second, size)}


def windows(series: torch.Tensor, length: int, reserve: int) -> Sequences:
    """Return the windows of one part, ``[S]`` or ``[S Y]``: `length` targets and the one before them, as views.

    Args:
        reserve: windows that begin in the last so many steps are left out, so that longer windows, up to this length, are as
            many and begin alike.
    """
    count = max(1, len(series) - max(length, reserve))
    cut = series.unfold(0, length + 1, 1)[:count].movedim(-1, 0)
    targets = cut[1:]
    return Sequences(targets=targets, start=cut[0], weights=torch.ones(1, 1).expand(targets.shape[:2]))


def stamp(path: str) -> tuple[int, int]:
    """Return the time of a file's last change and its size, the key under which what was read is cached.

    Raises:
        ConfigError: if there is no such file.
    """
    try:
        state = Path(path).stat()
    except (OSError, ValueError) as fault:
        raise ConfigError(f"task.path={path[-80:]}: {getattr(fault, 'strerror', None) or fault}") from None
    if not stat.S_ISREG(state.st_mode):
        raise ConfigError(f"task.path={path[-80:]}: not a regular file")
    return state.st_mtime_ns, state.st_size
