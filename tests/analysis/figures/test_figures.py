"""Tests of the figures: they draw what there is, leave out what there is not, and give the same bytes."""

import io
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from freerun.analysis import figures
from freerun.analysis.figures import Material, _comparison_figure
from freerun.analysis.figures._axis_scale import LogTicks
from freerun.analysis.figures._style import bytes_of, spread, style, thinned, wrapped
from freerun.analysis.figures.text_samples import printable
from freerun.analysis.report.summary_table import full
from freerun.analysis.report.undefined_levels import undefined
from freerun.analysis.tables import tidy
from synthetic import grid, study, tree

TASKS = ("hidden_markov", "lorenz63", "embedded_reber", "text", "adding")


def material(folder, experiments, statuses=None):
    store, ids = study(folder, experiments, statuses)
    return Material.of(tidy.frames(store, ids, "s"), tidy.samples(store, ids))


def names(of):
    return [drawn.name for drawn, _ in figures.draw(of)]


def test_every_figure_of_a_whole_study(tmp_path):
    found = names(material(tmp_path, grid(tasks=TASKS, models=("gru", "output_recurrent"), seeds=3)))
    assert found == [
        *("error_over_lead", "gap_by_model", "closed_loop", "training_curves"),
        *("orbit_gru", "orbit_output_recurrent", "text_samples", "error_growth", "ranking"),
    ]


@pytest.mark.parametrize("regimes", [("free_running",), tuple(f"regime_{i}" for i in range(10))])
@pytest.mark.parametrize("seeds", [1, 3])
def test_other_shapes(tmp_path, regimes, seeds):
    assert "gap_by_model" in names(material(tmp_path, grid(regimes=regimes, seeds=seeds, tasks=("lorenz63",))))


def test_what_has_no_data_is_skipped(tmp_path):
    assert names(material(tmp_path, grid(seeds=1), {0: ("failed", "x"), 1: ("pending", "")})) == []


def test_a_task_that_feeds_nothing_back_has_no_gap_to_show(tmp_path):
    assert names(material(tmp_path, grid(tasks=("adding",), regimes=("teacher_forcing",)))) == ["training_curves"]


def test_a_panel_is_drawn_where_no_run_has_a_level(tmp_path):
    """Of a model that leaves every bound in closed loop: some first steps have values, and the mean over all has none."""
    store, ids = study(tmp_path, grid(seeds=2))
    for run in ids:
        record = store.read(run)
        record.pop("weights", None)
        for series in record["series"]:
            if series["mode"] == "free" and len(series["values"]) > 1:
                series["values"][-1] = None
        store.write(record, None)
    of = Material.of(tidy.frames(store, ids, "s"), {})
    assert of.whole.loc[of.whole["metric"] == of.primary["Lorenz-63"], "gap"].isna().all()
    assert "gap_by_model" in names(of)
    said = undefined(full(of), "Lorenz-63")
    assert said.startswith("RMSE is undefined for GRU, ")
    assert said.count("(2 of 2 runs)") == len(of.methods())


def test_a_condition_without_the_error_of_its_task_is_named(tmp_path):
    """It has no row among the others, where there are any: `direct` beside a model that reads what it feeds itself."""
    store, ids = study(tmp_path, grid(models=("gru", "output_recurrent"), seeds=2))
    for run in ids:
        record = store.read(run)
        if record["experiment"]["model"]["name"] == "gru":
            record.pop("weights", None)
            record["series"] = [series for series in record["series"] if series["metric"] != "rmse"]
            store.write(record, None)
    of = Material.of(tidy.frames(store, ids, "s"), {})
    assert of.primary["Lorenz-63"] == "rmse"
    said = undefined(full(of), "Lorenz-63")
    assert said.startswith("RMSE has no meaning for GRU, ")
    assert "Output-recurrent" not in said


def test_written_twice_the_bytes_are_the_same_whatever_the_user_s_style(tmp_path):
    store, ids = study(tmp_path / "store", grid(tasks=("text",), seeds=1))
    frames, samples = tidy.frames(store, ids, "s"), tidy.samples(store, ids)
    made = figures.write(frames, samples, tmp_path / "a", figures.FORMATS)
    with mpl.rc_context({"font.size": 30, "lines.linewidth": 9, "svg.hashsalt": "other", "savefig.dpi": 20}):
        figures.write(frames, samples, tmp_path / "b", figures.FORMATS)
    assert made
    for drawn in made:
        for ending in ("svg", "pdf", "png"):
            first, second = ((tmp_path / x / "figures" / f"{drawn.name}.{ending}").read_bytes() for x in "ab")
            assert first == second


