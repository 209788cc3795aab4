"""Tests of the arithmetic: a run has the same bits alone, in a group and on another processor, or says so."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

import freerun
from freerun import arithmetic
from freerun.arithmetic import Arithmetic, exponential, logarithm, power, root
from freerun.errors import ConfigError
from freerun.laws.toolkit import Broken, demand, same_bits, shifted
from freerun.parts.layers import affine
from laws import bits
from tiers import tiered

TESTS, PACKAGE = Path(bits.__file__).parents[1], Path(freerun.__file__).parent
SWITCHES = ("FREERUN_ARITHMETIC", "MKL_CBWR", "ATEN_CPU_CAPABILITY")
PINNED = json.loads(bits.PINNED.read_text(encoding="utf-8"))
REFERENCE = PINNED["digests"]["reference"]


def child(program: list[str], **switches: str) -> subprocess.CompletedProcess:
    """A process that has these switches in its environment, and no other that chooses an arithmetic."""
    plain = {name: value for name, value in os.environ.items() if name not in SWITCHES}
    environment = {**plain, "PYTHONPATH": os.pathsep.join((str(TESTS), str(PACKAGE.parent))), **switches}
    return subprocess.run([sys.executable, *program], env=environment, capture_output=True, text=True, check=False)


def found(mode: str, engine: str = "auto", kinds: Sequence[str] = ()) -> dict:
    """What `laws.bits` finds in a process of this mode, with this engine, of these kinds of digests or all."""
    done = child(["-m", "laws.bits", *kinds], FREERUN_ARITHMETIC=mode, FREERUN_ENGINE=engine)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def of_another_torch() -> str | None:
    """Why the pinned digests say nothing here; None where they do."""
    here = torch.__version__.partition("+")[0]
    return None if here == PINNED["torch"] else f"the digests are those of torch {PINNED['torch']}, this is {here}"


# --- switched on and off, in processes of their own ---


@pytest.mark.parametrize("engine", tiered(["auto", "reference"], quick=lambda engine: engine == "auto"))
def test_the_portable_mode_has_the_bits_that_every_processor_has(engine):
    if why := of_another_torch():
        pytest.skip(why)
    made = found("portable", engine)
    assert {law: why for law, why in made["laws"].items() if why} == {}
    assert made["shortfall"] is None
    assert made["engine"] == "reference" or engine == "auto"
    if made["engine"] not in PINNED["digests"]:
        pytest.skip(f"no digests are pinned for this processor's engine ({made['engine']})")
    assert made["digests"] == PINNED["digests"][made["engine"]]
    assert made["arithmetic"] == PINNED["arithmetic"]
    assert {name for name in vars(bits) if name.startswith("law_")} == set(made["laws"]), "every law has been seen to hold"


#: Digests of data, which no mode changes.
DATA = {case: digest for case, digest in REFERENCE.items() if case.startswith(("data", "Lyapunov"))}


def test_data_is_pinned_alike_for_every_engine():
    assert len(DATA) > 20
    assert all(DATA.items() <= digests.items() for digests in PINNED["digests"].values())


@pytest.mark.slow
def test_the_laws_are_red_with_the_mode_switched_off_and_data_is_the_same():
    """On any processor the arithmetic is then not settled, and the bits of runs are its own; on some, of memory's place too."""
    made = found("native", "reference", ("measures", "data"))
    assert "follows its processor" in made["laws"]["law_the_arithmetic_is_settled"]
    assert "not promised" in made["shortfall"]
    runs = {case: digest for case, digest in made["digests"].items() if case not in DATA}
    assert len(runs) == 4
    if of_another_torch() is None:
        assert any(REFERENCE[case] != digest for case, digest in runs.items())
    assert DATA.items() <= made["digests"].items()


