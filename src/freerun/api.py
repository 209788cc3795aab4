"""How is an experiment run from Python, without a command line?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from freerun.config import Experiment
from freerun.grouping import groups, plan
from freerun.runner import prepare, run_safely
from freerun.store import Store
from freerun.tables import Tables, frames


def run(experiments: Iterable[Experiment], results: str | Path = "results", group: int = 32) -> Tables:
    """Train and measure experiments in this process and return their tables; what has a record already is not done again.

    Sets torch to one thread, which the equality of a run alone and in a group depends on.

    Args:
        experiments: any number; those that differ in seed, regime, learning rate, weight decay or clipping train together.
        results: the folder whose store of records is used.
        group: most runs that train together.

    Returns:
        The tables; a run that failed is a row with status `failed` and the reason.

    Raises:
        StoreError: if the folder cannot be used.
    """
    runs, store = plan(list(experiments)), Store(Path(results) / ".store")
    store.open()
    prepare()
    for piece in groups([each for each in runs if not store.has(each.id)], group):
        for identity, reason in run_safely(piece, store, lambda event, values: None).items():
            store.fail(identity, reason)
    return frames(store, [each.id for each in runs], "python", {each.id: each.tree for each in runs})
