"""Skill against a baseline: by how much of its squared error a forecast is better than a baseline, at each lead.

    skill = 1 - MSE / MSE of the baseline                                                  (Murphy 1988, eq. 4)

0 is as good as the baseline, 1 perfect, below 0 worse. The baselines are reference players (`freerun list players`) on the same
sequences in the same mode: `persistence`, the last value; `seasonal`, the value one season before (`task.season`), where the
warm-up holds a season; `linear`, a linear autoregression fitted to the training part. Forced, they say one step ahead of true
values, as a model does. Where a model is fed nothing behind the release (`direct`, feedback=none) they read the warm-up alone
in both modes, so that no gap comes from the baseline. Measured by itself on recordings; elsewhere where it is named.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import given
from freerun.measurement.metrics import Metric, Observed, family
from freerun.measurement.statistics import baselines
from freerun.store.quantity import COLLAPSE, Quantity

#: What a share of a baseline's error does not see.
NOISE = "how much of the error nobody could foretell, and how good the baseline is"


@dataclass(kw_only=True)
class BaselineSkill(Metric):
    """1 - MSE / MSE of a baseline, over coordinates and sequences; undefined where the baseline makes no error."""

    of_recordings: ClassVar[bool] = True
    baseline: ClassVar[str]
    quantity = Quantity(
        label="Skill", unit="share of the baseline's squared error", better="higher", range=(-math.inf, 1.0), floor=1.0,
        blind=(COLLAPSE, NOISE),
    )  # fmt: skip

    def applies(self, observed: Observed) -> bool:
        task = observed.experiment.task
        if task.symbols or task.emits != "each" or observed.start is None:
            return False
        return self.baseline != "seasonal" or (task.season_steps() or observed.warmup + 2) <= observed.warmup + 1

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        said = observed.once(f"baseline/{self.baseline}", lambda: _said(self.baseline, observed))
        error, usual = (
            observed.mean((made.double() - observed.targets.double()).square().mean(-1), observed.weights)
            for made in (observed.outputs, said)
        )
        return torch.where(usual > 0, 1 - error / usual, torch.nan)


def _said(baseline: str, observed: Observed) -> Float[torch.Tensor, "T N Y"]:
    """Return what a baseline says on the same sequences that reads what the model reads; as in the players of its name."""
    one_step = observed.forced is None and observed.heard and not given(observed.experiment.feedback).silent
    truth = torch.cat([given(observed.start)[None], observed.targets]).double()
    inputs = None if observed.inputs is None else observed.inputs.double()
    task, begins, steps = observed.experiment.task, observed.warmup + 1, len(observed.targets) - observed.warmup
    if baseline == "linear":
        fitted = baselines.autoregression(observed.data, task.length, min(baselines.WINDOW, task.length, begins))
        if one_step:
            return fitted.forced(truth, inputs)
        later = None if inputs is None else inputs[observed.warmup :]
        free = fitted.free(truth[begins - fitted.window : begins], steps, later)
    else:
        season = 1 if baseline == "persistence" else given(task.season_steps())  # the last value is a season of one step
        if one_step:
            return baselines.seasonal(truth, season)
        free = baselines.seasons(truth[begins - season : begins], steps)
    return torch.cat([truth[1:begins], free])


_WORDS = {"persistence": "the last value", "seasonal": "the value one season before", "linear": "a linear autoregression"}

PARTS = family(
    BaselineSkill,
    {
        f"skill_{name}": {
            "baseline": name, "quantity": replace(BaselineSkill.quantity, label=f"Skill against {name}"),
            "__doc__": f"1 - MSE / MSE of {words}, at each lead: 0 is as good, 1 is perfect, below 0 is worse.",
        }
        for name, words in _WORDS.items()
    },
)  # fmt: skip
