"""Freerun: a laboratory for exposure bias, the drift of a recurrent model when its teacher lets go.

from freerun import Experiment, FreeRunning, Lorenz63, OutputRecurrent
experiments = [Experiment(task=Lorenz63(), model=OutputRecurrent(hidden=64), regime=FreeRunning(), seed=s) for s in range(3)]
tables = freerun.run(experiments)

The public names stand in `__init__.pyi`, beside this file: an experiment and its nodes, `run`, every built-in part but metrics,
the named choices among their settings, and the base class of each kind. Each is imported at its first use.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    raise (RuntimeError if hasattr(sys, "ps1") else SystemExit)(  # a prompt stays open
        "freerun: Windows is not supported; Freerun runs on Linux and macOS, and on Windows inside WSL 2 (wsl --install)"
    )

from freerun import early_interrupt

early_interrupt.watch()  # before the rest is imported

from importlib import import_module  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from freerun import arithmetic  # noqa: E402
from freerun.deferred_imports import exports  # noqa: E402

__version__ = "0.1.0"

arithmetic.choose()

_homes = exports(Path(__file__).with_suffix(".pyi"))
__all__ = sorted(_homes)


def __getattr__(name: str) -> Any:
    """A public name, imported from its home at its first use."""
    if name not in _homes:
        raise AttributeError(f"module 'freerun' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_homes[name]), name)
    return value


def __dir__() -> list[str]:
    """The public names, whether they have been imported or not."""
    return [*__all__, "__version__"]
