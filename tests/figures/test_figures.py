"""Does every figure draw what there is, leave out what there is not, and give the same bytes?"""

import matplotlib as mpl
import numpy as np
import pytest

from freerun import figures, tables
from freerun.figures import Material
from freerun.figures._style import bytes_of, style, wrapped
from freerun.figures.text_samples import printable
from synthetic import grid, study, tree

TASKS = ("hidden_markov", "lorenz63", "embedded_reber", "text", "adding")


def material(folder, experiments, statuses=None):
    store, ids = study(folder, experiments, statuses)
    return Material.of(tables.frames(store, ids, "s"), tables.samples(store, ids))


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


def test_written_twice_the_bytes_are_the_same_whatever_the_user_s_style(tmp_path):
    store, ids = study(tmp_path / "store", grid(tasks=("text",), seeds=1))
    frames, samples = tables.frames(store, ids, "s"), tables.samples(store, ids)
    made = figures.write(frames, samples, tmp_path / "a")
    with mpl.rc_context({"font.size": 30, "lines.linewidth": 9, "svg.hashsalt": "other", "savefig.dpi": 20}):
        figures.write(frames, samples, tmp_path / "b")
    assert made
    for drawn in made:
        for ending in ("svg", "pdf", "png"):
            first, second = ((tmp_path / x / "figures" / f"{drawn.name}.{ending}").read_bytes() for x in "ab")
            assert first == second


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
