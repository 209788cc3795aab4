"""Laws of the quantity that a metric declares: it is written and read, its range holds, the better value is the better one."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import torch

from freerun.errors import given
from freerun.laws._observed_rollouts import observed, other_worlds, said, taken, worlds
from freerun.laws.toolkit import CLOSE, Broken, demand, noise, only, symbols
from freerun.measurement.metrics import Metric, Observed
from freerun.parts.feedback import one_hot
from freerun.parts.tasks import Task
from freerun.parts.tasks.embedded_reber import EmbeddedReber
from freerun.parts.tasks.hidden_markov import HiddenMarkov
from freerun.parts.tasks.lorenz63 import Lorenz63
from freerun.store.quantity import NO_UNIT, Quantity, read


def law_says_what_its_number_means(metric: Metric) -> None:
    """It declares a quantity with label and unit, which can be written and read back; its better direction never changes.

    Cure: declare `quantity = Quantity(label=..., unit=..., better=...)` in the class; `quantity_of` may change the unit, never
    which way is better.
    """
    declared = metric.quantity
    demand(isinstance(declared, Quantity), f"its quantity is {declared!r}, not a Quantity")
    for where, seen in worlds(metric):
        measured = metric.quantity_of(seen)
        demand(isinstance(measured, Quantity), f"its quantity is {measured!r}, not a Quantity ({where})")
        for name in ("label", "unit"):
            demand(getattr(measured, name).strip() not in ("", NO_UNIT), f"the {name} is {getattr(measured, name)!r} ({where})")
        demand(
            measured.better == declared.better,
            f"says {declared.better} is better, and {measured.better} where it is measured ({where})",
        )
        read_back = read(measured.name, json.loads(json.dumps(measured.written(), allow_nan=False)))
        demand(read_back == measured, f"is written down as {read_back}, and was {measured} ({where})")


def law_values_lie_in_the_declared_range(metric: Metric) -> None:
    """On the truth, on noise and on what has broken down, no defined value lies outside of the range that it declares.

    Cure: widen `range`, or look for the value that should not be possible.
    """
    cases = [(where, "as it is", seen) for where, seen in worlds(metric)]
    cases += [(where, what, rolled) for where, seen in _informative(metric) for what, rolled in _ends(metric, seen)]
    for where, what, seen in cases:
        low, high = metric.quantity_of(seen).range
        slack = CLOSE * max([1.0, *(abs(end) for end in (low, high) if math.isfinite(end))])
        values = taken(metric, seen)
        outside = values.isfinite() & ((values < low - slack) | (values > high + slack))
        if bool(outside.any()):
            demand(False, f"{float(values[outside][0]):.4g} lies outside of [{low:g}, {high:g}], {what} ({where})")


@only(lambda metric: metric.quantity.better != "neither", "metrics of which one way is better")
def law_the_declared_way_is_better(metric: Metric) -> None:
    """A model that is known to be better has the better value: the source itself, or a copy of the truth, against noise.

    Cure: say `better="lower"` for an error and `"higher"` for a success; `"neither"` where no value is better.
    """
    better, sign, told_apart = metric.quantity.better, metric.quantity.sign, False
    for where, seen in _informative(metric):
        plays = ((_knowing(metric, seen), True), (_noise(seen), False))
        known, noisy = (_level(metric, _played(seen, *play), knowing) for play, knowing in plays)
        if abs(known - noisy) <= CLOSE or not math.isfinite(known - noisy):
            continue
        demand(sign * known > sign * noisy, f"says {better} is better: the truth has {known:.4g}, noise {noisy:.4g} ({where})")
        told_apart = True
    demand(told_apart, f"says {better} is better, and does not tell the truth from noise")


def _informative(metric: Metric) -> list[tuple[str, Observed]]:
    """Rollouts that the metric applies to, of more sequences, and of a world in which a Lyapunov time is short."""
    for rollouts in itertools.chain([_large()], other_worlds()):
        if applicable := [(name, seen) for name, seen in rollouts if metric.applies(seen)]:
            return applicable
    raise Broken("applies to no rollout of any task")


@cache
def _large() -> list[tuple[str, Observed]]:
    worlds: list[Task] = [EmbeddedReber(sequences=80, length=20), HiddenMarkov(sequences=80, length=20)]
    worlds += [Lorenz63(sequences=80, length=20, transient=0.0, dt=dt) for dt in (0.02, 0.1)]
    return [(type(task).__name__, observed(task)) for task in worlds]


def _ends(metric: Metric, seen: Observed) -> Iterator[tuple[str, Observed]]:
    """The truth, noise, a model that always says the same, and one that has broken down."""
    outputs, fed, hidden, made = _noise(seen)
    yield "for the truth", _played(seen, *_knowing(metric, seen))
    yield "for noise", _played(seen, outputs, fed, hidden, made)
    still = None if made is None else torch.zeros_like(made)
    yield "for a constant", _played(seen, torch.zeros_like(outputs), fed[:1].expand_as(fed), torch.zeros_like(hidden), still)
    gone = None if made is None else torch.full_like(made, torch.nan)
    yield "for what has broken down", _played(seen, torch.full_like(outputs, torch.nan), fed, hidden, gone)


def _level(metric: Metric, seen: Observed, knowing: bool) -> float:
    """The mean of the defined values of a metric."""
    return float(taken(metric, seen, knowing).nanmean())


def _played(
    seen: Observed, outputs: torch.Tensor, fed: torch.Tensor, hidden: torch.Tensor, made: torch.Tensor | None
) -> Observed:
    """The rollout, free and forced, of a model that says `outputs` and is fed `fed`."""
    picks = None if seen.picks is None else outputs.argmax(-1)
    forced = None if seen.forced is None else replace(seen.forced, outputs=outputs, picks=picks)
    orbit = seen.orbit
    if orbit is not None and made is not None:
        low, high = (end(orbit.true.flatten(0, 1), 0) for end in (torch.amin, torch.amax))
        orbit = replace(orbit, made=made, low=low, high=high)
    played = replace(seen, outputs=outputs, fed=fed, picks=picks, hidden=hidden, long_orbit=orbit, forced=forced)
    return played if seen.numbers is None else said(played)


_Play = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None]


def _knowing(metric: Metric, seen: Observed) -> _Play:
    """The outputs of a model that is known to be better: of training, of the source where it is known, or of the truth."""
    trained, orbit = given(seen.training), None if seen.orbit is None else seen.orbit.true
    if metric.of_training:
        return trained.outputs, trained.fed, given(trained.hidden), orbit
    symbolic = seen.picks is not None
    truth = one_hot(seen.targets, seen.outputs) if symbolic else seen.targets.to(seen.outputs.dtype)
    copy = truth * 20 if symbolic else truth
    source = _played(seen, copy, truth, given(trained.hidden), orbit)
    outputs = source.truth().log_probs.clamp(min=-1e3) if seen.has_oracle else copy
    return outputs, truth, given(trained.hidden), orbit


def _noise(seen: Observed) -> _Play:
    """The outputs of a model that knows nothing: noise."""
    count = seen.data.outputs
    loud = noise(*seen.outputs.shape, seed=11).to(seen.outputs.dtype) * 3
    fed = one_hot(symbols(*seen.targets.shape[:2], of=count, seed=3), seen.outputs) if seen.picks is not None else loud
    orbit = None if seen.orbit is None else noise(*seen.orbit.made.shape, seed=12) * 4
    return loud, fed, noise(*given(seen.hidden).shape, seed=13) + 3, orbit
