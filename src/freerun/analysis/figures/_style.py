"""Style of all figures: Freerun's own, whatever a matplotlibrc says; it survives grey print."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, cast

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from freerun.analysis.figures._compact_svg import compact
from freerun.analysis.figures._figure_data import LOST_MARK
from freerun.analysis.figures._looks import COLOURS, Look
from freerun.analysis.figures._venues import NOT_STYLE, Paper, points
from freerun.analysis.figures._venues import PAGE as PAGE
from freerun.analysis.inference.confidence_intervals import mean_interval
from freerun.errors import given
from freerun.store.quantity import EVERYWHERE, Range

Line = Literal["-"] | tuple[float, tuple[float, ...]]
FREE: Line = "-"
FORCED: Line = (0, (3, 1.2))
GREY = "0.45"
#: Most points of a line that are drawn.
_MOST_POINTS = 120
#: The width of a letter of a legend in points.
LETTER = 3.9
#: Inches of a panel's part of a figure that its axis and the words beside it take, and points that an upright label needs.
_BESIDE, _UPRIGHT = 0.75, 9.0
#: Models of which the dots and labels fit a column of a paper.
_MODELS_IN_COLUMN = 12
#: Letters of a title that stand along an inch.
_TITLE = 13
#: Letters of a label that stand along the height of a panel.
_TALL = 26
_PAPER = {"facecolor": "white", "edgecolor": "none", "alpha": 0.6, "pad": 0.4}

_OWN = {
    "font.family": "DejaVu Sans", "font.size": 7.5, "axes.titlesize": 8, "axes.labelsize": 7.5, "xtick.labelsize": 7,
    "ytick.labelsize": 7, "legend.fontsize": 7, "legend.frameon": False, "legend.handlelength": 2.2, "figure.dpi": 200,
    "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6, "xtick.major.width": 0.6,
    "ytick.major.width": 0.6, "ytick.minor.width": 0.4, "xtick.major.size": 2.5, "ytick.major.size": 2.5,
    "ytick.minor.size": 1.5,
    "lines.linewidth": 1.1, "lines.markersize": 3.2, "axes.titlepad": 4, "axes.labelpad": 2.5, "axes.formatter.limits": (-3, 4),
    "figure.constrained_layout.h_pad": 0.03, "figure.constrained_layout.w_pad": 0.03, "savefig.dpi": 190, "pdf.fonttype": 42,
    "svg.hashsalt": "freerun", "svg.fonttype": "path", "text.parse_math": False,
    "axes.formatter.use_mathtext": False, "figure.facecolor": "white",
}  # fmt: skip
_METADATA = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}


#: Of a figure in a notebook, dots an inch.
_DOTS_ON_SCREEN = 100


class StudyFigure(Figure):
    """A figure of a study, with what a paper says of it; it is saved in the style in which it was drawn, fonts embedded.

    Attributes:
        caption: what stands below it.
        remark: what the caption has to say of this figure alone.
        data: the values that it shows, a row for each run (and step) or what else it is of.
        paper: that it is drawn for.
    """

    caption: str = ""
    remark: str = ""
    data: pd.DataFrame = pd.DataFrame()
    paper: Paper = Paper()

    def savefig(self, *args: Any, **keywords: Any) -> None:
        """Save it as matplotlib does."""
        with style(self.paper):
            super().savefig(*args, **keywords)

    def _repr_png_(self) -> bytes:
        """What a notebook shows, also one that does not draw figures of matplotlib by itself."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=_DOTS_ON_SCREEN)
        return buffer.getvalue()


def adopted(figure: Figure) -> StudyFigure:
    """Return a figure as one of a study; that of a user's own file is any figure of matplotlib."""
    if not isinstance(figure, StudyFigure):
        figure.__class__ = StudyFigure
    return cast("StudyFigure", figure)


@contextmanager
def style(paper: Paper | None = None) -> Iterator[None]:
    """Draw and save inside of this: matplotlib's own defaults with our style on them, whatever the user's file says."""
    defaults = {key: value for key, value in mpl.rcParamsDefault.items() if not key.startswith(NOT_STYLE)}
    with mpl.rc_context(cast("Any", {**defaults, **_OWN, **(paper.settings if paper else {})})):
        yield


def bytes_of(figure: Figure, ending: str) -> bytes:
    """Return the figure as a file without dates: one of `freerun.analysis.figures.FORMATS`."""
    engine = figure.get_layout_engine()
    if engine is not None:  # find the places of everything once, not for every format
        engine.execute(figure)
        figure.set_layout_engine("none")
    buffer = io.BytesIO()
    figure.savefig(buffer, format=ending, metadata=_METADATA[ending])
    smaller = {"png": in_few_colours, "svg": compact}.get(ending)
    return buffer.getvalue() if smaller is None else smaller(buffer.getvalue())


