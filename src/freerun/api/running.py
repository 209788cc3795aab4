"""Running from Python: `run` trains a list of experiments and returns their tables."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from freerun.analysis.tables import idle_settings
from freerun.analysis.tables.tidy import Tables, frames
from freerun.api import launching, live_logs
from freerun.config.experiment import Experiment
from freerun.execution.launchers import Launcher
from freerun.execution.planned_run import plan
from freerun.store import record_scan
from freerun.store.records import Store
from freerun.sweeps.study import tell
from freerun.sweeps.sweep import see_to, tell_notes


def run(
    experiments: Experiment | Iterable[Experiment], results: str | Path = "results", group: int = 32,
    launcher: Launcher | str | None = None, *, log: str | None = None, callback: live_logs.Callback | None = None,
) -> Tables:  # fmt: skip
    """Train and measure experiments and return their tables; what has a record already is not done again.

    Notes are printed on standard error, as on the command line: what was settled otherwise than it was asked for, what was
    taken of your own data, what could not be measured of reference players, which settings changed nothing.

    Args:
        experiments: one, or any number; those that differ in seed, regime, learning rate, weight decay, momentum, clipping or
            the run that they start from train together.
        results: the folder whose store of records is used.
        group: most runs that train together.
        launcher: where they are trained, for example ``Local(workers=4)`` of `freerun.execution.launchers.local`, or its name
            (``"local"``: a worker a core); None for this process, which then computes with one thread, as the equality of a run
            alone and in a group demands.
        log: where the curves of each run go while it trains: csv, tensorboard, mlflow, wandb, or several, ``[csv,wandb]``.
        callback: called with the identity of a run, an update and the values by quantity, ``{"loss": 0.3, ...}``, at every
            update that a run logs, in this process. One that raises is given up, in one line; no run is changed by it.

    Returns:
        The tables; a run that failed is a row with status `failed` and the reason.

    Raises:
        StoreError: if the folder cannot be used.
        ConfigError: if there is no such log, what it needs is not installed, or nobody can be called back.
    """
    where = live_logs.watched(launching.launcher(launcher, group), log, callback)
    asked = launching.experiments(experiments)
    tell(asked)
    runs, store = plan(asked), Store(Path(results) / ".store")
    store.open()
    tell_notes((run.id for run in runs), store)  # what nobody waited for
    missing = set(record_scan.missing(store, (run.id for run in runs)))
    see_to([run for run in runs if run.id in missing], store, where)
    tables = frames(store, [run.id for run in runs], "python", {run.id: run.tree for run in runs})
    for line in idle_settings.notes(tables, [run.tree for run in runs]):
        print(f"note: {line}", file=sys.stderr)
    return tables
