"""Tests of budgets: the table of every study, the section, and what is said where methods had unequal ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from freerun.analysis.figures import Material
from freerun.analysis.report import (
    budgets_section,
    comparison,
    findings,
    paper_table,
    paper_table_note,
    report_data,
    unequal_budgets,
)
from freerun.analysis.report.summary_table import full
from freerun.analysis.report.verdicts import comparisons
from freerun.analysis.tables import tidy
from synthetic import grid, simulated, study


def test_every_study_has_a_table_of_budgets(tmp_path):
    """Of a record that says them, and of an older one, which does not; a run that stops early has its own updates."""
    runs = [*grid(seeds=1), *grid(seeds=1, training__stop=40)]
    store, ids = study(tmp_path / "s", runs, {3: ("pending", "")})
    for run in ids[:2]:
        record = store.read(run)
        record.pop("weights", None)
        record["provenance"] |= {"steps": 6400, "products": 3.2e17}
        store.write(record, None)
    tables = tidy.frames(store, ids, "s")
    assert tables.budgets["updates"].tolist() == [100, 100, 40]
    assert tables.budgets["steps"].tolist()[:2] == [6400, 6400]
    assert tables.budgets["products"].tolist()[:2] == [3.2e17, 3.2e17]
    assert tables.budgets[["steps", "products"]].iloc[2].isna().all()
    tidy.write(tables, tmp_path / "out")
    pd.testing.assert_frame_equal(tidy.read(tmp_path / "out").budgets, tables.budgets)
    (tmp_path / "out" / "budgets.parquet").unlink()
    assert tidy.read(tmp_path / "out").budgets.empty, "a study of an earlier version has none"


def frames(times=1.0, products=1.0):
    """A study of two methods, of which the second rolls out `times` as many steps."""
    errors = np.exp(0.01 * np.random.default_rng(0).normal(size=(1, 2, 4, 2)))
    errors[:, 1] *= 1.5
    tables = simulated(errors, forced=errors / 2, metric="rmse", unit="u")
    more = tables.runs["regime"] == "regime_1"
    budgets = tables.runs[["run", "study", "task", "model", "regime", "seed"]].assign(
        updates=100.0, steps=np.where(more, 1000 * times, 1000.0), products=np.where(more, 5e9 * products, 5e9)
    )
    return replace(tables, budgets=budgets)


def everywhere(tables, folder):
    """What the opening of the report, `compare` and the note of the paper's table say."""
    material = Material.of(tables, {})
    opening = findings.headline(full(material), comparisons(material), material)
    beside = comparison.in_study("regime_1", "teacher_forcing", tables, folder)
    return [" ".join(opening), " ".join(beside.sentences), paper_table_note.note(paper_table.tidy(material), material)]


@pytest.mark.usefixtures("undrawn")
def test_unequal_budgets_are_told_beside_every_comparison(tmp_path):
    for said in everywhere(frames(times=2.0, products=2.0), tmp_path):
        assert "Budgets of training were not equal: regime 1 against teacher forcing 2.00 times the steps rolled out" in said
        assert "and products of weights" in said
        assert "updates" not in said.split("Budgets of training")[1].split("task0")[0], "of which both had as many"
    for said in everywhere(frames(times=1.2), tmp_path):
        assert "Budgets" not in said


@pytest.mark.parametrize(("ratio", "unequal"), [(1.26, True), (1.24, False), (0.79, True), (0.81, False), (np.nan, False)])
def test_a_budget_is_unequal_beyond_the_declared_factor_either_way(ratio, unequal):
    assert unequal_budgets.FACTOR == 1.25
    one = dict.fromkeys(("updates", "steps", "products"), 100.0)
    assert bool(unequal_budgets.differing({**one, "steps": 100 * ratio}, one)) == unequal


def test_the_section_has_a_row_for_each_condition():
    tables = frames(times=2.0)
    seconds = dict.fromkeys(tables.runs["run"].astype(str), 3.0)
    material = Material.of(tables, {})
    section = budgets_section.section(material, report_data.by_condition(material, seconds))
    assert [row[3:] for row in section.tables[0].rows] == [
        ["100", "1000", "5e+09", "3"], ["100", "2000", "5e+09", "3"],
    ]  # fmt: skip
    assert section.sentences == ["A run took: updates 100, steps 1000 to 2000, products 5e+09."]
    assert budgets_section.section(Material.of(simulated(np.ones((1, 1, 1, 2))), {}), []) is None


def test_what_a_run_began_with_stands_beside_its_own_budget(tmp_path):
    """Of records that say it; the other runs of the study have none, and a study without one has no such columns."""
    store, ids = study(tmp_path / "s", grid(seeds=2))
    assert "start" not in tidy.frames(store, ids, "s").budgets
    for number, run in enumerate(ids[2:]):
        record = store.read(run)
        record.pop("weights", None)
        start = {"run": f"{number + 20:016x}", "updates": 300 + 100 * number, "steps": 19200, "products": None}
        record["provenance"] |= {"steps": 6400, "products": 3.2e17, "start": start}
        store.write(record, None)
    tables = tidy.frames(store, ids, "s")
    assert tables.budgets["updates"].tolist() == [100] * 4
    assert tables.budgets["start"].tolist()[2:] == [f"{20:016x}", f"{21:016x}"]
    assert tables.budgets["start"].isna().tolist() == [True, True, False, False]
    assert tables.budgets["start_updates"].tolist()[2:] == [300, 400]
    assert tables.budgets["start_products"].isna().all()
    tidy.write(tables, tmp_path / "out")
    pd.testing.assert_frame_equal(tidy.read(tmp_path / "out").budgets, tables.budgets)
    told = budgets_section.section(Material.of(tables, {}), [])
    assert told.sentences[-1] == (
        "Runs that began with the weights of other ones, whose training is not counted as their own: scheduled sampling on "
        "Lorenz-63 (GRU) after 350 updates and 19200 steps."
    )
