"""What does a metric owe? It sees predictions after the release alone, counts what counts, and never averages an infinity."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import torch

from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import Experiment
from freerun.errors import ConfigError
from freerun.laws.toolkit import CLOSE, Broken, demand, noise, small, symbols
from freerun.measurement.metrics import Further, Metric, Observed, Orbit
from freerun.parts import registry
from freerun.parts.feedback import one_hot
from freerun.parts.models.gru import GRU
from freerun.parts.tasks import Task
from freerun.parts.tasks.embedded_reber import EmbeddedReber
from freerun.parts.tasks.hidden_markov import HiddenMarkov
from freerun.parts.tasks.lorenz63 import Lorenz63

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


def taken(metric: Metric, seen: Observed) -> torch.Tensor:
    """What a metric measures, with the further rollout that it asks for, of a model that knows what was fed last."""
    further = metric.asks(seen)
    return metric.measure(seen if further is None else replace(seen, further=further_rollout(seen, further)))


def further_rollout(seen: Observed, further: Further) -> Observed:
    """What `measurement.evaluation` gives to a metric that asks, of a model whose output depends on what was fed last alone."""
    sequences, width, symbolic = further.sequences, seen.data.outputs, seen.picks is not None
    truth = sequences.targets
    encoded = one_hot(truth, torch.zeros(*truth.shape, width, dtype=seen.fed.dtype)) if symbolic else truth.to(seen.fed.dtype)
    start = one_hot(sequences.start, encoded[0]) if symbolic else sequences.start.to(seen.fed.dtype)
    table, before, fed, outputs = noise(width, width, seed=2).to(seen.fed.dtype) / width, start, [], []
    for t in range(sequences.steps()):
        outputs.append(before @ table)
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
    """One value for each step since the release, or one in all, with a unit; the same when measured twice; nothing changed."""
    for where, seen in _worlds(metric):
        kept = [value.clone() for value in (seen.outputs, seen.fed, seen.weights)]
        first, again = taken(metric, seen), taken(metric, seen)
        wanted = HORIZON if metric.per == "step" else 1
        demand(first.shape == (wanted,), f"{tuple(first.shape)} values, not {wanted} ({where})")
        for name, a, b in zip(("outputs", "feeds", "weights"), kept, (seen.outputs, seen.fed, seen.weights), strict=True):
            demand(torch.equal(a, b), f"the {name} were changed in place ({where})")
        demand(_same(first, again), f"measured twice: {_both(again, first)} ({where})")
        unit = metric.unit(seen)
        demand(isinstance(unit, str) and unit != "", f"the unit is {unit!r}, not a text ({where})")


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
        for what, given in (("on the truth", seen), ("astray", strayed)):
            values = taken(metric, given)
            if bool(values.isinf().any()):
                demand(False, f"value {int(values.isinf().float().argmax())} is infinite {what} ({where})")


def law_nothing_to_count_is_undefined(metric: Metric) -> None:
    """Where no target counts, what is measured on targets is NaN, and not 0."""
    for where, seen in _worlds(metric):
        before, after = taken(metric, seen), taken(metric, replace(seen, weights=torch.zeros_like(seen.weights)))
        known = torch.where(after.isnan(), before, after)  # a measure that never looks at what counts stays as it is
        demand(_same(known, before), f"{_both(known, before)}, where no target counts; it should be undefined ({where})")
