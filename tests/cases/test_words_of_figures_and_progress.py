"""Cases of words in figures, tables and bars: nothing vanishes, nothing runs into something else, what differs is named."""

from __future__ import annotations

import io
import re
import sys
import types
from itertools import combinations

import numpy as np
import pytest
from rich.console import Console

from freerun.analysis import figures
from freerun.analysis.figures import Material
from freerun.analysis.figures._axis_scale import usual
from freerun.analysis.figures._style import style
from freerun.analysis.figures._venues import PAGE
from freerun.analysis.report import companion_measures
from freerun.analysis.tables import tidy
from freerun.execution import progress
from freerun.execution.group_titles import group_titles
from freerun.execution.grouping import groups, spread
from freerun.sweeps import study as studies
from synthetic import grid, study, tree
from tiers import tiered

#: A strip of paper is no figure: the longer side in shorter ones.
SLIMMEST = 3.5


def material(folder, experiments, statuses=None):
    store, ids = study(folder, experiments, statuses)
    return Material.of(tidy.frames(store, ids, "s"), tidy.samples(store, ids))


def swept(key, values, **settings):
    return [each for value in values for each in grid(**{key: value}, **settings)]


SIZES = {
    "8 sizes": swept("model__hidden", [4 * 2**i for i in range(8)], seeds=1),
    "30 sizes": swept("model__hidden", range(4, 34), seeds=1),
    "70 sizes": swept("model__hidden", range(100, 170), seeds=1),
    "12 regimes": grid(regimes=[f"regime_number_{i}" for i in range(12)], seeds=1),
}
#: A figure with a panel for each of 70 sizes is an atlas.
DRAWN = [(name, size) for name in ("gap_by_model", "closed_loop") for size in SIZES]
DRAWN += [(name, size) for name in ("error_over_lead", "training_curves") for size in SIZES if size != "70 sizes"]


@pytest.mark.parametrize(("figure", "size"), tiered(DRAWN, quick=lambda case: case[1] in ("8 sizes", "12 regimes")))
def test_8_or_30_sizes_or_12_regimes_wrap_and_no_label_runs_into_another(figure, size, tmp_path):
    of = material(tmp_path, SIZES[size])
    with style():
        made = figures.parts()[figure].draw(of)[""]
        made.draw_without_rendering()
    width, height = made.get_size_inches()
    assert width <= PAGE
    assert max(width, height) <= SLIMMEST * min(width, height)
    for axes in made.axes:
        boxes = [tick.get_window_extent() for tick in axes.get_xticklabels() if tick.get_text()]
        assert all(not one.padded(-1).overlaps(other.padded(-1)) for one, other in combinations(boxes, 2))
    if figure in ("gap_by_model", "closed_loop"):
        assert any(tick.get_text() for axes in made.axes for tick in axes.get_xticklabels())
    else:
        models = of.runs["model_label"].nunique()
        assert len({axes.get_title() for axes in made.axes} - {""}) == models, "every size has its panel"


@pytest.mark.parametrize(
    ("statuses", "said"), [(("diverged", "diverged"), "2 of 2"), (("failed", "diverged"), "2 of 2"), (("failed",), "1 of 2")]
)
def test_a_method_whose_runs_are_lost_stays_in_gap_by_model_its_legend_and_its_caption(statuses, said, tmp_path):
    of = material(tmp_path, grid(seeds=2), {number: (status, "x") for number, status in enumerate(statuses)})
    drawn = {each.name: (each, figure) for each, figure in figures.draw(of)}
    each, figure = drawn["gap_by_model"]
    labels = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert "teacher forcing" in labels
    assert f"{said} of " in each.caption
    assert any(said.replace(" of ", "/") in text.get_text() for axes in figure.axes for text in axes.texts)


