"""Tiers of tests: what is quick stays as it was, the rest is marked, and no promise is left to the slow tier alone."""

from __future__ import annotations

import pytest

from tiers import tiered


def test_what_is_not_quick_is_marked_and_keeps_its_place_and_values():
    first, second, third = tiered([("a", 1), ("b", 2), ["c"]], quick=lambda case: case[0] == "a")
    assert first == ("a", 1)
    assert (second.values, [mark.name for mark in second.marks]) == (("b", 2), ["slow"])
    assert (third.values, [mark.name for mark in third.marks]) == ((["c"],), ["slow"])


def test_a_promise_without_a_quick_case_is_refused():
    with pytest.raises(ValueError, match="one case at least must be quick"):
        tiered([1, 2], quick=lambda case: False)
