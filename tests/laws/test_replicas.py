"""Tests of replicas: each alone is what it is in a group, and its optimizer is the textbook's."""

from __future__ import annotations

import math

import pytest
import torch

from freerun.engine.optimizer import Adam, Momentum
from freerun.laws.toolkit import CLOSE, gap, noise, same_bits
from freerun.parts.layers import Shape, affine, initial_weights, linear, over_time, per_replica, project

R, P = 4, 11
RATES, DECAYS, CLIPS = [1e-2, 3e-3, 1e-3, 0.3], [0.0, 0.1, 0.01, 0.5], [math.inf, 1.0, 0.1, 2.0]
MOMENTA = [0.0, 0.9, 0.5, 0.99]


def optimizer(cls=Adam, decoupled=False, index=slice(None), dtype=torch.float64):
    def column(values):
        return torch.tensor(values[index], dtype=dtype)

    own = {name: torch.zeros(len(RATES[index]), P, dtype=dtype) for name in cls.carried}
    own |= {"momentum": column(MOMENTA)[:, None]} if issubclass(cls, Momentum) else {"decoupled": decoupled}
    return cls(rate=column(RATES)[:, None], decay=column(DECAYS)[:, None], clip=column(CLIPS), **own)


def _step(adam, weights, slopes, update, scale=1.0, alive=None):
    alive = torch.ones(len(weights), dtype=torch.bool) if alive is None else alive
    adam.step(weights, slopes, adam.norms(slopes), alive, update, scale)


def peers(cls):
    """The optimisers of torch that a class must equal, one a replica: a builder for each kind, by whether it is decoupled."""
    if issubclass(cls, Momentum):
        return {False: lambda w, r: torch.optim.SGD([w], RATES[r], momentum=MOMENTA[r], weight_decay=DECAYS[r], foreach=False)}
    kinds = {False: torch.optim.Adam, True: torch.optim.AdamW}
    return {
        decoupled: lambda w, r, kind=kind: kind([w], lr=RATES[r], weight_decay=DECAYS[r], foreach=False)
        for decoupled, kind in kinds.items()
    }


def law_equals_torch(cls) -> None:
    """Each replica is one `torch.optim.Adam`, `AdamW` or `SGD`, with its gradient clipped to its own norm before.

    `clip_grad_norm_` divides by (norm + 1e-6) and is off by that; so the clipping is written out here.
    """
    for decoupled, peer in peers(cls).items():
        own, weights = optimizer(cls, decoupled), noise(R, P)
        singles = [torch.nn.Parameter(row.clone()) for row in weights]
        others = [peer(single, r) for r, single in enumerate(singles)]
        for update in range(12):
            slopes = noise(R, P, seed=update + 1) * (10 if update % 3 else 0.01)
            scale = 0.5 if update > 5 else 1.0
            _step(own, weights, slopes, update, scale)
            for r, (single, other) in enumerate(zip(singles, others, strict=True)):
                norm = slopes[r].norm()
                single.grad = slopes[r] * min(1.0, CLIPS[r] / float(norm))
                other.param_groups[0]["lr"] = RATES[r] * scale
                other.step()
                off = gap(weights[r], single)
                assert off < CLOSE, f"replica {r} is {off:.1e} off {type(other).__name__} after {update + 1} updates"


def law_same_bits_alone(cls) -> None:
    for dtype in (torch.float32, torch.float64):
        together, whole = noise(R, P, dtype=dtype), optimizer(cls, dtype=dtype)
        alone = [together[r : r + 1].clone() for r in range(R)]
        parts = [optimizer(cls, index=slice(r, r + 1), dtype=dtype) for r in range(R)]
        for update in range(5):
            slopes = noise(R, P, seed=update + 1, dtype=dtype)
            _step(whole, together, slopes, update)
            for r in range(R):
                _step(parts[r], alone[r], slopes[r : r + 1].clone(), update)
                assert same_bits(alone[r][0], together[r]), f"replica {r} has other bits alone at update {update}"


def law_a_broken_replica_stays_by_itself(cls) -> None:
    together, healthy = noise(R, P), noise(R, P)
    adam, other = optimizer(cls), optimizer(cls)
    for update in range(5):
        slopes = noise(R, P, seed=update + 1)
        _step(other, healthy, slopes, update)
        alive = torch.tensor([True, update < 2, True, True])
        kept = together[1].clone()
        if update >= 2:
            slopes = slopes.clone()
            slopes[1] = [1.0, torch.nan, torch.inf][update - 2]
        _step(adam, together, slopes, update, alive=alive)
        assert bool(together.isfinite().all()), f"a broken gradient reached the weights at update {update}"
        assert update < 2 or torch.equal(together[1], kept), "a frozen replica moved"
        for r in (0, 2, 3):
            assert same_bits(together[r], healthy[r]), f"replica {r} noticed that replica 1 broke"


class OneNorm(Adam):
    """Clipped by the norm of the whole group."""

    def norms(self, gradient):
        return gradient.norm().expand(len(gradient))


