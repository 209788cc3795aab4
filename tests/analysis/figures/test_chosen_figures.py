"""Tests of figures of a paper: chosen runs, new labels, any width and style, captions and data; nothing overflows."""

import io
import os

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import freerun
from freerun.analysis import figures
from freerun.analysis.figures import Material
from freerun.analysis.figures._grid import lines_of
from freerun.analysis.figures._looks import looks, looks_of_study
from freerun.analysis.figures._style import style
from freerun.analysis.figures._venues import paper
from freerun.analysis.tables import selection, tidy
from freerun.errors import ConfigError
from synthetic import grid, simulated, study, tree
from tiers import tiered

TASKS = ("lorenz63", "hidden_markov")
REGIMES = ("teacher_forcing", "free_running", *(f"regime_{number}" for number in range(10)))


def tables_of(folder, experiments):
    store, ids = study(folder, experiments)
    return tidy.frames(store, ids, "s")


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Two tasks, two models, two regimes: the second model is of the second task alone."""
    experiments = grid(tasks=TASKS, regimes=REGIMES[:2]) + grid(tasks=TASKS[1:], models=("lstm",), regimes=REGIMES[:2])
    return tables_of(tmp_path_factory.mktemp("tables"), experiments)


def texts(figure):
    return [text.get_text() for text in figure.findobj(mpl.text.Text) if text.get_text().strip() and text.get_visible()]


def entries(figure):
    return [text.get_text().strip() for legend in figure.legends for text in legend.get_texts() if text.get_text().strip()]


def test_the_gap_is_free_minus_forced_with_its_interval_over_seeds():
    """Of the data alone: for an error that is no ratio the mean of the differences, and Student's t with two degrees."""
    errors = np.random.default_rng(0).normal(size=(1, 2, 3, 5))
    figure = freerun.figures.gap_over_lead(simulated(errors + 1, forced=errors / 3))
    (axes,) = figure.axes
    expected = errors + 1 - errors / 3
    curves = [line for line in axes.lines if len(line.get_xdata()) == 5]
    np.testing.assert_allclose([line.get_ydata() for line in curves], expected[0].mean(axis=1))
    half = 4.302652729911275 * expected[0].std(axis=1, ddof=1) / np.sqrt(3)
    for band, mean, width in zip(axes.collections, expected[0].mean(axis=1), half, strict=True):
        corners = band.get_paths()[0].vertices
        assert (corners[:, 1].min(), corners[:, 1].max()) == pytest.approx(((mean - width).min(), (mean + width).max()))
    by_run = figure.data.groupby(["method", "step"], sort=False)["gap"].mean().to_numpy()
    np.testing.assert_allclose(by_run, expected[0].mean(axis=1).ravel())


def test_a_gap_on_a_ratio_scale_is_one_of_geometric_means(tables):
    figure = freerun.figures.gap_over_lead(tables, select={"task": "lorenz63", "regime": "free_running"})
    data = figure.data
    means = np.exp(np.log(data[["free", "forced"]]).groupby(data["step"]).mean())
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), means["free"] - means["forced"])


def test_every_figure_of_the_package_is_a_public_function():
    functions = set(freerun.figures.__all__)
    assert functions == set(figures.parts())
    assert all(getattr(freerun.figures, name).__doc__ for name in functions)


@pytest.mark.parametrize("name", ["error_over_lead", "gap_by_model", "training_curves"])
def test_a_regime_and_a_mode_never_look_alike_in_one_legend(tables, name):
    figure = getattr(freerun.figures, name)(tables)
    assert sorted(entries(figure)) == ["evaluated forced", "evaluated free", "free running", "teacher forcing"]


def drawn_as(figure):
    """The colour and the marker of each entry of the legend that is no mode."""
    (legend,) = figure.legends
    handles = [(text.get_text(), key) for text, key in zip(legend.get_texts(), legend.legend_handles, strict=True)]
    return {name: (key.get_color(), key.get_marker()) for name, key in handles if name.strip() and "evaluated" not in name}


