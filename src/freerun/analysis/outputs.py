"""Outputs of a study: tables, figures and the report, built from its records into its folder."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freerun.analysis.inference import tuning_tables
from freerun.analysis.tables import idle_settings, selection, tidy
from freerun.errors import refused
from freerun.io import key_value
from freerun.io.writing import noted, write_atomic
from freerun.parts import registry
from freerun.store import manifest, record_scan
from freerun.store.records import names
from freerun.store.results_folder import Place, read_info

if TYPE_CHECKING:
    from freerun.analysis.figures import Material, Paper

#: What stands after the path of a page, where it was made in every form.
_OTHER_FORMS = " (and .md, .pdf)"


@dataclass(kw_only=True)
class Products:
    """Tables, figures and report of one study.

    Attributes:
        place: where results are.
        info: the study as it was asked for, results/NAME/study.json.
    """

    place: Place
    info: dict[str, Any]

    @property
    def name(self) -> str:
        """The name of the study."""
        return str(self.info["name"])

    @property
    def folder(self) -> Path:
        """Where everything is written to."""
        return self.place.folder(self.name)

    @cached_property
    def kept(self) -> bool:
        """Whether the store knows nothing of this study, while its folder has the tables of just these runs."""
        store, ids = self.place.store, self.info["ids"]
        path = self.folder / "runs.parquet"
        if not path.is_file() or any(store.path(run).exists() or store.failures.reason(run) for run in ids):
            return False
        known = tidy.read(self.folder).runs
        return list(known["run"]) == list(names(ids).values()) and bool(known["status"].isin(["done", "diverged"]).any())

    @cached_property
    def frames(self) -> tidy.Tables:
        """The tidy frames of the records, or those that the folder keeps where there are no records.

        A warning names damaged records, which are missing from them.
        """
        if self.kept:
            tables = tidy.read(self.folder)
        else:
            tables = tidy.frames(self.place.store, self.info["ids"], self.name, self.info["planned"])
            pending = set(tables.runs["run"][tables.runs["status"] == "pending"])
            undone = [run for run, name in names(self.info["ids"]).items() if name in pending]
            record_scan.say_damaged(self.name, self.place.store, undone)
        return tidy.declared(tables, self.info)

    @cached_property
    def samples(self) -> Mapping[str, dict[str, Any]]:
        """What runs show of their free rollouts, by run; without records, what the folder keeps of it."""
        from freerun.analysis.report import report_data

        if self.kept:
            return (report_data.read(self.folder) or report_data.ReportData()).samples
        return tidy.samples(self.place.store, self.info["ids"])

    def tell_idle_settings(self) -> None:
        """Print a note on each setting that changed nothing, on standard error."""
        for line in idle_settings.notes(self.frames, self.info["planned"].values()):
            print(f"note: {line}", file=sys.stderr)

    def write_tables(self) -> None:
        """Write the frames; those that the folder keeps stay as they are."""
        if self.kept:
            return
        with writing(self.folder):
            tidy.write(self.frames, self.folder)
            tuning_tables.write(self.frames, self.folder)

    def write_trials(self, rows: Iterable[dict[str, Any]]) -> None:
        """Write the table of a search."""
        import pandas as pd

        from freerun.store import results_folder

        with writing(self.folder):
            write_atomic(self.folder / results_folder.TRIALS, tidy.csv_bytes(pd.DataFrame(list(rows))))

    def summary(self) -> tuple[Any, list[str]]:
        """The results in a short frame, for a terminal, and warnings: on runs of no use, and warm-ups that are too short."""
        from freerun.analysis.report import summary

        return summary(self.frames)

    def write_figures(self, formats: Sequence[str]) -> None:
        """Draw the figures in some formats of `freerun.analysis.figures.FORMATS` and say where they are."""
        from freerun.analysis import figures

        with writing(self.folder):
            drawn = figures.write(self.frames, self.samples, self.folder, formats)
            for one in drawn:
                write_atomic(self.folder / "figures" / f"{one.name}.txt", f"{one.caption}\n".encode())
        if not drawn:
            print("figures: none, since no run has anything to draw")
        ending = formats[0] if len(formats) == 1 else f"{{{','.join(formats)}}}"
        for figure in drawn:
            print(f"figure: {self.folder}/figures/{figure.name}.{ending}")

    def material(self, select: Sequence[str], labels: Sequence[str], paper: Paper) -> Material:
        """What figures and tables of a paper are made of.

        Args:
            select: settings of the runs, ``regime=teacher_forcing,free_running``.
            labels: new labels, ``OLD=NEW``.
            paper: that they are made for.

        Raises:
            ConfigError: for a setting that no run has, or a label that nothing has.
        """
        from freerun.analysis import figures
        from freerun.analysis.figures import Material

        tables = self.frames
        tables = selection.select(tables, selection.typed(select, tables.runs)) if select else tables
        kept = set(tables.runs["run"].astype(str))
        of = Material.of(tables, {run: sample for run, sample in self.samples.items() if run in kept})
        return figures.prepared(of, key_value.pairs(labels), paper)

    def write_chosen_figures(self, of: Material, names: Sequence[str], formats: Sequence[str], target: Path) -> None:
        """Draw some figures, each with its caption as text beside it, and say where they are.

        Raises:
            ConfigError: for a figure that these runs do not have; nothing is written then.
        """
        from freerun.analysis import figures

        drawn = list(figures.draw(of, list(names) or None))
        for name in names:
            if not any(figures.is_of(one.name, name) for one, _ in drawn):
                raise figures.unknown(name)
        with writing(self.folder, target):
            target.mkdir(parents=True, exist_ok=True)
            for one, figure in drawn:
                for ending in formats:
                    figures.save(figure, target / f"{one.name}.{ending}")
                    print(f"figure: {target / one.name}.{ending}")
                write_atomic(target / f"{one.name}.txt", f"{one.caption}\n".encode())
        if not drawn:
            print("figures: none, since no run has anything to draw")

    def write_report(self, *, on_paper: bool = False) -> None:
        """Build figures and report, with its PDF where it shall be `on_paper`, and note from what they were built."""
        from freerun.analysis.report import build, build_from_tables

        frames = self.frames  # tells of damaged records
        with writing(self.folder):
            if self.kept:
                print(f"note: {self._without_records()}", file=sys.stderr)
                with noted() as built:
                    path = build_from_tables(self.folder, frames, self.info, on_paper=on_paper)
                manifest.rebuilt(self.folder, built)
            else:
                with noted() as built:
                    path = build(self.folder, self.place.store, self.info, on_paper=on_paper)
                manifest.write(self.folder, self.place.store, self.info, built)
        print(f"report: {path}{_OTHER_FORMS if on_paper else ''}")

    def _without_records(self) -> str:
        """What a report lacks that is built from the tables of a folder alone."""
        from freerun.analysis.report import report_data

        known = (self.folder / report_data.NAME).is_file()
        lacking = "orbits are drawn as before" if known else "it lacks what models wrote, orbits, and how long training took"
        return f"there are no records of {self.name}: its report is built from the tables in {self.folder}; {lacking}"

    def write_report_if_needed(self) -> None:
        """The same, unless the folder holds just that already, without figures of a user's own."""
        if not registry.plugin_figures and manifest.matches(self.folder, self.place.store, self.info):
            print(f"report: {self.folder}/report.html (as before: nothing has changed)")
        else:
            print("building figures and report ...", flush=True)
            self.write_report()


def of(name: str, place: Place) -> Products:
    """The products of the study that was run under a name.

    Raises:
        ConfigError: if there is none, or neither its records nor its tables are there.
    """
    products = Products(place=place, info=read_info(name, place, started=False))
    if not products.kept:
        read_info(name, place)
    return products


def write_report_on_two(a: Products, b: Products, *, on_paper: bool = False) -> None:
    """Build the report that compares two studies, into the folder of the first."""
    from freerun.analysis.report import two_studies

    frames = a.frames, b.frames
    with writing(a.folder):
        path = two_studies.build((a.info, b.info), frames, a.folder, on_paper=on_paper)
    print(f"report: {path}{_OTHER_FORMS if on_paper else ''}")


@contextmanager
def writing(folder: Path, target: Path | None = None) -> Iterator[None]:
    """Note in the manifest of a folder what is written to it; turn what a disk refuses into one line and exit code 3.

    Args:
        folder: of a study.
        target: where files go, if not there.
    """
    try:
        with noted() as made:
            yield
        manifest.note(folder, made)
    except OSError as fault:
        raise refused(target or folder, "cannot be written to", fault) from None
