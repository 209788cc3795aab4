"""Mean ranks over tasks and their critical difference (Demsar 2006, JMLR 7, section 3.2.2).

Methods are ranked on every task; the Friedman test asks whether the mean ranks could be equal, Nemenyi's critical difference
CD = q sqrt(k (k + 1) / (6 N)) which of them differ, for k methods on N tasks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import factorial
from typing import cast

import numpy as np
import pandas as pd

from freerun.analysis.inference.confidence_intervals import CONFIDENCE, LOST
from freerun.analysis.inference.replicates import CELL
from freerun.analysis.tables.player_table import BEST, DEGENERATE, TRUTH
from freerun.analysis.tables.quantities import Quantities
from freerun.errors import require

TASKS, METHODS = 3, 2
#: What players of several tasks are called together, by what they stand for.
_TOGETHER = {BEST: "best there is", DEGENERATE: "degenerate players"}


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Mean ranks over tasks, 1 the best.

    Attributes:
        ranks: the mean rank of each method, best first.
        tasks: how many tasks voted.
        p: that of Friedman's test in the form of Iman and Davenport (1980), and no smaller than N orders of k methods that
            all agree can give, (k!)^(1 - N).
        critical_difference: mean ranks further apart than this differ.
        cliques: the largest groups of methods that are not shown to differ, best first.
    """

    ranks: pd.Series
    tasks: int
    p: float
    critical_difference: float
    cliques: tuple[tuple[str, ...], ...]


def ranking(errors: pd.DataFrame) -> Ranking:
    """The methods ranked over tasks; tasks in which a method has no error are left out.

    Args:
        errors: a row a task, a column a method; less is better.

    Raises:
        ValueError: for fewer than three complete tasks or two methods: there is nothing to rank by.
    """
    whole = errors.dropna()
    n, k = whole.shape
    require(n >= TASKS, "errors", f"{n} complete tasks", f"have at least {TASKS} tasks in which every method has an error")
    require(k >= METHODS, "errors", f"{k} methods", f"have at least {METHODS} methods")
    from scipy.stats import f, studentized_range

    task_ranks = whole.rank(axis=1, method="average")
    ranks = task_ranks.mean().sort_values(kind="stable")
    between = n * float(((task_ranks.mean() - (k + 1) / 2) ** 2).sum())
    within = float(((task_ranks - (k + 1) / 2) ** 2).to_numpy().sum()) / (n * (k - 1))
    chi = between / within if within > 0 else 0.0
    remainder = n * (k - 1) - chi
    p = float(f.sf((n - 1) * chi / remainder, k - 1, (k - 1) * (n - 1))) if remainder > 1e-9 else 0.0
    p = max(p, float(factorial(k)) ** (1 - n))  # of so many patterns of ranks, all as probable where nothing differs, one
    q = float(studentized_range.ppf(CONFIDENCE, k, np.inf)) / np.sqrt(2)
    difference = q * float(np.sqrt(k * (k + 1) / (6 * n)))
    return Ranking(ranks=ranks, tasks=n, p=p, critical_difference=difference, cliques=_cliques(ranks, difference))


def votes(
    whole: pd.DataFrame,
    headlines: Mapping[str, Sequence[str]],
    runs: pd.DataFrame,
    of: str = "method",
    *,
    quantities: Quantities,
) -> pd.DataFrame:
    """What each task says of the methods, or of the models, for `ranking`.

    A task has one vote, however many headlines it has and however many models or methods beside were run on it: the ranks on
    it are averaged, over those with which everything was run that is ranked. What is ranked are medians over seeds, among which
    a run without a result is worse than any other: means of those that survive would rank a method by its best seeds.

    Args:
        whole: levels over the horizon, one row a run and metric, with the labels of conditions.
        headlines: the measures by which each task is judged.
        runs: all runs, with their status and the same labels.
        of: the column whose values are ranked.
        quantities: what the values mean; a task has no vote where neither way is better.

    Returns:
        A row a task, a column each; medians over seeds of which less is better, ranked. Only tasks in which all were run.
    """
    table = _medians(whole, headlines, runs, of, quantities)
    ranks: pd.DataFrame = table.rank(axis=1).groupby(level="task_label", sort=False).mean()
    return ranks