@pytest.mark.parametrize("name", ["gap_over_lead", "error_over_lead", "gap_by_model", "training_curves"])
def test_a_method_looks_the_same_whatever_is_selected_and_whatever_it_is_called(tables, name):
    draw = getattr(freerun.figures, name)
    whole = drawn_as(draw(tables))
    alone = drawn_as(draw(tables, select={"regime": "free_running", "task": "hidden_markov"}, labels={"free running": "BPTT"}))
    assert alone == {"BPTT": whole["free running"]}
    assert alone["BPTT"] != whole["teacher forcing"]


def test_a_method_of_many_keeps_its_look_where_a_smaller_selection_calls_it_otherwise(tmp_path):
    """Of three ends of one schedule each is called by its end; alone it has the name of its regime, and its look."""
    ends = (0.0, 0.5, 1.0)
    tables = tables_of(tmp_path, [tree("hidden_markov", regime="scheduled_sampling", regime__end=end) for end in ends])
    whole = Material.of(tables, {}).looks
    assert len(set(whole.values())) == 3
    for end in ends:
        some = selection.select(selection.select(tables, {"regime.end": [0.0, end]}), {"regime.end": end})
        assert Material.of(some, {}).looks == {"scheduled sampling": whole[f"scheduled sampling (end={end:g})"]}


def test_panels_stay_in_the_column_of_their_model(tables):
    for name in ("error_over_lead", "gap_over_lead", "training_curves"):
        drawn = [axes for axes in getattr(freerun.figures, name)(tables).axes if axes.axison and axes.lines]
        column = {axes.get_title(): axes.get_subplotspec().colspan.start for axes in drawn if axes.get_title()}
        assert column == {"GRU": 0, "LSTM": 1}
        assert {axes.get_subplotspec().rowspan.start for axes in drawn if axes.get_title() == "LSTM"} != {0}


def test_a_model_that_a_task_lacks_leaves_its_place_empty(tables):
    material = Material.of(tables, {})
    rows = [(task, material.steps[material.steps["task"] == task]) for task in TASKS]
    assert lines_of(rows, material) == [(0, ["GRU", None]), (1, ["GRU", "LSTM"])]
    empty = [axes for axes in freerun.figures.gap_over_lead(tables).axes if not axes.axison]
    assert [len(axes.lines) for axes in empty] == [0]


def test_no_panel_is_half_empty():
    """Of two models, whose errors differ by a factor of a hundred, each has a scale of its own, and the caption says so."""
    errors = np.random.default_rng(1).uniform(1, 2, size=(1, 2, 3, 6))
    small, large = simulated(errors / 100, forced=errors / 300), simulated(errors, forced=errors / 3)
    frames = {}
    for name in ("runs", "gaps"):
        other = getattr(large, name).astype({"run": "str", "model": "str"}).assign(model="lstm")
        other["run"] = "f" + other["run"].str[1:]
        frames[name] = pd.concat([getattr(small, name).astype({"run": "str", "model": "str"}), other], ignore_index=True)
    words = ("run", "model", "task", "regime", "mode", "metric", "unit")
    frames["gaps"] = frames["gaps"].astype(dict.fromkeys(words, "category"))
    both = tidy.Tables(**{**vars(small), **frames})
    figure = freerun.figures.gap_over_lead(both)
    for axes in figure.axes:
        heights = np.concatenate([line.get_ydata() for line in axes.lines if line.get_zorder() >= 2])
        scale = np.log if axes.get_yscale() == "log" else np.asarray
        assert np.ptp(scale(heights)) >= 0.5 * np.ptp(scale(axes.get_ylim()))
    assert "unless one of them would be half empty" in figure.caption
    assert "half empty" not in freerun.figures.gap_over_lead(small).caption


