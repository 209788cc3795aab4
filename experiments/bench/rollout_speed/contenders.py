"""Contenders of the benchmark of whole updates: what is timed for each, as a function that makes one update."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from jax_update import jax_update

from freerun import Experiment, FreeRunning, Lorenz63, TeacherForcing, Training
from freerun.engine import engine_choice
from freerun.engine.feeding import Lessons
from freerun.engine.replicas import Group
from freerun.engine.training import Trainer
from freerun.parts.registry import get

Y = 3


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is timed: R replicas of a model, batch B, T steps, hidden width H."""

    model: str
    R: int
    B: int
    T: int
    H: int
    forced: bool = False

    @property
    def cell(self) -> bool:
        """Whether the model is a cell, which the other contenders know too."""
        return self.model in GATES

    @property
    def operations(self) -> float:
        """Multiplications and additions of the matrix products of an update of one replica, forward and backward."""
        wide = GATES[self.model] * self.H
        recurrent = 0 if self.model == "output_recurrent" else self.H * wide
        return 3.0 * 2 * self.T * self.B * (Y * wide + recurrent + self.H * Y)

    def __str__(self) -> str:
        return f"{self.model} {'forced' if self.forced else 'closed loop'}, R={self.R}, B={self.B}, T={self.T}, H={self.H}"


#: How many numbers a cell has for each of its hidden units, and whether it carries them from step to step.
GATES = {"gru": 3, "lstm": 4, "hidden_recurrent": 1, "output_recurrent": 1}


def engine(work: Work, name: str) -> Callable[[], None]:
    """One update of all replicas through the whole engine, computed as `name` says."""
    engine_choice.use(name)
    task = Lorenz63(length=work.T, sequences=64)
    regime = TeacherForcing() if work.forced else FreeRunning()
    experiments = [
        Experiment(
            task=task, model=get("model", work.model)(hidden=work.H), regime=regime, seed=seed,
            training=Training(updates=10**6, batch=work.B, log_every=10**6),
        )
        for seed in range(work.R)
    ]  # fmt: skip
    for experiment in experiments:
        experiment.evaluation.warmup = 0
    group = Group(experiments, {seed: task.build(seed, work.T) for seed in range(work.R)})
    trainer, update = Trainer(group, Lessons(group)), 0

    def run() -> None:
        nonlocal update
        engine_choice.use(name)
        trainer.update(update)
        update += 1

    return run


class PlainLoop(torch.nn.Module):
    """A model as it is usually written, a cell and a linear map in a loop over time; `nn.GRU` where it is forced."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        cells: dict[str, Callable[[], torch.nn.Module]] = {
            "gru": lambda: torch.nn.GRU(Y, work.H) if work.forced else torch.nn.GRUCell(Y, work.H),
            "lstm": lambda: torch.nn.LSTMCell(Y, work.H),
            "hidden_recurrent": lambda: torch.nn.RNNCell(Y, work.H),
            "output_recurrent": lambda: torch.nn.Linear(Y, work.H),
        }
        self.work, self.cell, self.head = work, cells[work.model](), torch.nn.Linear(work.H, Y)

    def forward(self, target: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        """Return the mean squared error of a rollout."""
        return (self.outputs(target, start) - target).square().mean()

    def outputs(self, target: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        """Return the predictions of every step."""
        if self.work.forced:
            return self.head(self.cell(torch.cat([start[None], target[:-1]]))[0])
        fed, made, h = start, [], torch.zeros(self.work.B, self.work.H)
        c = h
        for _ in range(self.work.T):
            if self.work.model == "lstm":
                h, c = self.cell(fed, (h, c))
            else:
                h = torch.tanh(self.cell(fed)) if self.work.model == "output_recurrent" else self.cell(fed, h)
            fed = self.head(h)
            made.append(fed)
        return torch.stack(made)


def plain_loop(work: Work) -> Callable[[], None]:
    """One update of one seed: the loop, its gradient by autograd, clipping, Adam."""
    target, start = torch.randn(work.T, work.B, Y), torch.zeros(work.B, Y)
    model = PlainLoop(work)
    weights = list(model.parameters())
    optimizer = torch.optim.Adam(weights)

    def run() -> None:
        optimizer.zero_grad()
        model(target, start).backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()

    return run


def vmap(work: Work) -> Callable[[], None]:
    """One update of all seeds: the gradient of that loop mapped over seeds by `torch.func`, clipping for each, Adam."""
    target, start = torch.randn(work.R, work.T, work.B, Y), torch.zeros(work.B, Y)
    model = PlainLoop(work)
    weights, _ = torch.func.stack_module_state([PlainLoop(work) for _ in range(work.R)])
    optimizer = torch.optim.Adam(weights.values())

    def loss(own: dict[str, torch.Tensor], target: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(model, own, (target, start))

    slopes_of = torch.func.vmap(torch.func.grad(loss))

    def run() -> None:
        slopes = slopes_of(weights, target)
        norms = sum(slope.flatten(1).square().sum(1) for slope in slopes.values()).sqrt().clamp(min=1)
        for name, slope in slopes.items():
            weights[name].grad = slope / norms.view(-1, *[1] * (slope.dim() - 1))
        optimizer.step()

    return run


def products(work: Work) -> Callable[[], None]:
    """The matrix products of that update, forward and backward, on as many different operands, and nothing else."""
    wide = GATES[work.model] * work.H
    fed, hidden, gates = (torch.randn(work.T, work.R, work.B, width) for width in (Y, work.H, wide))
    inward, recurrent, outward = (torch.randn(work.R, *shape) for shape in ((Y, wide), (work.H, wide), (work.H, Y)))

    def run() -> None:
        for t in range(work.T):
            f, h, g = fed[t], hidden[t], gates[t]
            for x, w, d in ((f, inward, g), (h, recurrent, g), (h, outward, f)):
                if w is recurrent and work.model == "output_recurrent":
                    continue
                torch.bmm(x, w)
                torch.bmm(d, w.mT)
                torch.bmm(x.mT, d)

    return run


def prototype(work: Work, source: Path) -> Callable[[], None]:
    """Loss and gradient of a GRU in closed loop by a C file with `train(R, B, T, weights, target, gradient, loss, room)`."""
    path = Path(tempfile.mkdtemp()) / "prototype.so"
    words = ["gcc", "-O3", "-march=native", "-shared", "-fPIC", f"-DH={work.H}", str(source), "-o", str(path), "-lm"]
    subprocess.run(words, check=True)
    loaded = ctypes.CDLL(str(path))
    size = loaded.nw()
    room = [torch.randn(work.R, size) * 0.1, torch.randn(work.T, work.R, work.B, Y), torch.empty(work.R, size)]
    room += [torch.empty(work.R, dtype=torch.float64), torch.empty((6 * work.T + 20) * work.B * (work.H + Y) * 2)]
    pointers = [ctypes.c_void_p(tensor.data_ptr()) for tensor in room]
    kept = (room, loaded)

    def run() -> None:
        assert kept
        loaded.train(work.R, work.B, work.T, *pointers)

    return run


def jax(work: Work) -> Callable[[], None]:
    """One update of all replicas in JAX."""
    return jax_update(work.model, work.forced, (work.R, work.B, work.T, work.H, Y))


def peak() -> float:
    """Operations in a second of one large product, the best of ten."""
    size = 1536
    x, y = torch.randn(size, size), torch.randn(size, size)
    seconds = []
    for _ in range(10):
        began = time.thread_time()
        torch.mm(x, y)
        seconds.append(time.thread_time() - began)
    return 2.0 * size**3 / min(seconds)
