"""Data files inside an installed package, read without importing it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from freerun.errors import ConfigError


def shipped(task: str, library: str, package: str, file: str) -> Path:
    """Return the file `file` of the installed import package `package`.

    Args:
        task, library: names for the message.

    Raises:
        ConfigError: if the library is not installed, or carries no such file.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ConfigError(f"task={task}: its data comes with {library}, which is not installed; pip install 'freerun[data]'")
    path = Path(spec.origin).parent / file
    if not path.is_file():
        raise ConfigError(f"task={task}: this version of {library} carries no {file}; pip install 'freerun[data]'")
    return path
