"""Retry: the failed and the pending runs of a study done again, each as it was planned."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from freerun.config.measurement_identity import measurement
from freerun.config.run_identity import from_canonical
from freerun.errors import ConfigError, CorruptRecord
from freerun.execution import launchers, plan_files
from freerun.execution.launchers import Launcher
from freerun.execution.planned_run import Planned
from freerun.io.text import one_line
from freerun.parts.plugins import plugin_files
from freerun.store import record_scan
from freerun.store.claims import Claims
from freerun.store.records import Store, trained_run
from freerun.store.results_folder import Place, demand_still_there, read_info
from freerun.sweeps.sweep import DONE, generation, see_to, states


def retry(name: str, place: Place, launcher: Launcher) -> dict[str, str] | None:
    """Do the failed and the pending runs of a study; returns the reasons of those that fail, None if there are none to do.

    So are runs whose reference players have no sound record any more, if this version can have them from their plans; none of
    them is trained or measured for that.

    Raises:
        ConfigError: if there is no such study, or a run cannot be had from its plan any more.
    """
    info, store = read_info(name, place, started=False), place.store
    store.open()
    with Claims(store).presence():
        queued = [run for runs in launchers.waiting(store)[0].values() for run in runs]
        now = states(info["ids"], store, queued)
        undone = [run for run, state in now.items() if state in ("failed", "pending")]
        try:
            runs = [_again(run, info["planned"][run], store) for run in undone]
        except plan_files.PluginNotNamed as fault:
            raise ConfigError(f"study {name!r}: {fault}") from None
        except (CorruptRecord, ConfigError) as fault:
            reason = "the plan of a run is gone"
            if isinstance(fault, ConfigError):
                what = one_line(str(fault).partition(";")[0], 60)
                reason = f"a part or a metric has changed, or is a plugin's that is not named ({what})"
            if (older := generation(info)) is not None:
                reason = f"its runs are of generation {older} of Freerun, and this version has to train them anew"
            raise ConfigError(f"study {name!r}: {reason}; run: {place.again(info['command'])}") from None
        lost = _without_players([run for run, state in now.items() if state in DONE], info, store)
        runs += lost
        if lost:
            records = {run.players for run in lost}
            print(f"{name}: {'1 record' if len(records) == 1 else f'{len(records)} records'} of reference players to do again")
        failed = see_to(runs, store, launcher) if runs else None
        demand_still_there(name, place)
        return failed


def _without_players(done: list[str], info: Mapping[str, Any], store: Store) -> list[Planned]:
    """Return the runs whose players have no sound record; those that were planned by another version are left as they are."""
    runs = []
    for run in record_scan.missing(store, done):
        with suppress(CorruptRecord, ConfigError):
            runs.append(_again(run, info["planned"][run], store))
    return runs


def _again(run: str, tree: dict[str, Any], store: Store) -> Planned:
    """Return a run from its plan; where the plan was removed with a record that is damaged now, from the study's file.

    Raises:
        CorruptRecord: if the study describes another run.
        ConfigError: if a part is missing or has changed.
    """
    try:
        return plan_files.read(store, run, plugin_files())
    except CorruptRecord:
        experiment = from_canonical(tree)
        planned = measurement(experiment, tree)
        if planned.run != trained_run(run):
            raise
    if planned.id != run:
        raise ConfigError("its metrics are not those that it was planned with")
    return Planned(tree=tree, experiment=experiment, measurement=planned)
