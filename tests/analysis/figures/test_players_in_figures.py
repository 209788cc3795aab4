"""Tests of reference players in figures: a line for each number, none without one, and none bends a scale."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from freerun.analysis import figures
from freerun.analysis.figures import Material, _players, training_curves
from freerun.analysis.figures._style import GREY
from freerun.analysis.inference.mean_ranks import places
from freerun.analysis.tables import selection, tidy
from freerun.measurement.players.values import Persistence
from freerun.parts.tasks.lorenz63 import Lorenz63
from freerun.random_streams import stream
from freerun.store import study_file
from synthetic import grid, study

RESULTS = Path(__file__).parents[3] / "results"


@cache
def kept(name, **chosen):
    """The material of a study that the repository keeps, of some of its runs."""
    tables = tidy.declared(tidy.read(RESULTS / name), study_file.read(RESULTS / name))
    return Material.of(selection.select(tables, {key: [value] for key, value in chosen.items()}) if chosen else tables, {})


def made(folder, **settings):
    store, ids = study(folder, grid(**settings))
    return Material.of(tidy.frames(store, ids, "s"), tidy.samples(store, ids))


def played(of, *rows):
    """The material with these players: task, player, what it stands for, metric, unit, levels by step."""
    frame = pd.DataFrame(
        {
            "task": task, "task_label": task, "seed": 0, "player": player, "stands": stands, "ignorant": False, "split": "test",
            "mode": "free", "metric": metric, "unit": unit, "step": step, "value": value, "low": np.nan, "high": np.nan,
        }
        for task, player, stands, metric, unit, levels in rows
        for step, value in levels.items()
    )  # fmt: skip
    return replace(of, players=frame)


def label(of, number=0):
    return str(of.runs["task_label"].cat.categories[number])


def drawn(of, name):
    (figure,) = [figure for _, figure in figures.draw(of, [name])]
    return figure


def words(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def thin(figure):
    """The lines of players: grey and thin."""
    return [line for axes in figure.axes for line in axes.lines if line.get_color() == GREY and line.get_linewidth() == 0.4]


def limits(figure):
    return [(axes.get_xlim(), axes.get_ylim()) for axes in figure.axes]


KEPT = {
    "training_curves": ("exact_expert", {}),
    "expected_best": ("forcing_strength", {}),
    "error_growth": ("first_look", {"task": "lorenz63", "model": "gru"}),
    "chaos_floor": ("first_look", {"task": "lorenz63", "model": "gru"}),
    "ranking": ("misspecification", {}),
}
SOME = {
    "training_curves": "unigram", "expected_best": "noisy truth", "error_growth": "shrunk to 0.9",
    "chaos_floor": "shrunk to 0.9", "ranking": "perfect forecast",
}  # fmt: skip


@pytest.mark.parametrize("name", KEPT)
def test_players_stand_in_the_figures_of_a_kept_study_and_bend_no_scale(name):
    study_name, chosen = KEPT[name]
    whole = kept(study_name, **chosen)
    figure, without = drawn(whole, name), drawn(replace(whole, players=whole.players.iloc[:0]), name)
    assert thin(figure)
    assert SOME[name] in words(figure)
    assert "reference players" in figure.caption
    assert not thin(without)
    assert SOME[name] not in words(without)
    assert "reference players" not in without.caption
    if name != "ranking":  # there a place before the first or behind the last has room of its own
        assert limits(figure) == limits(without)


def test_a_line_across_is_at_the_level_of_its_player(tmp_path):
    of = made(tmp_path, task__length=10)
    of = played(of, (label(of), "mean", "degenerate", "loss", "scaled^2", {0: 0.5}))
    (line,) = {tuple(line.get_ydata()[:2]) for line in thin(drawn(of, "training_curves"))}
    assert line == (0.5, 0.5)


@pytest.mark.parametrize(
    ("length", "level"),
    [(10, 9.0), (6, None), (20, None)],
    ids=["as long as the horizon", "shorter", "longer"],
)
def test_a_loss_is_told_where_validation_is_as_long_as_the_horizon(tmp_path, length, level):
    """Of some leads alone the loss over other steps is not known; 9 is told of the whole horizon of 8."""
    of = made(tmp_path, task__length=length)
    task = label(of)
    of = played(of, (task, "mean", "degenerate", "loss", "scaled^2", {0: 9.0, 1: 1.0, 5: 5.0, 8: 8.0}))
    meant = of.quantities.on("lorenz63", "loss")
    found = training_curves.player_losses(of, task, meant)
    assert (None if found is None else found["value"].tolist()) == (None if level is None else [level])


def test_a_loss_in_another_unit_is_of_no_player(tmp_path):
    of = made(tmp_path, task__length=10)
    of = played(of, (label(of), "mean", "degenerate", "loss", "nats", {0: 0.5}))
    assert training_curves.player_losses(of, label(of), of.quantities.on("lorenz63", "loss")) is None


def test_a_place_is_among_the_methods_of_every_task_that_votes(tmp_path):
    tasks = ("hidden_markov", "lorenz63", "embedded_reber")
    of = made(tmp_path, tasks=tasks, seeds=1)
    units = {"hidden_markov": ("kl", "nats"), "lorenz63": ("rmse", "attractor std"), "embedded_reber": ("kl", "nats")}
    named = dict(of.runs[["task_label", "task"]].astype(str).drop_duplicates().itertuples(index=False, name=None))
    everywhere = [(task, "best", "best", *units[name], {0: 1e-9}) for task, name in named.items()]
    everywhere += [(task, "worst", "degenerate", *units[name], {0: 1e9}) for task, name in named.items()]

    def found(*rows):
        with_players = played(of, *rows)
        arguments = (with_players.players, of.levels()[1], of.headlines, of.runs)
        return places(*arguments, quantities=of.quantities).to_dict()

    heads = {metric for names in of.headlines.values() for metric in names}
    assert {metric for metric, _ in units.values()} <= heads
    assert found(*everywhere) == {"best": 0.5, "worst": 2.5}, "of two methods"
    apart = [(task, f"{player} {task}", *rest) for task, player, *rest in everywhere]
    assert found(*apart) == {"best there is": 0.5, "degenerate players": 2.5}, "symbols and values have other players"
    assert found(*everywhere[:2]) == {}, "who does not play on every task has no place"


def test_a_place_between_two_methods_is_a_half_more_than_the_better_ones(tmp_path):
    of = made(tmp_path, tasks=("lorenz63",), seeds=3)
    rows = of.levels()[1]
    rows = rows[rows["metric"] == "rmse"]
    medians = rows.groupby("method", observed=True)["free"].median()
    with_players = played(
        of,
        (label(of), "between", "degenerate", "rmse", "attractor std", {0: float(medians.mean())}),
        (label(of), "as good as the first", "degenerate", "rmse", "attractor std", {0: float(medians.min())}),
    )
    found = places(with_players.players, rows, {label(of): ("rmse",)}, of.runs, quantities=of.quantities)
    assert found.to_dict() == {"between": 1.5, "as good as the first": 1.0}


def test_labels_that_hang_and_labels_that_stand_do_not_run_into_each_other():
    levels = [(name, height, 1.0) for name, height in (("a", 0.99), ("b", 0.9), ("c", 0.8), ("d", 0.1), ("e", 0.12))]
    taken = [
        (y - _players._APART, y) if side == "top" else (y, y + _players._APART)
        for _, y, _, side in _players._with_room(levels, np.array([0.0, 1.0]), log=False)
    ]
    assert len(taken) == 3
    assert all(high <= low for (_, high), (low, _) in zip(sorted(taken)[:-1], sorted(taken)[1:], strict=True))


def persistent(of):
    return played(of, (label(of), "persistence", "degenerate", "rmse", "attractor std", {0: 1.0}))


def test_persistence_stands_in_an_orbit_from_the_release_on(tmp_path):
    of = made(tmp_path, regimes=("free_running",), seeds=1)
    (sample,) = of.samples["orbit"]
    (line,) = thin(drawn(persistent(of), "orbit"))
    warmup, dt, true = (sample.content[name] for name in ("warmup", "dt", "true"))
    assert list(line.get_ydata()) == [true[warmup - 1][0]] * 2
    assert list(line.get_xdata()) == pytest.approx([dt, dt * (len(true) - warmup)])
    assert "persistence" in drawn(persistent(of), "orbit").caption
    assert not thin(drawn(of, "orbit"))
    assert "persistence" not in drawn(of, "orbit").caption


def test_persistence_measured_in_several_ways_is_persistence():
    players = pd.DataFrame({"task_label": ["a", "b"], "player": ["persistence (horizon=3)", "persistence of vision"]})
    assert _players.plays(players, "a", "persistence")
    assert not _players.plays(players, "b", "persistence")


def test_persistence_as_it_plays_is_the_line_of_a_sample():
    """What its own rollout shows, in the units of the figure, is the last true value before the release."""
    task = Lorenz63(length=40)
    data = task.build(0, 40)
    _, free = Persistence().play(task, data, data.splits["test"], 10, stream(0, "test"), 0)
    shown = task.show(free)
    assert np.allclose(shown["generated"][10:], [shown["true"][9]] * 30, rtol=1e-6), "in single precision"


def test_a_line_in_the_margin_of_a_panel_leaves_its_frame():
    figure = Figure()
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1])
    frame = axes.get_ylim()
    players = pd.DataFrame({"player": ["near", "far"], "step": 0, "value": [1.04, 9.0]})
    assert _players.player_ticks_in_row([axes], players, log=False)
    assert axes.get_ylim() == frame
    assert [text.get_text() for text in axes.texts] == ["near"]
    assert not _players.player_ticks_in_row([axes], players[players["player"] == "far"], log=False)


def test_what_is_forced_is_told_apart_from_what_runs_free_or_is_compared():
    players = pd.DataFrame({"task_label": "a", "metric": "m", "mode": ["forced", "free", "compared"]})
    modes = {mode: list(_players.playing(players, "a", "m", mode)["mode"]) for mode in ("forced", "free", "compared")}
    assert modes == {"forced": ["forced"], "free": ["free", "compared"], "compared": ["free", "compared"]}
    assert _players.playing(players, "b", "m").empty
