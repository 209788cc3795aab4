"""How does the result stand in a paper? One table, methods down, tasks across, as Markdown, LaTeX, CSV or Parquet.

A cell is the task's own error forced and free and the gap between them: the mean over seeds, its 95 % interval, the number of
seeds, and how many runs have no result. Marks compare with the baseline after Holm; the best mean of a column is bold.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from freerun.errors import ConfigError, nearest
from freerun.figures import Material
from freerun.report.findings import comparisons
from freerun.report.page import escaped
from freerun.report.summary import LEVELS, full
from freerun.report.words import UNDEFINED, number, span
from freerun.stats.labels import MORE_IS_BETTER, quantity
from freerun.stats.power import LEVEL
from freerun.store import write_atomic
from freerun.tables import Tables

FORMATS = {"md": "md", "latex": "tex", "csv": "csv", "parquet": "parquet"}
BETTER, WORSE = "*", "\N{DAGGER}"
_NAMES = {"task_label": "task", "model_label": "model", "method": "method"}
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    '"': r"\textquotedbl{}", "\N{MINUS SIGN}": "$-$", BETTER: r"\textsuperscript{*}", WORSE: r"\textsuperscript{\textdagger}",
    "\N{MULTIPLICATION SIGN}": r"$\times$", "\N{SUPERSCRIPT TWO}": r"\textsuperscript{2}",
    "\N{SUPERSCRIPT THREE}": r"\textsuperscript{3}", "\N{NO-BREAK SPACE}": "~",
}  # fmt: skip


def write(frames: Tables, folder: Path, kind: str) -> Path:
    """Write the table of a study as ``table.md``, ``table.tex``, ``table.csv`` or ``table.parquet``; returns its path.

    Raises:
        ConfigError: for an unknown format, or a study without a measurement.
        OSError: if the disk refuses.
    """
    if kind not in FORMATS:
        raise ConfigError(f"--format {kind}: unknown; {nearest(kind, FORMATS)}")
    material = Material.of(frames, {})
    table = tidy(material)
    if table.empty:
        raise ConfigError("no run of this study has a measurement yet: there is nothing to tabulate")
    if kind == "parquet":
        buffer = io.BytesIO()
        table.to_parquet(buffer, index=False)
        content = buffer.getvalue()
    elif kind == "csv":
        content = table.to_csv(index=False, float_format="%.9g", lineterminator="\n").encode()
    else:
        content = (markdown if kind == "md" else latex)(table, _note(table, material)).encode()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"table.{FORMATS[kind]}"
    write_atomic(path, content)
    return path


def tidy(material: Material) -> pd.DataFrame:
    """The numbers of the table, one row a task, model, method and level.

    Returns:
        task, model, method, metric, unit, level, mean, low, high, geometric (whether the mean is), n, runs, diverged, failed,
        pending, lost_low, lost_high, best (the best mean of its task and level; never of gaps), p, holm and family of the
        comparison with the baseline (undefined where there is none), and mark: better or worse after Holm.
    """
    wide = full(material)
    wide = wide[wide["primary"]]
    parts = []
    for level in LEVELS if len(wide) and "metric" in wide and wide["metric"].notna().any() else ():
        columns = {"mean": wide[level], "low": wide[f"{level}_low"], "high": wide[f"{level}_high"]}
        geometric = wide["log"].fillna(False).astype(bool) & (level != "gap")
        parts.append(wide.assign(level=level, order=np.arange(len(wide)), geometric=geometric, **columns))
    if not parts:
        return pd.DataFrame()
    table = pd.concat(parts).sort_values(["order", "level"], kind="stable", key=_level_order).rename(columns=_NAMES)
    texts = {name: table[name].astype("str") for name in _NAMES.values()}
    table = table.assign(**texts, best=_best(table)).merge(
        _compared(material), on=["task", "model", "method", "level"], how="left"
    )
    better = (table["change"] > 0) == table["metric"].isin(list(MORE_IS_BETTER))
    told = (table["holm"] <= LEVEL).to_numpy()
    table["mark"] = np.where(told, np.where(better, "better", "worse"), "")
    kept = ["metric", "unit", "level", "mean", "low", "high", "geometric", "n", "runs", "diverged", "failed", "pending"]
    names = [*_NAMES.values(), *kept, "lost_low", "lost_high", "best", "p", "holm", "family", "mark"]
    return table[names].reset_index(drop=True)


def markdown(table: pd.DataFrame, note: str) -> str:
    """The table in Markdown."""
    head, rows = _cells(table)
    lines = [[escaped(cell) for cell in head], ["---"] * len(head)]
    for model, method, *cells in rows:
        shown = [f"**{escaped(text)}**" if bold else escaped(text) for text, bold in cells]
        lines.append([escaped(model), escaped(method), *shown])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{escaped(note)}\n"


def latex(table: pd.DataFrame, note: str) -> str:
    """The table in LaTeX; its first line says which packages it needs, booktabs above all."""
    head, rows = _cells(table)
    lines = [" & ".join(_tex(cell) for cell in head) + r" \\", r"\midrule"]
    above = None
    for model, method, *cells in rows:
        shown = [rf"\textbf{{{_tex(text)}}}" if bold else _tex(text) for text, bold in cells]
        lines.append(" & ".join([_tex(model) if model != above else "", _tex(method), *shown]) + r" \\")
        above = model
    body = "\n".join(lines)
    return (
        "% \\usepackage{booktabs} \\usepackage[T1]{fontenc}\n"
        f"\\begin{{tabular}}{{ll{'l' * (len(head) - 2)}}}\n\\toprule\n{body}\n\\bottomrule\n\\end{{tabular}}\n\n% Note.\n"
        f"\\par\\footnotesize {_tex(note)}\n"
    )


def _level_order(column: pd.Series) -> pd.Series:
    return column.map({name: i for i, name in enumerate(LEVELS)}) if column.name == "level" else column


def _best(table: pd.DataFrame) -> np.ndarray:
    """Where a mean is the best of its task and level, with all that print the same."""
    sign = np.where(table["metric"].isin(list(MORE_IS_BETTER)), -1.0, 1.0)
    means = table["mean"] * sign
    least = means.groupby([table["task"], table["level"]], observed=True).transform("min")
    same = np.array([number(a) == number(b) for a, b in zip(means, least, strict=True)])
    several = table.groupby(["task", "level"], observed=True)["mean"].transform("count") > 1
    return same & means.notna().to_numpy() & (table["level"] != "gap").to_numpy() & several.to_numpy()


def _compared(material: Material) -> pd.DataFrame:
    """p, Holm's p and the change of every method against the baseline, by the labels of the table."""
    names = ["task", "model", "method", "level"]
    if len(material.methods()) < 2:
        return pd.DataFrame(
            {**{name: pd.Series(dtype="str") for name in (*names, "family")}, "p": [], "holm": [], "change": []}
        )
    found = comparisons(material)
    found = found[found["metric"] == found["task_label"].map(material.primary)]
    keys = ["task_label", "model_label", "regime_label", "setting"]
    methods = material.runs[[*keys, "method"]].astype("str").drop_duplicates()
    found = found.astype(dict.fromkeys(keys, "str")).merge(methods, on=keys, how="left")
    change = np.where(found["ratio"], found["mean"] - 1, found["mean"]).astype(float)
    return found.assign(change=change).rename(columns=_NAMES)[[*names, "p", "holm", "change", "family"]]


