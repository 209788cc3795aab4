"""Section of the report: words first, then tables, and a figure where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

#: A table with more rows is folded away on the page.
LONG = 12


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A table of words: `title` says what it holds."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    @property
    def long(self) -> bool:
        """Whether it is better folded away."""
        return len(self.rows) > LONG


@dataclass(frozen=True, kw_only=True)
class Section:
    """One question with its answer.

    Attributes:
        title: the question.
        sentences: the answer.
        note: how the numbers are to be read.
        tables: the numbers.
        figure: the name of the figure that belongs to it, as in `freerun.analysis.figures`.
    """

    title: str
    sentences: Sequence[str]
    note: str = ""
    tables: Sequence[Grid] = field(default=())
    figure: str = ""
