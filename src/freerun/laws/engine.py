"""Laws of a part in the real engine: two updates with partners it fits, into a store of their own."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import Experiment
from freerun.config.training_settings import Training
from freerun.errors import ConfigError
from freerun.execution.group_runner import run_group
from freerun.execution.grouping import groups
from freerun.execution.planned_run import Planned, plan
from freerun.laws.toolkit import Broken, demand, only, small
from freerun.measurement.metrics import Metric
from freerun.parts import registry
from freerun.store.records import Store

UPDATES = 2
#: The partners that are tried first.
FIRST = {
    "task": ["hidden_markov", "lorenz63", "adding", "embedded_reber"],
    "model": ["gru", "hidden_recurrent", "sequence_to_one"],
    "regime": ["free_running"],
}
#: What a record of a run holds beside what it cost.
SCIENCE = ("status", "reason", "curves", "series", "comparisons", "sample")


def kind_of(part: Any) -> str:
    """The kind of a part."""
    return next(kind for kind in registry.KINDS if isinstance(part, registry.base(kind)))


def _partners(kind: str, default: bool = False) -> list[Any]:
    """Small parts of a kind, those of `FIRST` first; None stands for what an experiment takes if it names none."""
    names = [*FIRST.get(kind, []), *(name for name in registry.parts(kind) if name not in FIRST.get(kind, []))]
    return [*([None] if default else []), *(small(registry.get(kind, name)) for name in names)]


def experiments(part: Any, **evaluation: Any) -> Iterator[Experiment]:
    """Small experiments with a part, one for each task that it fits, with the first partners that fit.

    Args:
        part: of any kind.
        evaluation: settings of the evaluation; a long closed loop is left out unless they ask for one.

    Raises:
        Broken: if it fits nothing, with the last reason.
    """
    kind, reason, fitted = kind_of(part), "there is nothing to try", False
    axes = {key: [part] if key == kind else _partners(key, key not in ("task", "model")) for key in ("task", "model")}
    others = {key: [part] if key == kind else _partners(key, default=True) for key in ("feedback", "objective")}
    for task in axes["task"]:
        for model, gradient, feedback, objective in itertools.product(
            axes["model"], ("through", "stop"), others["feedback"], others["objective"]
        ):
            fed = "teacher_forcing" if model.solves else FIRST["regime"][0]
            regime = part if kind == "regime" else small(registry.get("regime", fed))
            warmup = None if task.own_warmup < task.length else task.length // 2
            try:
                chosen = Experiment(
                    task=task, model=model, regime=regime, feedback=feedback, objective=objective, gradient=gradient,
                    training=Training(updates=UPDATES, batch=4, log_every=1),
                    evaluation=Evaluation(**{"sequences": 6, "warmup": warmup, "orbit": 0, **evaluation}),
                )  # fmt: skip
            except ConfigError as fault:
                reason = str(fault)
                continue
            fitted = True
            yield chosen
            break
    if not fitted:
        raise Broken(f"fits no other part: {reason}")


def _run(runs: list[Planned], limit: int) -> list[tuple[dict[str, Any], dict[str, np.ndarray]]]:
    with tempfile.TemporaryDirectory(prefix="freerun-laws-") as folder:
        store = Store(Path(folder))
        store.open()
        for group in groups(runs, limit):
            run_group(group, store, lambda *_: None)
        return [(store.read(run.id), store.weights(run.id)) for run in runs]


def _names(experiment: Experiment) -> str:
    keys = ("task", "model", "regime", "feedback", "objective")
    return " ".join(f"{key}={registry.name_of(getattr(experiment, key))}" for key in keys)


def law_runs_two_updates(part: Any) -> None:
    """Runs two updates through the real engine, with partners it fits, and leaves a whole record.

    Cure: do what the reason says; `misfit` returns in a few words what the part does not go together with.
    """
    if isinstance(part, Metric):
        _is_measured(part)
        return
    chosen = next(experiments(part))
    record = _record(chosen)
    kind = kind_of(part)
    name = record["experiment"][kind]["name"]
    demand(name == registry.name_of(part), f"the record names {kind} {name} ({_names(chosen)})")


def _is_measured(metric: Metric) -> None:
    """The metric, asked for alone, stands in the record of some task, with long closed loops or without."""
    name, tried = registry.name_of(metric), []
    settings = {"metrics": (name,), "distances": metric.of_training}
    for chosen in (chosen for orbit in (0, 100) for chosen in experiments(metric, orbit=orbit, **settings)):
        record = _record(chosen)
        if any(entry["metric"] == name for entry in [*record["series"], *record["comparisons"]]):
            return
        tried.append(registry.name_of(chosen.task))
    raise Broken(f"is measured in no task: {', '.join(dict.fromkeys(tried))}")


def _record(experiment: Experiment) -> dict[str, Any]:
    """The record of a run, checked to be whole."""
    ((record, weights),) = _run(plan([experiment]), 1)
    case = f"({_names(experiment)})"
    _check_record(record, case)
    asked = experiment.evaluation
    if not (asked.orbit or asked.distances) and (record["series"] or asked.metrics is None):
        _check_table(record, case)
    demand(all(np.isfinite(value).all() for value in weights.values()), f"a weight that is not finite {case}")
    return record


def _check_record(record: dict[str, Any], case: str) -> None:
    demand(record["status"] == "done", f"the run is {record['status']}: {record['reason']} {case}")
    json.dumps(record, allow_nan=False)
    for quantity in ("loss", "forcing_probability", "validation_forced_loss", "validation_free_loss"):
        seen = [point["update"] for point in record["curves"] if point["quantity"] == quantity]
        demand(seen == list(range(UPDATES)), f"the curve of {quantity} has points at {seen} {case}")


def _check_table(record: dict[str, Any], case: str) -> None:
    """Every measure of single steps and rollouts stands in all four quarters, {forced, free} x {train, test}."""
    table: dict[tuple[str, str], set[tuple[Any, ...]]] = {}
    for series in record["series"]:
        key = (series["metric"], series["unit"], series["first"], len(series["values"]))
        table.setdefault((series["split"], series["mode"]), set()).add(key)
    wanted = {(split, mode) for split in ("train", "test") for mode in ("forced", "free")}
    demand(set(table) == wanted, f"measured {sorted(table)}, not {sorted(wanted)} {case}")
    first, *quarters = (table[key] for key in sorted(wanted))
    for quarter in quarters:
        demand(quarter == first, f"the quarters of the table differ in {sorted(first ^ quarter)[:1]} {case}")


@only(lambda part: not isinstance(part, Metric), "parts that a run is made of")
def law_is_the_same_alone_and_in_a_group(part: Any) -> None:
    """A run leaves the same record, bit for bit, whether it was trained alone or beside one of another seed.

    Cure: if the law of same bits above is broken too, mend that first: its cure is the cure; else look for a sum over replicas,
    a draw of its own, or a value kept in the part.
    """
    chosen = next(experiments(part))
    runs = plan([replace(chosen, seed=seed) for seed in (0, 1)])
    for run, (alone, weights_alone), (beside, weights_beside) in zip(runs, _run(runs, 1), _run(runs, 2), strict=True):
        case = f"of seed {run.experiment.seed} ({_names(chosen)})"
        for name, value in weights_alone.items():
            off = float(np.abs(value - weights_beside[name]).max())
            demand(value.tobytes() == weights_beside[name].tobytes(), f"{name} {case} differs by {off:.1e} from a run alone")
        for key in SCIENCE:
            demand(alone[key] == beside[key], f"{key} {case} differ from a run alone")
