"""Arithmetic of a run: which instructions and which branch of the matrix library compute it, chosen before torch computes.

A library that picks its instructions by the processor, the alignment of memory or the size of a batch gives other last bits on
another machine, or for a run alone and in a group. So whoever imports Freerun, in every process that it starts, asks for one
choice, by the environment variables that the libraries read at their first use:

==============  ===================  ======================  ===========================================================
mode            ``MKL_CBWR``         ``ATEN_CPU_CAPABILITY``  same bits
==============  ===================  ======================  ===========================================================
``portable``    ``COMPATIBLE``       ``avx2``                 alone and in a group, on every x86-64 processor with AVX2
``avx2``        ``AVX2``             ``avx2``                 alone and in a group, on every Intel processor with AVX2
``native``      as it is             as it is                 none promised
==============  ===================  ======================  ===========================================================

``FREERUN_ARITHMETIC`` names the mode; the default is ``portable``. Of MKL's modes of reproducibility see Intel's "Conditional
Numerical Reproducibility"; on a processor of another maker ``AVX2`` means whatever MKL chooses there.

MKL computes some functions from approximations that each processor has its own of, in every mode; so does numpy with
instructions that only some have. What a run needs of them is built here from operations that IEEE 754 defines to the last bit,
or that torch computes by its own kernels: `root`, `logarithm`, `power`, `exponential`,
`exponential_anywhere`, `softplus`, `cosine_and_sine`.
"""

from __future__ import annotations

import ctypes
import math
import os
import platform
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from freerun.deferred_imports import torch
from freerun.errors import ConfigError

