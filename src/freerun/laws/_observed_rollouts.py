"""Rollouts that the laws of metrics are stated on: of untrained models over small worlds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import torch

from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import Experiment
from freerun.errors import ConfigError
from freerun.laws.toolkit import Broken, noise, small
from freerun.measurement.metrics import Further, Metric, Observed, Orbit
from freerun.parts import registry
from freerun.parts.feedback import one_hot
from freerun.parts.gaussians import packed
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


#: Sequences of the test split that are rolled out, at most: a text has 46,000.
MOST = 4000


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
    part = part.take(torch.arange(min(len(part), MOST)), WARMUP + HORIZON)
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
    return replace(
        seen, forced=forced, training=trained, hidden=hidden, long_orbit=_orbit(data.outputs) if task.continues else None
    )


def _orbit(width: int) -> Orbit:
    """Long closed loops and true orbits, of noise."""
    made, true, true_again = noise(3, 120, 4, width, seed=6)
    apart = noise(12, 4, seed=7).exp() * 1e-6
    low, high = -torch.ones(width).double(), torch.ones(width).double()
    return Orbit(made=made, true=true, again=true_again, apart=apart, distance=1e-6, stretch=10, low=low, high=high)


def taken(metric: Metric, seen: Observed, knowing: bool = False) -> torch.Tensor:
    """The values of a metric, with the further rollout that it asks for, of a model that knows what was fed last.

    Args:
        knowing: the further rollout is that of a model that says the truth.
    """
    further = metric.asks(seen)
    return metric.measure(seen if further is None else replace(seen, further=further_rollout(seen, further, knowing)))


def further_rollout(seen: Observed, further: Further, knowing: bool = False) -> Observed:
    """The further rollout that a metric asks for, of a model whose output depends only on what was fed last.

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
        answer = one_hot(outputs[t].argmax(-1), outputs[t]) if symbolic else outputs[t]
        before = encoded[t] if further.release is None or t < further.release else answer
        fed.append(before)
    made = torch.stack(outputs)
    return replace(
        seen, outputs=made, start=sequences.start, targets=truth, weights=sequences.weights, fed=torch.stack(fed),
        warmup=further.release or 0,
        picks=made.argmax(-1) if symbolic else None, hidden=torch.cat([made, made], -1) if further.hidden else None,
        forced=None, numbers=None,
    )  # fmt: skip


def with_sequences(seen: Observed, index: torch.Tensor) -> Observed:
    """The same rollout of some of its sequences, in tensors of its own."""
    return replace(
        seen, outputs=seen.outputs[:, index], targets=seen.targets[:, index], weights=seen.weights[:, index],
        fed=seen.fed[:, index], picks=None if seen.picks is None else seen.picks[:, index],
        start=None if seen.start is None else seen.start[index],
        forced=None if seen.forced is None else with_sequences(seen.forced, index),
        training=None if seen.training is None else with_sequences(seen.training, index),
        hidden=None if seen.hidden is None else seen.hidden[:, index],
        numbers=None if seen.numbers is None else seen.numbers[:, index],
    )  # fmt: skip


def with_outputs(seen: Observed, where: torch.Tensor, outputs: torch.Tensor | float) -> Observed:
    """The same rollout with other outputs (and the picks that follow) at some places."""
    mixed = torch.where(where[..., None], torch.as_tensor(outputs, dtype=seen.outputs.dtype), seen.outputs)
    picks = None if seen.picks is None else torch.where(where, (seen.picks + 1) % seen.data.outputs, seen.picks)
    numbers = seen.numbers
    if numbers is not None:
        numbers = torch.where(where[..., None], torch.as_tensor(outputs, dtype=numbers.dtype), numbers)
    return replace(seen, outputs=mixed, picks=picks, numbers=numbers)


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


@cache
def distributions(count: int = 40) -> list[tuple[str, Observed]]:
    """Rollouts of models that predict distributions of values: free with the mean fed, and with an ensemble beside."""
    seen, rollouts = observed(Lorenz63(sequences=4 * count, length=WARMUP + HORIZON, transient=0.0)), []
    for name in ("mean", "sample"):
        experiment = replace(
            seen.experiment,
            objective=registry.get("objective", "gaussian_likelihood")(),
            feedback=registry.get("feedback", name)(),
        )
        rollouts.append((f"distributions, {name} fed", said(replace(seen, experiment=experiment))))
    return rollouts


def said(seen: Observed, scale: float = 0.5) -> Observed:
    """The same rollout with predicted distributions of one width around its outputs."""
    return replace(
        seen,
        numbers=packed(seen.outputs, torch.full_like(seen.outputs, scale)),
        forced=None if seen.forced is None else said(seen.forced, scale),
    )


def other_worlds() -> Iterator[list[tuple[str, Observed]]]:
    """Rollouts of the worlds that are not in `TASKS`, one by one."""
    for cls in registry.parts("task").values():
        if cls not in {type(task) for task in TASKS} and (rollout := _rollout_of(cls)) is not None:
            yield [rollout]
    yield distributions()


def worlds(metric: Metric) -> list[tuple[str, Observed]]:
    """Rollouts that the metric applies to, from small to large, each with its name for a message."""
    for rollouts in itertools.chain([_rollouts()], other_worlds()):
        rollouts_that_apply = [
            (f"{name}, {count} sequence{'s' * (count > 1)}", chosen)
            for count in (1, 2, 10)
            for name, seen in rollouts
            if metric.applies(chosen := with_sequences(seen, torch.arange(count)))
        ]
        if rollouts_that_apply:
            return rollouts_that_apply
    raise Broken("applies to no rollout of any task")
