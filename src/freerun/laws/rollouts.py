"""What does the loop owe? It feeds what the mask says, one step later, and cuts gradients where it was told to, only there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from freerun.feedback import Feedback, one_hot
from freerun.feedback.argmax import Argmax
from freerun.feedback.expected import Expected
from freerun.feedback.mean import Mean
from freerun.feedback.none import Nothing
from freerun.feedback.sample import Sample
from freerun.laws import CLOSE, demand, gap, gradients, noise, same_bits, symbols, uniforms, weights_of
from freerun.laws.feedback import draws_for
from freerun.models import Model
from freerun.models.hidden_recurrent import HiddenRecurrent
from freerun.models.output_recurrent import OutputRecurrent
from freerun.replicas import Shape, State, Weights
from freerun.rollout import Gradient, Rollout

#: A loop with the arguments of `freerun.rollout.rollout`.
Loop = Callable[..., Rollout]
T, R, B, K = 8, 2, 3, 4


@dataclass(kw_only=True)
class Copies(Model):
    """Its output is its input plus `shift`: whatever the loop feeds can be read off."""

    shift: float = 0.0

    def shapes(self, inputs: int, outputs: int) -> dict[str, Shape]:
        """No weights."""
        return {}

    def start(self, replicas: int, batch: int, like: torch.Tensor) -> State:
        """No state."""
        return ()

    def step(self, weights: Weights, u: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """The input, shifted."""
        return u + self.shift, state

    def unroll(self, weights: Weights, u: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """The inputs, shifted."""
        return u + self.shift, state


class Register(Copies):
    """A shift register: it is sure that the symbol after k is k + 1 (mod K)."""

    def step(self, weights: Weights, u: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """The symbol that follows."""
        return 1000 * u.roll(1, -1), state

    def unroll(self, weights: Weights, u: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """The symbols that follow."""
        return 1000 * u.roll(1, -1), state


def _values(steps: int = T, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    series = noise(steps + 1, R, B, K, seed=seed)
    return series[1:], series[0]


def _coins(steps: int = T) -> torch.Tensor:
    return (noise(steps, R, B, seed=5) > 0).double()


def _filled(share: float, steps: int = T) -> torch.Tensor:
    return torch.full((steps, R, B), share, dtype=torch.float64)


def _masks(steps: int = T) -> dict[str, torch.Tensor | None]:
    return {"no mask": None, "mask 1": _filled(1, steps), "mask 0": _filled(0, steps), "coins": _coins(steps)}


def law_the_input_is_what_was_fed_a_step_before(rollout: Loop) -> None:
    """With a model that copies its input every output is known: the truth of the step before, or its own, shifted."""
    for steps in (1, 2, T):
        truth, start = _values(steps)
        for name, mask in _masks(steps).items():
            result = rollout(Copies(shift=1.0), {}, truth=truth, start=start, feedback=Mean(), mask=mask)
            fed = start
            for t in range(steps):
                case = f"({name}, {steps} steps)"
                came = torch.equal(result.outputs[t], fed + 1)
                demand(came, f"the input at step {t} is not what was fed after step {t - 1} {case}")
                fed = truth[t] if mask is None else torch.where(mask[t, ..., None] == 1, truth[t], fed + 1)
                demand(torch.equal(result.fed[t], fed), f"what is fed after step {t} is not what the mask says {case}")


def law_a_copying_model_scores_zero(rollout: Loop) -> None:
    """A shift register: a model that says the symbol after the one it is fed has loss exactly 0, forced and free."""
    for steps in (1, 2, T):
        start = symbols(R, B, of=K)
        targets = torch.stack([(start + t + 1) % K for t in range(steps)])
        encoded = one_hot(targets, torch.zeros(steps, R, B, K).double())
        first = one_hot(start, torch.zeros(R, B, K).double())
        for name, mask in _masks(steps).items():
            for rule in (Argmax(), Sample(), Expected()):
                result = rollout(
                    Register(), {}, truth=encoded, start=first, feedback=rule, mask=mask, uniform=uniforms(steps, R, B)
                )
                loss = -torch.log_softmax(result.outputs, -1).gather(-1, targets[..., None])
                t = int(loss.reshape(steps, -1).any(1).float().argmax())
                case = f"({name}, {type(rule).__name__}, {steps} steps)"
                demand(not loss.any(), f"a perfect shift register has loss {float(loss[t].max()):.4g} at step {t} {case}")


def law_forced_entries_are_the_truth(rollout: Loop) -> None:
    """Exactly the truth where the mask is 1, exactly the model's own where it is 0, the blend between."""
    model, (truth, start) = HiddenRecurrent(hidden=3), _values()
    weights = weights_of(model, K, K, R)
    mask = _coins()
    mask[2, :, 0], mask[4, :, 1] = 0.25, 0.75
    result = rollout(model, weights, truth=truth, start=start, feedback=Mean(), mask=mask)
    for t in range(T):
        forced, free, share = mask[t] == 1, mask[t] == 0, mask[t, ..., None]
        fed, own = result.fed[t], result.outputs[t]
        demand(torch.equal(fed[forced], truth[t][forced]), f"a forced entry after step {t} is not exactly the truth")
        demand(torch.equal(fed[free], own[free]), f"a free entry after step {t} is not exactly the model's own")
        off = gap(fed, share * truth[t] + (1 - share) * own)
        demand(off < CLOSE, f"a fractional entry after step {t} is not the blend, by {off:.1e}")


