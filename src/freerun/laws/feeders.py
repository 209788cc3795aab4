"""Laws of the feeders of regimes: memory, parallel passes, gathered data, measured shares and blur are as they promise."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import pairwise

import torch

from freerun.engine.feeding import Lessons, kept
from freerun.engine.replicas import Group
from freerun.engine.rollout import Gradient, rollout, stopped
from freerun.errors import given
from freerun.laws.engine import experiments
from freerun.laws.toolkit import CLOSE, Broken, demand, gap, gradients, noise, only, same_bits, small, uniforms, weights_of
from freerun.parts import registry
from freerun.parts.feedback import Feedback, one_hot
from freerun.parts.feedback.expected import Expected
from freerun.parts.feedback.mean import Mean
from freerun.parts.feedback.sample import Sample
from freerun.parts.feeders import F, Feeder, after_warmup
from freerun.parts.feeders.adaptive import Adaptive
from freerun.parts.feeders.aggregated import Aggregated
from freerun.parts.feeders.corrected import Corrected
from freerun.parts.feeders.forced import Blurred
from freerun.parts.feeders.parallel_passes import fed_in_parallel
from freerun.parts.feeders.replayed import Replayed
from freerun.parts.layers import Weights
from freerun.parts.models import Model
from freerun.parts.regimes import Regime

R, B, K = 2, 3, 4
UPDATES = 40


def fed_by(kind: type[Feeder]) -> Callable[[Regime], bool]:
    """Whether a regime feeds by a feeder of this kind."""
    return lambda regime: isinstance(regime.feeder(), kind)


def given_by(regime: Regime, kind: type[F]) -> F:
    """The feeder of a regime that feeds by one of this kind.

    Raises:
        TypeError: if it does not.
    """
    feeder = regime.feeder()
    if not isinstance(feeder, kind):
        raise TypeError(f"{type(regime).__name__} is fed by a {type(feeder).__name__}, not by a {kind.__name__}")
    return feeder


def law_a_feeder_keeps_its_word(regime: Regime) -> None:
    """A feeder remembers what its checkpoints keep, feeds the same when asked twice, and has no mask if always forced.

    Cure: take chance from `batch.normals` and `batch.draws`, name in `kept` all that `remember` returns, and return no mask
    if `forced` is set.
    """
    chosen = next(experiments(regime))
    chosen = replace(chosen, training=replace(chosen.training, updates=6))
    task, seed, steps = chosen.task, chosen.seed, chosen.task.length
    group = Group([chosen], {seed: task.build(seed, max(steps, sum(chosen.span)))})
    lessons = Lessons(group)
    for update in range(6):
        sequences = lessons.give(update, group.weights(), {}).sequences
        try:
            memory = lessons.remembered(update + 1)
        except ValueError as fault:
            raise Broken(str(fault)) from None
        for name, number in kept(group, update + 1).numbers.items():
            value = memory.numbers[name][0]
            demand(number.least <= value <= number.most, f"{name} is {value} at update {update}, out of its range")
        uniform = group.chance("samples", update, steps, chosen.training.batch)
        feeds = [lessons.feed(lessons.batch(update, group.weights(), sequences, uniform, group.feedback)) for _ in range(2)]
        for what in ("mask", "truth"):
            first, second = (getattr(feed, what) for feed in feeds)
            same = first is second is None or (first is not None and second is not None and same_bits(first, second))
            demand(same, f"asked twice at update {update} it feeds by another {what}")
        masked = lessons.feeder.forced and feeds[0].mask is not None
        demand(not masked, f"claims to be always forced, and feeds by a mask at update {update}")
        group.parameters.flat += 0.1 * (update + 1)


def _unrolled(model: Model, weights: Weights, start: torch.Tensor, rule: Feedback, fed: torch.Tensor) -> torch.Tensor:
    return rollout(model, weights, truth=fed, start=start, feedback=rule, mask=None).outputs


@only(lambda model: model.emits == "each", "models with an output at every step")
def law_parallel_passes_become_the_loop(model: Model) -> None:
    """After j passes over the data the first j feeds, and their gradients, are those of the loop.

    Cure: make an output depend on its own and earlier feeds alone, so that pass j settles step j.
    """
    for steps in (1, 2, 5):
        weights, truth, start = weights_of(model, K, K, R), noise(steps, R, B, K), noise(R, B, K, seed=1)
        mask, uniform = (uniforms(steps, R, B, seed=2) < 0.4).double(), uniforms(steps, R, B, seed=3).double()
        for rule in (Mean(), Sample(), Expected()):
            if rule.for_symbols:
                truth, start = one_hot(truth.argmax(-1), truth), one_hot(start.argmax(-1), start)
            for cut in (0, 1, 2):
                gradient = Gradient(feedback=cut)
                looped = rollout(
                    model, weights, truth=truth, start=start, feedback=rule, mask=mask, uniform=uniform, gradient=gradient
                )
                for passes in range(1, steps + 1):
                    fed = fed_in_parallel(
                        partial(_unrolled, model, weights, start, rule),
                        truth=truth, mask=mask, feedback=rule, uniform=uniform, passes=passes,
                        stopped=partial(stopped, gradient=gradient), closed=cut == 1,
                    )  # fmt: skip
                    what = f"{passes} passes over {steps} steps, {type(rule).__name__}, cut {cut}"
                    off = gap(fed[:passes], looped.fed[:passes])
                    demand(off < CLOSE, f"{what}: the first {passes} feeds are {off:.1e} off the loop's")
                charge = noise(steps, R, B, K, seed=4)
                leaves = list(weights.values())
                outputs = rollout(model, weights, truth=fed, start=start, feedback=rule, mask=None).outputs
                pairs = zip(
                    weights,
                    gradients((outputs * charge).sum(), leaves),
                    gradients((looped.outputs * charge).sum(), leaves),
                    strict=True,
                )
                for name, a, b in pairs:
                    demand(gap(a, b) < CLOSE, f"{what}: the gradient of {name} is {gap(a, b):.1e} off the loop's")


@only(fed_by(Aggregated), "regimes that gather data")
def law_gathered_data_is_dealt_evenly(regime: Regime) -> None:
    """It begins with the truth alone, the sets grow up to those that are promised, and a batch is dealt evenly.

    Cure: begin with the truth, add one set a stage, and take each set equally often in a batch.
    """
    feeder = given_by(regime, Aggregated)
    source = feeder.regime
    demand(source.sets(0, UPDATES) == 1, f"there are {source.sets(0, UPDATES)} sets at update 0")
    counts = [source.sets(update, UPDATES) for update in range(UPDATES)]
    demand(all(0 <= b - a <= 1 for a, b in pairwise(counts)), f"the sets do not come one by one: {counts}")
    promised = feeder.rollouts + 1
    demand(counts[-1] == min(promised, UPDATES), f"{counts[-1]} sets in the end, {promised} are promised")
    for update in (0, UPDATES // 2, UPDATES - 1):
        sets = source.sets(update, UPDATES)
        for batch in (1, sets, 3 * sets + 1):
            dealt = [source.dealt(batch, update + turn, UPDATES) for turn in range(sets) if update + turn < UPDATES]
            seen = torch.bincount(dealt[0], minlength=sets)
            demand(len(seen) == sets, f"a batch of {batch} is dealt from {len(seen)} sets at update {update}, there are {sets}")
            demand(int(seen.max() - seen.min()) <= 1, f"a batch of {batch} is dealt {seen.tolist()} at update {update}")
            drawn = uniforms(4, batch).double()
            fed = regime.mask(drawn, update, UPDATES)
            demand(same_bits(fed[0], (dealt[0] == 0).double()), "the mask is not 1 where the truth was dealt")


@only(fed_by(Replayed), "regimes that replay own states")
def law_a_buffer_replays_what_was_said_at_the_last_visit(regime: Regime) -> str:
    """Weights standing still, visit k feeds pass k - 1 over its own sequence: the loop's for k - 1 steps, first the truth.

    A slot keeps its sequence until the mask fills it anew; before any was filled, all begin with the truth.

    Cure: keep with each slot the place of its sequence in the training split, put back what the charged pass said of it at the
    same step, and fill a slot exactly where the mask is 1 or the slot is empty.
    """
    feeder = given_by(regime, Replayed)
    chosen = next(each for each in experiments(regime) if not given(each.feedback).random)
    updates, batch = 60, max(1, feeder.slots // 8)
    chosen = replace(chosen, dtype="float64", training=replace(chosen.training, updates=updates, batch=batch))
    task, seed, steps, warmup = chosen.task, chosen.seed, chosen.task.length, chosen.span[0]
    group = Group([chosen], {seed: task.build(seed, max(steps, sum(chosen.span)))})
    lessons, weights = Lessons(group), group.weights()
    count = len(group.data[seed].splits["train"])
    every = group.batch("train", {seed: torch.arange(count)}, steps)
    truth, place = (
        group.encoded(every)[0],
        {value.numpy().tobytes(): n for n, value in enumerate(every.targets[:, 0].unbind(1))},
    )
    passes = [truth]
    for k in range(1, steps - warmup + 1):
        said = group.feedback(group.roll(weights, every, None, None, truth=passes[-1]).outputs, None)
        passes.append(after_warmup(said, truth, warmup))
        off = gap(passes[k][: warmup + k], group.roll(weights, every, group.release(steps, count), None).fed[: warmup + k])
        demand(off < CLOSE, f"pass {k} is {off:.1e} off the loop")
    held: Counter[tuple[int, int]] = Counter()
    begun = deepest = 0
    for update in range(updates):
        lesson = lessons.give(update, weights, {})
        forced = (regime.mask(group.draws("coins", update, (steps, batch))[:, 0], update, updates)[0] == 1).tolist()
        for b in range(batch):
            case, fed = f"sequence {b} of update {update}", lesson.fed[:, 0, b]
            n = place.get(lesson.sequences.targets[:, 0, b].contiguous().numpy().tobytes(), -1)
            demand(n >= 0, f"{case} is none of the training split")
            k = next((k for k, made in enumerate(passes) if gap(made[:, 0, n], fed) < CLOSE), -1)
            demand(k >= 0, f"{case} is fed by no pass over its own sequence")
            demand(k == 0 or not forced[b], f"{case} is fed pass {k}, and the mask says that it begins anew")
            demand(k == 0 or held[n, k] > 0 or k == len(passes) - 1, f"{case} is fed pass {k}, which no slot holds")
            held[n, k] -= int(k > 0)
            held[n, min(k + 1, len(passes) - 1)] += 1
            begun, deepest = begun + int(k == 0 and not forced[b]), max(deepest, k)
        if update == 0:
            demand(deepest == 0, "it does not begin with the truth")
    demand(begun <= feeder.slots, f"{begun} sequences began anew that the mask does not force, there are {feeder.slots} slots")
    demand(
        deepest > 1 or regime.probability(0, updates) > 0.5, f"after {updates} updates the oldest state is of pass {deepest}"
    )
    return f"up to pass {deepest}"


@only(fed_by(Corrected), "regimes that correct states")
def law_a_corrected_state_has_a_share_less_of_the_error(regime: Regime) -> str:
    """By a loop with a pseudo-inverse: what enters the next step is the nearest state with c of the error gone.

    Nothing is changed in the warm-up, what is charged was said before the change, and no gradient runs through it. Of every
    model that is `correctable`, by value and gradient.

    Cure: add `c * (y - o) @ pinv(V)` to what the output map reads, detached, after the output and before the next step.
    """
    strength, tried = given_by(regime, Corrected).regime.strength, []
    models: Mapping[str, type[Model]] = registry.builtin_parts("model")
    for name, cls in models.items():
        if not cls.correctable:
            continue
        chosen = replace(next(experiments(regime)), model=small(cls, hidden=7, layers=2), dtype="float64")
        task, seed, steps, warmup = chosen.task, chosen.seed, chosen.task.length, chosen.span[0]
        group = Group([chosen], {seed: task.build(seed, max(steps, sum(chosen.span)))})
        weights = group.parameters.named(differentiable=True)
        lesson = Lessons(group).give(0, weights, {})
        truth, fed = group.encoded(lesson.sequences)
        state, outputs, v = group.model.start(1, fed.shape[1], fed), [], weights["output.weight"].detach()
        for t in range(steps):
            out, state = group.model.step(weights, fed, state)
            out = out if group.residual is None else fed + group.residual * out
            outputs.append(out)
            fed = truth[t] if t < warmup else group.feedback(out, None)
            if t >= warmup:
                error = strength * (lesson.sequences.targets[t] - out.detach())
                change = error / (1.0 if group.residual is None else group.residual) @ torch.linalg.pinv(v)
                state = group.model.corrected(state, change)
        off = gap(lesson.outputs, torch.stack(outputs))
        demand(off < 100 * CLOSE, f"{name}: the outputs are {off:.1e} off those by hand")
        slopes = [gradients((group.objective(o, lesson.sequences.targets) * lesson.shares).sum(), list(weights.values()))
                  for o in (lesson.outputs, torch.stack(outputs))]  # fmt: skip
        for key, a, b in zip(weights, *slopes, strict=True):
            demand(gap(a, b) < 100 * CLOSE, f"{name}: the gradient of {key} is {gap(a, b):.1e} off that by hand")
        tried.append(name)
    return f"of {', '.join(tried)}"


@only(fed_by(Adaptive), "regimes that are measured")
def law_a_measured_share_follows_the_growth(regime: Regime) -> None:
    """It stays in [0, 1], jumps to 1 if errors grow without bound, and comes to 1 - 1/g, where no gradient can explode.

    Cure: return 1 - 1/g for a growth g > 1 of errors a step, 0 for less, 1 where g is not finite.
    """
    adapted = given_by(regime, Adaptive).regime.adapted
    for share in (0.0, 0.3, 1.0):
        for growth in (0.0, 0.5, 1.0, 2.0, 1e9, math.inf, math.nan):
            adapted_share = adapted(share, growth)
            demand(0 <= adapted_share <= 1, f"a share of {share} becomes {adapted_share} at a growth of {growth}")
            if not math.isfinite(growth):
                demand(adapted_share == 1, f"a share of {share} becomes {adapted_share} although errors grow by {growth}")
            elif growth > 1:
                stretched = (1 - adapted_share) * growth
                demand(
                    stretched <= 1 + CLOSE,
                    f"at a growth of {growth} a share of {adapted_share:.3g} lets errors grow by {stretched:.3g}",
                )
    for growth in (0.5, 1.0, 1.25, 4.0):
        share, wanted = 1.0, max(0.0, 1 - 1 / growth)
        for _ in range(100_000):
            share = adapted(share, growth)
        demand(abs(share - wanted) < 1e-6, f"the share comes to {share:.4f} at a growth of {growth}, not to {wanted:.4f}")


@only(fed_by(Blurred), "regimes that blur the truth")
def law_a_blurred_truth_is_near_the_truth(regime: Regime) -> None:
    """Each entry by its own draws alone, nothing in place; values are off by 0 on average, symbols stay symbols.

    Cure: blur each entry with its own draw, of mean 0 for values; return a new tensor.
    """
    blur = given_by(regime, Blurred).regime.blur
    for count in (1, 40_000):
        values, drawn = noise(1, count, 2), noise(1, count, 2, seed=1)
        kept = values.clone(), drawn.clone()
        seen = blur(values, drawn, False)
        demand(seen.shape == values.shape, f"{tuple(values.shape)} values become {tuple(seen.shape)}")
        demand(same_bits(values, kept[0]) and same_bits(drawn, kept[1]), "truth or draws were changed in place")
        demand(not torch.equal(seen, values), "the truth is not blurred")
        symbols, chance = (
            one_hot(torch.arange(count)[None] % K, torch.zeros(1, count, K).double()),
            uniforms(1, count, 2).double(),
        )
        spoken = blur(symbols, chance, True)
        demand(
            bool(((spoken >= 0).all()) and gap(spoken.sum(-1), torch.ones(1, count).double()) < CLOSE), "no distribution is fed"
        )
        for whole, alone in (
            (seen, blur(values[:, :1], drawn[:, :1], False)),
            (spoken, blur(symbols[:, :1], chance[:, :1], True)),
        ):
            demand(same_bits(alone[0, 0], whole[0, 0]), "an entry is blurred by more than its own draws")
    error = seen - values
    spread = float(error.std())
    demand(
        abs(float(error.mean())) < 5 * spread / math.sqrt(error.numel()), f"values are {float(error.mean()):.3f} off on average"
    )
