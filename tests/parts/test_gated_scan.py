"""Tests of a gated layer over known inputs: one node of the gradient graph, with the bits of its steps."""

from __future__ import annotations

import itertools

import pytest
import torch

from freerun.laws.toolkit import gradients, noise, same_bits, weights_of
from freerun.parts.models import scan
from freerun.parts.models.gru import GRU

SIZES = [*itertools.product((1, 3), (1, 5, 32), (1, 7), (0, 1, 3), (1, 5, 33))]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_all_steps_at_once_have_the_bits_of_one_after_the_other(dtype):
    for replicas, batch, steps, inputs, hidden in SIZES:
        model = GRU(hidden=hidden)
        weights = weights_of(model, inputs, 2, replicas, dtype)
        u = noise(steps, replicas, batch, inputs, dtype=dtype).requires_grad_()
        state = (noise(replicas, batch, hidden, seed=1, dtype=dtype).requires_grad_(),)
        charge, last = (
            noise(steps, replicas, batch, hidden, seed=2, dtype=dtype),
            noise(replicas, batch, hidden, seed=3, dtype=dtype),
        )
        leaves = (
            [x for name, x in weights.items() if not name.startswith("output") and x.numel()] + [*state] + [u] * bool(inputs)
        )
        found = []
        for h, after in (
            model.along(weights, u, state),
            scan(lambda part, h, model=model, weights=weights: model.once(weights, part, h), u, state),
        ):
            found.append([h.detach(), *gradients((h * charge).sum() + (after[0] * last).sum(), leaves)])
        assert all(same_bits(a, b) for a, b in zip(*found, strict=True)), (replicas, batch, steps, inputs, hidden)
