"""Comparison of two sides (regimes, models, any settings, or studies): a paragraph, a table, a figure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from freerun.analysis.figures import Material, _comparison_figure
from freerun.analysis.figures._style import bytes_of, style
from freerun.analysis.inference.confidence_intervals import LOST
from freerun.analysis.inference.matched_conditions import Matched, matched
from freerun.analysis.inference.replicates import settled
from freerun.analysis.inference.side_comparison import Side, versus
from freerun.analysis.report import unequal_budgets
from freerun.analysis.report.chosen_sides import Choice, chosen_sides, compared_keys
from freerun.analysis.report.comparison_text import page_of, sentences
from freerun.analysis.report.headline_kinds import kinds
from freerun.analysis.report.number_text import counted, listed
from freerun.analysis.tables.quantities import Quantities
from freerun.analysis.tables.tidy import Tables, csv_bytes
from freerun.errors import ConfigError
from freerun.io import html
from freerun.io.text import brief, command
from freerun.io.writing import write_atomic

#: What a notebook shows of the table of a comparison, each column with its title there.
_SHOWN = {
    "task_label": "task", "model_label": "model", "setting": "setting", "label": "headline", "level": "level", "n": "n",
    "p": "p", "holm": "p, corrected", "verdict": "verdict",
}  # fmt: skip
_TEXTS = dict.fromkeys(("task_label", "model_label", "regime_label", "setting", "method"), "str")


@dataclass(frozen=True, kw_only=True, repr=False)
class Comparison:
    """`a` against `b`: sentences, the numbers, and where they were written."""

    sentences: list[str]
    table: pd.DataFrame
    path: Path

    def __repr__(self) -> str:
        return "\n".join([*self.sentences, f"comparison: {self.path}"])

    def _repr_html_(self) -> str:
        headlines = self.table.loc[self.table["own"], list(_SHOWN)].rename(columns=_SHOWN)
        return html.lines(self.sentences) + headlines.to_html(index=False, na_rep="")


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """Two sides condition by condition, with what is said of them.

    Attributes:
        a, b: the sides.
        table: the rows of `side_comparison.versus`; `own` marks the headlines.
        sentences: the comparison in words.
        figure: the change in each headline, with its interval.
        alone: which conditions either side alone has, in words; only of two studies.
        remarks: in which settings the sides differ though they are compared, what is not compared, unequal budgets.
    """

    a: Side
    b: Side
    table: pd.DataFrame
    sentences: list[str]
    figure: Figure
    alone: tuple[Sequence[str], Sequence[str]] = ((), ())
    remarks: Sequence[str] = ()


def in_study(a: str, b: str, frames: Tables, folder: Path) -> Comparison:
    """Two choices of settings of one study, condition by condition.

    Args:
        a, b: settings, ``training.lr=0.01`` or several joined by commas, ``regime=free_running,training.lr=0.01``; or the name
            of a regime, an objective or a model, as in the tables or as people call them: ``free_running``, ``GRU``.
        frames: those of the study.
        folder: that of the study.

    Raises:
        ConfigError: if there are no such runs, if the two are not of one kind, or if no condition of one side has a partner.
        OSError: if the disk refuses.
    """
    if not a.strip() or not b.strip():
        raise ConfigError("compare: a side is empty; name two choices of settings, such as regime=teacher_forcing")
    if a == b:
        raise ConfigError(f"compare {a} {b}: the two are the same")
    material = Material.of(frames, {})
    runs = material.runs.astype(_TEXTS)
    first, second = chosen_sides(a, b, runs)
    if set(first.runs["run"]) & set(second.runs["run"]):
        raise ConfigError(f"compare {brief(a)} {brief(b)}: some runs are on both sides; set one key to two values")
    keys = compared_keys(first, second, material.own_settings)
    matching = matched(first.runs, second.runs, keys, settled(runs, material.own_settings))
    if matching.pairs.empty:
        raise _apart(first, second, keys, matching, folder)
    sides = [_side(choice.name, at, matching, choice.runs, material) for at, choice in enumerate((first, second))]
    remarks = [f"{first.name} and {second.name} also differ in {_values(matching.told)}."] if matching.told else []
    remarks += [*unequal_budgets.of_sides(sides, (frames, frames)), *_left(first.name, second.name, matching)]
    return _written(_compared(sides[0], sides[1], material.quantities, remarks), folder, _file(a, b))


def of_studies(a: str, b: str, frames: tuple[Tables, Tables], folder: Path) -> Comparison:
    """Two studies, over the conditions that both have.

    Raises:
        ConfigError: if they have none in common.
        OSError: if the disk refuses.
    """
    return _written(pairing(a, b, frames), folder, _file(a, b))


def pairing(a: str, b: str, frames: tuple[Tables, Tables]) -> Pairing:
    """Two studies, over the conditions that both have, with what either alone has; nothing is written.

    Raises:
        ConfigError: if they have none in common.
    """
    materials = [Material.of(tables, {}) for tables in frames]
    runs = [material.runs.astype(_TEXTS) for material in materials]
    own = {name for of, material in zip(runs, materials, strict=True) for name in settled(of, material.own_settings)}
    matching = matched(runs[0], runs[1], None, own)
    if matching.pairs.empty:
        raise _no_partner(a, b, matching)
    sides = [_side(name, at, matching, runs[at], materials[at]) for at, name in enumerate((a, b))]
    quantities = Quantities(pd.concat([tables.quantities for tables in frames], ignore_index=True))
    remark = "In the conditions that both studies have, no setting differs."
    if matching.told:
        remark = f"In conditions of the same name {a} and {b} differ in {_values(matching.told)}."
    remarks = [remark, *unequal_budgets.of_sides(sides, frames), *_left(a, b, matching)]
    alone = [_named(of, lone) for of, lone in zip(runs, matching.alone, strict=True)]
    return replace(_compared(sides[0], sides[1], quantities, remarks), alone=(alone[0], alone[1]))


def _named(runs: pd.DataFrame, lone: Sequence[str]) -> list[str]:
    """The conditions of some runs, in words."""
    rows = runs[runs["run"].astype("str").isin(list(lone))]
    return [f"{row['task_label']}, {row['model_label']}, {row['method']}" for row in rows.to_dict("records")]


def _apart(a: Choice, b: Choice, keys: Sequence[str], matching: Matched, folder: Path) -> ConfigError:
    """The error for sides that share no condition, with the command that compares across the difference where there is one."""
    fault = _no_partner(a.name, b.name, matching)
    if not matching.apart:
        return fault
    name, (first, second) = next(iter(matching.apart.items()))
    values = [next(iter(dict.fromkeys(str(value) for value in side.runs[keys[0]].dropna())), "") for side in (a, b)]
    words = [
        f"{keys[0]}={value_a},{name}={value_b.split(' or ')[0]}"
        for value_a, value_b in zip(values, (first, second), strict=True)
    ]
    return ConfigError(f"{fault}; to compare across it: {command(['compare', *words, '--study', folder.name], folder.parent)}")


def _no_partner(a: str, b: str, matching: Matched) -> ConfigError:
    fault = f"{a} and {b} share no task, model and setting with a result"
    return ConfigError(f"{fault[:160]}: they differ in {_values(matching.apart)}" if matching.apart else fault[:200])


def _values(differ: Mapping[str, tuple[str, str]]) -> str:
    return listed([f"{name} ({value_a} against {value_b})" for name, (value_a, value_b) in differ.items()])


def _left(a: str, b: str, matching: Matched) -> list[str]:
    """Which conditions are not compared."""
    left = [f"{counted(n, 'condition')} of {name}" for name, n in zip((a, b), matching.left, strict=True) if n]
    return [f"Not compared, since the other side has no condition alike in all else: {listed(left)}."] if left else []


def _side(name: str, at: int, matching: Matched, runs: pd.DataFrame, material: Material) -> Side:
    """One side: a copy of each run for every pair of conditions that it is in."""
    pairs = matching.pairs[matching.pairs["side"] == at]
    known = runs.set_index(runs["run"].astype("str"))
    of = pairs["run"].astype("str")
    data = known["data"].reindex(of).to_list() if "data" in known else [None] * len(of)
    table = pd.DataFrame(
        {
            "run": [f"{number}:{run}" for number, run in zip(pairs["condition"], of, strict=True)], "of": of.to_numpy(),
            "seed": known["seed"].reindex(of).to_numpy(), "data": pd.Series(data, dtype="str"),
            "lost": known["status"].reindex(of).isin(LOST).to_numpy(),
            **{name: pairs[name].astype("str").to_numpy() for name in ("task_label", "model_label", "setting")},
        }
    )  # fmt: skip
    parts, kind_of = [], kinds(material)
    for frame in material.levels():
        names = frame["task_label"].astype(str), frame["metric"].astype(str)
        is_headline = np.array([name in kind_of for name in zip(*names, strict=True)], dtype=bool)
        kind = pd.Series([kind_of.get(name) for name in zip(*names, strict=True)], index=frame.index, dtype=object)
        rows = frame.assign(own=is_headline, kind=kind, run=frame["run"].astype("str"))
        rows = rows[material.reported(frame) | is_headline]
        rows = rows.drop(columns=["task_label", "model_label", "regime_label", "setting", "method"])
        copies = table[["run", "of", "task_label", "model_label", "setting"]]
        parts.append(rows.merge(copies, left_on="run", right_on="of", suffixes=("_of", "")).drop(columns=["run_of", "of"]))
    return Side(name=name, runs=table, steps=parts[0], whole=parts[1], margin=material.margin)


def _compared(a: Side, b: Side, quantities: Quantities, differ: Sequence[str]) -> Pairing:
    """The comparison of two sides; `differ` says in which settings the sides do, where their names do not."""
    table = versus(a, b, quantities)
    if table.empty or not table["own"].any():
        raise _nothing_shared(a, b)
    headlines = table[table["own"]].reset_index(drop=True)
    whole = pd.concat([side.whole.astype({"task_label": "str", "metric": "str"}) for side in (a, b)])
    own = whole[whole["own"].astype(bool)].drop_duplicates(["task_label", "metric"])
    kind_of = {(str(row["task_label"]), str(row["metric"])): row["kind"] for row in own.to_dict("records")}
    words = [*sentences(headlines, a, b, kind_of), *_beside(table[~table["own"]], a, b), *differ]
    lost = [f"{n} of {side.runs['of'].nunique()} of {side.name} lost" for side in (a, b) if (n := side.without_result())]
    with style():
        drawn = _comparison_figure.draw(headlines, a.name, b.name, lost)
    return Pairing(a=a, b=b, table=table, sentences=words, figure=drawn, remarks=differ)


def _nothing_shared(a: Side, b: Side) -> ConfigError:
    """The error for sides that have conditions alike, and no result that is the same measure."""
    units = [
        {str(row["metric"]): str(row["unit"]) for row in side.whole[side.whole["own"].astype(bool)].to_dict("records")}
        for side in (a, b)
    ]
    if apart := {
        name: (units[0][name], units[1][name]) for name in units[0] if units[1].get(name, units[0][name]) != units[0][name]
    }:
        return ConfigError(f"{a.name} and {b.name} have no measure in common: they differ in {_values(apart)}"[:200])
    return ConfigError(f"{a.name} and {b.name} share no task, model and setting with a result"[:200])


def _written(of: Pairing, folder: Path, file: str) -> Comparison:
    """The comparison as a page of Markdown, a table and a figure in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{file}.md"
    with style():
        for ending in ("png", "pdf"):
            write_atomic(folder / f"{file}.{ending}", bytes_of(of.figure, ending))
    write_atomic(folder / f"{file}.csv", csv_bytes(of.table))
    write_atomic(path, page_of(of.sentences, of.table, of.a, of.b, file).encode())
    return Comparison(sentences=of.sentences, table=of.table, path=path)


def _beside(table: pd.DataFrame, a: Side, b: Side) -> list[str]:
    """Which side is better by the other measures, running free, in one sentence."""
    free = table[(table["level"] == "free") & (table["better"] != "neither")]
    parts = []
    for _, rows in free.groupby("metric", sort=False):
        said = list(rows["verdict"])
        counts = {side.name: said.count(word) for side, word in ((a, "better"), (b, "worse"))}
        shown = listed([f"{name} in {n}" for name, n in counts.items() if n]) if any(counts.values()) else "neither"
        parts.append(f"{rows['label'].iloc[0]} ({shown} of {len(rows)})")
    return [f"Which side is shown to be better, running free, by other measures: {listed(parts)}."] if parts else []


def _file(a: str, b: str) -> str:
    return "compare_" + file_name(a, b)


def file_name(a: str, b: str) -> str:
    """Two sides in the name of a file."""
    return "_vs_".join(re.sub(r"[^A-Za-z0-9.-]+", "_", name).strip("_")[:40] or "x" for name in (a, b))