def test_no_line_of_no_gap_leaves_a_panel_half_empty():
    errors = np.random.default_rng(1).uniform(1, 1.2, size=(1, 2, 3, 6))
    for forced, seen in ((errors / 100, False), (errors[..., ::-1], True)):
        below = freerun.figures.gap_by_model(simulated(errors, forced=forced)).axes[1]
        low, high = below.get_ylim()
        assert (low <= 0 <= high) == seen


def test_labels_rename_whatever_is_shown(tables):
    labels = {"free running": "BPTT", "GRU": "gated", "Lorenz-63": "butterfly", "RMSE": "error"}
    shown = " ".join(" ".join(texts(freerun.figures.error_over_lead(tables, labels=labels))).split())
    for old, new in labels.items():
        assert old not in shown
        assert new in shown
    assert set(freerun.figures.gap_over_lead(tables, labels=labels).data["method"]) == {"teacher forcing", "BPTT"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"labels": {"free_running": "x"}}, "labels 'free_running': no task, model, method .*; did you mean 'free running'"),
        ({"labels": {"free running": "teacher forcing"}}, "labels: two methods, .* would both be called 'teacher forcing'"),
        ({"labels": {"GRU": " "}}, "labels 'GRU': the new label is empty"),
        ({"select": {"regime": "free_runing"}}, "select regime='free_runing': no run has it; did you mean 'free_running'"),
        ({"width": "colum"}, "width 'colum': must be column, page, or a number of inches, 2 to 40"),
        ({"width": 0.5}, "width '0.5': must be column, page"),
        ({"style": "nips"}, r"style 'nips': neither a venue nor a file \*.mplstyle; "),
        ({"style": "gone.mplstyle"}, "style 'gone.mplstyle': cannot be read: No such file"),
    ],
)
def test_an_option_that_means_nothing_is_refused_in_one_line(tables, options, said):
    with pytest.raises(ConfigError, match=said) as refusal:
        freerun.figures.gap_over_lead(tables, **options)
    assert "\n" not in str(refusal.value)


def test_a_figure_without_data_says_so(tables):
    with pytest.raises(ConfigError, match="figure expected_best: these runs have nothing to show in it"):
        freerun.figures.expected_best(tables)


def test_words_of_a_command_line_are_settings_of_the_runs(tables):
    words = ["regime=Free running,teacher_forcing", "training.lr=3e-3", "seed=0,2"]
    typed = selection.typed(words, tables.runs)
    assert typed == {"regime": ["free_running", "teacher_forcing"], "training.lr": [0.003], "seed": [0, 2]}
    assert set(selection.select(tables, typed).runs["seed"]) == {0, 2}
    with pytest.raises(ConfigError, match="select 'regim': no such setting; did you mean 'regime'"):
        selection.typed(["regim=x"], tables.runs)
    with pytest.raises(ConfigError, match=r"select training.lr='1': no run has it; there is 0.003"):
        selection.typed(["training.lr=1"], tables.runs)


@pytest.mark.parametrize(
    ("venue", "width", "inches"),
    [("neurips", "page", 5.5), ("icml", "column", 3.25), ("icml", "page", 6.75), ("plain", "column", 3.4), (None, 4.5, 4.5)],
)
def test_a_venue_has_its_width_its_letters_and_fonts_that_are_embedded(tables, tmp_path, venue, width, inches):
    figure = freerun.figures.gap_by_model(tables, select={"task": "lorenz63"}, style=venue, width=width)
    assert figure.get_figwidth() == inches
    figure.savefig(tmp_path / "a.pdf")
    content = (tmp_path / "a.pdf").read_bytes()
    assert b"/Type3" not in content
    assert b"/FontFile2" in content
    assert (b"STIXGeneral" in content) == (venue in ("neurips", "icml"))
    sizes = {text.get_fontsize() for text in figure.findobj(mpl.text.Text) if text.get_text() in ("Lorenz-63", "GRU")}
    assert sizes == ({9.0, 8.0} if venue in ("neurips", "icml") else {8.0, 7.0})