class ForgetsTheBias(Adam):
    def step(self, weights, gradient, norms, alive, update, scale):
        super().step(weights, gradient, norms, alive, update + 1, scale)


class NeverFreezes(Adam):
    def step(self, weights, gradient, norms, alive, update, scale):
        super().step(weights, gradient, norms, torch.ones_like(alive), update, scale)


class RateInside(Momentum):
    """The rate stands inside the velocity, which differs where a schedule moves it."""

    def _change(self, weights, gradient, update, rate):
        self.velocity.mul_(self.momentum).add_(rate * (gradient + self.decay * weights))
        return self.velocity


class Dampened(Momentum):
    def _change(self, weights, gradient, update, rate):
        self.velocity.mul_(self.momentum).add_((1 - self.momentum) * (gradient + self.decay * weights))
        return rate * self.velocity


class ForgetsTheDecay(Momentum):
    def _change(self, weights, gradient, update, rate):
        return super()._change(torch.zeros_like(weights), gradient, update, rate)


class OneMomentum(Momentum):
    """The momentum of the first replica for all of the group."""

    def _change(self, weights, gradient, update, rate):
        self.momentum = self.momentum.mean().expand_as(self.rate)
        return super()._change(weights, gradient, update, rate)


LAWS = [law_equals_torch, law_same_bits_alone, law_a_broken_replica_stays_by_itself]
CAUGHT = [
    (law_equals_torch, ForgetsTheBias),
    (law_equals_torch, OneNorm),
    (law_same_bits_alone, OneNorm),
    (law_a_broken_replica_stays_by_itself, NeverFreezes),
    (law_equals_torch, RateInside),
    (law_equals_torch, Dampened),
    (law_equals_torch, ForgetsTheDecay),
    (law_same_bits_alone, OneMomentum),
]


@pytest.mark.parametrize("cls", [Adam, Momentum], ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law, cls):
    law(cls)


@pytest.mark.parametrize(("law", "cls"), CAUGHT, ids=lambda x: x.__name__)
def test_law_catches(law, cls):
    with pytest.raises(AssertionError):
        law(cls)


def test_every_law_has_been_seen_to_fail():
    assert {law for law, _ in CAUGHT} == set(LAWS)


def test_clipping_is_that_of_torch_up_to_its_epsilon():
    slopes = noise(1, P, seed=3)
    adam = optimizer(index=slice(2, 3))
    _step(adam, torch.zeros(1, P).double(), slopes, 0)
    single = torch.nn.Parameter(torch.zeros(P, dtype=torch.float64))
    single.grad = slopes[0].clone()
    torch.nn.utils.clip_grad_norm_([single], CLIPS[2])
    assert gap(adam.first[0] / 0.1, single.grad) < 1e-6


@pytest.mark.parametrize("inner", [0, 1, 2, 5])
@pytest.mark.parametrize("outer", [1, 2, 5])
def test_an_affine_map_is_x_w_plus_b(inner, outer):
    x, w, b = noise(3, 4, inner), noise(3, inner, outer, seed=1), noise(3, 1, outer, seed=2)
    weights = {"map.bias": b} | ({"map.weight": w} if inner else {})
    assert gap(project(weights, "map", x), x @ w + b) < CLOSE
    assert set(linear("map", inner, outer)) == set(weights)
    steps = noise(6, 3, 4, inner, seed=3)
    assert gap(over_time(lambda flat: project(weights, "map", flat), steps), steps @ w + b) < CLOSE
    if inner:
        whole = noise(3, 4, outer, seed=4)
        assert gap(affine(x, w, whole), x @ w + whole) < CLOSE


def test_a_reduction_has_the_same_bits_in_any_group():
    for dtype in (torch.float32, torch.float64):
        x = noise(13, 7, 5, dtype=dtype)
        together = per_replica(torch.sum, x, axis=1)
        for r in range(7):
            assert same_bits(per_replica(torch.sum, x[:, r : r + 1].clone(), axis=1)[0], together[r])
            assert gap(together[r], x[:, r].sum()) < 1e-5


def test_initial_weights_depend_on_the_seed_and_the_name_alone():
    shapes = {"a": Shape(rows=3, columns=2, bound=0.5), "b": Shape(rows=3, columns=2, bound=2.0)}
    drawn = initial_weights(shapes, [5, 2**40, 0])
    assert initial_weights({"b": shapes["b"]}, [0])["b"].tolist() == drawn["b"][2:].tolist()
    assert len({value.tobytes() for each in drawn.values() for value in each}) == 6
    for name, shape in shapes.items():
        assert abs(drawn[name]).max() <= shape.bound
    wide = initial_weights({"a": Shape(rows=200, columns=200, bound=0.5)}, [0])["a"]
    assert wide.mean() == pytest.approx(0, abs=6 * 0.5 / math.sqrt(3 * wide.size))
    assert wide.std() == pytest.approx(0.5 / math.sqrt(3), rel=0.02)
