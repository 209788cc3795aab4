"""Type checker of the tests: beartype, with an int where a float is wanted, as PEP 484 has it."""

from __future__ import annotations

from collections.abc import Callable

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintException

#: What could not be checked, because an annotation is not one that can be; a test sees that it stays empty.
UNCHECKED: list[str] = []

_checked = beartype(conf=BeartypeConf(is_pep484_tower=True))


def check(function: Callable) -> Callable:
    try:
        return _checked(function)
    except BeartypeDecorHintException as fault:
        UNCHECKED.append(str(fault).splitlines()[0])
        return function
