"""Imports at first use: torch, and the public names of the package.

Composing a configuration, listing parts and printing help must answer at once, and importing torch takes seconds.
Modules that only *describe* parts write ``from freerun.deferred_imports import torch``; the library is loaded at its first use.
Modules that always compute (the engine) import torch directly.
"""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
else:

    class _Lazy(ModuleType):
        def __getattr__(self, name: str) -> Any:
            value = getattr(importlib.import_module(self.__name__), name)
            setattr(self, name, value)
            return value

    torch = _Lazy("torch")

__all__ = ["exports", "torch"]


def exports(stub: Path) -> dict[str, str]:
    """Return the names that a package re-exports, each with the module that it comes from.

    Args:
        stub: of the package, with one ``from MODULE import NAME as NAME`` for each.
    """
    imports = [node for node in ast.parse(stub.read_bytes()).body if isinstance(node, ast.ImportFrom)]
    return {name.name: str(node.module) for node in imports for name in node.names}
