"""Predicted distributions of values: against numbers of scipy, by quadrature, and with a broken part for each promise."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import special, stats

from freerun.config.experiment import Experiment
from freerun.config.run_identity import canonical, identity
from freerun.engine.compiled import operation
from freerun.engine.engine_choice import engine_of, obstacle
from freerun.engine.rollout import Request, loop
from freerun.errors import ConfigError
from freerun.laws.toolkit import noise, uniforms, weights_of
from freerun.parts import gaussians, normal
from freerun.parts.feedback.mean import Mean
from freerun.parts.feedback.sample import Sample
from freerun.parts.gaussians import Gaussians, Head
from freerun.parts.models.gru import GRU
from freerun.parts.models.linear import Linear
from freerun.parts.objectives.gaussian_likelihood import GaussianLikelihood
from freerun.parts.objectives.squared_error import SquaredError
from freerun.parts.tasks.errors_in_variables import ErrorsInVariables
from freerun.parts.tasks.lorenz63 import Lorenz63

MIXED = Head(components=3, floor=0.01)


def mixtures(head=MIXED, count=4, values=2):
    numbers = head.read(noise(count, head.width(values)))
    return numbers, head.distribution(numbers)


def test_the_normal_law_is_that_of_scipy():
    z = np.concatenate([np.linspace(-36, 9, 4001), [0.0, 0.46875 * 2**0.5]])
    off = normal.distribution(torch.from_numpy(z)).numpy() / special.ndtr(z) - 1
    assert abs(off).max() < 1e-12
    u = np.concatenate([np.linspace(1e-8, 1 - 1e-8, 4001), 10.0 ** -np.arange(9, 280, 10.0), [0.075, 0.925]])
    assert (
        np.abs(normal.quantile(torch.from_numpy(u)).numpy() / np.where(u == 0.5, 1, special.ndtri(u)) - 1)[u != 0.5].max()
        < 1e-12
    )


def test_density_mean_variance_and_distribution_of_a_mixture():
    numbers, law = mixtures()
    y = noise(4, 2, seed=3)
    w, m, s = (part.numpy() for part in (law.log_weights.exp(), law.means, law.scales))
    each = stats.norm.pdf(y.numpy()[:, None], m, s).prod(-1)
    assert np.allclose(law.log_density(y).numpy(), np.log((w * each).sum(-1)), atol=1e-12)
    mean = (w[..., None] * m).sum(1)
    assert np.allclose(law.mean().numpy(), mean, atol=1e-12)
    assert torch.equal(MIXED.mean(numbers), law.mean())
    assert np.allclose(law.variance().numpy(), (w[..., None] * (s**2 + m**2)).sum(1) - mean**2, atol=1e-12)
    assert np.allclose(law.below(y).numpy(), (w[..., None] * stats.norm.cdf(y.numpy()[:, None], m, s)).sum(1), atol=1e-12)
    assert float(law.log_weights.exp().sum(-1).sub(1).abs().max()) < 1e-12


def quadrature(law, y):
    """The definition: the integral of (F(x) - 1[x >= y])^2."""
    x = torch.linspace(-30, 30, 60_001, dtype=torch.float64)
    below = Gaussians(log_weights=law.log_weights, means=law.means, scales=law.scales).below(x[:, None])[:, 0]
    return float(((below - (x >= y).double()) ** 2).sum() * (x[1] - x[0]))


def test_the_score_is_the_integral_that_defines_it():
    for components in (1, 3):
        _, law = mixtures(Head(components=components, floor=0.3), 1, 1)
        for y in (-1.3, 0.2, 4.0):
            assert float(law.crps(torch.tensor([[y]]))) == pytest.approx(quadrature(law, y), abs=1e-3)
    s = torch.tensor([[0.7]])
    known = gaussians.unpacked(gaussians.packed(torch.zeros(1, 1), s), 1).crps(torch.zeros(1, 1))
    assert float(known) == pytest.approx(0.7 * (math.sqrt(2) - 1) / math.sqrt(math.pi), rel=1e-6)
    sure = gaussians.unpacked(gaussians.packed(torch.ones(1, 1), 0 * s), 1)
    assert float(sure.crps(torch.tensor([[3.5]]))) == 2.5, "of one sure value it is the absolute error"


def wrong_sign(law, y):
    """The score with the spread added."""
    return 2 * gaussians._away(y - law.means[..., 0, :], law.scales[..., 0, :].square()) - law.crps(y)


def test_a_score_with_the_wrong_sign_of_its_spread_is_caught():
    _, law = mixtures(Head(floor=0.3), 1, 1)
    assert float(wrong_sign(law, torch.tensor([[0.2]]))) != pytest.approx(quadrature(law, 0.2), abs=2e-2)


def test_draws_are_of_the_law():
    """Means, variances and ranks of 20,000 draws at fixed uniform numbers, each within five of its standard errors."""
    for head in (Head(floor=0.1), MIXED):
        numbers = head.read(noise(1, head.width(2))).expand(20_000, -1)
        law = head.distribution(numbers)
        drawn = law.drawn(uniforms(20_000, head.draws(2)))
        error = (law.variance()[0] / 20_000).sqrt()
        assert bool(((drawn.mean(0) - law.mean()[0]).abs() < 5 * error).all())
        assert np.allclose(drawn.var(0), law.variance()[0], rtol=0.06)
        ranks = law.below(drawn)
        assert bool(((ranks.mean(0) - 0.5).abs() < 5 / math.sqrt(12 * 20_000)).all())
    assert bool(law.drawn(torch.zeros(20_000, 3)).isfinite().all()), "a draw of 0 is a value too"


def test_scales_stay_above_their_floor_and_have_a_gradient():
    raw = torch.tensor([[0.0, -800.0], [0.0, -3.0], [0.0, 0.0], [0.0, 50.0]], requires_grad=True)
    for dtype in (torch.float32, torch.float64):
        scales = Head(floor=0.01).read(raw.to(dtype))[:, 1]
        assert scales.dtype is dtype
        assert torch.allclose(scales.double(), 0.01 + torch.nn.functional.softplus(raw[:, 1].double()), rtol=1e-6)
    (slope,) = torch.autograd.grad(Head().read(raw.double())[:, 1].sum(), raw)
    assert torch.allclose(slope[:, 1], torch.sigmoid(raw[:, 1]), rtol=1e-5, atol=1e-30)


@pytest.mark.parametrize("head", [Head(floor=0.1), MIXED])
def test_an_increment_is_added_to_what_was_fed(head):
    numbers, fed, residual = (
        head.read(noise(1, 4, head.width(2))),
        noise(1, 4, 2, seed=2),
        torch.tensor([[[0.1, 3.0]]]).double(),
    )
    law, whole = head.distribution(numbers), head.distribution(head.onto(numbers, fed, residual))
    y = noise(1, 4, 2, seed=5)
    moved = law.log_density((y - fed) / residual) - residual.log().sum()
    assert torch.allclose(whole.log_density(y), moved, atol=1e-12)


def rolled(head, feedback, mask, **others):
    model, truth = GRU(hidden=3), noise(6, 2, 4, 2)
    weights = weights_of(model, 2, head.width(2), 2, torch.float64)
    weights = {name: weight.requires_grad_() for name, weight in weights.items()}
    return Request(
        model, weights, truth=truth, start=noise(2, 4, 2, seed=1), feedback=feedback.reading(head), mask=mask, head=head,
        uniform=uniforms(6, 2, 4, head.draws(2)), **others,
    )  # fmt: skip


@pytest.mark.parametrize("head", [Head(floor=0.1), MIXED])
@pytest.mark.parametrize("residual", [None, torch.full((2, 1, 2), 0.5).double()])
def test_a_free_rollout_feeds_what_its_distribution_says(head, residual):
    free = torch.zeros(6, 2, 4).double()
    request = rolled(head, Mean(), free, residual=residual)
    result = loop(request)
    assert torch.equal(result.fed, head.mean(result.outputs))
    request = rolled(head, Sample(), free, residual=residual)
    result = loop(request)
    assert torch.equal(result.fed, head.distribution(result.outputs).drawn(request.uniform))
    assert not result.fed.requires_grad
    assert operation.impossible(request) == "it predicts no distributions of values"
    stepwise = loop(replace(rolled(head, Mean(), 1 - free, residual=residual)))
    assert torch.allclose(loop(rolled(head, Mean(), None, residual=residual)).outputs, stepwise.outputs, atol=1e-12)


def test_drawing_needs_a_distribution():
    task = ErrorsInVariables(sequences=8, length=4)
    with pytest.raises(ConfigError, match=r"objective=squared_error predicts values.*gaussian_likelihood does"):
        Experiment(task=task, model=Linear(), feedback=Sample(), objective=SquaredError())
    run = Experiment(task=task, model=Linear(), feedback=Sample(), objective=GaussianLikelihood())
    assert "no distributions" in obstacle(run, here=False)
    assert engine_of(run).name == "reference"
    ids = {
        identity(canonical(Experiment(task=Lorenz63(), model=GRU(), objective=GaussianLikelihood(components=k, floor=f))))
        for k, f in ((1, 0.001), (2, 0.001), (1, 0.01))
    }
    assert len(ids) == 3
    for wrong in ({"components": 0}, {"floor": 0.0}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            GaussianLikelihood(**wrong)
