"""Pitfalls found in published code: each fault, with the law that sees it and a part that has it.

A pair is a law and a broken part; the law must fail on it. What a law is, and that it holds for what is built in, is said where
it stands; here it is seen to fail, fault by fault.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import pytest
import torch

from analysis.inference import test_simulation
from analysis.tables.test_gap import rows
from freerun.analysis.inference import confidence_intervals
from freerun.analysis.inference.confidence_intervals import counts
from freerun.analysis.tables import gap
from freerun.analysis.tables.quantities import Quantities, of_frames
from freerun.errors import ConfigError
from freerun.execution import group_measurement, group_runner
from freerun.execution.planned_run import plan
from freerun.laws import backward, feedback, metrics, models, regimes, rollouts, tasks
from freerun.laws import methods as methods_of
from freerun.laws.toolkit import small
from freerun.measurement.metrics import Metric, Quantity
from freerun.measurement.players import _stand_in
from freerun.parts import registry, settings
from freerun.parts.models.gru import GRU
from freerun.parts.regimes.scheduled_sampling import ScheduledSampling
from freerun.parts.tasks.lorenz63 import Lorenz63
from laws import runs, test_feedback, test_metrics, test_rollout, test_runs, test_tasks
from laws.broken import feedback as bad_rules
from laws.broken import methods as bad_methods
from laws.broken import metrics as bad_metrics
from laws.broken import models as bad_models
from laws.broken import pitfalls as bad
from laws.broken import regimes as bad_regimes
from laws.broken import rollouts as bad_loops
from laws.broken import runs as bad_runs
from laws.broken import tasks as bad_tasks
from tiers import tiered

ENGINE = runs.Engine()

# --- laws of whole programs that stand nowhere else ---


@contextmanager
def watched():
    """Everything that the evaluation of a model shows to a metric, while it is open; not what it shows of players."""
    seen = []

    class Watches(Metric):
        quantity = Quantity(label="What was shown", unit="nothing", better="neither")

        def applies(self, observed):
            if not any(observed.experiment is of_players for of_players in _stand_in._made.values()):
                seen.append(observed)
            return False

        def measure(self, observed):
            return torch.zeros(1)

    with mock.patch.dict(registry.plugin_parts["metric"], {"watches": Watches}):
        yield seen


@contextmanager
def _spoiled(split: str, first: int):
    """Worlds in which one split goes on otherwise from a step on."""

    genuine = group_measurement.worlds

    def spoiled(experiments, length):
        return {seed: spoil(experiments[0].task, data) for seed, data in genuine(experiments, length).items()}

    def spoil(task, data):
        part = data.splits[split]
        targets = part.targets.clone()
        targets[first:] = (targets[first:] + 1) % data.outputs if task.symbols else targets[first:] + 0.5
        return replace(data, splits={**data.splits, split: replace(part, targets=targets)})

    with mock.patch.object(group_measurement, "worlds", spoiled), mock.patch.object(group_runner, "worlds", spoiled):
        yield


def law_the_free_evaluation_never_sees_the_truth(engine) -> None:
    """Another truth after the warm-up leaves every prediction of the free mode as it is, and moves those of the forced mode."""
    for world in ("symbols", "values"):
        found = []
        for spoils in (False, True):
            with watched() as seen, _spoiled("test", 3) if spoils else nullcontext():
                engine(runs.planned(world, "evaluation.warmup=3 evaluation.horizon=7 training.updates=1"))
            found.append([each.outputs for each in seen if each.split == "test"])
        (forced, free), (other, again) = ([each[0], each[1]] for each in found)
        assert torch.equal(free, again), f"{world}: what comes after the release is read in the free mode"
        assert not torch.equal(forced, other), "nothing was spoiled"


def law_both_modes_see_the_same_sequences(engine) -> None:
    with watched() as seen:
        engine(runs.planned("symbols", "training.updates=1"))
    for split in ("train", "test"):
        forced, free = [each for each in seen if each.split == split][:2]
        assert torch.equal(forced.targets, free.targets), f"{split}: the modes are measured on other sequences"
        assert torch.equal(forced.weights, free.weights)
        assert forced.warmup == free.warmup


def law_training_never_sees_the_test_split(engine) -> None:
    """Another test split leaves weights and training curves as they are, to the bit."""
    planned = runs.planned("symbols", "regime=scheduled_sampling")
    (plain,) = engine(planned)
    with _spoiled("test", 0):
        (other,) = engine(planned)
    for name, value in plain.weights.items():
        assert value.tobytes() == other.weights[name].tobytes(), f"{name} depends on the test split"
    assert plain.record["curves"] == other.record["curves"], "the training curves depend on the test split"
    assert plain.record["series"] != other.record["series"], "nothing was spoiled"


def law_the_last_weights_are_kept(engine) -> None:
    """Nothing is selected: how often one looks, and what is seen there, changes neither weights nor learning rate."""
    common = "regime=scheduled_sampling training.updates=8 training.lr=0.3"
    often, seldom = engine(runs.planned("symbols", f"{common} training.log_every=1", f"{common} training.log_every=50"))
    for name, value in often.weights.items():
        assert value.tobytes() == seldom.weights[name].tobytes(), f"{name} depends on what was seen at the validation"


def law_the_record_names_its_data(engine) -> None:
    for run, result in zip(planned := runs.planned("symbols", "seed=0,1 training.updates=0"), engine(planned), strict=True):
        wanted = run.experiment.task.build(run.experiment.seed, run.experiment.task.length).fingerprint
        assert result.record["provenance"]["data"] == wanted, "the record does not say by what data it was made"


def law_every_distance_has_its_floor(engine) -> None:
    """Where a measure says that another one is its floor, what the true system scores against itself, that is measured too."""
    (result,) = engine(runs.planned("values", "training.updates=1 evaluation.orbit=100 task.transient=1"))
    names = {each["metric"] for key in ("series", "comparisons") for each in result.record[key]}
    floors = {name: told["floor"] for name, told in result.record["quantities"].items() if isinstance(told.get("floor"), str)}
    assert "d_stsp" in floors, "no distance was measured"
    for name, floor in floors.items():
        assert floor in names, f"{name} stands without its floor"


def law_a_misspelt_key_is_refused(build) -> None:
    for cls, key, right in ((ScheduledSampling, "strat", "start"), (GRU, "hiden", "hidden")):
        with pytest.raises(ConfigError, match=f"{key}: .* did you mean '{right}'"):
            build(cls, "part", {key: 1})


def law_lost_runs_are_counted(count) -> None:
    frame = pd.DataFrame({"who": ["a"] * 4, "status": ["done", "diverged", "failed", "pending"]})
    row = count(frame, ["who"]).iloc[0]
    assert tuple(row[["runs", "diverged", "failed", "pending"]]) == (4, 1, 1, 1), f"of 4 runs {row['runs']} are counted"


def law_undefined_is_not_zero(over_horizon) -> None:
    table = rows("kl", [np.nan], [np.nan])
    meant = Quantities(of_frames([table.assign(task="t")]))
    assert np.isnan(over_horizon(table, meant).iloc[0]["gap"]), "what is undefined has a gap"


def law_intervals_of_five_seeds_cover(half_width) -> None:
    with mock.patch.object(confidence_intervals, "half_width", half_width):
        test_simulation.law_covers(5)


def law_training_is_the_same(fault) -> None:
    with tempfile.TemporaryDirectory() as folder:
        flows = issubclass(fault, Lorenz63)
        tasks.law_training_is_the_same(*(test_tasks._two_flows(fault) if flows else test_tasks._two_texts(fault, Path(folder))))


def law_table(engine) -> None:
    runs.law_the_table_is_whole(engine, "symbols")


HERE: dict[Callable[[Any], None], tuple[Any, list[Any]]] = {
    law_the_free_evaluation_never_sees_the_truth: (ENGINE, [bad.EvaluatesForced()]),
    law_both_modes_see_the_same_sequences: (ENGINE, [bad.OtherSequences()]),
    law_training_never_sees_the_test_split: (ENGINE, [bad.ValidatesOnTheTest()]),
    law_the_last_weights_are_kept: (ENGINE, [bad.Keeps(), bad.KeepsTheWorst(), bad.SlowsDownOnPlateaus()]),
    law_the_record_names_its_data: (ENGINE, [bad.ForgetsTheData()]),
    law_every_distance_has_its_floor: (ENGINE, [bad.NoFloors()]),
    law_a_misspelt_key_is_refused: (settings.build, [bad.ignores_unknown_keys]),
    law_lost_runs_are_counted: (counts, [bad.counts_the_finished]),
    law_undefined_is_not_zero: (gap.over_horizon, [bad.zero_for_undefined]),
    law_intervals_of_five_seeds_cover: (
        confidence_intervals.half_width, [lambda std, n, confidence=0.95: 1.96 * std / np.sqrt(n)],
    ),
}  # fmt: skip


# --- the faults ---


def part(law, *faults, **words):
    """A law of a part, and the parts that it catches."""
    return [(law, partial(small, fault, **words)) for fault in faults]


def loop(law, *faults):
    return [(law, fault) for fault in faults]


def whole(law):
    return [(law, lambda fault=fault: fault) for fault in HERE[law][1]]


def whole_of(law, *faults):
    return [(law, fault) for fault in faults]


#: Each fault in a few words, and what catches it.
FAULTS: dict[str, list[tuple[Callable[[Any], None], Callable[[], Any]]]] = {
    "one coin for a batch, a step or an epoch is called scheduled sampling": part(
        regimes.law_a_fresh_coin_for_every_sequence_and_step,
        bad_regimes.OneCoinForTheBatch, bad_regimes.OneCoinForASequence, bad_regimes.OneCoinForAStep,
    ),
    "the mixing ratio means its opposite": [
        *part(regimes.law_probability_is_the_masks_mean, bad_regimes.Opposite),
        *loop(rollouts.law_the_input_is_what_was_fed_a_step_before, bad_loops.Opposite),
        *loop(test_runs.ends, bad_runs.MaskOfCoins),
    ],
    "the truth is still fed in the evaluation": [
        *loop(rollouts.law_no_peeking, bad_loops.AlwaysForces, bad_loops.Multiplies),
        *whole(law_the_free_evaluation_never_sees_the_truth),
    ],
    "validation and test are measured in other modes, or on other sequences": [
        *loop(law_table, bad_runs.ForcedTrainOnly), *whole(law_both_modes_see_the_same_sequences),
    ],
    "the feedback is off by one step, or an end symbol or zeros are fed in": [
        *loop(rollouts.law_a_copying_model_scores_zero, bad_loops.OffByOne, bad_loops.StartsFromZeros),
        *loop(rollouts.law_the_input_is_what_was_fed_a_step_before, bad_loops.OffByOne),
    ],
    "the loss is taken on what was forced": loop(backward.law_the_prediction_is_charged, bad_loops.ChargesTheForcedValue),
    "a gradient is cut without saying so, or not cut where it was said": [
        *loop(test_rollout.textbook_law, bad_loops.NeverDetaches, bad_loops.AlwaysDetaches, bad_loops.CutsOneStepLate),
        *loop(backward.law_only_the_feed_of_a_through_gradient_remembers, bad_loops.AlwaysDetaches, bad_loops.NeverDetaches),
        *part(feedback.law_gradient, bad_rules.DetachedMean),
    ],
    "sample, argmax and expectation are confused, in value or gradient": [
        *part(feedback.law_moments, bad_rules.SampleIsArgmax, bad_rules.ArgmaxIsExpected, bad_rules.SamplesTooSharply),
        *part(feedback.law_symbols_are_fed_as_distributions, bad_rules.ArgmaxIsExpected),
        *part(feedback.law_gradient, bad_rules.LeakyArgmax),
        *part(test_feedback.law_straight_through, bad_rules.NeverStraightThrough, bad_rules.SoftBothWays),
    ],
    "a critic is shown symbols that carry no gradient": part(
        methods_of.law_the_critic_reaches_the_model_and_not_the_other_way, bad_methods.DiscreteCritic
    ),
    "the warm-up is counted in the gap": part(metrics.law_warmup_is_not_counted, bad_metrics.CountsTheWarmup),
    "the schedule moves by epoch, not at all, or whenever it is looked at": [
        *part(regimes.law_probability_is_the_masks_mean, bad_regimes.PerEpoch, bad_regimes.Frozen),
        *part(regimes.law_pure, bad_regimes.CountsItsCalls),
        *whole_of(runs.law_looking_changes_nothing, bad_runs.ValidationTrains),
    ],
    "learning rate or early stopping follow a loss whose meaning moves": [
        (law_the_last_weights_are_kept, bad.SlowsDownOnPlateaus), (law_the_last_weights_are_kept, bad.Keeps),
    ],
    "the best checkpoint is the worst, or is chosen on the test split": [
        (law_the_last_weights_are_kept, bad.KeepsTheWorst), *whole(law_training_never_sees_the_test_split),
    ],
    "a hidden state leaks, starts at random, or is one for the whole batch": [
        *part(models.law_rows_are_independent, bad_models.BroadcastsOneState, bad_models.NormalisesOverTheBatch),
        *part(models.law_no_state_in_the_part, bad_models.KeepsState),
        *part(models.law_start_is_zero, bad_models.StartsAtRandom),
    ],
    "truncated back-propagation is cut in another place": loop(
        backward.law_gradient_is_cut_in_the_right_place, bad_loops.CutsOneStepLate, bad_loops.KeepsTheState
    ),
    "ending early lowers the loss, or padding changes what is measured": [
        *part(test_metrics.law_ending_at_once_is_worst, bad_metrics.StopsWithTheModel),
        *part(metrics.law_padding_changes_nothing, bad_metrics.CountsThePadding),
        *part(models.law_what_follows_changes_nothing_before, bad_models.KnowsTheLength),
    ],
    "the fast path is not the loop": [
        *part(models.law_unroll_is_the_step_repeated, bad_models.FastPathDiffers, bad_models.FastPathCutsTheGradient),
        *loop(test_rollout.ones_law, bad_loops.FastPathOffByOne),
    ],
    "partly forced values are scaled as by dropout": loop(
        rollouts.law_forced_entries_are_the_truth, bad_loops.ScalesByDropout
    ),
    "an unknown key of the configuration is ignored": whole(law_a_misspelt_key_is_refused),
    "the scaling, or the alphabet, is that of the test data too": [
        (law_training_is_the_same, lambda: bad_tasks.ScalesByEverything),
        (law_training_is_the_same, lambda: bad_tasks.AlphabetOfEverything),
    ],
    "another schedule moves weights, order or samples": whole_of(
        runs.law_regimes_share_their_chance, bad_runs.ChanceOfTheRegime, bad_runs.WeightsOfTheGroup
    ),
    "the identity of a run changes with the process, or forgets a setting": [
        (runs.law_identity_is_the_same_everywhere, bad_runs.SaltedHash),
        (runs.law_identity_knows_every_setting, bad_runs.ForgetsTheTraining),
    ],
    "runs that failed or diverged are missing from a mean": [
        *whole(law_lost_runs_are_counted), *whole_of(test_runs.diverging, bad.DropsWhatFailed, bad_runs.NeverStops),
    ],
    "windows or steps count as replicates, or five seeds as many": [
        (test_simulation.law_the_seed_is_the_unit, lambda: test_simulation.over_windows),
        *whole(law_intervals_of_five_seeds_cover),
    ],
    "a run among others is another run than alone": [
        *whole_of(test_runs.alone, bad_runs.ReducesOverTheGroup, bad_runs.CoinsOfTheGroup, bad_runs.WeightsOfTheGroup),
        *part(models.law_same_bits_alone_and_in_a_group, bad_models.PlainSigmoid),
    ],
    "the inverse sigmoid overflows late in training": part(regimes.law_probability_lies_in_0_1, bad_regimes.Overflows),
    "the data change with a library, and nothing shows it": [
        *whole(law_the_record_names_its_data), *part(tasks.law_seeds_make_worlds, bad_tasks.OneName),
    ],
    "a distance stands without its floor": whole(law_every_distance_has_its_floor),
    "0/0 is written as 0": [
        *part(metrics.law_nothing_to_count_is_undefined, bad_metrics.ZeroWhereNothingCounts), *whole(law_undefined_is_not_zero),
    ],
}  # fmt: skip

PAIRS = [(name, law, fault) for name, pairs in FAULTS.items() for law, fault in pairs]
#: Faults that take seconds to catch, in simulated studies and trained runs.
DEAR = ("windows or steps count as replicates, or five seeds as many", "a run among others is another run than alone")


def quick(pair):
    return pair[0] not in DEAR


@pytest.mark.parametrize(("name", "law", "fault"), tiered(PAIRS, quick=quick), ids=lambda x: x if isinstance(x, str) else "")
def test_the_fault_is_caught(name, law, fault):
    broken = fault()
    with pytest.raises((AssertionError, OverflowError, ValueError, pytest.fail.Exception)):
        law(broken)


@pytest.mark.parametrize(
    "law", tiered(HERE, quick=lambda law: law is not law_intervals_of_five_seeds_cover), ids=lambda law: law.__name__
)
def test_the_laws_of_this_file_hold(law):
    law(HERE[law][0])


def test_every_fault_has_a_law_and_every_law_here_a_fault():
    assert len(FAULTS) == 29
    assert all(FAULTS.values())
    used = {law for _, law, _ in PAIRS}
    assert set(HERE) <= used
    assert {law for law in globals().values() if getattr(law, "__name__", "").startswith("law_")} <= used


def test_two_sweeps_in_one_second_do_not_meet():
    """A run is known by its settings, not by the clock: equal settings are one run, others are others, whenever they start."""
    words = "seed=0", "seed=1"
    first, second = (plan([each.experiment for each in runs.planned("symbols", *words)]) for _ in range(2))
    assert [run.id for run in first] == [run.id for run in second]
    assert len({run.id for run in first}) == 2
