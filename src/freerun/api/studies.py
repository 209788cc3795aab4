"""Studies in Python: a study that was run is loaded by its name, narrowed, tabulated, drawn, compared, and gives its runs.

study = freerun.load("first_look")
study.select(model="gru", task="lorenz63").summary()
study.figure("error_over_lead_lorenz63").savefig("error.pdf")
run = study.run(task="text", model="gru", regime="teacher_forcing", seed=0)
run.model().generate(3, 200, prefix="The ")
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from freerun.analysis import figures, outputs
from freerun.analysis.figures import Material
from freerun.analysis.report import comparison, summary
from freerun.analysis.tables import tidy
from freerun.api.trained_runs import TrainedRun
from freerun.errors import ConfigError
from freerun.io.suggestions import nearest
from freerun.io.text import brief
from freerun.store.results_folder import Place, read_info

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def load(name: str | Path, results: str | Path = "results") -> Study:
    """Return a study, sweep or search that was run before.

    Args:
        name: of the study, or the path of its folder.
        results: the folder of all results.

    Raises:
        ConfigError: if there is none.
        StoreError: if the folder cannot be used.
    """
    if Path(name).parent != Path():
        name, results = Path(name).name, Path(name).parent
    place = Place(results=Path(results))
    info = read_info(str(name), place, started=False)
    return Study(place=place, info=info, tables=outputs.Products(place=place, info=info).frames)


@dataclass(frozen=True, kw_only=True, repr=False)
class Study:
    """Runs that were made under one name, or some of them; nothing is trained, and but for `compare` nothing is written.

    Attributes:
        place: where results are.
        info: the study as it was asked for.
        tables: the tidy frames, described in `freerun.analysis.tables.tidy.Tables`.
    """

    place: Place
    info: Mapping[str, Any]
    tables: tidy.Tables

    @property
    def name(self) -> str:
        """The name of the study."""
        return str(self.info["name"])

    @property
    def runs(self) -> pd.DataFrame:
        """One row a run: what it was, every setting, what became of it."""
        return self.tables.runs

    @property
    def curves(self) -> pd.DataFrame:
        """Training: run, update, quantity, value."""
        return self.tables.curves

    @property
    def gaps(self) -> pd.DataFrame:
        """Measurements, forced and free: run, ..., split, mode, metric, step, value, unit."""
        return self.tables.gaps

    @property
    def compared(self) -> pd.DataFrame:
        """Measures that set the free rollout beside the forced one or beside the true system, with their intervals."""
        return self.tables.compared

    @property
    def players(self) -> pd.DataFrame:
        """Reference players on the same sequences."""
        return self.tables.players

    @property
    def budgets(self) -> pd.DataFrame:
        """The work of training of each run: updates, steps that were rolled out, products."""
        return self.tables.budgets

    def __len__(self) -> int:
        return len(self.runs)

    def __iter__(self) -> Iterator[TrainedRun]:
        return (self._run(str(run)) for run in self.runs["run"])

    def __repr__(self) -> str:
        done = int((self.runs["status"] == "done").sum())
        axes = {name: [str(value) for value in self.runs[name].dropna().unique()] for name in ("task", "model", "regime")}
        lines = [f"{name:8}{', '.join(values)}" for name, values in axes.items()]
        return "\n".join([f"Study {self.name}: {len(self)} runs, {done} done", *lines])

    def select(self, settings: Mapping[str, Any] | None = None, /, **named: Any) -> Study:
        """Return the study of those runs that have these settings.

        Args:
            settings: columns of `runs` with dots in their names, ``{"training.lr": [1e-3, 1e-2]}``.
            named: columns of `runs`; a value, or a list of those that will do: ``model="gru", regime=["teacher_forcing"]``.

        Raises:
            ConfigError: if there is no such setting, or no run has it.
        """
        chosen = pd.Series(True, index=self.runs.index)
        for name, asked in {**(settings or {}), **named}.items():
            if name not in self.runs:
                raise ConfigError(f"select {brief(name)}: no such setting; {nearest(name, list(self.runs.columns))}")
            wanted = list(asked) if isinstance(asked, (list, tuple, set, range)) else [asked]
            known = self.runs[name].dropna().unique().tolist()
            for value in wanted:
                if value not in known:
                    has = ", ".join(dict.fromkeys(str(one) for one in known))
                    raise ConfigError(f"select {name}={brief(value)}: no run has it; there is {brief(has, 120)}")
            chosen &= self.runs[name].isin(wanted)
        if not chosen.any():
            raise ConfigError(f"select: none of the {len(self)} runs has all of these settings")
        return replace(self, tables=_some(self.tables, self.runs[chosen]))

    @cached_property
    def _material(self) -> Material:
        store, kept = self.place.store, set(self.runs["run"].astype(str))
        shown = tidy.samples(store, [run for run in self.info["ids"] if store.path(run).exists()])
        return Material.of(self.tables, {run: sample for run, sample in shown.items() if run in kept})

    def summary(self) -> pd.DataFrame:
        """The results in short, one row a condition: both levels, the gap with its interval, the counts."""
        frame: pd.DataFrame = summary(self.tables)[0]
        return frame

    @property
    def figures(self) -> list[str]:
        """The names of the figures that `figure` draws, with their captions below them in a report."""
        return [drawn.name for drawn, _ in figures.draw(self._material)]

    def figure(self, name: str) -> Figure:
        """Return a figure of these runs, as it stands in the report of a study of them.

        Raises:
            ConfigError: if there is none of this name for these runs.
        """
        known = []
        for drawn, figure in figures.draw(self._material):
            if drawn.name == name:
                return figure
            known.append(drawn.name)
        raise ConfigError(f"figure {brief(name)}: these runs have none; {nearest(name, known)}")

    def compare(self, a: str, b: str) -> comparison.Comparison:
        """Return how two choices of settings compare, condition by condition; it is also written to the study's folder.

        Args:
            a, b: a regime, a model or an objective by name, or settings, ``"training.lr=0.01"``.

        Raises:
            ConfigError: if there are no such runs, or no condition of one side has a partner.
            StoreError: if the disk refuses.
        """
        folder = self.place.folder(self.name)
        with outputs.writing(folder):
            return comparison.in_study(a, b, self.tables, folder)

    def run(self, identity: str | None = None, /, **named: Any) -> TrainedRun:
        """Return one run: that of an identity (or of its beginning), or the only one that has these settings.

        Args:
            identity: from the column `run`.
            named: as for `select`.

        Raises:
            ConfigError: if there is none, or more than one.
        """
        ids = [str(run) for run in (self.select(**named) if named else self).runs["run"]]
        found = [run for run in ids if identity is None or run.startswith(identity)]
        if len(found) != 1:
            asked = identity or ", ".join(f"{name}={value}" for name, value in named.items())
            raise ConfigError(f"run {brief(asked)}: {len(found)} of {len(self)} runs; select one by its settings and its seed")
        return self._run(found[0])

    def _run(self, run: str) -> TrainedRun:
        row = self.runs[self.runs["run"] == run]
        of = _some(self.tables, row)
        planned: Mapping[str, Any] = self.info["planned"]
        (identity,) = [one for one in planned if one == run or one.startswith(f"{run}-")]
        return TrainedRun(id=run, tree=planned[identity], store=self.place.store, tables=of)


def _some(tables: tidy.Tables, runs: pd.DataFrame) -> tidy.Tables:
    """The frames of some runs, with the reference players of their tasks and seeds."""
    kept = set(runs["run"].astype(str))

    def rows(frame: pd.DataFrame) -> pd.DataFrame:
        some = frame[frame["run"].astype(str).isin(kept)].reset_index(drop=True)
        for name in some.columns:
            if isinstance(some[name].dtype, pd.CategoricalDtype):
                some[name] = some[name].cat.remove_unused_categories()
        return some

    return replace(
        tables, runs=runs.reset_index(drop=True), curves=rows(tables.curves), gaps=rows(tables.gaps),
        compared=rows(tables.compared), players=_players(tables, runs), budgets=rows(tables.budgets),
    )  # fmt: skip


def _players(tables: tidy.Tables, runs: pd.DataFrame) -> pd.DataFrame:
    """The reference players of the worlds of some runs; they stand beside the first run of their world."""
    columns = [str(name) for name in tables.runs.columns]
    world = [name for name in columns if name in ("task", "seed", "feedback") or name.startswith(("task.", "evaluation."))]
    values = tables.runs[world].astype("str").itertuples(index=False, name=None)
    keys = dict(zip(tables.runs["run"].astype("str"), values, strict=True))
    first = {keys[str(run)]: str(run) for run in reversed(runs["run"].tolist())}
    beside = tables.players["run"].astype(str).map(lambda run: first.get(keys.get(str(run), ())))
    return tables.players.assign(run=beside)[beside.notna()].reset_index(drop=True)