def in_few_colours(png: bytes) -> bytes:
    """Return an opaque picture in the 256 colours that cover its own best: a third of the size, the same to the eye."""
    buffer = io.BytesIO()
    opaque = Image.open(io.BytesIO(png)).convert("RGB")
    # means of near colours: without them a pale band can take the hue of another method's
    reduced = opaque.quantize(method=Image.Quantize.MAXCOVERAGE, kmeans=3, dither=Image.Dither.NONE)
    reduced.save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def figure(width: float, height: float) -> StudyFigure:
    """An empty figure with its own canvas and no global state; sizes in inches, the height for letters of the usual size."""
    made = StudyFigure(figsize=(width, height * points(1.0)), layout="constrained")
    FigureCanvasAgg(made)
    return made


def across_for(paper: Paper, panels: int, most: int, models: int) -> int:
    """How many panels of so many models stand side by side, at most `most`; with many models each has the page."""
    if models > _MODELS_IN_COLUMN:
        return 1
    return -(-panels // -(-panels // paper.across(most)))


def page_for(paper: Paper, across: int, models: int) -> float:
    """The width of a figure of such panels."""
    return paper.between(paper.page) if models > _MODELS_IN_COLUMN else paper.width_for(across)


def upright_room(names: Sequence[str], width: float) -> float:
    """Inches that the labels of models take below a panel of a width where they stand upright (`model_ticks`)."""
    if len(names) > _MODELS_IN_COLUMN:
        return 0.7
    return max(map(len, names)) * LETTER / 72 - 0.3 if _upright(names, width) else 0.0


def lost_marks(axes: Axes, lost: pd.DataFrame, look: dict[str, Look], x: float = 0.03) -> None:
    """A line in the corner of a panel for each method that lost runs there: its marker and how many of them.

    Args:
        axes: the panel, of one model on one task.
        lost: what `Material.lost` gives, of that model and task.
        x: where the lines begin, a share of the panel's width.
    """
    for number, row in enumerate(lost.to_dict("records")):
        seen, y = look[str(row["method"])], 0.97 - 0.085 * number
        place: dict[str, Any] = {"color": seen.colour, "transform": axes.transAxes, "zorder": 5}
        axes.plot([x], [y - 0.03], marker=seen.marker, markersize=3, linestyle="", clip_on=False, **place)
        said = f"{LOST_MARK} {row['lost']} of {row['ended']}"
        axes.text(x + 0.03, y, said, fontsize=points(5.5), va="top", bbox=_PAPER, **place)


def lost_mark(axes: Axes, x: float, lost: pd.DataFrame, look: Look) -> None:
    """How many runs of the condition at a place of an axis are lost, above its dots."""
    for row in lost.to_dict("records"):
        said = f"{LOST_MARK}{row['lost']}/{row['ended']}"
        place = axes.get_xaxis_transform()
        axes.text(
            x,
            0.98,
            said,
            color=look.colour,
            fontsize=points(5.5),
            rotation=90,
            ha="center",
            va="top",
            transform=place,
            zorder=5,
        )


def curve(axes: Axes, band: pd.DataFrame, look: Look, number: int, line: Line, opacity: float, **keywords: Any) -> None:
    """A line of means with its band over seeds, and some markers, which those of the other methods do not cover.

    Args:
        axes: the panel.
        band: what `summarise` gives, by its first column.
        look: of the method.
        number: of the method in its panel.
        line: how the line is drawn.
        opacity: of the band.
        keywords: of the line, for matplotlib.
    """
    if band.empty:
        return
    band = band.iloc[thinned(band["mean"].to_numpy())]
    x, gap = band.iloc[:, 0], every(len(band))
    at = (min(number * gap // 4, len(band) - 1), gap)
    style_ = {"color": look.colour, "linestyle": line, "marker": look.marker, "markevery": at, **keywords}
    axes.plot(x, band["mean"], **style_)
    axes.fill_between(x, band["low"], band["high"], color=look.colour, alpha=opacity, linewidth=0)


def thinned(values: np.ndarray) -> np.ndarray:
    """The places of the points of a line that are drawn: all up to 120; of more those that change its shape most.

    A panel is some 100 points wide. Of each stretch of the line the point is taken that spans the largest triangle with the
    one before it and the middle of the next stretch, so that a peak at one lead stays (largest-triangle-three-buckets,
    Steinarsson 2013, section 4.2), on a logarithmic scale where all values are positive.
    """
    count = len(values)
    if count <= _MOST_POINTS:
        return np.arange(count)
    heights = np.nan_to_num(np.log(values) if (values > 0).all() else values, posinf=0, neginf=0)
    bounds = np.rint(np.linspace(1, count - 1, _MOST_POINTS - 1)).astype(np.int64)
    found = [0]
    for low, high, end in zip(bounds[:-1], bounds[1:], [*bounds[2:], count], strict=True):
        places, last = np.arange(low, high), found[-1]
        across, up = (high + end - 1) / 2 - last, heights[high:end].mean() - heights[last]
        found.append(int(places[np.abs(across * (heights[low:high] - heights[last]) - up * (places - last)).argmax()]))
    return np.array([*found, count - 1])


def dots(axes: Axes, x: float, values: np.ndarray, look: Look, neighbours: int = 1, within: Range = EVERYWHERE) -> None:
    """Single seeds as small dots beside their mean and its interval; `neighbours` share the tick, values lie `within`."""
    interval = mean_interval(values, within=within)
    beside = np.full(len(values), x + min(0.07, 0.25 / neighbours))
    axes.plot(beside, values, color=look.colour, marker=".", linestyle="", markersize=3, alpha=0.6, markeredgewidth=0)
    if interval.known:
        axes.plot([x, x], [interval.low, interval.high], color=look.colour, linewidth=1.4, solid_capstyle="butt")
    axes.plot([x], [interval.mean], color=look.colour, marker=look.marker, linestyle="", markersize=4)


def row_label(label: str) -> str:
    """The label of a row of panels, in lines that a panel is tall enough for; a unit begins a line where it needs one."""
    lines = (
        part for line in label.splitlines() for part in (line.replace(" (", "\n(") if len(line) > _TALL else line).splitlines()
    )
    return "\n".join(wrapped(line, _TALL) for line in lines)


def titled(axes: Axes, name: str, above: str | None = None) -> None:
    """The title of a panel, unless the panel above it has the same, in as many lines as the panel's width asks for."""
    part = axes.get_subplotspec()
    across = 1 if part is None else part.get_gridspec().ncols
    if name != above:
        axes.set_title(wrapped(name, int(_TITLE * given(axes.get_figure(root=True)).get_figwidth() / across)))


def model_ticks(axes: Axes, names: Sequence[str], width: float, *, named: bool = True) -> None:
    """Ticks of models at 0, 1, ...: their labels in lines, or upright where those would run into each other.

    Upright labels thin out where there is no room for each.

    Args:
        width: of the panel's part of the figure, in inches.
        named: whether labels stand here, or at another panel above or below.
    """
    labels, apart, upright = [wrapped(name) for name in names], _apart(names, width), _upright(names, width)
    nth = max(1, math.ceil(_UPRIGHT / apart)) if upright else 1
    places = range(0, len(names), nth)
    axes.set_xticks(places, [(names[at] if upright else labels[at]) if named else "" for at in places])
    axes.tick_params(axis="x", length=0, labelrotation=90 if upright else 0)
    axes.set_xlim(-0.6, len(names) - 0.4)


def _apart(names: Sequence[str], width: float) -> float:
    """Points between two ticks of models in a panel of a width in inches."""
    return 72 * (width - _BESIDE) / (len(names) + 0.2)


def _upright(names: Sequence[str], width: float) -> bool:
    """Whether the labels of models run into each other in a panel of a width in inches unless they stand upright."""
    widest = max(len(line) for name in names for line in wrapped(name).splitlines())
    return len(names) > 1 and widest * LETTER > _apart(names, width)


def shade(methods: int) -> float:
    """The opacity of a band over seeds among those of so many methods: with many of them lines have to be seen through."""
    return 0.15 if methods <= len(COLOURS) else 0.5 / methods


def present(frame: pd.DataFrame, name: str) -> list[str]:
    """The categories of a column that come up in it, in their order."""
    column = frame[name]
    return [str(value) for value in column.cat.categories if (column == value).any()]


def wrapped(name: str, width: int = 11) -> str:
    """A label broken into lines at hyphens and spaces, and within a word that is too long at its signs."""
    lines = [""]
    for word in name.replace("-", "-\0").replace(" ", " \0").split("\0"):
        pieces = re.split("(?<=[=_,])", word) if len(word.rstrip()) > width else [word]
        for piece in pieces:
            if lines[-1] and len(lines[-1] + piece.rstrip()) > width:
                lines.append("")
            lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)


def spread(count: int) -> list[float]:
    """Offsets of `count` neighbours around a tick; the next tick's are more than twice as far as they from each other."""
    apart = min(0.2, 1 / (count + 1.5))
    return [apart * (i - (count - 1) / 2) for i in range(count)]


def every(points: int, wanted: int = 5) -> int:
    """The distance between markers on a line of so many points."""
    return max(1, math.ceil(points / wanted))
