"""Exact match: the share of sequences that are right at every step that counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import given
from freerun.measurement.metrics import Metric, Observed
from freerun.store.quantity import SHARE, Quantity


@dataclass(kw_only=True)
class ExactMatch(Metric):
    """The share of sequences in which the model's symbol is the true one at every step that counts.

    The model's symbol is the one that its feedback rule picks, or the most probable one where nothing is fed back. In free mode
    this is the share of generated answers that are right from beginning to end; in forced mode each symbol is asked for after
    the true ones. Sequences of which no step counts are left out.
    """

    per: ClassVar[str] = "rollout"
    selects: ClassVar[bool] = True

    quantity = Quantity(label="Whole answers right", unit="share", better="higher", range=SHARE, floor=1.0, part="headline")

    def applies(self, observed: Observed) -> bool:
        task, feedback = observed.experiment.task, given(observed.experiment.feedback)
        return task.answers and task.symbols and (feedback.discrete or feedback.silent)

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        picks = observed.outputs.argmax(-1) if observed.picks is None else observed.picks
        counts = observed.weights[observed.warmup :] > 0
        right = (picks == observed.targets)[observed.warmup :] | ~counts
        return right.all(0)[counts.any(0)].double().mean()[None]
