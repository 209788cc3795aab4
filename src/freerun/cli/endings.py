"""Ends of commands that do runs: their results shown, where the tables are, the exit code."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from freerun.analysis.outputs import Products
    from freerun.errors import OutOfTime
    from freerun.execution.launchers import Launcher
    from freerun.store.results_folder import Place


def shown(name: str, where: Place, launcher: Launcher, later: str = "the same command") -> Products | None:
    """Write the tables of a sweep and print its results; where the launcher does not wait, print that instead and return None.

    Args:
        name: of the study.
        where: the place of the results.
        launcher: which has done the runs, or has handed them over.
        later: the command that will make the tables, for the printed line.
    """
    from freerun.analysis import outputs
    from freerun.cli.terminal import show_results
    from freerun.store.results_folder import read_info
    from freerun.sweeps import sweep

    if not launcher.waits:
        states = sweep.states(read_info(name, where, started=False)["ids"], where.store)
        if left := sum(state in ("pending", "running") for state in states.values()):
            runs = "1 run is" if left == 1 else f"{left} runs are"
            status = where.command("status")
            print(f"{runs} queued: {status} shows how far they are, {later} makes the tables when they have ended")
            return None
    results = outputs.of(name, where)
    results.write_tables()
    summary, useless = results.summary()
    show_results(summary)
    for sentence in useless:
        print(f"of no use: {sentence}")
    return results


def say_where(results: Products, where: Place) -> None:
    """Print where the tables of a sweep are, and the command that makes more of them."""
    print(f"tables: {results.folder}/   ({where.command(f'report {results.name}')} builds figures and a report)")


def ended(code: int, over: OutOfTime | None) -> int:
    """The exit code of a command whose time may be over, of which it says so in one line.

    Args:
        code: what it would be, had everything been tried.
        over: what was left; None for nothing.
    """
    if over is None:
        return code
    print(f"freerun: {over}", file=sys.stderr)
    return code or over.code
