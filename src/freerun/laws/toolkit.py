"""Toolkit of the laws: `Broken`, raised with the smallest counter-example, and what laws need to be stated.

There is one module of laws a kind; `freerun.laws.register` says which laws there are. What they need to be stated stands
here.
"""

from __future__ import annotations

import atexit
import functools
import itertools
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import MISSING, fields
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import torch

from freerun.errors import ConfigError
from freerun.parts import registry
from freerun.parts.layers import initial_weights
from freerun.parts.models import Model
from freerun.parts.tasks import Task
from freerun.random_streams import stream

#: Values that are computed along two orders of summation, in float64: a few hundred operations of relative error 1e-16.
CLOSE = 1e-12

#: Bytes behind a multiple of 64 at which memory is tried: every alignment that a number in it can have.
SHIFTS = (0, 4, 8, 16, 32)

#: Settings that make a part small; a part that has none of them, or refuses one, is used as it is.
SMALL: dict[str, Any] = {"hidden": 5, "sequences": 200, "length": 12, "rare": 20, "transient": 5.0, "season": 4}


class Broken(AssertionError):
    """A law does not hold; the message gives the smallest counter-example."""


def demand(holds: bool, message: str) -> None:
    """Raise `Broken` unless a condition holds; unlike `assert`, also where Python leaves assertions out.

    Raises:
        Broken: with `message`, if it does not hold.
    """
    if not holds:
        raise Broken(message)


def only(
    applies: Callable[[Any], bool], whom: str, patience: float = 1.0
) -> Callable[[Callable[[Any], str | None]], Callable[[Any], str | None]]:
    """Limit a law to some parts of its kind; nothing is demanded of the others.

    Args:
        applies: whether the law speaks of a part.
        whom: of which parts it speaks, for a table: "rules that feed symbols".
        patience: so many times as long as other laws may it take.
    """

    def limit(law: Callable[[Any], str | None]) -> Callable[[Any], str | None]:
        @functools.wraps(law)
        def limited(part: Any) -> str | None:
            return law(part) if applies(part) else None

        vars(limited).update(applies=applies, whom=whom, patience=patience)
        return limited

    return limit


def small(cls: type, **settings: Any) -> Any:
    """Make a part of any class with tiny settings: the first that it does not refuse, and a file where it needs one.

    Raises:
        ValueError: if it refuses its own defaults, or `settings` whatever goes with them.
    """
    known = {item.name: item for item in fields(cls)}
    given = {name: value for name, value in settings.items() if name in known}
    given = {**files_for(cls), **given}
    names = [name for name in SMALL if name in known and name not in given]
    refused: Exception | None = None
    for count in range(len(names), -1, -1):
        for kept in itertools.combinations(names, count):
            try:
                return _made(cls, {**{name: SMALL[name] for name in kept}, **given})
            except (ValueError, ConfigError) as fault:
                refused = fault
    raise refused or ValueError(f"{cls.__name__} refuses its own defaults")


def files_for(cls: type) -> dict[str, str]:
    """A file for a part that cannot be made without one: a series, or the record of a trained run."""
    needed = {item.name for item in fields(cls) if item.default is MISSING and item.default_factory is MISSING}
    return {"path": series_file()} if "path" in needed else {"teacher": teacher_file()} if "teacher" in needed else {}


def _made(cls: type, settings: dict[str, Any]) -> Any:
    part = cls(**settings)
    if isinstance(part, Task):
        part.check(part.length)
    return part


