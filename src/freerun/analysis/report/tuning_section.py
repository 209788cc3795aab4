"""Section on tuning: what was chosen for each method, what that took, and what fewer trials would have come to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freerun.analysis.figures import Material
from freerun.analysis.inference import tuning_tables
from freerun.analysis.report.number_text import listed, number
from freerun.analysis.report.section import Grid, Section

_NOTE = (
    "Updates, steps (updates x batch x length of the sequences) and seconds of training are those of all trials of a method. A "
    "trial of which a run diverged or failed is never chosen; in the expected best it counts as the worst trial that has a "
    "value, so that the curve of a method that lost trials is too good. "
)
_ESTIMATORS = {
    "expected": "The expected best of n trials is the plug-in estimator of Dodge et al. (2019, equation 7), which draws n of "
    "the trials with replacement; it is cautious for n near their number.",
    "so far": "The trials of Optuna depend on those before, so that no expected best can be had from them: the table and the "
    "figure show the best so far.",
}
_ESTIMATED = {"expected": "The expected best (Dodge et al. 2019, equation 7)", "so far": "The best so far"}
#: The numbers of trials that the table shows; the figure shows all.
_SHOWN = (1, 2, 4, 8, 16, 32, 64, 128)


def section(material: Material) -> Section | None:
    """How the methods of a study were tuned; None where they were not."""
    if material.tuned is None:
        return None
    frames = tuning_tables.frames(material.tables)
    tuned = material.tuned
    axes = list(tuned["axes"])
    chosen = [{str(name): value for name, value in row.items()} for row in frames["tuned"].to_dict("records")]
    head = ("Task", "Model", "Method", "Trials", "Without a value", *axes, _target(tuned), "Updates", "Steps", "Seconds")
    rows = [
        [
            *_names(row), str(row["trials"]), str(row["lost"]), *(_value(row[axis]) for axis in axes), number(row["value"]),
            str(row["updates"]), str(row["steps"]), number(row["seconds"]),
        ]
        for row in chosen
    ]  # fmt: skip
    expected = frames["expected_best"]
    counts = [n for n in dict.fromkeys([*_SHOWN, int(expected["trials"].max())]) if n <= expected["trials"].max()]
    curves = [
        [*map(str, key), *(_at(of, n) for n in counts)] for key, of in expected.groupby(["task", "model", "method"], sort=False)
    ]
    way = "so far" if tuned["sampler"] == "optuna" else "expected"
    grids = [
        Grid(title="What was chosen for each method, and what its trials took", head=head, rows=rows),
        Grid(
            title=f"{_ESTIMATED[way]}, by the number of trials: {_target(tuned)}",
            head=("Task", "Model", "Method", *map(str, counts)), rows=curves,
        ),
    ]  # fmt: skip
    return Section(
        title="How was each method tuned?", sentences=_sentences(tuned, chosen), note=_NOTE + _ESTIMATORS[way], tables=grids,
        figure="expected_best",
    )  # fmt: skip


def _sentences(tuned: Mapping[str, Any], rows: list[dict[str, Any]]) -> list[str]:
    seeds = ", ".join(map(str, tuned["seeds"]))
    how = {"grid": "on a grid", "random": "at random", "optuna": "by Optuna's tree-structured Parzen estimator"}
    axes = listed([f"{axis} ({values})" for axis, values in tuned["axes"].items()])
    best = "largest" if tuned["maximize"] else "smallest"
    found = [
        f"Each of {len(rows)} methods was tuned over those of these settings that it has, {axes}, by "
        f"{rows[0]['trials']} trials {how[tuned['sampler']]}, each on the seeds {seeds}, none of them a seed of this study. "
        f"Chosen was the {best} {_target(tuned)}, a mean over the seeds; the runs reported here were trained anew with it.",
        "Settings that were chosen stand in the label of their method; methods are compared whatever was chosen for them.",
    ]
    if tuned["split"] == "test":
        found.append("It was chosen on the test split: where a task has one world for all seeds, that is what is reported.")
    if edge := _edges(tuned, rows):
        found.append(edge)
    return found


def _edges(tuned: Mapping[str, Any], rows: list[dict[str, Any]]) -> str:
    """Which methods have the first or the last value of a list of numbers chosen, so that a better one may lie beyond."""
    at = []
    for axis, values in tuned["axes"].items():
        try:
            numbers = sorted(float(value) for value in values.split(","))
        except ValueError:
            continue
        at += [
            f"{' '.join(_names(row))} ({axis}={row[axis]})"
            for row in rows
            if row[axis] is not None and len(numbers) > 2 and float(row[axis]) in (numbers[0], numbers[-1])
        ]
    return f"At the edge of what was tried, so that a better value may lie beyond: {listed(at)}." if at else ""


def _target(tuned: Mapping[str, Any]) -> str:
    return f"{tuned['metric']}, {tuned['mode']}, on {tuned['split']}"


def _names(row: Mapping[Any, Any]) -> list[str]:
    return [str(row[name]) for name in ("task", "model", "method")]


def _value(value: object) -> str:
    return value if isinstance(value, str) else "none"


def _at(of: Any, trials: int) -> str:
    values = of.loc[of["trials"] == trials, "value"]
    return number(values.iloc[0]) if len(values) else ""
