"""Groups that are halved until there is one for everybody who is to work."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from freerun.execution.grouping import spread


@given(st.lists(st.integers(1, 40), max_size=12), st.integers(1, 30), st.integers(1, 50))
def test_the_largest_groups_are_halved_until_there_are_enough_and_none_is_too_large(sizes, count, most):
    members = iter(range(sum(sizes)))
    pieces = [[next(members) for _ in range(size)] for size in sizes]
    halved = spread(pieces, count, len, most)
    assert sorted(member for piece in halved for member in piece) == list(range(sum(sizes)))
    assert len(halved) >= min(count, sum(sizes))
    assert all(len(piece) <= most for piece in halved)
    if len(pieces) >= count and max(sizes, default=0) <= most:
        assert halved == pieces
    elif halved != pieces:
        assert [len(piece) for piece in halved] == sorted(map(len, halved), reverse=True)
    assert len(halved) <= max(count, len(pieces), 2 * sum(sizes)), "more groups than anybody asked for"
    if most >= max(sizes, default=0):
        assert len(halved) == max(len(pieces), min(count, sum(sizes)))
