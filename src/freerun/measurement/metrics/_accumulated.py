"""Accumulated error of a trained model: exact where all prefixes can be asked for, else from the rollouts.

Where prompts times K**(horizon - 1) is at most `PREFIXES`, the model is run over every prefix of every prompt that was
measured, and what is found is exact for these prompts (without a warm-up: for the source; the splits are then alike). Elsewhere
it is estimated from the sequences that were measured, with a 95 % interval over sequences by the delta method (for the
logarithm of a ratio). This is the interval of the estimate for one run: it knows nothing of other seeds, and it is too narrow
where what matters is so rare that it happens to few of the sequences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int

from freerun.arithmetic import logarithm
from freerun.deferred_imports import torch
from freerun.errors import given
from freerun.measurement.accumulated_error import Accumulated, all_prefixes, divergences, over_all_prefixes
from freerun.measurement.accumulated_error_estimate import Estimated, estimated
from freerun.measurement.metrics import Comparison, Further, Metric, Observed
from freerun.parts.feedback.argmax import Argmax
from freerun.parts.feedback.sample import Sample
from freerun.parts.feedback.straight_through import Choice, StraightThrough
from freerun.parts.tasks import Sequences

#: The most prefixes that are enumerated.
PREFIXES = 4096
#: Logits of a step are known to so many units of their last place; a divergence that this can make is 0.
UNITS = 8


@dataclass(kw_only=True)
class OfPrefixes(Comparison):
    """A measure on `accumulated`, for tasks whose truth is known."""

    def applies(self, observed: Observed) -> bool:
        asked = observed.has_oracle and observed.heard and observed.forced is not None
        return asked and observed.experiment.task.emits == "each"

    def asks(self, observed: Observed) -> Further | None:
        """A rollout over all prefixes, unless they are too many."""
        further: Further | None = observed.once("prefixes", lambda: _prefixes(observed))
        return further


@dataclass(kw_only=True)
class OfRatio(OfPrefixes):
    """A multiple of a ratio of what is gathered freely to what is gathered under forcing, in one kind of divergence.

    Attributes:
        off: how far below the multiple the value lies.
    """

    kind: ClassVar[str]
    off: ClassVar[float] = 0.0

    def interval(self, observed: Observed) -> tuple[Float[torch.Tensor, " S"], Float[torch.Tensor, " S"]] | None:
        gathered = accumulated(observed)
        if not isinstance(gathered, Estimated):
            return None
        ratio, wide = self.measure(observed) + self.off, gathered.ratio_factor(self.kind, summed=self.kind == "kl")
        return ratio * (1 / wide) - self.off, ratio * wide - self.off


def draws_from_softmax(observed: Observed) -> bool | None:
    """Whether the symbols that are fed are drawn from the model's own distribution; None where the rule is unknown."""
    rule = observed.experiment.feedback
    if isinstance(rule, StraightThrough):
        return rule.choose is Choice.sample
    return True if isinstance(rule, Sample) else False if isinstance(rule, Argmax) else None


def _prefixes(observed: Observed) -> Further | None:
    steps, size = len(observed.targets) - observed.warmup, observed.data.outputs
    if observed.start is None or observed.data.inputs or draws_from_softmax(observed) is None:
        return None
    if size ** min(steps - 1, PREFIXES.bit_length()) > PREFIXES:
        return None
    known, _ = _prompts(observed)
    if known.shape[1] * size ** (steps - 1) > PREFIXES:
        return None
    prefix = all_prefixes(known[1:], size, steps)
    start = known[0].repeat_interleave(size ** (steps - 1))
    return Further(sequences=Sequences(targets=prefix, start=start, weights=torch.ones(prefix.shape)), name="prefixes")


def _prompts(observed: Observed) -> tuple[Int[torch.Tensor, "T M"], Float[torch.Tensor, " M"]]:
    """The different prompts up to the release, each with the number of sequences that begin with it."""
    prompts = torch.cat([given(observed.start)[None], given(observed.forced).fed_symbols[: observed.warmup]])
    known, counts = np.unique(prompts.numpy(), axis=1, return_counts=True)
    return torch.from_numpy(known), torch.from_numpy(counts).double()


def accumulated(observed: Observed) -> Accumulated:
    """The errors accumulated over the horizon; `Estimated` where they are not exact."""
    gathered: Accumulated = observed.once("accumulated", lambda: _accumulated(observed))
    return gathered


def _accumulated(observed: Observed) -> Accumulated:
    further = observed.further
    if further is None:
        return _estimated(observed)
    log_q = torch.log_softmax(further.outputs.double(), -1)
    return over_all_prefixes(
        further.targets, further.truth(), log_q, steps=len(observed.targets) - observed.warmup,
        shares=_prompts(observed)[1], floor=rounding(observed), spoken=_spoken(observed, further),
    )  # fmt: skip


def _estimated(observed: Observed) -> Estimated:
    warmup, forced = observed.warmup, given(observed.forced)
    free, true = ((seen.truth().from_step(warmup), step_divergences(seen)[:, warmup:]) for seen in (observed, forced))
    spoken = _spoken(observed, observed)
    spoken = torch.log_softmax(observed.outputs.double(), -1) if spoken is None else spoken
    return estimated(free, true, spoken[warmup:], rounding(observed))


def _spoken(observed: Observed, seen: Observed) -> Float[torch.Tensor, "T N K"] | None:
    """The log-probabilities by which the feedback rule picks symbols; None where they are those of the model."""
    if draws_from_softmax(observed):
        return None
    return logarithm(torch.nn.functional.one_hot(given(seen.picks), observed.data.outputs).double())


def rounding(observed: Observed) -> Float[torch.Tensor, " 4"]:
    """Divergences of a step, by kind, up to which rounding alone can make them.

    Logits off by e, here `UNITS` units in the last place of their precision, move a total variation by e and a KL by e squared;
    the sums themselves round at 1e-15.
    """
    step = UNITS * torch.finfo(observed.outputs.dtype).eps
    return torch.tensor([step**2 + 1e-15, step**2 + 1e-15, step, step**2 + 1e-15], dtype=torch.float64)


def step_divergences(observed: Observed) -> Float[torch.Tensor, "4 T N"]:
    """Every divergence of the model from the truth, at every step of every sequence; 0 where it is no more than `rounding`."""
    per_step: torch.Tensor = observed.once("divergences", lambda: _step_divergences(observed))
    return per_step


def _step_divergences(observed: Observed) -> Float[torch.Tensor, "4 T N"]:
    raw = divergences(observed.truth().log_probs, torch.log_softmax(observed.outputs.double(), -1))
    return torch.where(raw <= rounding(observed)[:, None, None], 0.0, raw)


@dataclass(kw_only=True)
class OfTruth(Metric):
    """A mean over the sequences that are live at a step: what was fed is inside the source's support, and not over.

    Forced and free are set side by side lead by lead, at leads where both have live sequences, so that their difference is the
    exposure gap: the same steps since the release, and no step that has no answer. What has left the support is in no such mean
    and is counted by `off_support`. The levels are differences of two laws on one scale: no ratio is made of them, as the free
    one is over those that stayed inside, which are others than those under forcing.
    """

    def applies(self, observed: Observed) -> bool:
        return observed.has_oracle and observed.heard

    def inside(self, observed: Observed, values: Float[torch.Tensor, "T N"]) -> Float[torch.Tensor, " S"]:
        """The mean at each step over prefixes inside the support that are not over."""
        truth = observed.truth()
        return observed.mean(values, (truth.inside & ~truth.ended).double())
