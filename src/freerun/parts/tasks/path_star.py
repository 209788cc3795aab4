"""Path-star graphs: teacher forcing hides the one step that has to be planned.

`arms` arms of `arm` edges leave one start node; all names are drawn at random. The model reads the shuffled edges, then the
start and the end of one arm, the goal, and has to write the path between them (Bachmann & Nagarajan 2024, "The pitfalls of
next-token prediction"; their path length is arm + 1, their degree d is `arms`).

With the truth fed, every node but the first follows from the edge that leaves the one before (their "Clever
Hans" cheat), which takes away the supervision that could teach the first. The bound: names and order carry no trace of the
arm, so a model whose first node does not depend on where the goal lies chooses the right arm, and with it the whole path,
with probability at most 1/d. It is a plateau of learning and no limit of information: a model that traces the goal
back has solved the task, which is what `reversed` (each node follows from the one before) and `teacherless` (no truth to lean
on) make learnable.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

import numpy as np

from freerun.deferred_imports import torch
from freerun.errors import ConfigError, require
from freerun.parts.tasks import SPLITS, Data, Sequences, Task
from freerun.random_streams import stream


class Form(Enum):
    """What is asked for: the path from the start, the path from the goal, or the path from the start with nothing fed back."""

    forward = "forward"
    reversed = "reversed"
    teacherless = "teacherless"


@dataclass(kw_only=True)
class PathStar(Task):
    """Find the way through a star of arms: teacher forcing is expected to stay at one in d whole paths.

    One step of input is one edge, two unit vectors of node names, in random order; the step after the last edge shows start and
    goal in the same way, marked. These steps are not charged and are the default warm-up. The answer has `arm` steps: the nodes
    behind the start up to the goal (`reversed`: behind the goal down to the start); the node before the first is fed as the
    first truth. Symbols are the node names, and one for silence while the model reads.

    Attributes:
        form: `forward`, `reversed`, or `teacherless`: nothing is fed back at all, in training and in use.
        arms: d, the number of arms.
        arm: edges of an arm, and nodes of the answer.
        nodes: names to draw from.
        sequences: number of training graphs; validation and test have an eighth as many each.
        length: 0 for the natural one, arms x arm + 1 + arm.
    """

    answers: ClassVar[bool] = True
    default_feedback: ClassVar[str] = "argmax"

    form: Form = Form.forward
    arms: int = 2
    arm: int = 3
    nodes: int = 8
    sequences: int = 8192
    length: int = 0

    def __post_init__(self) -> None:
        require(self.arms >= 2, "arms", self.arms, "be at least 2")
        require(self.arm >= 2, "arm", self.arm, "be at least 2 (with 1 the first node is the goal itself)")
        least = 1 + self.arms * self.arm
        require(self.nodes >= least, "nodes", self.nodes, f"be at least 1 + arms x arm = {least}")
        require(self.sequences >= 8, "sequences", self.sequences, "be at least 8")
        natural = self.own_warmup + self.arm
        require(self.length in (0, natural), "length", self.length, f"be 0 or {natural} (set task.arms and task.arm instead)")
        self.length = natural

    @property
    def silent(self) -> bool:
        return self.form is Form.teacherless

    @property
    def own_warmup(self) -> int:
        return self.arms * self.arm + 1

    def check(self, length: int) -> None:
        if length > self.length:
            raise ConfigError(
                f"task.arm={self.arm}: the path ends at step {self.length}, evaluation.warmup + evaluation.horizon must not be "
                f"more, got {length}"
            )

    def build(self, seed: int, length: int) -> Data:
        self.check(length)
        counts = {"train": self.sequences, "validation": self.sequences // 8, "test": self.sequences // 8}
        splits = {name: self._graphs(stream(seed, "data", k), length, counts[name]) for k, name in enumerate(SPLITS)}
        return Data(splits=splits, inputs=2 * self.nodes + 1, outputs=self.nodes + 1)

    def _graphs(self, chance: np.random.Generator, length: int, count: int) -> Sequences:
        edges, rows = self.arms * self.arm, np.arange(count)
        names = chance.random((count, self.nodes)).argsort(1)
        start = names[:, :1]
        ways = np.concatenate(  # [count, arms, arm + 1], every arm from the start on
            [np.repeat(start[:, None], self.arms, 1), names[:, 1 : edges + 1].reshape(count, self.arms, self.arm)], axis=2
        )
        order = chance.random((count, edges)).argsort(1)
        shown = np.stack([ways[..., :-1].reshape(count, edges), ways[..., 1:].reshape(count, edges)], -1)
        path = ways[rows, chance.integers(0, self.arms, count)]
        shown = np.concatenate([shown[rows[:, None], order], path[:, None, [0, -1]]], axis=1)
        if self.form is Form.reversed:
            path = path[:, ::-1]

        inputs = np.zeros((self.length, count, 2 * self.nodes + 1), dtype=np.float32)
        step = np.arange(edges + 1)[:, None]
        inputs[step, rows, shown[..., 0].T] = 1
        inputs[step, rows, self.nodes + shown[..., 1].T] = 1
        inputs[edges, :, -1] = 1
        targets = np.full((self.length, count), self.nodes)
        targets[edges:] = path.T
        weights = np.zeros((self.length, count), dtype=np.float32)
        weights[edges + 1 :] = 1
        return Sequences(
            targets=torch.from_numpy(targets[:length]),
            start=torch.full((count,), -1, dtype=torch.int64),
            weights=torch.from_numpy(weights[:length]),
            inputs=torch.from_numpy(inputs[:length]),
        )
