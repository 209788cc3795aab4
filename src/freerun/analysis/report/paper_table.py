"""Table of a paper: a line for each task, model and method, as Markdown, LaTeX, CSV or Parquet.

A line is the task's own error forced and free and the gap between them, each the mean over seeds with its 95 % interval, then
the number of seeds and how many runs have no result. Marks compare with the baseline after Holm; the best mean of a task is
bold.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.inference.confidence_intervals import mean_interval
from freerun.analysis.inference.multiple_comparisons import COMPARED
from freerun.analysis.report.number_text import number
from freerun.analysis.report.paper_table_note import PLAYERS, note
from freerun.analysis.report.summary_table import LEVELS, full
from freerun.analysis.report.table_typesetting import latex, markdown
from freerun.analysis.report.verdicts import comparisons
from freerun.analysis.tables.tidy import Tables, csv_bytes
from freerun.errors import ConfigError
from freerun.io.suggestions import nearest
from freerun.io.text import one_line
from freerun.io.writing import write_atomic
from freerun.store.quantity import Quantity

FORMATS = {"md": "md", "latex": "tex", "csv": "csv", "parquet": "parquet"}
_COMPARED = ["hedges", "delta", "improved", "p", "holm"]
#: What reference players have none of.
_OF_RUNS = ("lost_low", "lost_high", "iqm", "iqm_low", "iqm_high", *_COMPARED, "end")
_NAMES = {"task_label": "task", "model_label": "model", "method": "method"}


def write(frames: Tables, folder: Path, file_format: str) -> Path:
    """Write the table of a study as ``table.md``, ``table.tex``, ``table.csv`` or ``table.parquet``; returns its path.

    Raises:
        ConfigError: for an unknown format, or a study without a measurement.
        OSError: if the disk refuses.
    """
    content = written(frames, file_format)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"table.{FORMATS[file_format]}"
    write_atomic(path, content)
    return path


def format_of(path: Path) -> str:
    """Return the format of a file by its ending.

    Raises:
        ConfigError: if it is the ending of none.
    """
    for name, ending in FORMATS.items():
        if path.suffix == f".{ending}":
            return name
    raise ConfigError(
        f"{one_line(path.name or path, 60)}: must end in {', '.join(f'.{ending}' for ending in FORMATS.values())}"
    )


def written(frames: Tables, file_format: str) -> bytes:
    """Return the table of a study in a format of `FORMATS`.

    Raises:
        ConfigError: for an unknown format, or a study without a measurement.
    """
    if file_format not in FORMATS:
        raise ConfigError(f"--format {file_format}: unknown; {nearest(file_format, FORMATS)}")
    material = Material.of(frames, {})
    return content_of(tidy(material), material, file_format)


def content_of(table: pd.DataFrame, material: Material, file_format: str) -> bytes:
    """Return what `tidy` gives in a format of `FORMATS`.

    Raises:
        ConfigError: if it is empty.
    """
    if table.empty:
        raise ConfigError("no run of this study has a measurement yet: there is nothing to tabulate")
    if file_format == "parquet":
        buffer = io.BytesIO()
        table.to_parquet(buffer, index=False)
        return buffer.getvalue()
    if file_format == "csv":
        return csv_bytes(table)
    return (markdown if file_format == "md" else latex)(table, note(table, material)).encode()


def tidy(material: Material, metric: str | None = None) -> pd.DataFrame:
    """The numbers of the table, one row a task, model, method and level.

    Args:
        material: of the study.
        metric: the measure, of the tasks that have it; None for the own error of each task.

    Returns:
        task, model, method, metric, unit, label and better (of the metric), level, mean, low, high, geometric (whether the mean
        is), n, runs, diverged, failed, pending, lost_low, lost_high, iqm, iqm_low, iqm_high (of the middle half of the seeds),
        best (the best mean of its task and level; never of gaps, nor of a method that lost a larger share of its runs than
        another), hedges, delta, improved, p, holm and family of the comparison with `baseline`, a method of the same setting
        (undefined where there is none), and mark: better or worse, where that is its verdict; `end`: where the schedule of the
        regime ends, a share of truth; `chosen`, where methods were tuned: what was chosen, in words. Below the methods of a
        task stand its reference players, with `PLAYERS` as their model, no runs and no comparison.
    """
    wide = full(material)
    wide = wide[wide["primary"] if metric is None else wide["metric"] == metric]
    parts = []
    for level in LEVELS if len(wide) and "metric" in wide and wide["metric"].notna().any() else ():
        columns = {"mean": wide[level], "low": wide[f"{level}_low"], "high": wide[f"{level}_high"]}
        columns |= {end: wide[f"{level}_{end}"] for end in ("iqm", "iqm_low", "iqm_high")}
        geometric = wide["log"].fillna(False).astype(bool) & (level != "gap")
        parts.append(wide.assign(level=level, order=np.arange(len(wide)), geometric=geometric, **columns))
    if not parts:
        return pd.DataFrame()
    table = pd.concat(parts).sort_values(["order", "level"], kind="stable", key=_level_order).rename(columns=_NAMES)
    texts = {name: table[name].astype("str") for name in _NAMES.values()}
    table = table.assign(**texts, best=_best(table)).merge(
        _compared(material, metric), on=["task", "model", "method", "level"], how="left"
    )
    table["mark"] = table["verdict"].where(table["verdict"].isin(["better", "worse"]), "")
    kept = [
        "metric",
        "unit",
        "label",
        "better",
        "level",
        "mean",
        "low",
        "high",
        "geometric",
        "n",
        "runs",
        "diverged",
        "failed",
        "pending",
    ]
    statistics = [
        "lost_low",
        "lost_high",
        "iqm",
        "iqm_low",
        "iqm_high",
        "best",
        *_COMPARED,
        "family",
        "baseline",
        "mark",
        "end",
    ]
    names = [*_NAMES.values(), *kept, *statistics, *(["chosen"] if material.chosen else [])]
    players = _players(material, table)
    return table[names].reset_index(drop=True) if players.empty else _under_their_task(table[names], players[names])


def _players(material: Material, table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the reference players by the error of their task: both levels and the gap, means over seeds."""
    rows = material.players[material.players["step"] == 0]
    lines: list[dict[Any, Any]] = []
    for task, of_task in table.dropna(subset=["metric"]).groupby("task", sort=False):
        like = of_task.iloc[0].to_dict()
        of_metric = rows[(rows["task_label"] == task) & (rows["metric"].astype("str") == like["metric"])]
        meant = material.quantities.of(like["metric"], like["unit"])
        for player, of_player in of_metric.groupby("player", sort=False):
            nothing: dict[Any, Any] = dict.fromkeys(_OF_RUNS, np.nan)
            nothing |= {"runs": 0, "diverged": 0, "failed": 0, "pending": 0, "best": False, "mark": "", "chosen": ""}
            nothing |= {"family": None, "baseline": None, "model": PLAYERS, "method": str(player)}
            lines += [{**like, **nothing, **level} for level in _levels_of(of_player, meant)]
    return pd.DataFrame(lines)


