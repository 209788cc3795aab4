"""Trained models: runs of the real engine, from the words of a command line to the weights in the store."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from freerun.analysis.inference.confidence_intervals import Interval, mean_interval
from freerun.config.hydra.compose import experiments
from freerun.engine.rollout import rollout
from freerun.errors import given
from freerun.execution.group_runner import run_group
from freerun.execution.grouping import groups
from freerun.execution.planned_run import Planned, plan
from freerun.store.records import Store


def learned(words: Sequence[str]) -> list[tuple[Planned, dict, dict[str, torch.Tensor]]]:
    """Train what a sweep asks for: each run with its record and its weights ``[1 in out]``, float64."""
    runs = plan(experiments(list(words), sweep=True))
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        store.open()
        for group in groups(runs, 64):
            run_group(group, store, lambda *_: None)
        return [
            (run, store.read(run.id), {k: torch.from_numpy(v)[None].double() for k, v in store.weights(run.id).items()})
            for run in runs
        ]


def says(run: Planned, weights: dict[str, torch.Tensor], prefix: torch.Tensor, symbols: int) -> torch.Tensor:
    """The model's next-symbol distributions ``[T+1, K]`` while it is fed a prefix ``[T, K]`` of encoded symbols."""
    fed = torch.cat([prefix, torch.zeros(1, symbols)])[:, None, None].double()
    outputs = rollout(
        run.experiment.model, weights, truth=fed, start=torch.zeros(1, 1, symbols).double(),
        feedback=given(run.experiment.feedback), mask=None,
    ).outputs  # fmt: skip
    return torch.softmax(outputs[:, 0, 0], -1)


def over_seeds(values: Sequence[float]) -> Interval:
    """Student t, 99.9 %: dozens of intervals are looked at, and each should cover."""
    return mean_interval(np.asarray(values), confidence=0.999)
