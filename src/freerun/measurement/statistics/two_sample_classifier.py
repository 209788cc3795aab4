"""Classifier two-sample test of sequences.

The classifier two-sample test (Lopez-Paz & Oquab 2017, "Revisiting classifier two-sample tests"): a `sequence_to_one` model is
trained on one half of the sequences to say from which of two samples each comes; its accuracy on the other half is 1/2 in mean
where the distributions agree. Row i of one sample and row i of the other may belong together, so partners stay in one half,
and of each held-out pair one row alone is judged, drawn by a coin: whatever was learned, the number of right answers is then
exactly binomial with probability 1/2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from freerun.deferred_imports import torch
from freerun.engine.optimizer import Adam
from freerun.errors import require
from freerun.parts.layers import initial_weights, per_replica
from freerun.parts.models.sequence_to_one import SequenceToOne

#: The share of chance results that the null interval holds, at least.
CONFIDENCE = 0.95
#: Of the classifier and of its training.
HIDDEN, RATE = 8, 0.05


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """The accuracy of a classifier on held-out sequences; `low` and `high` hold 95 % of the accuracies of mere chance.

    Attributes:
        accuracy: the share of right answers; NaN where a sample is not finite.
        held_out: how many were judged.
    """

    accuracy: float
    low: float
    high: float
    held_out: int


def classify(
    lots: list[tuple[Float[torch.Tensor, "T _ N D"], Float[torch.Tensor, "T _ N D"]]],
    coins: Float[np.ndarray, "3 N"],
    seed: int,
    updates: int = 25,
) -> list[list[Accuracy]]:
    """Train one classifier for each pair of samples, all side by side, and judge what it has not seen.

    Args:
        lots: x and y, K pairs of samples of N sequences each; row i of `x` and row i of `y` may belong together. T, N and D are
            the same in every lot. A lot has the same bits whatever others there are.
        coins: uniform draws on [0, 1): by the first rows are dealt to the halves, by the second it is drawn which of two
            partners is judged, by the third what is said where the classifier sees no difference at all.
        seed: of the initial weights.
    """
    for x, y in lots:
        require(x.shape == y.shape, "y", tuple(y.shape), f"have the shape of x, {tuple(x.shape)}")
        require(x.shape[2] >= 4, "x", tuple(x.shape), "hold at least four rows")
    order = torch.from_numpy(np.argsort(coins[0], kind="stable"))
    learned, judged = order[: len(order) // 2], order[len(order) // 2 :]
    finite = [bool(torch.isfinite(x[:, k]).all() and torch.isfinite(y[:, k]).all()) for x, y in lots for k in range(x.shape[1])]
    samples = torch.cat([_standardised(x, y, learned) for x, y in lots], 2)
    model = SequenceToOne(hidden=HIDDEN)
    shown = torch.cat([samples[0, :, :, learned], samples[1, :, :, learned]], 2)
    weights = _train(model, shown, [x.shape[1] for x, _ in lots], seed, updates)
    second, guess = torch.from_numpy(coins[1:] >= 0.5)[:, judged]
    shown = torch.where(second[:, None], samples[1, :, :, judged], samples[0, :, :, judged])
    said = _logits(model, weights, shown)
    right = torch.where(said == 0, guess, said > 0) == second
    low, high = null_interval(len(judged))
    accuracies = iter(
        Accuracy(accuracy=float(answers.double().mean()) if fine else math.nan, low=low, high=high, held_out=len(judged))
        for answers, fine in zip(right, finite, strict=True)
    )
    return [[next(accuracies) for _ in range(x.shape[1])] for x, _ in lots]


def _standardised(
    x: Float[torch.Tensor, "T K N D"], y: Float[torch.Tensor, "T K N D"], learned: Int[torch.Tensor, " M"]
) -> Float[torch.Tensor, "2 T K N D"]:
    """Both samples in units of the spread of the rows that are learned from; 0 where not finite."""
    samples = torch.nan_to_num(torch.stack([x, y]).to(torch.float32), posinf=0.0, neginf=0.0)
    middle = samples[:, :, :, learned].mean((0, 1, 3))[:, None]
    spread = samples[:, :, :, learned].permute(2, 4, 0, 1, 3).flatten(2).std(2).clamp(min=1e-6)[:, None]
    return ((samples - middle) / spread).clamp(-10, 10)


def null_interval(n: int) -> tuple[float, float]:
    """The shortest interval around 1/2 that holds the share of right answers of n coin tosses with `CONFIDENCE` at least."""
    below, outside = 0, (1 - CONFIDENCE) / 2
    for k in range(n // 2 + 1):
        below += math.comb(n, k)
        if below / 2**n >= outside:
            return k / n, (n - k) / n
    return 0.5, 0.5


def _train(
    model: SequenceToOne, shown: Float[torch.Tensor, "T K M D"], sizes: list[int], seed: int, updates: int
) -> dict[str, torch.Tensor]:
    """Weights after full-batch updates on the logistic loss; the first half of the rows is sample x, the second y.

    Args:
        sizes: of the lots, whose exponentials are taken apart: their last bits depend on where in a tensor a number stands.
    """
    replicas, rows = shown.shape[1:3]
    start = initial_weights(model.shapes(shown.shape[-1], 1), [seed] * replicas)
    flat = torch.from_numpy(np.concatenate([weight.reshape(replicas, -1) for weight in start.values()], 1)).to(shown)
    sides = torch.cat([-shown.new_ones(rows // 2), shown.new_ones(rows // 2)])
    unclipped = shown.new_full((replicas,), math.inf)
    adam = Adam(
        rate=shown.new_full((replicas, 1), RATE), decay=shown.new_zeros(replicas, 1), clip=unclipped, decoupled=False,
        first=torch.zeros_like(flat), second=torch.zeros_like(flat),
    )  # fmt: skip
    shapes = {name: weight.shape[1:] for name, weight in start.items()}
    alive = torch.ones(replicas, dtype=torch.bool)
    for update in range(updates):
        with torch.enable_grad():
            leaf = flat.clone().requires_grad_()
            parts = torch.split(-sides * _logits(model, _named(leaf, shapes), shown), sizes)
            loss = torch.cat([torch.nn.functional.softplus(part) for part in parts])
            (gradient,) = torch.autograd.grad(per_replica(torch.mean, loss).sum(), leaf)
        adam.step(flat, gradient, adam.norms(gradient), alive, update, 1 - update / updates)
    return _named(flat, shapes)


def _named(flat: torch.Tensor, shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    parts = torch.split(flat, [math.prod(shape) for shape in shapes.values()], 1)
    return {name: part.reshape(-1, *shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}


def _logits(
    model: SequenceToOne, weights: dict[str, torch.Tensor], shown: Float[torch.Tensor, "T K M D"]
) -> Float[torch.Tensor, "K M"]:
    """The answer at the end of every sequence; above 0 it says: the second sample."""
    outputs, _ = model.unroll(weights, shown, model.start(shown.shape[1], shown.shape[2], shown[0]))
    return outputs[-1, ..., 0]