def _levels_of(player: pd.DataFrame, meant: Quantity) -> list[dict[str, Any]]:
    """The means of a player over seeds, forced and free, and of the gap."""
    by_seed = player.astype({"mode": "str"}).pivot_table(index="seed", columns="mode", values="value", dropna=False)
    levels = by_seed.reindex(columns=["forced", "free"])
    levels["gap"] = levels["free"] - levels["forced"]
    log = meant.ratio and bool((levels[["forced", "free"]].stack() > 0).all())
    means = []
    for level in LEVELS:
        geometric = log and level != "gap"
        within = meant.change if level == "gap" else meant.range
        over = mean_interval(levels[level].to_numpy(), log=geometric, within=within)
        means.append(
            {"level": level, "geometric": geometric, "mean": over.mean, "low": over.low, "high": over.high, "n": over.n}
        )
    return means


def _under_their_task(table: pd.DataFrame, players: pd.DataFrame) -> pd.DataFrame:
    """The rows of the players below those of the methods of their task."""
    parts = [
        part.astype(table.dtypes.to_dict()) if part is not of_task else part
        for task, of_task in table.groupby("task", sort=False)
        for part in (of_task, players[players["task"] == task])
    ]
    return pd.concat(parts, ignore_index=True)


def _level_order(column: pd.Series) -> pd.Series:
    return column.map({name: i for i, name in enumerate(LEVELS)}) if column.name == "level" else column


def _best(table: pd.DataFrame) -> np.ndarray:
    """Where a mean is the best of its task and level, with all that print the same, of those that lost fewest runs."""
    sign = table["better"].map({"lower": 1.0, "higher": -1.0}).astype(float)
    ended = table["runs"] - table["pending"]
    lost = (table["diverged"] + table["failed"]) / ended.where(ended > 0)
    means = (table["mean"] * sign).where(lost <= lost.groupby(table["task"], observed=True).transform("min"))
    least = means.groupby([table["task"], table["level"]], observed=True).transform("min")
    same = np.array([number(a) == number(b) for a, b in zip(means, least, strict=True)])
    compared = table.groupby(["task", "level"], observed=True)["mean"].transform("count") > 1
    return same & means.notna().to_numpy() & (table["level"] != "gap").to_numpy() & compared.to_numpy()


def _compared(material: Material, metric: str | None) -> pd.DataFrame:
    """p, Holm's p and the verdict of every method against the baseline, by the labels of the table."""
    names = ["task", "model", "method", "level"]
    if len(material.methods()) < 2:
        return pd.DataFrame(
            {
                **{name: pd.Series(dtype="str") for name in (*names, "verdict", "family", "baseline")},
                **{name: [] for name in _COMPARED},
            }
        )
    table = comparisons(material)
    table = table[table["metric"] == (table["task_label"].map(material.shown) if metric is None else metric)]
    table = table.assign(level=table["level"].replace(COMPARED, "free"))
    keys = ["task_label", "model_label", "regime_label", "setting"]
    methods = material.runs[[*keys, "method"]].astype("str").drop_duplicates()
    table = table.astype(dict.fromkeys(keys, "str")).merge(methods, on=keys, how="left")
    of = {tuple(row[name] for name in keys): row["method"] for row in methods.to_dict("records")}
    against = [of[row["task_label"], row["model_label"], row["baseline"], row["setting"]] for row in table.to_dict("records")]
    table = table.assign(baseline=pd.Series(against, index=table.index, dtype="str"))
    return table.rename(columns=_NAMES)[[*names, *_COMPARED, "verdict", "family", "baseline"]]
