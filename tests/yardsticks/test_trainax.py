"""Training methodologies of trainax and APEBench: losses and gradients of plain loops, written out here, equal the engine's.

The definitions are those of the classes `Supervised`, `DivertedChain`, `DivertedChainBranchOne` and `Residuum` (Koehler,
Niedermayr, Westermann & Thuerey 2024, "APEBench: a benchmark for autoregressive neural emulators of PDEs"): sums over time
levels of a weight times the mean squared error over batch and coordinates. Here a loss is the mean over the weights instead, so
that theirs is it times the weights' sum. The residual is next - F(previous). Stepper, solver (Runge-Kutta of Lorenz-63; the
shift of a field by its Fourier series) and all loops are plain PyTorch in float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import Experiment
from freerun.config.level_weights import Levels
from freerun.config.training_settings import Training
from freerun.engine import engine_choice
from freerun.engine.feeding import Lessons
from freerun.engine.replicas import Group
from freerun.engine.true_step import _Onward
from freerun.parts.models.output_recurrent import OutputRecurrent
from freerun.parts.objectives.diverted_chain import DivertedChain, Target
from freerun.parts.objectives.squared_error import SquaredError
from freerun.parts.regimes.free_running import FreeRunning
from freerun.parts.tasks.advection import Advection
from freerun.parts.tasks.lorenz63 import Lorenz63

STEPS = 6
TASKS = {
    "lorenz63": Lorenz63(sequences=12, length=STEPS, transient=1.0, dt=0.05, substeps=3),
    "advection": Advection(points=9, modes=3, trajectories=4, length=STEPS, steps=12),
}


@dataclass(frozen=True)
class Method:
    """A methodology: what trainax calls it by, and what this framework does."""

    objective: object = None
    weights: tuple[float, ...] = (1.0,) * STEPS
    levels: tuple = ()
    cut: int = 0
    steps: int = STEPS
    branch: int = 0
    cut_div_chain: bool = False
    data: float = 1.0


def chain(branch=1, data=0.0, stop=False, **more):
    objective = DivertedChain(branch=branch, labels=data, target=Target.stop if stop else Target.through)
    return Method(objective=objective, branch=branch, data=data, cut_div_chain=stop, **more)


HALVES, RAMP, LAST = tuple(0.5**t for t in range(STEPS)), tuple(range(1, STEPS + 1)), (0.0,) * (STEPS - 1) + (1.0,)
METHODS = {
    "supervised, one step": Method(steps=1, weights=(1.0,)),
    "supervised rollout": Method(),
    "supervised rollout, cut every step": Method(cut=1),
    "supervised rollout, cut every 2": Method(cut=2),
    "diverted chain, branch one": chain(),
    "diverted chain, branch one, cut chain": chain(stop=True),
    "diverted chain, branch one, cut every 2": chain(cut=2),
    "diverted chain, branch one, all cut": chain(cut=1, stop=True),
    "diverted chain, branch 3": chain(branch=3),
    "diverted chain, branch 3, cut chain": chain(branch=3, stop=True),
    "diverted chain, branch 3, cut every 2": chain(branch=3, cut=2),
    "diverted chain, one branch of all steps": chain(branch=STEPS),
    "residual and data": chain(data=0.25),
    "time levels, geometric": Method(weights=HALVES, levels=(Levels.geometric, 0.5)),
    "time levels, ramp, cut every 3": Method(weights=RAMP, levels=(Levels.ramp, None), cut=3),
    "time levels, last": Method(weights=LAST, levels=(Levels.last, None)),
    "diverted chain, branch 3, geometric": chain(branch=3, weights=HALVES, levels=(Levels.geometric, 0.5)),
}


def true_step(name, data):
    """The reference solver in scaled units, in plain PyTorch."""
    task = TASKS[name]

    def slope(x):
        return torch.stack(
            [
                task.sigma * (x[:, 1] - x[:, 0]),
                x[:, 0] * (task.rho - x[:, 2]) - x[:, 1],
                x[:, 0] * x[:, 1] - task.beta * x[:, 2],
            ],
            1,
        )

    def lorenz(x):
        mean, std, h = data.mean.double(), data.std.double(), task.dt / task.substeps
        x = x * std + mean
        for _ in range(task.substeps):
            a = slope(x)
            b = slope(x + h / 2 * a)
            c = slope(x + h / 2 * b)
            x = x + h / 6 * (a + 2 * b + 2 * c + slope(x + h * c))
        return (x - mean) / std

    def shift(x):
        waves = torch.arange(task.points // 2 + 1).double()
        return torch.fft.irfft(torch.fft.rfft(x) * torch.exp(-2j * torch.pi / task.points * waves * task.cfl), n=task.points)

    return lorenz if name == "lorenz63" else shift


def reference(method, stepper, solver, start, targets):
    """The loss of a methodology, as its class defines it, divided by the sum of its weights."""

    def error(a, b):
        return (a - b).square().mean()

    def cut(x, t):
        return x.detach() if method.cut and (t + 1) % method.cut == 0 else x

    supervised, here = 0.0, start
    for t in range(method.steps):
        here = stepper(here)
        supervised = supervised + method.weights[t] * error(here, targets[t])
        here = cut(here, t)
    supervised = supervised / sum(method.weights)
    if not method.branch:
        return supervised
    diverted, here, count = 0.0, start, method.steps - method.branch + 1
    for t in range(count):
        mine, theirs = here, here.detach() if method.cut_div_chain else here
        for b in range(method.branch):
            mine, theirs = stepper(mine), solver(theirs)
            diverted = diverted + method.weights[t] * error(mine, theirs)
            mine = cut(mine, t + b)
        here = cut(stepper(here), t)
    diverted = diverted / (method.branch * sum(method.weights[:count]))
    return method.data * supervised + (1 - method.data) * diverted if method.data else diverted


def gaps(name, method):
    """How far loss and gradient of the engine are from those of the loop."""
    task = TASKS[name]
    task = type(task)(**{**vars(task), "length": method.steps})
    levels = dict(zip(("levels", "level_ratio"), method.levels, strict=False))
    chosen = Experiment(
        task=task, model=OutputRecurrent(hidden=4), regime=FreeRunning(), objective=method.objective or SquaredError(),
        dtype="float64",
        gradient={0: "through", 1: "stop"}.get(method.cut, f"every {method.cut}"),
        training=Training(updates=2, batch=5, **levels),
        evaluation=Evaluation(warmup=0, horizon=method.steps, orbit=0, metrics=["loss"]),
    )  # fmt: skip
    data = task.build(0, method.steps)
    group = Group([chosen], {0: data})
    weights = group.parameters.named(differentiable=True)
    lesson = Lessons(group).give(0, weights, {})
    loss = (group.objective.charge(lesson) * lesson.shares).sum()

    def stepper(x):
        hidden = torch.tanh(x @ weights["input.weight"][0] + weights["input.bias"][0])
        return hidden @ weights["output.weight"][0] + weights["output.bias"][0]

    start, targets = lesson.sequences.start[0].double(), lesson.sequences.targets[:, 0].double()
    wanted = reference(method, stepper, true_step(name, data), start, targets)
    found = [loss.detach(), *torch.autograd.grad(loss, [*weights.values()])]
    hand = [wanted.detach(), *torch.autograd.grad(wanted, [*weights.values()])]
    return [float(((a - b).abs() / b.abs().max().clamp(min=1)).max()) for a, b in zip(found, hand, strict=True)]


@pytest.mark.parametrize("engine", ["auto", "reference"])
@pytest.mark.parametrize("name", TASKS)
def test_losses_and_gradients_are_those_of_the_plain_loops(name, engine):
    try:
        engine_choice.use(engine)
        off = {case: max(gaps(name, method)) for case, method in METHODS.items()}
    finally:
        engine_choice.use(None)
    assert {case: gap for case, gap in off.items() if gap > 1e-12} == {}


@pytest.mark.parametrize("name", TASKS)
def test_the_table_sees_a_derivative_of_the_true_step_that_is_off(name, monkeypatch):
    """A derivative that is a ten-thousandth off moves exactly the methodologies whose gradient runs through the true step."""
    genuine = _Onward.backward
    monkeypatch.setattr(_Onward, "backward", staticmethod(lambda ctx, slope: (None, genuine(ctx, slope)[1] * 1.0001)))
    off = {case for case, method in METHODS.items() if method.branch and max(gaps(name, method)) > 1e-12}
    through = {case for case, method in METHODS.items() if method.branch and not method.cut_div_chain}
    assert off == through - {"diverted chain, one branch of all steps"}, "a chain that begins at data has no gradient there"


def test_the_table_tells_its_methodologies_apart():
    """No two of them have one gradient, so that no row could stand for another."""
    cases = {case: method for case, method in METHODS.items() if method.steps == STEPS}
    seen = {}
    for case, method in cases.items():
        data = TASKS["lorenz63"].build(0, STEPS)
        generator = torch.Generator().manual_seed(0)
        weight = (0.3 * torch.randn(3, 3, generator=generator, dtype=torch.float64)).requires_grad_()
        sequences = data.splits["train"]
        start, targets = sequences.start.double(), sequences.targets.double()
        loss = reference(method, lambda x, w=weight: torch.tanh(x @ w), true_step("lorenz63", data), start, targets)
        seen[case] = torch.autograd.grad(loss, weight)[0]
    names = list(cases)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            assert float((seen[a] - seen[b]).abs().max()) > 1e-9, f"{a} and {b} have one gradient"
