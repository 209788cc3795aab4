"""Freerun: how far does a recurrent model drift when its teacher lets go?

from freerun import Experiment, FreeRunning, Lorenz63, OutputRecurrent
experiments = [Experiment(task=Lorenz63(), model=OutputRecurrent(hidden=64), regime=FreeRunning(), seed=s) for s in range(3)]
tables = freerun.run(experiments)
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from freerun import arithmetic

__version__ = "0.1.0"

arithmetic.choose()


def __getattr__(name: str) -> Any:
    """`Experiment`, its nodes, every part by its class name, and `run`, imported at first use."""
    if name[:1].isupper():
        catalog, config = import_module("freerun.parts.registry"), import_module("freerun.config.experiment")
        if name in ("Experiment", "Training", "Evaluation"):
            return getattr(config, name)
        for kind in catalog.KINDS:
            for part in catalog.parts(kind).values():
                if part.__name__ == name:
                    return part
    if name == "run":
        return import_module("freerun.api").run
    raise AttributeError(f"module 'freerun' has no attribute {name!r}")
