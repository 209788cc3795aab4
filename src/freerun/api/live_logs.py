"""Live logs from Python: a launcher whose runs stream their curves to trackers, and to a function of the caller's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from freerun.execution import run_logs
from freerun.execution.launchers import Launcher

#: Called with the identity of a run, an update and the values by quantity.
Callback = Callable[[str, int, dict[str, float]], None]


def watched(launcher: Launcher, log: str | None, callback: Callback | None) -> Launcher:
    """Return a launcher that trains alike, and logs.

    Args:
        launcher: where runs are trained.
        log: trackers, as `Launcher` takes them; None for those of the launcher.
        callback: told of every logged update; None for nobody. One that raises is given up.

    Raises:
        ConfigError: if there is no such log, what it needs is not installed, or nobody can be called back.
    """
    made = replace(launcher, log=launcher.log if log is None else log)
    vars(made).update({**vars(launcher), **vars(made)})  # the end of its time, which is no field
    run_logs.names(made.log)
    if callback is not None:
        made.call_back(run_logs.safe(callback))
    return made
