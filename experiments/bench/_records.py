"""Synthetic records for benchmarks: a store of as many, and as long, as asked for."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

from freerun.analysis.tables.quantities import declared
from freerun.io.container import wrapped
from freerun.store.records import FORM


def fill(root: Path, count: int, steps: int, points: int) -> float:
    """Write `count` records of 12 series of `steps` values and `points` points of training; returns their mean size in KiB."""
    chance, size = np.random.default_rng(0), 0
    regimes = ("teacher_forcing", "free_running", "scheduled_sampling", "sparse_forcing", "noisy_forcing")
    for number in range(count):
        run = hashlib.sha256(str(number).encode()).hexdigest()[:16]
        series = [
            {"split": split, "mode": mode, "metric": metric, "unit": "u", "first": 1, "values": chance.random(steps).tolist()}
            for split in ("train", "test")
            for mode in ("forced", "free")
            for metric in ("loss", "rmse", "nrmse")
        ]
        curves = [
            {"update": 10 * (i // 4), "quantity": f"quantity_{i % 4}", "value": value}
            for i, value in enumerate(chance.random(points).tolist())
        ]
        experiment = {
            "task": {"name": "lorenz63", "length": 100}, "model": {"name": f"model_{number % 4}", "hidden": 32},
            "regime": {"name": regimes[number // 4 % 5]}, "feedback": {"name": "mean"}, "objective": {"name": "squared_error"},
            "gradient": "through", "training": {"updates": 1000, "lr": 0.003, "clip": None, "batch": 32},
            "evaluation": {"warmup": 20, "horizon": steps}, "seed": number // 20, "device": "cpu", "dtype": "float32",
        }  # fmt: skip
        versions = {"python": "3", "freerun": "0", "torch": "2", "numpy": "2"}
        record = {
            "run": run, "experiment": experiment, "status": "done", "reason": "", "curves": curves, "series": series,
            "quantities": {metric: declared(metric, "u").written() for metric in ("loss", "rmse", "nrmse")}, "sample": None,
            "provenance": {"versions": versions, "commit": "", "machine": "", "threads": 1, "data": f"{number // 20:064d}"},
        }  # fmt: skip
        body = json.dumps(record, sort_keys=True, separators=(",", ":")).encode()
        path = root / run[:2] / f"{run}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wrapped(body, FORM))
        size += path.stat().st_size
    return size / count / 1024
