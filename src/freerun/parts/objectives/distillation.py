"""Distillation: a share of the target is what a trained run would have said to what was really fed.

    charge_t = labels * loss(o_t, y_t) + (1 - labels) * D(teacher(. | what was fed), o_t)

for worlds whose truth nobody knows (Hinton, Vinyals & Dean 2015; on the model's own prefixes, as on-policy distillation:
Agarwal et al. 2024, "On-policy distillation of language models", algorithm 1; the expert of DAgger: Ross, Gordon & Bagnell
2011). The teacher reads exactly what the student is fed, under whatever regime, and answers everywhere. Its mistakes become the
student's: the optimum is the teacher where `labels` is 0, and where more than the truth is fed the label belongs to another
context, as under cross-entropy.

The teacher is a run of the same world that has been trained: its identity, looked for in results/.store, or the path of its
record. Identity and weights are part of the identity of the student.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import ConfigError, given, require
from freerun.parts import registry
from freerun.parts.earlier_run import EarlierRun, earlier_run
from freerun.parts.objectives import Lesson, prediction_loss
from freerun.parts.objectives._divergence import Diverging

if TYPE_CHECKING:
    from freerun.parts.objectives._experiment_protocol import Experiment


@dataclass(kw_only=True)
class Distillation(Diverging):
    """The labels' loss mixed with the divergence from a trained run, at what was really fed.

    Attributes:
        teacher: the identity of a trained run of the same task, or the path of its record.
        labels: the share of the loss against the labels, in [0, 1); the rest is the divergence from the teacher.
        divergence: `forward` KL, `reverse` KL or `jensen_shannon`; of symbols alone, of values it is the squared error.
        beta: the weight of the teacher in the mixture of `jensen_shannon`, in (0, 1); null for 0.5.
    """

    for_symbols: ClassVar[bool] = True
    for_values: ClassVar[bool] = True
    rollouts: ClassVar[int] = 1

    teacher: str
    labels: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.teacher not in ("", "???"), "teacher", self.teacher, "be the identity of a run, or a record's path")
        require(0 <= self.labels < 1, "labels", self.labels, "lie in [0, 1)")

    def teaches(self) -> EarlierRun:
        known = earlier_run("objective.teacher", self.teacher)
        if known.head is not None:
            reason = "it predicts distributions of values; choose a run that predicts values"
            raise ConfigError(f"objective.teacher={self.teacher[-60:]}: {reason}")
        return known

    def content(self) -> str:
        return self.teaches().content

    def __call__(self, outputs: Float[torch.Tensor, "*batch O"], targets: torch.Tensor) -> Float[torch.Tensor, "*batch"]:
        return prediction_loss(outputs, targets)

    def charge(self, lesson: Lesson) -> Float[torch.Tensor, "S R B"]:
        targets = lesson.sequences.targets
        taught = self.departure(lesson.outputs, lesson.answer(), not targets.is_floating_point())
        if not self.labels:
            return taught
        return self.labels * self(lesson.outputs, targets) + (1 - self.labels) * taught

    def misfit(self, experiment: Experiment) -> str | None:
        try:
            known = self.teaches()
        except ConfigError as fault:
            return str(fault).removeprefix("objective.")
        if (reason := known.differs(experiment.task)) is not None:
            return f"the teacher {known.run} {reason}; choose a run of this task"
        if known.feedback.silent != given(experiment.feedback).silent:
            return f"the teacher {known.run} has feedback={registry.name_of(known.feedback)}; choose one that hears the same"
        return self.unfit(experiment)
