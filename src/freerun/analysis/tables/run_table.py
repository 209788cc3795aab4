"""Table of runs: axes, settings, outcome and provenance of each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from freerun.config.left_out_settings import left_out
from freerun.parts import registry
from freerun.store.record_columns import OWN_SETTINGS, Extract
from freerun.store.record_types import Trained
from freerun.store.records import Store, names

#: The axes of an experiment that are columns by their plain name.
AXES = ("task", "model", "regime", "feedback", "gradient", "seed")
VERSIONS = ("python", "freerun", "torch", "numpy")
#: The columns that say by what a run was made, beside the versions; no setting of it.
MADE_BY = ("measurement", "commit", "machine", "processor", "arithmetic", "engine", "threads", "data")


def frame(
    order: list[str], study: str, extract: Extract, at: np.ndarray, store: Store, planned: Mapping[str, Mapping[str, Any]]
) -> pd.DataFrame:
    """A row for each run of a study; the types of the columns depend on the values alone.

    Args:
        order: the runs.
        study: its name.
        found: the extract of those that have a sound record.
        at: their places in `order`.
        store: tells why others have failed.
        planned: the canonical experiments by identity, to tell what pending runs would have been.
    """
    trees: list[Mapping[str, Any]] = [msgspec.json.decode(text) for text in extract.texts["experiment"]]
    outcomes: list[dict[str, Any]] = [msgspec.json.decode(text) for text in extract.texts["outcome"]]
    tree, end = (np.zeros(len(order), dtype=np.int64) for _ in range(2))
    tree[at], end[at] = extract.columns["experiment"], extract.columns["outcome"]
    seeds = pd.array([None] * len(order), dtype="Int64")
    seeds[at] = extract.columns["seed"]
    for place in np.setdiff1d(np.arange(len(order)), at).tolist():
        plan = planned.get(order[place], {})
        tree[place], end[place] = len(trees), len(outcomes)
        trees.append(plan)
        outcomes.append(outcome(None, store.failures.reason(order[place])))
        seeds[place] = plan.get("seed", pd.NA)
    of_tree = _columns(
        [{**_axes(experiment), **_settings(experiment)} for experiment in trees],
        tree,
        [{**left_out(each), **_of_plugins(each)} for each in trees],
    )
    of_outcome = _columns(outcomes, end, [{} for _ in outcomes])
    last = ("status", "reason", *(f"version.{name}" for name in VERSIONS), *MADE_BY)
    empty = pd.Series([None] * len(order), dtype="str")
    columns = {
        "run": pd.Series(list(names(order).values()), dtype="str"),
        "study": pd.Series([study] * len(order), dtype="str"),
    }
    columns |= {name: pd.Series(seeds) if name == "seed" else of_tree.pop(name, empty) for name in AXES}
    of_tree.pop("seed", None)
    columns |= {name: of_tree[name] for name in sorted(of_tree) if name not in columns and name not in last}
    columns |= {name: of_outcome.get(name, empty) for name in last}
    measured = [run.partition("-")[2] or None for run in order]
    return pd.DataFrame({**columns, "measurement": pd.Series(measured, dtype="str")})


def _axes(tree: Mapping[str, Any]) -> dict[str, Any]:
    axes = {}
    for axis in AXES:
        value = tree.get(axis)
        axes[axis] = value["name"] if isinstance(value, Mapping) else value
    return axes


def _settings(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting as ``part.setting``, in the order of the tree."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            if "name" in value and key not in AXES:
                flat[key] = value["name"]
            apart = ("settings", OWN_SETTINGS) if key == "evaluation" else ()
            plain = {name: setting for name, setting in value.items() if name not in apart}
            flat.update({f"{key}.{name}": _plain(setting) for name, setting in plain.items() if name != "name"})
            for metric, settings in value.get("settings", {}).items() if key == "evaluation" else ():
                flat.update({f"{key}.{metric}.{name}": _plain(setting) for name, setting in settings.items()})
        elif key not in AXES:
            flat[key] = value
    return flat


def _of_plugins(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the metrics of plugins, as far as the record of a measurement says them."""
    evaluation = tree.get("evaluation")
    own = evaluation.get(OWN_SETTINGS, {}) if isinstance(evaluation, Mapping) else {}
    return {f"evaluation.{metric}.{name}": _plain(value) for metric, values in own.items() for name, value in values.items()}


def _plain(value: Any) -> Any:
    return json.dumps(value, sort_keys=True) if isinstance(value, (list, dict)) else value


def outcome(trained: Trained | None, failure: str | None = None) -> dict[str, Any]:
    """The outcome of a run, and its provenance.

    Args:
        trained: what its record says; None if it has no sound one.
        failure: why its last try failed, if it did.
    """
    if trained is None:
        return {"status": "pending" if failure is None else "failed", "reason": failure or ""}
    made = trained.provenance
    versions = {f"version.{name}": made.versions.get(name) for name in VERSIONS}
    by = {key: getattr(made, key) for key in MADE_BY if key != "measurement"}
    took: dict[str, Any] = {"steps": made.steps, "products": made.products}
    took |= {} if made.updates is None else {"updates": made.updates}
    if (start := made.start) is not None:
        took |= {"start": start.run, **{f"start_{name}": getattr(start, name) for name in ("updates", "steps", "products")}}
    return {"status": trained.status, "reason": trained.reason, **versions, **by, **took}


def _columns(kinds: list[dict[str, Any]], codes: np.ndarray, unsaid: list[dict[str, Any]]) -> dict[str, pd.Series]:
    """A column for every key of the rows `kinds`, of which `codes` picks one for each row of the table.

    Args:
        kinds: the rows.
        codes: which of them each row of the table is.
        unsaid: the values of a row where another one has the key and it has not.
    """
    used, codes = np.unique(codes, return_inverse=True)
    rows = [(kinds[kind], unsaid[kind]) for kind in used]
    names = dict.fromkeys(name for row, _ in rows for name in row)
    return {
        name: _column([row.get(name, beside.get(name, _of_metric(name) if row else None)) for row, beside in rows])
        .take(codes)
        .reset_index(drop=True)
        for name in names
    }


def _of_metric(name: str) -> Any:
    """Return what a setting of a metric is where an experiment does not say it; None of others, or if the metric is unknown."""
    head, metric, setting = (*name.split(".", 2), "", "")[:3]
    if head != "evaluation" or not setting:
        return None
    part = registry.parts("metric").get(metric)
    declared = [item for item in fields(part) if item.name == setting] if part is not None else []
    return _plain(declared[0].default) if declared and declared[0].default is not MISSING else None


def _column(values: list[Any]) -> pd.Series:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return pd.Series(values, dtype="boolean")
    if kinds == {int}:
        return pd.Series(values, dtype="Int64")
    if kinds and kinds <= {int, float}:
        return pd.Series(np.array(values, dtype=float))
    texts = [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
    return pd.Series(texts, dtype="str")
