"""Tests of the shape checker: shapes in annotations are checked while tests run."""

from __future__ import annotations

import pytest
import torch
from jaxtyping import TypeCheckError

import shapes
from freerun.parts.layers import affine


def test_every_annotation_can_be_checked():
    assert shapes.UNCHECKED == []


def test_a_wrong_shape_is_caught():
    x, weight = torch.zeros(2, 3, 4), torch.zeros(2, 4, 5)
    assert affine(x, weight, torch.zeros(2, 1, 5)).shape == (2, 3, 5)
    with pytest.raises(TypeCheckError):
        affine(x, weight, torch.zeros(2, 5))
    with pytest.raises(TypeCheckError):
        affine(x.long(), weight, torch.zeros(2, 1, 5))


def test_in_every_test_the_first_calls_are_checked():
    x, weight = torch.zeros(2, 3, 4), torch.zeros(2, 4, 5)
    for _ in range(shapes.CALLS):
        affine(x, weight, torch.zeros(2, 1, 5))
    affine(x.long(), weight.long(), torch.zeros(2, 1, 5).long())
    shapes.begin_test()
    with pytest.raises(TypeCheckError):
        affine(x.long(), weight.long(), torch.zeros(2, 1, 5).long())
