"""Laws of a metric: only predictions after the release count, only what has weight, and no infinity is averaged."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import torch

from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import Experiment
from freerun.errors import ConfigError, given
from freerun.laws.toolkit import CLOSE, Broken, demand, noise, only, small, symbols
from freerun.measurement.metrics import Further, Metric, Observed, Orbit
from freerun.parts import registry
from freerun.parts.feedback import one_hot
from freerun.parts.models.gru import GRU
from freerun.parts.tasks import Task
from freerun.parts.tasks.embedded_reber import EmbeddedReber
from freerun.parts.tasks.hidden_markov import HiddenMarkov
from freerun.parts.tasks.lorenz63 import Lorenz63
from freerun.store.quantity import NO_UNIT, Quantity, read

WARMUP, HORIZON = 4, 16
#: Worlds with an oracle and an end, with an oracle, and of values with a Lyapunov time.
TASKS: list[Task] = [
    EmbeddedReber(sequences=40, length=20),
    HiddenMarkov(sequences=40, length=20),
    Lorenz63(sequences=40, length=20, transient=0.0),
]


def observed(
    task: Task, outputs: torch.Tensor | None = None, fed: torch.Tensor | None = None, sharpness: float = 1.0
) -> Observed:
    """A forced rollout of an untrained model over the test split, or of whatever is given instead.

    Beside it stands another one as `Observed.forced`, so that a comparison has something to compare: what was fed is the truth
    in both, as if the model had said the truth by chance.
    """
    experiment = Experiment(task=task, model=GRU(hidden=2), evaluation=Evaluation(warmup=WARMUP, horizon=HORIZON))
    data = task.build(0, WARMUP + HORIZON)
    part = data.splits["test"]
    steps, count = part.targets.shape[:2]
    outputs = noise(steps, count, data.outputs) * sharpness if outputs is None else outputs
    fed = (one_hot(part.targets, torch.zeros_like(outputs)) if task.symbols else part.targets) if fed is None else fed
    picks = outputs.argmax(-1) if task.symbols else None
    seen = Observed(
        experiment=experiment, data=data, outputs=outputs, targets=part.targets, weights=part.weights, fed=fed, picks=picks,
        warmup=WARMUP, start=part.start,
    )  # fmt: skip
    hidden = noise(steps, count, 3, seed=4)
    trained = replace(seen, outputs=noise(*outputs.shape, seed=5) * sharpness, fed=fed.roll(1, 0), hidden=hidden + 0.5)
    forced = replace(seen, outputs=noise(*outputs.shape, seed=1) * sharpness)
    return replace(seen, forced=forced, training=trained, hidden=hidden, orbit=_orbit(data.outputs) if task.continues else None)


def _orbit(width: int) -> Orbit:
    """Long closed loops and true orbits, of noise."""
    made, true, again = noise(3, 120, 4, width, seed=6)
    apart = noise(12, 4, seed=7).exp() * 1e-6
    low, high = -torch.ones(width).double(), torch.ones(width).double()
    return Orbit(made=made, true=true, again=again, apart=apart, distance=1e-6, stretch=10, low=low, high=high)


def taken(metric: Metric, seen: Observed, knowing: bool = False) -> torch.Tensor:
    """What a metric measures, with the further rollout that it asks for, of a model that knows what was fed last.

    Args:
        knowing: the further rollout is that of a model that says the truth.
    """
    further = metric.asks(seen)
    return metric.measure(seen if further is None else replace(seen, further=further_rollout(seen, further, knowing)))


def further_rollout(seen: Observed, further: Further, knowing: bool = False) -> Observed:
    """What `measurement.evaluation` gives to a metric that asks, of a model whose output depends on what was fed last alone.

    Args:
        knowing: of a model that says the truth instead, step by step.
    """
    sequences, width, symbolic = further.sequences, seen.data.outputs, seen.picks is not None
    truth = sequences.targets
    encoded = one_hot(truth, torch.zeros(*truth.shape, width, dtype=seen.fed.dtype)) if symbolic else truth.to(seen.fed.dtype)
    start = one_hot(sequences.start, encoded[0]) if symbolic else sequences.start.to(seen.fed.dtype)
    table, before, fed, outputs = noise(width, width, seed=2).to(seen.fed.dtype) / width, start, [], []
    for t in range(sequences.steps()):
        outputs.append(encoded[t] * 20 if knowing and symbolic else encoded[t] if knowing else before @ table)
        own = one_hot(outputs[t].argmax(-1), outputs[t]) if symbolic else outputs[t]
        before = encoded[t] if further.release is None or t < further.release else own
        fed.append(before)
    made = torch.stack(outputs)
    return replace(
        seen, outputs=made, start=sequences.start, targets=truth, weights=sequences.weights, fed=torch.stack(fed),
        warmup=further.release or 0,
        picks=made.argmax(-1) if symbolic else None, hidden=torch.cat([made, made], -1) if further.hidden else None,
        forced=None,
    )  # fmt: skip


def _chosen(seen: Observed, index: torch.Tensor) -> Observed:
    """The same rollout of some of its sequences, in tensors of its own."""
    return replace(
        seen, outputs=seen.outputs[:, index], targets=seen.targets[:, index], weights=seen.weights[:, index],
        fed=seen.fed[:, index], picks=None if seen.picks is None else seen.picks[:, index],
        start=None if seen.start is None else seen.start[index],
        forced=None if seen.forced is None else _chosen(seen.forced, index),
        training=None if seen.training is None else _chosen(seen.training, index),
        hidden=None if seen.hidden is None else seen.hidden[:, index],
    )  # fmt: skip


def _changed(seen: Observed, where: torch.Tensor, outputs: torch.Tensor | float) -> Observed:
    """The same rollout with other outputs (and the picks that follow) at some places."""
    mixed = torch.where(where[..., None], torch.as_tensor(outputs, dtype=seen.outputs.dtype), seen.outputs)
    picks = None if seen.picks is None else torch.where(where, (seen.picks + 1) % seen.data.outputs, seen.picks)
    return replace(seen, outputs=mixed, picks=picks)


@cache
def _rollouts() -> list[tuple[str, Observed]]:
    """A sharp and a blunt rollout of every world."""
    return [(type(task).__name__, observed(task, sharpness=sharpness)) for task in TASKS for sharpness in (0.1, 1.0)]


@cache
def _rollout_of(cls: type) -> tuple[str, Observed] | None:
    """A rollout of another world, for a metric that is for none of `TASKS`; None if it has no windows of this length."""
    try:
        task = small(cls, length=WARMUP + HORIZON, blanks=WARMUP + HORIZON - 2)
    except (ValueError, ConfigError):
        return None
    return None if task.emits == "last" else (cls.__name__, observed(task))


def _others() -> Iterator[list[tuple[str, Observed]]]:
    """The other worlds, one by one."""
    for cls in registry.parts("task").values():
        if cls not in {type(task) for task in TASKS} and (found := _rollout_of(cls)) is not None:
            yield [found]


def _worlds(metric: Metric) -> list[tuple[str, Observed]]:
    """Rollouts that the metric applies to, from small to large, and how to say which."""
    for rollouts in itertools.chain([_rollouts()], _others()):
        found = [
            (f"{name}, {count} sequence{'s' * (count > 1)}", few)
            for count in (1, 2, 10)
            for name, seen in rollouts
            if metric.applies(few := _chosen(seen, torch.arange(count)))
        ]
        if found:
            return found
    raise Broken("applies to no rollout of any task")


def _same(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, rtol=CLOSE, atol=CLOSE, equal_nan=True)


def _both(a: torch.Tensor, b: torch.Tensor) -> str:
    """The first value in which two measures differ."""
    if a.shape != b.shape:
        return f"{tuple(b.shape)} values, then {tuple(a.shape)}"
    differ = ~torch.isclose(a, b, rtol=CLOSE, atol=CLOSE, equal_nan=True)
    n = int(differ.float().argmax())
    return f"value {n} was {float(b[n]):.4g}, now {float(a[n]):.4g}"


def law_measures_one_value_a_step_or_one_in_all(metric: Metric) -> None:
    """One value for each step since the release, or one in all; the same when measured twice; nothing changed."""
    for where, seen in _worlds(metric):
        kept = [value.clone() for value in (seen.outputs, seen.fed, seen.weights)]
        first, again = taken(metric, seen), taken(metric, seen)
        wanted = HORIZON if metric.per == "step" else 1
        demand(first.shape == (wanted,), f"{tuple(first.shape)} values, not {wanted} ({where})")
        for name, a, b in zip(("outputs", "feeds", "weights"), kept, (seen.outputs, seen.fed, seen.weights), strict=True):
            demand(torch.equal(a, b), f"the {name} were changed in place ({where})")
        demand(_same(first, again), f"measured twice: {_both(again, first)} ({where})")


def law_warmup_is_not_counted(metric: Metric) -> None:
    """What was predicted before the release changes nothing, be it NaN."""
    for where, seen in _worlds(metric):
        early = (torch.arange(WARMUP + HORIZON) < WARMUP)[:, None].expand(seen.weights.shape)
        for garbage in (0.0, 1e6, torch.nan):
            before, after = taken(metric, seen), taken(metric, _changed(seen, early, garbage))
            demand(
                _same(after, before),
                f"outputs {garbage:.0g} in the warm-up change the measure: {_both(after, before)} ({where})",
            )


def law_padding_changes_nothing(metric: Metric) -> None:
    """What was predicted where a target does not count changes nothing, be it NaN."""
    for where, seen in _worlds(metric):
        for garbage in (0.0, 1e6, torch.nan):
            before, after = taken(metric, seen), taken(metric, _changed(seen, seen.weights == 0, garbage))
            demand(
                _same(after, before),
                f"outputs {garbage:.0g} in the padding change the measure: {_both(after, before)} ({where})",
            )


def law_order_does_not_matter(metric: Metric) -> None:
    """The sequences may come in any order."""
    for where, seen in _worlds(metric):
        order = torch.arange(seen.targets.shape[1]).flip(0)
        before, after = taken(metric, seen), taken(metric, _chosen(seen, order))
        demand(_same(after, before), f"the sequences in reverse change the measure: {_both(after, before)} ({where})")


def law_never_infinite(metric: Metric) -> None:
    """Also when the model's own prefix has probability 0: that is counted, never an infinity in a mean."""
    for where, seen in _worlds(metric):
        count = seen.data.outputs
        fed = one_hot(symbols(*seen.targets.shape[:2], of=count), seen.outputs) if seen.picks is not None else seen.fed
        strayed = replace(seen, fed=fed, outputs=seen.outputs * 100)
        for what, rolled in (("on the truth", seen), ("astray", strayed)):
            values = taken(metric, rolled)
            if bool(values.isinf().any()):
                demand(False, f"value {int(values.isinf().float().argmax())} is infinite {what} ({where})")


