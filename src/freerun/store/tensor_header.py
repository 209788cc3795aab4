"""Header of safetensors: names, types and shapes of tensors, understood before any number of theirs is read."""

from __future__ import annotations

import math
from typing import Annotated, Any

import msgspec
import numpy as np

#: Most bytes of a header.
LARGEST = 2**20
#: The types of numbers that are kept, by their names in safetensors.
TYPES: dict[str, np.dtype[Any]] = {"F64": np.dtype("<f8"), "I64": np.dtype("<i8"), "F32": np.dtype("<f4")}
#: The key of what is no tensor.
ABOUT = "__metadata__"
_Length = Annotated[int, msgspec.Meta(ge=0)]
#: No tensor has more axes.
_AXES = msgspec.Meta(max_length=8)


class Tensor(msgspec.Struct, frozen=True, gc=False):
    """A tensor as a safetensors header describes it.

    Attributes:
        dtype: its type, by the name in safetensors.
        shape: its lengths.
        data_offsets: where its bytes begin and end, after the header.
    """

    dtype: str
    shape: Annotated[tuple[_Length, ...], _AXES]
    data_offsets: tuple[_Length, _Length]


_RAW, _TENSOR = msgspec.json.Decoder(dict[str, msgspec.Raw]), msgspec.json.Decoder(Tensor)


def parsed(text: bytes) -> tuple[dict[str, Tensor], bytes]:
    """Return the tensors by name, in the order of the header, and the JSON of its metadata (null where it has none).

    Raises:
        ValueError, RecursionError: if it is no header.
    """
    entries = _RAW.decode(text)
    about = bytes(entries.pop(ABOUT, b"null"))
    return {name: _TENSOR.decode(entry) for name, entry in entries.items()}, about


def demand_filled(tensors: dict[str, Tensor], room: int) -> None:
    """Check that tensors follow one another without a gap and fill exactly `room` bytes.

    Raises:
        ValueError: if they do not, or one is of a type that is not kept.
    """
    end = 0
    for tensor in tensors.values():
        if tensor.dtype not in TYPES:
            raise ValueError(f"numbers of type {tensor.dtype}")
        begin, end = end, end + math.prod(tensor.shape) * TYPES[tensor.dtype].itemsize
        if tensor.data_offsets != (begin, end) or end > room:
            raise ValueError("its tensors do not follow one another")
    if end != room:
        raise ValueError("is longer than its tensors")