@pytest.mark.parametrize("level", [1e9, 1e30])
def test_one_exploded_run_does_not_flatten_a_panel(level, tmp_path):
    store, ids = study(tmp_path, grid(seeds=5))
    record = store.read(ids[0])
    record.pop("weights", None)
    for series in record["series"]:
        if series["mode"] == "free":
            series["values"] = [level] * len(series["values"])
    store.write(record, None)
    drawn = {each.name: figure for each, figure in figures.draw(Material.of(tidy.frames(store, ids, "s"), {}))}
    for name in ("error_over_lead", "gap_by_model"):
        for axes in drawn[name].axes:
            assert axes.get_ylim()[1] < 100, (name, "the frame is that of the other runs")
            assert any(f"\N{UPWARDS ARROW} {level:.1g}" == text.get_text() for text in axes.texts), "and says what is outside"


@pytest.mark.parametrize(("log", "far"), [(False, 0.95), (False, 1e6), (True, 1e9)])
@pytest.mark.parametrize("methods", [3, 6])
def test_a_whole_method_that_lies_elsewhere_is_no_run_that_exploded(log, far, methods):
    """As valid strings: most methods write none, and one writes hardly anything else."""
    chance = np.random.default_rng(0)
    values = np.concatenate([chance.uniform(0.001, 0.02, (methods - 1) * 10), far * chance.uniform(0.9, 1, 10)])
    assert usual(values, log=log) == (values.min(), values.max())
    values[-10:-1] = 0.01
    assert usual(values, log=log)[1] == (values[-1] if far < 1 else values[:-1].max())


@pytest.mark.parametrize("key", ["training__lr", "training__weight_decay", "regime__temperature"])
def test_every_setting_that_is_swept_is_in_the_label_of_each_method(key, tmp_path):
    of = material(tmp_path, swept(key, [0.01, 0.001, 0.0001], seeds=2))
    labels = of.methods()
    assert len(labels) == len(set(labels)) == 6
    name = key.partition("__")[2]
    assert all(f"{name}=" in label for label in labels), labels


@pytest.mark.parametrize("horizons", [(5, 20), (3, 6, 12), (1, 7)])
def test_a_horizon_swept_has_the_accumulated_error_of_its_own_step(horizons, tmp_path):
    store, ids = study(tmp_path, [tree(seed=s, evaluation__horizon=horizon) for horizon in horizons for s in range(2)])
    for run in ids:
        record = store.read(run)
        record.pop("weights", None)
        horizon = record["experiment"]["evaluation"]["horizon"]
        series = {"split": "test", "metric": "acc_err", "unit": "steps", "first": 1, "low": None, "high": None}
        record["comparisons"] = [{**series, "values": [float(step) for step in range(1, horizon + 1)]}]
        store.write(record, None)
    rows = companion_measures.rows(Material.of(tidy.frames(store, ids, "s"), {}))
    assert [row["at"] for row in rows] == [f"step {horizon}" for horizon in horizons]


@pytest.mark.parametrize("exact_steps", [0, 2, 4])
def test_acc_err_beyond_the_enumeration_has_columns_that_say_which_steps_are_estimated(exact_steps, tmp_path):
    """All four steps are estimated, two, or none: `low` and `high` hold the interval of an estimate alone."""
    store, ids = study(tmp_path, grid(seeds=1))
    for run in ids:
        record = store.read(run)
        record.pop("weights", None)
        ends = {end: [None] * exact_steps + [value] * (4 - exact_steps) for end, value in (("low", 0.5), ("high", 9.0))}
        series = {"split": "test", "metric": "acc_err", "unit": "steps", "first": 1, "values": [1.0, 2.0, 3.0, 4.0]}
        record["comparisons"] = [{**series, **{end: values if exact_steps < 4 else None for end, values in ends.items()}}]
        store.write(record, None)
    rows = tidy.frames(store, ids, "s").compared.query("metric == 'acc_err'")
    for _, of_run in rows.groupby("run", observed=True):
        for end in ("low", "high"):
            assert list(of_run.sort_values("step")[end].isna()) == [step <= exact_steps for step in (1, 2, 3, 4)]


