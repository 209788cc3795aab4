"""Laws of a figure: it draws what the tables of a study give, changes none of them, and is the same figure every time.

A figure is a module, in a file of one's own or of `freerun.analysis.figures`. It is tried on small studies that were trained
for two updates: of symbols and of values, two regimes, three seeds each.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from freerun.analysis.figures import Material, Part
from freerun.analysis.tables import tidy
from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import Experiment
from freerun.config.training_settings import Training
from freerun.execution.group_runner import run_group
from freerun.execution.grouping import groups
from freerun.execution.planned_run import plan
from freerun.laws.toolkit import Broken, demand, small
from freerun.parts import registry
from freerun.store.records import Store

TASKS = ("hidden_markov", "lorenz63")
REGIMES = ("teacher_forcing", "free_running")
TABLES = ("runs", "curves", "gaps", "compared", "players", "budgets")
#: What a figure is given, by the names in `Material`.
FRAMES = ("runs", "curves", "steps", "whole", "compared", "players")


def study(task: str) -> Material:
    """The material of a small study of one task, anew at each call: a figure may spoil what it is given."""
    tables, samples = _trained(task)
    return Material.of(replace(tables, **{name: getattr(tables, name).copy() for name in TABLES}), samples)


@functools.cache
def _trained(task: str) -> tuple[tidy.Tables, dict[str, dict[str, Any]]]:
    experiments = [
        Experiment(
            task=small(registry.get("task", task)), model=small(registry.get("model", "gru"), hidden=3),
            regime=small(registry.get("regime", regime)), seed=seed, training=Training(updates=2, batch=4, log_every=1),
            evaluation=Evaluation(sequences=4, warmup=4, orbit=0, distances=False),
        )
        for regime in REGIMES
        for seed in range(3)
    ]  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="freerun-laws-") as folder:
        runs, store = plan(experiments), Store(Path(folder))
        store.open()
        for group in groups(runs, len(runs)):
            run_group(group, store, lambda *_: None)
        ids = [run.id for run in runs]
        return tidy.frames(store, ids, "laws", {run.id: run.tree for run in runs}), tidy.samples(store, ids)


def none() -> Material:
    """The material of a study of which no run is done."""
    whole = study(TASKS[0]).tables
    lost = {name: getattr(whole, name).iloc[:0] for name in TABLES[1:]}
    return Material.of(replace(whole, runs=whole.runs.assign(status="failed", reason="lost"), **lost), {})


def drawn(figure: Part, material: Material) -> Iterator[tuple[str, Any]]:
    """What a figure draws, by the rest of its name."""
    from matplotlib.figure import Figure

    from freerun.analysis.figures._style import style

    with style():
        made = figure.draw(material)
    demand(isinstance(made, dict), f"draw returns {type(made).__name__}, not figures by the rest of their name")
    for name, one in made.items():
        demand(isinstance(name, str), f"the name of a figure is {name!r}")
        demand(isinstance(one, Figure), f"{name!r} is {type(one).__name__}, not a matplotlib Figure")
        yield name, one


def law_draws_what_there_is(figure: Part) -> str:
    """Of some study, of symbols or of values, it draws a figure or more, each with axes that have something on them.

    Cure: return `{"": figure}`, made by `matplotlib.figure.Figure` from the frames of `material`; look whether the metric,
    split and mode that are asked for are in the tables.
    """
    found = []
    for task in TASKS:
        for name, one in drawn(figure, study(task)):
            demand(any(axes.has_data() or axes.texts for axes in one.axes), f"{task}: figure {name!r} is empty")
            found.append(task)
    demand(bool(found), f"it draws nothing of {' or '.join(TASKS)}")
    return ", ".join(dict.fromkeys(found))


def law_nothing_is_drawn_of_nothing(figure: Part) -> None:
    """Of a study whose runs are all lost it draws nothing, and does not fail.

    Cure: return `{}` where the rows that are drawn are missing.
    """
    demand(not dict(drawn(figure, none())), "it draws a figure of a study without one run that is done")


def law_tables_stay_as_they_are(figure: Part) -> None:
    """Drawing changes no table.

    Cure: change copies: `frame = material.steps.assign(...)`, never `material.steps[...] = ...` or `inplace=True`.
    """
    for task in TASKS:
        material = study(task)
        before = {name: getattr(material, name).copy() for name in FRAMES}
        list(drawn(figure, material))
        changed = [name for name, frame in before.items() if not frame.equals(getattr(material, name))]
        demand(not changed, f"{task}: {', '.join(changed)} is another table afterwards")


def law_same_bytes(figure: Part) -> None:
    """The same tables give the same bytes.

    Cure: draw no random jitter, write no date, and sort what comes out of a set; leave matplotlib's global settings alone.
    """
    from freerun.analysis.figures._style import bytes_of, style

    for task in TASKS:
        first, second = (dict(drawn(figure, study(task))) for _ in range(2))
        demand(first.keys() == second.keys(), f"{task}: it draws {sorted(first)}, then {sorted(second)}")
        for name in first:
            with style():
                same = bytes_of(first[name], "svg") == bytes_of(second[name], "svg")
            demand(same, f"{task}: figure {name!r} is another one the second time")


def law_says_what_is_seen(figure: Part) -> None:
    """It has a caption in whole sentences, and each panel says what is on its axes.

    Cure: set `CAPTION` to a text that ends with a full stop, and `axes.set(xlabel=..., ylabel=...)`, or a title, of each panel.
    """
    caption = figure.CAPTION.strip()
    demand(len(caption.split()) > 3 and caption.endswith((".", ")")), f"the caption is {caption[:60]!r}")
    for task in TASKS:
        for name, one in drawn(figure, study(task)):
            if not any(_named(axes) for axes in one.axes if axes.axison and axes.has_data()):
                raise Broken(f"{task}: nothing is written at the axes of figure {name!r}")


def _named(axes: Any) -> bool:
    return any(text.strip() for text in (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()))
