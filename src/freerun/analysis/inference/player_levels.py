"""Levels of the reference players beside those of the methods, by the headlines of a task, and whom a method does not beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from freerun.analysis.inference.confidence_intervals import of_positive
from freerun.analysis.inference.empty_table import empty_table
from freerun.analysis.inference.labels import merged
from freerun.analysis.inference.replicates import CELL, described
from freerun.analysis.tables.player_table import BEST, DEGENERATE
from freerun.analysis.tables.quantities import Quantities

#: What a row of the table of players is of.
_ROW = ["task_label", "seed", "player", "split", "mode", "metric", "step", "unit"]
#: By what players are told apart.
PLAYER = ["task_label", "player"]
_KEPT = ("mean", "low", "high", "n")


def placed(players: pd.DataFrame, runs: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """The table of players with the label of their task; where a task is measured in several ways, `player` says in which.

    A row that says the same as one of another measurement stands once; where all that two measurements have in common says the
    same, as where one has a long closed loop and the other none, they are one.

    Args:
        players: as in `Tables`.
        runs: of the same tables.
        labels: what `replicates.conditions` gives for them.
    """
    beside = runs.set_index(runs["run"].astype("str")).loc[list(dict.fromkeys(players["run"].astype("str")))]
    tasks = labels["task_label"].astype("str").reindex(beside.index)
    players = players.assign(task_label=players["run"].astype("str").map(tasks).to_numpy()).reset_index(drop=True)
    once = players.drop_duplicates([*_ROW, "value", "low", "high"])
    differ = set(once.loc[once.duplicated(_ROW), "task_label"])
    players = players[players.index.isin(once.index) | players["task_label"].isin(differ)].reset_index(drop=True)
    settings = [name for name in beside.columns if name.startswith("evaluation.")]
    words: dict[str, str] = {}
    for _, of_task in beside[tasks.isin(differ)].groupby(tasks, sort=False):
        varied = [name for name in settings if of_task[name].nunique(dropna=False) > 1]
        words |= dict(zip(of_task.index, described(of_task, varied), strict=True))
    names = {
        (run, player): merged(str(player), words.get(run, ""))
        for run, player in players[["run", "player"]].astype("str").drop_duplicates().itertuples(index=False, name=None)
    }
    pairs = zip(players["run"].astype("str"), players["player"].astype("str"), strict=True)
    return players.assign(player=[names[pair] for pair in pairs])


def player_levels(players: pd.DataFrame, headlines: Mapping[str, Sequence[str]], quantities: Quantities) -> pd.DataFrame:
    """The mean of every player over seeds by each headline of its task, running free, with its interval.

    Args:
        players: as `placed` gives them.
        headlines: of each task, by its label.
        quantities: what the values mean.

    Returns:
        task_label, player, stands, metric, mean, low, high, n, sign (1 where more is better, -1 where less is) and ignorant;
        players in the order of the table.
    """
    rows = players[(players["step"] == 0) & (players["mode"] != "forced")]
    levels = _levels(rows.rename(columns={"value": "level"}), [*PLAYER, "stands"], headlines, quantities)
    ignorant = pd.MultiIndex.from_frame(rows.loc[rows["ignorant"], PLAYER].astype(str))
    return levels.assign(ignorant=pd.MultiIndex.from_frame(levels[PLAYER]).isin(ignorant))


def method_levels(
    whole: pd.DataFrame, compared: pd.DataFrame, headlines: Mapping[str, Sequence[str]], quantities: Quantities
) -> pd.DataFrame:
    """The same of every condition: `CELL`, metric, mean, low, high, n, sign.

    Args:
        whole: the levels of runs over the horizon, with the labels of their conditions.
        compared: the measures of both modes side by side, at every step.
        headlines, quantities: as above.
    """
    keys = ["run", *CELL, "metric", "unit"]
    beside = compared.groupby(keys, observed=True, sort=False)["value"].mean().reset_index(name="level")
    return _levels(pd.concat([whole[[*keys, "free"]].rename(columns={"free": "level"}), beside]), CELL, headlines, quantities)


def _levels(rows: pd.DataFrame, by: list[str], headlines: Mapping[str, Sequence[str]], quantities: Quantities) -> pd.DataFrame:
    columns = [*by, "metric", *_KEPT, "sign"]
    levels = []
    for task, metrics in headlines.items():
        of_task = rows[rows["task_label"].astype("str") == task]
        for metric in metrics:
            of_metric = of_task[of_task["metric"].astype("str") == metric]
            for unit, of_unit in of_metric.groupby("unit", observed=True, sort=False, dropna=False):
                meant = quantities.of(metric, unit)
                means = of_positive(of_unit, by, "level", log=meant.ratio, within=meant.range)
                levels.append(means.astype(dict.fromkeys(by, "str")).assign(metric=metric, sign=meant.sign))
    return pd.concat(levels, ignore_index=True)[columns] if levels else empty_table(columns, [*by, "metric"])


def as_good(players: pd.DataFrame) -> pd.DataFrame:
    """The degenerate players that are worse than the best there is by no headline, by more than both intervals.

    As good as the truth, they show nothing: another temperature changes nothing where a source chooses evenly.

    Args:
        players: what `player_levels` gives.

    Returns:
        `PLAYER`, a row each; none where there are no intervals, or nothing that is best.
    """
    worst, best = (players[players["stands"] == stands].drop(columns="stands") for stands in (DEGENERATE, BEST))
    return _never_worse(worst, best, PLAYER)


def rewarded(players: pd.DataFrame) -> pd.DataFrame:
    """The degenerate players that are better than the best there is by some measure, by more than both intervals.

    A measure by which there are any rewards what is no merit; it cannot stand alone.

    Args:
        players: what `player_levels` gives, by any measures.

    Returns:
        metric and `PLAYER`, a row each; none where there are no intervals, or nothing that is best.
    """
    worst, best = (players[players["stands"] == stands].drop(columns="stands") for stands in (DEGENERATE, BEST))
    pairs = worst.merge(best, on=["task_label", "metric"], suffixes=("", "_best"))
    better = np.where(pairs["sign"] > 0, pairs["low"] - pairs["high_best"], pairs["low_best"] - pairs["high"]) > 0
    return pairs.loc[better, ["metric", *PLAYER]].reset_index(drop=True)


def unbeaten(methods: pd.DataFrame, players: pd.DataFrame) -> pd.DataFrame:
    """The degenerate players that a condition does not beat: by no headline is it better, by more than both intervals.

    Args:
        methods, players: what `method_levels` and `player_levels` give.

    Returns:
        `CELL` and player, a row for each such pair; none where there are no intervals. Players that are `as_good` as the best
        there is are left out.
    """
    worst = players[players["stands"] == DEGENERATE].drop(columns="stands")
    good = pd.MultiIndex.from_frame(as_good(players))
    worst = worst[~pd.MultiIndex.from_frame(worst[PLAYER]).isin(good)]
    return _never_worse(worst, methods, [*CELL, "player"])


def dominant(methods: pd.DataFrame, players: pd.DataFrame) -> pd.DataFrame:
    """The ignorant players that are better than a condition by every headline that both have, by their means over seeds.

    No test: a run that is worse than a source that has learned nothing is of no use, and one seed is enough to see it.

    Args:
        methods, players: what `method_levels` and `player_levels` give.

    Returns:
        `CELL`, player and n, the seeds of the condition, a row for each such pair.
    """
    pairs = methods.merge(players[players["ignorant"]], on=["task_label", "metric"], suffixes=("", "_player")).dropna(
        subset=["mean", "mean_player"]
    )
    judged = pairs.assign(better=pairs["sign"] * (pairs["mean_player"] - pairs["mean"]) > 0)
    of_pairs = judged.groupby([*CELL, "player"], sort=False).agg(better=("better", "all"), n=("n", "min")).reset_index()
    return of_pairs.loc[of_pairs["better"], [*CELL, "player", "n"]].reset_index(drop=True)


def _never_worse(worst: pd.DataFrame, others: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """The pairs of a player and another on a task of which the player is worse by no headline, by more than both intervals."""
    pairs = others.merge(worst, on=["task_label", "metric"], suffixes=("_other", ""))
    if pairs.empty:
        return empty_table(by, by)
    more = pairs["sign"] > 0
    margin = np.where(more, pairs["low_other"] - pairs["high"], pairs["low"] - pairs["high_other"])
    judged = pairs.assign(worse=margin > 0, known=np.isfinite(margin))
    found = judged.groupby(by, sort=False)[["worse", "known"]].any().reset_index()
    return found.loc[found["known"] & ~found["worse"], by].reset_index(drop=True)
