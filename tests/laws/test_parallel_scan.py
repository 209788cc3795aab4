"""Laws of models that are made at once: the scan is its loop in value and gradient, and each model is its formula."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from freerun.arithmetic import cosine_and_sine, exponential_anywhere, power_of_two_anywhere, softplus
from freerun.errors import ConfigError
from freerun.laws.toolkit import CLOSE, gap, gradients, noise, same_bits, weights_of
from freerun.parts.layers import initial_weights
from freerun.parts.models import _parallel_scan, _selective_scan
from freerun.parts.models._parallel_scan import scan
from freerun.parts.models._selective_scan import selective_scan
from freerun.parts.models.lru import LRU
from freerun.parts.models.min_gru import MinGRU
from freerun.parts.models.selective_ssm import SelectiveSSM
from laws.broken import models as broken
from laws.test_models import law_equals_a_reference

R, B, H = 2, 3, 4


def numbers(steps: int, complex_: bool) -> list[torch.Tensor]:
    """Factors of at most 1, one for all steps if complex, addends and a start; differentiable."""
    a = noise(R, 1, 1, H, 2, seed=1) if complex_ else torch.sigmoid(noise(R, steps, B, H, 1, seed=1))
    a = a / a.norm(dim=-1, keepdim=True) * torch.sigmoid(2 + noise(*a.shape[:-1], 1, seed=2)) if complex_ else a
    parts = [a, noise(R, steps, B, H, 1 + complex_, seed=3), noise(R, B, H, 1 + complex_, seed=4)]
    return [part[..., k].contiguous().requires_grad_() for part in parts for k in range(1 + complex_)]


def looped(a, b, start):
    """The recurrence step by step, with torch's own complex numbers."""
    a, b, h = (torch.complex(*part) if len(part) == 2 else part[0] for part in (a, b, start))
    out = []
    for t in range(b.shape[1]):
        h = a[:, t if a.shape[1] > 1 else 0] * h + b[:, t]
        out.append(h)
    h = torch.stack(out, 1)
    return (h.real, h.imag) if h.is_complex() else (h,)


def law_a_scan_is_its_loop(scanned, steps: int, complex_: bool) -> None:
    leaves = numbers(steps, complex_)
    count = 1 + complex_
    parts = [tuple(leaves[k * count : (k + 1) * count]) for k in range(3)]
    fast, slow = scanned(*parts), looped(*parts)
    charge = [noise(*part.shape, seed=5 + k) for k, part in enumerate(slow)]
    for ours, wanted in zip(fast, slow, strict=True):
        assert gap(ours, wanted) < CLOSE
    slopes = [gradients(sum((x * c).sum() for x, c in zip(out, charge, strict=True)), leaves) for out in (fast, slow)]
    for name, ours, wanted in zip(range(len(leaves)), *slopes, strict=True):
        assert gap(ours, wanted) < CLOSE, f"gradient {name}: {gap(ours, wanted):.1e}"


@pytest.mark.parametrize("complex_", [False, True], ids=["real", "complex"])
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 7, 8, 9, 33, 1000])
def test_a_scan_is_its_loop(steps, complex_):
    law_a_scan_is_its_loop(scan, steps, complex_)


def forgets_the_start(a, b, start):
    return scan(a, b, tuple(part * 0 for part in start))


def one_step_late(a, b, start):
    return scan(tuple(part.roll(1, 1) for part in a), b, start)


@pytest.mark.parametrize("broken_scan", [forgets_the_start, one_step_late], ids=lambda x: x.__name__)
def test_the_law_of_a_scan_catches(broken_scan):
    with pytest.raises(AssertionError):
        law_a_scan_is_its_loop(broken_scan, 7, False)


def test_the_law_of_a_scan_catches_a_gradient_that_is_not_conjugate(monkeypatch):
    monkeypatch.setattr(_parallel_scan, "_conjugate", lambda a: a)
    with pytest.raises(AssertionError, match="gradient"):
        law_a_scan_is_its_loop(scan, 7, True)


def selective_numbers(steps: int) -> list[torch.Tensor]:
    """delta, v, B, C, r and the start of a selective scan with states of three numbers; differentiable."""
    sizes = [(steps, B, H), (steps, B, H), (steps, B, 3), (steps, B, 3), (3, H), (B, 3, H)]
    parts = [noise(R, *size, seed=seed) for seed, size in enumerate(sizes)]
    return [(part.exp() if place in (0, 4) else part).requires_grad_() for place, part in enumerate(parts)]


def selectively_looped(delta, v, write, read, rates, s):
    outputs = []
    for t in range(delta.shape[1]):
        s = torch.exp(-rates[:, None] * delta[:, t, :, None]) * s + torch.einsum("rbn,rbj->rbnj", write[:, t], v[:, t])
        outputs.append(torch.einsum("rbn,rbnj->rbj", read[:, t], s))
    return torch.stack(outputs, 1), s