@pytest.mark.slow
def test_the_fast_mode_keeps_runs_alone_and_in_groups_the_same_and_data():
    made = found("avx2", kinds=("data",))
    for law in (bits.law_products_do_not_know_where_memory_lies, bits.law_products_do_not_know_their_group):
        assert made["laws"][law.__name__] == ""
    assert (made["shortfall"] is None) == (made["laws"]["law_the_arithmetic_is_settled"] == "")
    assert DATA.items() <= made["digests"].items()


# --- products with one fault each ---


def by_alignment(x, weight, bias):
    """The inner axis is summed from its other end where the weight does not lie at a multiple of 32 bytes."""
    if weight.data_ptr() % 32:
        x, weight = x.flip(-1), weight.flip(-2)
    return affine(x, weight, bias)


def by_the_group(x, weight, bias):
    """The inner axis is summed from its other end for a replica alone."""
    if len(x) == 1:
        x, weight = x.flip(-1), weight.flip(-2)
    return affine(x, weight, bias)


@pytest.mark.parametrize(
    ("law", "subject"),
    [
        (bits.law_products_do_not_know_where_memory_lies, by_alignment),
        (bits.law_products_do_not_know_their_group, by_the_group),
        (bits.law_the_arithmetic_is_settled, Arithmetic(kernels="AVX512", products="off")),
        (bits.law_the_arithmetic_is_settled, Arithmetic(kernels="AVX2", products="auto")),
        (bits.law_the_arithmetic_is_settled, Arithmetic(kernels="DEFAULT", products="")),
    ],
)
def test_law_catches(law, subject):
    with pytest.raises(Broken):
        law(subject)


def test_memory_is_shifted():
    x = torch.arange(35.0, dtype=torch.float64).view(5, 7)
    for by in (8, 16, 32):
        assert shifted(x, by).data_ptr() % 64 == by
        assert torch.equal(shifted(x, by), x)


# --- what says so ---


def test_these_tests_run_in_the_mode_that_is_asked_for():
    made = arithmetic.in_force()
    assert made.settled or arithmetic.mode() != arithmetic.DEFAULT
    assert str(made) == PINNED["arithmetic"] or arithmetic.mode() != arithmetic.DEFAULT


LATE = """
import torch
{before}
import freerun
from freerun import ErrorsInVariables, Experiment, Linear, TeacherForcing, Training
freerun.run(
    [Experiment(task=ErrorsInVariables(length=5), model=Linear(), regime=TeacherForcing(), training=Training(updates=3))],
    results={folder!r},
)
"""


@pytest.mark.parametrize(
    ("before", "late"),
    tiered([("", False), ("torch.ones(3, 3) @ torch.ones(3, 3); torch.ones(3).tanh()", True)], quick=lambda case: case[1]),
)
def test_torch_before_freerun_is_told_of_where_it_has_computed(before, late, tmp_path):
    done = child(["-c", LATE.format(before=before, folder=str(tmp_path))])
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("note: torch computed before Freerun was imported") == late


def run_of(folder: Path, **switches: str) -> subprocess.CompletedProcess:
    words = ["task=errors_in_variables", "model=linear", "training.updates=3", "task.length=5", "launcher=inline"]
    return child(["-m", "freerun", "run", *words, "--results", str(folder)], **switches)


@pytest.mark.slow
def test_a_run_without_a_mode_says_so_once_and_its_record_says_by_what_it_was_made(tmp_path):
    done = run_of(tmp_path, FREERUN_ARITHMETIC="native")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("note: FREERUN_ARITHMETIC=native: equal bits") == 1
    (path,) = tmp_path.glob(".store/*/*-*.json")
    made = json.loads(path.read_text(encoding="utf-8").splitlines()[1])["provenance"]
    assert str(arithmetic.processor()) == made["processor"]
    assert made["arithmetic"].endswith(made["processor"]), "an arithmetic that follows the processor does not name it"
    assert "note:" not in run_of(tmp_path / "other").stderr


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["portable", "native"])
def test_a_check_without_a_mode_says_so(mode):
    done = child(["-m", "freerun", "check", "argmax"], FREERUN_ARITHMETIC=mode)
    assert done.returncode == 0, done.stdout
    assert ("note: FREERUN_ARITHMETIC=native" in done.stderr) == (mode == "native")


