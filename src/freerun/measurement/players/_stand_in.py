"""Experiment that stands where a player has none: metrics ask it for the task, the rule and the spans."""

from __future__ import annotations

from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import Experiment
from freerun.parts.feedback.none import Nothing
from freerun.parts.feedback.sample import Sample
from freerun.parts.models.gru import GRU
from freerun.parts.tasks import Task

#: The last task, and its experiments by warm-up and steps.
_last: list[Task] = []
_made: dict[tuple[int, int], Experiment] = {}


def stand_in(task: Task, warmup: int, steps: int) -> Experiment:
    """Return the experiment for all players of a task that are forced for `warmup` steps and then run free for `steps`."""
    if not _last or _last[0] is not task:
        _made.clear()
        _last[:] = [task]
    if (warmup, steps) not in _made:
        rule = (Nothing() if task.silent else Sample()) if task.symbols else None
        evaluation = Evaluation(warmup=warmup, horizon=steps, orbit=0)
        _made[warmup, steps] = Experiment(task=task, model=GRU(hidden=1), feedback=rule, evaluation=evaluation)
    return _made[warmup, steps]
