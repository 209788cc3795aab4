"""Records of studies that were never run, for the tests below the store."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from freerun.store import Store

LENGTH = {"hidden_markov": 8, "lorenz63": 8, "embedded_reber": 6, "text": 6, "adding": 1}


def tree(task="lorenz63", model="gru", regime="teacher_forcing", seed=0, **settings):
    """A canonical experiment; `settings` such as ``training__lr`` replace or add one."""
    made = {
        "task": {"name": task, "length": 20},
        "model": {"name": model, "hidden": 8},
        "regime": {"name": regime},
        "feedback": {"name": "mean" if task == "lorenz63" else "sample"},
        "objective": {"name": "squared_error" if task == "lorenz63" else "cross_entropy"},
        "gradient": "through",
        "training": {"updates": 100, "lr": 0.003, "clip": None},
        "evaluation": {"warmup": 2, "horizon": LENGTH.get(task, 6), "sequences": 4},
        "seed": seed,
        "device": "cpu",
        "dtype": "float32",
    }
    for key, value in settings.items():
        part, _, name = key.partition("__")
        if name:
            made[part][name] = value
        else:
            made[part] = value
    return made


def metrics(task):
    """(name, unit, whether one a step) of what is measured on a task."""
    known = {
        "hidden_markov": [("loss", "nats", True), ("kl", "nats", True)],
        "lorenz63": [("loss", "scaled^2", True), ("rmse", "attractor std", True), ("valid_time", "Lyapunov times", False)],
        "embedded_reber": [("kl", "nats", True), ("off_support", "share", True), ("validity", "share", False)],
        "adding": [("rmse", "scaled", True)],
    }
    return known.get(task, [("loss", "nats", True), ("accuracy", "share", True)])


def record(run, experiment, status="done", reason="", chance=None):
    """A record as the runner writes it, with numbers drawn from `chance`."""
    chance = np.random.default_rng(int(run, 16)) if chance is None else chance
    task = experiment["task"]["name"]
    finished = status == "done"
    series = []
    for split in ("train", "test"):
        for mode in ("forced", "free"):
            for name, unit, stepwise in metrics(task):
                size = LENGTH.get(task, 6) if stepwise else 1
                values = 0.1 * np.exp(0.2 * chance.normal(size=size)) * (1 if mode == "forced" else 1 + np.arange(size))
                series.append(
                    {
                        "split": split,
                        "mode": mode,
                        "metric": name,
                        "unit": unit,
                        "first": int(stepwise),
                        "values": values.tolist(),
                    }
                )
    curves = [
        {"update": update, "quantity": name, "value": math.exp(-update / 50) + 0.01 * float(chance.random())}
        for update in (0, 50, 90, 99)
        for name in ("loss", "forcing_probability", "validation_forced_loss", "validation_free_loss")
    ]
    return {
        "run": run,
        "experiment": experiment,
        "status": status,
        "reason": reason,
        "curves": curves if status != "failed" else [],
        "series": series if finished else [],
        "sample": sample(task, chance) if finished else None,
        "provenance": {
            "versions": {"python": "3", "freerun": "0", "torch": "2", "numpy": "2"},
            "commit": "abc",
            "machine": "Linux",
            "device": "cpu",
            "threads": 1,
            "data": "00",
            "group_size": 1,
            "training_seconds": float(chance.random()),
            "evaluation_seconds": 0.1,
            "updates_per_second": 1.0,
        },
    }


def sample(task, chance):
    """What a task shows of a free rollout."""
    if task == "lorenz63":
        orbit = chance.normal(size=(10, 3)).tolist()
        return {"kind": "orbit", "dt": 0.02, "warmup": 2, "true": orbit, "generated": orbit}
    if task == "text":
        return {"kind": "text", "lines": [{"prompt": "a <b>", "truth": "$x$ `\n|", "generated": "<script>\u4e2d"}] * 2}
    if task == "embedded_reber":
        return {"kind": "strings", "lines": [{"text": "BTE", "valid": True}]}
    return None


def study(folder, experiments, statuses=None):
    """A store with a record for each experiment; returns it with the identities in order."""
    store, ids = Store(Path(folder)), []
    for number, experiment in enumerate(experiments):
        run = f"{number + 1:016x}"
        status, reason = (statuses or {}).get(number, ("done", ""))
        if status != "pending":
            store.write(record(run, experiment, status, reason), None)
        ids.append(run)
    return store, ids


def grid(tasks=("lorenz63",), models=("gru",), regimes=("teacher_forcing", "scheduled_sampling"), seeds=3, **settings):
    """Experiments over a grid."""
    return [tree(t, m, r, s, **settings) for t in tasks for m in models for r in regimes for s in range(seeds)]