def test_a_mode_that_does_not_exist_is_refused_in_one_line(tmp_path):
    done = run_of(tmp_path / "results", FREERUN_ARITHMETIC="fastest")
    assert done.returncode == 2
    assert done.stderr.strip() == "freerun: FREERUN_ARITHMETIC must be one of portable, avx2, native, got 'fastest'"
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("made", "wanted", "words"),
    [
        (Arithmetic(kernels="AVX2", products="COMPATIBLE"), "portable", None),
        (Arithmetic(kernels="AVX2", products="AVX2"), "avx2", None),
        (Arithmetic(kernels="AVX512", products="off"), "native", "FREERUN_ARITHMETIC=native"),
        (Arithmetic(kernels="AVX512", products="COMPATIBLE"), "portable", "torch computed before"),
        (Arithmetic(kernels="AVX2", products="off"), "portable", "torch computed before"),
        (Arithmetic(kernels="DEFAULT", products="COMPATIBLE"), "portable", "no AVX2"),
        (Arithmetic(kernels="DEFAULT", products=""), "portable", "another library than MKL"),
        (Arithmetic(kernels="AVX2", products="auto"), "avx2", "no branch AVX2"),
    ],
)
def test_what_is_not_promised_is_said_in_one_line(made, wanted, words, monkeypatch):
    monkeypatch.setattr(arithmetic, "in_force", lambda: made)
    monkeypatch.setenv(arithmetic.VARIABLE, wanted)
    said = arithmetic.shortfall()
    assert (said is None) == (words is None)
    assert words is None or (words in said and "\n" not in said)


def test_a_processor_without_avx2_is_not_asked_for_it(monkeypatch):
    old = arithmetic.Processor(model="GenuineIntel 6 37", sets=frozenset({"sse4_2"}))
    monkeypatch.setattr(arithmetic, "processor", lambda: old)
    monkeypatch.setenv(arithmetic.VARIABLE, "portable")
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "avx2")
    arithmetic.choose()
    assert "ATEN_CPU_CAPABILITY" not in os.environ
    assert os.environ["MKL_CBWR"] == "COMPATIBLE"
    assert str(old) == "GenuineIntel 6 37 sse4_2"


def test_a_wrong_mode_is_refused_by_whoever_asks(monkeypatch):
    monkeypatch.setenv(arithmetic.VARIABLE, "x" * 100)
    arithmetic.choose()
    with pytest.raises(ConfigError, match="must be one of portable, avx2, native"):
        arithmetic.mode()


# --- functions whose bits are everywhere the same ---

NUMBERS = np.concatenate(
    [np.geomspace(1e-300, 1e300, 20_001), 1 + np.linspace(-1e-3, 1e-3, 2_001), np.linspace(0.01, 30, 5_000)]
)


@pytest.mark.parametrize(
    ("function", "exact", "numbers", "units"),
    [
        (root, math.sqrt, NUMBERS, 1.5),
        (logarithm, math.log, NUMBERS[NUMBERS != 1], 2.5),
        (exponential, math.exp, np.linspace(-1, 1, 5_001), 2.5),
        (exponential, math.exp, np.linspace(-30, 30, 5_001), 31),
        (
            lambda x: power(x, 10),
            lambda x: x**10,
            np.concatenate([np.linspace(-3, -0.1, 2_000), np.linspace(0.1, 3, 2_000)]),
            6,
        ),
        (lambda x: power(x, 1 / 3), lambda x: x ** (1 / 3), np.linspace(0.01, 30, 5_000), 6),
    ],
    ids=["root", "logarithm", "exponential", "exponential far out", "power", "power not whole"],
)
def test_functions_are_what_they_say(function, exact, numbers, units):
    for dtype, unit in ((torch.float64, 2.0**-53), (torch.float32, 2.0**-24)):
        x = torch.from_numpy(numbers).to(dtype)
        x = x[x.isfinite() & (x.abs() > torch.finfo(dtype).tiny) & (x != 1)]
        wanted = torch.tensor([exact(value) for value in x.tolist()], dtype=torch.float64)
        off = ((function(x).double() - wanted) / wanted).abs().max()
        assert float(off) <= 2 * units * unit, (dtype, float(off) / unit)


