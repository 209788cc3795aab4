"""Export of the step of a trained model: a program of `torch.export`, or ONNX, that needs no Freerun."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import torch

from freerun.errors import ConfigError, refused
from freerun.io.text import one_line
from freerun.parts import registry
from freerun.parts.layers import State, Weights
from freerun.parts.models import Model

#: What writing ONNX needs beside torch.
_FOR_ONNX = ("onnx", "onnxscript")


class _Step(torch.nn.Module):
    """One step of one replica, as a module whose weights are constants."""

    def __init__(self, model: Model, weights: Weights) -> None:
        super().__init__()
        self.model, self.names = model, list(weights)
        for place, name in enumerate(self.names):
            self.register_buffer(f"weight_{place}", weights[name].detach().clone())

    def forward(self, u: torch.Tensor, *state: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the output and the next state; without the axis of replicas."""
        weights = {name: self.get_buffer(f"weight_{place}") for place, name in enumerate(self.names)}
        output, after = self.model.step(weights, u[None], tuple(part[None] for part in state))
        return output[0], *(part[0] for part in after)


@contextmanager
def _silence() -> Iterator[None]:
    """Keep to itself what the exporter says of its own insides: what is deprecated there, and packages that no step needs."""
    loggers = [logging.getLogger(package) for package in ("torch.onnx", "onnxscript")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def write(model: Model, weights: Weights, arguments: tuple[torch.Tensor, State], path: Path) -> Path:
    """Write the step of a model; returns the path.

    Args:
        model: whose step it is.
        weights: with their axis of replicas, of one replica.
        arguments: an input and a state, with that axis, whose shapes are those of the program.
        path: ends in ``.pt2`` or ``.onnx``.

    Raises:
        ConfigError: for another ending, a state that grows, a model that torch cannot export, or if ONNX is not installed.
        StoreError: if the disk refuses.
    """
    if path.suffix not in (".pt2", ".onnx"):
        raise ConfigError(f"export_step {path.name}: must end in .pt2 (torch.export) or .onnx")
    name = registry.name_of(model)
    if model.remembers_all:
        raise ConfigError(f"export_step: the state of {name} grows with every step, so that no one program does them all")
    if path.suffix == ".onnx" and (missing := [package for package in _FOR_ONNX if find_spec(package) is None]):
        raise ConfigError(f"export_step {path.name}: needs {' and '.join(missing)}; pip install 'freerun[onnx]'")
    u, state = arguments
    parts = [f"state_{place}" for place in range(len(state))]
    try:
        with torch.no_grad():
            program = torch.export.export(_Step(model, weights), (u[0], *(part[0] for part in state)), strict=False)
        if path.suffix == ".pt2":
            torch.export.save(program, path)
        else:
            with _silence():
                torch.onnx.export(
                    program, (), path, dynamo=True, external_data=False, verbose=False, input_names=["u", *parts],
                    output_names=["output", *(f"next_{part}" for part in parts)],
                )  # fmt: skip
    except OSError as fault:
        raise refused(path, "cannot be written", fault) from None
    except Exception as fault:  # of any kind, as torch has it
        raise ConfigError(f"export_step: torch cannot export the step of {name}: {one_line(fault, 80)}") from None
    return path
