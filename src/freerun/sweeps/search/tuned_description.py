"""Description of a tuned method, as the file of the study holds it: what was tried, what was chosen, what it took."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from freerun.execution.planned_run import Planned
from freerun.execution.training_work import Work
from freerun.store import training_time
from freerun.store.records import Store
from freerun.sweeps.search.target import Target
from freerun.sweeps.search.tuned_methods import Method, TuningTrial


def described(method: Method, chosen: dict[str, str], runs: list[Planned], store: Store, *, of_its_own: bool) -> dict[str, Any]:
    """Return a method as the study's file describes it, with what its trials took as far as they came.

    Args:
        method: whose trials have ended.
        chosen: the value of each tuned key.
        runs: of the study, with what was chosen.
        store: where the records are.
        of_its_own: other methods may have another target.
    """
    took = sum((trial.work for trial in method.trials), Work())
    return {
        "runs": list(dict.fromkeys(run.trained for run in runs)),
        "chosen": chosen,
        "trials": [_trial(trial) for trial in method.trials],
        "updates": took.updates,
        "steps": took.steps,
        "products": float(took.products),
        "seconds": training_time.seconds(_trained(method, store)),
        **({"target": _target(method.target)} if of_its_own else {}),
    }


def _target(target: Target) -> dict[str, Any]:
    return {"metric": target.metric, "mode": target.mode, "split": target.split, "maximize": target.maximize}


def _trained(method: Method, store: Store) -> Iterable[training_time.Run]:
    """Yield what was trained for the trials of a method, as far as they came, without what failed."""
    for trained in (run.trained for trial in method.trials for run in trial.begun):
        if store.has(trained):
            record = store.read(trained)
            yield record["experiment"], record["provenance"]


def _trial(trial: TuningTrial) -> dict[str, Any]:
    finite = trial.value is not None and math.isfinite(trial.value)
    return {
        "settings": trial.settings, "runs": trial.runs, "value": trial.value if finite else None, "state": trial.state,
        "lost": trial.value is not None and not finite, "pruned": trial.pruned is not None, "updates": trial.updates,
    }  # fmt: skip
