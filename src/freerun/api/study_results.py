"""Results of a study in Python: its frames, its summary, its tables and figures, of all its runs or of some."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import pandas as pd

from freerun.analysis import figures, outputs
from freerun.analysis.figures import Material
from freerun.analysis.report import exposure_gap, paper_table, summary
from freerun.analysis.tables import selection, tidy
from freerun.api.frames import Frames
from freerun.errors import refused
from freerun.io import html
from freerun.io.writing import demand_own, write_atomic
from freerun.store.results_folder import Place

if TYPE_CHECKING:
    from freerun.analysis.figures._style import StudyFigure


class StudyResults(Frames):
    """What the runs of a study came to.

    Attributes:
        place: where results are.
        info: the study as it is asked for.
    """

    place: Place
    info: Mapping[str, Any]
    _narrowed: tidy.Tables | None

    @classmethod
    def _of(cls, place: Place, info: Mapping[str, Any], narrowed: tidy.Tables | None = None) -> Self:
        """Return the study that a folder holds, or some of its runs, whose tables are then given."""
        study = cls.__new__(cls)
        study.place, study.info, study._narrowed = place, info, narrowed
        return study

    @cached_property
    def tables(self) -> tidy.Tables:
        """The tidy frames, described in `freerun.analysis.tables.tidy.Tables`."""
        return outputs.Products(place=self.place, info=dict(self.info)).frames if self._narrowed is None else self._narrowed

    @property
    def name(self) -> str:
        """The name of the study."""
        return str(self.info["name"])

    def __len__(self) -> int:
        return len(self.runs)

    def _axes(self) -> dict[str, list[str]]:
        """What these runs are of, by axis."""
        return {name: [str(value) for value in self.runs[name].dropna().unique()] for name in ("task", "model", "regime")}

    def _title(self) -> str:
        states = self.runs["status"].value_counts()
        done = states.get("done", 0)
        ends = [f"{states[state]} {state}" for state in ("diverged", "failed", "pending") if state in states]
        return f"Study {self.name}: {len(self)} run{'s' if len(self) != 1 else ''}, {', '.join([f'{done} done', *ends])}"

    def __repr__(self) -> str:
        return "\n".join([self._title(), *(f"{name:8}{', '.join(values)}" for name, values in self._axes().items())])

    def _repr_html_(self) -> str:
        rows = [(name, ", ".join(values)) for name, values in self._axes().items()]
        shown = self.summary().drop(columns=["log", "diverged", "failed", "pending"])
        results = (
            shown.to_html(index=False, na_rep="", float_format="{:.4g}".format) if (self.runs["status"] == "done").any() else ""
        )
        return html.titled(self._title(), html.table((), rows) + results)

    def select(self, settings: Mapping[str, Any] | None = None, /, **named: Any) -> Self:
        """Return the study of those runs that have these settings.

        Args:
            settings: columns of `runs` with dots in their names, ``{"training.lr": [1e-3, 1e-2]}``.
            named: columns of `runs`; a value, or a list of those that will do: ``model="gru", regime=["teacher_forcing"]``.

        Raises:
            ConfigError: if there is no such setting, or no run has it.
        """
        asked = {**settings, **named} if isinstance(settings, Mapping) else settings or named
        return self._of(self.place, self.info, selection.select(self.tables, asked))

    @cached_property
    def _material(self) -> Material:
        store, kept = self.place.store, set(self.runs["run"].astype(str))
        shown = tidy.samples(store, [run for run in self.info["ids"] if store.path(run).exists()])
        return Material.of(self.tables, {run: sample for run, sample in shown.items() if run in kept})

    def summary(self) -> pd.DataFrame:
        """The results in short, one row a condition: both levels, the gap with its interval, the counts."""
        frame: pd.DataFrame = summary(self.tables)[0]
        return frame

    def table(self, out: str | Path | None = None) -> pd.DataFrame:
        """Return the table of a paper: one row a task, model, method and level (`freerun.analysis.report.paper_table.tidy`).

        Args:
            out: a file to write it to, set as its ending says: ``.tex``, ``.md``, ``.csv`` or ``.parquet``; None for none.

        Raises:
            ConfigError: for another ending, or if no run has a measurement.
            StoreError: if the disk refuses.
        """
        wanted = None if out is None else paper_table.format_of(Path(out))
        material = Material.of(self.tables, {})
        frame: pd.DataFrame = paper_table.tidy(material)
        if out is not None and wanted is not None:
            content = paper_table.content_of(frame, material, wanted)
            demand_own(Path(out), content)
            try:
                write_atomic(Path(out), content)
            except OSError as fault:
                raise refused(Path(out), "cannot be written", fault) from None
        return frame

    def exposure_gap(self, by: Literal["condition", "lead"] = "condition") -> pd.DataFrame:
        """The exposure bias, one row a condition: the one-step error fed the model's own output, minus that fed the truth.

        Both against the truth's own answer to what was really fed; where it has none the row says so in `note`
        (`freerun.analysis.report.summary_table.exposure` describes the columns).

        Args:
            by: "lead" for a row at each lead time, in the column `step`, instead of the mean over the horizon. Its intervals
                are of one lead alone, not of all at once, and `gap_over_lead` draws it.

        Raises:
            ConfigError: for another word.
        """
        return exposure_gap(self.tables, by)

    @property
    def figures(self) -> list[str]:
        """The names of the figures that `figure` draws, with their captions below them in a report."""
        return [drawn.name for drawn, _ in figures.draw(self._material, list(figures.parts()))]

    def figure(
        self,
        name: str,
        *,
        select: Mapping[str, Any] | None = None,
        labels: Mapping[str, str] | None = None,
        width: str | float | None = None,
        style: str | Path | None = None,
    ) -> StudyFigure:
        """Return a figure of these runs, by default as it stands in the report of a study of them.

        Args:
            name: of the figure.
            select: as `settings` of the method `select`: the figure is of those runs.
            labels: new labels of tasks, models, methods and measures by those that figures show.
            width: "column", "page", or inches; None for what the panels need.
            style: "plain", "neurips", "icml", or the path of a matplotlib style file; None for plain.

        Returns:
            A matplotlib figure, with its `caption` and the `data` that it shows.

        Raises:
            ConfigError: if there is none of this name for these runs, or an option has no such value.
        """
        of = self.select(select) if select else self
        return figures.one(figures.prepared(of._material, labels, figures.paper(style, width)), name)