def law_nothing_to_count_is_undefined(metric: Metric) -> None:
    """Where no target counts, what is measured on targets is NaN, and not 0."""
    for where, seen in _worlds(metric):
        before, after = taken(metric, seen), taken(metric, replace(seen, weights=torch.zeros_like(seen.weights)))
        known = torch.where(after.isnan(), before, after)  # a measure that never looks at what counts stays as it is
        demand(_same(known, before), f"{_both(known, before)}, where no target counts; it should be undefined ({where})")


def law_says_what_its_number_means(metric: Metric) -> None:
    """It declares a quantity with label and unit, can write it down and read it; here and there the same way is better."""
    own = metric.quantity
    demand(isinstance(own, Quantity), f"its quantity is {own!r}, not a Quantity")
    for where, seen in _worlds(metric):
        here = metric.quantity_of(seen)
        demand(isinstance(here, Quantity), f"its quantity is {here!r}, not a Quantity ({where})")
        for name in ("label", "unit"):
            demand(getattr(here, name).strip() not in ("", NO_UNIT), f"the {name} is {getattr(here, name)!r} ({where})")
        demand(here.better == own.better, f"says {own.better} is better, and {here.better} where it is measured ({where})")
        told = read(here.name, json.loads(json.dumps(here.written(), allow_nan=False)))
        demand(told == here, f"is written down as {told}, and was {here} ({where})")


