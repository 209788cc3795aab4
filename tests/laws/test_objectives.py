"""Tests of the laws of objectives: what is charged is the loss of the textbook."""

from __future__ import annotations

import pytest
import torch

from freerun.config import compatibility
from freerun.config.run_identity import canonical, identity
from freerun.errors import ConfigError
from freerun.laws import objectives as kit
from freerun.laws.register import of
from freerun.laws.toolkit import CLOSE, gap, variants
from freerun.parts import registry
from freerun.parts.objectives.absolute_error import AbsoluteError
from freerun.parts.objectives.cross_entropy import CrossEntropy
from freerun.parts.objectives.huber import Huber
from freerun.parts.objectives.squared_error import SquaredError
from laws.broken import objectives as broken
from laws.runs import Engine, planned, unchecked

LAWS = of("objective", "objectives")
OBJECTIVES = variants("objective")
CAUGHT = [
    (kit.law_each_prediction_has_its_own_loss, broken.Averages),
    (kit.law_each_prediction_has_its_own_loss, broken.LosesTheSign),
    (kit.law_the_target_is_best, broken.Smoothed),
    (kit.law_pure, broken.CentresTheTargets),
    (kit.law_the_truths_own_distribution_costs_least, broken.WithoutItsNormalisation),
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
def test_law(law, objective):
    law(objective)


def test_a_cut_under_the_truth_alone_is_left_out_only_where_it_changes_no_bit(monkeypatch):
    """Professor forcing rolls the model out beside teacher forcing: a gradient runs through those feeds, and a cut cuts it."""
    left_out, engine = {}, Engine()
    for name in registry.parts("objective"):
        words = f"model=gru model.hidden=4 regime=teacher_forcing objective={name} training.updates=15 training.lr=0.1"
        choices = [f"{words} gradient={gradient}" for gradient in ("through", "stop")]
        try:
            left_out[name] = len({identity(canonical(run.experiment)) for run in planned("values", *choices)}) == 1
        except ConfigError:  # for symbols, or in need of a run
            continue
        with monkeypatch.context() as patch, unchecked():
            patch.setattr(compatibility, "idle_cut", lambda *_: None)
            through, stopped = engine(planned("values", *choices))
        assert not (left_out[name] and through.differs(stopped)), f"{name}: {through.differs(stopped)}"
    assert {name for name, left in left_out.items() if not left} == {"professor_forcing"}
    assert {"squared_error", "exact_expert", "diverted_chain", "pushforward"} <= left_out.keys()


@pytest.mark.parametrize(("law", "objective"), CAUGHT, ids=lambda x: x.__name__)
def test_law_catches(law, objective):
    with pytest.raises(AssertionError):
        law(objective())


def test_every_law_has_been_seen_to_fail():
    assert {law for law, _ in CAUGHT} == {law.function for law in LAWS}


def test_the_losses_are_those_of_torch():
    outputs, targets = kit.case(True)
    wanted = torch.nn.functional.cross_entropy(outputs.flatten(0, 1), targets.flatten(), reduction="none").reshape(6, 4)
    assert gap(CrossEntropy()(outputs, targets), wanted) < CLOSE
    outputs, targets = kit.case(False)
    wanted = torch.nn.functional.mse_loss(outputs, targets, reduction="none").mean(-1)
    assert gap(SquaredError()(outputs, targets), wanted) < CLOSE


@pytest.mark.parametrize(
    "fault", [None, broken.MeanSquareRoot, broken.HalfAbsolute], ids=lambda x: getattr(x, "__name__", "none")
)
def test_robust_losses_and_their_gradients_are_those_of_torch(fault):
    """Errors from 0 over delta itself up to 1e30, where a square would overflow in float32."""
    predicted = torch.tensor([[0.0, 0.3, -0.3, 0.5], [-0.5, 0.7, -4.0, 0.1], [1e30] * 4]).double().requires_grad_()
    targets = torch.zeros_like(predicted)
    functional = torch.nn.functional
    pairs = [(AbsoluteError(), functional.l1_loss(predicted, targets, reduction="none").mean(-1))]
    for delta in (0.3, 0.5, 10.0):
        wanted = functional.huber_loss(predicted, targets, reduction="none", delta=delta).mean(-1)
        pairs.append((Huber(delta=delta), wanted))
    if fault is not None:
        pairs = [(fault(), wanted) for _, wanted in pairs]
    off = []
    for objective, wanted in pairs:
        losses = objective(predicted, targets)
        (slope,), (wanted_slope,) = (torch.autograd.grad(x.sum(), predicted, retain_graph=True) for x in (losses, wanted))
        off += [gap(a, b) for a, b in zip(losses, wanted, strict=True)] + [gap(slope, wanted_slope)]
        single = objective(predicted.detach().float(), targets.float())
        off.append(0.0 if bool(torch.isfinite(single).all()) else 1.0)
    assert (max(off) < CLOSE) is (fault is None)


def test_losses_of_two_kinds_are_two_measures():
    """Else a table would rank a run by half its squared error beside one by all of it."""
    units = [x.quantity(False).unit for x in (SquaredError(), AbsoluteError(), Huber(), Huber(delta=0.5))]
    assert len(set(units)) == len(units)


@pytest.mark.parametrize("delta", [0.0, -1.0, float("inf"), float("nan")])
def test_a_delta_out_of_range_is_refused(delta):
    with pytest.raises(ConfigError, match=r"delta must (lie in|be finite)"):
        Huber(delta=delta)