def law_ones_and_none_are_the_same(rollout: Loop, model: Model) -> None:
    """The short cut for full forcing changes nothing, in value or gradient."""
    for steps in (1, 2, T):
        inputs = None if model.for_fields else noise(steps, R, B, 1, seed=3)
        weights, (truth, start) = weights_of(model, K + (inputs is not None), K, R), _values(steps)
        charge = noise(steps, R, B, K, seed=4)
        results = [
            rollout(model, weights, truth=truth, start=start, feedback=Mean(), mask=mask, inputs=inputs)
            for mask in (None, _filled(1, steps))
        ]
        fast, slow = (result.outputs for result in results)
        demand(gap(fast, slow) < CLOSE, f"over {steps} steps the fast path differs from the loop by {gap(fast, slow):.1e}")
        demand(torch.equal(results[0].fed, results[1].fed), f"over {steps} steps the fast path feeds something else")
        leaves = list(weights.values())
        for name, a, b in zip(
            weights,
            gradients((fast * charge[-len(fast) :]).sum(), leaves),
            gradients((slow * charge[-len(slow) :]).sum(), leaves),
            strict=True,
        ):
            demand(gap(a, b) < CLOSE, f"over {steps} steps the fast path's d{name} differs from the loop's by {gap(a, b):.1e}")


def law_no_peeking(rollout: Loop) -> None:
    """NaN in the truth after the warm-up: the free rollout keeps every bit, and so does its gradient."""
    model = HiddenRecurrent(hidden=3)
    weights, (truth, start) = weights_of(model, K, K, R), _values()
    truth, start = one_hot(truth.argmax(-1), truth), one_hot(start.argmax(-1), start)
    for warmup in (0, 3):
        spoiled = truth.clone()
        spoiled[warmup:] = torch.nan
        mask = _filled(0)
        mask[:warmup] = 1
        for rule in (Mean(), Argmax(), Sample(), Expected()):
            seen = []
            for world in (truth, spoiled):
                result = rollout(model, weights, truth=world, start=start, feedback=rule, mask=mask, uniform=uniforms(T, R, B))
                seen.append([result.outputs, result.fed, *gradients(result.outputs.square().sum(), list(weights.values()))])
            for a, b in zip(*seen, strict=True):
                case = f"({type(rule).__name__}, {warmup} steps of warm-up)"
                demand(same_bits(a.detach(), b.detach()), f"the truth after the warm-up is read in free running {case}")


def law_entries_are_free_one_by_one(rollout: Loop) -> None:
    """A sequence's feed is its own mask's business: NaN in a free neighbour's truth touches nobody."""
    model, (truth, start) = HiddenRecurrent(hidden=3), _values()
    weights, mask = weights_of(model, K, K, R), _coins()
    spoiled = torch.where(mask[..., None] == 0, torch.nan, truth)
    a, b = (rollout(model, weights, truth=w, start=start, feedback=Mean(), mask=mask) for w in (truth, spoiled))
    for t in range(T):
        demand(same_bits(a.outputs[t].detach(), b.outputs[t].detach()), f"an entry with mask 0 has read the truth by step {t}")
    alone = rollout(model, weights, truth=truth[:, :, :1], start=start[:, :1], feedback=Mean(), mask=mask[:, :, :1])
    off = gap(a.outputs[:, :, :1], alone.outputs)
    demand(off < CLOSE, f"sequence 0 depends on the masks of its {B - 1} neighbours, by {off:.1e}")


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
        out, state = model.step(dict(weights), fed, state)
        outputs.append(out if residual is None else fed + residual * out)
        m = mask[t, ..., None]
        fed = m * truth[t] + (1 - m) * feedback(outputs[-1], None if uniform is None else uniform[t])
    return torch.stack(outputs)


