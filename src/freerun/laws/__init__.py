"""The laws, one module a kind. A law is a function of a part that raises AssertionError; what it needs to state it stands
here.
"""

from __future__ import annotations

import itertools
from dataclasses import fields
from enum import Enum
from typing import Any

import torch

from freerun import catalog
from freerun.models import Model
from freerun.replicas import initial_weights

#: Values that are computed along two orders of summation, in float64: a few hundred operations of relative error 1e-16.
CLOSE = 1e-12

#: Settings that make a part small; a part that has none of them is used as it is.
SMALL = {"hidden": 5, "sequences": 200, "length": 12, "rare": 20}


class Broken(AssertionError):
    """A law does not hold; the message says for what, as small as it was found."""


def demand(holds: bool, message: str) -> None:
    """State what a law wants; unlike `assert` it also holds where Python leaves assertions out.

    Raises:
        Broken: with `message`, if it does not hold.
    """
    if not holds:
        raise Broken(message)


def small(cls: type, **settings: Any) -> Any:
    """A part with tiny settings, whatever part it is."""
    names = {item.name for item in fields(cls)}
    return cls(**{name: value for name, value in {**SMALL, **settings}.items() if name in names})


def small_parts(kind: str) -> dict[str, Any]:
    return {name: small(cls) for name, cls in catalog.parts(kind).items()}


def variants(kind: str) -> dict[str, Any]:
    """Every part of a kind with every combination of its named choices (fields that are an Enum)."""
    found = {}
    for name, cls in catalog.parts(kind).items():
        axes = [
            [(item.name, member) for member in type(item.default)] for item in fields(cls) if isinstance(item.default, Enum)
        ]
        for choice in itertools.product(*axes):
            found["-".join([name, *(member.value for _, member in choice)])] = small(cls, **dict(choice))
    return found


def weights_of(
    model: Model, inputs: int, outputs: int, replicas: int = 2, dtype: torch.dtype = torch.float64
) -> dict[str, torch.Tensor]:
    """Differentiable weights, replica r drawn from seed r."""
    drawn = initial_weights(model.shapes(inputs, outputs), list(range(replicas)))
    return {name: torch.from_numpy(value).to(dtype).requires_grad_() for name, value in drawn.items()}


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def symbols(*shape: int, of: int = 4, seed: int = 0) -> torch.Tensor:
    return torch.randint(of, shape, generator=torch.Generator().manual_seed(seed))


def gap(a: torch.Tensor, b: torch.Tensor) -> float:
    """The largest difference, relative to 1 or the largest value."""
    assert a.shape == b.shape, f"shapes differ: {tuple(a.shape)} and {tuple(b.shape)}"
    if not a.numel():
        return 0.0
    a, b = a.detach(), b.detach()
    return float((a - b).abs().max() / b.abs().max().clamp(min=1))


def gradients(loss: torch.Tensor, leaves: list[torch.Tensor]) -> list[torch.Tensor]:
    if not loss.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    return list(torch.autograd.grad(loss, leaves, allow_unused=True, materialize_grads=True, retain_graph=True))


def same_bits(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and torch.equal(torch.nan_to_num(a, nan=7e7), torch.nan_to_num(b, nan=7e7))
