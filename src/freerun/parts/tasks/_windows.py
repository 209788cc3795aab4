"""Windows of long series: cut by time into three parts, each part into windows, one from every step on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import ConfigError, require
from freerun.io.frames import PREFIX
from freerun.io.reading import NotPlain, demand_plain
from freerun.io.text import one_line
from freerun.parts.tasks import Sequences

#: Most letters of a path in a message.
LONGEST_PATH = 36


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


def windows(series: torch.Tensor, length: int, reserve: int, inputs: torch.Tensor | None = None) -> Sequences:
    """Return the windows of one stretch, ``[S]`` or ``[S Y]``: `length` targets and the one before them, as views.

    Args:
        series: the stretch.
        length: of the windows.
        reserve: windows that begin in the last so many steps are left out, so that longer windows, up to this length, are as
            many and begin alike.
        inputs: what is given at every step, ``[S X]``; a window has those of its targets.
    """
    count = window_count(len(series), length, reserve)
    cut = series.unfold(0, length + 1, 1)[:count].movedim(-1, 0)
    targets = cut[1:]
    beside = None if inputs is None else inputs.unfold(0, length + 1, 1)[:count].movedim(-1, 0)[1:]
    return Sequences(targets=targets, start=cut[0], weights=torch.ones(1, 1).expand(targets.shape[:2]), inputs=beside)


def window_count(size: int, length: int, reserve: int) -> int:
    """Return how many windows a stretch of so many steps has."""
    return max(1, size - max(length, reserve))


def along(trajectories: Float[np.ndarray, "T N Y"], begins: int, length: int) -> Sequences:
    """Return the windows of trajectories that begin at one of their first steps; all windows of a trajectory stand together.

    Args:
        trajectories: of ``begins + length`` steps.
        begins: the number of windows of each.
        length: of the windows; the values before their targets are what is fed first.
    """
    windows = np.stack([trajectories[t : t + begins].transpose(1, 0, 2) for t in range(length + 1)])
    cut = torch.from_numpy(windows.reshape(length + 1, -1, trajectories.shape[2]).astype(np.float32))
    return Sequences(targets=cut[1:], start=cut[0], weights=torch.ones(cut[1:].shape[:2]))


def joined(parts: Sequence[Sequences]) -> Sequences:
    """Return the windows of several stretches, one stretch after the other; no window reaches into another stretch."""
    if len(parts) == 1:
        return parts[0]
    inputs = [part.inputs for part in parts if part.inputs is not None]
    return Sequences(
        targets=torch.cat([part.targets for part in parts], 1),
        start=torch.cat([part.start for part in parts]),
        weights=torch.cat([part.weights for part in parts], 1),
        inputs=torch.cat(inputs, 1) if inputs else None,
    )


def origin_of(path: str) -> str:
    """Return how messages name a file: key and value, of a long one its end."""
    shown = one_line(path, 400)
    return f"task.path={shown if len(shown) <= LONGEST_PATH else '...' + shown[3 - LONGEST_PATH :]}"


def home(path: str, key: str = "task.path") -> str:
    """Return a path with `~` for what it stands for.

    Args:
        path: as it was typed.
        key: of the setting, for messages.

    Raises:
        ConfigError: if it stands for nothing.
    """
    try:
        return str(Path(path).expanduser()) if path.startswith("~") else path
    except RuntimeError:
        raise ConfigError(f"{key}={one_line(path, LONGEST_PATH)}: nobody's home is known by that name") from None


def stamp(path: str) -> tuple[int, int]:
    """Return the time of a file's last change and its size, the key under which what was read is cached.

    Raises:
        ConfigError: if there is no such file, or it is no plain one.
    """
    try:
        state = Path(path).stat()
        demand_plain(state)
    except NotPlain as fault:
        raise ConfigError(f"{origin_of(path)}: {fault}") from None
    except (OSError, ValueError) as fault:
        kept = "; a frame was kept there: give it to Series.from_frame again, in the same folder"
        lost = kept if isinstance(fault, FileNotFoundError) and Path(path).name.startswith(PREFIX) else ""
        raise ConfigError(f"{origin_of(path)}: {getattr(fault, 'strerror', None) or fault}{lost}") from None
    return state.st_mtime_ns, state.st_size
