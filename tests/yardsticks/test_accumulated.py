"""Yardstick of accumulated error: the written-down sums (Arora et al. 2022; He et al. 2021)."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from freerun.measurement.accumulated_error import all_prefixes, divergences, over_all_prefixes
from freerun.measurement.accumulated_error_estimate import estimated, student
from freerun.parts.tasks import Truth
from laws.broken import accumulated as broken
from yardsticks.chains import chains

P = np.array([[0.9, 0.09, 0.01], [0.45, 0.5, 0.05], [1 / 3, 1 / 3, 1 / 3]])
Q = np.array([[0.88, 0.09, 0.03], [0.43, 0.5, 0.07], [0.05, 0.05, 0.90]])
#: length: AccErr, %ExAccErr, EB-C (TV), EB-C (JS), as printed.
PRINTED = {
    1: ("1.000000", "0.0000", "1.000000", "1.000000"),
    2: ("3.358513", "67.9257", "1.429319", "1.839735"),
    5: ("14.332874", "186.6575", "2.499530", "3.483536"),
    10: ("42.725896", "327.2590", "3.772777", "5.513349"),
}
STEPS = 5


def _random(seed, size=3, zeros=0.0, q_zeros=0.0):
    """Two chains; of P and of Q some transitions are impossible, those that P knows stay possible under Q."""
    chance = np.random.default_rng(seed)
    p, q = chance.dirichlet(np.ones(size), (2, size))
    p = np.where((chance.random((size, size)) < zeros) & ~np.eye(size, dtype=bool), 0, p)
    q = np.where((chance.random((size, size)) < q_zeros) & (p == 0), 0, q)
    return p / p.sum(1, keepdims=True), q / q.sum(1, keepdims=True)


def _brute_force(p, q, start, steps):
    """Sums over strings, one by one, in plain numbers; a string whose probability under P is 0 is outside the support."""
    size = len(p)
    totals = {name: np.zeros((2, steps)) for name in ("kl", "reverse", "tv", "js")}
    mass, left, whole = np.zeros(steps), np.zeros(steps), np.zeros((2, steps))

    def relative(a, b):
        return sum(x * (math.log(x / y) if y else math.inf) for x, y in zip(a, b, strict=True) if x)

    for length in range(steps):
        for string in itertools.product(range(size), repeat=length):
            symbols = (start, *string)
            weight = [math.prod(m[a, b] for a, b in itertools.pairwise(symbols)) for m in (q, p)]
            if weight[1] == 0:
                continue
            a, b = p[symbols[-1]], q[symbols[-1]]
            middle = (a + b) / 2
            values = {
                "kl": relative(a, b), "reverse": relative(b, a), "tv": np.abs(a - b).sum() / 2,
                "js": relative(a, middle) / 2 + relative(b, middle) / 2,
            }  # fmt: skip
            mass[length] += weight[0]
            for name, value in values.items():
                for side in (0, 1):
                    if weight[side]:
                        totals[name][side, length] += weight[side] * value
        for string in itertools.product(range(size), repeat=length + 1):
            joint = [math.prod(m[a, b] for a, b in itertools.pairwise((start, *string))) for m in (p, q)]
            left[length] += joint[1] if joint[0] == 0 else 0
            whole[0, length] += relative(joint[:1], joint[1:])
            whole[1, length] += relative(joint[1:], joint[:1])
    lengths = np.arange(1, steps + 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        free, forced = totals["kl"][0] / mass, totals["kl"][1]
        ratio = free.cumsum() / forced.cumsum()
        ratios = {f"eb_c_{name}": totals[name][0] / mass / totals[name][1] for name in ("tv", "js")}
    return {
        "acc_err": lengths * ratio, "ex_acc_err": 100 * (ratio - 1), **ratios, "sequence_kl": whole[0] / lengths,
        "sequence_kl_reverse": whole[1] / lengths, "left": left,
    }  # fmt: skip


PAIRS = {
    "printed": (P, Q),
    **{f"dense {seed}": _random(seed) for seed in range(4)},
    **{f"leaving {seed}": _random(seed, 4, zeros=0.4) for seed in range(4)},
    "leaving at times": _random(9, 4, zeros=0.4, q_zeros=0.7),
}


def _close(found, wanted):
    for name, value in wanted.items():
        a, b = np.asarray(found[name]), np.asarray(value)
        with np.errstate(invalid="ignore"):  # infinite on both sides
            same = (a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= 1e-9 * np.maximum(1, np.abs(b)))
        assert same.all(), f"{name}: {a} and not {b}"


def law_agrees_with_brute_force(evaluator):
    """All sums over all strings, to the 1e-9 at which the printed values were checked."""
    for p, q in PAIRS.values():
        for start in range(len(p)):
            _close(evaluator(torch.from_numpy(p), torch.from_numpy(q), start, STEPS), _brute_force(p, q, start, STEPS))


def law_nothing_over_nothing_is_undefined(evaluator):
    found = evaluator(torch.from_numpy(P), torch.from_numpy(P), 0, STEPS)
    for name in ("acc_err", "ex_acc_err", "eb_c_tv", "eb_c_js"):
        assert found[name].isnan().all(), f"{name} of a perfect model is {found[name]}"
    assert not found["sequence_kl"].any()
    assert not found["left"].any()


def law_gives_the_printed_digits(evaluator):
    found = evaluator(torch.from_numpy(P), torch.from_numpy(Q), 0, 10)
    for length, digits in PRINTED.items():
        for name, printed in zip(("acc_err", "ex_acc_err", "eb_c_tv", "eb_c_js"), digits, strict=True):
            places = len(printed.split(".")[1])
            assert f"{float(found[name][length - 1]):.{places}f}" == printed, f"{name} at {length}"


LAWS = [law_agrees_with_brute_force, law_nothing_over_nothing_is_undefined, law_gives_the_printed_digits]
CAUGHT = [
    (law_gives_the_printed_digits, broken.counts_the_start),
    (law_agrees_with_brute_force, broken.counts_the_start),
    (law_nothing_over_nothing_is_undefined, broken.nothing_is_zero),
    (law_agrees_with_brute_force, broken.mean_of_ratios),
    (law_gives_the_printed_digits, broken.mean_of_ratios),
    (law_agrees_with_brute_force, broken.averages_off_support),
]


def _truth(p, prefix, start):
    """The oracle of a chain: what it says outside the support is nonsense, as it may be."""
    before = torch.cat([torch.full_like(prefix[:1], start), prefix])
    log_p = torch.from_numpy(p).log()
    steps = log_p[before[:-1], before[1:]]
    inside = torch.cat([torch.ones_like(prefix[:1]).bool(), (steps > -torch.inf).cumprod(0)[:-1].bool()])
    return Truth(log_probs=log_p[before[:-1]], inside=inside, ended=torch.zeros_like(inside))


def _model(q, prefix, start):
    before = torch.cat([torch.full_like(prefix[:1], start), prefix[:-1]])
    return torch.from_numpy(q).log()[before]


def by_enumeration(p, q, start, steps):
    """The evaluator of any oracle and any model, given two chains that it knows nothing of."""
    prefix = all_prefixes(torch.zeros(0, 1, dtype=torch.int64), len(p), steps)
    found = over_all_prefixes(prefix, _truth(p.numpy(), prefix, start), _model(q.numpy(), prefix, start), steps=steps)
    return {
        "acc_err": found.acc_err(), "ex_acc_err": found.ex_acc_err(), "eb_c_tv": found.eb_c("tv"), "eb_c_js": found.eb_c("js"),
        "sequence_kl": found.sequence_kl(), "sequence_kl_reverse": found.sequence_kl_reverse(), "left": found.left,
    }  # fmt: skip


@pytest.mark.parametrize("law", LAWS, ids=lambda x: x.__name__)
@pytest.mark.parametrize("evaluator", [broken.genuine, by_enumeration], ids=lambda x: x.__name__)
def test_law(law, evaluator):
    law(evaluator)


@pytest.mark.parametrize(("law", "evaluator"), CAUGHT, ids=lambda x: x.__name__)
def test_law_catches(law, evaluator):
    with pytest.raises(AssertionError):
        law(evaluator)


def test_every_law_has_been_seen_to_fail():
    assert set(LAWS) == {law for law, _ in CAUGHT}


def test_a_shared_prompt_enters_no_sum():
    prompts = torch.tensor([[2, 0, 0], [1, 1, 0]])  # the chain forgets all but the last symbol: two end in 1, and one in 0
    prefix = all_prefixes(prompts[:, :2], 3, 4)
    found = over_all_prefixes(prefix, _truth(P, prefix, 0), _model(Q, prefix, 0), steps=4)
    assert torch.allclose(found.acc_err(), chains(torch.from_numpy(P), torch.from_numpy(Q), 1, 4).acc_err(), rtol=1e-12)
    prefix, shares = all_prefixes(prompts[:, 1:], 3, 4), torch.tensor([3.0, 1.0])
    found = over_all_prefixes(prefix, _truth(P, prefix, 0), _model(Q, prefix, 0), steps=4, shares=shares)
    mixed = chains(torch.from_numpy(P), torch.from_numpy(Q), torch.tensor([0.25, 0.75, 0]), 4)
    for a, b in ((found.acc_err(), mixed.acc_err()), (found.eb_c("js"), mixed.eb_c("js")), (found.left, mixed.left)):
        assert torch.allclose(a, b, rtol=1e-12)


def test_a_sequence_that_is_over_adds_nothing():
    """Symbol 2 ends a string: the same as a chain that stays there for ever, whose model knows it."""
    p = np.array([[0.5, 0.3, 0.2], [0.2, 0.4, 0.4], [0, 0, 1]])
    q = np.array([[0.4, 0.3, 0.3], [0.3, 0.4, 0.3], [0, 0, 1]])
    prefix = all_prefixes(torch.zeros(0, 1, dtype=torch.int64), 3, STEPS)
    over = torch.cat([torch.zeros_like(prefix[:1]), (prefix == 2).long().cummax(0).values[:-1]]).bool()
    truth = _truth(p, prefix, 0)
    truth = Truth(log_probs=truth.log_probs, inside=torch.ones_like(over), ended=over)
    log_q = torch.where(over[..., None], torch.nan, _model(q, prefix, 0))
    found = over_all_prefixes(prefix, truth, log_q, steps=STEPS)
    wanted = chains(torch.from_numpy(p), torch.from_numpy(q), 0, STEPS)
    for name in ("acc_err", "sequence_kl", "sequence_kl_reverse"):
        assert torch.allclose(getattr(found, name)(), getattr(wanted, name)(), rtol=1e-12), name
    assert torch.allclose(found.eb_c("tv"), wanted.eb_c("tv"), rtol=1e-12)


def test_a_greedy_model_is_where_it_puts_itself():
    """Spoken greedily from state 0, the printed model only ever says 0: R is l times the divergence there."""
    prefix = all_prefixes(torch.zeros(0, 1, dtype=torch.int64), 3, 4)
    log_q = _model(Q, prefix, 0)
    spoken = torch.nn.functional.one_hot(log_q.argmax(-1), 3).double().log()
    found = over_all_prefixes(prefix, _truth(P, prefix, 0), log_q, steps=4, spoken=spoken)
    each = divergences(torch.from_numpy(P[0]).log(), torch.from_numpy(Q[0]).log())[0]
    assert found.free[0].tolist() == pytest.approx([float(each)] * 4)


def test_students_t():
    from scipy.stats import t

    for freedom in (2, 3, 5, 30, 127):
        assert student(freedom) == pytest.approx(t.ppf(0.975, freedom), rel=2e-3)  # the next term of the expansion at 3


def _draw(matrix, count, steps, chance):
    state, said = np.zeros(count, dtype=np.int64), []
    for _ in range(steps):
        state = (matrix.cumsum(1)[state, :-1] < chance.random(count)[:, None]).sum(1)
        said.append(state)
    return torch.from_numpy(np.stack(said))


#: Of 200 intervals that hold the truth with probability 0.95 each, 180 to 198 do, but for 1 in 1,000 (binomial).
HITS = range(180, 199)


def estimate(p, q, count, chance):
    free, forced = _draw(q, count, 10, chance), _draw(p, count, 10, chance)
    said, true = _truth(p, free, 0), _truth(p, forced, 0)
    log_q = _model(q, free, 0)
    return estimated(
        (said, divergences(said.log_probs, log_q)), (true, divergences(true.log_probs, _model(q, forced, 0))), log_q
    )


@pytest.mark.parametrize(("p", "q", "count"), [(P, Q, 1024), (*_random(2, 4), 128)], ids=["printed", "drawn"])
def test_the_estimate_covers_the_exact_value_at_its_nominal_rate(p, q, count):
    exact = chains(torch.from_numpy(p), torch.from_numpy(q), 0, 10)
    hits = np.zeros((5, 10), dtype=int)
    for repetition in range(200):
        found = estimate(p, q, count, np.random.default_rng(repetition))
        pairs = [
            (found.acc_err(), exact.acc_err(), found.ratio_factor("kl", summed=True)),
            (found.eb_c("tv"), exact.eb_c("tv"), found.ratio_factor("tv", summed=False)),
            (found.eb_c("js"), exact.eb_c("js"), found.ratio_factor("js", summed=False)),
            (found.sequence_kl(), exact.sequence_kl(), found.sequence_factor(reverse=False)),
            (found.sequence_kl_reverse(), exact.sequence_kl_reverse(), found.sequence_factor(reverse=True)),
        ]
        for row, (value, truth, factor) in enumerate(pairs):
            hits[row] += ((value / factor <= truth * (1 + 1e-12)) & (truth <= value * factor * (1 + 1e-12))).numpy()
    assert (hits[:, 0] == 200).all()  # the first step is the same in both: nothing is estimated
    for name, row in zip(("acc_err", "eb_c_tv", "eb_c_js", "sequence_kl", "sequence_kl_reverse"), hits, strict=True):
        for length in (2, 5, 10):
            assert int(row[length - 1]) in HITS, f"{name} at {length}: {row[length - 1]} of 200"


def test_an_interval_without_its_root_misses():
    """The law of coverage can fail: an interval as wide as the spread of single sequences, or narrower than the error."""
    p, q = _random(2, 4)
    exact = float(chains(torch.from_numpy(p), torch.from_numpy(q), 0, 10).acc_err()[9])
    hits = [0, 0]
    for repetition in range(200):
        found = estimate(p, q, 128, np.random.default_rng(repetition))
        value, factor = float(found.acc_err()[9]), float(found.ratio_factor("kl", summed=True)[9])
        for k, power in enumerate((math.sqrt(128), 0.5)):
            hits[k] += value / factor**power <= exact <= value * factor**power
    assert hits[0] not in HITS
    assert hits[1] not in HITS


def test_two_sequences_have_no_interval():
    found = estimate(P, Q, 2, np.random.default_rng(0))
    assert found.ratio_factor("kl", summed=True).isnan().all()


@pytest.mark.parametrize(
    ("p", "q", "start", "steps", "message"),
    [
        (P, Q, 3, 3, "start"),
    ],
)  # fmt: skip
def test_what_is_no_chain_is_refused(p, q, start, steps, message):
    with pytest.raises(ValueError, match=message):
        chains(torch.from_numpy(p), torch.from_numpy(q), start, steps)
