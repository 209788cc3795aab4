"""Recovery from a prefix that the model spoiled itself: the excess error while the truth speaks on.

After the warm-up the model generates `SPOILED` symbols. From there on the truth speaks: every next symbol is drawn from
P(. | prefix), so that no further error of the model's own comes in. The control is drawn from the truth from the warm-up on.

    excess(k) = E_{spoiled prefix} kl_k - E_{control} kl_k

at the k-th step since the release. It decays where the model recovers by itself, and grows where one error leads to the next
(He et al. 2021, "Exposure bias versus self-recovery"). Prefixes that have left the support cannot be continued and are left
out, as are sequences that are over. Measured on the test split alone: of another split only the prompts would differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from freerun.deferred_imports import torch
from freerun.errors import given
from freerun.measurement.accumulated_error import divergences
from freerun.measurement.accumulated_error_estimate import means
from freerun.measurement.metrics import Comparison, Further, Observed
from freerun.parts.tasks import Oracle, Sequences
from freerun.random_streams import stream

#: How many symbols are the model's own: a third of the horizon, at most 3; how many steps after them are looked at, at most.
SPOILED, LEADS = 3, 10
#: An excess has an interval where at least so many pairs of a spoiled sequence and its control differ, by more than rounding.
PAIRS, ROUNDING = 5, 1e-12


@dataclass(kw_only=True)
class OfRecovery(Comparison):
    """A measure on the excess, for tasks whose truth can continue any prefix, where there is a step after the spoiled ones."""

    def applies(self, observed: Observed) -> bool:
        if (
            not (observed.has_oracle and observed.heard)
            or observed.forced is None
            or observed.start is None
            or observed.split != "test"
        ):
            return False
        steps = len(observed.targets) - observed.warmup
        return observed.data.inputs == 0 and observed.experiment.task.emits == "each" and steps > spoiled(steps)

    def asks(self, observed: Observed) -> Further | None:
        """The spoiled sequences and their controls, side by side, for the model to run over."""
        further: Further | None = observed.once("recovery", lambda: _asks(observed))
        return further


def spoiled(horizon: int) -> int:
    """How many symbols the model spoils."""
    return min(SPOILED, max(1, horizon // 3))


def _asks(observed: Observed) -> Further:
    warmup, horizon = observed.warmup, len(observed.targets) - observed.warmup
    spoiled_steps = spoiled(horizon)
    steps = warmup + min(horizon, spoiled_steps + LEADS)
    start = given(observed.start)
    said = observed.fed_symbols[: warmup + spoiled_steps]
    # In the order of what was said, so that a draw belongs to what it continues and not to a place in the batch.
    order = torch.from_numpy(np.lexsort(torch.cat([start[None], said]).numpy()[::-1]))
    said, start = said[:, order], start[order]
    seed, count = observed.experiment.seed, said.shape[1]
    uniform = torch.from_numpy(stream(seed, f"evaluation/{observed.split}/recovery").random((steps, count)))
    prefix = torch.zeros(steps, 2 * count, dtype=torch.int64)
    prefix[: warmup + spoiled_steps, :count] = said
    prefix[:warmup, count:] = said[:warmup]
    given_steps = torch.tensor([warmup + spoiled_steps, warmup]).repeat_interleave(count)
    continued(given(observed.data.oracle), prefix, uniform.repeat(1, 2), given_steps)
    weights = torch.ones(prefix.shape)
    return Further(sequences=Sequences(targets=prefix, start=start.repeat(2), weights=weights), name="recovery")


def continued(
    oracle: Oracle, prefix: Int[torch.Tensor, "T N"], uniform: Float[torch.Tensor, "T N"], given_steps: Int[torch.Tensor, " N"]
) -> None:
    """Write into `prefix` how the truth goes on after the first `given_steps` symbols; 0 outside the support."""
    for t in range(int(given_steps.min()), len(prefix)):
        probs = oracle(prefix[: t + 1]).log_probs[t].exp()
        bounds = probs.cumsum(-1)
        passed = (bounds <= uniform[t, :, None] * bounds[:, -1:]).sum(-1)
        last = probs.shape[-1] - 1 - (probs > 0).flip(-1).int().argmax(-1)
        drawn = torch.where((probs > 0).any(-1), torch.minimum(passed, last), 0)
        prefix[t] = torch.where(t < given_steps, prefix[t], drawn)


@dataclass(frozen=True, kw_only=True)
class Excess:
    """The excess KL at each step since the release, ``[S]``.

    NaN at the steps that the model spoils, after the last that is looked at, and where no sequence is left.

    Attributes:
        errors: the part of each pair of sequences in its error.
        differ: how many pairs still differ; the others have met, since both continue by the same draws.
    """

    values: Float[torch.Tensor, " S"]
    errors: Float[torch.Tensor, "S N"]
    differ: Int[torch.Tensor, " S"]


def excess(observed: Observed) -> Excess:
    """The excess KL of a run, computed once for a rollout."""
    measured: Excess = observed.once("excess", lambda: _excess(observed))
    return measured


def _excess(observed: Observed) -> Excess:
    rolled, horizon = given(observed.further), len(observed.targets) - observed.warmup
    spoiled_steps = spoiled(horizon)
    truth = rolled.truth()
    kl = divergences(truth.log_probs, torch.log_softmax(rolled.outputs.double(), -1))[0]
    count = kl.shape[1] // 2
    alive, late = truth.inside & ~truth.ended, slice(observed.warmup + spoiled_steps, None)
    kl, alive = torch.where(alive, kl, 0.0)[late], alive[late]
    (spoilt, spoilt_errors), (control, control_errors) = (
        means(kl[:, side], alive[:, side], alive[:, side]) for side in (slice(0, count), slice(count, None))
    )
    values, errors = (torch.full((horizon, *shape), torch.nan, dtype=torch.float64) for shape in ((), (count,)))
    differ, leads = torch.zeros(horizon, dtype=torch.int64), slice(spoiled_steps, spoiled_steps + len(kl))
    values[leads], errors[leads] = spoilt - control, spoilt_errors - control_errors
    apart = (kl[:, :count] - kl[:, count:]).abs() > ROUNDING
    differ[leads] = (apart | (alive[:, :count] != alive[:, count:])).sum(-1)
    return Excess(values=values, errors=errors, differ=differ)


def change(observed: Observed) -> tuple[Float[torch.Tensor, " 1"], Float[torch.Tensor, "1 N"]]:
    """The mean excess over the later half of the steps less that over the first quarter, where it is defined."""
    measured = excess(observed)
    known = measured.values.isfinite()
    values, errors = measured.values[known], measured.errors[known]
    if len(values) < 2:
        return torch.full((1,), torch.nan, dtype=torch.float64), errors.new_full((1, errors.shape[1]), torch.nan)
    early, late = slice(0, max(1, len(values) // 4)), slice(len(values) // 2, None)
    return (values[late].mean() - values[early].mean())[None], (errors[late].mean(0) - errors[early].mean(0))[None]
