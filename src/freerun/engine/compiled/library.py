"""Library of the compiled engine: found, chosen by the processor, loaded, and described for calls."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from freerun import arithmetic
from freerun.engine.compiled import build

#: What a processor must have for an instruction set, as Linux names it.
NEEDS = {
    "avx512": frozenset({"avx512f", "avx512dq", "avx512vl", "avx2", "fma"}),
    "avx2": frozenset({"avx2", "fma"}),
    "portable": frozenset(),
}
WEIGHTS = 10


class Weight(ctypes.Structure):
    """One weight, its gradient and its place; as `Weight` in source/rollout.h."""

    _fields_ = [("value", ctypes.c_void_p), ("slope", ctypes.c_void_p)] + [
        (name, ctypes.c_int64) for name in ("rows", "columns", "row", "column", "output")
    ]


_NUMBERS = ("cell", "rule", "T", "R", "B", "X", "F", "O", "H", "keeps")
_GIVEN = ("cuts", "truth", "start", "mask", "inputs", "draws", "residual")
_POINTER, _PAIR = ctypes.c_void_p, ctypes.c_void_p * 2


class Call(ctypes.Structure):
    """What a rollout is told; as `Rollout` in source/rollout.h."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in _NUMBERS), ("temperature", ctypes.c_double), ("weights", Weight * WEIGHTS),
        *((name, _POINTER) for name in _GIVEN), ("state", _PAIR), ("outputs", _POINTER), ("fed", _POINTER), ("states", _PAIR),
        ("d_outputs", _POINTER), ("d_fed", _POINTER), ("d_states", _PAIR),
        *((name, _POINTER) for name in ("d_truth", "d_start", "d_inputs", "kept", "work")),
    ]  # fmt: skip


@dataclass(frozen=True)
class Library:
    """A loaded library.

    Attributes:
        instructions: the instruction set that it was compiled for.
        path: its file.
    """

    instructions: str
    path: Path

    def __str__(self) -> str:
        """What computes, in words; other words, other bits: AVX2 and AVX-512 give the same."""
        return "compiled, fused" if self.instructions in ("avx2", "avx512") else "compiled, portable"

    def function(self, name: str, dtype: str) -> Callable[..., int]:
        """Return a function of the library for numbers of a type: `kept`, `work`, `forward` or `backward`."""
        return _function(self.path, name, dtype)


@cache
def _function(path: Path, name: str, dtype: str) -> Callable[..., int]:
    function = getattr(ctypes.CDLL(str(path)), f"{name}_{dtype}")
    sizes = name in ("kept", "work")
    function.argtypes = [ctypes.POINTER(Call)] + ([] if sizes else [ctypes.c_long] * 2)
    function.restype = ctypes.c_long if sizes else None
    called: Callable[..., int] = function
    return called


def processor_sets() -> frozenset[str]:
    """Return the instruction sets of this processor."""
    return arithmetic.processor().sets


@cache
def library() -> Library | None:
    """Return the widest library that was built and that this processor can run; None if there is none."""
    for instructions in build.sets():
        path = Path(__file__).with_name(build.file_name(instructions))
        if path.is_file() and NEEDS[instructions] <= processor_sets():
            return Library(instructions, path)
    return None
