"""What a metric owes: it sees predictions after the release alone, counts what counts, and never averages an infinity."""

from __future__ import annotations

from dataclasses import replace

import torch

from freerun.config import Evaluation, Experiment
from freerun.feedback import one_hot
from freerun.laws import CLOSE, noise, symbols
from freerun.metrics import Metric, Observed
from freerun.models.gru import GRU
from freerun.tasks import Task
from freerun.tasks.embedded_reber import EmbeddedReber
from freerun.tasks.hidden_markov import HiddenMarkov
from freerun.tasks.lorenz63 import Lorenz63

WARMUP, HORIZON = 4, 16
TASKS: list[Task] = [
    EmbeddedReber(sequences=40, length=20),
    HiddenMarkov(sequences=40, length=20),
    Lorenz63(sequences=40, length=20, transient=0.0),
]


def observed(
    task: Task, outputs: torch.Tensor | None = None, fed: torch.Tensor | None = None, sharpness: float = 1.0
) -> Observed:
    """A forced rollout of an untrained model over the test split, or of whatever is given instead."""
    experiment = Experiment(task=task, model=GRU(hidden=2), evaluation=Evaluation(warmup=WARMUP, horizon=HORIZON))
    data = task.build(0, WARMUP + HORIZON)
    part = data.splits["test"]
    steps, count = part.targets.shape[:2]
    outputs = noise(steps, count, data.outputs) * sharpness if outputs is None else outputs
    fed = (one_hot(part.targets, torch.zeros_like(outputs)) if task.symbols else part.targets) if fed is None else fed
    picks = outputs.argmax(-1) if task.symbols else None
    return Observed(
        experiment=experiment, data=data, outputs=outputs, targets=part.targets, weights=part.weights, fed=fed, picks=picks,
        warmup=WARMUP,
    )  # fmt: skip


def _changed(seen: Observed, where: torch.Tensor, outputs: torch.Tensor | float) -> Observed:
    """The same rollout with other outputs (and the picks that follow) at some places."""
    mixed = torch.where(where[..., None], torch.as_tensor(outputs, dtype=seen.outputs.dtype), seen.outputs)
    picks = None if seen.picks is None else torch.where(where, (seen.picks + 1) % seen.data.outputs, seen.picks)
    return replace(seen, outputs=mixed, picks=picks)


def _worlds(metric: Metric) -> list[Observed]:
    found = [seen for task in TASKS for sharpness in (0.1, 1.0) if metric.applies(seen := observed(task, sharpness=sharpness))]
    assert found, "applies to no task at all"
    return found


def _same(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, rtol=CLOSE, atol=CLOSE, equal_nan=True)


def law_warmup_is_not_counted(metric: Metric) -> None:
    for seen in _worlds(metric):
        early = (torch.arange(WARMUP + HORIZON) < WARMUP)[:, None].expand(seen.weights.shape)
        for garbage in (torch.nan, 1e6, 0.0):
            spoiled = _changed(seen, early, garbage)
            assert _same(metric.measure(spoiled), metric.measure(seen)), f"outputs {garbage} in the warm-up change the measure"


def law_padding_changes_nothing(metric: Metric) -> None:
    for seen in _worlds(metric):
        for garbage in (torch.nan, 1e6, 0.0):
            spoiled = _changed(seen, seen.weights == 0, garbage)
            assert _same(metric.measure(spoiled), metric.measure(seen)), f"outputs {garbage} in the padding change the measure"


def law_order_does_not_matter(metric: Metric) -> None:
    for seen in _worlds(metric):
        order = torch.randperm(seen.targets.shape[1], generator=torch.Generator().manual_seed(0))
        turned = replace(
            seen, outputs=seen.outputs[:, order], targets=seen.targets[:, order], weights=seen.weights[:, order],
            fed=seen.fed[:, order], picks=None if seen.picks is None else seen.picks[:, order],
        )  # fmt: skip
        assert _same(metric.measure(turned), metric.measure(seen)), "the order of the sequences changes the measure"


def law_never_infinite(metric: Metric) -> None:
    """Also when the model's own prefix has probability 0: that is counted, never an infinity in a mean."""
    for seen in _worlds(metric):
        count = seen.data.outputs
        fed = one_hot(symbols(*seen.targets.shape[:2], of=count), seen.outputs) if seen.picks is not None else seen.fed
        strayed = replace(seen, fed=fed, outputs=seen.outputs * 100)
        for given in (seen, strayed):
            values = metric.measure(given)
            assert not bool(values.isinf().any()), f"an infinite value in {values.tolist()}"
            wanted = HORIZON if metric.per == "step" else 1
            assert values.shape == (wanted,), f"{tuple(values.shape)} values, not {wanted}"


def law_inputs_are_left_alone(metric: Metric) -> None:
    for seen in _worlds(metric):
        kept = [value.clone() for value in (seen.outputs, seen.fed, seen.weights)]
        first, again = metric.measure(seen), metric.measure(seen)
        assert _same(first, again), "measured twice, another value"
        assert isinstance(metric.unit(seen), str)
        assert metric.unit(seen), "a measure without a unit"
        for a, b in zip(kept, (seen.outputs, seen.fed, seen.weights), strict=True):
            assert torch.equal(a, b), "the rollout was changed in place"
