"""How can a module name torch without loading it?

Composing a configuration, listing parts and printing help must answer at once, and importing torch takes seconds.
Modules that only *describe* parts write ``from freerun.lazy import torch``; the library is loaded at its first use.
Modules that always compute (the engine) import torch directly.
"""

from __future__ import annotations

import importlib
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

__all__ = ["torch"]
