"""Tests of axis columns: each swept setting of a label has a column of its own, and rows are sorted by them."""

from __future__ import annotations

import pandas as pd
import pytest

from freerun.analysis.report.axis_columns import by_axes, parted
from freerun.cli import terminal
from freerun.cli.terminal import show_results


@pytest.mark.parametrize(
    ("label", "plain", "settings"),
    [
        ("GRU", "GRU", {}),
        ("GRU (hidden=32, layers=2)", "GRU", {"hidden": "32", "layers": "2"}),
        ("scheduled sampling (exact expert, end=0.5)", "scheduled sampling (exact expert)", {"end": "0.5"}),
        ("Series (columns=[a, b], delay=1)", "Series", {"columns": "[a, b]", "delay": "1"}),
        ("Text (a.txt)", "Text (a.txt)", {}),
        ("teacher forcing (training.lr=0.001)", "teacher forcing", {"training.lr": "0.001"}),
    ],
)
def test_a_label_is_taken_apart(label, plain, settings):
    assert parted(label) == (plain, settings)


COUNTS = ("diverged", "failed", "pending")


def table():
    """Conditions out of order: widths as text would be sorted 16, 4, 8."""
    rows = [
        ("Lorenz-63", f"GRU (hidden={hidden})", f"{regime} (lr={lr})")
        for hidden in (8, 16, 4)
        for lr in (0.01, 0.001)
        for regime in ("teacher forcing", "free running")
    ]
    rows.append(("Text", "Linear", "scheduled sampling (lr=0.01, end=0.5)"))
    return pd.DataFrame(rows, columns=["task", "model", "regime"]).assign(number=range(len(rows)))


def test_settings_are_columns_and_rows_are_sorted_by_them():
    shown, axes = by_axes(table())
    assert axes == ["task", "model", "hidden", "regime", "lr", "end"]
    assert list(shown.columns) == [*axes, "number"]
    lorenz = shown[shown["task"] == "Lorenz-63"]
    assert list(dict.fromkeys(lorenz["hidden"])) == ["4", "8", "16"]
    assert list(lorenz["regime"][:4]) == ["teacher forcing", "teacher forcing", "free running", "free running"]
    assert list(lorenz["lr"][:2]) == ["0.001", "0.01"]
    assert set(lorenz["end"]) == {""}
    last = shown.iloc[-1]
    assert (last["task"], last["hidden"], last["end"], last["number"]) == ("Text", "", "0.5", 12)
    assert sorted(shown["number"]) == list(range(13)), "no row is lost, and each keeps its numbers"
    first = shown.iloc[0]
    assert table().iloc[first["number"]]["model"] == "GRU (hidden=4)"


def test_settings_of_one_name_say_whose_they_are():
    rows = [
        ("Lorenz-96 (size=8)", "GRU (size=3)", "teacher forcing"),
        ("Lorenz-96 (size=6)", "GRU (size=3)", "teacher forcing"),
    ]
    shown, axes = by_axes(pd.DataFrame(rows, columns=["task", "model", "regime"]))
    assert axes == ["task", "task.size", "model", "model.size", "regime"]
    assert list(shown["task.size"]) == ["6", "8"]


def test_the_terminal_leaves_out_what_repeats_and_nothing_else(capsys):
    numbers = {"forced": 0.5, "free": 1.0, "gap": 0.5, "gap_low": 0.4, "gap_high": 0.6, "n": 3, "log": False}
    show_results(table().assign(metric="rmse", unit="std", **numbers, **dict.fromkeys(COUNTS, 0)))
    head, first, second, *_ = capsys.readouterr().out.splitlines()
    assert head.split()[:6] == ["task", "model", "hidden", "regime", "lr", "end"]
    assert first.split()[:6] == ["Lorenz-63", "GRU", "4", "teacher", "forcing", "0.001"]
    assert second.split()[:3] == ["0.01", "rmse,", "std"]


@pytest.mark.parametrize("width", [60, 80])
def test_a_narrow_terminal_has_headings_where_columns_have_no_room(width, capsys, monkeypatch):
    """Of thirteen columns each had four letters a line; now each task and model stands above its rows, and no word is cut."""
    monkeypatch.setattr(terminal, "_console", lambda: terminal.Console(width=width, highlight=False, markup=False))
    rows = table()
    numbers = {"forced": 0.5, "free": 1.0, "gap": 0.5, "gap_low": 0.4, "gap_high": 0.6, "n": 3, "log": False}
    show_results(rows.assign(metric="own_state_error", unit="attractor std", **numbers, **dict.fromkeys(COUNTS, 0)))
    lines = capsys.readouterr().out.splitlines()
    text = " ".join(" ".join(lines).split())
    for row in rows.itertuples():
        assert f"{row.task}, {row.model}: own_state_error, attractor std" in text
    assert sum(line.split()[:1] == ["regime"] for line in lines) == 1
    assert sum("0.4 to 0.6" in line for line in lines) == len(rows)
    assert all(len(line.rstrip()) <= width for line in lines if not line.startswith("gap = "))
