"""Tiers of tests: which cases of a promise `make test` tries, and which are left to `make test-all`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def tiered(cases: Iterable[Any], quick: Callable[[Any], bool]) -> list[Any]:
    """Return the cases for `pytest.mark.parametrize`, those that are not quick with the marker `slow`.

    Raises:
        ValueError: if none is quick: then the promise is not tried by `make test`.
    """
    known = list(cases)
    if not any(quick(case) for case in known):
        raise ValueError("one case at least must be quick: `make test` tries every promise")
    return [case if quick(case) else _slow(case) for case in known]


def _slow(case: Any) -> Any:
    return pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow)
