"""Which of two is better, said in words? Two regimes or models of a study, or two studies: a paragraph, a table, a figure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from freerun.errors import ConfigError, nearest
from freerun.figures import Material, _versus
from freerun.figures._style import bytes_of, style
from freerun.report.findings import ALONE, NO_INTERVAL, power, verdict
from freerun.report.page import comparison_rows, escaped
from freerun.report.words import change, listed, number, seeds
from freerun.stats.labels import MORE_IS_BETTER, label
from freerun.stats.power import LEVEL
from freerun.stats.versus import Side, versus
from freerun.store import write_atomic
from freerun.tables import Tables

#: By which columns a name is looked up, and what, beside the task, the two sides then share.
_KINDS = (
    (("method", "regime_label", "regime", "objective"), ("model_label", "setting")),
    (("model_label", "model"), ("method", "")),
)
_HEAD = ("Task", "Measure", "Level", "Model", "Change", "n", "Pairs", "d", "Improved", "p", "Holm", "Verdict")


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
        raise ConfigError(f"freerun compare {a} {b}: the two are the same")
    material = Material.of(frames, {})
    runs = material.runs.astype(dict.fromkeys(("task_label", "model_label", "regime_label", "setting", "method"), "str"))
    for columns, rest in _KINDS:
        known = [_where(runs, [name for name in columns if name in runs], each) for each in (a, b)]
        if all(each.any() for each in known):
            names = [label(each) for each in (a, b)]
            one, other = (_side(name, runs[where], material, rest) for name, where in zip(names, known, strict=True))
            return _compared(one, other, folder, _file(a, b))
    present = sorted(
        {str(value) for names in ("regime", "objective", "model") if names in runs for value in runs[names].dropna()}
    )
    missing = next((each for each in (a, b) if each not in present), "")
    if missing:
        raise ConfigError(f"freerun compare: no run of this study has {missing!r}; {nearest(missing, present)}"[:200])
    raise ConfigError(f"freerun compare: {a!r} and {b!r} are not both regimes or both models")


def of_studies(a: str, b: str, frames: tuple[Tables, Tables], folder: Path) -> Comparison:
    """Two studies, over the conditions that both have.

    Raises:
        ConfigError: if they have none in common.
        OSError: if the disk refuses.
    """
    sides = []
    for name, each in zip((a, b), frames, strict=True):
        material = Material.of(each, {})
        runs = material.runs.astype(dict.fromkeys(("task_label", "model_label", "method"), "str"))
        sides.append(_side(name, runs, material, ["model_label", "method"]))
    return _compared(sides[0], sides[1], folder, _file(a, b))


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
            "run": runs["run"].astype("str"), "seed": runs["seed"], "data": data,
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
    return Side(name=name, runs=table, steps=parts[0], whole=parts[1])


def _compared(a: Side, b: Side, folder: Path, file: str) -> Comparison:
    table = versus(a, b)
    if table.empty:
        raise ConfigError(f"freerun compare: {a.name} and {b.name} share no task, model and setting with a result"[:200])
    table = table.assign(verdict=[verdict(row) for row in table.to_dict("records")])
    told = sentences(table, a, b)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{file}.md"
    with style():
        drawn = _versus.draw(table, a.name, b.name)
        for ending in ("png", "pdf"):
            write_atomic(folder / f"{file}.{ending}", bytes_of(drawn, ending))
    write_atomic(folder / f"{file}.csv", table.to_csv(index=False, float_format="%.9g", lineterminator="\n").encode())
    write_atomic(path, _page(told, table, a, b, file).encode())
    return Comparison(sentences=told, table=table, path=path)


def sentences(table: pd.DataFrame, a: Side, b: Side) -> list[str]:
    """Who is better where, by how much, how surely, and what is not known."""
    free = table[table["level"] == "free"]
    groups: dict[str, list[str]] = {
        "better": [],
        "worse": [],
        f"better {ALONE}": [],
        f"worse {ALONE}": [],
        "open": [],
        "few": [],
    }
    for row in free.to_dict("records"):
        groups[_group(row)].append(_told(row))
    found = []
    subject = {"better": a.name, "worse": b.name}
    for kind, winner in subject.items():
        loser = b.name if winner == a.name else a.name
        if groups[kind]:
            share = f"{len(groups[kind])} of {len(free)} conditions (p < {LEVEL:g} after Holm)"
            found.append(f"Running free, {winner} is better than {loser} in {share}: {listed(groups[kind])}.")
    for kind, winner in subject.items():
        some = groups[f"{kind} {ALONE}"]
        if some:
            said = "By its interval alone, without a p-value that survives Holm,"
            found.append(f"{said} {winner} is better in {len(some)}: {listed(some)}.")
    if not groups["better"] and not groups["worse"]:
        neither = f"Running free, neither {a.name} nor {b.name} is shown to be better in any of {len(free)} conditions"
        found.insert(0, f"{neither} (p < {LEVEL:g} after Holm).")
    if groups["open"]:
        some = groups["open"]
        found.append(f"Not known which is better in {len(some)}: {listed(some)}; their intervals include no change.")
    if groups["few"]:
        found.append(f"Without an interval, for lack of three seeds with a result on both sides: {listed(groups['few'])}.")
    found.append(f"Numbers are the change of {a.name} from {b.name} in each task's own error, [95 % intervals].")
    by_seed = free["paired"].to_numpy(dtype=bool)
    if by_seed.any():
        fewest = seeds(int(free.loc[by_seed, "n"].min()))
        found.append(f"Paired by seed, over the same data, in {by_seed.sum()}: {fewest} at least; sign-flip tests.")
    if not by_seed.all():
        apart = f"Not paired, since seeds or data are not shared, in {(~by_seed).sum()}"
        found.append(f"{apart}: Welch's interval and a permutation test.")
    lost = [f"{_lost(side)} of {side.name}" for side in (a, b) if _lost(side)]
    if lost:
        found.append(f"Runs without a result, in no mean: {listed(lost)}.")
    return [*found, *power(free[by_seed])]


def _lost(side: Side) -> int:
    return len(side.runs) - side.whole.loc[side.whole["free"].notna(), "run"].nunique()


def _group(row: Mapping[Any, Any]) -> str:
    said = str(row["verdict"])
    if said == NO_INTERVAL:
        return "few"
    if not said.startswith(("raises", "lowers")):
        return "open"
    good = said.startswith("raises") == (row["metric"] in MORE_IS_BETTER)
    return ("better" if good else "worse") + (f" {ALONE}" if said.endswith(ALONE) else "")


def _told(row: Mapping[Any, Any]) -> str:
    where = ", ".join(str(row[name]) for name in ("task_label", "model_label", "setting") if row[name])
    p = f", Holm p = {number(row['holm'])}" if math.isfinite(row["holm"]) else ""
    changed = change(row["mean"], row["low"], row["high"], row["ratio"], row["unit"])
    return f"{where} ({label(row['metric'])} {changed}{p}, n = {row['n']})"


def _page(told: Sequence[str], table: pd.DataFrame, a: Side, b: Side, file: str) -> str:
    words = comparison_rows(table)
    lines = [_HEAD, ("---",) * len(_HEAD)]
    for row, said in zip(table.to_dict("records"), words, strict=True):
        model = said["model_label"] + (f" ({said['setting']})" if said["setting"] else "")
        pairs = "by seed" if row["paired"] else "no"
        first = (said["task_label"], said["measure"], said["level"], model, said["change"], said["n"], pairs)
        last = (said["effect"], said["improved"], said["p"], said["holm"], said["verdict"])
        lines.append(tuple(escaped(each) for each in (*first, *last)))
    grid = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    title = escaped(f"{a.name} against {b.name}")
    return f"# {title}\n\n{escaped(' '.join(told))}\n\n{grid}\n\n![{title}]({file}.png)\n"


def _file(a: str, b: str) -> str:
    return "compare_" + "_vs_".join(re.sub(r"[^A-Za-z0-9.-]+", "_", name).strip("_")[:40] or "x" for name in (a, b))
