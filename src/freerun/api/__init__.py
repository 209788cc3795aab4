"""Python interface: experiments are run, studies are loaded and drawn, trained models are had back.

Each name is imported at its first use: only what trains or computes loads torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["ReportPage", "Study", "TrainedModel", "TrainedRun", "figures", "load", "run"]

_HOMES = {
    "ReportPage": "report_page",
    "Study": "studies",
    "TrainedModel": "trained_model",
    "TrainedRun": "trained_runs",
    "load": "studies",
    "run": "running",
}


def __getattr__(name: str) -> Any:
    """A name of the interface, from its module."""
    if name == "figures":
        return import_module("freerun.api.figures")
    if name not in _HOMES:
        raise AttributeError(f"module 'freerun.api' has no attribute {name!r}")
    return getattr(import_module(f"freerun.api.{_HOMES[name]}"), name)
