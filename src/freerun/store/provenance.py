"""Provenance of a run: versions of the libraries and the commit."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from functools import cache
from pathlib import Path

#: The packages whose versions can change a number.
PACKAGES = ("freerun", "torch", "numpy", "scipy", "pandas", "pyarrow", "matplotlib", "hydra-core", "omegaconf", "safetensors")


@cache
def versions() -> dict[str, str]:
    """Versions of Python and of the packages that matter."""
    installed = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            installed[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            installed[package] = "not installed"
    return installed


@cache
def commit() -> str:
    """The commit of the source, with ``+`` if source or configuration have uncommitted changes; "" outside a repository."""
    top = Path(__file__).resolve().parents[3]
    if not (top / ".git").exists():
        return ""
    head = _git(top, "rev-parse", "HEAD")
    changed = _git(top, "status", "--porcelain", "--", "src", "conf", "pyproject.toml")
    return f"{head[:12]}{'+' if changed else ''}" if head else ""


def _git(folder: Path, *words: str) -> str:
    try:
        return subprocess.run(
            ["git", *words], cwd=folder, capture_output=True, text=True, timeout=20, check=True
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