def test_a_style_file_is_on_top_of_the_plain_one(tables, tmp_path):
    (tmp_path / "big.mplstyle").write_text("font.size: 15\naxes.titlesize: 20\nbackend: agg\n")
    figure = freerun.figures.gap_over_lead(tables, style=tmp_path / "big.mplstyle")
    assert {axes.title.get_fontsize() for axes in figure.axes} == {20.0}
    (tmp_path / "bad.mplstyle").write_text("font.size: large enough\n")
    with pytest.raises(ConfigError, match=r"style .*: Key font.size: Could not convert"):
        freerun.figures.gap_over_lead(tables, style=tmp_path / "bad.mplstyle")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("lines.linewidht: 3", "line 2: lines.linewidht: no setting of matplotlib; did you mean 'lines.linewidth'"),
        ("nope.key: 3", "line 2: nope.key: no setting of matplotlib; matplotlib.rcParams lists them$"),
        ("lines.linewidth 3", "line 2: lines.linewidth 3: .*write key: value"),
        ("font.size: -3", "font.size: must lie in 1 .. 72, got -3"),
        ("savefig.dpi: 100000", "savefig.dpi: must lie in 10 .. 2400"),
        ("text.usetex: True", "without LaTeX"),
    ],
)
def test_a_style_that_would_be_passed_over_or_draws_nothing_is_refused(line, said, tmp_path):
    (tmp_path / "own.mplstyle").write_text(f"# mine\n{line}\n")
    with pytest.raises(ConfigError, match=said) as refusal:
        paper(tmp_path / "own.mplstyle")
    assert "\n" not in str(refusal.value)


def test_the_width_of_a_style_counts_unless_another_is_asked_for(tables, tmp_path, capsys):
    """Its height cannot, for panels stand below each other; it is said, once, for one place knows both."""
    own = tmp_path / "own.mplstyle"
    own.write_text("figure.figsize: 4.5, 2\n")
    assert freerun.figures.gap_by_model(tables, style=own).get_figwidth() == 4.5
    assert capsys.readouterr().err.startswith("note: own.mplstyle: figure.figsize: a figure is 4.5 inches wide unless a width")
    assert paper(own, "column").width == paper().column
    own.write_text("figure.figsize: 400, 2\n")
    with pytest.raises(ConfigError, match=r"figure.figsize: must lie in 2 .. 40, got 400"):
        paper(own)


@pytest.mark.parametrize("line", ["axes.prop_cycle: cycler('color', ['r', 'g'])", "savefig.format: pdf", "backend: agg"])
def test_what_changes_nothing_in_a_style_is_told(line, tmp_path, capsys):
    own = tmp_path / "own.mplstyle"
    own.write_text(f"font.size: 8\n{line}\n")
    assert paper(own).settings == {"font.size": 8.0}
    key, said = line.partition(":")[0], capsys.readouterr().err
    assert said.startswith(f"note: own.mplstyle: {key} is left out: ")
    assert said.count("\n") == 1


def test_a_style_is_a_plain_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.mplstyle")
    (tmp_path / "folder.mplstyle").mkdir()
    (tmp_path / "device.mplstyle").symlink_to("/dev/zero")
    for name in ("pipe", "folder", "device"):
        with pytest.raises(ConfigError, match="not a regular file"):
            paper(tmp_path / f"{name}.mplstyle")
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        paper("http://127.0.0.1:9/own.mplstyle")


def outside(figure):
    """The texts that leave the figure, but for numbers at axes; and those entries of a legend that do."""
    with style(figure.paper):
        figure.canvas.draw()
    renderer, edge = figure.canvas.get_renderer(), figure.bbox.padded(2)
    ticks = {tick for axes in figure.axes for tick in (*axes.get_xticklabels(), *axes.get_yticklabels())}
    boxes = [(text, text.get_window_extent(renderer)) for text in figure.findobj(mpl.text.Text) if text not in ticks]
    return [
        text.get_text() for text, box in boxes
        if text.get_text().strip() and text.get_visible() and box.width
        and not (edge.x0 <= box.x0 and box.x1 <= edge.x1 and edge.y0 <= box.y0 and box.y1 <= edge.y1)
    ]  # fmt: skip


