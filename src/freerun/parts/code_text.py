"""Text of a class or a function that has been defined: what Python ran, found by its code and compiled again to be sure."""

from __future__ import annotations

import ast
import inspect
import linecache
import symtable
import textwrap
import types
from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

#: Where the code is from that `dataclass` writes for a class.
WRITTEN = "<string>"
#: Flags of code that come from `from __future__ import ...`.
_FUTURE = 0x1FF0000
#: The text of what has been read once, which is what runs, whatever becomes of the file.
_classes: WeakKeyDictionary[type, tuple[str, frozenset[types.CodeType]]] = WeakKeyDictionary()
_functions: dict[tuple[str, types.CodeType], str] = {}


class NoSource(Exception):
    """The source of something cannot be had, or says nothing about it; the text says which and why."""


def functions_in(value: Any) -> Iterator[types.FunctionType]:
    """Yield the Python functions that an attribute of a class holds."""
    if isinstance(value, types.FunctionType):
        yield value
    elif isinstance(value, (staticmethod, classmethod)):
        yield from functions_in(value.__func__)
    elif isinstance(value, property):
        for part in (value.fget, value.fset, value.fdel):
            yield from functions_in(part)
    elif not isinstance(value, type) and callable(wrapped := getattr(value, "__wrapped__", None)):
        yield from functions_in(wrapped)


def of_class(cls: type) -> tuple[str, frozenset[types.CodeType]]:
    """Return the text of a class and the code of all functions in it."""
    if cls not in _classes:
        if cls.__qualname__ != cls.__name__:
            raise NoSource(f"{cls.__qualname__} is defined inside of something else")
        own = [function.__code__ for value in vars(cls).values() for function in functions_in(value)]
        own = [code for code in own if code.co_qualname.startswith(f"{cls.__name__}.") and code.co_filename != WRITTEN]
        if not own:
            raise NoSource(f"{cls.__name__} has no method whose source is at hand")
        text = _whole_text(own[0].co_filename, own[0], cls.__name__)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef) and node.name == cls.__name__ and _holds(node, own[0].co_firstlineno):
                inside = {code for code in own if _holds(node, code.co_firstlineno)}
                known = _codes(text, own[0].co_filename, own[0].co_flags & _FUTURE)
                _classes[cls] = (_lines(text, node), frozenset(inside & known))
                break
        else:
            raise NoSource(f"the source of {cls.__name__} is not at hand")
    return _classes[cls]


def of_function(function: types.FunctionType) -> str:
    """Return the text of a function, of a lambda that of the statement that it is in."""
    code = function.__code__
    key = (code.co_filename, code)
    if key not in _functions:
        text = _whole_text(code.co_filename, code, function.__qualname__)
        holders = [
            node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt) and _holds(node, code.co_firstlineno)
        ]
        _functions[key] = _lines(text, max(holders, key=_first))
    return _functions[key]


def _whole_text(file: str, code: types.CodeType, name: str) -> str:
    """Return the text of the file or the cell that some code was compiled from.

    Raises:
        NoSource: if it is not at hand, or has become another one.
    """
    linecache.checkcache(file)
    text = "".join(linecache.getlines(file))
    if not text:
        raise NoSource(f"the source of {name} is not at hand")
    if code not in _codes(text, file, code.co_flags & _FUTURE):
        raise NoSource(f"the source of {name} is not what was run, or has changed since")
    return text


@lru_cache(maxsize=64)
def _codes(text: str, file: str, future: int) -> frozenset[types.CodeType]:
    """Return the code of everything in a text; of one that is no Python on its own, nothing."""
    try:
        rest = [compile(text, file, "exec", flags=future, dont_inherit=True)]
    except (SyntaxError, ValueError):
        return frozenset()
    found = set()
    while rest:
        code = rest.pop()
        found.add(code)
        rest += [each for each in code.co_consts if inspect.iscode(each)]
    return frozenset(found)


def _holds(node: ast.stmt, line: int) -> bool:
    return _first(node) <= line <= (node.end_lineno or 0)


def _first(node: ast.stmt) -> int:
    decorated = isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and node.decorator_list
    return min(decorator.lineno for decorator in decorated) if decorated else node.lineno


def _lines(text: str, node: ast.stmt) -> str:
    return textwrap.dedent("\n".join(text.splitlines()[_first(node) - 1 : node.end_lineno]))


@lru_cache(maxsize=512)
def global_names(text: str) -> list[str]:
    """Return the names that a text takes from around it, in alphabetical order."""
    top = symtable.symtable(text, "source", "exec")
    names = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_referenced()}
    tables = list(top.get_children())
    while tables:
        table = tables.pop()
        names |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global()}
        tables += table.get_children()
    return sorted(names)