def test_a_study_gets_svg_and_png_and_pdf_when_asked(tmp_path):
    store, ids = study(tmp_path / "store", grid(tasks=("text",), regimes=("teacher_forcing",), seeds=1))
    frames, samples = tidy.frames(store, ids, "s"), tidy.samples(store, ids)
    for formats, endings in (((), {".svg", ".png"}), ((["pdf"],), {".pdf"})):
        figures.write(frames, samples, tmp_path / str(endings), *formats)
        assert {path.suffix for path in (tmp_path / str(endings) / "figures").iterdir()} == endings


@pytest.mark.slow
def test_a_picture_in_few_colours_is_the_same_to_the_eye(tmp_path):
    """At 5 of 100 in brightness two colours side by side begin to be told apart: 14 of 255 stay below it."""
    of = material(tmp_path, grid(tasks=TASKS, models=("gru", "output_recurrent"), seeds=3))
    drawn = {each.name: figure for each, figure in figures.draw(of)}
    for name in ("error_over_lead", "training_curves"):
        buffer = io.BytesIO()
        with style():
            few = bytes_of(drawn[name], "png")
            drawn[name].savefig(buffer, format="png")
        images = [np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=int) for png in (buffer.getvalue(), few)]
        difference = np.abs(images[0] - images[1])
        assert difference.max() <= 20
        assert difference.mean() <= 1.5
        assert len(few) < len(buffer.getvalue()) / 2


def test_drawing_leaves_no_trace_in_the_global_style(tmp_path):
    before = dict(mpl.rcParams)
    names(material(tmp_path, [tree()]))
    assert dict(mpl.rcParams) == before


def test_free_is_solid_forced_is_dashed_and_lines_are_the_means(tmp_path):
    of = material(tmp_path, grid(tasks=("text",), regimes=("teacher_forcing",), seeds=3))
    drawn = {each.name: figure for each, figure in figures.draw(of)}
    lines = {bool(line.is_dashed()): line for line in drawn["error_over_lead"].axes[0].lines}
    means = of.steps[of.steps["metric"] == "loss"].groupby("step")[["forced", "free"]].mean()
    np.testing.assert_allclose(lines[False].get_ydata(), means["free"])
    np.testing.assert_allclose(lines[True].get_ydata(), means["forced"])


def test_no_band_below_three_seeds(tmp_path):
    of = material(tmp_path, grid(tasks=("text",), regimes=("teacher_forcing",), seeds=2))
    drawn = {each.name: figure for each, figure in figures.draw(of)}
    for band in drawn["error_over_lead"].axes[0].collections:
        assert all(len(path.vertices) == 0 for path in band.get_paths())


def test_letters_that_the_font_lacks_are_replaced():
    assert printable("a\n\u4e2d$") == "a\N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}\N{REPLACEMENT CHARACTER}$"


def test_labels_break_at_hyphens_and_spaces():
    assert wrapped("Output-recurrent") == "Output-\nrecurrent"


def test_dollars_in_a_label_are_letters(tmp_path):
    of = material(tmp_path, grid(tasks=("a_$x^2$_task",), seeds=1))
    for _, figure in figures.draw(of):
        with style():
            assert bytes_of(figure, "svg")


@pytest.mark.parametrize("count", range(1, 13))
def test_neighbours_stand_closer_than_groups(count):
    places = spread(count)
    between = 1 - (places[-1] - places[0])
    assert all(between > 2 * (b - a) for a, b in pairwise(places))


@pytest.mark.parametrize("low", [1e-7, 0.8, 0.93, 2.0, 31.0])
@pytest.mark.parametrize("factor", [1.02, 1.6, 3, 12, 70, 1e4, 1e15])
def test_a_log_axis_has_three_to_eight_ticks_whatever_it_spans(low, factor):
    ticks = LogTicks().tick_values(low, low * factor)
    assert 3 <= len(ticks) <= 12
    assert all(low <= tick <= low * factor for tick in ticks)
    assert len({f"{tick:g}" for tick in ticks}) == len(ticks), "no two have one label"


@pytest.mark.parametrize(("metric", "left"), [("rmse", "a better"), ("accuracy", "b better")])
def test_a_comparison_says_which_side_is_better(metric, left):
    ratio = metric == "rmse"
    better = {"rmse": "lower", "accuracy": "higher"}[metric]
    row = {"task_label": "t", "model_label": "m", "setting": "", "better": better, "unit": "u", "ratio": ratio, "holm": 0.01}
    row |= {"label": "Measure"}
    table = pd.DataFrame([{**row, "level": level, "mean": 0.9, "low": 0.8, "high": 1.3} for level in ("free", "forced")])
    with style():
        made = _comparison_figure.draw(table, "a", "b")
        made.draw_without_rendering()
    (axes,) = made.axes
    assert axes.get_title(loc="left").endswith(left)
    assert axes.get_xlabel() == ("Measure\na / b" if ratio else "Measure\na \N{MINUS SIGN} b (u)")
    (legend,) = made.legends
    assert [text.get_text() for text in legend.get_texts()] == ["evaluated free", "evaluated forced"], "what is there, alone"
    assert sum(axes.get_xlim()[0] <= tick <= axes.get_xlim()[1] for tick in axes.get_xticks()) >= 3


