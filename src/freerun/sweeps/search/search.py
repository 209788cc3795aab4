"""Search for one best point: a sampler asks for points, each is trained on all its seeds, and the same tables hold it all.

A sampler asks for the same points again, none of them twice, and a finished run is never done twice: so the same command goes
on where it stopped. A point of which a run diverges is as bad as can be; it neither stops the search nor vanishes from its
tables.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from freerun.config.hydra.search_space import Axis, examples, words_of
from freerun.config.run_identity import sources
from freerun.errors import ConfigError, refused
from freerun.execution.launchers import Launcher
from freerun.execution.planned_run import Planned, plan
from freerun.io.reading import LARGEST_JSON, NotPlain, content, mapping
from freerun.io.writing import write_atomic
from freerun.parts import registry
from freerun.store import record_scan, study_file
from freerun.store.claims import Claims
from freerun.store.results_folder import SEARCH, TRIALS, Place, demand_still_there, demand_study, write_info
from freerun.sweeps.search import samplers
from freerun.sweeps.search.judgement import best, judge
from freerun.sweeps.search.target import Target
from freerun.sweeps.search.trials import Trial, recorded
from freerun.sweeps.study import Study
from freerun.sweeps.sweep import see_to

#: Points that are asked for at once; a setting of the search, not of the machine, so that its points do not depend on that.
BATCH = 4


def runs_of(point: dict[str, str], fixed: list[str]) -> list[Planned]:
    """Return the runs of a point, one a seed.

    Raises:
        ConfigError: if it is no experiment.
    """
    from freerun.config.hydra.compose import experiments

    return plan(experiments(words_of(point, fixed), sweep=True))


@dataclass(kw_only=True)
class Search:
    """A search as it was asked for.

    Attributes:
        fixed: the overrides that all points share, seeds among them.
        axes: what is searched.
        target: what is to be best.
        measured: it is known that all points have it.
        seed: of the sampler.
        sampler: its name, one of `samplers.NAMES`.
    """

    fixed: list[str]
    axes: list[Axis]
    target: Target
    trials: int
    command: str
    measured: bool = False
    seed: int = 0
    sampler: str = "optuna"
    alias: str | None = None
    done: list[Trial] = field(default_factory=list)

    @property
    def identity(self) -> str:
        """What is searched, on what, for which target; a longer search of the same is the same."""
        own = () if self.sampler == "optuna" else (self.sampler,)
        said = repr((sorted(self.fixed), self.axes, self.target, self.seed, *own))
        return hashlib.sha256(said.encode()).hexdigest()

    @property
    def name(self) -> str:
        """The name of its folder: a longer search of the same goes on in the same place."""
        return self.alias or self._own

    @property
    def _own(self) -> str:
        return f"search-{self.identity[:8]}"

    def run(self, place: Place, launcher: Launcher) -> dict[str, str]:
        """Ask, train, tell, until all trials are done; returns the reason for every run that failed.

        Raises:
            ConfigError: if optuna is missing, a point is no experiment, the target is not measured on it or the engine cannot
                do it; if another study or search is under its name.
            StoreError: if the folder for results cannot be used.
        """
        demand_study(place.folder(self.name))
        before = self._recorded(place)
        if before > self.trials:
            print(f"{self.name}: {before} trials are there already")
        if not launcher.waits:
            raise ConfigError("launcher.wait=false: a search has to wait for its runs to know where to look next")
        sampler = samplers.made(self.sampler, self.axes, self.seed, maximize=self.target.maximize, asked_by="freerun search")
        launcher.demand_engine(run for settings in examples(self.axes) for run in runs_of(settings, self.fixed))
        if not self.measured:
            self._demand_target()
        failed: dict[str, str] = {}
        runs: dict[str, Planned] = {}
        self.trials = max(self.trials, before)
        while len(self.done) < self.trials:
            points = sampler.ask(min(BATCH, self.trials - len(self.done)))
            if not points:
                print(f"{self.name}: all {len(self.done)} points have been tried")
                break
            batch = [self._trial(len(self.done) + number, point, runs) for number, point in enumerate(points)]
            wanted = [run for trial in batch for run in trial.runs]
            if set(wanted) - failed.keys() and record_scan.missing(place.store, wanted):
                failed |= self._train([runs[run] for run in dict.fromkeys(wanted) if run not in failed], runs, place, launcher)
            for trial in batch:
                judge(trial, self.target, place.store)
                print(f"trial {trial.number}: {trial.said}  {trial.state}", flush=True)
            sampler.tell([trial.value for trial in batch])
            self.done += batch
        self._note(runs, place)  # also of points that somebody else has done
        return failed

    def _demand_target(self) -> None:
        """Refuse a target that is not measured on the points, before one is trained.

        The loss is measured on all. A look takes seconds; parts from plugins are not looked at here, for they may do anything,
        and what cannot be looked at fails, or is refused, when it has been trained.
        """
        if registry.get("metric", self.target.metric)().of_objective:
            return
        for settings in examples(self.axes):
            run = runs_of(settings, self.fixed)[0]
            if not sources(run.tree) | run.measurement.sources:
                from freerun.measurement.dry_run import measurable

                try:
                    measured = measurable(run.experiment, self.target.place)
                except Exception:  # noqa: S112 - its run will say why, as every run does
                    continue
                self.target.demand(measured, registry.name_of(run.experiment.task))

    def _recorded(self, place: Place) -> int:
        """How many trials the folder holds of this search, which never forgets what it has tried.

        Raises:
            ConfigError: if it holds another search, or a study that is none.
        """
        folder = place.folder(self.name)
        try:
            known = mapping(content(folder / SEARCH, LARGEST_JSON)).get("search")
        except (OSError, NotPlain):
            known = None
        mine = known == self.identity or (known is None and folder.name == self._own)  # it says so itself
        held = [name for name in (SEARCH, TRIALS, study_file.NAME) if (folder / name).exists()]
        if held and not mine:
            what = "a study" if held == [study_file.NAME] else "another search"
            first = place.command("clean", self.name, "--yes")
            raise ConfigError(f"--as {self.name}: there is {what}; choose another name, or first: {first}")
        return recorded(folder)

    def _note(self, runs: dict[str, Planned], place: Place) -> None:
        """Write which search the folder holds, and the study of all its runs."""
        path = place.folder(self.name) / SEARCH
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, (json.dumps({"search": self.identity}) + "\n").encode())
        except OSError as fault:
            raise refused(path, "cannot be written", fault) from None
        write_info(self._study(runs), place)

    def _train(self, wanted: list[Planned], runs: dict[str, Planned], place: Place, launcher: Launcher) -> dict[str, str]:
        """Have the runs of a batch done; each is tried once in a search."""
        store = place.store
        store.open()
        with Claims(store).presence():
            self._note(runs, place)
            missing = set(record_scan.missing(store, (run.id for run in wanted)))
            counted = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
            print(f"{self.name}: {counted} so far, {len(missing)} to do", flush=True)
            failed = see_to([run for run in wanted if run.id in missing], store, launcher)
            demand_still_there(self.name, place)
            return failed

    @property
    def points(self) -> int:
        """How many different points have a value; two ways of writing one value are one point."""
        return len({tuple(trial.runs) for trial in self.done if trial.value is not None})

    def best(self) -> Trial | None:
        """The best point so far; None if none has a finite value."""
        return best(self.done, self.target)

    def _trial(self, number: int, settings: dict[str, str], runs: dict[str, Planned]) -> Trial:
        planned = runs_of(settings, self.fixed)
        runs |= {run.id: run for run in planned}
        return Trial(number=number, settings=settings, runs=[run.id for run in planned])

    def _study(self, runs: dict[str, Planned]) -> Study:
        goal = "largest" if self.target.maximize else "smallest"
        what = f"{self.target.metric}, {self.target.mode}, on {self.target.split}"
        question = f"Where is the {goal} {what}? Points were chosen {samplers.SAID[self.sampler]}."
        return Study(name=self.name, runs=list(runs.values()), command=self.command, title="Search", question=question)
