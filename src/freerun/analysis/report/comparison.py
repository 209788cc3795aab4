"""Comparison of two regimes, models or studies: a paragraph, a table, a figure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from freerun.analysis.figures import Material, _comparison_figure
from freerun.analysis.figures._style import bytes_of, style
from freerun.analysis.inference.confidence_intervals import LOST
from freerun.analysis.inference.labels import label
from freerun.analysis.inference.replicates import CELL
from freerun.analysis.inference.two_sides import Side, versus
from freerun.analysis.report.comparison_text import page_of, sentences
from freerun.analysis.report.method_section import settings
from freerun.analysis.report.number_text import listed
from freerun.analysis.tables.quantities import Quantities
from freerun.analysis.tables.tidy import Tables, csv_bytes
from freerun.errors import ConfigError
from freerun.io.suggestions import nearest
from freerun.io.text import brief
from freerun.io.writing import write_atomic

#: By which columns a name is looked up, and what, beside the task, the two sides then share.
_KINDS = (
    (("method", "regime_label", "regime", "objective"), ("model_label", "setting")),
    (("model_label", "model"), ("method", "")),
)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """`a` against `b`: sentences, the numbers, and where they were written."""

    sentences: list[str]
    table: pd.DataFrame
    path: Path


def in_study(a: str, b: str, frames: Tables, folder: Path) -> Comparison:
    """Two regimes or two models of one study.

    Args:
        a, b: as in the tables or as people call them: ``free_running``, ``Free running``, ``gru``.
        frames: those of the study.
        folder: that of the study.

    Raises:
        ConfigError: if there are no such runs, or the two are not of one kind.
        OSError: if the disk refuses.
    """
    if a == b:
        raise ConfigError(f"compare {a} {b}: the two are the same")
    material = Material.of(frames, {})
    runs = material.runs.astype(dict.fromkeys(("task_label", "model_label", "regime_label", "setting", "method"), "str"))
    for columns, rest in _KINDS:
        known = [_where(runs, [name for name in columns if name in runs], each) for each in (a, b)]
        if all(each.any() for each in known):
            names = [label(each) for each in (a, b)]
            one, other = (_side(name, runs[where], material, rest) for name, where in zip(names, known, strict=True))
            return _compared(one, other, folder, _file(a, b), material.quantities)
    present = sorted(
        {str(value) for names in ("regime", "objective", "model") if names in runs for value in runs[names].dropna()}
    )
    missing = next((each for each in (a, b) if each not in present), "")
    if missing:
        raise ConfigError(f"no run of this study has {brief(missing)}; {nearest(missing, present)}")
    raise ConfigError(f"{a!r} and {b!r} are not both regimes or both models")


def of_studies(a: str, b: str, frames: tuple[Tables, Tables], folder: Path) -> Comparison:
    """Two studies, over the conditions that both have.

    Raises:
        ConfigError: if they have none in common.
        OSError: if the disk refuses.
    """
    sides, every = [], []
    for name, each in zip((a, b), frames, strict=True):
        material = Material.of(each, {})
        runs = material.runs.astype(dict.fromkeys(("task_label", "model_label", "method"), "str"))
        sides.append(_side(name, runs, material, ["model_label", "method"]))
        every.append(runs)
    both = Quantities(pd.concat([each.quantities for each in frames], ignore_index=True))
    return _compared(sides[0], sides[1], folder, _file(a, b), both, lambda: _settings((a, b), every))


def _where(runs: pd.DataFrame, columns: Sequence[str], name: str) -> pd.Series:
    """The runs that go by a name in the first of the columns that knows it."""
    for column in columns:
        found = runs[column].astype("str").str.casefold() == name.casefold()
        if found.any():
            # a regime by its plain name is the regime under its task's usual objective, where it was run so
            plain = found & ~runs["regime_label"].str.contains(" + ", regex=False) if column == "regime" else found
            return plain if plain.any() else found
    return pd.Series(False, index=runs.index)


def _side(name: str, runs: pd.DataFrame, material: Material, rest: Sequence[str]) -> Side:
    model, setting = rest
    data = runs["data"] if "data" in runs else pd.Series(None, index=runs.index, dtype="str")
    table = pd.DataFrame(
        {
            "run": runs["run"].astype("str"), "seed": runs["seed"], "data": data, "lost": runs["status"].isin(LOST),
            "task_label": runs["task_label"].astype("str"),
            "model_label": runs[model].astype("str"), "setting": runs[setting].astype("str") if setting else "",
        }
    )  # fmt: skip
    labels = table.set_index("run")
    parts = []
    for frame in (material.steps, material.whole):
        own = frame["metric"].astype(object) == frame["task_label"].astype(object).map(material.primary)
        rows = frame[own & frame["run"].astype("str").isin(list(labels.index))]
        run = rows["run"].astype("str")
        parts.append(
            rows.assign(**{each: run.map(labels[each]).to_numpy() for each in ("task_label", "model_label", "setting")})
        )
    return Side(name=name, runs=table, steps=parts[0], whole=parts[1], margin=material.margin)


def _settings(names: Sequence[str], runs: Sequence[pd.DataFrame]) -> list[str]:
    """In which settings two studies differ, within the conditions that both have."""
    first, second = ({cell: dict(settings(each)) for cell, each in side.groupby(CELL, sort=False)} for side in runs)
    found: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for cell in [cell for cell in first if cell in second]:
        for name in dict.fromkeys([*first[cell], *second[cell]]):
            values = [side[cell].get(name, "none") for side in (first, second)]
            if values[0] != values[1]:
                for seen, value in zip(found.setdefault(name, ({}, {})), values, strict=True):
                    seen[value] = None
    if not found:
        return ["Where both studies have a condition, no setting differs between them."]
    each = [f"{name} ({' or '.join(x)} against {' or '.join(y)})" for name, (x, y) in found.items()]
    return [f"Where {names[0]} and {names[1]} have a condition of one name, they differ in {listed(each)}."]


def _compared(
    a: Side, b: Side, folder: Path, file: str, quantities: Quantities, differ: Callable[[], list[str]] = list
) -> Comparison:
    """The comparison, written to a folder; `differ` says in which settings the sides do, where their names do not."""
    table = versus(a, b, quantities)
    if table.empty:
        raise ConfigError(f"{a.name} and {b.name} share no task, model and setting with a result"[:200])
    told = [*sentences(table, a, b), *differ()]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{file}.md"
    with style():
        drawn = _comparison_figure.draw(table, a.name, b.name)
        for ending in ("png", "pdf"):
            write_atomic(folder / f"{file}.{ending}", bytes_of(drawn, ending))
    write_atomic(folder / f"{file}.csv", csv_bytes(table))
    write_atomic(path, page_of(told, table, a, b, file).encode())
    return Comparison(sentences=told, table=table, path=path)


def _file(a: str, b: str) -> str:
    return "compare_" + "_vs_".join(re.sub(r"[^A-Za-z0-9.-]+", "_", name).strip("_")[:40] or "x" for name in (a, b))
