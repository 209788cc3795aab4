"""What the loop owes: it feeds what the mask says, one step later, and cuts gradients where it was told to and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from freerun.feedback import Feedback, one_hot
from freerun.feedback.argmax import Argmax
from freerun.feedback.expected import Expected
from freerun.feedback.mean import Mean
from freerun.feedback.none import Nothing
from freerun.feedback.sample import Sample
from freerun.laws import CLOSE, gap, gradients, noise, same_bits, symbols, weights_of
from freerun.models import Model
from freerun.models.hidden_recurrent import HiddenRecurrent
from freerun.models.output_recurrent import OutputRecurrent
from freerun.rollout import Gradient

Rollouts = Callable[..., object]
T, R, B, K = 8, 2, 3, 4


@dataclass(kw_only=True)
class Copies(Model):
    """Its output is its input plus `shift`: whatever the loop feeds can be read off."""

    shift: float = 0.0

    def shapes(self, inputs, outputs):
        return {}

    def start(self, replicas, batch, like):
        return ()

    def step(self, weights, u, state):
        return u + self.shift, state

    def unroll(self, weights, u, state):
        return u + self.shift, state


def _values(steps: int = T, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    series = noise(steps + 1, R, B, K, seed=seed)
    return series[1:], series[0]


def _coins(steps: int = T) -> torch.Tensor:
    return (noise(steps, R, B, seed=5) > 0).double()


def law_the_input_is_what_was_fed_a_step_before(rollout: Rollouts) -> None:
    """With a model that copies its input every output is known: the truth of the step before, or its own, shifted."""
    truth, start = _values()
    for mask in (torch.ones(T, R, B).double(), torch.zeros(T, R, B).double(), _coins(), None):
        result = rollout(Copies(shift=1.0), {}, truth=truth, start=start, feedback=Mean(), mask=mask)
        fed = start
        for t in range(T):
            assert torch.equal(result.outputs[t], fed + 1), f"the input at step {t} is not what was fed at step {t - 1}"
            share = 1 if mask is None else mask[t, ..., None]
            fed = truth[t] if mask is None else torch.where(share == 1, truth[t], fed + 1)
            assert torch.equal(result.fed[t], fed), f"what is fed after step {t} is not what the mask says"


def law_a_copying_model_scores_zero(rollout: Rollouts) -> None:
    """A shift register: y_t = y_{t-1} + 1 (mod K). A model that shifts what it is fed has loss exactly 0, forced and free."""
    start = symbols(R, B, of=K)
    targets = torch.stack([(start + t + 1) % K for t in range(T)])

    class Register(Copies):
        def step(self, weights, u, state):
            return 1000 * u.roll(1, -1), state

        def unroll(self, weights, u, state):
            return 1000 * u.roll(1, -1), state

    encoded = one_hot(targets, torch.zeros(T, R, B, K).double())
    for mask in (None, torch.ones(T, R, B).double(), _coins(), torch.zeros(T, R, B).double()):
        for rule in (Argmax(), Sample(), Expected()):
            result = rollout(
                Register(), {}, truth=encoded, start=one_hot(start, torch.zeros(R, B, K).double()), feedback=rule, mask=mask,
                uniform=noise(T, R, B).sigmoid(),
            )  # fmt: skip
            loss = -torch.log_softmax(result.outputs, -1).gather(-1, targets[..., None])
            assert not loss.any(), f"a perfect shift register has loss {float(loss.max())} at mask {mask is not None}"


def law_forced_entries_are_the_truth(rollout: Rollouts) -> None:
    model, (truth, start) = HiddenRecurrent(hidden=3), _values()
    weights = weights_of(model, K, K, R)
    mask = _coins()
    mask[2, :, 0], mask[4, :, 1] = 0.25, 0.75
    result = rollout(model, weights, truth=truth, start=start, feedback=Mean(), mask=mask)
    assert torch.equal(result.fed[mask == 1], truth[mask == 1]), "a forced entry is not exactly the truth"
    assert torch.equal(result.fed[mask == 0], result.outputs[mask == 0]), "a free entry is not exactly the model's own"
    share = mask[..., None]
    assert gap(result.fed, share * truth + (1 - share) * result.outputs) < CLOSE, "a fractional entry is not the blend"


def law_ones_and_none_are_the_same(rollout: Rollouts, model: Model) -> None:
    """The short cut changes nothing, in value or gradient."""
    weights, (truth, start) = weights_of(model, K + 1, K, R), _values()
    inputs, charge = noise(T, R, B, 1, seed=3), noise(T, R, B, K, seed=4)
    results = [
        rollout(model, weights, truth=truth, start=start, feedback=Mean(), mask=mask, inputs=inputs)
        for mask in (None, torch.ones(T, R, B).double())
    ]
    fast, slow = (result.outputs for result in results)
    assert gap(fast, slow) < CLOSE, f"the fast path differs from the loop by {gap(fast, slow):.1e}"
    assert torch.equal(results[0].fed, results[1].fed), "the fast path feeds something else"
    leaves = list(weights.values())
    for a, b in zip(
        gradients((fast * charge[-len(fast) :]).sum(), leaves),
        gradients((slow * charge[-len(slow) :]).sum(), leaves),
        strict=True,
    ):
        assert gap(a, b) < CLOSE, f"the gradient of the fast path differs from the loop by {gap(a, b):.1e}"


def law_no_peeking(rollout: Rollouts) -> None:
    """NaN in the truth after the warm-up: the free rollout keeps every bit, and so does its gradient."""
    warmup, model = 3, HiddenRecurrent(hidden=3)
    weights, (truth, start) = weights_of(model, K, K, R), _values()
    truth = one_hot(truth.argmax(-1), truth)
    start = one_hot(start.argmax(-1), start)
    spoiled = truth.clone()
    spoiled[warmup:] = torch.nan
    mask = torch.zeros(T, R, B).double()
    mask[:warmup] = 1
    for rule in (Mean(), Argmax(), Sample(), Expected()):
        seen = []
        for world in (truth, spoiled):
            result = rollout(
                model, weights, truth=world, start=start, feedback=rule, mask=mask, uniform=noise(T, R, B).sigmoid()
            )
            seen.append([result.outputs, result.fed, *gradients(result.outputs.square().sum(), list(weights.values()))])
        for a, b in zip(*seen, strict=True):
            assert same_bits(a.detach(), b.detach()), (
                f"the truth after the warm-up is read in free running ({type(rule).__name__})"
            )


def law_entries_are_free_one_by_one(rollout: Rollouts) -> None:
    """A sequence's feed is its own mask's business: NaN in a free neighbour's truth touches nobody."""
    model, (truth, start) = HiddenRecurrent(hidden=3), _values()
    weights, mask = weights_of(model, K, K, R), _coins()
    spoiled = torch.where(mask[..., None] == 0, torch.nan, truth)
    a, b = (rollout(model, weights, truth=w, start=start, feedback=Mean(), mask=mask) for w in (truth, spoiled))
    assert same_bits(a.outputs.detach(), b.outputs.detach()), "an entry with mask 0 reads the truth"
    alone = rollout(model, weights, truth=truth[:, :, :1], start=start[:, :1], feedback=Mean(), mask=mask[:, :, :1])
    assert gap(a.outputs[:, :, :1], alone.outputs) < CLOSE, "a sequence's rollout depends on its neighbours' masks"


