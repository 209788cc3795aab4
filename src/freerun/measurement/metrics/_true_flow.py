"""Answers of the true flow to what was fed, and orbits of the truth with fresh errors, shared by the metrics of flows.

A true flow answers for any state, also for one that a model made: F(f_{t-1}), with the model's own history where the system has
a memory. So a model has a one-step error at its own states as it has one at true ones,

    e_t = o_t - F(f_{t-1}) ,

and a world in which nothing but such errors happens: the true flow with one of them, drawn afresh, added at every step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from freerun.arithmetic import logarithm, mean_over_coordinates, root
from freerun.deferred_imports import torch
from freerun.errors import given
from freerun.measurement.metrics import Observed, once_for_all
from freerun.random_streams import stream

#: An error below this, in standard deviations of the data, is the rounding of single precision and no error.
ROUNDING = 1e-6
#: The stream of the draws of fresh errors: they are a measure's own, the same for every run.
STREAM = "evaluation/fresh_errors"


def answered(observed: Observed) -> bool:
    """Whether the true flow has an answer to what was fed, and the model one of its own."""
    knows = observed.experiment.task.remembers is not None and observed.fed.shape == observed.outputs.shape
    return knows and observed.heard


def reaches_back(observed: Observed) -> bool:
    """Whether the warm-up is as long as the memory of the true flow, so that the answer is known from the release on."""
    return answered(observed) and given(observed.experiment.task.remembers) <= observed.warmup + 1


def own_errors(observed: Observed) -> Float[torch.Tensor, "S N Y"]:
    """o_t - F(f_{t-1}) at every step from the release on; NaN as long as what was fed is shorter than the flow's memory."""
    errors: torch.Tensor = observed.once("own_errors", lambda: _own_errors(observed))
    return errors


def _own_errors(observed: Observed) -> torch.Tensor:
    from freerun.measurement.true_orbits import onward

    task, before = observed.experiment.task, _before(observed)
    memory, steps = given(task.remembers), len(before)
    first = max(observed.warmup, memory - 1)
    errors = torch.full_like(before, torch.nan)
    if torch.equal(observed.fed, observed.targets.to(observed.fed.dtype)):  # to a true state the answer is the next one
        errors[first:] = observed.outputs[first:].double() - observed.targets[first:].double()
    elif first < steps:
        history = torch.stack([before[first - back : steps - back] for back in reversed(range(memory))])
        answers = onward(task, observed.data, history.flatten(1, 2)).reshape(history.shape[1:])
        errors[first:] = observed.outputs[first:].double() - answers
    return errors[observed.warmup :]


def _before(observed: Observed) -> Float[torch.Tensor, "T N Y"]:
    """The last value fed before every step."""
    return torch.cat([given(observed.start)[None].double(), observed.fed[:-1].double()])


@dataclass(frozen=True, kw_only=True)
class Drift:
    """Squared errors of the truth with fresh errors, by step since the release and sequence, and what was injected.

    Attributes:
        forced: where the fresh errors are those that the model makes at true states, ``[S N]``.
        own: where they are those that it makes at its own states, ``[S N]``.
    """

    forced: Float[torch.Tensor, "S N"]
    own: Float[torch.Tensor, "S N"]


def drifts(observed: list[Observed]) -> list[Drift]:
    """The drifts of free rollouts of one task, warm-up and horizon, each with its forced rollout."""
    of_rollouts: list[Drift] = once_for_all(observed, "drift", _drifts)
    return of_rollouts


def _drifts(observed: list[Observed]) -> list[Drift]:
    from freerun.measurement.true_orbits import disturbed

    task = observed[0].experiment.task
    memory, first = given(task.remembers), observed[0].warmup
    places = []
    for seen in observed:
        begun = _before(given(seen.forced))[first - memory + 1 : first + 1]
        sides = (own_errors(given(seen.forced)), own_errors(seen))
        places += [(seen.data, begun, _afresh(errors, _ranked(begun[-1]))) for errors in sides]
    went = disturbed(task, places)
    squares = [
        mean_over_coordinates((orbits - seen.targets[first:].double()).square())
        for seen, two in zip(observed, zip(went[::2], went[1::2], strict=True), strict=True)
        for orbits in two
    ]
    return [Drift(forced=a, own=b) for a, b in zip(squares[::2], squares[1::2], strict=True)]


def _ranked(states: Float[torch.Tensor, "N Y"]) -> torch.Tensor:
    """An order of the sequences that goes by what they hold, not by where they stand."""
    return torch.from_numpy(np.lexsort(states.numpy().T))


def _afresh(errors: Float[torch.Tensor, "S N Y"], order: torch.Tensor) -> Float[torch.Tensor, "S N Y"]:
    """The errors of every step, dealt out anew among the sequences, each with a sign of its own: same size, no memory."""
    steps, count = errors.shape[:2]
    chance = stream(0, STREAM)
    dealt = torch.from_numpy(chance.random((steps, count)).argsort(1))
    signs = torch.from_numpy(chance.integers(0, 2, (steps, count, 1)) * 2.0 - 1.0)
    rows = errors[:, order].gather(1, dealt[..., None].expand_as(errors)) * signs
    fresh = torch.empty_like(rows)
    fresh[:, order] = rows
    return fresh


def step_rms(squares: Float[torch.Tensor, "S N"], weights: Float[torch.Tensor, "T N"]) -> Float[torch.Tensor, " S"]:
    """The root of the mean over what counts at every step; NaN where an error left every bound, or nothing counts."""
    weights = weights[len(weights) - len(squares) :].double()
    mean = torch.where(weights > 0, squares.double() * weights, 0.0).sum(1) / weights.sum(1)
    return torch.where(torch.isfinite(mean), root(mean), torch.nan)


def log_errors(squares: Float[torch.Tensor, "S N"]) -> Float[torch.Tensor, "S N"]:
    """The logarithm of every error; what is below rounding counts as rounding."""
    return logarithm(squares.double().clamp(min=ROUNDING**2)) / 2


def step_log(squares: Float[torch.Tensor, "S N"], weights: Float[torch.Tensor, "T N"]) -> Float[torch.Tensor, " S"]:
    """The mean logarithm of the error at every step; NaN where an error is not finite, or nothing counts."""
    counts = _counts(squares, weights)
    logs = torch.where(counts, log_errors(squares), 0.0)
    mean = logs.sum(1) / counts.sum(1)
    return torch.where(torch.isfinite(mean), mean, torch.nan)


def _counts(squares: torch.Tensor, weights: torch.Tensor) -> Bool[torch.Tensor, "S N"]:
    return weights[len(weights) - len(squares) :] > 0


def free_squares(observed: Observed) -> Float[torch.Tensor, "S N"]:
    """The squared error against the true sequence, a mean over coordinates, at every step from the release on."""
    return mean_over_coordinates((observed.outputs.double() - observed.targets.double()).square())[observed.warmup :]
