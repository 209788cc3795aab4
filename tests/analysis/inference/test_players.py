"""Tests of reference players in the analysis: their levels by the headlines, and whom a method does not beat."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from freerun.analysis.figures._players import _framed
from freerun.analysis.inference.player_levels import as_good, dominant, method_levels, placed, player_levels, rewarded, unbeaten
from freerun.analysis.tables import player_table
from freerun.analysis.tables.quantities import Quantities, of_frames

TASK = "Lorenz-63"
HEADLINES = {TASK: ("rmse", "valid_time")}
UNITS = {"rmse": "std", "valid_time": "Lyapunov times"}
#: By RMSE less is better, by valid time more.
LEVELS = {"noisy truth": (0.1, 3.0), "persistence": (1.0, 0.5), "shrunk to 0.9": (0.2, 5.0)}


def players(levels=LEVELS, seeds=4):
    rows = [
        {
            "run": "a", "study": "s", "task": "lorenz63", "seed": seed, "player": name, "split": "test", "mode": "free",
            "stands": "best" if name == "noisy truth" else "degenerate", "ignorant": name == "persistence",
            "metric": metric, "step": step, "value": value * (1 + 0.01 * seed), "low": np.nan, "high": np.nan,
            "unit": UNITS[metric], "task_label": TASK,
        }
        for name, values in levels.items()
        for metric, value in zip(UNITS, values, strict=True)
        for seed in range(seeds)
        for step in (0, 1)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def whole(rmse, valid, seeds=4):
    rows = [
        {
            "run": f"r{seed}", "task_label": TASK, "model_label": "GRU", "method": "teacher forcing", "metric": metric,
            "unit": UNITS[metric], "free": value * (1 + 0.01 * seed),
        }
        for metric, value in zip(UNITS, (rmse, valid), strict=True)
        for seed in range(seeds)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def quantities():
    return Quantities(of_frames([pd.DataFrame([{"task": "lorenz63", "metric": m, "unit": u} for m, u in UNITS.items()])]))


def not_beaten(rmse, valid, seeds=4):
    table, compared = (
        whole(rmse, valid, seeds),
        pd.DataFrame(columns=["run", "task_label", "model_label", "method", "metric", "unit", "value"]),
    )
    methods = method_levels(table, compared, HEADLINES, quantities())
    return list(unbeaten(methods, player_levels(players(seeds=seeds), HEADLINES, quantities()))["player"])


@pytest.mark.parametrize(
    ("rmse", "valid", "expected"),
    [
        (0.5, 2.0, ["shrunk to 0.9"]),  # better than persistence by both, than the orbit that has shrunk by none
        (0.15, 2.0, []),  # by one headline is enough
        (1.5, 0.2, ["persistence", "shrunk to 0.9"]), (1.0, 0.5, ["persistence", "shrunk to 0.9"]),
        (1.5, 0.9, ["shrunk to 0.9"]),
    ],
)  # fmt: skip
def test_a_method_beats_a_player_that_is_worse_by_one_headline(rmse, valid, expected):
    assert not_beaten(rmse, valid) == expected


def test_what_is_as_good_as_the_truth_is_no_degenerate_player():
    """Another temperature changes nothing where a source chooses evenly; that no model beats it is no finding."""
    same = {"noisy truth": (0.1, 3.0), "temperature 2": (0.1, 3.0), "persistence": (1.0, 0.5), "shrunk to 0.9": (0.2, 5.0)}
    levels = player_levels(players(same), HEADLINES, quantities())
    assert as_good(levels).to_dict("records") == [{"task_label": TASK, "player": "temperature 2"}]
    compared = pd.DataFrame(columns=["run", "task_label", "model_label", "method", "metric", "unit", "value"])
    methods = method_levels(whole(0.5, 2.0), compared, HEADLINES, quantities())
    assert list(unbeaten(methods, levels)["player"]) == ["shrunk to 0.9"]
    assert as_good(player_levels(players(same, seeds=2), HEADLINES, quantities())).empty


def test_a_measure_by_which_a_degenerate_player_beats_the_truth_is_named():
    """Valid time rewards the true orbit that has shrunk; by RMSE nothing is better than the noisy truth."""
    levels = player_levels(players(), HEADLINES, quantities())
    assert rewarded(levels).to_dict("records") == [{"metric": "valid_time", "task_label": TASK, "player": "shrunk to 0.9"}]
    assert rewarded(player_levels(players(seeds=2), HEADLINES, quantities())).empty


@pytest.mark.parametrize(
    ("rmse", "valid", "expected"),
    [(1.5, 0.2, ["persistence"]), (1.5, 1.0, []), (0.5, 0.2, []), (1.5, np.nan, ["persistence"]), (np.nan, np.nan, [])],
)
def test_who_is_worse_than_what_has_learned_nothing_is_named_even_with_one_seed(rmse, valid, expected):
    levels = player_levels(players(seeds=1), HEADLINES, quantities())
    compared = pd.DataFrame(columns=["run", "task_label", "model_label", "method", "metric", "unit", "value"])
    pairs = dominant(method_levels(whole(rmse, valid, 1), compared, HEADLINES, quantities()), levels)
    assert list(pairs["player"]) == expected


def test_without_intervals_nothing_is_said():
    assert not_beaten(1.5, 0.2, seeds=2) == []


def test_levels_are_means_over_seeds_of_the_whole_rollout():
    levels = player_levels(players(), HEADLINES, quantities()).set_index(["player", "metric"])
    geometric = np.exp(np.log(0.1 * (1 + 0.01 * np.arange(4))).mean())
    assert levels.loc[("noisy truth", "rmse"), "mean"] == pytest.approx(geometric)
    assert levels.loc[("persistence", "valid_time"), "mean"] == pytest.approx(0.5 * 1.015)
    assert set(levels["n"]) == {4}
    assert levels["sign"].groupby("metric").first().to_dict() == {"rmse": -1.0, "valid_time": 1.0}


def test_players_that_are_measured_in_two_ways_are_told_apart():
    runs = pd.DataFrame({"run": ["a", "b"], "task": "lorenz63", "evaluation.horizon": [20, 50], "evaluation.orbit": [0, 0]})
    labels = pd.DataFrame({"task_label": [TASK, TASK]}, index=pd.Index(["a", "b"]))
    other = players().assign(run="b")
    both = pd.concat([players(), other.assign(value=2 * other["value"])]).drop(columns="task_label")
    names = list(dict.fromkeys(placed(both, runs, labels)["player"]))
    assert names[0] == "noisy truth (horizon=20)"
    assert len(names) == 2 * len(LEVELS)
    assert list(placed(both[both["run"] == "a"], runs, labels)["player"].unique()) == list(LEVELS)
    assert placed(player_table.none(), runs, labels).empty


def test_players_of_which_two_measurements_say_the_same_stand_once():
    """One model has a long closed loop and another none (`model=gru,direct`): what both say of a player is the same."""
    runs = pd.DataFrame({"run": ["a", "b"], "task": "lorenz63", "evaluation.orbit": [0, 8000]})
    labels = pd.DataFrame({"task_label": [TASK, TASK]}, index=pd.Index(["a", "b"]))
    fewer = players()[lambda rows: rows["metric"] == "rmse"]
    both = pd.concat([fewer, players().assign(run="b")]).drop(columns="task_label")
    once = placed(both, runs, labels)
    assert set(once["player"]) == set(LEVELS)
    assert len(once) == len(players())


def test_a_line_of_a_player_is_cut_where_it_leaves_the_frame():
    curve, seen = pd.Series([50.0, 0.5, 0.2, 0.0]), np.array([[0.1, np.nan], [1.0, 0.4]])
    assert _framed(curve, seen, log=True).tolist() == [False, True, True, False]
    assert _framed(curve, seen, log=False).tolist() == [False, True, True, False]
    assert not _framed(curve, np.array([np.nan]), log=False).any()