def law_a_selective_scan_is_its_loop(scanned, steps: int) -> None:
    leaves = selective_numbers(steps)
    fast, slow = scanned(*leaves), selectively_looped(*leaves)
    charge = [noise(*part.shape, seed=7 + k) for k, part in enumerate(slow)]
    for name, ours, wanted in zip(("outputs", "state"), fast, slow, strict=True):
        assert gap(ours, wanted) < CLOSE, f"{name}: {gap(ours, wanted):.1e}"
    slopes = [gradients(sum((x * c).sum() for x, c in zip(out, charge, strict=True)), leaves) for out in (fast, slow)]
    for name, ours, wanted in zip(("delta", "v", "B", "C", "r", "start"), *slopes, strict=True):
        assert gap(ours, wanted) < CLOSE, f"gradient of {name}: {gap(ours, wanted):.1e}"


@pytest.mark.parametrize("length", [1, 2, 3, 1000], ids=lambda length: f"pieces of {length}")
@pytest.mark.parametrize("steps", [1, 2, 7, 33])
def test_a_selective_scan_is_its_loop(monkeypatch, steps, length):
    monkeypatch.setattr(_selective_scan, "PIECE", length * B * 3 * H)
    law_a_selective_scan_is_its_loop(selective_scan, steps)


def starts_at_zero(*parts):
    return selective_scan(*parts[:-1], parts[-1] * 0)


def cut_after_two_steps(*parts):
    *steps, rates, start = parts
    first, state = selective_scan(*(part[:, :2] for part in steps), rates, start)
    rest, state = selective_scan(*(part[:, 2:] for part in steps), rates, state.detach())
    return torch.cat([first, rest], 1), state


@pytest.mark.parametrize(("broken_scan", "what"), [(starts_at_zero, "outputs"), (cut_after_two_steps, "gradient")])
def test_the_law_of_a_selective_scan_catches(broken_scan, what):
    with pytest.raises(AssertionError, match=what):
        law_a_selective_scan_is_its_loop(broken_scan, 7)


def test_a_long_scan_has_the_same_bits_alone_and_in_a_group(monkeypatch):
    """Sums over thousands of steps and sequences, where a reduction goes by blocks, and pieces that are many."""
    monkeypatch.setattr(_selective_scan, "PIECE", 1000)
    for model in (LRU(hidden=5), MinGRU(hidden=5), SelectiveSSM(hidden=5, states=3)):
        together, alone = (_slopes(model, slice(0, replicas)) for replicas in (3, 1))
        for name, value in alone.items():
            assert same_bits(value[0], together[name][0]), f"{model}: {name}"


def _slopes(model, replicas: slice) -> dict[str, torch.Tensor]:
    weights = {name: value[replicas].detach() for name, value in weights_of(model, 3, 2, 3, torch.float32).items()}
    weights = {name: value.clone().requires_grad_() for name, value in weights.items()}
    u = noise(301, 3, 7, 3, dtype=torch.float32)[:, replicas].contiguous()
    outputs, _ = model.unroll(weights, u, model.start(u.shape[1], 7, u[0]))
    return dict(zip(weights, gradients(outputs.square().sum(), list(weights.values())), strict=True))


def _read_out(w, state, u):
    m = torch.cat([*state, u], -1) @ w["mix.weight"] + w["mix.bias"]
    return (m * torch.sigmoid(m @ w["gate.weight"] + w["gate.bias"])) @ w["output.weight"] + w["output.bias"]


def _minimal(model, weights, u, r):
    w, h, outputs = {name: value[r] for name, value in weights.items()}, torch.zeros(u.shape[2], model.hidden).double(), []
    for x in u[:, r]:
        z = torch.sigmoid(x @ w["update.weight"] + w["update.bias"])
        h = (1 - z) * h + z * (x @ w["new.weight"] + w["new.bias"])
        outputs.append(_read_out(w, [h], x))
    return torch.stack(outputs)


def _rotating(model, weights, u, r):
    w = {name: value[r] for name, value in weights.items()}
    nu, theta, gamma = w["recurrent"]
    turn = torch.exp(torch.complex(-nu.exp(), theta.exp()))
    x, outputs = torch.zeros(u.shape[2], model.hidden, dtype=torch.complex128), []
    for seen in u[:, r]:
        drive = torch.complex(*(seen @ w[f"{part}.weight"] + w[f"{part}.bias"] for part in ("real", "imaginary")))
        x = turn * x + gamma.exp() * drive
        outputs.append(_read_out(w, [x.real, x.imag], seen))
    return torch.stack(outputs)


def _selective(model, weights, u, r):
    f = torch.nn.functional
    w, outputs = {name: value[r] for name, value in weights.items()}, []
    s = torch.zeros(u.shape[2], model.states, model.hidden).double()
    for seen in u[:, r]:
        x = f.silu(seen @ w["input.weight"] + w["input.bias"])
        delta = f.softplus(x @ w["step.weight"] + w["step.bias"])
        write, read = x @ w["write"], x @ w["read"]
        s = torch.exp(-w["rates"].exp() * delta[:, None]) * s + torch.einsum("bn,bj->bnj", write, delta * x)
        y = torch.einsum("bn,bnj->bj", read, s) + w["skip"] * x
        branch = f.silu(seen @ w["branch.weight"] + w["branch.bias"])
        outputs.append((y * branch) @ w["output.weight"] + w["output.bias"])
    return torch.stack(outputs)


