"""Renaming: the labels of tasks, models, methods and measures as a paper calls them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from freerun.analysis.figures._figure_data import Material
from freerun.analysis.inference.replicates import CELL
from freerun.analysis.tables.quantities import Quantities
from freerun.errors import ConfigError
from freerun.io.suggestions import nearest
from freerun.io.text import brief

_AXES = dict(zip(CELL, ("tasks", "models", "methods"), strict=True))


def renamed(material: Material, labels: Mapping[str, str]) -> Material:
    """Return material in which tasks, models, methods and measures are called otherwise, wherever they are shown.

    Args:
        material: of a study.
        labels: the new label of each old one, as legends and titles show them: ``{"free running": "BPTT, closed loop"}``.

    Raises:
        ConfigError: if nothing is called so, or two would be called the same.
    """
    if not labels:
        return material
    names = {axis: [str(name) for name in material.runs[axis].cat.categories] for axis in CELL}
    measures = [str(label) for label in material.tables.quantities["label"].astype("str").unique()]
    _demand_known(labels, {name for known in names.values() for name in known} | set(measures))
    for kind, known in [*((_AXES[axis], known) for axis, known in names.items()), ("measures", measures)]:
        _demand_apart(kind, known, labels)
    new = {axis: {name: labels[name] for name in known if name in labels} for axis, known in names.items()}
    task = {name: labels.get(name, name) for name in names["task_label"]}
    said = material.tables.quantities
    quantities = said.assign(label=said["label"].astype("str").replace(dict(labels)))
    return replace(
        material,
        runs=_frame(material.runs, new), curves=_frame(material.curves, new), steps=_frame(material.steps, new),
        whole=_frame(material.whole, new), compared=_frame(material.compared, new),
        tables=replace(material.tables, quantities=quantities),
        quantities=Quantities(quantities),
        primary={task[name]: metric for name, metric in material.primary.items()},
        forecasts={task[name]: metric for name, metric in material.forecasts.items()},
        headlines={task[name]: metrics for name, metrics in material.headlines.items()},
        players=material.players.replace({"task_label": new["task_label"]}),
        samples={
            kind: [
                replace(
                    sample, task=labels.get(sample.task, sample.task), model=labels.get(sample.model, sample.model),
                    method=labels.get(sample.method, sample.method),
                )
                for sample in samples
            ]
            for kind, samples in material.samples.items()
        },
        looks={labels.get(name, name): look for name, look in material.looks.items()},
        chosen={
            (labels.get(task_, task_), labels.get(model, model), labels.get(method, method)): words
            for (task_, model, method), words in material.chosen.items()
        },
        labels=dict(labels),
    )  # fmt: skip


def _demand_known(labels: Mapping[str, str], known: set[str]) -> None:
    for name, text in labels.items():
        if name not in known:
            said = f"labels {brief(name)}: no task, model, method or measure of these runs is called so"
            raise ConfigError(f"{said}; {nearest(name, known)}")
        if not str(text).strip():
            raise ConfigError(f"labels {brief(name)}: the new label is empty")


def _demand_apart(kind: str, known: list[str], labels: Mapping[str, str]) -> None:
    """Refuse to call two things one name: a figure would show them as one."""
    called: dict[str, str] = {}
    for name in known:
        new = labels.get(name, name)
        if new in called:
            raise ConfigError(f"labels: two {kind}, {brief(called[new])} and {brief(name)}, would both be called {brief(new)}")
        called[new] = name


def _frame(frame: pd.DataFrame, new: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    return frame.assign(**{axis: frame[axis].cat.rename_categories(dict(new[axis])) for axis in CELL if axis in frame})