def law_gradient_is_the_textbook_loops(rollout: Loop, model: Model, horizon: int, rule: Feedback) -> None:
    """Value and gradient, for `through`, `stop` and every n, with and without truncation, forced, free, mixed, fractional."""
    weights, (truth, start) = weights_of(model, K, K, R), _values(horizon)
    if rule.for_symbols:
        truth, start = one_hot(truth.argmax(-1), truth), one_hot(start.argmax(-1), start)
    uniform, coins = draws_for(rule, horizon, R, B, of=K, seed=9), _coins(horizon)
    masks = {"free": coins * 0, "coins": coins, "fractions": coins * 0.5 + 0.25}
    several = range(1, min(8, horizon + 1) + 1)  # a cut every n > T cuts nothing but the start
    cuts = [(0, 0), *((n, 0) for n in several), *((0, n) for n in several), (2, 3), (3, 2)]
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
    truth, start = _values()
    for what, model, cut in cases:
        weights = weights_of(model, K + 1, K, R)
        for n in range(1, T + 1):
            x = noise(T, R, B, 1, seed=2).requires_grad_()
            result = rollout(
                model, weights, truth=truth, start=start, feedback=Mean(), mask=_filled(0), inputs=x, gradient=cut(n)
            )
            for t in range(T):
                reach = gradients(result.outputs[t].sum(), [x])[0].flatten(1).any(1).tolist()
                reaches = [s for s in range(T) if reach[s]]
                wanted = [s for s in range(T) if s <= t and s // n == t // n]
                demand(
                    reaches == wanted, f"{what} cut every {n}: the gradient of step {t} reaches steps {reaches}, not {wanted}"
                )


def law_only_the_feed_of_a_through_gradient_remembers(rollout: Loop) -> None:
    """Under forcing no loss reaches an earlier output (Goodfellow et al. 10.2.1); in free running with `through` it does."""
    truth, start = _values()

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
            Probed(hidden=3), weights, truth=truth, start=start, feedback=Mean(), mask=_filled(share),
            gradient=Gradient(feedback=cut),
        )  # fmt: skip
        for t in range(T):
            slopes = gradients((result.outputs[t] - truth[t]).square().sum(), probes)
            demand(bool(slopes[t].any()), f"L_{t} does not depend on o_{t}")
            for s in range(t):
                found = bool(slopes[s].any())
                demand(found is linked, f"mask {share:g}, cut {cut}: dL_{t}/do_{s} is {'not ' * found}0")


def law_the_prediction_is_charged(rollout: Loop) -> None:
    """With a full share of truth in the feed, outputs are still the model's own, and depend on the weights."""
    model, (truth, start) = HiddenRecurrent(hidden=3), _values()
    weights = weights_of(model, K, K, R)
    for share in (0.0, 0.5, 1.0):
        outputs = rollout(model, weights, truth=truth, start=start, feedback=Mean(), mask=_filled(share)).outputs
        demand(not torch.equal(outputs, truth), f"at a share of {share:g} the outputs are the forced values")
        for name, slope in zip(weights, gradients((outputs - truth).square().sum(), list(weights.values())), strict=True):
            demand(bool(slope.flatten(1).any(1).all()), f"at a share of {share:g} the loss does not depend on {name}")


def law_silence_has_no_gap(rollout: Loop) -> None:
    """Where nothing is fed back, forced and free running are the same to the bit."""
    model = HiddenRecurrent(hidden=3)
    weights, x = weights_of(model, 2, K, R), noise(T, R, B, 2)
    empty = noise(T, R, B, 0)
    for gradient in (Gradient(), Gradient(state=3)):
        forced, free = (
            rollout(
                model, weights, truth=empty, start=empty[0], feedback=Nothing(), mask=m, inputs=x, gradient=gradient
            ).outputs
            for m in (None, _filled(0))
        )
        for t in range(T):
            same = same_bits(forced[t].detach(), free[t].detach())
            demand(same, f"nothing is fed, and yet forced and free differ at step {t} (state cut {gradient.state})")
