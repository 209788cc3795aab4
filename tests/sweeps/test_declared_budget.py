"""Tests of the budget that a study declares: kept with it, and what methods with updates of their own are compared by."""

import json
from dataclasses import replace

import numpy as np
import pytest

from freerun.analysis.figures import Material
from freerun.analysis.outputs import Products
from freerun.analysis.report import findings, unequal_budgets
from freerun.analysis.report.summary_table import full
from freerun.analysis.report.verdicts import comparisons
from freerun.errors import ConfigError
from freerun.io.reading import NotPlain
from freerun.store.results_folder import Place
from freerun.store.study_file import NAME, read
from freerun.sweeps.study import load
from synthetic import simulated

CASES = "cases:\n  - task: two_step\n    model: gru\n    regime: [teacher_forcing, free_running]\n    seed: range(2)\n"


def loaded(folder, declared):
    path = folder / "small.yaml"
    path.write_text(declared + CASES)
    return load(str(path), [])


def test_a_budget_is_kept_with_the_study_and_reaches_its_tables(tmp_path):
    info = loaded(tmp_path, "budget: products\n").info()
    assert "budget" not in loaded(tmp_path, "").info()
    place = Place(results=tmp_path / "results")
    folder = place.folder("small")
    folder.mkdir(parents=True)
    (folder / NAME).write_text(json.dumps(info))
    assert Products(place=place, info=read(folder)).frames.budget == "products"
    (folder / NAME).write_text(json.dumps({**info, "budget": "seconds"}))
    with pytest.raises(NotPlain, match="budget"):
        read(folder)


@pytest.mark.parametrize("declared", ["seconds", "updates", "3", "[products]"])
def test_what_is_no_budget_is_refused(tmp_path, declared):
    with pytest.raises(ConfigError, match="budget must be steps or products"):
        loaded(tmp_path, f"budget: {declared}\n")


def tables(budget, products=1.0):
    """Teacher forcing with 100 updates beside a method with two passes, twice the error and 50 of them."""
    errors = np.exp(0.01 * np.random.default_rng(0).normal(size=(1, 2, 6, 2)))
    errors[:, 1] *= 2
    drawn = simulated(errors, forced=errors / 2, metric="rmse", unit="u")
    second = (drawn.runs["regime"] == "regime_1").to_numpy()
    runs = drawn.runs.assign(**{"training.updates": np.where(second, 50, 100)})
    budgets = runs[["run", "study", "task", "model", "regime", "seed"]].assign(
        updates=np.where(second, 50.0, 100.0), steps=1000.0, products=np.where(second, 5e9 * products, 5e9)
    )
    return replace(drawn, runs=runs, budgets=budgets, budget=budget)


def said(of):
    material = Material.of(of, {})
    compared = comparisons(material)
    return compared, " ".join(findings.headline(full(material), compared, material))


def test_methods_with_updates_of_their_own_have_the_baseline_at_a_declared_budget():
    compared, text = said(tables("products"))
    assert set(compared["regime_label"].astype(str)) == {"regime 1"}
    assert set(compared["setting"].astype(str)) == {""}
    assert "equal budget of products of weights, as the study declares, each with updates of its own: 50 to 100" in text
    assert "Budgets of training were not equal" not in text


def test_without_one_they_are_other_settings_and_compared_with_nothing():
    compared, _ = said(tables(None))
    assert compared.empty


def test_a_declared_budget_that_is_not_kept_is_told():
    """What the study says of its methods is held against what they took."""
    _, text = said(tables("products", products=2.0))
    assert "Budgets of training were not equal: regime 1 against teacher forcing 2.00 times the products of weights" in text
    assert not unequal_budgets.declared(Material.of(tables(None), {}))
