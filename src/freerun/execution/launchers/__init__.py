"""Launchers: the places where groups are trained, here, in worker processes or on a cluster.

A launcher is one file: the module's name is its name on the command line (``launcher=slurm launcher.partition=gpu``). It gets
groups of runs, hands out the store and identities, and returns when each run is done, marked as failed in the store, or claimed
by another sweep. Nothing of it is part of a run's identity: the same run has the same record wherever it was trained.
"""

from __future__ import annotations

import importlib
import inspect
import math
import pkgutil
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cache
from importlib.util import find_spec
from typing import Any, ClassVar

from freerun.config.run_identity import sources
from freerun.engine.compiled.library import library
from freerun.engine.engine_choice import CHOICES, VARIABLE, default, obstacle
from freerun.errors import ConfigError, require
from freerun.execution import run_logs
from freerun.execution.grouping import groups, spread
from freerun.execution.machine import available, cores
from freerun.execution.memory_estimate import most_at_once
from freerun.execution.planned_run import Planned, titles
from freerun.execution.progress import Watcher
from freerun.execution.run_logs import Told
from freerun.execution.worker_supervisor import Terms
from freerun.io import key_value
from freerun.io.suggestions import nearest
from freerun.parts import notebook_parts, notebook_source, registry
from freerun.parts.plugins import plugin_files
from freerun.parts.settings import build
from freerun.store.checkpoints import EVERY
from freerun.store.records import Store

DEFAULT = "local"
#: The part of the free memory that workers may have in all.
SHARE = 0.8