def textbook(model, weights, *, truth, start, feedback, mask, uniform, cut_feedback, cut_state, residual=None):
    """The loop as a textbook has it, for comparison: no fast path, no blending tricks."""
    state, fed, outputs = model.start(R, B, start), start, []
    for t in range(len(truth)):
        if cut_state(t):
            state = tuple(part.detach() for part in state)
        fed = fed.detach() if cut_feedback(t) or cut_state(t) else fed
        out, state = model.step(weights, fed, state)
        outputs.append(out if residual is None else fed + residual * out)
        m = mask[t, ..., None]
        fed = m * truth[t] + (1 - m) * feedback(outputs[-1], uniform[t])
    return torch.stack(outputs)


def law_gradient_is_the_textbook_loops(rollout: Rollouts, model: Model, horizon: int, rule: Feedback) -> None:
    """Value and gradient, for `through`, `stop` and every n, with and without truncation, forced, free, mixed, fractional."""
    weights, (truth, start) = weights_of(model, K, K, R), _values(horizon)
    if rule.for_symbols:
        truth, start = one_hot(truth.argmax(-1), truth), one_hot(start.argmax(-1), start)
    uniform, coins = noise(horizon, R, B, seed=9).sigmoid(), _coins(horizon)
    masks = {"free": coins * 0, "coins": coins, "fractions": coins * 0.5 + 0.25}
    several = range(1, min(8, horizon + 1) + 1)  # a cut every n > T cuts nothing but the start
    cuts = [(0, 0), *((n, 0) for n in several), *((0, n) for n in several), (2, 3), (3, 2)]
    residual = None if rule.for_symbols else noise(R, 1, K, seed=8)
    for name, mask in masks.items():
        for feed, state in cuts if name == "free" else [(0, 0), (2, 0), (0, 3), (2, 3)]:
            gradient = Gradient(feedback=feed, state=state)
            loss = [
                rollout(
                    model, weights, truth=truth, start=start, feedback=rule, mask=mask, uniform=uniform, gradient=gradient,
                    residual=residual,
                ).outputs.square().sum(),
                textbook(
                    model, weights, truth=truth, start=start, feedback=rule, mask=mask, uniform=uniform, residual=residual,
                    cut_feedback=lambda t, n=feed: n and t % n == 0, cut_state=lambda t, n=state: n and t % n == 0,
                ).square().sum(),
            ]  # fmt: skip
            assert gap(*loss) < CLOSE, f"{name}, T={horizon}: the loss differs from the textbook loop's"
            for key, a, b in zip(weights, *(gradients(value, list(weights.values())) for value in loss), strict=True):
                assert gap(a, b) < CLOSE, (
                    f"{name}, T={horizon}, feedback cut {feed}, state cut {state}: d{key} off by {gap(a, b):.1e}"
                )


