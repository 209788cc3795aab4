"""Venues: the widths and fonts of the papers that a figure is drawn for."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import matplotlib as mpl

from freerun.errors import ConfigError
from freerun.io.reading import NotPlain, content
from freerun.io.suggestions import nearest
from freerun.io.text import brief, one_line

#: Widths of a paper's column and page, in inches.
COLUMN, PAGE = 3.4, 7.0
#: The usual size of letters, in points, in which all other sizes are written down.
_LETTERS = 7.5
#: Between which widths a figure can be asked for, in inches.
_NARROWEST, _WIDEST = 2.0, 40.0
#: Most bytes of a style file; between which sizes its letters may be, in points, and its dots an inch.
_LARGEST, _SIZES, _DOTS = 2**17, (1.0, 72.0), (10.0, 2400.0)
#: Characters of a hint beyond which it lists all there is.
_HINT = 100
#: Of a panel of two side by side, in inches.
_TWO = 5.2
#: Times, as the templates have it, by a font that comes with matplotlib; signs that it lacks are from the other one.
_TIMES = {
    "font.family": ["STIXGeneral", "DejaVu Sans"], "mathtext.fontset": "stix", "font.size": 9.0, "axes.titlesize": 9.0,
    "axes.labelsize": 9.0, "xtick.labelsize": 8.0, "ytick.labelsize": 8.0, "legend.fontsize": 8.0,
}  # fmt: skip
#: What a style file must not touch: the choice of a window system.
NOT_STYLE = ("backend", "interactive", "toolbar", "timezone", "webagg", "tk.", "macosx", "figure.hooks", "savefig.directory")
#: The setting whose first number is the width of a figure.
_SIZE = "figure.figsize"
#: Settings of a style file that change nothing, beside those of windows, and why.
_IDLE = {
    "axes.prop_cycle": "a method has one colour and one marker in all figures of a study",
    "figure.autolayout": "figures lay themselves out", "figure.constrained_layout.use": "figures lay themselves out",
    "savefig.directory": "see --out", "savefig.format": "see --format",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Paper:
    """The paper that a figure is drawn for.

    Attributes:
        column, page: the widths of a column and of a page, in inches.
        width: of the figure, in inches; None for a column or a page, as its panels need.
        settings: of matplotlib, on top of the usual ones.
        spacing: of lines of a text, in sizes of its letters.
        usual: whether a figure may be wider than the page where it has many panels, as on a screen.
    """

    column: float = COLUMN
    page: float = PAGE
    width: float | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    spacing: float = 1.2
    usual: bool = True

    def across(self, most: int) -> int:
        """How many panels stand side by side, of which a usual page has room for so many."""
        return max(1, round(most * (self.page if self.width is None else self.width) / PAGE))

    def width_for(self, columns: int) -> float:
        """The width of a figure with so many panels side by side, in inches."""
        if self.width is not None:
            return self.width
        if columns == 1:
            return self.column
        wide = self.page if columns > 2 else min(_TWO, self.page)
        return max(wide, self.page / 4 * columns) if self.usual else wide

    def between(self, width: float) -> float:
        """A width in inches, brought between that of a column and that of a page; the width that was asked for, if one was."""
        return max(self.column, min(self.page, width)) if self.width is None else self.width


#: The venues by name. Text widths: NeurIPS 2025 has one column of 5.5 in, ICML 2025 two of 3.25 in on a page of 6.75 in.
VENUES = {
    "plain": Paper(),
    "neurips": Paper(column=5.5, page=5.5, settings=_TIMES, spacing=1.0, usual=False),
    "icml": Paper(column=3.25, page=6.75, settings=_TIMES, spacing=1.0, usual=False),
}


def paper(style: str | Path | None = None, width: str | float | None = None) -> Paper:
    """Return the paper of a venue, or one with the settings of a matplotlib style file on top of the plain one.

    The width of its `figure.figsize` counts where no other is asked for; what changes nothing is told on standard error.

    Args:
        style: one of `VENUES`, or the path of a file ``*.mplstyle``; None for plain.
        width: "column", "page", or inches; None for what the panels need.

    Raises:
        ConfigError: for an unknown venue, a file that is no style, or a width that is none.
    """
    chosen = _of_style("plain" if style is None else style)
    return chosen if width is None else replace(chosen, width=_inches(width, chosen))


def _of_style(style: str | Path) -> Paper:
    if str(style) in VENUES:
        return VENUES[str(style)]
    if Path(style).suffix != ".mplstyle":
        known = nearest(str(style), VENUES)
        raise ConfigError(f"style {brief(str(style))}: neither a venue nor a file *.mplstyle; {known}")
    path = Path(style).expanduser()
    try:
        _demand_keys(content(path, _LARGEST), style)  # of a plain file: no pipe, no address, which matplotlib would open
        settings = mpl.rc_params_from_file(path.absolute(), fail_on_error=True, use_default_template=False)
    except OSError as fault:
        raise ConfigError(f"style {brief(str(style))}: cannot be read: {fault.strerror}") from None
    except NotPlain as fault:
        raise ConfigError(f"style {brief(str(style))}: cannot be read: {fault}") from None
    except (ValueError, KeyError, UnicodeDecodeError) as fault:
        raise ConfigError(f"style {brief(str(style))}: {one_line(str(fault), 120)}") from None
    chosen = {str(name): value for name, value in settings.items()}
    _demand_sizes(chosen, style)
    idle = sorted(name for name in chosen if name.startswith((*NOT_STYLE, *_IDLE)))
    told = [f"{name} is left out: {_IDLE.get(name, 'it belongs to windows, not to figures')}" for name in idle]
    if (size := chosen.pop(_SIZE, None)) is not None:
        told.append(f"{_SIZE}: a figure is {size[0]:g} inches wide unless a width is asked for, and as high as its panels need")
    for line in told:
        print(f"note: {one_line(path.name, 60)}: {line}", file=sys.stderr)
    used = {name: value for name, value in chosen.items() if name not in idle}
    return Paper(settings=used, width=None if size is None else float(size[0]))


def _demand_keys(text: bytes, style: str | Path) -> None:
    """Refuse a line that matplotlib would pass over: one without a key, or with one that it does not have."""
    for number, line in enumerate(text.decode("utf-8").splitlines(), 1):
        bare = line.partition("#")[0].strip()
        key, colon, _ = bare.partition(":")
        if not bare or (colon and key.strip() in mpl.rcParams):
            continue
        near = nearest(key.strip(), mpl.rcParams)
        hint = "write key: value" if not colon else near if len(near) < _HINT else "matplotlib.rcParams lists them"
        raise ConfigError(f"style {brief(str(style))}, line {number}: {one_line(key, 60)}: no setting of matplotlib; {hint}")


def _demand_sizes(settings: Mapping[str, Any], style: str | Path) -> None:
    """Refuse what no figure can be drawn with."""
    bounds = ((("font.size",), _SIZES), (("figure.dpi", "savefig.dpi"), _DOTS), ((_SIZE,), (_NARROWEST, _WIDEST)))
    for names, (low, high) in bounds:
        for name in names:
            value = settings.get(name, low)
            value = value[0] if name == _SIZE and name in settings else value
            if value != "figure" and not low <= float(value) <= high:
                raise ConfigError(f"style {brief(str(style))}: {name}: must lie in {low:g} .. {high:g}, got {value:g}")
    if settings.get("text.usetex"):
        raise ConfigError(f"style {brief(str(style))}: text.usetex: figures are drawn without LaTeX; leave it out")


def _inches(width: str | float, of: Paper) -> float:
    if width in ("column", "page"):
        return of.column if width == "column" else of.page
    try:
        inches = float(width)
    except ValueError:
        inches = float("nan")
    if not _NARROWEST <= inches <= _WIDEST:
        range_ = f"{_NARROWEST:g} to {_WIDEST:g}"
        raise ConfigError(f"width {brief(str(width))}: must be column, page, or a number of inches, {range_}")
    return inches


def points(size: float) -> float:
    """A size of letters that is written down for the usual ones, in points, at the size that is set now."""
    return size * (float(mpl.rcParams["font.size"]) / _LETTERS)
