"""Whether training had finished: how much the validation losses still moved at a high learning rate."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.inference.replicates import CELL
from freerun.analysis.report.section import Grid, Section
from freerun.config.learning_rate import Decay, factor

#: The last part of training at a high rate that is looked at, and the movement below which it counts as settled.
TAIL, SETTLED = 0.1, 0.02
#: A rate is high while it is at least so much of its peak: below, a loss settles because the rate falls.
HIGH = 0.5
#: Where the logged points leave more of training than this for the last part, nothing is said of its end.
COARSE = 0.25
QUANTITIES = {"validation_forced_loss": "forced", "validation_free_loss": "free"}


_HEAD = ("Task", "Model", "Regime", "Forced", "Free", "From update")


def section(material: Material) -> Section:
    """What is said of the end of training, with the change under each condition."""
    said = finish(material.curves, material.runs)
    cells = [[row[name] for name in (*CELL, "forced", "free", "updates")] for row in said["rows"]]
    grid = Grid(title="Change of the validation loss at the end of the high learning rate", head=_HEAD, rows=cells)
    return Section(title="Had training finished?", sentences=[said["sentence"]], tables=[grid] if cells else [])


def finish(curves: pd.DataFrame, runs: pd.DataFrame) -> dict[str, Any]:
    """How much the validation losses, averaged over seeds, still moved while the learning rate could move them.

    Looked at is the last tenth of the updates at which the rate was at least half of its peak: with a rate that falls to 0
    every loss is flat in the end, finished or not. It begins at the last logged point at or before it; where points are few it
    is longer, and said to be.

    Args:
        curves: training curves with the labels of conditions.
        runs: the runs with the same labels and their settings.

    Returns:
        `sentence`, and `rows`: task, model, method, the updates from and to which it was, and the relative change of the forced
        and of the free loss.
    """
    rows = curves[curves["quantity"].isin(list(QUANTITIES)) & curves["value"].notna()]
    means = rows.groupby([*CELL, "quantity", "update"], observed=True, sort=True)["value"].mean()
    grouped = means.groupby(level=[*CELL, "quantity"], observed=True, sort=True)
    names, ends = [*CELL, "quantity"], _high_until(runs, curves)
    changes = []
    for _, curve in grouped:
        key = dict(zip(names, curve.index[0], strict=False))
        changes.append({**key, **_moved(curve, ends.get(tuple(str(key[name]) for name in CELL)))})
    moved = pd.DataFrame(changes, columns=[*names, "change", "first", "last"]).dropna()
    if moved.empty:
        return {"sentence": "This cannot be told: no training curve has two points at a known learning rate.", "rows": []}
    spans = moved.groupby(CELL, observed=True, sort=False).agg(first=("first", "min"), last=("last", "max"))
    wide = moved.pivot(index=CELL, columns="quantity", values="change").reindex(columns=list(QUANTITIES))
    wide = wide.rename(columns=QUANTITIES).join(spans).reset_index()
    wide["span"] = (wide["last"] - wide["first"]) / wide["last"]
    shown = [
        {
            **{name: str(row[name]) for name in CELL},
            **{mode: _signed(row[mode]) for mode in QUANTITIES.values()},
            "updates": f"{row['first']:.0f} to {row['last']:.0f} ({_per_cent(row['span'])})",
        }
        for row in wide.to_dict("records")
    ]
    return {"sentence": _finished(wide), "rows": shown}


def _high_until(runs: pd.DataFrame, curves: pd.DataFrame) -> dict[tuple[str, ...], float]:
    """The last update of each condition at which the learning rate was at least half of its peak, as far as that is known."""
    if not {"training.updates", "training.decay"} <= set(runs.columns):
        return {}
    rates = curves[curves["quantity"] == "learning_rate"]
    peaks = rates.groupby(CELL, observed=True)["value"].transform("max")
    falls = rates[rates["value"] < HIGH * peaks].sort_values("update")
    fell = {tuple(str(row[name]) for name in CELL): float(row["update"]) for row in falls.to_dict("records")[::-1]}
    ends: dict[tuple[str, ...], float] = {}
    for row in runs.drop_duplicates(CELL).to_dict("records"):
        updates, decay = row["training.updates"], row["training.decay"]
        if pd.notna(updates) and decay in {schedule.value for schedule in Decay}:
            every, by = (None if pd.isna(value := row.get(f"training.decay_{name}")) else value for name in ("every", "factor"))
            at = range(int(updates))
            high = [update for update in at if factor(Decay(decay), update, int(updates), every and int(every), by) >= HIGH]
            cell = tuple(str(row[name]) for name in CELL)
            ends[cell] = float(min(max(high, default=0), fell.get(cell, math.inf)))
    return ends


def _moved(values: pd.Series, high_until: float | None) -> dict[str, float]:
    """The relative change over the tail of the updates at a high rate, with the updates from and to which it is."""
    if high_until is None:
        return {}
    updates = values.index.get_level_values("update").to_numpy()
    within = np.flatnonzero(updates <= high_until)
    if len(within) < 2:
        return {}
    last = within[-1]
    before = np.flatnonzero(updates <= (1 - TAIL) * updates[last])
    if not len(before) or values.iloc[before[-1]] == 0:
        return {}
    change = float(values.iloc[last] / values.iloc[before[-1]] - 1)
    return {"change": change, "first": float(updates[before[-1]]), "last": float(updates[last])}


def _finished(wide: pd.DataFrame) -> str:
    """Whether the losses had settled before the learning rate fell, where that can be told."""
    fine, coarse = wide[wide["span"] <= COARSE], wide[wide["span"] > COARSE]
    said = []
    if len(fine):
        settled = int((fine[["forced", "free"]].abs().max(axis=1) <= SETTLED).sum())
        parts = list(dict.fromkeys(_per_cent(span) for span in (fine["span"].min(), fine["span"].max())))
        said.append(
            f"Over the last {' to '.join(parts)} of the updates at which the learning rate was at least half of its peak, the "
            f"validation loss, forced and free, moved by less than {_per_cent(SETTLED)} in {settled} of {len(fine)} "
            f"conditions. {_worst(fine)} Later updates say nothing: a rate that falls to 0 settles any loss."
        )
    if len(coarse):
        top = coarse.iloc[int(np.argmax(coarse["span"].to_numpy()))]
        said.append(
            f"In {len(coarse)} of {len(wide)} conditions too few points were logged to tell whether training had settled: "
            f"known is only the change from update {top['first']:.0f} to {top['last']:.0f}, over "
            f"{_per_cent(top['span'])} of the updates at a high rate (a smaller training.log_every tells more)."
        )
    return " ".join(said)


def _worst(wide: pd.DataFrame) -> str:
    parts = []
    for mode in QUANTITIES.values():
        if wide[mode].notna().any():
            row = wide.iloc[int(np.nanargmax(wide[mode].abs().to_numpy()))]
            parts.append(f"by {_signed(row[mode])} {mode} ({row['task_label']}, {row['model_label']}, {row['method']})")
    return f"It moved most {' and '.join(parts)}." if parts else ""


def _per_cent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _signed(value: float) -> str:
    return f"{100 * value:+.1f} %".replace("-", "\N{MINUS SIGN}") if np.isfinite(value) else "undefined"