def test_functions_at_their_ends():
    x = torch.tensor([0.0, 1.0, math.inf, -1.0, math.nan])
    assert same_bits(root(x), torch.tensor([0.0, 1.0, math.inf, math.nan, math.nan]))
    assert same_bits(logarithm(x), torch.tensor([-math.inf, 0.0, math.inf, math.nan, math.nan]))
    assert exponential(torch.tensor([-math.inf, 0.0, math.inf])).tolist() == [0, 1, math.inf]
    assert power(torch.tensor([-2.0, 0.0, math.inf]), 3).tolist() == [-8, 0, math.inf]
    assert power(torch.tensor([0.0, 3.0]), 0).tolist() == [1, 1]


def places_that_differ(function, dtype):
    """How many numbers have other bits in a part of a tensor than in the whole, where they stand at other places."""
    whole = (3 * torch.randn(12, 6, 3, 6, generator=torch.Generator().manual_seed(0))).abs().to(dtype)
    parts = torch.stack([function(part.contiguous()) for part in whole.unbind(1)], 1)
    return int((function(whole) != parts).sum())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("function", [root, logarithm, exponential, lambda x: power(x, 1 / 3), lambda x: power(x, 5)])
def test_a_function_of_a_number_does_not_know_its_place(function, dtype):
    assert places_that_differ(function, dtype) == 0


def test_torch_s_own_power_of_two_knows_it():
    """In single precision what is left over after whole vectors is computed otherwise."""
    assert places_that_differ(lambda x: (x / math.log(2)).exp2(), torch.float32) > 0


#: What MKL or numpy computes otherwise on another processor, as it is written in code of the engine.
ELSEWHERE = re.compile(
    r"torch\.(sqrt|log|tan|atan)\(|\.(sqrt_?|log|tan|atan)\(\)|np\.(exp|log|log1p|expm1|power|cbrt|arctan|linalg|dot|matmul)\b"
)


def in_the_engine() -> list[Path]:
    """Modules that compute what a record holds; not the one that refuses a table whose last row sums it up."""
    every = [path for room in ("measurement", "engine", "parts") for path in (PACKAGE / room).rglob("*.py")]
    return [path for path in every if path.name != "_summary_rows.py"]


def test_the_engine_computes_by_functions_with_the_same_bits_everywhere():
    assert len(in_the_engine()) > 100
    for path in in_the_engine():
        lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        bad = [f"{path.name}:{number}: {line.strip()}" for number, line in lines if ELSEWHERE.search(line.partition("#")[0])]
        assert not bad, bad
    assert ELSEWHERE.search("error.square().mean().sqrt()")
    assert ELSEWHERE.search("np.log(x)")
    demand(not ELSEWHERE.search("torch.log_softmax(x)"), "a softmax is torch's own")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 40])
def test_a_mean_over_coordinates_has_the_bits_of_torch(count, dtype):
    x = torch.randn(37, 29, count, dtype=dtype, generator=torch.Generator().manual_seed(count)) * 1e3
    kept = x.clone()
    assert torch.equal(arithmetic.mean_over_coordinates(x), x.mean(-1))
    assert torch.equal(x, kept), "it works on what it was given"
    slope = torch.autograd.grad(arithmetic.mean_over_coordinates(x.requires_grad_()).sum(), x)[0]
    assert torch.equal(slope, torch.full_like(x, 1 / count))


def test_a_logarithm_in_place_has_the_bits_of_the_other():
    x = torch.rand(1001, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(arithmetic.logarithm_(x.clone()), logarithm(x))
