"""Findings 8 and 9: statistics that could not answer, and comparisons of what was not alike."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from findings import beside, old
from findings.drawn import tables
from freerun.analysis.figures import Material
from freerun.analysis.inference.gap_interval import geometric_gaps
from freerun.analysis.inference.multiple_comparisons import holm
from freerun.analysis.inference.power import assessed
from freerun.analysis.inference.replicates import CELL
from freerun.analysis.inference.side_comparison import Side, versus
from freerun.analysis.report import (
    cautions,
    companion_measures,
    comparison,
    comparison_text,
    number_text,
    paper_table,
    paper_table_note,
    training_finish,
)
from freerun.analysis.report.verdicts import comparisons
from freerun.analysis.tables import tidy
from freerun.config import compatibility
from freerun.config.hydra.compose import experiments
from freerun.config.run_identity import canonical, identity
from synthetic import grid, simulated, study, tree


def families(tasks=1, seeds=5, factor=1.0, spread=0.1, regimes=2, lost=()):
    """Errors on a ratio scale; every regime but the first has `factor` times those of teacher forcing."""
    errors = np.exp(spread * np.random.default_rng(0).normal(size=(tasks, regimes, seeds, 1)))
    errors[:, 1:] *= np.asarray(factor)
    return Material.of(simulated(errors, forced=errors / 2, metric="rmse", unit="u", lost=lost), {})


@cache
def free(tasks, seeds, factors=(1.0,), regimes=2, lost=()):
    """The comparisons of such a study, running free; `factors` are of its tasks."""
    factor = np.array(factors)[:, None, None, None]
    rows = comparisons(families(tasks, seeds, factor, 0.05, regimes, lost))
    return rows[rows["level"] == "free"]


def mixed():
    """A family of 30, whose changes are from none to large."""
    return free(30, 8, tuple(np.geomspace(0.8, 1.25, 30)))


# --- 8: statistics ---


@beside("p", "p_signs")
def test_08_five_seeds_can_show_a_difference_in_a_family_of_24(part, outcome):
    """Signs of five pairs have no p below 1/16: after Holm nothing could ever be shown."""
    p = free(12, 5, (0.5,), 3)[part].to_numpy()
    assert len(p) == 24
    with outcome:
        assert (holm(p) <= 0.05).all()


@beside(lambda rows: rows, lambda rows: rows.assign(low=rows["own_low"], high=rows["own_high"]), old.by_its_interval_alone)
def test_08_no_verdict_stands_beside_an_interval_that_includes_no_change(part, outcome):
    """Holm beside single intervals said one thing and showed another; so did words by an interval alone that Holm undoes."""
    rows = part(mixed())
    assert {"better", "worse", "not distinguished"} <= set(mixed()["verdict"])
    shown = rows["verdict"].isin(["better", "worse"])
    with outcome:
        assert ((rows["low"] > 1) | (rows["high"] < 1))[rows["verdict"] != "equivalent"].equals(
            shown[rows["verdict"] != "equivalent"]
        )
        assert shown.equals((rows["holm"] <= 0.05) & ~rows["equivalent"].astype(bool))


@beside(geometric_gaps, old.arithmetic_gaps)
def test_08_the_interval_of_a_skewed_gap_covers(part, outcome):
    """Three lognormal seeds, a free error of a hundred times the forced one: arithmetic intervals cover 84 %."""
    chance = np.random.default_rng(3)
    forced = np.exp(0.3 * chance.normal(size=(1_000, 3)))
    free = 100 * np.exp(chance.normal(size=forced.shape))
    study_of = np.repeat(np.arange(1_000), 3)
    gaps = part(pd.DataFrame({"study": study_of, "forced": forced.ravel(), "free": free.ravel()}), ["study"])
    with outcome:
        assert 0.93 <= ((gaps["low"] <= 99) & (gaps["high"] >= 99)).mean() <= 0.97


@beside(cautions.one_set_of_data, lambda *_: "")
def test_08_seeds_that_share_their_data_are_told_of(part, outcome, monkeypatch):
    """All seeds of a text are measured on one test part: their intervals hold no variation of it, and the report says so."""
    monkeypatch.setattr(cautions, "one_set_of_data", part)
    frames = tables({"loss": (1.0, 2.0)})
    said = {}
    seeds = frames.runs["seed"]
    for name, data in (("one", "aa"), ("own", seeds.astype(str)), ("some", (seeds % 2).astype(str))):
        of = Material.of(replace(frames, runs=frames.runs.assign(data=data)), {})
        said[name] = cautions.cautions(of, *next(iter(of.primary.items())))
    assert not any("same data" in sentence for sentence in said["own"])
    assert not any("same data" in sentence for sentence in said["some"])
    with outcome:
        assert any("same data" in sentence for sentence in said["one"])
        assert any("seeds share 2 sets of data" in sentence for sentence in said["some"])


def cosine(updates=1_000):
    """Losses that fall in proportion to the sum of the learning rates, and so are flat at the end of a cosine."""
    at = np.arange(0, updates, 10)
    values = 2 - 1.5 * np.cumsum(0.5 * (1 + np.cos(np.pi * at / updates))) / len(at)
    names = {"task_label": "t", "model_label": "m", "method": "r"}
    curve = pd.DataFrame({**names, "update": at, "value": values})
    modes = [curve.assign(quantity=f"validation_{mode}_loss") for mode in ("forced", "free")]
    return pd.concat(modes), pd.DataFrame([{**names, "training.updates": updates, "training.decay": "cosine"}])


@beside((training_finish.HIGH, training_finish.TAIL), (0.0, 0.2))
def test_08_training_is_not_called_finished_where_the_rate_is_near_0(part, outcome, monkeypatch):
    """The last fifth of a cosine moves nothing, finished or not."""
    monkeypatch.setattr(training_finish, "HIGH", part[0])
    monkeypatch.setattr(training_finish, "TAIL", part[1])
    with outcome:
        assert "moved by less than 2 % in 0 of 1 conditions" in training_finish.finish(*cosine())["sentence"]


@beside(lambda rows: rows, lambda rows: rows.assign(n=rows["n"].min()))
def test_08_each_comparison_is_told_with_its_own_pairs(part, outcome):
    """One method lost six of nine runs: what the others could have shown is not told by its three pairs."""
    rows = free(1, 9, regimes=3, lost=tuple((0, 2, seed) for seed in range(6)))
    with outcome:
        assert sorted(assessed(part(rows))["seeds"]) == [3, 9]


# --- 9: comparisons ---


def pooled(sides, *rest):
    """Conditions that differ in their width as replicates of one."""
    matching = comparison_matched(sides, *rest)
    return replace(matching, pairs=matching.pairs.assign(setting=""))


comparison_matched = comparison.matched


@beside(comparison.matched, pooled)
def test_09_two_widths_are_no_replicates(part, outcome, tmp_path, monkeypatch):
    """`compare gru lstm` at two widths and three seeds: two comparisons of three pairs, not one of six runs."""
    monkeypatch.setattr(comparison, "matched", part)
    if part is pooled:
        with pytest.raises(ValueError, match="one run for each seed"):
            compared(tmp_path)
        monkeypatch.setattr(Side, "__post_init__", lambda side: None)
    with outcome:
        assert list(compared(tmp_path)) == [3, 3]


def compared(folder):
    """The number of seeds of every comparison of the task's own error, running free."""
    runs = [tree(model=m, model__hidden=h, seed=s) for m in ("gru", "lstm") for h in (8, 16) for s in range(3)]
    frames = tidy.frames(*study(folder / "s", runs), "s")
    material = Material.of(frames, {})
    chosen = [material.runs[material.runs["model"] == name] for name in ("gru", "lstm")]
    matching = comparison.matched(*chosen, ["model"])
    sides = [comparison._side(name, at, matching, chosen[at], material) for at, name in enumerate(("gru", "lstm"))]
    table = versus(*sides, material.quantities)
    return table.loc[table["own"] & (table["level"] == "free"), "n"]


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """The table of a study of two learning rates."""
    runs = [each for lr in (0.1, 0.01) for each in grid(seeds=3, training__lr=lr)]
    return paper_table.tidy(Material.of(tidy.frames(*study(tmp_path_factory.mktemp("swept"), runs), "s"), {}))