def places(
    players: pd.DataFrame,
    whole: pd.DataFrame,
    headlines: Mapping[str, Sequence[str]],
    runs: pd.DataFrame,
    of: str = "method",
    *,
    quantities: Quantities,
) -> pd.Series:
    """Where reference players would stand among what `votes` ranks, averaged in the same way; they change no rank.

    A place is a half more than the number of those that are better, and a half for each that is as good: 0.5 is before the
    first, 1.5 between the first and the second. A player that plays on every task that votes has a place of its own. Symbols
    and values have other players: where none of those that stand for the best plays on every task, the best there is of each
    task has one place, and so have the degenerate players, the mean of theirs.

    Args:
        players: as `player_levels.placed` gives them.
        whole, headlines, runs, of, quantities: as for `votes`.

    Returns:
        The mean place over tasks by name, in the order of the table of players; none where a task has no player.
    """
    table = _medians(whole, headlines, runs, of, quantities)
    levels = _player_medians(players, quantities)
    rows = []
    for key, ranked in table.iterrows():
        where = dict(zip(table.index.names, cast("tuple[str, ...]", key), strict=True))
        beside = levels[(levels["task_label"] == where["task_label"]) & (levels["metric"] == where["metric"])]
        for level in beside.itertuples(index=False):
            place = 0.5 + float((ranked < level.value).sum()) + 0.5 * float((ranked == level.value).sum())
            rows.append({"task": where["task_label"], "name": level.player, "stands": level.stands, "place": place})
    found = pd.DataFrame(rows, columns=["task", "name", "stands", "place"])
    tasks = table.index.get_level_values("task_label").nunique()
    kept = []
    for stands in (TRUTH, BEST, DEGENERATE):
        own = found[found["stands"] == stands]
        of_all = _everywhere(own, tasks)
        kept.append(_everywhere(own.assign(name=_TOGETHER[stands]), tasks) if of_all.empty and stands != TRUTH else of_all)
    means: pd.Series = pd.concat(kept)
    return means


def _player_medians(players: pd.DataFrame, quantities: Quantities) -> pd.DataFrame:
    """The median over seeds of each player by each measure of the free rollout, of which less is better."""
    own = players[(players["step"] == 0) & (players["mode"] != "forced") & players["value"].notna()]
    less = own["value"] * -quantities.where(own, "sign").astype(float)
    keys = ["task_label", "metric", "player", "stands"]
    return own.astype(dict.fromkeys(keys, "str")).assign(value=less).groupby(keys, sort=False)["value"].median().reset_index()


def _everywhere(places: pd.DataFrame, tasks: int) -> pd.Series:
    """The mean place over tasks of each name that has one on all of so many."""
    by_task = places.groupby(["name", "task"], sort=False)["place"].mean().groupby(level="name", sort=False)
    means: pd.Series = by_task.mean().where(by_task.count() == tasks).dropna()
    return means


def _medians(
    whole: pd.DataFrame, headlines: Mapping[str, Sequence[str]], runs: pd.DataFrame, of: str, quantities: Quantities
) -> pd.DataFrame:
    """The medians over seeds of which less is better: a row a task, headline and what was run beside, a column each."""
    pairs = zip(whole["task_label"].astype(str), whole["metric"].astype(str), strict=True)
    headline_rows = whole[np.array([metric in headlines.get(task, ()) for task, metric in pairs], dtype=bool)]
    sign = -quantities.where(headline_rows, "sign").astype(float)
    seen = headline_rows[[*CELL, "metric"]].assign(value=(headline_rows["free"] * sign).fillna(np.inf))
    lost_runs = runs.loc[runs["status"].isin(LOST) & runs["task_label"].isin(list(headlines)), [*CELL]]
    lost = lost_runs.assign(metric=lost_runs["task_label"].astype(object).map(dict(headlines)), value=np.inf).explode("metric")
    texts = dict.fromkeys([*CELL, "metric"], "str")
    rows = pd.concat([seen.astype(texts), lost.astype(texts)])
    medians = rows.groupby([*CELL, "metric"])["value"].median()
    order = [str(name) for name in runs[of].cat.categories if (rows[of] == str(name)).any()]
    table = medians.unstack(of).reindex(columns=order).dropna()
    finite: pd.DataFrame = table.loc[np.isfinite(table.to_numpy()).any(axis=1)]
    return finite


def _cliques(ranks: pd.Series, difference: float) -> tuple[tuple[str, ...], ...]:
    values, names = ranks.to_numpy(), [str(name) for name in ranks.index]
    ends = [int(np.searchsorted(values, value + difference, side="right")) for value in values]
    kept = [(i, end) for i, end in enumerate(ends) if end - i > 1 and (i == 0 or end > ends[i - 1])]
    return tuple(tuple(names[i:end]) for i, end in kept)
