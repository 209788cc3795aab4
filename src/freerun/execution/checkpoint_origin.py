"""Origin of a checkpoint: the versions, source, arithmetic, engine and machine that made it, and how two origins differ."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch

from freerun import arithmetic
from freerun.config.run_identity import GENERATION
from freerun.engine.replicas import Group
from freerun.store.provenance import versions


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return in words how the origin of a checkpoint differs from that of one made now; "" where they are equal.

    Args:
        before: the origin in the checkpoint.
        now: the origin of a checkpoint that is made now.
    """
    differ = {key: (_brief(before.get(key)), _brief(value)) for key, value in now.items() if before.get(key) != value}
    words = {
        "arithmetic": "other arithmetic",
        "engine": "another engine",
        "source": "another source of Freerun",
        "generation": "another version of Freerun",
    }
    phrases = []
    for key, (old, new) in differ.items():
        phrases.append(words.get(key, f"other {key}") + ("" if key == "source" else f" ({old}, here {new})"))
    return " and ".join(phrases)


def _brief(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {version}" for name, version in value.items())
    return "unknown" if value is None else str(value)


def made(group: Group) -> dict[str, int | str | dict[str, str]]:
    """Return the origin of a checkpoint that is made now: versions, source, arithmetic, engine, device, machine and threads."""
    return {
        "generation": GENERATION, "versions": versions(), "source": _source(), "arithmetic": str(arithmetic.in_force()),
        "engine": group.engine.bits, "device": str(group.device),
        "machine": f"{platform.system()} {platform.machine()}", "threads": torch.get_num_threads(),
    }  # fmt: skip


@cache
def _source() -> str:
    """Return the SHA-256 of this package as it stands."""
    top, digest = Path(__file__).parents[1], hashlib.sha256()
    for path in sorted(path for ending in ("*.py", "*.c", "*.h") for path in top.rglob(ending)):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(top).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()