def test_a_bar_of_shares_does_not_leave_the_axis(tmp_path):
    store, ids = study(tmp_path, grid(tasks=("embedded_reber",), regimes=("teacher_forcing",), seeds=3))
    for run, share in zip(ids, (0.0, 0.0, 1.0), strict=True):
        record = store.read(run)
        record.pop("weights", None)
        for series in record["series"]:
            if series["metric"] == "validity":
                series["values"] = [share]
        store.write(record, None)
    of = Material.of(tidy.frames(store, ids, "s"), {})
    axes = {drawn.name: figure for drawn, figure in figures.draw(of)}["closed_loop"].axes[0]
    ends = np.concatenate([line.get_ydata() for line in axes.lines])
    assert (ends.min(), ends.max()) == (0.0, 1.0)


def long_study(folder):
    """Labels longer than a column is wide, three tasks, and runs that are lost: all of free running with the GRU."""
    names = {"regime__annealing_of_the_noise": 0.0031234, "regime__another_setting_of_its_own": 0.12345678}
    names |= {"training__weight_decay_of_the_critic": 0.00056789}
    swept = [{**names, "regime__alpha": alpha} for alpha in (0.125, 0.25)]
    experiments = grid(tasks=TASKS[1:4], models=("gru", "output_recurrent"), regimes=("teacher_forcing", "free_running"))
    for each in swept:
        experiments += grid(tasks=TASKS[1:4], models=("gru", "output_recurrent"), regimes=("generalized_forcing",), **each)
    experiments += grid(tasks=TASKS[1:4], models=("lstm",), regimes=("generalized_forcing",), seeds=2, regime__beta=7)
    lost = {
        number: ("diverged", "x")
        for number, each in enumerate(experiments)
        if (each["model"]["name"], each["regime"]["name"]) == ("gru", "free_running")
        or (each["model"]["name"], each["seed"]) == ("output_recurrent", 1)
    }
    return material(folder, experiments, lost)


def words(figure):
    found = [text.get_text() for text in figure.findobj(mpl.text.Text)]
    return " ".join(" ".join(found).split())


@pytest.mark.slow
def test_labels_of_any_length_stay_within_the_figure_and_lost_runs_are_marked_in_every_one(tmp_path):
    of = long_study(tmp_path)
    assert of.lost()["lost"].sum() == 9 + 4 * 3
    for drawn, figure in figures.draw(of):
        assert "\N{MULTIPLICATION SIGN}: runs that diverged or failed and are left out of every mean (" in drawn.caption
        assert "of free running" in drawn.caption
        with style():
            bytes_of(figure, "png")
            renderer = figure.canvas.get_renderer()
            edge = figure.bbox.padded(1)
            ticks = {tick for axes in figure.axes for tick in (*axes.get_xticklabels(), *axes.get_yticklabels())}
            for text in figure.findobj(mpl.text.Text):
                box = text.get_window_extent(renderer)
                if text.get_text().strip() and text.get_visible() and box.width:
                    inside = edge.x0 <= box.x0 and box.x1 <= edge.x1 and edge.y0 <= box.y0 and box.y1 <= edge.y1
                    assert inside or text in ticks, (drawn.name, text.get_text())
        if drawn.name not in ("orbit_output_recurrent", "orbit_lstm"):  # which are of one model each
            assert "free running" in words(figure), "a method of which every run is lost stays visible"
        assert ("\N{MULTIPLICATION SIGN}" in words(figure)) == (drawn.name != "orbit_lstm"), drawn.name


def test_a_study_without_lost_runs_has_no_mark(tmp_path):
    for drawn, figure in figures.draw(material(tmp_path, grid(tasks=("lorenz63", "text")))):
        assert "\N{MULTIPLICATION SIGN}" not in drawn.caption + words(figure)


@pytest.mark.parametrize("count", [0, 1, 119, 120, 121, 200, 5000])
@pytest.mark.parametrize("shape", ["smooth", "signs", "undefined"])
def test_long_lines_are_drawn_through_some_of_their_points(count, shape):
    values = np.exp(np.sin(np.arange(count) / 9.0))
    values = {"smooth": values, "signs": values - 1, "undefined": np.where(np.arange(count) > count / 2, np.nan, values)}[shape]
    found = thinned(values)
    assert len(found) == min(count, 120)
    assert (np.diff(found) > 0).all()
    assert not count or (found[0], found[-1]) == (0, count - 1)


@pytest.mark.parametrize("place", [1, 57, 130, 131, 198])
@pytest.mark.parametrize("size", [5.0, 0.2])
def test_a_peak_at_one_lead_is_in_the_line(place, size):
    values = np.exp(np.arange(200) / 60.0)
    values[place] *= size
    assert place in thinned(values)
