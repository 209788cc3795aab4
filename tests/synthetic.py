"""Records of studies that were never run, for the tests below the store."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from freerun.analysis.tables.quantities import declared, of_frames
from freerun.analysis.tables.tidy import Tables
from freerun.store.quantity import WORLDS_GROWTH
from freerun.store.records import Store

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


def quantities(task):
    """What the metrics of a task mean, as the runner writes it; lorenz63 is chaotic."""
    found = {name: declared(name, unit) for name, unit, _ in metrics(task)}
    found |= {each["metric"]: declared(each["metric"], each["unit"]) for each in COMPARISONS}
    if "kl" in found:  # these tables need errors of which ratios are made on more than one task
        found["kl"] = replace(found["kl"], scale="ratio", part="headline")
    if "valid_time" in found:  # one headline, unless a test adds another
        found["valid_time"] = replace(found["valid_time"], part="companion")
    if task == "lorenz63":
        found["rmse"] = replace(found["rmse"], blind=(WORLDS_GROWTH,))
        found["loss"] = replace(found["loss"], part="companion")
    return {name: each.written() for name, each in found.items()}


#: One estimate with its interval, one exact value.
COMPARISONS = [
    {
        "split": "test",
        "metric": "acc_err",
        "unit": "steps",
        "first": 1,
        "values": [1.0, 2.0],
        "low": [0.5, None],
        "high": [1.5, None],
    },
    {"split": "test", "metric": "lyapunov_true", "unit": "1/step", "first": 0, "values": [0.9], "low": None, "high": None},
]


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
        "comparisons": COMPARISONS if finished else [],
        "quantities": quantities(task) if finished else {},
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


def study(folder, experiments, statuses=None, *, apart=False):
    """A store with a record for each experiment; returns it with the identities in order.

    Args:
        apart: with a record for each trained run and one for its measurement, as they are today; else both in one, as up to
            generation 4.
    """
    store, ids = Store(Path(folder)), []
    for number, experiment in enumerate(experiments):
        run = f"{number + 1:016x}"
        status, reason = (statuses or {}).get(number, ("done", ""))
        whole = record(run, experiment, status, reason)
        for part in divided(whole) if apart else [whole]:
            if status != "pending":
                store.write(part, None)
        ids.append(f"{run}-{MEASUREMENT}" if apart else run)
    return store, ids


MEASUREMENT = "0123abcd"


def divided(whole):
    """The record of a trained run and that of its measurement, as the runner writes them, of a record that holds both."""
    measured = ("series", "comparisons", "quantities", "sample")
    evaluation = dict(whole["experiment"]["evaluation"])
    warmup = {"warmup": evaluation.pop("warmup")}
    trained = {key: value for key, value in whole.items() if key not in measured}
    own = {key: whole[key] for key in (*measured, "status", "reason", "provenance")}
    run = f"{whole['run']}-{MEASUREMENT}"
    return [
        {**trained, "experiment": {**whole["experiment"], "evaluation": warmup}, "memory": {}},
        {**own, "run": run, "of": "", "measuring": 1, "evaluation": evaluation, "metrics": {}},
    ]


def grid(tasks=("lorenz63",), models=("gru",), regimes=("teacher_forcing", "scheduled_sampling"), seeds=3, **settings):
    """Experiments over a grid."""
    return [tree(t, m, r, s, **settings) for t in tasks for m in models for r in regimes for s in range(seeds)]


def simulated(free, forced=None, metric="loss", unit="nats", lost=()):
    """The frames of a study that was drawn, not run: errors [tasks regimes seeds steps] become tables as `frames` gives them.

    Args:
        free, forced: the errors of each run at each step since the release; `forced` is 0 where it is not given.
        lost: runs (task, regime, seed) that diverged and have no errors.
    """
    tasks, regimes, _, steps = free.shape
    forced = np.zeros_like(free) if forced is None else forced
    names = ["teacher_forcing", *(f"regime_{i}" for i in range(1, regimes))]
    task, regime, seed = (each.ravel() for each in np.indices(free.shape[:3]))
    run = pd.Index([f"{i:016x}" for i in range(len(task))], dtype="str")
    words = {"study": "s", "model": "gru", "feedback": "mean", "gradient": "through"}
    gone = np.isin(run, [run[np.ravel_multi_index(each, free.shape[:3])] for each in lost])
    axes = {"task": np.array([f"task{i}" for i in range(tasks)])[task], "regime": np.array(names)[regime], "seed": seed}
    status = np.where(gone, "diverged", "done")
    runs = pd.DataFrame({"run": run, **words, **axes, "status": status, "reason": ""})
    place = np.repeat(np.flatnonzero(~gone), 2 * steps)
    kept = (~gone).sum()
    values = np.stack([forced.reshape(-1, steps), free.reshape(-1, steps)], axis=1)[~gone]
    gaps = pd.DataFrame(
        {
            "run": pd.Categorical.from_codes(place, run),
            **{name: pd.Categorical.from_codes(np.zeros(len(place), int), [word]) for name, word in words.items()},
            **{name: pd.Categorical(axes[name])[place] for name in ("task", "regime")},
            "seed": seed[place],
            "split": pd.Categorical.from_codes(np.zeros(len(place), int), ["test"]),
            "mode": pd.Categorical.from_codes(np.tile(np.repeat([0, 1], steps), kept), ["forced", "free"]),
            "metric": pd.Categorical.from_codes(np.zeros(len(place), int), [metric]),
            "step": np.tile(np.arange(1, steps + 1), 2 * kept),
            "value": values.ravel(),
            "unit": pd.Categorical.from_codes(np.zeros(len(place), int), [unit]),
        }
    )
    curves = pd.DataFrame({"run": gaps["run"][:0], "update": np.zeros(0, int), "quantity": gaps["metric"][:0], "value": 0.0})
    compared = gaps[:0].drop(columns="mode").assign(low=0.0, high=0.0)
    return Tables(runs=runs, curves=curves, gaps=gaps, compared=compared, quantities=of_frames([gaps]))
