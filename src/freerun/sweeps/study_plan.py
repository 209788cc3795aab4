"""Plan of a study: its runs and groups, what is done, and what the rest will take; nothing is trained for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from freerun.engine.engine_choice import Engine, engine_of
from freerun.execution import memory_estimate, time_estimate
from freerun.execution.launchers import Launcher
from freerun.execution.planned_run import Planned
from freerun.io.text import duration
from freerun.store.records import Store
from freerun.sweeps import sweep, watched_curves


@dataclass(kw_only=True)
class Work:
    """What is left of one kind of run.

    Attributes:
        title: task, model, and whether the loop is closed while they train.
        groups, runs: how many.
        seconds: the work, of one worker.
        memory: bytes of the largest group, with those of its worker.
        engines: by which they will be computed.
    """

    title: str
    groups: int = 0
    runs: int = 0
    seconds: float = 0.0
    memory: float = 0.0
    engines: dict[Engine, None] = field(default_factory=dict)

    @property
    def cells(self) -> list[str]:
        """The row as text, in the order of `HEAD`."""
        named = "; ".join(dict.fromkeys(str(engine) for engine in self.engines))
        size = f"{self.memory / 2**30:.1f} GB"
        return [self.title, str(self.groups), str(self.runs), duration(self.seconds), size, named]


HEAD = ("to do", "groups", "runs", "work", "memory a worker", "engine")


@dataclass(kw_only=True)
class StudyPlan:
    """What a study would do.

    Attributes:
        name: of the study.
        runs, groups: all of them.
        states: how many runs are in each of `sweep.STATES`.
        ready: how many of those that are left are trained already, and are only to be measured.
        work: what is left, a row for each kind of run.
        at_once: how many groups are done at a time.
        measured: whether all times are from earlier runs like these.
        placed: where workers are, in words, if that was asked for.
        replaces: whose tables and figures it would replace, in words; None for nobody's.
    """

    name: str
    runs: int
    groups: int
    states: Counter[str]
    ready: int
    work: list[Work]
    at_once: int
    measured: bool
    placed: str = ""
    replaces: str | None = None

    @property
    def seconds(self) -> float:
        """The work that is left, of one worker."""
        return sum(row.seconds for row in self.work)

    @property
    def before(self) -> list[str]:
        """Lines that stand above the table of the work."""
        told = (state for state in sweep.STATES if self.states[state] or state in ("done", "pending"))
        seen = ", ".join(f"{self.states[state]} {state}" for state in told)
        alone = f"; {self.ready} of them trained before, to be measured alone" if self.ready else ""
        size = f"{counted(self.runs, 'run')}, {counted(self.groups, 'group')}"
        lines = [f"{self.name}: {size}; nothing is trained by this command", f"{seen}{alone}"]
        return [*lines, f"note: {self.replaces}"] if self.replaces else lines

    @property
    def after(self) -> list[str]:
        """Lines that stand below it; none where nothing is left."""
        if not self.work:
            return []
        reasons = dict.fromkeys(engine.reason for row in self.work for engine in row.engines if engine.reason)
        source = (
            "from the times of earlier runs like these"
            if self.measured
            else "a rough guess: some kinds of run were never done here, or only a few updates of them"
        )
        work = f"{'about ' * (self.seconds >= 1)}{duration(self.seconds)} of work"
        spread = f", {duration(self.seconds / self.at_once)} with {self.at_once} at once" if self.at_once > 1 else ""
        return [
            *(f"the reference engine is used in place of the compiled one: {reason}" for reason in reasons),
            f"{work}{spread} ({source})",
            *([self.placed] if self.placed else []),
        ]

    def __repr__(self) -> str:
        rows = [list(HEAD), *(row.cells for row in self.work)] if self.work else []
        widths = [max(len(row[place]) for row in rows) for place in range(len(HEAD))] if rows else []
        table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*self.before, *table, *self.after])

    def _repr_html_(self) -> str:
        from freerun.io.html import lines, table

        rows = table(HEAD, [row.cells for row in self.work]) if self.work else ""
        return lines(self.before) + rows + lines(self.after)


def study_plan(
    name: str, runs: Sequence[Planned], store: Store, launcher: Launcher, further: Sequence[Planned] = ()
) -> StudyPlan:
    """Return the plan of a study.

    Args:
        name: of the study.
        runs: its runs.
        store: where what is done lies.
        launcher: by which it would be done.
        further: runs whose work is counted, and which are none of the study's.

    Raises:
        ConfigError: if the engine that is asked for cannot do a run, or one watches what is not measured on its task.
    """
    states = sweep.states((run.id for run in runs), store)
    left = [*(run for run in runs if states[run.id] in ("pending", "failed")), *further]
    trained = sweep.trained(left, store)
    watched_curves.demand(left)
    launcher.demand_engine(left)
    pieces = launcher.pieces(left)
    costs = time_estimate.learned(store, [run for run, state in states.items() if state in sweep.DONE]) if left else None
    work: dict[str, Work] = {}
    measured_before = True
    for piece in pieces:
        row = work.setdefault(_title(piece), Work(title=_title(piece)))
        engine = engine_of(piece[0].experiment, launcher.engine)
        row.engines[engine] = None
        ready = sum(run.trained in trained for run in piece)
        for count, only_measured in ((len(piece) - ready, False), (ready, True)):
            if count and costs is not None:
                run_seconds, measured = costs.seconds(piece[0], trained=only_measured, engine=engine.name)
                measured_before &= measured
                row.seconds += count * run_seconds
        row.groups, row.runs = row.groups + 1, row.runs + len(piece)
        row.memory = max(row.memory, memory_estimate.BASE + len(piece) * memory_estimate.memory(piece[0]))
    at_once = min(launcher.at_once, max(1, len(pieces)))
    return StudyPlan(
        name=name, runs=len(runs), groups=len(launcher.pieces(list(runs))), states=Counter(states.values()),
        ready=sum(run.trained in trained for run in left), work=list(work.values()),
        at_once=at_once, measured=measured_before, placed=launcher.placement(at_once),
    )  # fmt: skip


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 run`, `2 runs`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _title(piece: Sequence[Planned]) -> str:
    fed = "forced" if piece[0].experiment.regime.feeder().forced else "closed loop"
    return f"{piece[0].label}, {fed}"
