"""Figures of a study, one file each: a caption and a pure function of the tables.

A module here without a leading underscore is a figure. It has `CAPTION` and `draw(material)`, which returns the figures by
the rest of their name ("" for the only one); none where its data are missing. The label of a figure, where it has one, is its
caption instead. `PLAYERS = True` says that reference players stand in it, as thin grey lines; `SAMPLES = True` that it shows
samples, which no table holds. Adding a file adds a figure.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from freerun.analysis.figures._figure_data import Material
from freerun.analysis.tables.tidy import Tables
from freerun.io.writing import write_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FORMATS", "USUAL_FORMATS", "Drawn", "Material", "draw", "parts", "write"]

#: The formats that can be asked for, and those that a study gets unasked.
FORMATS = ("svg", "png", "pdf")
USUAL_FORMATS = ("svg", "png")


class Part(Protocol):
    """A module of this package that draws."""

    CAPTION: str

    def draw(self, material: Material) -> dict[str, Figure]:
        """The figures of this kind that the material gives, by the rest of their name."""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A figure on disk: `name` without its ending, what stands below it, and whether it shows samples, which no table holds."""

    name: str
    caption: str
    sampled: bool = False


def parts() -> dict[str, Part]:
    """The figures by name, in the order in which a paper would show them."""
    modules: dict[str, Any] = {}
    for info in pkgutil.iter_modules(__path__):
        if not info.name.startswith("_"):
            modules[info.name] = importlib.import_module(f"{__name__}.{info.name}")
    return dict(sorted(modules.items(), key=lambda item: (getattr(item[1], "PLACE", 99), item[0])))


def draw(material: Material) -> Iterator[tuple[Drawn, Figure]]:
    """Every figure for which there are data, one at a time."""
    from freerun.analysis.figures._players import PLAYERS_CAPTION
    from freerun.analysis.figures._style import style

    for name, part in parts().items():
        with style():
            figures = part.draw(material)
        for suffix, figure in figures.items():
            players = PLAYERS_CAPTION if getattr(part, "PLAYERS", False) and not material.players.empty else ""
            caption = " ".join(
                text for text in (str(figure.get_label() or part.CAPTION), players, material.said_lost()) if text
            )
            shows = bool(getattr(part, "SAMPLES", False))
            yield Drawn(name=f"{name}_{suffix}" if suffix else name, caption=caption, sampled=shows), figure


def write(
    tables: Tables, samples: Mapping[str, dict[str, Any]], folder: Path, formats: Sequence[str] = USUAL_FORMATS
) -> list[Drawn]:
    """Draw every figure as ``folder/figures/NAME.FORMAT``; the same tables give the same bytes.

    Args:
        tables: the tidy frames.
        samples: what runs show of their free rollouts, by run (`freerun.analysis.tables.tidy.samples`).
        folder: the folder of the study.
        formats: some of `FORMATS`.

    Raises:
        OSError: if the disk refuses.
    """
    from freerun.analysis.figures._style import bytes_of, style

    target = folder / "figures"
    target.mkdir(parents=True, exist_ok=True)
    made = []
    for drawn, figure in draw(Material.of(tables, samples)):
        with style():
            for ending in formats:
                write_atomic(target / f"{drawn.name}.{ending}", bytes_of(figure, ending))
        made.append(drawn)
    return made