def _cells(table: pd.DataFrame) -> tuple[list[str], list[list[Any]]]:
    tasks = table[["task", "metric", "unit"]].dropna().drop_duplicates("task")
    columns = [(task, level) for task in tasks["task"] for level in LEVELS]
    names = {row.task: f"{row.task}, {quantity(str(row.metric), str(row.unit))}" for row in tasks.itertuples()}
    head = ["Model", "Method", *(f"{names[task]}, {level}" for task, level in columns)]
    known = {(row["task"], row["level"], row["model"], row["method"]): row for row in table.to_dict("records")}
    rows: list[list[Any]] = []
    for model, method in table[["model", "method"]].drop_duplicates().itertuples(index=False):
        cells = [_cell(known.get((task, level, model, method))) for task, level in columns]
        rows.append([model, method, *cells])
    return head, rows


def _cell(row: Mapping[Any, Any] | None) -> tuple[str, bool]:
    """The words of a cell, and whether they are bold; empty where the method was not run."""
    if row is None:
        return "", False
    mark = {"better": BETTER, "worse": WORSE, "": ""}[row["mark"]]
    lost = int(row["diverged"] + row["failed"])
    n = f"n={int(row['n'])}" + (f", {lost} of {int(row['runs'] - row['pending'])} lost" if lost else "")
    interval = span(row["low"], row["high"])
    mean = number(row["mean"])
    return (f"{UNDEFINED} ({n})" if mean == UNDEFINED else f"{mean}{mark} {interval} ({n})".replace("  ", " ")), bool(
        row["best"]
    )


def _note(table: pd.DataFrame, material: Material) -> str:
    families = table.dropna(subset=["holm"])[["family", "level"]].drop_duplicates("family")["family"]
    sizes = [f"{family} ({int((comparisons(material)['family'] == family).sum())} comparisons)" for family in families]
    marks = (
        f"{BETTER} better and {WORSE} worse than {material.methods()[0]} at p < {LEVEL:g}, sign flips paired by seed, "
        f"after Holm over {' and '.join(sizes)}; the gap is not tested against the baseline."
        if sizes
        else "No comparison with a baseline has an interval."
    )
    return (
        "Means over seeds [95 % intervals over seeds: Student t, BCa from 20 seeds on; none below three], geometric for "
        "errors on a ratio scale, on test sequences and over the steps since the release. n: seeds with a result; lost: runs "
        f"that diverged or failed, of all that ended. Bold: numerically the best mean "
        f"of its column, with all that print the same. {marks}"
    )


def _tex(text: str) -> str:
    """Text as LaTeX shows it literally."""
    return "".join(_LATEX.get(letter, letter if letter.isascii() and letter.isprintable() else "?") for letter in text)
