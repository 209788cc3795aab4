"""Report page: where the report of a study is, and the page itself in a notebook."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from freerun.io import html


@dataclass(frozen=True, kw_only=True, repr=False)
class ReportPage(os.PathLike[str]):
    """The report of a study, as it was written.

    Attributes:
        folder: of the study, with its tables and figures.
    """

    folder: Path

    @property
    def path(self) -> Path:
        """The page as HTML, which needs no other file."""
        return self.folder / "report.html"

    @property
    def markdown(self) -> Path:
        """The same as Markdown, with its figures beside it."""
        return self.folder / "report.md"

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"Report {self.path}"

    def _repr_html_(self) -> str:
        return html.framed(self.path.read_text(encoding="utf-8"))