#: Names the mode, before Freerun is imported.
VARIABLE = "FREERUN_ARITHMETIC"
DEFAULT = "portable"
MODES: dict[str, dict[str, str]] = {
    "portable": {"MKL_CBWR": "COMPATIBLE", "ATEN_CPU_CAPABILITY": "avx2"},
    "avx2": {"MKL_CBWR": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
    "native": {},
}
#: What MKL answers when it is asked for its branch (mkl_types.h), and the flag of its strict mode.
BRANCHES = {
    1: "off", 2: "auto", 3: "COMPATIBLE", 4: "SSE2", 6: "SSSE3", 7: "SSE4.1", 8: "SSE4.2", 9: "AVX", 10: "AVX2",
    11: "AVX512 MIC", 12: "AVX512", 13: "AVX512 MIC E1", 14: "AVX512 E1",
}  # fmt: skip
STRICT = 0x10000
#: Functions of MKL that tell its branch: as it stands inside torch, and as a library of its own.
QUESTIONS = ("mkl_serv_cbwr_get", "MKL_CBWR_Get", "mkl_cbwr_get")
#: Instruction sets that are worth a word, the widest first, as Linux names them.
SETS = ("avx512f", "avx2", "avx", "sse4_2")
LN2 = 0.6931471805599453
#: A number of elements that torch's kernels work through in whole vectors, with none left over.
VECTORS = 64
#: A quarter of a turn in two parts, of which the first has 33 bits, so that its products with small whole numbers are exact.
QUARTER = (1.57079632673412561417, 6.07710050650619224932e-11)


def choose() -> None:
    """Ask the libraries for the mode, in the environment of this process and of those that it starts.

    A mode that does not exist is refused by whoever trains (`mode`), not by an import.
    """
    variables = dict(MODES.get(os.environ.get(VARIABLE) or DEFAULT, {}))
    if variables and "avx2" not in processor().sets:  # torch would obey, and the processor refuse
        del variables["ATEN_CPU_CAPABILITY"]
        os.environ.pop("ATEN_CPU_CAPABILITY", None)
    os.environ.update(variables)


def mode() -> str:
    """Return the mode that is asked for.

    Raises:
        ConfigError: if there is none of this name.
    """
    name = os.environ.get(VARIABLE) or DEFAULT
    if name not in MODES:
        raise ConfigError(f"{VARIABLE} must be one of {', '.join(MODES)}, got {name[:40]!r}")
    return name


@dataclass(frozen=True, kw_only=True)
class Processor:
    """A processor as Linux describes it; elsewhere its architecture alone.

    Attributes:
        model: maker, family and model, for example ``GenuineIntel 6 143``.
        sets: its instruction sets.
    """

    model: str
    sets: frozenset[str]

    def __str__(self) -> str:
        widest = next((name for name in SETS if name in self.sets), "")
        return f"{self.model} {widest}".strip()


@cache
def processor() -> Processor:
    """Return the processor of this machine."""
    facts: dict[str, str] = {}
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            facts.setdefault(name.strip(), value.strip())
    model = " ".join(facts[name] for name in ("vendor_id", "cpu family", "model") if name in facts)
    return Processor(model=model or platform.machine(), sets=frozenset(facts.get("flags", "").split()))


@dataclass(frozen=True, kw_only=True)
class Arithmetic:
    """What computes in this process, as the libraries themselves say.

    Attributes:
        kernels: the instruction set of torch's own kernels, as torch names it.
        products: the branch of MKL, one of `BRANCHES`; "" where torch multiplies with another library.
    """

    kernels: str
    products: str

    @property
    def settled(self) -> bool:
        """The libraries are bound to one branch, which is then the same on another processor."""
        return self.products not in ("", "off", "auto") and self.kernels in ("AVX2", "DEFAULT")

    def __str__(self) -> str:
        """The arithmetic in words; where a library chooses by the processor, with the processor. Other words, other bits."""
        products = f"MKL {self.products}" if self.products else "another library than MKL"
        words = f"torch {self.kernels}, {products}"
        return words if self.settled else f"{words}, {processor()}"


@cache
def in_force() -> Arithmetic:
    """Return the arithmetic of this process; asking settles it. Loads torch."""
    branch_of, query = _question(), -1
    branch = None if branch_of is None else branch_of(query)
    products = "" if branch is None else BRANCHES.get(branch & ~STRICT, f"branch {branch & ~STRICT}")
    if branch is not None and branch & STRICT:
        products += " strict"
    return Arithmetic(kernels=torch.backends.cpu.get_cpu_capability(), products=products)


def _question() -> Callable[[int], int] | None:
    if not torch.backends.mkl.is_available():  # type: ignore[no-untyped-call]
        return None
    for library in sorted((Path(torch.__file__).parent / "lib").glob("libtorch_cpu.*")):
        with suppress(OSError):
            loaded = ctypes.CDLL(str(library))
            for name in QUESTIONS:
                if hasattr(loaded, name):
                    question = getattr(loaded, name)
                    question.argtypes, question.restype = [ctypes.c_int], ctypes.c_int
                    branch_of: Callable[[int], int] = question
                    return branch_of
    return None


def shortfall() -> str | None:
    """Return in one line why bits may differ alone and in a group, or between machines; None where they do not."""
    present, requested = in_force(), mode()
    lost = "equal bits alone and in a group, or on another machine, are not promised"
    if requested == "native":
        return f"{VARIABLE}=native: {lost}"
    if not present.products:
        return f"torch multiplies with another library than MKL here: {lost}"
    if present.products == "off" or present.kernels not in ("AVX2", "DEFAULT"):
        return f"torch computed before Freerun was imported ({present}): {lost}; import freerun first"
    if present.kernels == "DEFAULT":
        return f"this processor has no AVX2 ({present}): equal bits are promised alone and in a group, not on another machine"
    if not present.settled and requested == "avx2":
        return f"MKL has no branch AVX2 for this processor ({present}): equal bits are not promised on one of another kind"
    return None


def root(x: torch.Tensor) -> torch.Tensor:
    """The square root, to 1.5 units in the last place, with the same bits everywhere: two divisions and a rounded root."""
    return x.rsqrt().reciprocal()


def logarithm(x: torch.Tensor) -> torch.Tensor:
    """Return the natural logarithm, to 2 units in the last place, by torch's own kernel of the logarithm to base 2."""
    return x.log2() * LN2


def logarithm_(x: torch.Tensor) -> torch.Tensor:
    """As `logarithm`, in the place of `x`."""
    return x.log2_().mul_(LN2)


def mean_over_coordinates(x: torch.Tensor) -> torch.Tensor:
    """The mean over the last axis; of two to four coordinates, which torch takes one by one, in a tenth of its time.

    Added in their order, as torch adds so few.
    """
    count = x.shape[-1]
    if not 2 <= count <= 4 or x.requires_grad:
        return x.mean(-1)
    total = x[..., 0] + x[..., 1]
    for k in range(2, count):
        total += x[..., k]
    return total.div_(count)


def exponential(x: torch.Tensor) -> torch.Tensor:
    """E to the x, to ``1 + |x|`` units in the last place of double precision, by torch's own kernel of the power of 2.

    It is computed in double precision: in single, the kernel gives a number other bits at another place of a tensor.
    """
    return (x.double() / LN2).exp2().to(x.dtype)


def exponential_anywhere(x: torch.Tensor) -> torch.Tensor:
    """As `exponential`, with the same bits at every place of a tensor of any size: the kernel sees whole vectors alone."""
    return power_of_two_anywhere(x.double() / LN2).to(x.dtype)


def power_of_two_anywhere(x: torch.Tensor) -> torch.Tensor:
    """2 to the x, in its own precision, with the same bits at every place of a tensor: the kernel sees whole vectors alone."""
    flat = x.flatten()
    short = -flat.numel() % VECTORS
    whole = (torch.nn.functional.pad(flat, (0, short)) if short else flat).exp2()
    return whole[: flat.numel()].view(x.shape)


def softplus(x: torch.Tensor) -> torch.Tensor:
    """The logarithm of 1 + e to the x, to some units in the last place of double precision or of 1."""
    far = x.double().abs()
    return (0.5 * (x.double() + far) + logarithm(1 + exponential_anywhere(-far))).to(x.dtype)


def power(x: torch.Tensor, exponent: float) -> torch.Tensor:
    """Raise a positive `x` to a power; a whole power up to 64 is made by products alone, also for a negative `x`."""
    if exponent != int(exponent) or not 0 <= exponent <= 64:
        return (x.double().log2() * exponent).exp2().to(x.dtype)
    product, square, left = torch.ones_like(x), x, int(exponent)
    while left:
        if left % 2:
            product = product * square
        square, left = square * square, left // 2
    return product


def cosine_and_sine(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosine and sine of `x`, up to 1e5 in absolute value, to 2e-16: Taylor's series around the nearest quarter of a turn."""
    quarters = (x.detach().double() * (2 / math.pi)).round()
    rest = x.double() - quarters * QUARTER[0] - quarters * QUARTER[1]
    square = rest * rest
    even, odd = torch.ones_like(square), torch.ones_like(square)
    for k in range(8, 0, -1):  # below 1/8 of a turn, the first term that is left out is 5e-17
        even = 1 - even * square / ((2 * k - 1) * (2 * k))
        odd = 1 - odd * square / ((2 * k) * (2 * k + 1))
    odd = odd * rest
    turned = quarters.remainder(4)
    swapped = turned.remainder(2) == 1
    cosine = torch.where(swapped, odd, even) * torch.where((turned == 1) | (turned == 2), -1.0, 1.0)
    sine = torch.where(swapped, even, odd) * torch.where(turned >= 2, -1.0, 1.0)
    return cosine.to(x.dtype), sine.to(x.dtype)