def law_values_lie_in_the_declared_range(metric: Metric) -> None:
    """On the truth, on noise and on what has broken down, no defined value lies outside of the range that it declares."""
    cases = [(where, "as it is", seen) for where, seen in _worlds(metric)]
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
    """A model that is known to be better has the better value: the source itself, or a copy of the truth, against noise."""
    better, sign, told = metric.quantity.better, metric.quantity.sign, False
    for where, seen in _informative(metric):
        plays = ((_knowing(metric, seen), True), (_noise(seen), False))
        known, noisy = (_level(metric, _played(seen, *play), knowing) for play, knowing in plays)
        if abs(known - noisy) <= CLOSE or not math.isfinite(known - noisy):
            continue
        demand(sign * known > sign * noisy, f"says {better} is better: the truth has {known:.4g}, noise {noisy:.4g} ({where})")
        told = True
    demand(told, f"says {better} is better, and does not tell the truth from noise")


def _informative(metric: Metric) -> list[tuple[str, Observed]]:
    """Rollouts that the metric applies to, of more sequences, and of a world in which a Lyapunov time is short."""
    for rollouts in itertools.chain([_large()], _others()):
        if found := [(name, seen) for name, seen in rollouts if metric.applies(seen)]:
            return found
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
    """The mean of the values that are defined."""
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
    return replace(seen, outputs=outputs, fed=fed, picks=picks, hidden=hidden, orbit=orbit, forced=forced)


_Play = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None]


def _knowing(metric: Metric, seen: Observed) -> _Play:
    """What a model does that is known to be better: as in training, as the source where it is known, else as the truth went."""
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
    """What a model does that knows nothing."""
    count = seen.data.outputs
    loud = noise(*seen.outputs.shape, seed=11).to(seen.outputs.dtype) * 3
    fed = one_hot(symbols(*seen.targets.shape[:2], of=count, seed=3), seen.outputs) if seen.picks is not None else loud
    orbit = None if seen.orbit is None else noise(*seen.orbit.made.shape, seed=12) * 4
    return loud, fed, noise(*given(seen.hidden).shape, seed=13) + 3, orbit
