"""Objectives that ask an expert, with one fault each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from freerun.laws.toolkit import teacher_file
from freerun.parts.objectives import Answer
from freerun.parts.objectives.distillation import Distillation
from freerun.parts.objectives.exact_expert import ExactExpert


class ChargesTheLabel(ExactExpert):
    """Asks nobody: the label of the true prefix, in the context that was fed."""

    def charge(self, lesson):
        return self(lesson.outputs, lesson.sequences.targets)


class AStepLate(ExactExpert):
    """The answer to the prefix of the step before."""

    def charge(self, lesson):
        answer = lesson.answer()
        late = Answer(target=answer.target.roll(1, 0), known=answer.known.roll(1, 0))
        return super().charge(replace(lesson, answer=lambda: late))


class ChargesOutside(ExactExpert):
    """Asks for the flat distribution where there is no answer."""

    def charge(self, lesson):
        answer = lesson.answer()
        flat = torch.where(answer.known[..., None], answer.target, torch.zeros_like(answer.target))
        everywhere = Answer(target=torch.log_softmax(flat, -1), known=torch.ones_like(answer.known))
        return super().charge(replace(lesson, answer=lambda: everywhere if not flat.isnan().any() else answer))


class Tempered(ExactExpert):
    """The expert's answer, sharpened."""

    def departure(self, outputs, answer, symbols):
        return super().departure(outputs if symbols else outputs * 0.5, answer, symbols) + (
            0.1 * torch.softmax(outputs, -1).square().sum(-1) * answer.known if symbols else 0.0
        )


@dataclass(kw_only=True)
class HearsTheLabelsTwice(Distillation):
    """The two parts are added, not mixed."""

    teacher: str = ""
    labels: float = 0.25

    def __post_init__(self):
        self.teacher = self.teacher or teacher_file()
        super().__post_init__()

    def charge(self, lesson):
        if not self.labels:
            return super().charge(lesson)
        return replace(self, labels=0.0).charge(lesson) + self(lesson.outputs, lesson.sequences.targets)
