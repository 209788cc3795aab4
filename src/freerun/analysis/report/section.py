"""Section of the report: words first, then tables, and a figure where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

#: A table with more rows is folded away on the page, and left out in print.
LONG = 12


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A table of words.

    Attributes:
        title: what it holds; "" where the words before it say so.
        head, rows: the names of its columns, and its cells.
        grouped: so many columns at the left name a group of rows, whose name stands once above it on the page.
        marked: the places of rows that lost runs.
        note: how it is to be read, below it.
    """

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    grouped: int = 0
    marked: frozenset[int] = frozenset()
    note: str = ""

    @property
    def long(self) -> bool:
        """Whether it is better folded away."""
        return len(self.rows) > LONG

    @property
    def groups(self) -> list[tuple[str, list[tuple[int, Sequence[str]]]]]:
        """Its rows without the columns that name their group, with their places, by the name of the group."""
        named: dict[str, list[tuple[int, Sequence[str]]]] = {}
        for place, row in enumerate(self.rows):
            name = ": ".join(cell for cell in row[: self.grouped] if cell)
            named.setdefault(name, []).append((place, row[self.grouped :]))
        return list(named.items())


@dataclass(frozen=True, kw_only=True)
class Block:
    """What is said under a heading of its own within a section.

    Attributes:
        title: the heading.
        points: findings, one a line.
        remarks: what to be careful about.
        lines: what models wrote: `head`, `before` and `after` of each line (`page.sample_blocks`).
    """

    title: str
    points: Sequence[str] = ()
    remarks: Sequence[str] = ()
    lines: Sequence[dict[str, str]] = ()


@dataclass(frozen=True, kw_only=True)
class Section:
    """One question with its answer.

    Attributes:
        title: the question.
        sentences: the answer.
        blocks: more of it, under headings of their own.
        note: how the numbers are to be read.
        tables: the numbers.
        figure: the name of the figure that belongs to it, as in `freerun.analysis.figures`.
        figures: the figures themselves, once they are drawn: name, caption, number, and what the page needs to show them.
    """

    title: str
    sentences: Sequence[str] = ()
    blocks: Sequence[Block] = ()
    note: str = ""
    tables: Sequence[Grid] = field(default=())
    figure: str = ""
    figures: Sequence[dict[str, Any]] = ()

    @property
    def anchor(self) -> str:
        """Its name in a link."""
        return "-".join("".join(letter if letter.isalnum() else " " for letter in self.title.lower()).split())


def placed(
    key: str, sections: Sequence[Section], drawn: Sequence[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[Section]]:
    """The figure that opens the page, and the sections with theirs, numbered in the order of the page.

    Args:
        key: the name of the figure that opens the page; "" for none.
        sections: in order; the first that names no figure and is called `FIGURES` takes those of no other section.
        drawn: the figures.

    Returns:
        The opening figure, in a list that is empty where there is none, and the sections that have anything.
    """
    order = [figure for figure in drawn if figure["name"] == key]
    of_section: list[list[dict[str, Any]]] = []
    left = [figure for figure in drawn if figure["name"] != key]
    claimed = [[one for one in left if part.figure and one["name"].startswith(part.figure)] for part in sections]
    names = {figure["name"] for figures in claimed for figure in figures}
    for part, figures in zip(sections, claimed, strict=True):
        of_section.append([one for one in left if one["name"] not in names] if part.title == FIGURES else figures)
    number = {figure["name"]: place for place, figure in enumerate(chain(order, *of_section), start=1)}
    shown = [[{**figure, "number": number[figure["name"]]} for figure in figures] for figures in (order, *of_section)]
    filled = [replace(part, figures=figures) for part, figures in zip(sections, shown[1:], strict=True)]
    return shown[0], [part for part in filled if part.sentences or part.blocks or part.tables or part.figures]


#: The section of the figures that belong to no other one.
FIGURES = "Figures"
