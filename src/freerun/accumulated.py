"""How much error does a model gather in its own company, and how much would it gather in the truth's?

    f_t(prefix)        f(P(. | prefix), Q(. | prefix)), what the model adds after t - 1 symbols
    E(l), R(l)         sum_{t<=l} E_{prefix~P} KL_t,  sum_{t<=l} E_{prefix~Q} KL_t
    AccErr(l)          l R(l) / E(l),      %ExAccErr(l) = 100 (R(l) / E(l) - 1)        (Arora et al. 2022, section 4)
    EB-C(l; f)         E_{prefix~Q} f_l / E_{prefix~P} f_l,  f = TV or JS              (He et al. 2021, section 4)

exactly for two first-order chains, exactly over all prefixes for any oracle and any model, and estimated from rollouts with an
interval. What both are given, a start symbol or a prompt, is in no sum. Outside the source's support the truth has no
distribution: such prefixes are left out of the means over Q, and their probability stands beside. A sequence that is over has
nothing left to predict: its divergence is 0. 0/0 is undefined, NaN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from jaxtyping import Bool, Float, Int

from freerun.errors import require
from freerun.lazy import torch
from freerun.tasks import Truth

#: The divergences of two distributions, in the order of the first axis of what `divergences` gives; nats, TV in [0, 1].
KINDS = ("kl", "reverse_kl", "tv", "js")
#: What the rows of a chain may sum to beside 1.
TOLERANCE = 1e-9


def divergences(
    log_p: Float[torch.Tensor, "*batch K"], log_q: Float[torch.Tensor, "*batch K"]
) -> Float[torch.Tensor, "4 *batch"]:
    """KL(P||Q), KL(Q||P), total variation and Jensen-Shannon divergence; infinite where a KL is, float64."""
    log_p, log_q = log_p.double(), log_q.double()
    p, q = log_p.exp(), log_q.exp()
    middle = ((p + q) / 2).log()
    skew = (_relative(p, log_p, middle) + _relative(q, log_q, middle)) / 2
    return torch.stack([_relative(p, log_p, log_q), _relative(q, log_q, log_p), (p - q).abs().sum(-1) / 2, skew])


def _relative(p: torch.Tensor, log_p: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
    return torch.where(p > 0, p * (log_p - log_q), 0.0).sum(-1).clamp(min=0)


@dataclass(frozen=True, kw_only=True)
class Accumulated:
    """What is gathered after l = 1..L symbols; the properties are ``[L]``, float64.

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


def chains(
    true: Float[torch.Tensor, "K K"], model: Float[torch.Tensor, "K K"], start: int | Float[torch.Tensor, " K"], steps: int
) -> Accumulated:
    """Two first-order Markov chains: each row is P(next symbol | symbol).

    Args:
        true, model: transition probabilities, float64; zeros are allowed.
        start: the symbol that stands before the first, or the probabilities of what stands there.
        steps: L.
    """
    for name, each in (("true", true), ("model", model)):
        rows = each.double()
        require(
            rows.shape == (len(rows), len(rows)) == tuple(true.shape), name, tuple(rows.shape), "be square and as wide as true"
        )
        proper = bool((rows >= 0).all()) and bool(((rows.sum(1) - 1).abs() <= TOLERANCE).all())
        require(proper, name, rows.tolist(), f"have rows of probabilities that sum to 1 within {TOLERANCE:g}")
    require(steps >= 1, "steps", steps, "be at least 1")
    if isinstance(start, int):
        require(0 <= start < len(true), "start", start, f"be a symbol from 0 to {len(true) - 1}, or their probabilities")
    true, model = true.double(), model.double()
    found = divergences(true.log(), model.log())
    first = torch.eye(len(true), dtype=torch.float64)[start] if isinstance(start, int) else start.double()
    forced, free, left, gone = [], [], [], torch.zeros((), dtype=torch.float64)
    in_truth, own = first, first
    for _ in range(steps):
        forced.append(_mean(found, in_truth, in_truth.sum()))
        free.append(_mean(found, own, own.sum()))
        gone = gone + (own @ (model * (true == 0))).sum()
        left.append(gone)
        in_truth, own = in_truth @ true, own @ (model * (true > 0))
    return Accumulated(forced=torch.stack(forced, 1), free=torch.stack(free, 1), left=torch.stack(left))


def _mean(values: torch.Tensor, weights: torch.Tensor, total: torch.Tensor) -> torch.Tensor:
    """The mean over the last axis; what has no weight is not looked at."""
    return torch.where(weights > 0, values * weights, 0.0).sum(-1) / total


