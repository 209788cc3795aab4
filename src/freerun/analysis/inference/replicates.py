"""Replicates: runs that differ in their seed alone, under one label for each condition.

A condition is the whole setting except the seed. Two runs may share the names of their task, model and regime and yet differ in
a setting that a study sweeps. Whatever differs becomes part of a label, so that seeds of different settings are never pooled.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from freerun.analysis.inference.labels import label, merged, short_texts
from freerun.analysis.tables.run_table import MADE_BY
from freerun.parts import registry

#: The columns that `conditions` gives, by which runs are pooled.
CELL = ["task_label", "model_label", "method"]
#: All that it gives.
LABELS = ["task_label", "model_label", "regime_label", "setting", "method"]
BASELINE = "teacher_forcing"
#: The kinds of parts whose settings are columns of their own: a part has only its own, and the others are undefined for it.
PARTS = ("task", "model", "regime", "objective", "feedback")
#: Whose weights training began with: the recipe of that run says all of it but its seed.
_STARTS = ("training.start", "training.content")
#: How a gradient flows through what is fed back; a rule that carries none has no such setting, and its runs have this value.
GRADIENT, FLOWS = "gradient", "through"
#: Settings that one value of another one asks for; that one says enough where they have one value, and that they are absent.
_ONLY_WITH = {
    **dict.fromkeys((f"training.decay_{name}" for name in ("every", "factor", "patience", "threshold")), "training.decay"),
    "regime.epoch": "regime.coin",
}
#: Which metrics a run was measured by.
_METRICS = "evaluation.metrics"
_OWN_LABEL = ("task", "model", "regime", "objective")
#: What a part depends on beside its settings; of two parts it differs in any case.
_FILES = ("source", "content")
_NOT_SETTINGS = frozenset({"run", "study", "task", "model", "regime", "objective", "seed", "status", "reason", *MADE_BY})


def conditions(runs: pd.DataFrame, tuned: Sequence[str] = ()) -> pd.DataFrame:
    """The condition of every run in readable labels.

    A setting is in a label where it differs: of a task, within the runs of that name; of a model, within a task, from one
    width of a model to another and from model to model; of a regime likewise; any other within a task. What follows the task
    alone is in none. A setting that follows the model alone (a learning rate for each) is in the label of the model. Where the
    gradient through what is fed is a setting of the method (`cut_of_method`), it is in the label of the regime.

    Args:
        runs: the table of runs.
        tuned: settings of which each method has a value of its own: in no label where each condition has one value of them.

    Returns:
        Indexed by run, in the order of `runs`: `task_label`, `model_label`, `regime_label`, `setting` (what differs beside the
        task, the model and the regime, "" for nothing) and `method` (the regime with all that differs); categoricals in the
        order in which conditions first come up, teacher forcing first. Pending runs of which nothing is known are left out.
    """
    known = runs[runs["task"].notna()]
    known = known.drop(columns=settled(known, tuned))
    table = known[["run", "task", "model", "regime"]].astype(object)
    of_task = _without_digests(known, "task", _varying(known, _settings(known, "task"), table[["task"]]))
    table["task_label"] = _names(known, "task", of_task, table)
    swept, follows = _others(known, table)
    of_method = cut_of_method(known)
    own_settings = _together(_differing(known, "model", table[["task"]]), dict.fromkeys(table["model"].unique(), follows))
    table["model_label"] = _names(known, "model", own_settings, table)
    cell = table[["task_label", "model_label"]]
    table["regime_label"] = _names(known, "regime", _differing(known, "regime", cell), table)
    table["plain"] = _objectives(known, table)
    cut = ["" if free else text for free, text in zip(never_cut(known), described(known, [GRADIENT]), strict=True)]
    table["regime_label"] = _with_cut(table["regime_label"], cut, of_method & (GRADIENT in swept))
    rest = described(known, [name for name in swept if name != GRADIENT])
    table["setting"] = np.where(of_method, rest, described(known, swept))
    table["method"] = [merged(name, setting) for name, setting in zip(table["regime_label"], table["setting"], strict=True)]
    return _ordered(table)


def never_cut(runs: pd.DataFrame) -> np.ndarray:
    """Which runs feed nothing that they made, so that the gradient through what is fed says nothing of them: teacher forcing.

    Not under an objective that has the model roll out beside it.
    """
    objectives: dict[str, Any] = registry.parts("objective")
    names = runs["objective"].astype(object) if "objective" in runs else pd.Series([""] * len(runs))
    parts = [objectives.get(name) for name in names]
    plain = [part is not None and not part.rollouts for part in parts]
    forced: np.ndarray = (runs["regime"] == BASELINE).to_numpy(dtype=bool)
    both: np.ndarray = forced & np.array(plain, dtype=bool)
    return both


def cut_of_method(runs: pd.DataFrame) -> np.ndarray:
    """Of which runs the gradient through what is fed is a setting of the method, not of what methods are compared in.

    Where the runs of a task and model that are `never_cut` have one value of it, they are the baseline whatever it is. Where
    they were run with several, methods are compared setting by setting.
    """
    if GRADIENT not in runs:
        return np.zeros(len(runs), dtype=bool)
    place = [runs[name].astype(object).to_numpy() for name in ("task", "model")]
    once = runs[GRADIENT].where(never_cut(runs)).groupby(place, sort=False, dropna=False).transform("nunique")
    one: np.ndarray = once.eq(1).to_numpy(dtype=bool)
    return one


def _with_cut(regimes: pd.Series, cuts: Sequence[str], where: np.ndarray) -> list[str]:
    """The labels of regimes with how the gradient flows through what is fed, where it is theirs."""
    rows = zip(regimes, cuts, where, strict=True)
    return [merged(regime, cut) if own else str(regime) for regime, cut, own in rows]


def settled(runs: pd.DataFrame, tuned: Sequence[str]) -> list[str]:
    """Those of the tuned settings that have one value in each condition, a condition being all other settings but the seed."""
    names = [name for name in tuned if name in runs]
    by = [name for name in settings(runs) if name not in names]
    if not names or runs.empty:
        return []
    counts = runs.groupby(by, sort=False, dropna=False)[names].nunique(dropna=False)
    return [name for name in names if counts[name].le(1).all()]


def chosen(runs: pd.DataFrame, tuned: Sequence[str]) -> dict[tuple[str, str, str], str]:
    """What was chosen for each condition in words, ``lr=0.01``, by the columns of `CELL`.

    Args:
        runs: the table of runs with the columns of `conditions`.
        tuned: the settings that were chosen for each method.
    """
    texts = described(runs, settled(runs, tuned))
    keys = runs[CELL].astype(object).itertuples(index=False, name=None)
    return {(str(task), str(model), str(method)): text for (task, model, method), text in zip(keys, texts, strict=True) if text}


def annotated(frame: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """`frame`, which has a column `run`, with the columns of `conditions` for each of its rows."""
    where = table.index.get_indexer(pd.Index(frame["run"].astype("str")))
    return frame.assign(**{name: table[name].array.take(where, allow_fill=True) for name in table.columns})


def settings(runs: pd.DataFrame) -> list[str]:
    """The columns of `runs`, labelled or not, that make the condition of a run: the whole setting except the seed.

    The run that training started from is none where it follows from the seed, as where each seed goes on from its own run. Nor
    is the list of what is measured, which changes no number, where no run was measured by two such lists.
    """
    kinds = [name for name in _OWN_LABEL if name in runs]
    remaining = (name for name in runs.columns if name not in (*_NOT_SETTINGS, *LABELS) and not name.startswith("version."))
    names = [*kinds, *remaining]
    others = [name for name in (*names, "seed") if name != _METRICS]
    if _METRICS in names and not runs.duplicated(others).any():
        names.remove(_METRICS)
    for idle in (_STARTS, _STARTS[1:]):
        if by_seed := _follow_the_seed(runs, names, [name for name in idle if name in names]):
            return [name for name in names if name not in by_seed]
    return names


def _follow_the_seed(runs: pd.DataFrame, names: list[str], idle: list[str]) -> list[str]:
    """Those of `names` that are `idle`, if they have one value for each seed of all other settings; none otherwise."""
    by = [name for name in (*names, "seed") if name not in idle]
    if not idle or runs.empty:
        return []
    return idle if runs.groupby(by, sort=False, dropna=False)[idle].nunique(dropna=False).le(1).all(axis=None) else []


def described(runs: pd.DataFrame, names: Iterable[str]) -> list[str]:
    """Some settings of every run in words, ``lr=0.01, clip=none``; a setting that its part does not have is left out.

    So is what is usual where that is another thing from task to task, so that a method has one name over all of them: the
    gradient through what is fed, beside feeds that carry none, and the feedback rule that each task has unasked.
    """
    columns = list(names)
    last = [name.rpartition(".")[2] for name in columns]
    words = [short if last.count(short) == 1 else name for name, short in zip(columns, last, strict=True)]
    texts = [_texts(runs, name) for name in columns]
    rows = zip(*texts, strict=True) if texts else ([] for _ in range(len(runs)))
    return [", ".join(f"{word}={value}" for word, value in zip(words, row, strict=True) if value) for row in rows]


def _texts(runs: pd.DataFrame, name: str) -> list[str]:
    """The values of a setting as texts, as many different ones as there are values; "" where its part does not have it."""
    values = runs[name]
    written = short_texts(name, values.dropna().unique())
    axis = name.partition(".")[0]
    missing = ["none"] * len(runs)
    if axis in PARTS and axis in runs and axis != name:
        having = set(runs.loc[values.notna(), axis])
        missing = ["none" if part in having else "" for part in runs[axis]]
    if name in _ONLY_WITH and _ONLY_WITH[name] in runs and runs[_ONLY_WITH[name]].nunique() > 1:
        if values.nunique() == 1:
            return [""] * len(runs)
        missing = [""] * len(runs)
    texts = [unset if pd.isna(value) else written[value] for value, unset in zip(values, missing, strict=True)]
    usual = _usual(runs, name)
    return ["" if text == own else text for text, own in zip(texts, usual, strict=True)]


def _usual(runs: pd.DataFrame, name: str) -> list[str | None]:
    """The value of a setting that is not worth a word, for each run; None where there is none."""
    nothing: list[str | None] = [None] * len(runs)
    if name not in (GRADIENT, "feedback") or "feedback" not in runs:
        return nothing
    if name == GRADIENT:
        rules: dict[str, Any] = registry.parts("feedback")
        some_carry_none = any(rule in rules and not rules[rule].carries for rule in runs["feedback"].dropna().unique())
        return [FLOWS] * len(runs) if some_carry_none else nothing
    tasks: dict[str, Any] = registry.parts("task")
    unasked = [tasks[task].default_feedback if task in tasks else None for task in runs.get("task", ())]
    return unasked if len(set(unasked) - {None}) > 1 else nothing


def _settings(runs: pd.DataFrame, part: str) -> list[str]:
    return [name for name in runs.columns if name.startswith(f"{part}.")]


def _others(runs: pd.DataFrame, table: pd.DataFrame) -> tuple[list[str], list[str]]:
    """The settings that are of no part with a label and differ within a task: those that do for one model, and the others."""
    names = [name for name in settings(runs) if name.partition(".")[0] not in _OWN_LABEL]
    within = _varying(runs, names, table[["task_label", "model"]].assign(width=described(runs, _settings(runs, "model"))))
    swept = sorted({name for names in within.values() for name in names})
    between = _varying(runs, names, table[["task_label"]])
    return swept, sorted({name for names in between.values() for name in names} - set(swept))


def _varying(runs: pd.DataFrame, names: list[str], cell: pd.DataFrame) -> dict[str, list[str]]:
    """The settings that vary within a cell of runs, by the last column of `cell`."""
    varying: dict[str, list[str]] = {}
    if not names or runs.empty:
        return varying
    counts = runs[names].groupby([cell[name] for name in cell.columns], sort=False).nunique(dropna=False)
    for key, row in counts.iterrows():
        known = varying.setdefault(str(key[-1] if isinstance(key, tuple) else key), [])
        known += [name for name in names if row[name] > 1 and name not in known]
    return varying


def _differing(runs: pd.DataFrame, part: str, cell: pd.DataFrame) -> dict[str, list[str]]:
    """The settings of a kind of part that differ within a cell, by the name of the part that has them.

    Those of one part that vary, and those that two parts have, with two values.
    """
    names = _settings(runs, part)
    by_part = _varying(runs, names, cell.assign(**{part: runs[part].astype(object)}))
    if not names or runs.empty:
        return by_part
    counts = runs[names].groupby([cell[name] for name in cell.columns], sort=False).nunique()
    between = [name for name in names if (counts[name] > 1).any() and name.rpartition(".")[2] not in _FILES]
    return {
        str(value): [name for name in names if name in by_part[str(value)] or (name in between and rows[name].notna().any())]
        for value, rows in runs.groupby(part, sort=False)
    }


def _without_digests(runs: pd.DataFrame, part: str, varying: dict[str, list[str]]) -> dict[str, list[str]]:
    """The settings without the digests of files, where the others tell the conditions apart: nobody reads a digest."""
    plain = {}
    for name, names in varying.items():
        rows, others = runs[runs[part] == name], [each for each in names if each.rpartition(".")[2] not in _FILES]
        told = bool(others) and len(rows[others].drop_duplicates()) == len(rows[names].drop_duplicates())
        plain[name] = others if told else names
    return plain


def _together(first: dict[str, list[str]], second: dict[str, list[str]]) -> dict[str, list[str]]:
    return {part: [*first.get(part, []), *second.get(part, [])] for part in {**first, **second}}


def _names(runs: pd.DataFrame, part: str, varying: dict[str, list[str]], table: pd.DataFrame) -> list[str]:
    """The label of a part of every run, with those of its settings that vary."""
    texts = {name: described(runs, varying_names) for name, varying_names in varying.items() if varying_names}
    plain = [""] * len(runs)
    return [merged(label(name), texts.get(name, plain)[row]) for row, name in enumerate(table[part])]


def _objectives(runs: pd.DataFrame, table: pd.DataFrame) -> np.ndarray:
    """Make an objective that is not its task's usual one, that of most regimes, a part of the method; returns where it is.

    Professor forcing is teacher forcing with another objective, and no replicate of it.
    """
    if "objective" not in runs:
        return np.ones(len(runs), dtype=bool)
    table["objective"] = runs["objective"].astype(object)
    once = table[["task", "regime", "objective"]].drop_duplicates()
    usual = once.groupby("task", sort=False)["objective"].agg(lambda names: names.value_counts(sort=True).index[0])
    plain = (table["objective"] == table["task"].map(usual)).to_numpy()
    cell = table[["task_label", "model_label", "regime_label", "objective"]]
    swept = _varying(runs, _settings(runs, "objective"), cell)
    names = _names(runs, "objective", swept, table)
    settings_ = [name[len(label(part)) :].strip(" ()") for name, part in zip(names, table["objective"], strict=True)]
    table["regime_label"] = [
        merged(regime, setting) if usually else f"{regime} + {name}"
        for regime, setting, name, usually in zip(table["regime_label"], settings_, names, plain, strict=True)
    ]
    return plain


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    first = (table["regime"] == BASELINE) & table["plain"]
    columns = {}
    for name in LABELS:
        order = dict.fromkeys([*table.loc[first, name], *table[name]] if name in ("regime_label", "method") else table[name])
        columns[name] = pd.Categorical(table[name], categories=list(order))
    return pd.DataFrame(columns, index=pd.Index(table["run"].astype("str"), name="run"))
