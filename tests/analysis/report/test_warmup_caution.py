"""Tests of the caution on a warm-up that is too short, and of the warm-up that it names."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from freerun.analysis import report
from freerun.analysis.figures import Material
from freerun.analysis.report import cautions
from freerun.analysis.report.warmup_caution import settles, too_short
from freerun.analysis.tables.quantities import of_frames
from synthetic import simulated

WARMUP, STEPS = 10, 40


def frames(excess, *, seeds=4, settled=12, length=200, spread=0.02, own=0.01):
    """A study whose forced error is `exp(excess)` times its later level at the release, and falls to it at step `settled`.

    Args:
        own: half of the interval of each run's own excess.
    """
    chance = np.random.default_rng(0)
    fall = np.exp(excess * np.clip(1 - np.arange(STEPS) / (settled - 1), 0, None))
    forced = np.exp(spread * chance.normal(size=(1, 2, seeds, 1))) * fall
    tables = simulated(5 * forced, forced=forced, metric="rmse", unit="u")
    values = excess + spread * chance.normal(size=len(tables.runs))
    axes = tables.gaps.drop_duplicates("run").drop(columns=["mode", "value"])
    compared = axes.assign(metric="release_excess", step=0, value=values, low=values - own, high=values + own, unit="nats")
    later = tables.runs["regime"] == "regime_1"  # which has settled, for it begins later
    compared.loc[later.to_numpy(), ["value", "low", "high"]] -= excess
    runs = tables.runs.assign(**{"evaluation.warmup": np.where(later, 3 * WARMUP, WARMUP), "task.length": length})
    return replace(tables, runs=runs, compared=compared, quantities=of_frames([tables.gaps, compared]))


def said(**settings):
    material = Material.of(frames(**settings), {})
    (task,) = material.headlines
    return too_short(material, task)


def test_a_settled_forced_error_is_not_warned_of():
    assert said(excess=0.0) == ""
    assert said(excess=-1.0) == "", "smaller at the release is no search for a state"
    assert said(excess=0.04, spread=0.001) == "", "what lies within the margin is settled, however surely it is above 0"


def test_a_warm_up_that_is_too_short_is_warned_of_with_one_that_does():
    """By its interval over seeds beyond the margin; the error falls by a factor of 2.7 until the twelfth step."""
    text = said(excess=1.0)
    assert text.startswith("The warm-up is too short: at the release the forced error is larger than later, by a factor")
    assert "2.7" in text
    (needed,) = (int(word) for word in text.split("evaluation.warmup=")[1].split(" ")[:1])
    assert WARMUP + 8 <= needed <= WARMUP + 11, text
    assert f"(now {WARMUP})" in text, "the longer one of other conditions is not the present one of these"
    assert "task.length" not in text
    assert "a task.length above" in said(excess=1.0, length=15)


def test_below_three_seeds_the_interval_of_every_run_decides():
    assert said(excess=1.0, seeds=2, own=0.5) != ""
    assert said(excess=1.0, seeds=2, own=2.0) == ""


def test_an_error_that_never_settles_is_said_to_be_open():
    text = said(excess=4.0, settled=STEPS)
    assert f"take evaluation.warmup={WARMUP + STEPS // 2} at least" in text


@pytest.mark.parametrize("settled", [2, 5, 15])
def test_where_it_settles_is_the_step_from_which_on_it_is_level(settled):
    """An error of ten times the later one before `settled`."""
    forced = np.where(np.arange(1, STEPS + 1) < settled, 10.0, 1.0)
    steps = pd.DataFrame({"run": "a", "step": np.arange(1, STEPS + 1), "forced": forced})
    assert settles(steps, 0.05) == (settled, True)


def test_a_run_with_large_errors_does_not_speak_for_the_others():
    """One that has settled from the start, at a hundred times the level of four that have not."""
    settling = np.where(np.arange(1, STEPS + 1) < 8, 3.0, 1.0)
    runs = {"large": 100 * np.ones(STEPS), **{f"run {number}": settling for number in range(4)}}
    steps = pd.concat([pd.DataFrame({"run": run, "step": np.arange(1, STEPS + 1), "forced": of}) for run, of in runs.items()])
    assert settles(steps, 0.05) == (8, True)


def test_report_and_terminal_say_it():
    tables = frames(excess=1.0)
    material = Material.of(tables, {})
    (task, metric), *_ = material.primary.items()
    assert too_short(material, task) in cautions.cautions(material, task, metric)
    assert report.summary(tables)[1] == [f"note: {task}. {too_short(material, task)}"]
    assert not report.summary(frames(excess=0.0))[1]
