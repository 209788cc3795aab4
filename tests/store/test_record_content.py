"""Tests of what two records of one run hold alike."""

from __future__ import annotations

import copy

import msgspec
import pytest

from freerun.store.record_content import COMPUTED_BY, PLACE_AND_COST, difference
from freerun.store.record_types import Provenance
from synthetic import record, tree

RUN = "0123456789abcdef"
FIELDS = [field.name for field in msgspec.structs.fields(Provenance)]


def test_every_field_of_the_provenance_is_told_of_place_and_cost_or_can_change_a_number():
    assert sorted(FIELDS) == sorted([*PLACE_AND_COST, *COMPUTED_BY])


@pytest.mark.parametrize("name", FIELDS)
def test_place_and_cost_may_differ_and_nothing_else(name):
    one = record(RUN, tree())
    other = copy.deepcopy(one)
    other["provenance"][name] = "another"
    assert difference(one, other) == (None if name in PLACE_AND_COST else name)


def test_what_another_version_says_beside_has_to_be_the_same():
    one = record(RUN, tree())
    assert difference(one, {**one, "provenance": {**one["provenance"], "unknown": 1}}) == "unknown"
    assert difference(one, {**one, "status": "diverged"}) == "status"
