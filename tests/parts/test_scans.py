"""Tests of recurrent layers over known inputs: one node of the gradient graph, with the bits of its steps."""

from __future__ import annotations

import itertools
from functools import partial

import pytest
import torch

from freerun.laws.toolkit import Broken, demand, gradients, noise, same_bits, weights_of
from freerun.parts.layers import over_time
from freerun.parts.models import scan
from freerun.parts.models.gru import GRU
from freerun.parts.models.hidden_recurrent import HiddenRecurrent
from freerun.parts.models.lstm import LSTM

MODELS = (GRU, LSTM, HiddenRecurrent)
SIZES = [*itertools.product((1, 3), (1, 5, 32), (1, 7), (0, 1, 3), (1, 5, 33))]


def along(model, weights, u, state):
    """All steps at once."""
    return model.along(weights, u, state)


def stepwise(model, weights, u, state):
    """One step after the other, each differentiated by itself; what inputs drive is known beforehand."""
    if isinstance(model, HiddenRecurrent):
        drive = over_time(lambda flat: model.drive(weights, flat), u)
        return scan(lambda d, s: model.advance(weights, d, s), drive, state)
    return scan(lambda part, s: model.once(weights, part, s), u, state)


def law_a_scan_has_the_bits_of_its_steps(model, way, sizes, dtype) -> None:
    """States, the last state and the gradients of all that goes in have the bits of one step after the other."""
    replicas, batch, steps, inputs, hidden = sizes
    weights = weights_of(model, inputs, 2, replicas, dtype)
    u = noise(steps, replicas, batch, inputs, dtype=dtype).requires_grad_()
    state = tuple(noise(replicas, batch, hidden, seed=1 + k, dtype=dtype).requires_grad_() for k in range(model.carried))
    charge = noise(steps, replicas, batch, hidden, seed=3, dtype=dtype)
    last = [noise(replicas, batch, hidden, seed=4 + k, dtype=dtype) for k in range(model.carried)]
    own = {name: x for name, x in weights.items() if not name.startswith("output") and x.numel()}
    leaves = {**own, "state": state[0], "last part of the state": state[-1], **({"u": u} if inputs else {})}
    found = []
    for each in (way, stepwise):
        h, after = each(model, weights, u, state)
        loss = (h * charge).sum() + sum((part * given).sum() for part, given in zip(after, last, strict=True))
        found.append([h.detach(), *(part.detach() for part in after), *gradients(loss, [*leaves.values()])])
    names = ["the states", *["the last state"] * model.carried, *(f"the gradient of {name}" for name in leaves)]
    for name, a, b in zip(names, *found, strict=True):
        demand(same_bits(a, b), f"{type(model).__name__}, R, B, T, I, H = {sizes}: {name} has other bits than step by step")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("kind", MODELS)
def test_all_steps_at_once_have_the_bits_of_one_after_the_other(kind, dtype):
    for sizes in SIZES:
        law_a_scan_has_the_bits_of_its_steps(kind(hidden=sizes[-1]), along, sizes, dtype)


@pytest.mark.parametrize("kind", MODELS)
def test_a_replica_alone_has_the_bits_that_it_has_in_a_group(kind):
    single = partial(noise, dtype=torch.float32)
    for batch, steps, inputs, hidden in itertools.product((1, 5), (1, 7), (0, 3), (1, 5, 33)):
        model = kind(hidden=hidden)
        weights = weights_of(model, inputs, 2, 3, torch.float32)
        own = [name for name, x in weights.items() if not name.startswith("output") and x.numel()]
        u, charge = single(steps, 3, batch, inputs), single(steps, 3, batch, hidden, seed=3)
        state = tuple(single(3, batch, hidden, seed=1 + k) for k in range(model.carried))

        def slopes(part, model=model, weights=weights, own=own, u=u, charge=charge, state=state):
            mine = {name: x[part].detach().clone().requires_grad_() for name, x in weights.items()}
            h, _ = model.along(mine, u[:, part].clone(), tuple(x[part].clone() for x in state))
            return [h.movedim(1, 0), *gradients((h * charge[:, part]).sum(), [mine[name] for name in own])]

        together = slopes(slice(None))
        for r in range(3):
            for a, b in zip(together, slopes(slice(r, r + 1)), strict=True):
                assert same_bits(a[r : r + 1].contiguous(), b.contiguous()), (batch, steps, inputs, hidden)


def left_out(model, weights, u, state):
    """No gradient of the first steps' own states is taken."""
    hidden, after = model.along(weights, u, state)
    return torch.cat([hidden[:3].detach(), hidden[3:]]), after


def counted_twice(model, weights, u, state):
    """The gradient of the first steps is added once more."""
    hidden, after = model.along(weights, u, state)
    return torch.cat([hidden[:3] + (hidden[:3] - hidden[:3].detach()), hidden[3:]]), after


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("way", [left_out, counted_twice])
def test_law_catches(kind, way):
    with pytest.raises(Broken, match="gradient"):
        law_a_scan_has_the_bits_of_its_steps(kind(hidden=5), way, (3, 5, 7, 3, 5), torch.float64)


@pytest.mark.parametrize("kind", MODELS)
def test_a_subclass_keeps_its_own_step(kind):
    class Silent(kind):
        def once(self, weights, u, state):
            return torch.zeros_like(state[0]), state

        def advance(self, weights, u, state):
            h, _ = super().advance(weights, u, state)
            return (torch.zeros_like(h), state) if kind is not GRU else torch.zeros_like(h)

    model = Silent(hidden=5)
    u, state = noise(4, 2, 3, 1), tuple(noise(2, 3, 5) for _ in range(model.carried))
    assert not model.along(weights_of(model, 1, 2, 2, torch.float64), u, state)[0].any()