@pytest.mark.parametrize(
    ("model", "reference"),
    [
        *((MinGRU(hidden=h), _minimal) for h in (1, 5)), *((LRU(hidden=h, r_min=0.5), _rotating) for h in (1, 5)),
        *((SelectiveSSM(hidden=h, states=n), _selective) for h, n in ((1, 1), (5, 3))),
    ],
    ids=lambda part: getattr(part, "__name__", repr(part)),
)  # fmt: skip
def test_equals_its_formula(model, reference):
    law_equals_a_reference(model, reference, 3, 2)


@pytest.mark.parametrize(
    ("model", "reference"),
    [
        (broken.GatesSwapped(hidden=5), _minimal), (broken.TurnsTheOtherWay(hidden=5), _rotating),
        (broken.WritesTooMuch(hidden=5), _selective),
    ],
    ids=lambda x: type(x).__name__,
)  # fmt: skip
def test_the_formula_catches(model, reference):
    with pytest.raises(AssertionError):
        law_equals_a_reference(model, reference, 3, 2)


def test_a_ring_is_filled_evenly_and_gamma_keeps_the_variance():
    shapes = LRU(hidden=20_000, r_min=0.4, r_max=0.9, phase=1.0).shapes(3, 3)
    nu, theta, gamma = initial_weights({"recurrent": shapes["recurrent"]}, [0])["recurrent"][0]
    radius, angle = np.exp(-np.exp(nu)), np.exp(theta)
    share = (radius**2 - 0.4**2) / (0.9**2 - 0.4**2)
    for spread in (share, angle):  # uniform on [0, 1]: mean and variance within five standard errors
        assert spread.min() >= 0
        assert spread.max() <= 1
        assert abs(spread.mean() - 1 / 2) < 5 / math.sqrt(12 * 20_000)
        assert abs(spread.var() - 1 / 12) < 5 * math.sqrt(1 / 180 / 20_000)
    assert np.allclose(np.exp(gamma), np.sqrt(1 - radius**2), rtol=1e-12)


def test_a_selective_model_starts_as_the_paper_s():
    weights = initial_weights(SelectiveSSM(hidden=2_000, states=3).shapes(3, 3), [0])
    assert np.allclose(np.exp(weights["rates"][0]), np.array([[1.0], [2.0], [3.0]]), rtol=1e-15)
    assert set(weights["skip"].ravel()) == {1.0}
    place = np.log(np.log1p(np.exp(weights["step.bias"][0, 0])) / 0.001) / math.log(100)
    assert abs(place.mean() - 1 / 2) < 5 / math.sqrt(12 * 2_000)
    assert 0 <= place.min() < 0.01 < 0.99 < place.max() <= 1


@pytest.mark.parametrize(
    ("function", "exact", "numbers_"),
    [
        (lambda x: cosine_and_sine(x)[0], math.cos, np.linspace(-1e3, 1e3, 5_001)),
        (lambda x: cosine_and_sine(x)[1], math.sin, np.linspace(-7, 7, 5_001)),
        (exponential_anywhere, math.exp, np.linspace(-3, 1, 2_001)),
        (power_of_two_anywhere, math.exp2, np.linspace(-3, 1, 2_001)),
        (softplus, lambda x: math.log1p(math.exp(x)), np.linspace(-40, 40, 2_001)),
    ],
    ids=["cosine", "sine", "exponential", "power of two", "softplus"],
)
def test_functions_are_exact_and_do_not_know_their_place(function, exact, numbers_):
    x = torch.from_numpy(numbers_)
    wanted = torch.tensor([exact(value) for value in x.tolist()], dtype=torch.float64)
    assert float(((function(x) - wanted).abs() / wanted.abs().clamp(min=1)).max()) < 8e-16
    for dtype in (torch.float32, torch.float64):
        whole = function(x.to(dtype))
        parts = torch.cat([function(part.clone()) for part in x.to(dtype).split(7)])
        assert same_bits(whole, parts)


def test_a_function_that_knows_its_place_is_seen():
    x = torch.linspace(-3, 1, 2_001, dtype=torch.float64)
    assert not same_bits(x.exp2(), torch.cat([part.clone().exp2() for part in x.split(7)]))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: MinGRU(hidden=0), "hidden must be at least 1, got 0"),
        (lambda: LRU(hidden=0), "hidden must be at least 1, got 0"),
        (lambda: LRU(r_max=1.5), r"r_max must lie in \(0, 1\], got 1.5"),
        (lambda: LRU(r_min=0.9, r_max=0.9), r"r_min must lie in \[0, r_max = 0.9\), got 0.9"),
        (lambda: LRU(phase=7.0), r"phase must lie in \(0, 2 pi\], got 7.0"),
        (lambda: SelectiveSSM(hidden=0), "hidden must be at least 1, got 0"),
        (lambda: SelectiveSSM(states=0), "states must be at least 1, got 0"),
    ],
)
def test_a_setting_out_of_range_is_refused(make, text):
    with pytest.raises(ConfigError, match=rf"^model\.{text}$"):
        make()
