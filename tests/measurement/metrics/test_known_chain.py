"""Evaluation of a known chain: accumulated error and recovery in closed form."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch

from freerun.analysis.inference.recovery_trend import verdict
from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import Experiment
from freerun.engine.replicas import Group
from freerun.measurement.accumulated_error import divergences
from freerun.measurement.evaluation import evaluate
from freerun.parts import registry
from freerun.parts.feedback.argmax import Argmax
from freerun.parts.models.linear import Linear
from freerun.parts.tasks.markov import Markov
from yardsticks.chains import chains

P = np.array([[0.9, 0.09, 0.01], [0.45, 0.5, 0.05], [1 / 3, 1 / 3, 1 / 3]])
Q = np.array([[0.88, 0.09, 0.03], [0.43, 0.5, 0.07], [0.05, 0.05, 0.90]])
GOLDEN, LEAKY = np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([[0.6, 0.4], [0.9, 0.1]])  # P: no two 1s in a row
RATIOS = ("acc_err", "ex_acc_err", "eb_c_tv", "eb_c_js")
#: What is measured here; the rest of the evaluation would only take time.
MINE = {*RATIOS, "sequence_kl", "sequence_kl_reverse", "left_support", "recovery", "recovery_change", "tv", "js", "off_support"}
SIGNS = registry.get("metric", "recovery_change")().quantity.signs


def measured(p, q, length, warmup=0, sequences=128, seeds=(0,), start=0, feedback=None, dtype="float64", metrics=MINE):
    """The comparisons of the test split and the series, by name, for a model that is the chain q exactly."""
    task = Markov(matrix=p.tolist(), start=start, sequences=2 * sequences, length=length)
    evaluation = Evaluation(warmup=warmup, horizon=length - warmup, sequences=sequences, metrics=sorted(metrics))
    model = Linear(bias=False)
    experiments = [
        Experiment(task=task, model=model, feedback=feedback, evaluation=evaluation, seed=s, dtype=dtype) for s in seeds
    ]
    group = Group(experiments, {seed: task.build(seed, length) for seed in seeds})
    logits = torch.from_numpy(q).log().clamp(min=-1e4).to(group.dtype)
    group.parameters.flat = logits.reshape(1, -1).repeat(len(seeds), 1)
    found = evaluate(group)
    json.dumps([[asdict(each) for each in (*run.series, *run.comparisons)] for run in found], allow_nan=False)
    compared = [{each.metric: each for each in run.comparisons if each.split == "test"} for run in found]
    series = [{(each.mode, each.metric): each.values for each in run.series if each.split == "test"} for run in found]
    return (compared, series) if len(seeds) > 1 else (compared[0], series[0])


def exact(p, q, start, steps):
    found = chains(torch.from_numpy(p), torch.from_numpy(q), start, steps)
    return {
        "acc_err": found.acc_err(), "ex_acc_err": found.ex_acc_err(), "eb_c_tv": found.eb_c("tv"), "eb_c_js": found.eb_c("js"),
        "sequence_kl": found.sequence_kl(), "sequence_kl_reverse": found.sequence_kl_reverse(), "left_support": found.left,
    }  # fmt: skip


@pytest.mark.parametrize(("p", "q"), [(P, Q), (GOLDEN, LEAKY)], ids=["printed", "leaving"])
def test_enumerated_it_is_exact(p, q):
    compared, _ = measured(p, q, 7)
    for name, wanted in exact(p, q, 0, 7).items():
        found, values = compared[name], [v if np.isfinite(v) else None for v in wanted.tolist()]
        assert found.low is None, f"{name} is no estimate"
        assert found.high is None
        assert found.first == 1
        assert [v is None for v in found.values] == [v is None for v in values], name
        defined = [(a, b) for a, b in zip(found.values, values, strict=True) if b is not None]
        assert all(a == pytest.approx(b, rel=1e-9, abs=1e-12) for a, b in defined), name


def test_float32_weights_give_the_same_to_their_own_rounding():
    compared, _ = measured(P, Q, 7, dtype="float32")
    for name, wanted in exact(P, Q, 0, 7).items():
        assert compared[name].values == pytest.approx(wanted.tolist(), rel=1e-4, abs=1e-6), name  # logits are off by 1e-7


def test_the_warmup_is_a_prompt_and_in_no_sum():
    compared, _ = measured(P, Q, 8, warmup=3, sequences=40)
    task = Markov(matrix=P.tolist(), start=0, sequences=80, length=8)
    last = task.build(0, 8).splits["test"].targets[2]
    wanted = exact(P, Q, torch.bincount(last, minlength=3).double() / len(last), 5)
    for name, values in wanted.items():
        assert compared[name].values == pytest.approx(values.tolist(), rel=1e-9), name


@pytest.mark.parametrize("length", [6, 14], ids=["enumerated", "estimated"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_perfect_model_is_undefined_and_not_0(length, dtype):
    compared, series = measured(P, P, length, dtype=dtype)
    for name in RATIOS:
        assert compared[name].values == [None] * length, f"{name} of a perfect model is {compared[name].values}"
    assert max(compared["sequence_kl"].values) < 1e-12
    for metric in ("tv", "js"):
        assert max(v for mode in ("forced", "free") for v in series[mode, metric]) < 1e-6
    assert compared["left_support"].values == [0.0] * length


#: Of 200 intervals that hold the truth with probability 0.95 each, 180 to 198 do, but for 1 in 1,000 (binomial).
HITS = range(180, 199)


def test_the_estimates_of_runs_cover_the_exact_values_at_their_nominal_rate():
    length, q = 14, np.array([[0.6, 0.3, 0.1], [0.2, 0.3, 0.5], [0.4, 0.1, 0.5]])
    p = np.array([[0.5, 0.3, 0.2], [0.3, 0.4, 0.3], [0.2, 0.2, 0.6]])
    wanted, hits, estimates = exact(p, q, 0, length), {}, (*RATIOS, "sequence_kl", "sequence_kl_reverse")
    for first in range(0, 200, 40):
        compared, _ = measured(p, q, length, seeds=tuple(range(first, first + 40)), metrics=estimates)
        for run in compared:
            for name in estimates:
                low, high = run[name].low[-1], run[name].high[-1]
                assert low < run[name].values[-1] < high
                hits[name] = hits.get(name, 0) + (low <= float(wanted[name][-1]) <= high)
    assert all(count in HITS for count in hits.values()), hits


def test_the_share_that_left_is_estimated_and_leaves_are_not_averaged_in():
    length = 16
    compared, series = measured(GOLDEN, LEAKY, length, sequences=2000)
    wanted = exact(GOLDEN, LEAKY, 0, length)
    left = compared["left_support"]
    for low, value, high in zip(left.low, wanted["left_support"].tolist(), left.high, strict=True):
        assert low - 0.02 <= value <= high + 0.02  # twice the interval's own half width at 2,000 sequences
    assert compared["acc_err"].values == pytest.approx(wanted["acc_err"].tolist(), rel=0.05)
    # What `off_support` counts before a step is what `left_support` expects after the step before.
    assert series["free", "off_support"][1:] == pytest.approx(left.values[:-1], abs=0.04)


def test_total_variation_and_jensen_shannon_are_the_textbooks():
    _, series = measured(P, Q, 14, sequences=1000)
    tv, js = divergences(torch.from_numpy(P).log(), torch.from_numpy(Q).log())[2:].numpy()
    for mode, matrix in (("forced", P), ("free", Q)):
        for step in (0, 1, 4):
            at = np.linalg.matrix_power(matrix, step)[0]
            spread = 4 * np.sqrt(max((at * tv**2).sum() - (at @ tv) ** 2, 0) / 1000) + 1e-12  # four standard errors
            assert series[mode, "tv"][step] == pytest.approx(at @ tv, abs=spread)
            spread = 4 * np.sqrt(max((at * js**2).sum() - (at @ js) ** 2, 0) / 1000) + 1e-12
            assert series[mode, "js"][step] == pytest.approx(at @ js, abs=spread)


def chances(matrix, steps):
    """The probability of every string of so many symbols after a 0."""
    found = np.ones((1, 1))
    last = np.zeros(1, dtype=int)
    for _ in range(steps):
        found = (found.reshape(-1, 1) * matrix[last]).reshape(-1, 1)
        last = np.tile(np.arange(len(matrix)), len(last))
    return found.ravel()


@pytest.mark.parametrize(("p", "q"), [(P, Q), (GOLDEN, LEAKY)], ids=["printed", "leaving"])
def test_continuation_error_is_that_of_all_strings(p, q):
    compared, _ = measured(p, q, 9, sequences=4000, metrics={"continuation_error", "continuation_error_by_length"})
    curve = compared["continuation_error_by_length"]
    wanted = [np.abs(chances(p, h) - chances(q, h)).sum() / 2 for h in range(1, 10)]
    for low, value, high, exact_value in zip(curve.low, curve.values, curve.high, wanted, strict=True):
        assert abs(value - exact_value) <= high - low + 1e-9  # four standard errors
        assert high - low < 0.03
    assert compared["continuation_error"].values == [curve.values[7]]


@pytest.mark.parametrize(("p", "q"), [(P, Q), (GOLDEN, LEAKY)], ids=["printed", "leaving"])
def test_one_step_error_counts_1_outside_the_support(p, q):
    names = ("one_step_error_true", "one_step_error_own", "one_step_error")
    length = 12
    compared, _ = measured(p, q, length, sequences=4000, metrics=set(names))
    tv, inside = np.abs(p - q).sum(1) / 2, q * (p > 0)
    true = np.mean([np.linalg.matrix_power(p, t)[0] @ tv for t in range(length)])
    at = [np.linalg.matrix_power(inside, t)[0] for t in range(length)]
    own = np.mean([here @ tv + 1 - here.sum() for here in at])
    for name, wanted in zip(names, (true, own, max(true, own)), strict=True):
        found = compared[name]
        assert abs(found.values[0] - wanted) <= found.high[0] - found.low[0] + 1e-12, name
        assert found.high[0] - found.low[0] < 0.05


def test_greedy_models_are_where_they_put_themselves():
    compared, _ = measured(P, Q, 6, feedback=Argmax())
    kl = divergences(torch.from_numpy(P).log(), torch.from_numpy(Q).log())[0]
    level = chains(torch.from_numpy(P), torch.from_numpy(Q), 0, 6).sequence_kl() * torch.arange(1, 7)
    lengths = torch.arange(1, 7)
    assert compared["acc_err"].values == pytest.approx((lengths * lengths * kl[0] / level).tolist(), rel=1e-9)


def expected_excess(p, q, spoiled, steps):
    """(start Q^s - start P^s) P^k kl: after the spoiled symbols the truth speaks."""
    kl = divergences(torch.from_numpy(p).log(), torch.from_numpy(q).log())[0].numpy()
    off = (np.linalg.matrix_power(q, spoiled) - np.linalg.matrix_power(p, spoiled))[0]
    return [float(off @ np.linalg.matrix_power(p, k) @ kl) for k in range(steps)]


def test_a_mixing_source_forgets_what_spoiled_it():
    compared, _ = measured(P, Q, 13, sequences=4000)
    found = compared["recovery"]
    assert found.values[:3] == [None] * 3
    wanted = expected_excess(P, Q, 3, 10)
    assert wanted[0] > 4 * wanted[3] > 0
    known = [each for each in zip(found.low[3:], wanted, found.high[3:], strict=True) if each[0] is not None]
    assert len(known) >= 3
    # What one sequence more or less in the worst state changes: at late steps the spoiled have met their controls.
    rare = 1.7 / 4000
    assert wanted[0] > 20 * rare
    for low, value, high in known:
        assert abs((low + high) / 2 - value) <= high - low + rare  # four standard errors
    change = compared["recovery_change"]
    assert verdict(change.low[0], change.high[0], SIGNS) == "self-recovery"


def test_an_error_that_leads_to_the_next_is_incremental():
    """Symbol 0 leads on to 2, where this model is worst, and never back: from a spoiled start more get there."""
    p = np.array([[0.95, 0.05, 0, 0], [0, 0.7, 0.3, 0], [0, 0, 0.85, 0.15], [0, 0, 0, 1.0]])
    q = np.array([[0.55, 0.45, 0, 0], [0, 0.7, 0.3, 0], [0, 0, 0.85, 0.15], [0.3, 0.3, 0.39, 0.01]])
    compared, _ = measured(p, q, 13, sequences=4000)
    wanted = expected_excess(np.maximum(p, 1e-300), np.maximum(q, 1e-300), 3, 10)
    assert wanted[-1] > wanted[0]
    change = compared["recovery_change"]
    assert verdict(change.low[0], change.high[0], SIGNS) == "incremental distortion"


def test_a_perfect_model_has_nothing_to_recover_from():
    compared, _ = measured(P, P, 13)
    assert max(abs(v) for v in compared["recovery"].values[3:]) < 1e-12
    assert compared["recovery"].low == [None] * 13


def test_what_has_left_the_support_cannot_recover_and_is_left_out():
    compared, _ = measured(GOLDEN, LEAKY, 13, sequences=4000)
    inside = LEAKY * (GOLDEN > 0)
    kl = divergences(torch.from_numpy(GOLDEN).log(), torch.from_numpy(LEAKY).log())[0].numpy()
    own, true = np.linalg.matrix_power(inside, 3)[0], np.linalg.matrix_power(GOLDEN, 3)[0]
    wanted = [(own / own.sum() - true) @ np.linalg.matrix_power(GOLDEN, k) @ kl for k in range(10)]
    found = compared["recovery"]
    for low, value, high in zip(found.low[3:], wanted, found.high[3:], strict=True):
        if low is not None:
            assert abs((low + high) / 2 - value) <= high - low


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-2.0, -1.0, "self-recovery"), (1.0, 2.0, "incremental distortion"), (-1.0, 1.0, "undecided"), (None, 1.0, "undefined"),
        (float("nan"), 1.0, "undefined"), (0.0, 0.0, "undecided"),
    ],
)  # fmt: skip
def test_verdict(low, high, said):
    assert verdict(low, high, SIGNS) == said