def planned(*words):
    return studies.adhoc(["task.sequences=16", *words], sweep=True).runs


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_progress_fits_moves_and_has_one_bar_overall(width):
    of = spread(groups(planned("task=lorenz63,hidden_markov", "model=gru,output_recurrent", "seed=range(2)"), 8), 4)
    written = Console(file=io.StringIO(), width=width, force_terminal=True, height=40)
    bars = progress.Bars(of, written)
    for number, group in enumerate(of):
        bars.started(number, group)
    assert "starts" in shown(bars, width), "before the first update"
    for update in (10, 500):
        for number in range(3):
            bars.advanced(number, {"update": update, "validation_forced_loss": 0.123, "validation_free_loss": 4.567e-5})
    lines = shown(bars, width).splitlines()
    assert len(lines) == 1 + len(of)
    assert all(len(line) <= width for line in lines)
    assert lines[0].startswith("all 8 runs")
    assert all("left" in line and "%" in line for line in lines[:4])
    assert "starts" in lines[4]
    bars.finished(0, None)
    assert len(shown(bars, width).splitlines()) == len(of), "all runs and the groups that are left"


def shown(bars, width):
    out = Console(file=io.StringIO(), width=width, height=40)
    out.print(bars.progress.get_renderable())
    return out.file.getvalue()


class Output:
    """One output of a notebook's cell, as IPython's `display` gives it; `pages` are what it has shown, one after the other."""

    def __init__(self):
        self.pages = []

    def display(self, shown, *, display_id):
        assert display_id is True, "an output that cannot be drawn anew"
        self.update(shown)
        return self

    def update(self, shown):
        self.pages.append((shown._repr_html_(), repr(shown)))


@pytest.mark.parametrize("reason", [None, "it <b>broke</b>"])
def test_progress_in_a_notebook_is_one_output_that_moves(reason, monkeypatch, capsys):
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN", 0)
    of = groups(planned("task=lorenz63,hidden_markov", "model=gru", "seed=range(2)"), 8)
    out = Output()
    with progress.Cell(of, out.display) as cell:
        cell.started(0, of[0])
        assert "starts" in out.pages[-1][0], "before the first update"
        for update in (10, 250):
            cell.advanced(0, {"update": update, "validation_forced_loss": 0.123, "validation_free_loss": 4.567e-5})
        page, text = out.pages[-1]
        assert page.count("<progress") == 2, "one of all runs and one of the group"
        assert text.splitlines()[0].startswith("all 4 runs")
        assert all(re.search(r"\d %  \d:\d\d:\d\d left$", line) for line in text.splitlines())
        assert "0.123 forced" in page
        cell.finished(0, reason)
    page, text = out.pages[-1]
    assert re.match(r"all 4 runs  1 of 2 groups in \d:\d\d:\d\d\b", text), "what is done when it ends or is interrupted"
    assert ("failed 1/2" in text, "done 1/2" in page) == (reason is not None, reason is None)
    assert "<b>" not in page
    assert capsys.readouterr().out == ""


def test_a_notebook_is_known_by_its_kernel_and_a_terminal_with_ipython_is_none(monkeypatch):
    of = groups(planned("task=lorenz63", "model=gru"), 8)
    for kernel, kind in ((None, progress.Lines), ("kernel", progress.Cell)):
        shell = types.SimpleNamespace(kernel=kernel)
        monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda shell=shell: shell))
        monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(display=Output().display))
        assert type(progress.watcher(of)) is kind


@pytest.mark.parametrize(
    ("words", "most", "named"),
    [
        (["training.updates=10,20"], 8, ["updates=10", "updates=20"]),
        (["model.hidden=4,8", "training.batch=2,4"], 8, ["hidden=4, batch=2", "hidden=8, batch=4"]),
        (["model.layers=1,2", "training.momentum=0,0.5", "training.optimizer=sgd"], 8, ["layers=1", "layers=2"]),
        (["regime=teacher_forcing,free_running"], 8, ["teacher_forcing", "free_running"]),
        (["training.window=null,3"], 8, ["window=none", "window=3"]),
        (["seed=range(6)"], 3, ["seeds 0-2", "seeds 3-5"]),
        (["seed=3,7,9"], 1, ["seed 3", "seed 7", "seed 9"]),
        (["task=lorenz63,roessler"], 8, ["lorenz63 gru", "roessler gru"]),
    ],
)
def test_titles_of_groups_name_what_differs(words, most, named):
    titles = group_titles(groups(planned("task=lorenz63", "model=gru", *words), most))
    assert len(set(titles)) == len(titles)
    assert all(any(name in title for title in titles) for name in named), titles
