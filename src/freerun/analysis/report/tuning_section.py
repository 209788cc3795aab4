"""Section on tuning: what was chosen for each method, what that took, and what fewer trials would have come to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freerun.analysis.figures import Material
from freerun.analysis.inference import tuning_tables
from freerun.analysis.report.number_text import listed, number
from freerun.analysis.report.section import Grid, Section

_NOTE = (
    "Updates, steps of sequences that were rolled out, products of weights in these steps and seconds of training are those of "
    "all trials of a method, as far as they were trained. A trial of which a run diverged is never chosen, nor is one that was "
    "pruned. "
)
_LOST = (
    "In the expected best a trial without a value counts as the worst that has one, so that the curve of a method that lost "
    "trials is too good. "
)
_EXPECTED = (
    "The expected best of n trials is the plug-in estimator of Dodge et al. (2019, equation 7), which draws n of "
    "the trials with replacement; it is cautious for n near their number."
)
_SO_FAR = (
    "Trials that Optuna chose or pruned depend on those before, so that no expected best can be had from them: the table and "
    "the figure show the best so far."
)
#: Most methods that a sentence names.
_MOST_NAMED = 6
#: The numbers of trials that the table shows; the figure shows all.
_SHOWN = (1, 2, 4, 8, 16, 32, 64, 128)


def section(material: Material) -> Section | None:
    """How the methods of a study were tuned; None where they were not."""
    if material.tuned is None:
        return None
    frames = tuning_tables.frames(material.tables)
    if not frames:
        return None
    tuned = material.tuned
    chosen = [{str(name): value for name, value in row.items()} for row in frames["tuned"].to_dict("records")]
    if tuning_tables.independent(tuned):
        title, note = "The expected best (Dodge et al. 2019, equation 7)", _NOTE + _LOST + _EXPECTED
    else:
        title, note = "The best so far", _NOTE + _SO_FAR
    targets = list(dict.fromkeys(_target(row) for row in chosen))
    by = targets[0] if len(targets) == 1 else "each in its own target"
    curves = _curves(f"{title}, by the number of trials: {by}", frames["expected_best"])
    grids = [_chosen(tuned, chosen, targets), curves]
    return Section(
        title="How was each method tuned?", sentences=_sentences(tuned, chosen), note=note, tables=grids, figure="expected_best"
    )  # fmt: skip


def _chosen(tuned: Mapping[str, Any], rows: list[dict[str, Any]], targets: list[str]) -> Grid:
    """The table of what was chosen for each method, by which target, and what its trials took."""
    several = len(targets) > 1
    axes, pruner = list(tuned["axes"]), tuned["pruner"] != "none"
    head = (
        "Task", "Model", "Method", "Trials", *(["Pruned"] if pruner else []), "Without a value", *axes,
        *(("Chosen by", "Value") if several else targets),
        "Updates", "Steps", "Products", "Seconds",
    )  # fmt: skip
    cells = [
        [
            *_names(row), str(row["trials"]), *([str(row["pruned"])] if pruner else []), str(row["lost"]),
            *(_value(row[axis]) + " (an end)" * (axis in _ends(tuned, row)) for axis in axes),
            *([_target(row)] if several else []), number(row["value"]),
            str(row["updates"]), str(row["steps"]), number(row["products"]) if row["products"] else "", number(row["seconds"]),
        ]
        for row in rows
    ]  # fmt: skip
    return Grid(title="What was chosen for each method, and what its trials took", head=head, rows=cells)


def _curves(title: str, expected: Any) -> Grid:
    """The table of the best by the number of trials, at some of these."""
    most = int(expected["trials"].max())
    counts = [n for n in dict.fromkeys([*_SHOWN, most]) if n <= most]
    curves = [
        [*map(str, key), *(_at(rows, n) for n in counts)]
        for key, rows in expected.groupby(["task", "model", "method"], sort=False)
    ]
    return Grid(title=title, head=("Task", "Model", "Method", *map(str, counts)), rows=curves)


def _sentences(tuned: Mapping[str, Any], rows: list[dict[str, Any]]) -> list[str]:
    listed_seeds, many = ", ".join(map(str, tuned["seeds"])), len(tuned["seeds"]) > 1
    seeds = f"the seed{'s' * many} {listed_seeds}, {'none of them' if many else 'not'} a seed of this study"
    how = {"grid": "on a grid", "random": "at random", "optuna": "by Optuna's tree-structured Parzen estimator"}
    axes = listed([f"{axis} ({values})" for axis, values in tuned["axes"].items()])
    methods = tuned["methods"]
    chosen = list(
        dict.fromkeys(
            f"the {'largest' if target['maximize'] else 'smallest'} {_target(target)}"
            for target in (tuning_tables.target_of(method, tuned) for method in methods)
        )
    )
    sentences = [
        f"Each of {len(rows)} methods was tuned over those of these settings that it has, {axes}, by "
        f"{_trials(rows)} trials {how[tuned['sampler']]}, each on {seeds}. "
        f"Chosen was {'; or, as the task has it, '.join(chosen)}, a mean over the seeds; the runs reported here were trained "
        "anew with it.",
        "Settings that were chosen stand in the label of their method; methods are compared whatever was chosen for them.",
    ]
    if tuned["pruner"] == "halving":
        sentences.insert(
            1,
            "Hopeless trials were pruned by asynchronous successive halving (Li et al. 2020, as in Optuna): after a ninth and "
            "after a third of the updates a trial went on if it was among the best third of those that had come so far before "
            "it. All methods have as many trials; what these took is in the table.",
        )
    if tuned["split"] == "test":
        sentences.append("It was chosen on the test split: where a task has one world for all seeds, that is what is reported.")
    if tied := sum(_tied(method) for method in methods):
        sentences.append(
            f"For {tied} of {len(methods)} methods several trials are best alike, to the last digit, and the first of them was "
            "taken."
        )
    if edge := _edges(tuned, rows):
        sentences.append(edge)
    return sentences


def _trials(rows: list[dict[str, Any]]) -> str:
    """How many trials a method has: of a budget of products not all have as many."""
    counts = sorted({row["trials"] for row in rows})
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]} (as many as fit into one budget of products)"


def _tied(method: Mapping[str, Any]) -> bool:
    """Whether another trial has the value of the one that was chosen."""
    values = [trial["value"] for trial in method["trials"]]
    chosen = next(trial["value"] for trial in method["trials"] if trial["settings"] == method["chosen"])
    return values.count(chosen) > 1


def _edges(tuned: Mapping[str, Any], rows: list[dict[str, Any]]) -> str:
    """Which methods have the first or the last value of a list of numbers chosen; how many, where they are many."""
    at = [f"{' '.join(_names(row))} ({axis}={row[axis]})" for row in rows for axis in _ends(tuned, row)]
    if len(at) > _MOST_NAMED:
        return f"{_counted(tuned, rows)} (an end, in the table), so that a better one may lie beyond."
    return f"At the edge of what was tried, so that a better value may lie beyond: {listed(at)}." if at else ""


def _counted(tuned: Mapping[str, Any], rows: list[dict[str, Any]]) -> str:
    """For how many methods an end was chosen, in words."""
    count = sum(bool(_ends(tuned, row)) for row in rows)
    return f"Of {count} of {len(rows)} methods the value that was chosen is the smallest or the largest that was tried"


def _ends(tuned: Mapping[str, Any], row: Mapping[str, Any]) -> list[str]:
    """The axes of three numbers or more of which a method has the first or the last."""
    found = []
    for axis, values in tuned["axes"].items():
        try:
            numbers = sorted(float(value) for value in values.split(","))
        except ValueError:
            continue
        if row[axis] is not None and len(numbers) > 2 and float(row[axis]) in (numbers[0], numbers[-1]):
            found.append(axis)
    return found


def ends(material: Material) -> str:
    """For how many methods of a study an end of what was tried was chosen, in a sentence; "" where for none."""
    frames = {} if material.tuned is None else tuning_tables.frames(material.tables)
    if material.tuned is None or not frames:
        return ""
    rows = [{str(name): value for name, value in row.items()} for row in frames["tuned"].to_dict("records")]
    some = any(_ends(material.tuned, row) for row in rows)
    return f"{_counted(material.tuned, rows)}; a better one may lie beyond." if some else ""


def _target(of: Mapping[str, Any]) -> str:
    return f"{of['metric']}, {of['mode']}, on {of['split']}"


def _names(row: Mapping[Any, Any]) -> list[str]:
    return [str(row[name]) for name in ("task", "model", "method")]


def _value(value: object) -> str:
    return value if isinstance(value, str) else "none"


def _at(rows: Any, trials: int) -> str:
    values = rows.loc[rows["trials"] == trials, "value"]
    return number(values.iloc[0]) if len(values) else ""
