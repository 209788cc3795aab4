"""Library of the compiled engine: found, chosen by the processor, seen to be of this source, loaded, described for calls."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from freerun import arithmetic
from freerun.engine.compiled import build
from freerun.errors import ConfigError
from freerun.io.text import one_line

#: Where the libraries stand.
FOLDER = Path(__file__).parent

#: What a processor must have for an instruction set, as Linux names it.
NEEDS = {
    "avx512": frozenset({"avx512f", "avx512dq", "avx512vl", "avx2", "fma"}),
    "avx2": frozenset({"avx2", "fma"}),
    "portable": frozenset(),
}


class Weight(ctypes.Structure):
    """One weight, its gradient and its place; as `Weight` in source/rollout.h."""

    _fields_ = [("value", ctypes.c_void_p), ("slope", ctypes.c_void_p)] + [
        (name, ctypes.c_int64) for name in ("step", "rows", "columns", "row", "column", "matrix")
    ]


_NUMBERS = ("cell", "rule", "T", "R", "B", "X", "F", "O", "H", "layers", "heads", "wide", "count", "blocks", "keeps")
_REALS = ("temperature", "root")
_GIVEN = ("cuts", "truth", "start", "mask", "inputs", "draws", "noise", "residual", "places")
_POINTER, _PAIR = ctypes.c_void_p, ctypes.c_void_p * 2


class Call(ctypes.Structure):
    """What a rollout is told; as `Rollout` in source/rollout.h."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in _NUMBERS), *((name, ctypes.c_double) for name in _REALS),
        ("weights", ctypes.POINTER(Weight)),
        *((name, _POINTER) for name in _GIVEN), ("state", _PAIR), ("outputs", _POINTER), ("fed", _POINTER), ("states", _PAIR),
        ("d_outputs", _POINTER), ("d_fed", _POINTER), ("d_states", _PAIR),
        *((name, _POINTER) for name in ("d_truth", "d_start", "d_inputs", "targets", "shares", "losses", "kept", "work")),
    ]  # fmt: skip


class Descent(ctypes.Structure):
    """What a step of Adam is told; as `Descent` in source/rollout.h."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("P", "decoupled")),
        *((name, ctypes.c_double * 2) for name in ("keep", "add", "bias")), ("epsilon", ctypes.c_double),
        *((name, _POINTER) for name in ("rate", "decay", "shrink", "alive", "gradient", "weights", "first", "second")),
        *((name, _POINTER) for name in ("finite", "work")),
    ]  # fmt: skip


class Flow(ctypes.Structure):
    """What steps of a flow are told; as `Flow` in source/rollout.h."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("equations", "D", "steps")), ("step", ctypes.c_double),
        ("settings", ctypes.c_double * 4), ("states", _POINTER), ("work", _POINTER),
    ]  # fmt: skip


LENGTHS = 8


class Smoothing(ctypes.Structure):
    """What a smoothing is told; as `Smoothing` in source/rollout.h."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("lengths", "models", "most")), ("strings", ctypes.c_int64 * LENGTHS),
        *((name, _POINTER * LENGTHS) for name in ("counts", "contexts", "shorter")), ("bottom", ctypes.c_double),
        ("chances", _POINTER), ("work", _POINTER),
    ]  # fmt: skip


class Ngrams(ctypes.Structure):
    """What an n-gram model is told; as `Ngrams` in source/rollout.h."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("lengths", "tabled", "symbols", "strings")),
        *((name, ctypes.c_int64 * LENGTHS) for name in ("count", "begins")),
        *((name, _POINTER * LENGTHS) for name in ("contexts", "bounds", "totals", "grams", "seen")),
        *((name, _POINTER) for name in ("table", "before", "chances", "work")),
    ]  # fmt: skip


#: What a function is told that is none of a rollout.
TOLD: dict[str, type[ctypes.Structure]] = {
    "adam": Descent, "flow": Flow, "smooth": Smoothing, "follow": Ngrams,
}  # fmt: skip


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
        """Return a function of the library for numbers of a type.

        Args:
            name: `kept`, `work`, `both`, `forward`, `backward` or `descend` of a rollout; `adam` of a step of descent; `flow`,
                `smooth` and `follow`, for double precision alone, of a flow, a smoothing and an n-gram model.
        """
        return _function(self.path, name, dtype)


@cache
def _function(path: Path, name: str, dtype: str) -> Callable[..., int]:
    function = getattr(ctypes.CDLL(str(path)), f"{name}_{dtype}")
    sizes = name in ("kept", "work", "both")
    function.argtypes = [ctypes.POINTER(TOLD.get(name, Call))] + ([] if sizes else [ctypes.c_long] * 2)
    function.restype = ctypes.c_long if sizes else None
    called: Callable[..., int] = function
    return called


def processor_sets() -> frozenset[str]:
    """Return the instruction sets of this processor."""
    return arithmetic.processor().sets


@cache
def library() -> Library | None:
    """Return the widest library that was built and that this processor can run; None if there is none.

    Raises:
        ConfigError: if it was not made of the source that is installed, or cannot be loaded.
    """
    for instructions in build.sets():
        path = FOLDER / build.file_name(instructions)
        if path.is_file() and NEEDS[instructions] <= processor_sets():
            _demand_fresh(path, instructions)
            return Library(instructions, path)
    return None


def _demand_fresh(path: Path, instructions: str) -> None:
    """Refuse a library that is not of this source, or of another kind of machine, whatever it would compute."""
    cure = "run: python -m freerun.engine.compiled.build, or choose engine=reference"
    try:
        if not build.fresh(path, instructions):
            raise ConfigError(f"{path}: built from another source than is installed, or for another machine; {cure}")
        ctypes.CDLL(str(path))
    except OSError as fault:
        raise ConfigError(f"{path}: cannot be loaded: {one_line(str(fault))}; {cure}") from None
