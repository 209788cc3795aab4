"""Header of a safetensors file of weights: whether it holds the tensors of a model, before any number is read."""

from __future__ import annotations

import math
from collections.abc import Mapping

from freerun.errors import CorruptRecord
from freerun.store import tensor_header

#: The types of weights.
_FLOATS = ("F32", "F64")


def demand_weights(content: bytes, shapes: Mapping[str, tuple[int, ...]], place: str) -> None:
    """Check by the header that a safetensors file holds exactly these tensors, of floating point.

    Raises:
        CorruptRecord: naming the first that differs.
    """
    length = int.from_bytes(content[:8], "little")
    try:
        tensors, _ = tensor_header.parsed(content[8 : 8 + length] if length <= tensor_header.LARGEST else b"")
    except (ValueError, RecursionError):
        raise CorruptRecord(f"{place}: no safetensors file") from None
    wrong = sorted(tensors.keys() ^ shapes.keys())
    wrong += [
        name for name, shape in shapes.items()
        if (tensor := tensors.get(name)) and (tensor.shape != shape or tensor.dtype not in _FLOATS)
    ]  # fmt: skip
    if wrong:
        raise CorruptRecord(f"{place}: other weights than the model's, first {wrong[0][:40]!r}")


def most_weights(shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Return the most bytes that a safetensors file with these tensors can have."""
    return 8 + tensor_header.LARGEST + 8 * sum(math.prod(shape) for shape in shapes.values())
