"""Law of the headlines of a task: under all of them together the truth is best, and no degenerate player wins.

Reference players stand where a model does. A set of headlines is one under which the truth has its floor, and every degenerate
player is worse than the best that a model can be (the truth; of a chaotic flow the truth with a fresh error at each step)
somewhere, by more than both intervals. Else the set rewards it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch

from freerun.engine.replicas import spread
from freerun.laws.toolkit import SMALL, Broken, demand, only
from freerun.measurement.accumulated_error_estimate import half_width
from freerun.measurement.metrics import Comparison, Metric, Observed
from freerun.measurement.player_measurement import further
from freerun.measurement.players import TRUTH, WORSE, Player, best, playing
from freerun.parts import registry
from freerun.parts.tasks import Task
from freerun.random_streams import stream

#: Sequences of a rollout, and seeds: of symbols one, whose sequences give the interval.
SYMBOL_SEQUENCES, VALUE_SEQUENCES, SEEDS = 128, 64, 3
#: Of two degenerate players the first is the worse one whatever is asked: nearly all that it writes is impossible.
ORDERED = (("deserts", "wrong turn"), ("deserts", "ends soon"))
#: An error below this is nothing on a logarithmic scale; a floor is met so closely, for values are of single precision.
_LEAST, ROUNDING = 1e-12, 1e-4


@dataclass(frozen=True, kw_only=True)
class Score:
    """A measure of a player, with its 95 % interval; an error on a ratio scale over seeds as its logarithm to base 2."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """The value between its ends."""
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"


@dataclass(frozen=True, kw_only=True)
class Played:
    """The free rollouts of the players of a task by their names, one a seed, each with the forced one beside it."""

    players: dict[str, Player]
    rollouts: dict[str, list[Observed]]

    @property
    def best(self) -> str:
        """The player beside which the others are judged."""
        player = best(list(self.players.values()))
        if player is None:
            raise Broken("no reference player stands for the truth")
        return player.name

    def named(self, stands: int) -> list[str]:
        """The players that stand for something."""
        return [name for name, player in self.players.items() if player.stands == stands]

    def score(self, metric: Metric, name: str, *, plain: bool = False) -> Score:
        """A measure of a player; of several seeds their mean, of one its own interval over sequences.

        Args:
            metric: whatever applies.
            name: of the player.
            plain: no logarithm is taken, not of an error on a ratio scale either.
        """
        player, seen = self.players[name], self.rollouts[name]
        if isinstance(metric, Comparison):
            seen = [further(player, metric, free, seed) for seed, free in enumerate(seen)]
        if len(seen) > 1:
            return _over_seeds(metric, seen, log=metric.quantity.ratio and not plain)
        value = float(metric.measure(seen[0]).nanmean())
        ends = metric.interval(seen[0]) if isinstance(metric, Comparison) else None
        low, high = (value, value) if ends is None else (float(end.nanmean()) for end in ends)
        return Score(value=value, low=low, high=high)

    def headlines(self) -> list[Metric]:
        """The metrics that judge the task."""
        first = self.rollouts[self.best][0]
        metrics: list[Metric] = [metric() for metric in registry.parts("metric").values()]
        return [metric for metric in metrics if judges(metric, first)]


def judges(metric: Metric, seen: Observed) -> bool:
    """Whether a metric is one of the headlines of what was observed."""
    return metric.applies(seen) and metric.quantity_of(seen).part == "headline"


def _over_seeds(metric: Metric, seen: Sequence[Observed], *, log: bool) -> Score:
    values = torch.stack([metric.measure(rollout).nanmean() for rollout in seen]).double()
    if log:
        values = values.clamp(min=_LEAST).log2()
    mean, half = float(values.mean()), float(half_width((values - values.mean())[None]))
    return Score(value=mean, low=mean - half, high=mean + half)


def played(task: Task, seeds: int | None = None, *, further: Sequence[Player] | None = None) -> Played:
    """The rollouts of every player of a task; of symbols those alone that differ from the truth.

    Args:
        task: with as many sequences as its settings say.
        seeds: how many; None for one of symbols, else three.
        further: degenerate players in place of the framework's own.
    """
    warmup = task.own_warmup
    steps = rollout_steps(task)
    rollouts: dict[str, list[Observed]] = {}
    players: dict[str, Player] = {}
    for seed in range(seeds or (1 if task.symbols else SEEDS)):
        data = task.build(seed, max(task.length, steps))
        part = data.splits["test"]
        sequences = part.take(spread(len(part), SYMBOL_SEQUENCES if task.symbols else VALUE_SEQUENCES), steps)
        known = playing(task, data, warmup)
        if further is not None:
            known = [*(each for each in known if each.stands < WORSE), *(each for each in further if each.applies(task, data))]
        for player in known:
            _, free = player.play(task, data, sequences, warmup, stream(seed, f"players/{player.name}/rollout"))
            if player.stands < WORSE or not task.symbols or _differs(free):
                players.setdefault(player.name, player)
                rollouts.setdefault(player.name, []).append(free)
    return Played(players=players, rollouts=rollouts)


def _differs(free: Observed) -> bool:
    """Whether a player expects anything else than the source does at a prefix that came up."""
    return free.data.oracle is None or any(_apart(seen) for seen in (free, free.forced) if seen is not None)


def _apart(seen: Observed) -> bool:
    truth = seen.truth()
    apart = (torch.softmax(seen.outputs, -1) - truth.log_probs.exp()).abs().amax(-1)
    return bool((apart[truth.inside & ~truth.ended] > 1e-9).any())


def whole(task: Task) -> Task:
    """A task in the size that players need: settings that laws make small are its own again, with few orbits of values."""
    own = {item.name: item.default for item in fields(task) if item.name in SMALL and isinstance(item.default, (int, float))}
    settings: dict[str, Any] = {name: value for name, value in own.items() if getattr(task, name) == SMALL[name]}
    if not task.symbols and "sequences" in own:
        settings["sequences"] = 4 * VALUE_SEQUENCES
    return replace(task, **settings)


def rollout_steps(task: Task) -> int:
    """Steps of a rollout of players: warm-up and horizon."""
    return task.own_warmup + (task.default_horizon or max(1, task.length - task.own_warmup))


def demand_truth_at_the_floor(metrics: Sequence[Metric], seen: Played) -> None:
    """The truth itself has the floor that a measure declares, within its interval."""
    for metric in metrics:
        floor = metric.quantity.floor
        if floor is None or isinstance(floor, str):
            continue
        for name in seen.named(TRUTH):
            score = seen.score(metric, name, plain=True)
            near = score.low - ROUNDING <= floor <= score.high + ROUNDING
            demand(near, f"{_name(metric)}: the {name} has {score}, and not its floor {floor:g}")


def demand_no_degenerate_player_wins(metrics: Sequence[Metric], seen: Played) -> None:
    """Every degenerate player is worse than the best there is under some metric of a set, by more than both intervals."""
    top, reach = seen.best, dict[int, Score]()
    for name in seen.named(WORSE):
        margins = []
        for number, metric in enumerate(metrics):  # the next one is measured only where those before do not tell
            if number not in reach:
                reach[number] = seen.score(metric, top)
            margins.append(margin(metric, reach[number], seen.score(metric, name)))
            if 0 < margins[-1] < math.inf:
                break
        else:
            told = ", ".join(f"{_name(metric)} by {value:.3g}" for metric, value in zip(metrics, margins, strict=True))
            raise Broken(f"{name} is worse than the {top} by more than both intervals nowhere: {told}")
    for worse, better in ORDERED:
        if worse in seen.players and better in seen.players:
            pairs = [(metric, seen.score(metric, better), seen.score(metric, worse)) for metric in metrics]
            margins = [margin(*pair) for pair in pairs]
            demand(max(margins) > 0, f"{worse} is worse than {better} nowhere")
            demand(not any(margin(metric, b, a) > 0 for metric, a, b in pairs), f"{worse} beats {better}")


def demand_what_wins_is_declared(metric: Metric, seen: Played) -> None:
    """A headline tells degenerate players from the truth; one by which some of them win says what it is blind to."""
    top, tells = seen.score(metric, seen.best), False
    for name in seen.named(WORSE):
        score = seen.score(metric, name)
        tells = tells or margin(metric, top, score) > 0
        wins = margin(metric, score, top) > 0
        finding = f"{name} beats the {seen.best}, {score} against {top}"
        demand(not wins or bool(metric.quantity.blind), f"{_name(metric)}: {finding}; say in blind= what it does not see")
    demand(tells, f"{_name(metric)}: tells no degenerate player from the {seen.best}")


def margin(metric: Metric, better: Score, worse: Score) -> float:
    """How much more than both intervals one score is worse than another; NaN where either is undefined."""
    if metric.quantity.better == "higher":
        return better.low - worse.high
    return worse.low - better.high


def _name(metric: Metric) -> str:
    return type(metric).__name__


def _is_played(task: Task) -> bool:
    sized = whole(task)
    data = sized.build(0, sized.length)
    return best(playing(sized, data, sized.own_warmup)) is not None


@only(_is_played, "tasks that reference players can play on")
def law_no_reference_player_wins_on_it(task: Task) -> None:
    """By its headlines together the truth is best, and every degenerate reference player worse by one of them.

    Cure: give the task the headline that sees what the winning player does wrong (a metric with `part="headline"`), or an
    oracle (or `onward`) by which one-step errors are measured.
    """
    seen = played(whole(task))
    metrics = seen.headlines()
    demand(bool(metrics), "it has no headline")
    demand_truth_at_the_floor(metrics, seen)
    demand_no_degenerate_player_wins(metrics, seen)
