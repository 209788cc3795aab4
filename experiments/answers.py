"""Pictures of the answers, and the map of all: experiments/NAME/answer.svg, drawn from the kept tables beside the exact curves.

``python experiments/answers.py`` draws them all; the same tables give the same bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from freerun.analysis.figures._style import COLOURS, FORCED, FREE, GREY, bytes_of, figure, style
from freerun.analysis.inference.confidence_intervals import mean_interval

TOP = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "tests"))
from yardsticks import exact  # noqa: E402

BLUE, RED, GREEN, _, ORANGE, *_ = COLOURS


def rows(study: str, table: str, metric: str, *settings: str) -> pd.DataFrame:
    """The test rows of a metric, with some settings of their runs."""
    frame, runs = (pd.read_parquet(TOP / "results" / study / f"{name}.parquet") for name in (table, "runs"))
    kept = frame[(frame["split"].astype("str") == "test") & (frame["metric"].astype("str") == metric)]
    return kept.merge(runs[["run", *settings]], on="run")


def improper() -> Figure:
    """The one-step error against the share of truth, learned and exact."""
    drawn = figure(3.4, 2.5)
    axes = drawn.subplots()
    table = rows("improper", "compared", "one_step_error_true", "objective", "regime.start")
    fine = np.linspace(0, 1, 41)
    methods = {"cross_entropy": ("stopped gradient", BLUE, "o"), "policy_gradient": ("full gradient", RED, "s")}
    for objective, (label, colour, marker) in {**methods, "exact_expert": ("exact expert", GREEN, "^")}.items():
        if objective in methods:
            gradient = label.split()[0]
            curve = [exact.two_step_error(0.1, (0.02, 0.9), float(eps), gradient) for eps in fine]
            axes.plot(fine, curve, color=colour, linewidth=0.8)
        of = table[table["objective"] == objective].groupby("regime.start")["value"]
        for eps, values in of:
            interval = mean_interval(values.to_numpy())
            axes.plot([eps, eps], [interval.low, interval.high], color=colour)
        means = of.mean()
        axes.plot(means.index, means, color=colour, marker=marker, linestyle="", label=label)
    axes.plot([], [], color=GREY, linewidth=0.8, label="closed form")
    axes.set(xlabel="Share of truth that is fed, eps", ylabel="One-step error (total variation)")
    axes.legend()
    return drawn


def misspecification() -> Figure:
    """The error at each lead of wrong and right models, learned and exact."""
    drawn = figure(7.0, 2.4)
    table = rows("misspecification", "gaps", "rmse", "task.signal", "task.cfl")
    panels = [
        ("task.signal", 0.8, "Autoregression, wrong model"), ("task.signal", 1.0, "Autoregression, right model"),
        ("task.cfl", -0.75, "Advection, wrong model"),
    ]  # fmt: skip
    for axes, (setting, value, title) in zip(drawn.subplots(1, 3), panels, strict=True):
        curve = exact.errors_in_variables_rmse if setting == "task.signal" else exact.stencil_rmse
        for regime, colour, marker in (("teacher_forcing", BLUE, "o"), ("free_running", RED, "s")):
            for mode, line in (("free", FREE), ("forced", FORCED)):
                of = table[(table[setting] == value) & (table["regime"] == regime) & (table["mode"] == mode)]
                medians = of.groupby("step")["value"].median()
                leads = medians.index.to_numpy()
                axes.plot(leads, curve(value, regime, mode), color=colour, linestyle=line, linewidth=0.8)
                axes.plot(leads[::3], medians[::3], color=colour, marker=marker, markersize=2.4, linestyle="")
        axes.set(title=title, xlabel="Lead")
        axes.set_xticks([1, 5, 10, 15, 20])
    drawn.axes[0].set_ylabel("RMSE")
    for regime, colour, marker in (("teacher forcing", BLUE, "o"), ("free running", RED, "s")):
        drawn.axes[1].plot([], [], color=colour, marker=marker, label=regime)
    drawn.axes[1].plot([], [], color=GREY, linewidth=0.8, label="closed form, free")
    drawn.axes[1].plot([], [], color=GREY, linewidth=0.8, linestyle=FORCED, label="closed form, forced")
    drawn.axes[1].legend(loc="center right", fontsize=6)
    return drawn


def pitfalls() -> Figure:
    """The share of right symbols at each step, forced and free."""
    drawn = figure(7.0, 2.2)
    table = rows("pitfalls", "gaps", "accuracy", "task.form", "task.control")
    forward = (table["task"] == "path_star") & (table["task.form"] == "forward")
    recall = (table["task"] == "delayed_recall") & (table["model"] == "output_recurrent")
    chosen = [
        (forward, "Path-star, forward: wrong from the first node on"),
        (recall & ~table["task.control"].fillna(value=True).astype(bool), "Delayed recall without a state: the cue is gone"),
    ]
    for axes, (of, title) in zip(drawn.subplots(1, 2), chosen, strict=True):
        for mode, colour, line, marker in (("free", RED, FREE, "s"), ("forced", BLUE, FORCED, "o")):
            means = table[of & (table["mode"] == mode)].groupby("step")["value"].mean()
            axes.plot(means.index, means, color=colour, linestyle=line, marker=marker, label=mode)
        axes.set(title=title, xlabel="Step of the answer", ylim=(0, 1.05))
        axes.set_xticks(means.index)
    drawn.axes[0].set_ylabel("Right symbols (share)")
    drawn.axes[0].legend(loc="lower right")
    return drawn


def accumulation() -> Figure:
    """The excess accumulated error, exact, sampled and by counted oracles."""
    drawn = figure(7.0, 2.4)
    settings = ("task.sequences", "evaluation.horizon", "evaluation.counted_oracle.order")
    known, counted = (rows("accumulation", "compared", name, *settings) for name in ("ex_acc_err", "counted_oracle"))
    sources = {
        "exact": (known[known["evaluation.horizon"] == 8], "black", "o"),
        "sampled": (_order(known, None), GREY, "s"),
        "bigram as oracle": (_order(counted, None), ORANGE, "^"), "unigram as oracle": (_order(counted, 1), RED, "v"),
    }  # fmt: skip
    places = [(regime, step) for regime in ("teacher_forcing", "free_running") for step in (2, 8)]
    for axes, sequences in zip(drawn.subplots(1, 2, sharey=True), (2048, 128), strict=True):
        for number, (label, (table, colour, marker)) in enumerate(sources.items()):
            for place, (regime, step) in enumerate(places):
                of = table[(table["task.sequences"] == sequences) & (table["regime"] == regime) & (table["step"] == step)]
                interval, x = mean_interval(of["value"].to_numpy()), place + 0.16 * (number - 1.5)
                axes.plot([x, x], [interval.low, interval.high], color=colour)
                axes.plot([x], [interval.mean], color=colour, marker=marker, linestyle="", label=label if place == 0 else None)
        _names(axes, [f"{regime.replace('_', ' ')},\n{step} symbols" for regime, step in places])
        axes.set_title(f"{sequences} training sequences")
        axes.axhline(0, color=GREY, linewidth=0.6)
    drawn.axes[0].set_ylabel("Excess accumulated error (%)")
    drawn.axes[0].legend(loc="upper left")
    return drawn


def recurrence() -> Figure:
    """Right answers at the recall by what is fed back, and the error of a summary against the length of what it sums up."""
    drawn = figure(7.0, 2.4)
    left, right = drawn.subplots(1, 2, width_ratios=(1.7, 1))
    table = rows("recurrence", "gaps", "accuracy", "task.cues", "task.control", "task.echo", "model.order")
    last = table[(table["step"] == table["step"].max()) & (table["mode"] == "forced") & (table["task.cues"] == 8)]
    order = last["model.order"].astype("Int64")
    readers = {
        "output-recurrent, the last step": (order == 1, BLUE, "o"), "output-recurrent, the last 6": (order == 6, ORANGE, "^"),
        "output-recurrent, the last 7": (order == 7, GREEN, "v"), "hidden-recurrent": (order.isna(), RED, "s"),
    }  # fmt: skip
    worlds = {
        "never": ~(last["task.control"] | last["task.echo"]), "once": last["task.echo"], "at every step": last["task.control"],
    }  # fmt: skip
    for number, (label, (reads, colour, marker)) in enumerate(readers.items()):
        for place, of_world in enumerate(worlds.values()):
            values = last.loc[of_world.astype(bool) & reads.fillna(value=False).astype(bool), "value"]
            x = place + 0.16 * (number - 1.5)
            if len(values):
                left.plot([x, x], [values.min(), values.max()], color=colour)
                left.plot([x], [values.mean()], color=colour, marker=marker, linestyle="")
        left.plot([], [], color=colour, marker=marker, linestyle="", label=label)
    left.axhline(1 / 8, color=GREY, linewidth=0.8, label="bound, 1/8")
    left.set(
        ylim=(0, 1.05), ylabel="Right at the recall (share)", xlabel="The cue is fed back", title="Recall of one of 8 cues"
    )
    _names(left, list(worlds))
    left.legend(loc="center right")
    sums = rows("recurrence", "gaps", "rmse", "task.length")
    for length, values in sums[sums["mode"] == "forced"].groupby("task.length")["value"]:
        right.plot([length, length], [values.min(), values.max()], color=BLUE)
        right.plot([length], [values.mean()], color=BLUE, marker="o", linestyle="")
    right.axhline(exact.adding_rmse(), color=GREY, linewidth=0.8, label="always 1")
    right.set(ylim=(0, 0.48), xlabel="Steps of the sequence", ylabel="RMSE", title="A sum, from one summary")
    right.legend(loc="lower right")
    return drawn


#: The recurrences of `exposure_bias`, with how they are drawn.
_RECURRENCES = {
    "output_recurrent": ("output-recurrent", RED, "v"), "hidden_recurrent": ("hidden-recurrent", ORANGE, "s"),
    "gru": ("GRU", BLUE, "o"), "lstm": ("LSTM", GREEN, "^"),
}  # fmt: skip
#: Regimes with the share of truth at the end of a schedule.
_REGIMES = {
    "forced": ("teacher_forcing", None), "half": ("scheduled_sampling", 0.5), "to 0": ("scheduled_sampling", 0.0),
    "free": ("free_running", None),
}  # fmt: skip


def exposure_bias() -> Figure:
    """One-step errors by regime and target, exposure bias early and late, valid times by regime."""
    drawn = figure(7.0, 4.6)
    (symbols, bias), (lorenz, roessler) = drawn.subplots(2, 2)
    settings = ("regime.end", "objective")
    errors = rows("exposure_bias", "compared", "one_step_error", *settings)
    errors = errors[errors["task"] == "hidden_markov"]
    for name, (label, colour, marker) in _RECURRENCES.items():
        of = errors[errors["model"] == name]
        for objective, line in (("cross_entropy", "-"), ("exact_expert", ":")):
            of_target = of[of["objective"] == objective]
            _course(symbols, {place: _of(of_target, *way) for place, way in _REGIMES.items()}, colour, marker, line)
        symbols.plot([], [], color=colour, marker=marker, label=label)
    symbols.plot([], [], color=GREY, linestyle=":", label="exact expert")
    symbols.set(title="Hidden Markov source", ylabel="One-step error (total variation)")
    symbols.legend(loc="upper left")
    stretches = {f"{when} quarter": f"exposure_{name}" for when, name in (("first", "early"), ("last", "late"))}
    for task, line in (("lorenz63", "-"), ("roessler", "--")):
        tables = {place: _of(rows("exposure_bias", "compared", name), "teacher_forcing") for place, name in stretches.items()}
        for name, (_, colour, marker) in _RECURRENCES.items():
            of_model = {place: of[(of["task"] == task) & (of["model"] == name)] for place, of in tables.items()}
            _course(bias, of_model, colour, marker, line)
        bias.plot([], [], color=GREY, linestyle=line, label={"lorenz63": "Lorenz-63", "roessler": "Roessler"}[task])
    bias.axhline(0, color=GREY, linewidth=0.6)
    bias.set(title="Exposure bias under teacher forcing", ylabel="log(own-state error / forced error)", xlim=(-0.3, 1.3))
    bias.legend(loc="center", bbox_to_anchor=(0.5, 0.68))
    for axes, task in ((lorenz, "lorenz63"), (roessler, "roessler")):
        table = rows("exposure_bias", "gaps", "valid_time", *settings)
        table = table[(table["task"] == task) & (table["mode"] == "free")]
        for name, (_, colour, marker) in _RECURRENCES.items():
            of = table[table["model"] == name]
            through, stopped = (of[of["gradient"] == word] for word in ("through", "stop"))
            places = {place: _of(through, *way) for place, way in _REGIMES.items()}
            places["free, no\ngradient"] = stopped[stopped["objective"] == "squared_error"]
            places["exact expert,\nno gradient"] = stopped[stopped["objective"] == "exact_expert"]
            _course(axes, places, colour, marker, "-")
        axes.set(title={"lorenz63": "Lorenz-63", "roessler": "Roessler"}[task], ylabel="Valid time (Lyapunov times)")
        axes.set_ylim(bottom=0)
    return drawn


def _of(table: pd.DataFrame, regime: str, end: float | None = None) -> pd.DataFrame:
    """The rows of a regime, and of an end of its schedule where it has one."""
    of = table[table["regime"] == regime]
    return of if end is None else of[of["regime.end"] == end]


def _course(axes: Axes, places: dict[str, pd.DataFrame], colour: str, marker: str, line: str) -> None:
    """Means over seeds and their intervals, side by side, with a line through them; places without rows are left out."""
    intervals = {place: mean_interval(of["value"].to_numpy()) for place, of in enumerate(places.values()) if len(of)}
    for place, interval in intervals.items():
        axes.plot([place, place], [interval.low, interval.high], color=colour)
    axes.plot(list(intervals), [interval.mean for interval in intervals.values()], color=colour, marker=marker, linestyle=line)
    _names(axes, list(places))


def forcing_strength() -> Figure:
    """Valid time and the norm of the gradient by how much of the truth is fed."""
    drawn = figure(7.0, 2.9)
    settings = ("regime.alpha", "regime.tau", "regime.noise")
    times = rows("forcing_strength", "gaps", "valid_time", *settings)
    times = times[times["mode"] == "free"]
    curves, runs = (pd.read_parquet(TOP / "results/forcing_strength" / f"{name}.parquet") for name in ("curves", "runs"))
    norms = curves[curves["quantity"].astype("str") == "gradient_norm"].groupby("run", observed=True)["value"].mean()
    norms = norms.reset_index().merge(runs[["run", "model", "regime", *settings]], on="run")
    levels = {"alpha": (0.01, 0.03, 0.1, 0.3), "tau": (40, 20, 10, 3), "sigma": (0.01, 0.03, 0.1, 0.3)}
    regimes = dict(zip(levels, ("generalized_forcing", "sparse_forcing", "noisy_forcing"), strict=True))
    ways = {
        name: [(f"{name} {value:g}".replace("0.", "."), regimes[name], setting, value) for value in levels[name]]
        for name, setting in zip(levels, settings, strict=True)
    }
    forced, free = ("forced", "teacher_forcing", settings[0], None), ("free", "free_running", settings[0], None)
    order = [free, *ways["alpha"], *ways["tau"], forced, *ways["sigma"]]
    left, right = drawn.subplots(1, 2)
    for axes, table, in_logs in ((left, times, False), (right, norms, True)):
        for name in ("gru", "output_recurrent"):
            label, colour, marker = _RECURRENCES[name]
            for place, (_, regime, setting, value) in enumerate(order):
                of = table[(table["model"] == name) & (table["regime"] == regime)]
                values = (of if value is None else of[of[setting] == value])["value"].to_numpy(dtype=float)
                interval = mean_interval(np.log(values) if in_logs else values)
                ends = np.array([interval.low, interval.high, interval.mean])
                low, high, mean = np.exp(ends) if in_logs else ends
                axes.plot([place, place], [low, high], color=colour)
                axes.plot([place], [mean], color=colour, marker=marker, linestyle="", label=None if place else label)
        _names(axes, [name for name, *_ in order])
        axes.tick_params(axis="x", rotation=60)
    left.set(ylabel="Valid time (Lyapunov times)", title="Lorenz-63, closed loop")
    left.set_ylim(bottom=0)
    right.set(ylabel="Norm of the gradient", title="While training, mean over updates", yscale="log")
    right.set_yticks([0.1, 1, 10], [".1", "1", "10"])
    left.legend(loc="center left")
    return drawn


def scale() -> Figure:
    """The one-step error and the valid time by width, data and charged steps."""
    drawn = figure(7.0, 4.4)
    settings = ("model.hidden", "task.sequences", "task.length")
    errors, times = rows("scale", "compared", "one_step_error", *settings), rows("scale", "gaps", "valid_time", *settings)
    times = times[times["mode"] == "free"]
    grid = drawn.subplots(2, 3)
    usual = {"hidden_markov": {"model.hidden": 64, "task.sequences": 2048, "task.length": 30}}
    usual["lorenz63"] = {"model.hidden": 64, "task.sequences": 1024, "task.length": 60}
    panels = [("hidden_markov", errors, 0), ("lorenz63", times, 1)]
    names = {"model.hidden": "Width of the GRU", "task.sequences": "Training sequences", "task.length": "Charged steps"}
    for task, table, row in panels:
        for column, varied in enumerate(settings):
            axes = grid[row, column]
            if task == "hidden_markov" and varied == "task.length":
                axes.axis("off")
                continue
            same = [table[key] == value for key, value in usual[task].items() if key != varied]
            of_task = table[(table["task"] == task) & np.logical_and.reduce(same)]
            for regime, colour, marker in (("teacher_forcing", BLUE, "o"), ("free_running", RED, "s")):
                of = of_task[of_task["regime"] == regime].groupby(varied)["value"]
                places = [value - 30 if varied == "task.length" else value for value in of.groups]
                for place, (_, values) in zip(places, of, strict=True):
                    interval = mean_interval(values.to_numpy())
                    axes.plot([place, place], [interval.low, interval.high], color=colour)
                axes.plot(places, of.mean(), color=colour, marker=marker, label=regime.replace("_", " "))
            axes.set(xscale="log", xlabel=names[varied], ylim=(0, None))
            axes.set_xticks(places, [f"{place}" for place in places])
            axes.minorticks_off()
    grid[0, 0].set(ylabel="One-step error (TV)", title="Hidden Markov source")
    grid[1, 0].set(ylabel="Valid time (Lyapunov times)", title="Lorenz-63")
    grid[0, 2].legend(*grid[0, 0].get_legend_handles_labels(), loc="center")
    return drawn


def _order(table: pd.DataFrame, order: int | None) -> pd.DataFrame:
    """The rows over 16 steps with an oracle of an order; None for the default one, which tables leave out."""
    orders = table["evaluation.counted_oracle.order"]
    return table[(orders.isna() if order is None else orders == order) & (table["evaluation.horizon"] == 16)]


def _names(axes: Axes, names: list[str]) -> None:
    axes.set_xticks(range(len(names)), names, fontsize=6)


def remedies() -> Figure:
    """Every method by a headline of each source, beside teacher forcing."""
    drawn = figure(7.0, 5.0)
    settings = ("regime.end", "regime.mode", "objective", "objective.labels")
    panels = [
        ("hidden_markov", "compared", "one_step_error", "Hidden Markov", BLUE, "o"),
        ("embedded_reber", "compared", "one_step_error", "Embedded Reber", RED, "s"),
        ("lorenz63", "gaps", "valid_time", "Lorenz-63", BLUE, "o"), ("roessler", "gaps", "valid_time", "Roessler", RED, "s"),
    ]  # fmt: skip
    for axes, chosen in zip(drawn.subplots(1, 2), (panels[:2], panels[2:]), strict=True):
        order: list[str] = []
        for shift, (task, table, metric, label, colour, marker) in zip((-0.14, 0.14), chosen, strict=True):
            of = rows("remedies", table, metric, *settings)
            of = of[(of["task"] == task) & ((of["mode"] == "free") if table == "gaps" else True)]
            of = of.assign(method=[_remedy(row) for row in of.to_dict("records")])
            means = of.groupby("method")["value"].mean().sort_values(ascending=table == "gaps")
            order = order or list(means.index)
            for name, values in of.groupby("method")["value"]:
                y, interval = order.index(str(name)) + shift, mean_interval(values.to_numpy())
                axes.plot([interval.low, interval.high], [y, y], color=colour)
                axes.plot([interval.mean], [y], color=colour, marker=marker, linestyle="", markersize=3.5)
            axes.axvline(means["teacher forcing"], color=colour, linewidth=0.6, linestyle=":")
            axes.plot([], [], color=colour, marker=marker, label=label)
        axes.set_yticks(range(len(order)), order, fontsize=6)
    left, right = drawn.axes
    left.set(xlabel="One-step error (total variation)", xscale="log")
    left.set_xticks([0.001, 0.01, 0.1, 1], [".001", ".01", ".1", "1"])
    left.minorticks_off()
    right.set(xlabel="Valid time (Lyapunov times)", xlim=(0, None))
    left.legend(loc="center left")
    right.legend(loc="lower right")
    return drawn


#: What a method of `remedies` is called beyond the name of its regime.
_FED = {"expected": "expected", "gumbel": "Gumbel-softmax", "straight_through": "straight-through"}


def _remedy(row: dict[Hashable, object]) -> str:
    """The name of a method: its regime, and what else tells it from the others."""
    name = str(row["regime"]).replace("_", " ")
    if row["regime"] == "scheduled_sampling":
        name += " to half" if row["regime.end"] == 0.5 else " to 0"
    if row["regime"] == "generalized_forcing" and row["regime.mode"] == "adaptive":
        name += ", adaptive"
    objective = str(row["objective"])
    if objective == "diverted_chain":
        objective = "mixed residual" if row["objective.labels"] else "diverted chain"
    usual = objective in ("cross_entropy", "squared_error")
    fed = _FED.get(str(row["feedback"]), "")
    return ", ".join(part for part in (name, fed, "" if usual else objective.replace("_", " ")) if part)


def curricula() -> Figure:
    """Valid time, NRMSE and the worst one-step error on every system, by protocol and method."""
    drawn = figure(7.0, 4.6)
    systems = {"thomas": "Thomas", "roessler": "Roessler", "lorenz63": "Lorenz-63", "lorenz96": "Lorenz-96"}
    measures = {"valid_time": "Valid time", "nrmse": "NRMSE", "worst_one_step": "Worst one-step error"}
    methods = {
        ("free_running", None): ("free running", RED, "s"), ("teacher_forcing", None): ("teacher forcing", BLUE, "o"),
        ("scheduled_sampling", 0.0): ("falling", GREEN, "v"), ("scheduled_sampling", 1.0): ("rising", ORANGE, "^"),
    }  # fmt: skip
    grid = drawn.subplots(len(measures), len(systems), sharex=True)
    for line, (metric, name) in zip(grid, measures.items(), strict=True):
        of = rows("curricula", "compared" if metric == "worst_one_step" else "gaps", metric, "regime.end", "training.decay")
        of = of[of["mode"] == "free"] if "mode" in of else of
        apart = of["model"].astype("str") == "encoder_decoder"
        of = of.assign(protocol=np.where(of["training.decay"] == "cosine", 2, np.where(apart, 1, 0)))
        for axes, (task, title) in zip(line, systems.items(), strict=True):
            here = of[of["task"] == task]
            for shift, ((regime, end), (_, colour, marker)) in zip((-0.24, -0.08, 0.08, 0.24), methods.items(), strict=True):
                for protocol, values in _of(here, regime, end).groupby("protocol")["value"]:
                    x, interval = float(str(protocol)) + shift, mean_interval(values.to_numpy())
                    axes.plot([x, x], [interval.low, interval.high], color=colour)
                    axes.plot([x], [interval.mean], color=colour, marker=marker, linestyle="", markersize=3.5)
            axes.set_xticks(range(3), ["theirs", "encoder", "ours"], fontsize=6)
            if metric == "worst_one_step":
                axes.set(yscale="log", ylim=(0.01, 60))
                axes.set_yticks([0.01, 0.1, 1, 10], [".01", ".1", "1", "10"])
                axes.minorticks_off()
            else:
                axes.set_ylim(0, None)
            if metric == "valid_time":
                axes.set_title(title)
            if task == "thomas":
                axes.set_ylabel(name)
    for label, colour, marker in methods.values():
        grid[0][2].plot([], [], color=colour, marker=marker, linestyle="", markersize=3.5, label=label)
    drawn.legend(*grid[0][2].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return drawn


def overview() -> Figure:
    """The map: the logarithm of the one-step error at own states or prefixes over that at true ones, under teacher forcing."""
    drawn = figure(7.0, 5.2)
    places: list[tuple[str, str, str, str, list[np.ndarray]]] = []
    for task, world in (("hidden_markov", "Symbols that mix"), ("embedded_reber", "A grammar, its errors too")):
        own, true = (_forced_levels("exposure_bias", f"one_step_error_{at}", task, "objective") for at in ("own", "true"))
        for name, (label, colour, marker) in _RECURRENCES.items():
            of = [table[(table["model"] == name) & (table["objective"] == "cross_entropy")] for table in (own, true)]
            places.append((world, label, colour, marker, [_logs(*of)]))
    fields = rows("misspecification", "gaps", "own_state_error", "task.cfl")
    fields = fields[(fields["task"] == "advection") & (fields["regime"] == "teacher_forcing")].dropna(subset=["task.cfl"])
    for cfl, label in ((-0.75, "a stencil that is wrong"),):
        of_model = fields[fields["task.cfl"] == cfl]
        quarters = [of_model[of_model["step"] <= 5], of_model[of_model["step"] > 15]]
        logs = [_logs(of[of["mode"] == "free"], of[of["mode"] == "forced"]) for of in quarters]
        places.append(("A linear field", label, GREY, "D", logs))
    for task, world in (("lorenz63", "Lorenz-63, chaotic"), ("roessler", "Roessler, less chaotic")):
        stretches = [_forced_levels("exposure_bias", f"exposure_{when}", task) for when in ("early", "late")]
        for name, (label, colour, marker) in _RECURRENCES.items():
            values = [table[table["model"] == name]["value"].to_numpy() for table in stretches]
            places.append((world, label, colour, marker, values))
    stretches = [_forced_levels("scale", f"exposure_{when}", "lorenz63", *_SIZES) for when in ("early", "late")]
    usual = {"model.hidden": 64, "task.sequences": 1024, "task.length": 60}
    for label, changed in (
        ("GRU, 4 units", {"model.hidden": 4}), ("16 units", {"model.hidden": 16}), ("64 units", {}),
        ("64, of 256 sequences", {"task.sequences": 256}), ("64, of 32 sequences", {"task.sequences": 32}),
        ("64, 10 steps charged", {"task.length": 40}), ("64, 120 steps charged", {"task.length": 150}),
    ):  # fmt: skip
        chosen = [
            table[np.logical_and.reduce([table[key] == value for key, value in (usual | changed).items()])]
            for table in stretches
        ]
        places.append(("Lorenz-63, by size and length", label, BLUE, "o", [of["value"].to_numpy() for of in chosen]))
    axes = drawn.subplots()
    _places(axes, places)
    axes.set(xlabel="Exposure bias under teacher forcing: log(one-step error at own over at true states or prefixes)")
    return drawn


#: What is varied in `scale`.
_SIZES = ("model.hidden", "task.sequences", "task.length")


def _forced_levels(study: str, metric: str, task: str, *settings: str) -> pd.DataFrame:
    """The rows of a metric of models that were trained by teacher forcing on a task."""
    table = rows(study, "compared", metric, *settings)
    return table[(table["task"] == task) & (table["regime"] == "teacher_forcing")]


def _logs(own: pd.DataFrame, true: pd.DataFrame) -> np.ndarray:
    """The logarithm of the ratio of two levels, each a mean over steps, by seed."""
    levels = [of.groupby("seed")["value"].mean() for of in (own, true)]
    return np.log((levels[0] / levels[1]).to_numpy())


def _places(axes: Axes, places: list[tuple[str, str, str, str, list[np.ndarray]]]) -> None:
    """A line for each condition: hollow early, filled late in the horizon; one hollow mark where there is the whole alone."""
    worlds = list(dict.fromkeys(world for world, *_ in places))
    labels, y = [], 0.0
    for world in worlds:
        axes.text(
            -0.02, y, world, ha="right", va="center", fontsize=6.5, fontweight="bold", transform=axes.get_yaxis_transform()
        )
        for _, label, colour, marker, stretches in (place for place in places if place[0] == world):
            y -= 1
            labels.append((y, label))
            means = []
            for number, values in enumerate(stretches):
                interval, at = mean_interval(values), y - 0.16 * number + 0.08 * (len(stretches) - 1)
                means.append((interval.mean, at))
                axes.plot([interval.low, interval.high], [at, at], color=colour, linewidth=1)
                face = colour if number else "white"
                axes.plot([interval.mean], [at], color=colour, marker=marker, markerfacecolor=face, linestyle="", markersize=4)
        y -= 1.3
    axes.axvline(0, color=GREY, linewidth=0.6)
    axes.set_yticks([at for at, _ in labels], [label for _, label in labels], fontsize=6)
    axes.set_ylim(y + 1, 0.7)
    for face, label in (("white", "first quarter, or the whole"), (GREY, "last quarter")):
        axes.plot([], [], color=GREY, marker="o", markerfacecolor=face, linestyle="", markersize=4, label=label)
    axes.legend(loc="lower right")


ANSWERS: dict[str, Callable[[], Figure]] = {
    "accumulation": accumulation, "curricula": curricula, "exposure_bias": exposure_bias, "forcing_strength": forcing_strength,
    "improper": improper, "map": overview, "misspecification": misspecification, "pitfalls": pitfalls, "recurrence": recurrence,
    "remedies": remedies, "scale": scale,
}  # fmt: skip


def svg(name: str) -> bytes:
    """The picture of a study as a file."""
    with style(), mpl.rc_context({"legend.handlelength": 1.6}):
        return bytes_of(ANSWERS[name](), "svg")


if __name__ == "__main__":
    for study in sys.argv[1:] or ANSWERS:
        (TOP / "experiments" / study / "answer.svg").write_bytes(svg(study))
