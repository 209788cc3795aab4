"""Ends of commands that do runs: their results shown, where the tables are, the exit code."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from freerun.analysis.outputs import Products
    from freerun.errors import OutOfTime
    from freerun.execution.launchers import Launcher
    from freerun.store.results_folder import Place
    from freerun.sweeps.study import Study


def printed(study: Study, shard: tuple[int, int] | None, *, tune: bool = False) -> int:
    """Print the experiments of a study, or of a part of it, as ``--cfg job`` wants them; returns the exit code.

    Args:
        study: whose runs they are.
        shard: which part of how many; None for the whole.
        tune: the study is to be tuned.

    Raises:
        ConfigError: if the study is tuned, so that its experiments follow from trials.
    """
    from freerun.errors import ConfigError
    from freerun.sweeps import experiment_file, shards

    if tune or study.tune is not None:
        raise ConfigError(f"--cfg job: what the runs of {study.name} are follows from its tuning, and is not known before")
    part = study if shard is None else shards.part(study, shards.Shard(*shard))
    print(experiment_file.printed(run.tree for run in part.runs), end="")
    return 0


def demand_figures(study: Study) -> None:
    """Demand that the figures that a study declares exist, before anything is trained.

    Raises:
        ConfigError: for one that does not.
    """
    if study.figures:
        from freerun.analysis import figures

        figures.demand(study.figures)


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
    results.tell_idle_settings()
    summary, warnings = results.summary()
    show_results(summary)
    for sentence in warnings:
        print(sentence)
    return results


def shard_ended(
    study: Study,
    where: Place,
    launcher: Launcher,
    failed: dict[str, str],
    over: OutOfTime | None = None,
    *,
    trials: bool = False,
) -> int:
    """Say what came of a part of a study, of which no tables are made, and what is done next; returns the exit code.

    Args:
        study: the part.
        where: the place of its results.
        launcher: which has done the runs, or has handed them over.
        failed: the reason for every run that failed.
        over: what was left when the time was over; None for nothing.
        trials: the study is that of the trials of another one.
    """
    from freerun.errors import given
    from freerun.sweeps import sweep

    part = given(study.part)
    counts = Counter(sweep.states(study.ids, where.store, launcher.queued(where.store)).values())
    ends = "".join(f", {counts[state]} {state}" for state in sweep.STATES if counts[state])
    whole = f"{part['whole']['name']}, part {part['number']} of {part['of']}"
    print(f"{whole}: {'1 run' if len(study.ids) == 1 else f'{len(study.ids)} runs'}{ends}")
    then = "then the same command on what is merged divides the study" if trials else "of that, tables and report are made"
    print(f"when all parts are done, freerun merge DIR ... unites their folders of results; {then}")
    return ended(sweep.settle(failed, where, study.name), over)


def say_where(results: Products, where: Place) -> None:
    """Print where the tables of a sweep are, and the command that makes more of them."""
    print(f"tables: {results.folder}/   ({where.command('report', results.name)} builds figures and a report)")


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
