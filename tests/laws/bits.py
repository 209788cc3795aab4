"""Bits of runs: digests of what a processor, an arithmetic and a version of torch make of the last bits.

``PYTHONPATH=tests python -m laws.bits`` prints, as JSON, the arithmetic of the process, the verdicts of the laws of products,
and a digest of each of some short runs, over every model, every task and every way through the engine, or of some kinds of
them alone: ``model regime measures data``. With ``--pin`` the digests are written to bits.json, under the name of the engine
that made them, which is what every processor with AVX2 must find in the portable mode.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

import kept_players
from freerun import arithmetic
from freerun.engine.compiled.library import library
from freerun.engine.engine_choice import setting
from freerun.execution.group_runner import prepare
from freerun.laws.toolkit import SHIFTS, Broken, demand, noise, same_bits, shifted, small_parts
from freerun.parts import registry
from freerun.parts.layers import affine
from laws.runs import Engine, planned

PINNED = Path(__file__).with_suffix(".json")
Affine = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def law_products_do_not_know_where_memory_lies(product: Affine) -> None:
    """Values and gradients of a product have the same bits at every alignment, in odd sizes and both precisions."""
    for dtype in (torch.float32, torch.float64):
        for rows, inner, outer in itertools.product((1, 3, 8, 13), (1, 5, 8, 13, 33), (1, 5, 13, 33)):
            sizes = ((1, rows, inner), (1, inner, outer), (1, 1, outer), (1, rows, outer))
            parts = [noise(*size, seed=k, dtype=dtype) for k, size in enumerate(sizes)]
            whole = _slopes(product, *parts)
            for shift in SHIFTS[1:]:
                found = _slopes(product, *(shifted(part, max(shift, part.element_size())) for part in parts))
                for name, a, b in zip(("value", "slope of x", "slope of the weight"), whole, found, strict=True):
                    case = f"[{rows} {inner}] [{inner} {outer}], {dtype}, {shift} bytes behind a multiple of 64"
                    demand(same_bits(a, b), f"the {name} of a product has other bits where memory lies otherwise: {case}")


def law_products_do_not_know_their_group(product: Affine) -> None:
    """Values and gradients of a replica's product have the same bits alone and in a group, in odd sizes."""
    for dtype in (torch.float32, torch.float64):
        for rows, inner, outer in itertools.product((1, 3, 8, 13), (1, 5, 8, 13, 33), (1, 5, 13, 33)):
            sizes = ((3, rows, inner), (3, inner, outer), (3, 1, outer), (3, rows, outer))
            parts = [noise(*size, seed=k, dtype=dtype) for k, size in enumerate(sizes)]
            together = _slopes(product, *parts)
            for r in range(3):
                alone = _slopes(product, *(part[r : r + 1].clone() for part in parts))
                for name, a, b in zip(("value", "slope of x", "slope of the weight"), together, alone, strict=True):
                    case = f"[{rows} {inner}] [{inner} {outer}], {dtype}, replica {r}"
                    demand(same_bits(a[r : r + 1], b), f"the {name} of a product has other bits alone: {case}")


def _slopes(product: Affine, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, charge: torch.Tensor) -> list:
    x, weight = x.detach().requires_grad_(), weight.detach().requires_grad_()
    value = product(x, weight, bias)
    return [value.detach(), *torch.autograd.grad(value, [x, weight], charge)]


def law_the_arithmetic_is_settled(made: arithmetic.Arithmetic) -> None:
    """The libraries say that they are bound to one choice of instructions."""
    demand(made.settled, f"the arithmetic of this process follows its processor: {made}")


def digests(kinds: Sequence[str]) -> dict[str, str]:
    """A digest of every case of some kinds, 16 hexadecimal digits: of weights, curves and measurements, or of data."""
    found = {}
    for kind in kinds:
        found |= KINDS[kind]()
    return found


def _of_models() -> dict[str, str]:
    found = {}
    for name in registry.parts("model"):
        kind = registry.parts("model")[name]
        world = "field" if kind.for_fields else "summary" if kind.emits == "last" else "values" if kind.solves else "symbols"
        width = " model.hidden=5" if "hidden" in kind.__dataclass_fields__ else ""
        found[f"model {name}"] = _runs(world, f"model={name}{width}")
    return found


def _of_regimes() -> dict[str, str]:
    settings, cells = "model.hidden=13 evaluation.orbit=0", {"error_forcing": " model=gru"}  # which has a state to correct
    return {
        f"regime {name}": _runs("values", f"{settings} regime={name}{cells.get(name, '')}") for name in registry.parts("regime")
    }


def _of_measures() -> dict[str, str]:
    spread = "model.hidden=13 regime=free_running objective=gaussian_likelihood objective.components=2 feedback=sample"
    full = "model=gru model.hidden=33 regime=free_running evaluation.orbit=100 evaluation.distances=true"
    return {
        "gaussian likelihood": _runs("values", f"{spread} evaluation.orbit=0"),
        "measures of values": _runs("values", full),
        "measures of symbols": _runs("symbols", "model=gru model.hidden=33 evaluation.distances=true"),
        "many updates": _runs("values", "model=lstm model.hidden=17 training.updates=40 training.weight_decay=0.1"),
    }


def _of_data() -> dict[str, str]:
    found = {}
    for name, task in small_parts("task").items():
        if name not in ("digits", "gram_text", "sunspots", "text"):  # which are what another package, or this Python, holds
            found[f"data {name}"] = task.build(3, task.length).fingerprint[:16]
            if (time := task.lyapunov_steps()) is not None:
                found[f"Lyapunov time {name}"] = hashlib.sha256(time.hex().encode()).hexdigest()[:16]
    return found


KINDS = {"model": _of_models, "regime": _of_regimes, "measures": _of_measures, "data": _of_data}


def _runs(world: str, settings: str) -> str:
    digest = hashlib.sha256()
    for result in Engine()(planned(world, f"{settings} seed=0,7")):
        for name, value in sorted(result.weights.items()):
            digest.update(name.encode() + value.tobytes())
        digest.update(json.dumps(result.science, sort_keys=True).encode())
    return digest.hexdigest()[:16]


def verdicts() -> dict[str, str]:
    """What each law finds; "" where it holds."""
    laws = {
        law_the_arithmetic_is_settled: arithmetic.in_force(),
        law_products_do_not_know_where_memory_lies: affine,
        law_products_do_not_know_their_group: affine,
    }
    found = {}
    for law, subject in laws.items():
        try:
            law(subject)
            found[law.__name__] = ""
        except Broken as fault:
            found[law.__name__] = str(fault)
    return found


def engine() -> str:
    """The engine of the runs that can have it: the name of its bits."""
    built = None if setting() == "reference" else library()
    return "reference" if built is None else str(built)


def main() -> None:
    """Print what this process finds."""
    prepare()
    found = {"torch": torch.__version__.partition("+")[0], "arithmetic": str(arithmetic.in_force())}
    kept_players.keep(pytest.MonkeyPatch())
    kinds = [word for word in sys.argv[1:] if word in KINDS]
    made = digests(kinds or list(KINDS))
    if "--pin" in sys.argv:
        known = json.loads(PINNED.read_bytes())["digests"] if PINNED.is_file() else {}
        pinned = {**found, "digests": {**known, engine(): made}}
        PINNED.write_text(json.dumps(pinned, indent=1) + "\n", encoding="utf-8")
    more = {"engine": engine(), "digests": made, "shortfall": arithmetic.shortfall(), "laws": verdicts()}
    print(json.dumps({**found, **more}))


if __name__ == "__main__":
    main()