def all_prefixes(prompts: Int[torch.Tensor, "W M"], symbols: int, steps: int) -> Int[torch.Tensor, "T N"]:
    """Every prompt before every string of `steps` - 1 symbols, the first symbol changing slowest, and one 0 that nobody reads.

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
    """Exactly, by the sum over all prefixes, for any truth and any model.

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
    own = log_q if spoken is None else spoken.double()
    in_truth, in_model = first[:, None], first[:, None]
    forced, free, left = [], [], []
    gone = over = torch.zeros((), dtype=torch.float64)
    for j in range(steps):
        some = torch.arange(0, count, size ** (steps - 1 - j))
        at = (torch.arange(prompts)[:, None] * count + some).reshape(-1)
        row = warmup + j
        log_p, q = truth.log_probs[row, at], own[row, at].exp()
        inside, ended = truth.inside[row, at], truth.ended[row, at]
        in_truth, in_model = in_truth.reshape(-1), in_model.reshape(-1)
        over = over + in_model[inside & ended].sum()
        in_truth, in_model = (torch.where(inside & ~ended, part, 0.0) for part in (in_truth, in_model))
        found = divergences(log_p, log_q[row, at])
        forced.append(_mean(found, in_truth, torch.ones(())))
        free.append(_mean(found, in_model, in_model.sum() + over))
        stray = torch.where(log_p > -torch.inf, 0.0, q).sum(-1)
        gone = gone + torch.where(in_model > 0, in_model * stray, 0.0).sum()
        left.append(gone)
        in_truth, in_model = (
            torch.where(part[:, None] > 0, part[:, None] * onward, 0.0)
            for part, onward in ((in_truth, log_p.exp()), (in_model, q))
        )
    return Accumulated(forced=torch.stack(forced, 1), free=torch.stack(free, 1), left=torch.stack(left), floor=floor)


@dataclass(frozen=True, kw_only=True)
class Estimated(Accumulated):
    """The same, estimated from N sequences; `forced`, `free` and `left` are then means over them.

    Attributes:
        forced_each, free_each, left_each: what each sequence adds to the error of its mean, ``[4 L N]`` and ``[L N]``.
    """

    forced_each: Float[torch.Tensor, "4 L N"]
    free_each: Float[torch.Tensor, "4 L N"]
    left_each: Float[torch.Tensor, "L N"]

    def ratio_factor(self, kind: str, *, summed: bool) -> Float[torch.Tensor, " L"]:
        """By what factor up and down the 95 % interval of a ratio free / forced reaches; NaN with fewer than 3 sequences.

        The delta method for the logarithm of a ratio of means over sequences, forced and free taken in pairs: they share a
        prompt.
        """
        k = KINDS.index(kind)
        parts = []
        for level, each in ((self.free[k], self.free_each[k]), (self.forced[k], self.forced_each[k])):
            level, each = (level.cumsum(0), each.cumsum(0)) if summed else (level, each)
            parts.append(each / level[:, None])
        return half_width(parts[0] - parts[1]).exp()

    def sequence_factor(self, *, reverse: bool) -> Float[torch.Tensor, " L"]:
        """The same for the KL of whole sequences."""
        level, each = (self.free[1], self.free_each[1]) if reverse else (self.forced[0], self.forced_each[0])
        return half_width(each.cumsum(0) / level.cumsum(0)[:, None]).exp()


def estimated(
    free: tuple[Truth, Float[torch.Tensor, "4 L N"]],
    forced: tuple[Truth, Float[torch.Tensor, "4 L N"]],
    spoken: Float[torch.Tensor, "L N K"],
    floor: Float[torch.Tensor, " 4"] | None = None,
) -> Estimated:
    """From rollouts: N sequences that the model generated, and N true ones that it was fed.

    Args:
        free, forced: the oracle's answer and the model's `divergences` from it, at every step after what both were given.
        spoken: the log-probabilities by which the model generates, of the free rollout.
    """
    said, true = free[0], forced[0]
    m_free, each_free = means(free[1], said.inside & ~said.ended, said.inside)
    m_forced, each_forced = means(forced[1], true.inside & ~true.ended, true.inside)
    stray = torch.where(said.log_probs > -torch.inf, 0.0, spoken.double().exp()).sum(-1)
    gone = torch.where(said.inside, torch.where(said.ended, 0.0, stray), 1.0)
    left = gone.mean(1)
    return Estimated(
        forced=m_forced, free=m_free, left=left, floor=floor,
        forced_each=each_forced, free_each=each_free, left_each=gone - left[:, None],
    )  # fmt: skip


def means(
    values: Float[torch.Tensor, "*kind L N"], alive: Bool[torch.Tensor, "L N"], inside: Bool[torch.Tensor, "L N"]
) -> tuple[Float[torch.Tensor, "*kind L"], Float[torch.Tensor, "*kind L N"]]:
    """The mean over what is inside, of which what is not alive adds 0, and the part of each sequence in its error."""
    values, share = torch.where(alive, values, 0.0), inside.double()
    mean = values.sum(-1) / share.sum(-1)
    each = torch.where(inside, values - mean[..., None], 0.0) / share.mean(-1)[:, None]
    return mean, each


def half_width(each: Float[torch.Tensor, "L N"]) -> Float[torch.Tensor, " L"]:
    """Half the 95 % interval of a mean whose error is the mean of `each`, by Student's t; NaN with fewer than 3 of them."""
    count = each.shape[-1]
    if count < 3:
        return torch.full(each.shape[:1], torch.nan, dtype=each.dtype)
    return student(count - 1) * (each.square().sum(-1) / (count * (count - 1))).sqrt()


def student(freedom: int) -> float:
    """The 97.5 % point of Student's t: exact for 2, else the expansion in 1/n (Abramowitz & Stegun 26.7.5), 1 % off at 3."""
    if freedom == 2:
        return math.sqrt(2 * 0.95**2 / (1 - 0.95**2))
    z, n = 1.959963984540054, freedom
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return float(z + sum(term / n**k for k, term in enumerate(terms, 1)))