@pytest.mark.parametrize("regimes", tiered((1, 2, 5, 12), quick=lambda count: count == 12))
@pytest.mark.parametrize(
    ("venue", "width"), tiered((("icml", "column"), ("neurips", None)), quick=lambda case: case[0] == "icml")
)
def test_no_legend_overflows_with_one_to_twelve_regimes(tmp_path, regimes, venue, width):
    frames = tables_of(tmp_path, grid(tasks=TASKS[:1], regimes=REGIMES[:regimes], seeds=1))
    for name in ("gap_over_lead", "gap_by_model"):
        figure = getattr(freerun.figures, name)(frames, style=venue, width=width)
        assert outside(figure) == []
        (legend,) = figure.legends
        box = legend.get_window_extent()
        assert not any(axes.get_window_extent().overlaps(box) for axes in figure.axes if axes.axison), "a legend on a panel"
        assert len(entries(figure)) == regimes + 2 * (name == "gap_by_model")


@pytest.mark.slow
def test_thirty_models_stand_in_lines_of_a_page(tmp_path):
    frames = tables_of(tmp_path, grid(tasks=TASKS[:1], models=[f"model_{n}" for n in range(30)], regimes=REGIMES[:2], seeds=1))
    for name in ("gap_over_lead", "gap_by_model"):
        figure = getattr(freerun.figures, name)(frames, style="neurips")
        assert figure.get_figwidth() == 5.5
        assert outside(figure) == []


def test_a_figure_is_saved_in_its_own_style_whatever_the_user_s_is(tables):
    figure = freerun.figures.gap_over_lead(tables, select={"task": "lorenz63"}, width="column")
    pictures = []
    for mine in ({}, {"savefig.dpi": 20, "savefig.facecolor": "red"}):
        with mpl.rc_context(mine):
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png")
            pictures.append(Image.open(buffer))
    assert pictures[0].tobytes() == pictures[1].tobytes()


@pytest.mark.parametrize(
    ("splits", "said"),
    [
        (["test"], "on test sequences"), (["validation"], "on validation sequences"), ([None], "on test sequences"),
        (["validation", "test"], "on test or validation sequences"),
    ],
)  # fmt: skip
def test_captions_say_which_sequences_were_measured(tmp_path, splits, said):
    experiments = grid(seeds=2)
    for number, experiment in enumerate(experiments):
        if split := splits[number % len(splits)]:
            experiment["evaluation"]["split"] = split
    store, ids = study(tmp_path, experiments)
    of = Material.of(tidy.frames(store, ids, "s"), {})
    captions = {drawn.name: drawn.caption for drawn, _ in figures.draw(of, ["error_over_lead", "closed_loop"])}
    assert captions
    assert all(said in caption for caption in captions.values())


def test_methods_of_one_task_have_colours_of_their_own():
    """Of twelve methods, six on each of two tasks, the first and the eighth had one colour in one figure."""
    tasks = {f"method {at}": "even" if at % 2 == 0 else "odd" for at in range(12)}
    labels = pd.DataFrame({"method": pd.Categorical(list(tasks), categories=list(tasks)), "task_label": list(tasks.values())})
    looks = looks_of_study(labels, labels)
    assert len(set(looks.values())) == len(looks)
    for task in ("even", "odd"):
        assert len({looks[name].colour for name, of in tasks.items() if of == task}) == 6


def test_a_few_methods_have_the_colours_in_their_order():
    names = [f"method {at}" for at in range(7)]
    labels = pd.DataFrame({"method": pd.Categorical(names, categories=names), "task_label": "task"})
    assert looks_of_study(labels, labels) == dict(zip(names, looks(names).values(), strict=True))
