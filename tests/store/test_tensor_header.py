"""Tests of headers of safetensors: tensors fill their room without a gap, an overlap or a number of another type."""

from __future__ import annotations

import json

import pytest

from freerun.store.tensor_header import demand_filled, parsed


def header(*offsets, dtype="F32", shape=(2,)):
    return json.dumps(
        {str(n): {"dtype": dtype, "shape": shape, "data_offsets": ends} for n, ends in enumerate(offsets)}
    ).encode()


def test_a_sound_header():
    tensors, about = parsed(b'{"__metadata__":{"a":"b"},' + header((0, 8), (8, 16))[1:])
    demand_filled(tensors, 16)
    assert (list(tensors), json.loads(about), tensors["1"].shape) == (["0", "1"], {"a": "b"}, (2,))
    assert parsed(b"{}") == ({}, b"null")


@pytest.mark.parametrize(
    ("text", "room"),
    [
        (header((0, 8), (4, 12)), 12), (header((0, 8), (12, 20)), 20), (header((8, 16), (0, 8)), 16), (header((0, 8)), 12),
        (header((0, 8), (8, 16)), 8), (header((0, 12)), 12), (header((0, 4), dtype="F16"), 4), (header((0, 8), shape=[3]), 8),
        (header((0, 8), shape=[2**32, 2**32, 2**32]), 8),
    ],
)  # fmt: skip
def test_tensors_that_do_not_fill_their_room_are_refused(text, room):
    tensors, _ = parsed(text)
    with pytest.raises(ValueError, match=r"tensors|type"):
        demand_filled(tensors, room)


@pytest.mark.parametrize("shape", [[-1], [1.0], [1] * 9, 5, None, ["1"]])
def test_a_shape_is_a_few_lengths(shape):
    with pytest.raises(ValueError, match="shape"):
        parsed(header((0, 4), shape=shape))
