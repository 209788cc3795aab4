"""Accumulated error in the model's own contexts and in the truth's, exactly over all prefixes.

    f_t(prefix)        f(P(. | prefix), Q(. | prefix)), what the model adds after t - 1 symbols
    E(l), R(l)         sum_{t<=l} E_{prefix~P} KL_t,  sum_{t<=l} E_{prefix~Q} KL_t
    AccErr(l)          l R(l) / E(l),      %ExAccErr(l) = 100 (R(l) / E(l) - 1)        (Arora et al. 2022, section 4)
    EB-C(l; f)         E_{prefix~Q} f_l / E_{prefix~P} f_l,  f = TV or JS              (He et al. 2021, section 4)

exactly, over all prefixes, for any oracle and any model; `freerun.measurement.accumulated_error_estimate` estimates it from
rollouts. What both are given, a start symbol or a prompt, is in no sum. Outside the source's support the truth has no
distribution: such prefixes are left out of the means over Q, and their probability stands beside. A sequence that is over has
nothing left to predict: its divergence is 0. 0/0 is undefined, NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, Int

from freerun.arithmetic import logarithm
from freerun.deferred_imports import torch
from freerun.parts.tasks import Truth

#: The divergences of two distributions, in the order of the first axis of what `divergences` gives; nats, TV in [0, 1].
KINDS = ("kl", "reverse_kl", "tv", "js")


def divergences(
    log_p: Float[torch.Tensor, "*batch K"], log_q: Float[torch.Tensor, "*batch K"]
) -> Float[torch.Tensor, "4 *batch"]:  # noqa: F821 - also reads as Python
    """KL(P||Q), KL(Q||P), total variation and Jensen-Shannon divergence; infinite where a KL is, float64."""
    log_p, log_q = log_p.double(), log_q.double()
    p, q = log_p.exp(), log_q.exp()
    middle = logarithm((p + q) / 2)
    skew = (_relative(p, log_p, middle) + _relative(q, log_q, middle)) / 2
    return torch.stack([_relative(p, log_p, log_q), _relative(q, log_q, log_p), (p - q).abs().sum(-1) / 2, skew])


def _relative(p: torch.Tensor, log_p: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
    return torch.where(p > 0, p * (log_p - log_q), 0.0).sum(-1).clamp(min=0)


@dataclass(frozen=True, kw_only=True)
class Accumulated:
    """Errors accumulated after l = 1..L symbols; the properties are ``[L]``, float64.

    Attributes:
        forced: E_{prefix~P} f_t by kind of divergence, ``[4 L]``.
        free: E_{prefix~Q} f_t over prefixes inside the support, ``[4 L]``.
        left: the probability that the first l symbols of the model have left the support, ``[L]``.
        floor: divergences, ``[4]``, that are rounding and count as 0.
    """

    forced: Float[torch.Tensor, "4 L"]
    free: Float[torch.Tensor, "4 L"]
    left: Float[torch.Tensor, " L"]
    floor: Float[torch.Tensor, " 4"] | None = None

    def _ratio(self, kind: str, *, summed: bool) -> torch.Tensor:
        k = KINDS.index(kind)
        free, forced = (level[k].cumsum(0) if summed else level[k] for level in (self.free, self.forced))
        nothing = 0.0 if self.floor is None else self.floor[k] * (self.lengths() if summed else 1)
        return torch.where(forced > nothing, free / forced, torch.nan)

    def lengths(self) -> Float[torch.Tensor, " L"]:
        """The lengths l = 1..L."""
        return torch.arange(1, len(self.left) + 1, dtype=torch.float64)

    def acc_err(self) -> Float[torch.Tensor, " L"]:
        """AccErr(l) = l R(l) / E(l): l without exposure bias."""
        return self.lengths() * self._ratio("kl", summed=True)

    def ex_acc_err(self) -> Float[torch.Tensor, " L"]:
        """%ExAccErr(l) = 100 (R(l) / E(l) - 1): the excess over no exposure bias."""
        return 100 * (self._ratio("kl", summed=True) - 1)

    def eb_c(self, kind: str) -> Float[torch.Tensor, " L"]:
        """EB-C(l; kind): how much further off the model is after its own prefix than after a true one."""
        return self._ratio(kind, summed=False)

    def sequence_kl(self) -> Float[torch.Tensor, " L"]:
        """KL(P||Q) of the first l symbols, a symbol: E(l) / l by the chain rule."""
        return self.forced[0].cumsum(0) / self.lengths()

    def sequence_kl_reverse(self) -> Float[torch.Tensor, " L"]:
        """KL(Q||P) of the first l symbols, a symbol; infinite once the model can leave the support."""
        return self.free[1].cumsum(0) / self.lengths()


def _mean(values: torch.Tensor, weights: torch.Tensor, total: torch.Tensor) -> torch.Tensor:
    """The weighted mean over the last axis; values without weight are left out."""
    return torch.where(weights > 0, values * weights, 0.0).sum(-1) / total


def all_prefixes(prompts: Int[torch.Tensor, "W M"], symbols: int, steps: int) -> Int[torch.Tensor, "T N"]:
    """Every prompt before every string of `steps` - 1 symbols, the first symbol changing slowest, and a final 0 as filler.

    Returns:
        T = W + steps rows, N = M symbols**(steps - 1) columns.
    """
    count = symbols ** (steps - 1)
    digits = [torch.arange(count) // symbols ** (steps - 2 - k) % symbols for k in range(steps - 1)]
    strings = torch.stack([*digits, torch.zeros(count, dtype=torch.int64)])
    return torch.cat([prompts.repeat_interleave(count, 1), strings.repeat(1, prompts.shape[1])])


def over_all_prefixes(
    prefix: Int[torch.Tensor, "T N"],
    truth: Truth,
    log_q: Float[torch.Tensor, "T N K"],
    *,
    steps: int,
    shares: Float[torch.Tensor, " M"] | None = None,
    spoken: Float[torch.Tensor, "T N K"] | None = None,
    floor: Float[torch.Tensor, " 4"] | None = None,
) -> Accumulated:
    """Compute the exact values by the sum over all prefixes, for any truth and any model.

    Args:
        prefix: as `all_prefixes` gives it.
        truth: the oracle's answer to `prefix`.
        log_q: the model's log-probabilities of the next symbol at every step, having been fed `prefix`.
        steps: L.
        shares: of the prompts; None: they count alike.
        spoken: log-probabilities by which the model generates, if not `log_q` (greedy decoding).
    """
    size, log_q = log_q.shape[-1], log_q.double()
    count = size ** (steps - 1)
    warmup, prompts = len(prefix) - steps, prefix.shape[1] // count
    first = torch.full((prompts,), 1 / prompts).double() if shares is None else (shares / shares.sum()).double()
    log_spoken = log_q if spoken is None else spoken.double()
    in_truth, in_model = first[:, None], first[:, None]
    forced, free, left = [], [], []
    gone = over = torch.zeros((), dtype=torch.float64)
    for j in range(steps):
        prefixes = torch.arange(0, count, size ** (steps - 1 - j))
        at = (torch.arange(prompts)[:, None] * count + prefixes).reshape(-1)
        row = warmup + j
        log_p, q = truth.log_probs[row, at], log_spoken[row, at].exp()
        inside, ended = truth.inside[row, at], truth.ended[row, at]
        in_truth, in_model = in_truth.reshape(-1), in_model.reshape(-1)
        over = over + in_model[inside & ended].sum()
        in_truth, in_model = (torch.where(inside & ~ended, part, 0.0) for part in (in_truth, in_model))
        step_divergences = divergences(log_p, log_q[row, at])
        forced.append(_mean(step_divergences, in_truth, torch.ones(())))
        free.append(_mean(step_divergences, in_model, in_model.sum() + over))
        stray = torch.where(log_p > -torch.inf, 0.0, q).sum(-1)
        gone = gone + torch.where(in_model > 0, in_model * stray, 0.0).sum()
        left.append(gone)
        in_truth, in_model = (
            torch.where(part[:, None] > 0, part[:, None] * onward, 0.0)
            for part, onward in ((in_truth, log_p.exp()), (in_model, q))
        )
    return Accumulated(forced=torch.stack(forced, 1), free=torch.stack(free, 1), left=torch.stack(left), floor=floor)
