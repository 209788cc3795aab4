"""Memory and cores of this machine that are free to use, within the limits of its control groups."""

from __future__ import annotations

import math
import os
from pathlib import Path

#: Where Linux says what is free, of which control group this process is, and what that may use.
MEMINFO, MEMBERSHIP, CONTROL = Path("/proc/meminfo"), Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def available() -> int | None:
    """Bytes of memory of this machine that are free to use, within the limits of its control groups; None if unknown."""
    free = [int(line[1]) * 1024 for line in _words(MEMINFO) if line[:1] == ["MemAvailable:"]]
    for group in _control_groups():
        limit, used = (next(iter(_words(group / name)), ["none"])[0] for name in ("memory.max", "memory.current"))
        if limit.isdecimal() and used.isdecimal():
            cached = sum(int(line[1]) for line in _words(group / "memory.stat") if line[:1] == ["inactive_file"])
            free.append(max(0, int(limit) - max(0, int(used) - cached)))  # pages of files are given up when room is needed
    return min(free, default=None)


def cores() -> int:
    """Return the cores that this process may use, within the quotas of its control groups."""
    counts = [len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1]
    for group in _control_groups():
        quota, period = (*next(iter(_words(group / "cpu.max")), []), "none", "none")[:2]
        if quota.isdecimal() and period.isdecimal() and int(period):
            counts.append(math.ceil(int(quota) / int(period)))
    return max(1, min(counts))


def _control_groups() -> list[Path]:
    """Return the control group of this process and those that it is within (version 2), whose limits hold for it too."""
    membership = next((line[0].removeprefix("0::/") for line in _words(MEMBERSHIP) if line and line[0].startswith("0::/")), "")
    inner = CONTROL / membership
    return [group for group in (inner, *inner.parents) if group.is_relative_to(CONTROL)]


def _words(path: Path) -> list[list[str]]:
    try:
        return [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError):
        return []