@dataclass(kw_only=True)
class Launcher(ABC):
    """What all launchers have in common.

    Attributes:
        workers: how many groups are trained at once; None for as many as the launcher finds room for.
        group: most runs that train together.
        memory: gigabytes that a worker may use, by which groups are made smaller; None for its share of what is free here.
        time_limit: seconds that a group may take before its worker is killed; None for no limit.
        checkpoint: updates between two checkpoints of a run, from which it goes on after a kill; 0 for none.
        threads: of a worker; more than one can change the last bits of sums over large tensors.
        log: where the curves of each run go while it trains: csv, tensorboard, mlflow, wandb, or several, `[csv,wandb]`.
        engine: of rollouts (docs/engine.md): auto, reference or compiled; None for what FREERUN_ENGINE says, or auto.
    """

    #: Workers share the memory of this machine.
    here: ClassVar[bool] = True
    #: Runs are done in this very process, which alone knows the parts of a notebook.
    own_process: ClassVar[bool] = False
    #: It begins one group after the other, so that it can stop between two of them.
    stops: ClassVar[bool] = False
    #: It hears of every logged update while runs train, so that a callback can be told.
    hears: ClassVar[bool] = False
    #: Who else is told of every logged update.
    _callbacks: ClassVar[tuple[Told, ...]] = ()
    #: When nothing more is begun, by `time.monotonic`.
    _deadline: ClassVar[float] = math.inf

    workers: int | None = None
    group: int = 32
    memory: float | None = None
    time_limit: float | None = None
    checkpoint: int = EVERY
    threads: int = 1
    engine: str | None = None
    log: str | None = None

    def __post_init__(self) -> None:
        require(self.workers is None or 1 <= self.workers <= 100_000, "workers", self.workers, "be from 1 to 100000")
        require(1 <= self.group <= 10_000, "group", self.group, "be from 1 to 10000")
        require(self.memory is None or self.memory > 0, "memory", self.memory, "be positive")
        require(self.time_limit is None or self.time_limit > 0, "time_limit", self.time_limit, "be positive")
        require(self.checkpoint >= 0, "checkpoint", self.checkpoint, "be at least 0")
        require(1 <= self.threads <= 4096, "threads", self.threads, "be from 1 to 4096")
        known = self.engine is None or self.engine in CHOICES
        require(known, "engine", self.engine, f"be {', '.join(CHOICES)}, or null for the default")

    @property
    def terms(self) -> Terms:
        """What a worker has to keep to."""
        return Terms(
            threads=self.threads, time_limit=self.time_limit, checkpoint=self.checkpoint, engine=self.engine,
            plugins=tuple(plugin_files().items()), log=run_logs.names(self.log), curves=bool(self._callbacks),
        )  # fmt: skip

    @property
    def at_once(self) -> int:
        """How many groups are trained at once: with one thread each, as many as this process has cores."""
        return self.workers or max(1, cores() // self.threads)

    def placement(self, count: int) -> str:
        """Return in words where so many workers are, if that was asked for; else ""."""
        return ""

    @property
    def waits(self) -> bool:
        """Whether `launch` stays until all is done."""
        return True

    @property
    def over(self) -> bool:
        """Whether the time is over that it was given: what runs ends, and no group is begun any more."""
        return time.monotonic() >= self._deadline

    def stop_after(self, hours: float) -> None:
        """Begin no group any more after so many hours from now.

        Raises:
            ConfigError: if it hands all groups over at once.
        """
        if not self.stops:
            raise ConfigError("--hours: this launcher hands all groups over at once; choose launcher=local, inline or joblib")
        vars(self)["_deadline"] = time.monotonic() + 3600 * hours

    def call_back(self, told: Told) -> None:
        """Tell somebody of every logged update of each run: its identity, the update, and the values by quantity.

        Raises:
            ConfigError: if it trains out of sight of this process.
        """
        if not self.hears:
            name = type(self).__name__.lower()
            where = "trains where nobody hears of it; choose local or inline, or log=csv"
            raise ConfigError(f"callback: launcher={name} {where}")
        vars(self)["_callbacks"] = (told,)

    @property
    def callback(self) -> Told | None:
        """Who is told of every logged update."""
        return next(iter(self._callbacks), None)

    def queued(self, store: Store) -> set[str]:
        """Return the runs that an earlier command has handed out and that have not begun."""
        del store
        return set()

    def pieces(self, runs: list[Planned]) -> list[list[Planned]]:
        """Return the groups that runs are trained in: of at most `group` runs, and no larger than a worker's memory."""
        pieces = groups(runs, self.group, lambda run: most_at_once(run, self.group, self.budget))
        return spread(pieces, self.at_once) if self.here else pieces  # a worker without work helps nobody

    @property
    def budget(self) -> int | None:
        """Bytes that a worker may use; None if nothing is known about it."""
        if self.memory is not None:
            return int(self.memory * 2**30)
        free = available() if self.here else None
        return None if free is None else int(SHARE * free / self.at_once)

    def demand_engine(self, runs: Iterable[Planned]) -> None:
        """Refuse runs that the engine, or the devices, which are asked for cannot compute, before one is begun.

        Raises:
            ConfigError: which run it is, why, and what to choose; or that the compiled engine is of another source.
        """
        engine, key = (self.engine, "engine") if self.engine else (default(), VARIABLE)
        if engine == "reference" or not (every := list(runs)):
            return
        if self.here:
            library()  # which refuses a stale one
        if engine == "auto":
            return
        if refused := {run.id: why for run in every if (why := obstacle(run.experiment, here=self.here))}:
            first, why = next(iter(refused.items()))
            title = titles({run.id: run.tree for run in every})[first]
            count = f"{len(refused)} of {len(every)} runs, the first of them " if len(every) > 1 else ""
            raise ConfigError(f"{key}=compiled cannot do {count}{title}: {why}; choose engine=auto or engine=reference")

    def demand_files(self, runs: Iterable[Planned]) -> None:
        """Refuse runs with a part that is in no file where other processes do them.

        Raises:
            ConfigError: which part it is, and what to do.
        """
        if self.own_process or not any(registry.notebook_parts.values()):
            return
        needed = {source for run in runs for source in sources(run.tree) | run.measurement.sources}
        if lost := [name for name, digest in notebook_parts.sources().items() if digest in needed]:
            raise ConfigError(
                f"{lost[0]} is known to this process alone, and {type(self).__name__} does runs in others: leave the launcher "
                f"out, or {notebook_source.REMEDY}"
            )

    @abstractmethod
    def check(self) -> None:
        """Check that what the launcher needs is there.

        Raises:
            ConfigError: if it is not, naming the remedy.
        """

    @abstractmethod
    def launch(self, groups: Sequence[list[Planned]], store: Store, watcher: Watcher) -> None:
        """Do all groups, wherever this launcher does them.

        Raises:
            StoreError: if the store has become unusable.
            FreerunError: if nothing can be started.
            KeyboardInterrupt: passed on, after what was started has been stopped.
        """


def needs(package: str, extra: str, key: str) -> Any:
    """Import a package that comes with an extra.

    Raises:
        ConfigError: if it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError:
        raise ConfigError(f"{key}: needs {package}; pip install 'freerun[{extra}]'") from None


@cache
def known() -> dict[str, type[Launcher]]:
    """Return all launchers by name."""
    launchers = {}
    for info in pkgutil.iter_modules(__path__):
        if not info.name.startswith("_"):
            module = importlib.import_module(f"{__name__}.{info.name}")
            (launchers[info.name],) = (
                value
                for value in vars(module).values()
                if inspect.isclass(value) and issubclass(value, Launcher) and value.__module__ == module.__name__
            )
    return launchers


def choose(words: list[str], short: dict[str, int]) -> tuple[Launcher, list[str]]:
    """Return the launcher that ``launcher=...``, ``launcher.KEY=VALUE`` and the keys engine and log choose, and what is left.

    Args:
        words: overrides.
        short: settings that were given as options of the command.

    Raises:
        ConfigError: for an unknown launcher or setting, or if what it needs is not installed.
    """
    name, typed, rest = DEFAULT, dict[str, str](), []
    for word in words:
        key = key_value.key_of(word)
        if key in ("engine", "log"):
            typed[key] = word
        elif key != "launcher" and not key.startswith("launcher."):
            rest.append(word)
        elif key == "launcher":
            name = key_value.split(word)[1]
        else:
            typed[key.removeprefix("launcher.")] = word
    if name not in known():
        raise ConfigError(f"launcher={name}: unknown launcher; {nearest(name, known())}")
    types = {item.name: str(item.type) for item in fields(known()[name])}
    settings = {key: _value(word, types.get(key, "")) for key, word in typed.items()}
    launcher: Launcher = build(known()[name], "launcher", {**short, **settings})
    launcher.check()
    run_logs.names(launcher.log)
    return launcher, rest


def _value(word: str, type_name: str) -> int | float | str | bool | None:
    """Return the typed value of a setting: text as it stands for a setting of text, else a number, true, false or text."""
    text = key_value.split(word)[1]
    if text == "null":
        return None
    if len(text) > 1000 or not text.isprintable():
        raise ConfigError(f"{word[:60]}: too long, or not printable")
    if not type_name.startswith("str"):
        if text in ("true", "false"):
            return text == "true"
        for number in (int, float):
            try:
                return number(text)
            except ValueError:
                continue
    return text.removeprefix("'").removesuffix("'")


def waiting(store: Store) -> tuple[dict[str, list[str]], bool]:
    """Return the tasks in the queue of a cluster with their runs, and whether the cluster could be asked about them.

    Where the cluster's tools are installed it is asked once for all tasks, and those that have ended are dropped.
    """
    from freerun.execution.launchers import _queue, slurm

    answered = shutil.which("sacct") is not None and find_spec("submitit") is not None
    if answered and any(_queue.listed(store)):
        slurm.Slurm().queued(store)
    return dict(_queue.listed(store)), answered
