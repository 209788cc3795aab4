"""Type checker of the tests: beartype, with an int where a float is wanted, as PEP 484 has it, in the first calls of each test.

A check costs as much as what it checks, and what holds in the first calls of a function holds in the thousandth.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jaxtyping
from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintException

#: What could not be checked, because an annotation is not one that can be; a test sees that it stays empty.
UNCHECKED: list[str] = []
#: Calls of a function that are checked in each test.
CALLS = 4

_checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
_genuine = jaxtyping.jaxtyped
_tests = 0


def check(function: Callable) -> Callable:
    try:
        return _checked(function)
    except BeartypeDecorHintException as fault:
        UNCHECKED.append(str(fault).splitlines()[0])
        return function


def begin_test() -> None:
    """From here on the first calls are checked again."""
    global _tests
    _tests += 1


def first_calls(*, typechecker: Any) -> Callable[[Any], Any]:
    """What the import hook decorates functions with instead of `jaxtyping.jaxtyped`; classes are checked in every call."""

    def decorate(function: Any) -> Any:
        checked = _genuine(function, typechecker=typechecker)
        if isinstance(function, type):
            return checked
        test, calls = -1, 0

        @functools.wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal test, calls
            if test != _tests:
                test, calls = _tests, 0
            calls += 1
            return (checked if calls <= CALLS else function)(*arguments, **named)

        return call

    return decorate