@beside(paper_table_note._against, lambda rows: str(rows.dropna(subset=["holm"])["baseline"].iloc[0]))
def test_09_the_note_names_the_baseline_of_each_row(part, outcome, swept):
    """Of a swept setting each row has the baseline of its own value; the note named the first for all."""
    rows = swept[(swept["level"] == "free") & swept["method"].str.startswith("scheduled")]
    assert list(rows["baseline"]) == ["teacher forcing (lr=0.1)", "teacher forcing (lr=0.01)"]
    with outcome:
        assert "scheduled sampling (lr=0.01): teacher forcing (lr=0.01)" in part(swept)


@beside(lambda rows: rows, old.at_the_longest_horizon)
def test_09_accumulated_error_over_five_steps_is_that_at_step_5(part, outcome, tmp_path):
    runs = [tree(seed=s, evaluation__horizon=horizon) for horizon in (5, 20) for s in range(3)]
    store, ids = study(tmp_path, runs)
    for run in ids:
        record = store.read(run)
        record.pop("weights", None)
        horizon = record["experiment"]["evaluation"]["horizon"]
        measured = {"split": "test", "metric": "acc_err", "unit": "steps", "first": 1, "low": None, "high": None}
        record["comparisons"] = [{**measured, "values": [1.0] * horizon}]
        store.write(record, None)
    rows = part(companion_measures.rows(Material.of(tidy.frames(store, ids, "s"), {})))
    with outcome:
        assert [row["at"] for row in rows] == ["step 5", "step 20"]


