"""Random-effects summary of a method over tasks, where tasks are a sample of tasks.

    effect_i = mu + u_i + e_i ,   u_i ~ N(0, tau^2) between tasks,   e_i ~ N(0, s_i^2 / n_i) between seeds

tau^2 by DerSimonian and Laird (1986), the interval of mu by Hartung, Knapp, Sidik and Jonkman (Student t with k - 1 degrees of
freedom, its scale not below 1), the prediction interval for a new task by Higgins, Thompson and Spiegelhalter (2009).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from freerun.analysis.inference.confidence_intervals import CONFIDENCE, FEWEST
from freerun.analysis.tables.quantities import Quantities
from freerun.errors import require


@dataclass(frozen=True, kw_only=True)
class Summary:
    """An effect over `tasks` tasks.

    Attributes:
        mean, low, high: of the effect on an average task.
        new_low, new_high: between which the effect on a new task lies.
        tau: standard deviation of the effect between tasks.
        share: how much of the variance between the observed effects is one between tasks (I^2 of Higgins and Thompson).
    """

    mean: float
    low: float
    high: float
    new_low: float
    new_high: float
    tau: float
    share: float
    tasks: int


def over_tasks(effects: np.ndarray, errors: np.ndarray) -> Summary:
    """The effects of single tasks as one.

    Args:
        effects: one a task, on a scale without units (a log ratio, a standardised difference).
        errors: their standard errors.

    Raises:
        ValueError: for fewer than three tasks with a known effect and a positive error.
    """
    known = np.isfinite(effects) & np.isfinite(errors) & (errors > 0)
    y, variance = effects[known], errors[known] ** 2
    k = len(y)
    require(k >= FEWEST, "effects", f"{k} tasks", f"have at least {FEWEST} tasks with a known error")
    fixed = 1 / variance
    q = float((fixed * (y - np.average(y, weights=fixed)) ** 2).sum())
    tau2 = max(0.0, (q - (k - 1)) / float(fixed.sum() - (fixed**2).sum() / fixed.sum()))
    weights = 1 / (variance + tau2)
    mean = float(np.average(y, weights=weights))
    scale = max(1.0, float((weights * (y - mean) ** 2).sum()) / (k - 1))
    error2 = scale / float(weights.sum())
    half = float(stdtrit(k - 1, 0.5 + CONFIDENCE / 2)) * np.sqrt(error2)
    ahead = float(stdtrit(max(k - 2, 1), 0.5 + CONFIDENCE / 2)) * np.sqrt(error2 + tau2)
    return Summary(
        mean=mean, low=mean - half, high=mean + half, new_low=mean - ahead, new_high=mean + ahead,
        tau=float(np.sqrt(tau2)), share=max(0.0, 1 - (k - 1) / q) if q > 0 else 0.0, tasks=k,
    )  # fmt: skip


def effects(pairs: pd.DataFrame, quantities: Quantities) -> pd.DataFrame:
    """What each regime does to one measure of each task, as one log ratio a task with its standard error; below 0 is better.

    What is better when it is large has its ratio turned round, since tasks that differ in that have no mean. A cross-entropy in
    nats is a logarithm already: its difference is the log ratio of two perplexities. Other differences have no scale that tasks
    share, and are left out. A task has one effect, however many models were run on it: that of their mean, seed by seed, over
    the seeds at which all of them are defined.

    Args:
        pairs: what `paired.paired` gives, of one measure a task.
        quantities: what the values mean.

    Returns:
        `baseline`, `regime_label`, `setting`, `task_label`, `effect`, `error` and `n` (seeds, at least three).
    """
    logarithm = pairs["ratio"].astype(bool) | (quantities.where(pairs, "scale") == "logarithm")
    pairs = pairs.assign(difference=-quantities.where(pairs, "sign").astype(float) * pairs["difference"])
    rows = []
    keys = ["baseline", "regime_label", "setting", "task_label"]
    for names, of_task in pairs[logarithm].groupby(keys, observed=True, sort=False):
        seeds = of_task.pivot_table(index="seed", columns="model_label", values="difference", observed=True, dropna=False)
        mean = seeds.dropna().mean(axis=1)
        if len(mean) >= FEWEST:
            rows.append([*names, mean.mean(), mean.std() / np.sqrt(len(mean)), len(mean)])
    return pd.DataFrame(rows, columns=[*keys, "effect", "error", "n"])
