"""Figures of a study, one file each: a caption and a pure function of the tables.

A module here without a leading underscore is a figure. It has `CAPTION` and `draw(material)`, which returns the figures by
the rest of their name ("" for the only one); none where its data are missing. A figure has its `data`; a `caption` of its own
stands in the place of the usual one. `PLAYERS = True` says that reference players stand in it, as thin grey lines;
`USUAL = False` that it is drawn where it is asked for by its name alone; `SAMPLES = True` that it
shows samples, which no table holds. Adding a file adds a figure; one of
a user's own is loaded as a plugin.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from freerun.analysis.figures._figure_data import Material
from freerun.analysis.figures._renaming import renamed
from freerun.analysis.figures._venues import VENUES, Paper, paper
from freerun.analysis.tables.tidy import Tables
from freerun.errors import ConfigError
from freerun.io.suggestions import nearest
from freerun.io.text import brief
from freerun.io.writing import write_atomic
from freerun.parts import registry

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from freerun.analysis.figures._style import StudyFigure

__all__ = [
    "FORMATS",
    "USUAL_FORMATS",
    "VENUES",
    "Drawn",
    "Material",
    "Paper",
    "demand",
    "draw",
    "is_of",
    "one",
    "paper",
    "parts",
    "prepared",
    "save",
    "unknown",
    "write",
]

#: The formats that can be asked for, and those that a study gets unasked.
FORMATS = ("svg", "png", "pdf")
USUAL_FORMATS = ("svg", "png")


class Part(Protocol):
    """A module of this package that draws."""

    CAPTION: str

    def draw(self, material: Material) -> Mapping[str, Figure]:
        """The figures of this kind that the material gives, by the rest of their name."""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A figure on disk: `name` without its ending, what stands below it, and whether it shows samples, which no table holds."""

    name: str
    caption: str
    sampled: bool = False


def parts() -> dict[str, Part]:
    """The figures by name, those of plugins too, in the order in which a paper would show them.

    Raises:
        ConfigError: if a plugin has the name of a built-in one.
    """
    modules: dict[str, Any] = {}
    for info in pkgutil.iter_modules(__path__):
        if not info.name.startswith("_"):
            modules[info.name] = importlib.import_module(f"{__name__}.{info.name}")
    if twice := sorted(modules.keys() & registry.plugin_figures.keys()):
        raise ConfigError(f"figure {twice[0]!r} is built in; give the file another name")
    modules |= registry.plugin_figures
    return dict(sorted(modules.items(), key=lambda item: (getattr(item[1], "PLACE", 99), item[0])))


def draw(material: Material, names: Sequence[str] | None = None) -> Iterator[tuple[Drawn, StudyFigure]]:
    """Figures for which there are data, one at a time.

    Args:
        material: of a study.
        names: of figures, or of kinds of which there are several (``orbit``); None for all that a report shows.
    """
    from freerun.analysis.figures._players import PLAYERS_CAPTION
    from freerun.analysis.figures._style import adopted, style

    for kind, part in parts().items():
        if not (getattr(part, "USUAL", True) if names is None else any(is_of(name, kind) for name in names)):
            continue
        with style(material.paper):
            figures = part.draw(material)
        for suffix, own in figures.items():
            figure = adopted(own)
            name = f"{kind}_{suffix}" if suffix else kind
            if names is not None and not {name, kind} & set(names):
                continue
            _spaced(figure, material.paper)
            players = PLAYERS_CAPTION if getattr(part, "PLAYERS", False) and not material.players.empty else ""
            texts = (figure.caption or part.CAPTION, figure.remark, players, material.said_lost())
            figure.caption, figure.paper = material.of_split(" ".join(text for text in texts if text)), material.paper
            sampled = bool(getattr(part, "SAMPLES", False))
            yield Drawn(name=name, caption=figure.caption, sampled=sampled), figure


def _spaced(figure: StudyFigure, paper: Paper) -> None:
    """Set the lines of all texts as far apart as the font of the paper asks."""
    from matplotlib.text import Text

    if paper.spacing != Paper.spacing:
        for text in figure.findobj(Text):
            text.set_linespacing(paper.spacing)


def is_of(name: str, kind: str) -> bool:
    """Whether a figure has a name, or is one of those of a kind of which there are several."""
    return name == kind or name.startswith(f"{kind}_")


def prepared(material: Material, labels: Mapping[str, str] | None = None, of: Paper | None = None) -> Material:
    """Return material with new labels, for figures of a paper.

    Raises:
        ConfigError: for a label that nothing has.
    """
    if labels is not None and not isinstance(labels, Mapping):
        raise ConfigError(f"labels {brief(labels)}: must be new labels by those that figures show")
    return replace(renamed(material, labels or {}), paper=of or Paper())


def one(material: Material, name: str) -> StudyFigure:
    """Return the figure of this name, or the only one of its kind.

    Raises:
        ConfigError: if there is none for these runs, or more than one.
    """
    drawn = {each.name: figure for each, figure in draw(material, [name])}
    if name in drawn or len(drawn) == 1:
        return drawn.get(name) or next(iter(drawn.values()))
    if drawn:
        raise ConfigError(f"figure {brief(name)}: these runs have {len(drawn)} of them; choose one of: {', '.join(drawn)}")
    raise unknown(name)


def unknown(name: str) -> ConfigError:
    """Return the error for a figure that some runs do not have, with the nearest that there is."""
    if any(is_of(name, kind) for kind in parts()):
        return ConfigError(f"figure {name}: these runs have nothing to show in it")
    return ConfigError(f"figure {brief(name)}: these runs have none; {nearest(name, parts())}")


def demand(names: Sequence[str]) -> None:
    """Demand that each name is that of a figure, or begins with that of a kind of which there are several.

    Raises:
        ConfigError: for another, with the nearest.
    """
    kinds = parts()
    if wrong := next((name for name in names if not any(is_of(name, kind) for kind in kinds)), None):
        raise ConfigError(f"figures: {brief(wrong)}: no such figure; {nearest(wrong, kinds)}")


def save(figure: StudyFigure, path: Path) -> None:
    """Write a figure in the format that the ending of its file says, whole or not at all; the same figure, the same bytes.

    Raises:
        OSError: if the disk refuses.
    """
    from freerun.analysis.figures._style import bytes_of, style

    with style(figure.paper):
        write_atomic(path, bytes_of(figure, path.suffix.removeprefix(".")))


def write(
    tables: Tables, samples: Mapping[str, dict[str, Any]], folder: Path, formats: Sequence[str] = USUAL_FORMATS
) -> list[Drawn]:
    """Draw every figure of a report as ``folder/figures/NAME.FORMAT``; the same tables give the same bytes.

    Args:
        tables: the tidy frames.
        samples: what runs show of their free rollouts, by run (`freerun.analysis.tables.tidy.samples`).
        folder: the folder of the study.
        formats: some of `FORMATS`.

    Raises:
        OSError: if the disk refuses.
    """
    target = folder / "figures"
    target.mkdir(parents=True, exist_ok=True)
    made = []
    for drawn, figure in draw(Material.of(tables, samples), tables.figures):
        for ending in formats:
            save(figure, target / f"{drawn.name}.{ending}")
        made.append(drawn)
    sampled = () if samples else [kind for kind, part in parts().items() if getattr(part, "SAMPLES", False)]
    for name in tables.figures or ():
        if not any(is_of(drawn.name, name) for drawn in made) and not any(is_of(name, kind) for kind in sampled):
            print(f"note: figure {name}: these runs have nothing to show in it", file=sys.stderr)
    return made
