"""Laws of the loop: it feeds what the mask says, one step later, whatever stands in the truth where it is free."""

from __future__ import annotations

import torch

from freerun.engine.rollout import Gradient
from freerun.laws._loops import B, Copies, K, Loop, R, Register, T, coins, filled, masks, values
from freerun.laws.toolkit import CLOSE, demand, gap, gradients, noise, same_bits, symbols, uniforms, weights_of
from freerun.parts.feedback import one_hot
from freerun.parts.feedback.argmax import Argmax
from freerun.parts.feedback.expected import Expected
from freerun.parts.feedback.mean import Mean
from freerun.parts.feedback.none import Nothing
from freerun.parts.feedback.sample import Sample
from freerun.parts.models import Model
from freerun.parts.models.hidden_recurrent import HiddenRecurrent


def law_the_input_is_what_was_fed_a_step_before(rollout: Loop) -> None:
    """With a model that copies its input every output is known: the truth of the step before, or its own, shifted."""
    for steps in (1, 2, T):
        truth, start = values(steps)
        for name, mask in masks(steps).items():
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
        for name, mask in masks(steps).items():
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
    model, (truth, start) = HiddenRecurrent(hidden=3), values()
    weights = weights_of(model, K, K, R)
    mask = coins()
    mask[2, :, 0], mask[4, :, 1] = 0.25, 0.75
    result = rollout(model, weights, truth=truth, start=start, feedback=Mean(), mask=mask)
    for t in range(T):
        forced, free, share = mask[t] == 1, mask[t] == 0, mask[t, ..., None]
        fed, outputs = result.fed[t], result.outputs[t]
        demand(torch.equal(fed[forced], truth[t][forced]), f"a forced entry after step {t} is not exactly the truth")
        demand(torch.equal(fed[free], outputs[free]), f"a free entry after step {t} is not exactly the model's own")
        off = gap(fed, share * truth[t] + (1 - share) * outputs)
        demand(off < CLOSE, f"a fractional entry after step {t} is not the blend, by {off:.1e}")


def law_ones_and_none_are_the_same(rollout: Loop, model: Model) -> None:
    """The short cut for full forcing changes nothing, in value or gradient."""
    for steps in (1, 2, T):
        inputs = None if model.for_fields else noise(steps, R, B, 1, seed=3)
        weights, (truth, start) = weights_of(model, K + (inputs is not None), K, R), values(steps)
        charge = noise(steps, R, B, K, seed=4)
        results = [
            rollout(model, weights, truth=truth, start=start, feedback=Mean(), mask=mask, inputs=inputs)
            for mask in (None, filled(1, steps))
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
    weights, (truth, start) = weights_of(model, K, K, R), values()
    truth, start = one_hot(truth.argmax(-1), truth), one_hot(start.argmax(-1), start)
    for warmup in (0, 3):
        spoiled = truth.clone()
        spoiled[warmup:] = torch.nan
        mask = filled(0)
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
    """What a sequence is fed depends on its own mask alone: NaN in the truth of a free neighbour changes nothing."""
    model, (truth, start) = HiddenRecurrent(hidden=3), values()
    weights, mask = weights_of(model, K, K, R), coins()
    spoiled = torch.where(mask[..., None] == 0, torch.nan, truth)
    a, b = (rollout(model, weights, truth=w, start=start, feedback=Mean(), mask=mask) for w in (truth, spoiled))
    for t in range(T):
        demand(same_bits(a.outputs[t].detach(), b.outputs[t].detach()), f"an entry with mask 0 has read the truth by step {t}")
    alone = rollout(model, weights, truth=truth[:, :, :1], start=start[:, :1], feedback=Mean(), mask=mask[:, :, :1])
    off = gap(a.outputs[:, :, :1], alone.outputs)
    demand(off < CLOSE, f"sequence 0 depends on the masks of its {B - 1} neighbours, by {off:.1e}")


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
            for m in (None, filled(0))
        )
        for t in range(T):
            same = same_bits(forced[t].detach(), free[t].detach())
            demand(same, f"nothing is fed, and yet forced and free differ at step {t} (state cut {gradient.state})")
