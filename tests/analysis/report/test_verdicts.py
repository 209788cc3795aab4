"""Tests of verdicts: one test with its interval, four words, a set of headlines; each claim failed on an earlier code."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from freerun.analysis import report
from freerun.analysis.figures import Material
from freerun.analysis.inference.equivalence import margin_of
from freerun.analysis.inference.error_growth_fit import growth
from freerun.analysis.inference.recovery_trend import verdict as trend
from freerun.analysis.inference.simultaneous import over_set
from freerun.analysis.report import method_section, training_finish
from freerun.analysis.report.summary_table import full
from freerun.analysis.report.verdicts import comparisons
from freerun.analysis.tables import tidy
from freerun.parts import registry
from freerun.store.quantity import Quantity
from synthetic import grid, simulated, study
from tiers import tiered

WORDS = {"better", "worse", "equivalent", "not distinguished"}


def drawn(tasks, regimes, seeds, factor=1.0, spread=0.1, key=0):
    """Errors on a ratio scale; every regime but the first has `factor` times those of teacher forcing."""
    errors = np.exp(spread * np.random.default_rng(key).normal(size=(tasks, regimes, seeds, 1)))
    errors[:, 1:] *= np.asarray(factor)
    return Material.of(simulated(errors, forced=errors / 2, metric="rmse", unit="u"), {})


@pytest.mark.parametrize("seeds", [3, 5, 20, 24])
def test_a_p_value_is_that_of_the_interval_beside_it(seeds):
    """Also from 20 seeds on, where there once were a bootstrap beside sign flips."""
    rows = comparisons(drawn(40, 2, seeds, factor=1.1))
    excluded = (rows["own_low"] > 1) | (rows["own_high"] < 1)
    assert 0 < excluded.sum() < len(rows)
    assert ((rows["p"] < 0.05) == excluded).all()


def law_words_and_intervals_agree(rows):
    assert set(rows["verdict"]) <= WORDS
    for row in rows.to_dict("records"):
        excluded = not row["low"] <= 1 <= row["high"]
        if row["verdict"] in ("better", "worse"):
            assert excluded
            assert (row["mean"] < 1) == (row["verdict"] == "better")
        elif row["verdict"] == "equivalent":
            assert 1 / row["margin"] <= row["low"] <= row["high"] <= row["margin"]
        else:
            assert not excluded


def mixed():
    """A family of 30, whose changes are from none to large."""
    factor = np.geomspace(0.8, 1.25, 30)[:, None, None, None]
    return comparisons(drawn(30, 2, 8, factor=factor, spread=0.05)).query("level == 'free'")


def test_a_word_never_stands_beside_an_interval_that_contradicts_it():
    rows = mixed()
    assert {"better", "worse", "not distinguished"} <= set(rows["verdict"])
    law_words_and_intervals_agree(rows)


def test_holm_beside_single_intervals_is_caught():
    with pytest.raises(AssertionError):
        law_words_and_intervals_agree(mixed().assign(low=lambda t: t["own_low"], high=lambda t: t["own_high"]))


def test_a_small_difference_that_is_sure_is_equivalent_within_the_margin():
    rows = comparisons(drawn(1, 2, 10, factor=1.02, spread=0.002))
    assert (rows["holm"] < 0.001).all()
    assert set(rows["verdict"]) == {"equivalent"}
    material = replace(drawn(1, 2, 10, factor=1.02, spread=0.002), margin=0.01)
    assert set(comparisons(material)["verdict"]) == {"worse"}


def test_the_margin_is_on_the_scale_of_the_measure():
    error, loss = (Quantity(label="x", unit="u", better="lower", scale=scale) for scale in ("difference", "logarithm"))
    assert margin_of(error, True, 9.0, 0.05) == pytest.approx(np.log(1.05))
    assert margin_of(loss, False, 9.0, 0.05) == pytest.approx(np.log(1.05))
    assert margin_of(error, False, -2.0, 0.05) == pytest.approx(0.1)


def test_the_seeds_that_are_needed_find_the_margin():
    """By simulation: with as many seeds as are said, a change as large as the margin is found in 80 % of studies."""
    row = comparisons(drawn(1, 2, 10, spread=0.05)).query("level == 'free'").iloc[0]
    assert row["verdict"] == "not distinguished"
    n = int(row["needed"])
    changes = np.random.default_rng(0).normal(np.log(1.05), row["sd"], size=(4_000, n))
    t = changes.mean(1) / changes.std(1, ddof=1) * n**0.5
    from scipy import stats

    assert (2 * stats.t.sf(np.abs(t), n - 1) <= 0.05).mean() == pytest.approx(0.8, abs=0.03)


def test_each_comparison_is_told_with_its_own_pairs():
    """One method lost six of nine runs: the others are not judged by its three."""
    errors = np.exp(0.3 * np.random.default_rng(1).normal(size=(1, 3, 9, 1)))
    frames = simulated(errors, forced=errors / 2, metric="rmse", unit="u", lost=[(0, 2, seed) for seed in range(6)])
    rows = comparisons(Material.of(frames, {})).query("level == 'free'")
    assert sorted(rows["n"]) == [3, 9]
    few, many = rows.sort_values("n")["needed"]
    assert np.isfinite(few)
    assert np.isfinite(many)


@pytest.mark.parametrize("factor", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("side", [0, 1])
def test_nothing_speaks_for_the_side_that_lost_more_runs(side, factor):
    """A method that diverges where it does badly has the better mean over the rest: it was once called better."""
    errors = np.exp(0.01 * np.random.default_rng(0).normal(size=(1, 3, 10, 1)))
    errors[:, 1] *= factor
    lost = [(0, side, seed) for seed in range(6, 10)]
    row = comparisons(Material.of(simulated(errors, forced=errors / 2, metric="rmse", unit="u", lost=lost), {}))
    row = row.query("level == 'free' and regime_label == 'regime 1'").iloc[0]
    assert (row["lost"], row["first_lost"]) == ((0.0, 0.4) if side == 0 else (0.4, 0.0))
    says = "better" if factor < 1 else "worse" if factor > 1 else "equivalent"
    against_who_lost = {"better": 0, "worse": 1}
    assert row["verdict"] == (says if against_who_lost.get(says) == side else "no verdict")


def test_where_both_lost_as_many_the_others_are_judged():
    errors = np.exp(0.01 * np.random.default_rng(0).normal(size=(1, 2, 10, 1))) * np.array([1.0, 0.5])[:, None, None]
    lost = [(0, 0, 8), (0, 1, 9)]
    rows = comparisons(Material.of(simulated(errors, forced=errors / 2, metric="rmse", unit="u", lost=lost), {}))
    assert set(rows["verdict"]) == {"better"}
    assert set(rows["n"]) == {8}


def test_rounding_noise_is_no_difference_and_no_ratio():
    """Errors of 1e-17 and 3e-17: once a change by a factor of three."""
    errors = np.full((1, 2, 5, 1), 1e-17) * (1 + 0.01 * np.arange(5))[:, None]
    errors[:, 1] *= 3
    rows = comparisons(Material.of(simulated(errors, forced=errors, metric="rmse", unit="u"), {}))
    assert not rows["ratio"].any()
    assert (rows["mean"] == 0).all()
    assert set(rows["verdict"]) == {"equivalent"}


def test_rounding_noise_neither_grows_nor_decays():
    steps = pd.DataFrame(
        [
            {"c": "a", "run": str(run), "step": t, "free": 1e-17 * np.exp(-0.3 * t) * (1 + 0.01 * run)}
            for run in range(5)
            for t in range(1, 20)
        ]
    )
    assert growth(steps, ["c"])["form"].iloc[0] == "undefined"
    assert trend(-3e-17, -1e-17, ("self-recovery", "incremental distortion")) == "undecided"
    assert trend(-3e-3, -1e-3, ("self-recovery", "incremental distortion")) == "self-recovery"


@pytest.mark.parametrize("seeds", tiered([3, 5, 20], quick=lambda seeds: seeds == 3))
def test_the_interval_of_a_skewed_gap_covers(seeds):
    """Lognormal seeds, a free error three times or a hundred times the forced one: arithmetic intervals cover 84 %."""
    chance = np.random.default_rng(seeds)
    for ratio in (3.0, 100.0):
        forced = np.exp(0.3 * chance.normal(size=(1_000, 1, seeds, 1)))
        free = ratio * np.exp(chance.normal(size=forced.shape))
        table = full(Material.of(simulated(free, forced=forced, metric="rmse", unit="u"), {}))
        holds = (table["gap_low"] <= ratio - 1) & (table["gap_high"] >= ratio - 1)
        assert 0.93 <= holds.mean() <= 0.97


def test_a_gap_is_the_difference_of_the_levels_beside_it():
    chance = np.random.default_rng(0)
    free = np.exp(chance.normal(size=(1, 1, 5, 2)))
    row = full(Material.of(simulated(free, forced=free * np.exp(chance.normal(size=free.shape)), metric="rmse", unit="u"), {}))
    assert row["gap"].iloc[0] == pytest.approx(row["free"].iloc[0] - row["forced"].iloc[0])
    assert row["gap_low"].iloc[0] < row["gap"].iloc[0] < row["gap_high"].iloc[0]


# --- whether training had finished ---------------------------------------------------------------------------------------


def learning(decay, updates=1_000):
    """Losses that fall in proportion to the sum of the learning rates, and so are flat at the end of a cosine."""
    at = np.arange(0, updates, 10)
    rate = np.ones(len(at)) if decay == "constant" else 0.5 * (1 + np.cos(np.pi * at / updates))
    values = 2 - 1.5 * np.cumsum(rate) / len(at)
    names = {"task_label": "t", "model_label": "m", "method": "r"}
    curves = pd.concat(
        [
            pd.DataFrame({**names, "quantity": f"validation_{mode}_loss", "update": at, "value": values})
            for mode in ("forced", "free")
        ]
    )
    return curves, pd.DataFrame([{**names, "training.updates": updates, "training.decay": decay}])


@pytest.mark.parametrize("decay", ["cosine", "constant"])
def test_a_loss_that_is_flat_for_want_of_a_rate_has_not_settled(decay):
    found = training_finish.finish(*learning(decay))
    assert "moved by less than 2 % in 0 of 1 conditions" in found["sentence"]
    until = 500 if decay == "cosine" else 990
    assert found["rows"][0]["updates"].startswith(f"{int(0.9 * until // 10 * 10)} to {until}")


def test_a_rate_that_steps_or_meets_a_plateau_is_high_until_it_falls():
    curves, runs = learning("constant")
    stepped = training_finish.finish(
        curves, runs.assign(**{"training.decay": "step", "training.decay_every": 300, "training.decay_factor": 0.3})
    )
    assert stepped["rows"][0]["updates"].split(" ")[2] == "290"
    rates = curves[curves["quantity"] == "validation_free_loss"].assign(quantity="learning_rate")
    rates["value"] = rates["update"].map(lambda at: 0.1 if at < 500 else 0.01)
    met = training_finish.finish(pd.concat([curves, rates]), runs.assign(**{"training.decay": "plateau"}))
    assert met["rows"][0]["updates"].split(" ")[2] == "500"


def test_without_a_known_rate_nothing_is_said():
    curves, runs = learning("cosine")
    assert "cannot be told" in training_finish.finish(curves, runs.drop(columns="training.decay"))["sentence"]


# --- over the headlines of a task ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("better", "equivalent"), "better"), (("better", "not distinguished"), "better"), (("better", "worse"), ""),
        (("worse", "equivalent"), "worse"), (("equivalent", "equivalent"), "equivalent"),
        (("equivalent", "not distinguished"), "not distinguished"), (("equivalent", "no verdict"), "no verdict"),
        (("better", "no verdict"), "no verdict"), (("worse", "no verdict"), "no verdict"),
        (("better", "no verdict", "worse"), ""), (("no verdict",), "no verdict"),
    ],
)  # fmt: skip
def test_a_verdict_over_a_set(words, said):
    assert over_set(words) == said


def beside(value_of, seeds=6, name="d_pairs", part="headline"):
    """Records of Lorenz-63 with a headline that is a comparison, of a value by regime and seed, and free errors halved."""

    def change(record):
        regime = record["experiment"]["regime"]["name"]
        for series in record["series"]:
            if series["mode"] == "free" and regime == "scheduled_sampling":
                series["values"] = [0.3 * value for value in series["values"]]
        meant = Quantity(label="Distance of pairs", unit="nats", better="lower", range=(0.0, np.inf), scale="ratio", part=part)
        record["quantities"][name] = meant.written()
        value = value_of(regime) * (1 + 0.01 * record["experiment"]["seed"])
        record["comparisons"] = [
            *record["comparisons"],
            {"split": "test", "metric": name, "unit": "nats", "first": 0, "values": [value], "low": None, "high": None},
        ]

    return change, grid(seeds=seeds)


def written(folder, change, experiments, **info):
    store, ids = study(folder / "store", experiments)
    for run in ids:
        record = store.read(run)
        record.pop("weights", None)
        change(record)
        store.write(record, None)
    report.build(folder / "out", store, {"name": "s", "ids": ids, **info})
    return (folder / "out" / "report.md").read_text(), tidy.frames(store, ids, "s")


def finding(page):
    return page.split("## Findings")[1].split("\n\n## ")[0].strip()


@pytest.mark.usefixtures("undrawn")
def test_a_conflict_of_two_headlines_is_said_first(tmp_path):
    page, frames = written(tmp_path, *beside(lambda regime: 2.0 if regime == "scheduled_sampling" else 1.0))
    first = finding(page).split("\n\n")[0]
    assert first.startswith("Headlines contradict each other in 1 of 1 comparison, and no side is called better there:")
    assert "Lorenz-63 (GRU) RMSE better and Distance of pairs worse" in first
    assert "better by one headline and worse by another on Lorenz-63 (GRU)" in finding(page)
    assert Material.of(frames, {}).headlines == {"Lorenz-63": ("rmse", "d_pairs")}


@pytest.mark.usefixtures("undrawn")
def test_better_is_better_and_not_worse_over_the_whole_set(tmp_path):
    page, _ = written(tmp_path, *beside(lambda regime: 1.0))
    assert "Scheduled sampling against teacher forcing: better on Lorenz-63 (GRU)." in finding(page)
    assert "contradict each other in" not in page
    assert "Distance of pairs: equivalent for GRU" in page


@pytest.mark.usefixtures("undrawn")
def test_one_headline_alone_is_said_to_be_alone(tmp_path):
    page, frames = written(tmp_path, *beside(lambda regime: 1.0, part="companion"))
    assert "rests on one kind of headline alone: on Lorenz-63 RMSE (the task has no other headline)." in finding(page)
    assert Material.of(frames, {}).headlines == {"Lorenz-63": ("rmse",)}
    both, _ = written(tmp_path / "two", *beside(lambda regime: 1.0))
    assert "on Lorenz-63 RMSE (not shown by Distance of pairs)." in finding(both)
    both, _ = written(tmp_path / "alike", *beside(lambda regime: 0.5 if regime == "scheduled_sampling" else 1.0))
    assert "headline alone" not in both


@pytest.mark.usefixtures("undrawn")
def test_the_margin_of_a_study_decides_and_is_said(tmp_path):
    change, experiments = beside(lambda regime: 1.03 if regime == "scheduled_sampling" else 1.0)
    page, _ = written(tmp_path, change, experiments)
    assert "Distance of pairs: equivalent for GRU" in page
    assert "The margin is 5 %: a factor of 1.05 for ratios" in page
    page, _ = written(tmp_path / "strict", change, experiments, margin=0.01)
    assert "Distance of pairs: worse for GRU" in page
    assert "The margin is 1 %: a factor of 1.01 for ratios" in page


@pytest.mark.usefixtures("undrawn")
def test_nothing_is_said_by_its_interval_alone_and_no_exposure_bias_from_a_floor(tmp_path):
    def floored(record):
        record["comparisons"] = [
            *record["comparisons"],
            {"split": "test", "metric": "chaos_floor", "unit": "attractor std", "first": 1, "values": [0.2] * 8, "low": None,
             "high": None},
        ]  # fmt: skip

    page, _ = written(tmp_path, floored, grid(seeds=4))
    assert "interval alone" not in page
    assert not re.search(r"exposure bias \N{MINUS SIGN}?[0-9.]+", page)
    assert "only the whole difference, free minus forced, is known" in page


def test_the_method_section_says_what_is_decided_first_and_which_levels_are_geometric():
    """Equivalent is what lies within the margin, however surely it differs; a divergence in nats is on no ratio scale."""
    said = method_section.statistics(pd.DataFrame({"n": [10]}), 0.05)
    assert said.index("equivalent, where") < said.index("better or worse, where")
    scales = {name.casefold(): cls.quantity.scale for name, cls in registry.parts("metric").items() if hasattr(cls, "quantity")}
    named = re.search(r"errors on a ratio scale \((.*?)\)", said)[1].split(", ")
    assert {name: scales.get(name.casefold(), "ratio") for name in named} == dict.fromkeys(named, "ratio")
