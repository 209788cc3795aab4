"""Law of a headline: on every world that it judges no degenerate player wins by it, or it says what it does not see."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache

from freerun.engine.replicas import spread
from freerun.laws.players import (
    SYMBOL_SEQUENCES,
    VALUE_SEQUENCES,
    Played,
    demand_no_degenerate_player_wins,
    demand_truth_at_the_floor,
    demand_what_wins_is_declared,
    judges,
    played,
    rollout_steps,
    whole,
)
from freerun.laws.toolkit import Broken, only, small
from freerun.measurement.metrics import Metric, Observed
from freerun.measurement.players import best, playing
from freerun.parts import registry
from freerun.parts.part_source import source_of
from freerun.parts.tasks import Task
from freerun.random_streams import stream

#: Worlds on which a built-in headline is tried, with those that take longer last; a plugin's is tried on every task.
WORLDS = ("hidden_markov", "embedded_reber", "lorenz63", "errors_in_variables", "delayed_recall", "lorenz96", "digits")
#: So many times as long as other laws may the law of a plugin's headline take, which is tried on every task.
PATIENCE = 10.0


@cache
def _task(name: str) -> Task:
    """A task by its name, with a file where it needs one, in the size that players need."""
    task: Task = whole(small(registry.get("task", name)))
    return task


@cache
def world(name: str) -> Played:
    """Return the rollouts of the players of a task by its name."""
    return played(_task(name))


@cache
def _glimpse(name: str) -> Observed | None:
    """The free rollout of the best player of a task, to know what judges it; None where no player can play."""
    task = _task(name)
    steps = rollout_steps(task)
    data = task.build(0, max(task.length, steps))
    player = best(playing(task, data, task.own_warmup))
    if player is None:
        return None
    part = data.splits["test"]
    sequences = part.take(spread(len(part), SYMBOL_SEQUENCES if task.symbols else VALUE_SEQUENCES), steps)
    _, free = player.play(task, data, sequences, task.own_warmup, stream(0, f"players/{player.name}/rollout"))
    return free


def _may_judge(metric: Metric) -> bool:
    return metric.quantity.part == "headline" or type(metric).quantity_of is not Metric.quantity_of


def _judged_worlds(metric: Metric) -> Iterator[str]:
    """The worlds that a metric judges: none where it is no headline on any.

    Of a built-in one the first: the law of tasks has it judge every task. Of a plugin's all tasks, built in or of plugins, for
    nobody else has it judge them.
    """
    own = source_of(metric) is not None
    names = [*WORLDS, *(name for name in registry.parts("task") if name not in WORLDS)] if own else WORLDS
    judged = (name for name in names if (seen := _glimpse(name)) is not None and judges(metric, seen))
    return judged if own else itertools.islice(judged, 1)


@only(lambda metric: _may_judge(metric) and any(_judged_worlds(metric)), "headlines", patience=PATIENCE)
def law_no_reference_player_wins_by_it(metric: Metric) -> str:
    """With the other headlines no degenerate reference player wins; one that wins by it alone, it says to be blind to.

    Cure: say in `blind` what the measure does not see, or declare `part="companion"`.
    """
    tried = []
    for name in _judged_worlds(metric):
        seen = world(name)
        others = [other for other in seen.headlines() if type(other) is not type(metric)]
        try:
            demand_truth_at_the_floor([metric], seen)
            demand_no_degenerate_player_wins([metric, *others], seen)
            demand_what_wins_is_declared(metric, seen)
        except Broken as fault:
            raise Broken(f"on {name}: {fault}") from None
        tried.append(name)
    return f"tried on {', '.join(tried)}"
