"""Source of a class that was defined in a notebook or in the script that is run: the text that its digest is made of.

To the class belongs whatever it refers to in the same place: functions, other classes, values, and the local modules that it
uses. The text of each is what Python ran, which is seen by compiling it again; where it is not at hand the class is refused.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
import types
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path, PurePath
from typing import Any

from freerun.deferred_imports import torch
from freerun.errors import ConfigError
from freerun.parts import code_text, plugin_sources
from freerun.parts.code_text import NoSource
from freerun.parts.registry import HOME

REMEDY = "put it into a file of its own, and name the file in plugins=[FILE.py] on the command line"
_NUMBERS = (bool, int, float, complex, str, bytes, type(None), type(...), PurePath)


def digest(cls: type) -> str:
    """Return the SHA-256 of the source of a class of `__main__`, with all that it refers to there as it is now.

    Raises:
        ConfigError: in one line, if the source of a part of it is not at hand, or does not say what it is.
    """
    reader = _Reader()
    try:
        reader.add(cls.__name__, cls)
        text = "\n".join([*reader.texts, *(f"import {name}" for name in sorted(reader.modules))])
        ast.parse(text)
    except (NoSource, SyntaxError, RecursionError) as fault:
        why = str(fault) if isinstance(fault, NoSource) else "its source cannot be read apart from what is around it"
        raise ConfigError(f"{cls.__name__}: {why}; {REMEDY}") from None
    return plugin_sources.digest(text.encode("utf-8", "surrogatepass"), Path("notebook.py"))


class _Reader:
    """The texts of a class and of what it refers to, in the order in which they are come upon."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.modules: set[str] = set()
        self._seen: set[int] = set()

    def add(self, name: str, value: Any) -> None:
        """Add what a name stands for.

        Raises:
            NoSource: if that cannot be told.
        """
        if isinstance(value, types.ModuleType):
            self._module(name, value.__name__)
        elif isinstance(value, (type, types.FunctionType)):
            if value.__module__ != HOME:
                self._module(f"{name}: {value.__qualname__}", value.__module__)
            elif id(value) not in self._seen:
                self._seen.add(id(value))
                self._class(value) if isinstance(value, type) else self._function(value)
        elif isinstance(value, (staticmethod, classmethod, types.MethodType)):
            self.add(name, value.__func__)
        elif isinstance(value, property):
            for part in (value.fget, value.fset, value.fdel):
                self.add(name, part)
        elif callable(wrapped := getattr(value, "__wrapped__", None)):
            self.texts.append(f"# {name}: {type(value).__name__}")
            self.add(name, wrapped)
        else:
            self._value(name, value)

    def _module(self, name: str, module: str) -> None:
        self.texts.append(f"# {name}: {module}")
        self.modules |= {module.partition(".")[0]} - {"builtins", HOME}

    def _class(self, cls: type) -> None:
        text, codes = code_text.of_class(cls)
        self.texts.append(text)
        for base in cls.__mro__[1:]:
            self.add(base.__name__, base)
        for name, value in sorted(vars(cls).items()):
            functions = list(code_text.functions_in(value))
            for function in functions:
                if function.__code__ in codes:
                    self._held(function)
                elif inspect.unwrap(function).__code__.co_filename != code_text.WRITTEN:
                    self.add(name, function)  # one that was put there later, or has been wrapped
            if not functions and not name.startswith("__") and name != "_abc_impl":
                kept = list(self.texts)
                try:
                    self.add(name, value)
                except NoSource:  # which stands in the text of the class
                    self.texts = kept
        self._referred(text)

    def _function(self, function: types.FunctionType) -> None:
        text = code_text.of_function(function)
        self.texts.append(text)
        self._held(function)
        self._referred(text)

    def _held(self, function: types.FunctionType) -> None:
        """Add what a function holds: its defaults, and what is around it."""
        for value in function.__defaults__ or ():
            self.add(f"a default of {function.__qualname__}", value)
        for name, value in sorted((function.__kwdefaults__ or {}).items()):
            self.add(name, value)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            if name != "__class__":
                self.add(name, cell.cell_contents)

    def _referred(self, text: str) -> None:
        names = vars(sys.modules[HOME])
        for name in code_text.global_names(text):
            if name in names:
                self.add(name, names[name])

    def _value(self, name: str, value: Any) -> None:
        import numpy as np

        plain = isinstance(value, (*_NUMBERS, np.dtype, torch.dtype, torch.device, types.GenericAlias, types.UnionType))
        if isinstance(value, Enum):
            self.add(name, type(value))
            said = value.name
        elif plain or type(value).__module__ == "typing":
            said = repr(value)
        elif isinstance(value, (list, tuple, dict, set, frozenset)):
            said = f"{type(value).__name__} of {len(value)}"
            items = sorted(value, key=repr) if isinstance(value, (set, frozenset)) else value
            for number, item in enumerate(items.items() if isinstance(items, dict) else items):
                self.add(f"{name}[{number}]", item)
        elif isinstance(value, (np.ndarray, np.generic, torch.Tensor)):
            said = _array(name, value)
        elif is_dataclass(value):
            self.add(name, type(value))
            said = f"a {type(value).__name__}"
            for item in fields(value):
                self.add(f"{name}.{item.name}", getattr(value, item.name))
        elif callable(value) and isinstance(own := getattr(value, "__name__", None), str):  # a ufunc, a function written in C
            said = f"{getattr(value, '__module__', None)}.{own}"
        else:
            raise NoSource(f"it refers to {name}, a {type(value).__name__}, which no source describes")
        self.texts.append(f"# {name} = {said!a}")


def _array(name: str, value: Any) -> str:
    import numpy as np

    try:
        array = np.asarray(value.detach().cpu() if isinstance(value, torch.Tensor) else value)
        if array.dtype.hasobject:
            raise TypeError
    except TypeError:
        raise NoSource(f"it refers to {name}, an array whose numbers cannot be read") from None
    return f"{array.dtype.str} {array.shape} {hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()}"
