"""Laws of the gradient through the loop: it is cut where the loop was told to, and only there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from freerun.engine.rollout import Gradient
from freerun.laws._loops import B, K, Loop, R, T, coins, filled, values
from freerun.laws.feedback import draws_for
from freerun.laws.toolkit import CLOSE, demand, gap, gradients, noise, weights_of
from freerun.parts.feedback import Feedback, one_hot
from freerun.parts.feedback.mean import Mean
from freerun.parts.layers import State, Weights
from freerun.parts.models import Model
from freerun.parts.models.hidden_recurrent import HiddenRecurrent
from freerun.parts.models.output_recurrent import OutputRecurrent


def textbook(
    model: Model,
    weights: Mapping[str, torch.Tensor],
    *,
    truth: torch.Tensor,
    start: torch.Tensor,
    feedback: Feedback,
    mask: torch.Tensor,
    uniform: torch.Tensor | None,
    gradient: Gradient,
    residual: torch.Tensor | None = None,
) -> torch.Tensor:
    """The loop as a textbook has it, for comparison: no fast path, no blending tricks. Returns the outputs."""
    state, fed, outputs = model.start(R, B, start), start, []
    for t in range(len(truth)):
        if gradient.state and t % gradient.state == 0:
            state, fed = tuple(part.detach() for part in state), fed.detach()
        if gradient.feedback and t % gradient.feedback == 0:
            fed = fed.detach()
            if model.memoryless:
                state = tuple(part.detach() for part in state)
        out, state = model.step(dict(weights), fed, state)
        outputs.append(out if residual is None else fed + residual * out)
        m = mask[t, ..., None]
        fed = m * truth[t] + (1 - m) * feedback(outputs[-1], None if uniform is None else uniform[t])
    return torch.stack(outputs)


def law_gradient_is_the_textbook_loops(rollout: Loop, model: Model, horizon: int, rule: Feedback) -> None:
    """Value and gradient, for `through`, `stop` and every n, with and without truncation, forced, free, mixed, fractional."""
    weights, (truth, start) = weights_of(model, K, K, R), values(horizon)
    if rule.for_symbols:
        truth, start = one_hot(truth.argmax(-1), truth), one_hot(start.argmax(-1), start)
    uniform, coin = draws_for(rule, horizon, R, B, of=K, seed=9), coins(horizon)
    masks = {"free": coin * 0, "coins": coin, "fractions": coin * 0.5 + 0.25}
    periods = range(1, min(8, horizon + 1) + 1)  # a cut every n > T cuts nothing but the start
    cuts = [(0, 0), *((n, 0) for n in periods), *((0, n) for n in periods), (2, 3), (3, 2)]
    residual = None if rule.for_symbols else noise(R, 1, K, seed=8)
    for name, mask in masks.items():
        for feed, state in cuts if name == "free" else [(0, 0), (2, 0), (0, 3), (2, 3)]:
            gradient = Gradient(feedback=feed, state=state)
            ours = rollout(
                model, weights, truth=truth, start=start, feedback=rule, mask=mask, uniform=uniform, gradient=gradient,
                residual=residual,
            ).outputs  # fmt: skip
            books = textbook(
                model, weights, truth=truth, start=start, feedback=rule, mask=mask, uniform=uniform, gradient=gradient,
                residual=residual,
            )  # fmt: skip
            case = f"({name}, {horizon} steps, feedback cut {feed}, state cut {state})"
            loss = [ours.square().sum(), books.square().sum()]
            demand(gap(*loss) < CLOSE, f"the loss is {loss[0].item():.6g}, the textbook loop's {loss[1].item():.6g} {case}")
            for key, a, b in zip(weights, *(gradients(value, list(weights.values())) for value in loss), strict=True):
                demand(gap(a, b) < CLOSE, f"d{key} is {gap(a, b):.1e} off the textbook loop's {case}")


def law_gradient_is_cut_in_the_right_place(rollout: Loop) -> None:
    """The gradient of o_t by x_s is exactly 0 if a cut lies in (s, t], and not otherwise: for the state, and the feed alone."""
    cases: list[tuple[str, Model, Callable[[int], Gradient]]] = [
        ("state", HiddenRecurrent(hidden=3), lambda n: Gradient(state=n)),
        ("state", OutputRecurrent(hidden=3), lambda n: Gradient(state=n)),
        ("feedback", OutputRecurrent(hidden=3), lambda n: Gradient(feedback=n)),
    ]
    truth, start = values()
    for what, model, cut in cases:
        weights = weights_of(model, K + 1, K, R)
        for n in range(1, T + 1):
            x = noise(T, R, B, 1, seed=2).requires_grad_()
            result = rollout(
                model, weights, truth=truth, start=start, feedback=Mean(), mask=filled(0), inputs=x, gradient=cut(n)
            )
            for t in range(T):
                reach = gradients(result.outputs[t].sum(), [x])[0].flatten(1).any(1).tolist()
                reaches = [s for s in range(T) if reach[s]]
                wanted = [s for s in range(T) if s <= t and s // n == t // n]
                demand(
                    reaches == wanted, f"{what} cut every {n}: the gradient of step {t} reaches steps {reaches}, not {wanted}"
                )


def law_a_cut_reaches_what_is_kept_of_feeds(rollout: Loop) -> None:
    """Of a model that reads several feeds: no gradient runs into step t across a cut, through none of them, forced or free."""
    (truth, start), model = values(), OutputRecurrent(hidden=3, order=3)
    weights = weights_of(model, K + 1, K, R)
    for what, n in [(what, n) for what in ("state", "feedback") for n in range(1, T + 1)]:
        gradient = Gradient(state=n) if what == "state" else Gradient(feedback=n)
        for name, mask in (("free", filled(0)), ("forced", None)):
            x, fed = noise(T, R, B, 1, seed=2).requires_grad_(), truth.clone().requires_grad_()
            outputs = rollout(
                model, weights, truth=fed, start=start, feedback=Mean(), mask=mask, inputs=x, gradient=gradient
            ).outputs  # fmt: skip
            for t in range(T):
                slope = gradients(outputs[t].sum(), [fed if mask is None else x])[0].flatten(1).any(1).tolist()
                reaches = [s for s in range(T) if slope[s]]
                last = t - model.reads if mask is None else 0
                wanted = [s for s in range(max(0, last), t + (mask is not None)) if s // n == t // n]
                case = f"({what} cut every {n}, {name})"
                demand(reaches == wanted, f"the gradient of step {t} reaches that of steps {reaches}, not {wanted} {case}")


def law_only_the_feed_of_a_through_gradient_remembers(rollout: Loop) -> None:
    """Under forcing no loss reaches an earlier output (Goodfellow et al. 10.2.1); in free running with `through` it does."""
    truth, start = values()

    class Probed(OutputRecurrent):
        """Every output can be asked for its own gradient."""

        def step(self, weights: Weights, u: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
            out, state = super().step(weights, u, state)
            probe = torch.zeros_like(out).requires_grad_()
            probes.append(probe)
            return out + probe, state

    for share, cut, linked in ((1.0, 0, False), (0.0, 0, True), (0.0, 1, False)):
        probes: list[torch.Tensor] = []
        weights = weights_of(Probed(hidden=3), K, K, R)
        result = rollout(
            Probed(hidden=3), weights, truth=truth, start=start, feedback=Mean(), mask=filled(share),
            gradient=Gradient(feedback=cut),
        )  # fmt: skip
        for t in range(T):
            slopes = gradients((result.outputs[t] - truth[t]).square().sum(), probes)
            demand(bool(slopes[t].any()), f"L_{t} does not depend on o_{t}")
            for s in range(t):
                depends = bool(slopes[s].any())
                demand(depends is linked, f"mask {share:g}, cut {cut}: dL_{t}/do_{s} is {'not ' * depends}0")


def law_what_is_stopped_is_stopped_in_what_is_told(rollout: Loop) -> None:
    """What a loss reads of the feeds carries a gradient where the next step gets one, and exactly there."""
    truth, start = values()
    for model in (OutputRecurrent(hidden=3), HiddenRecurrent(hidden=3)):
        weights = weights_of(model, K, K, R)
        for feed, state in ((0, 0), (1, 0), (2, 0), (3, 0), (0, 2), (2, 3)):
            gradient = Gradient(feedback=feed, state=state)
            for name, mask in (("free", filled(0)), ("coins", coins())):
                fed = rollout(
                    model, weights, truth=truth, start=start, feedback=Mean(), mask=mask, gradient=gradient
                ).fed  # fmt: skip
                for t in range(T):
                    reads = fed[t].requires_grad and any(bool(s.any()) for s in gradients(fed[t].sum(), list(weights.values())))
                    wanted = not gradient.cuts_feedback(t + 1) and bool((mask[t] < 1).any())
                    case = f"({name}, feedback cut {feed}, state cut {state})"
                    demand(reads is wanted, f"what is fed after step {t} carries {'a' if reads else 'no'} gradient {case}")


def law_the_prediction_is_charged(rollout: Loop) -> None:
    """With a full share of truth in the feed, outputs are still the model's own, and depend on the weights."""
    model, (truth, start) = HiddenRecurrent(hidden=3), values()
    weights = weights_of(model, K, K, R)
    for share in (0.0, 0.5, 1.0):
        outputs = rollout(model, weights, truth=truth, start=start, feedback=Mean(), mask=filled(share)).outputs
        demand(not torch.equal(outputs, truth), f"at a share of {share:g} the outputs are the forced values")
        for name, slope in zip(weights, gradients((outputs - truth).square().sum(), list(weights.values())), strict=True):
            demand(bool(slope.flatten(1).any(1).all()), f"at a share of {share:g} the loss does not depend on {name}")