@functools.cache
def series_file() -> str:
    """A CSV file of two columns and 3,000 rows, for parts that read a file: oscillations in noise, gone with the process."""
    folder = tempfile.mkdtemp(prefix="freerun-laws-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    time = np.arange(3000)
    chance = stream(0, "data").normal(size=(2, 3000)) / 10
    columns = np.stack([np.sin(time / 5), np.cos(time / 7)]) + chance
    path = Path(folder) / "series.csv"
    path.write_text("x,y\n" + "".join(f"{x:.6f},{y:.6f}\n" for x, y in columns.T), encoding="utf-8")
    return str(path)


@functools.cache
def teacher_file(task: str = "hidden_markov") -> str:
    """The record of a small run that was trained for two updates, for parts that learn from one; gone with the process.

    Args:
        task: by name, with settings that make it small.
    """
    from freerun.config.evaluation_settings import Evaluation
    from freerun.config.experiment import Experiment
    from freerun.config.training_settings import Training
    from freerun.execution.group_runner import run_group
    from freerun.execution.planned_run import plan
    from freerun.parts.models.gru import GRU
    from freerun.store.records import Store

    folder = tempfile.mkdtemp(prefix="freerun-laws-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    world = small(registry.get("task", task))
    evaluation = Evaluation(warmup=min(world.own_warmup, world.length - 1), sequences=4, orbit=0, metrics=["loss"])
    runs = plan([Experiment(task=world, model=GRU(hidden=3), training=Training(updates=2, batch=4), evaluation=evaluation)])
    store = Store(Path(folder))
    store.open()
    run_group(runs, store, lambda *_: None, checkpoint_every=0)
    return str(store.path(runs[0].id))


def small_parts(kind: str) -> dict[str, Any]:
    """Every part of a kind by name, with tiny settings."""
    return {name: small(cls) for name, cls in registry.parts(kind).items()}


def variants(kind: str) -> dict[str, Any]:
    """Every part of a kind with every combination of its named choices (fields that are an Enum)."""
    return {
        "-".join([name, *choice]): part for name, cls in registry.parts(kind).items() for choice, part in choices(cls).items()
    }


def choices(cls: type, **settings: Any) -> dict[tuple[str, ...], Any]:
    """A part with every combination of those of its named choices that `settings` leave open, by the values chosen.

    A combination that the part itself refuses is left out, unless it is that of the defaults.
    """
    open_ = [item for item in fields(cls) if isinstance(item.default, Enum) and item.name not in settings]
    axes: list[list[Enum]] = [list(type(default)) for item in open_ if isinstance(default := item.default, Enum)]
    parts = {}
    for members in itertools.product(*axes):
        chosen = {item.name: member for item, member in zip(open_, members, strict=True)}
        try:
            part = small(cls, **settings, **chosen)
        except (ValueError, ConfigError):
            if all(member is item.default for item, member in zip(open_, members, strict=True)):
                raise
            continue
        parts[tuple(str(member.value) for member in members)] = part
    return parts


def weights_of(
    model: Model, inputs: int, outputs: int, replicas: int = 2, dtype: torch.dtype = torch.float64
) -> dict[str, torch.Tensor]:
    """Differentiable weights, replica r drawn from seed r."""
    drawn = initial_weights(model.shapes(inputs, outputs), list(range(replicas)))
    return {name: torch.from_numpy(value).to(dtype).requires_grad_() for name, value in drawn.items()}


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Standard normal values."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def uniforms(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Draws on [0, 1), on the grid of float32 so that every precision sees the same."""
    drawn = torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float32)
    return drawn.to(dtype)


def symbols(*shape: int, of: int = 4, seed: int = 0) -> torch.Tensor:
    """Symbols out of an alphabet of `of`, each equally often."""
    return torch.randint(of, shape, generator=torch.Generator().manual_seed(seed))


def gap(a: torch.Tensor, b: torch.Tensor) -> float:
    """The largest difference, relative to 1 or the largest value.

    Raises:
        Broken: if the shapes differ.
    """
    demand(a.shape == b.shape, f"shapes differ: {tuple(a.shape)} and {tuple(b.shape)}")
    if not a.numel():
        return 0.0
    a, b = a.detach(), b.detach()
    return float((a - b).abs().max() / b.abs().max().clamp(min=1))


def gradients(loss: torch.Tensor, leaves: list[torch.Tensor]) -> list[torch.Tensor]:
    """The gradient with respect to each leaf; zeros where there is none."""
    if not loss.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    return list(torch.autograd.grad(loss, leaves, allow_unused=True, materialize_grads=True, retain_graph=True))


def shifted(x: torch.Tensor, by: int) -> torch.Tensor:
    """The same values `by` bytes behind a multiple of 64, where a replica's own part of a larger tensor may lie."""
    size = x.element_size()
    room = torch.empty(x.numel() + (64 + by) // size, dtype=x.dtype)
    begin = (-room.data_ptr() % 64 + by) // size
    return room[begin : begin + x.numel()].view(x.shape).copy_(x)


def same_bits(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether two tensors are equal in shape, type and every value, NaN included."""
    return a.shape == b.shape and a.dtype == b.dtype and torch.equal(torch.nan_to_num(a, nan=7e7), torch.nan_to_num(b, nan=7e7))


def wrong_laws(mean: torch.Tensor, scale: float) -> dict[str, tuple[torch.Tensor, float]]:
    """Mean and scale of Gaussians that are not the one with this mean and scale, by what is wrong with them."""
    return {
        "one that is shifted": (mean + scale, scale), "one that is too wide": (mean, 2.5 * scale),
        "one that is too narrow": (mean, 0.3 * scale), "its mean, for sure": (mean, 0.0),
        "a shifted one that is too narrow": (mean - scale, 0.5 * scale),
    }  # fmt: skip