@beside(Material.seen, lambda material, rows: rows[CELL].drop_duplicates())
def test_09_a_method_whose_runs_all_diverged_stays_in_the_figures(part, outcome):
    of = families(1, 4, regimes=3, lost=[(0, 2, seed) for seed in range(4)])
    assert "4 of 4 of " in of.said_lost()
    with outcome:
        assert "regime 2" in set(part(of, of.steps)["method"].astype(str))


@beside(compatibility.idle_cut, lambda *_: None)
def test_09_a_cut_of_a_drawn_symbol_is_no_method_of_its_own(part, outcome, monkeypatch):
    """A symbol that is drawn carries no gradient: `gradient=through` and `stop` are one run under `feedback=sample`."""
    monkeypatch.setattr(compatibility, "idle_cut", part)
    words = ["gradient=through,stop", "feedback=sample", "regime=scheduled_sampling"]
    with outcome:
        assert len({identity(canonical(each)) for each in experiments(words, sweep=True)}) == 1


@beside(comparison_text.reversed_change, lambda mean, low, high, ratio: (mean, low, high))
def test_09_the_change_is_the_winners(part, outcome, monkeypatch):
    """`A is better (+7.4 %)` was the change of the loser."""
    monkeypatch.setattr(comparison_text, "reversed_change", part)
    row = {"verdict": "worse", "holm": 0.01, "mean": 1.074, "low": 1.05, "high": 1.1, "ratio": True, "unit": "u", "label": "E"}
    with outcome:
        assert "\N{MINUS SIGN}6.9" in comparison_text._number(row, turned=True)


@beside(number_text.change, lambda mean, low, high, *_: number_text.percent(mean))
def test_09_a_factor_of_1e8_is_no_per_cent(part, outcome):
    with outcome:
        assert "%" not in part(1e-8, 5e-9, 2e-8, True, "u")