def law_gradient_is_cut_in_the_right_place(rollout: Rollouts) -> None:
    """D o_t / d x_s is exactly 0 if a cut lies in (s, t], and not otherwise: for the state, and for the feedback alone."""
    cases = [
        (HiddenRecurrent(hidden=3), lambda n: Gradient(state=n)),
        (OutputRecurrent(hidden=3), lambda n: Gradient(state=n)),
        (OutputRecurrent(hidden=3), lambda n: Gradient(feedback=n)),
    ]
    truth, start = _values()
    for model, cut in cases:
        weights = weights_of(model, K + 1, K, R)
        for n in range(1, T + 1):
            x = noise(T, R, B, 1, seed=2).requires_grad_()
            result = rollout(
                model, weights, truth=truth, start=start, feedback=Mean(), mask=torch.zeros(T, R, B).double(), inputs=x,
                gradient=cut(n),
            )  # fmt: skip
            for t in range(T):
                reach = gradients(result.outputs[t].sum(), [x])[0].flatten(1).any(1).tolist()
                wanted = [s <= t and s // n == t // n for s in range(T)]
                assert reach == wanted, f"cut every {n}: the gradient of step {t} reaches {reach}, should reach {wanted}"


def law_only_the_feed_of_a_through_gradient_remembers(rollout: Rollouts) -> None:
    """Under forcing no loss reaches an earlier output (Goodfellow et al. 10.2.1); in free running with `through` it does."""
    truth, start = _values()

    class Probed(OutputRecurrent):
        def step(self, weights, u, state):
            out, state = super().step(weights, u, state)
            probe = torch.zeros_like(out).requires_grad_()
            probes.append(probe)
            return out + probe, state

    for share, cut, linked in ((1.0, 0, False), (0.0, 0, True), (0.0, 1, False)):
        probes: list[torch.Tensor] = []
        weights = weights_of(Probed(hidden=3), K, K, R)
        mask = torch.full((T, R, B), share).double()
        result = rollout(
            Probed(hidden=3), weights, truth=truth, start=start, feedback=Mean(), mask=mask, gradient=Gradient(feedback=cut)
        )
        for t in range(T):
            slopes = gradients((result.outputs[t] - truth[t]).square().sum(), probes)
            assert slopes[t].any(), f"L_{t} does not depend on o_{t}"
            earlier = [bool(slope.any()) for slope in slopes[:t]]
            assert all(found is linked for found in earlier), f"mask {share}, cut {cut}: dL_{t}/do_s is {earlier} for s < {t}"


def law_the_prediction_is_charged(rollout: Rollouts) -> None:
    """With a full share of truth in the feed, outputs are still the model's own, and depend on the weights."""
    model, (truth, start) = HiddenRecurrent(hidden=3), _values()
    weights = weights_of(model, K, K, R)
    for share in (0.0, 0.5, 1.0):
        mask = torch.full((T, R, B), share).double()
        outputs = rollout(model, weights, truth=truth, start=start, feedback=Mean(), mask=mask).outputs
        assert not torch.equal(outputs, truth), "the outputs are the forced values"
        for name, slope in zip(weights, gradients((outputs - truth).square().sum(), list(weights.values())), strict=True):
            assert slope.flatten(1).any(1).all(), f"at a share of {share} the loss does not depend on {name}"


def law_silence_has_no_gap(rollout: Rollouts) -> None:
    model = HiddenRecurrent(hidden=3)
    weights, x = weights_of(model, 2, K, R), noise(T, R, B, 2)
    empty = noise(T, R, B, 0)
    for gradient in (Gradient(), Gradient(state=3)):
        forced, free = (
            rollout(model, weights, truth=empty, start=empty[0], feedback=Nothing(), mask=m, inputs=x, gradient=gradient)
            for m in (None, torch.zeros(T, R, B).double())
        )
        assert same_bits(forced.outputs.detach(), free.outputs.detach()), "nothing is fed, and yet forced and free differ"
