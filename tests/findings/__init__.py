"""Findings on measures and conclusions, by number: each test holds for today's way, and catches the old one."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest


def beside(ours: Any, *old: Any) -> pytest.MarkDecorator:
    """Try one check on `ours`, which must pass it, and on each of `old`, which must not: arguments `part` and `outcome`."""
    caught = [pytest.param(each, pytest.raises(AssertionError), id=f"old{number or ''}") for number, each in enumerate(old)]
    return pytest.mark.parametrize(("part", "outcome"), [pytest.param(ours, nullcontext(), id="ours"), *caught])
