"""Tests of the laws of runs: a run is a function of its own settings, and of nothing else."""

from __future__ import annotations

from dataclasses import fields

import pytest

from freerun.execution.grouping import groups
from freerun.laws.toolkit import SMALL, teacher_file
from freerun.parts import registry
from laws import runs as kit
from laws.broken import runs as broken
from tiers import tiered

ENGINE = kit.Engine()
MODELS = registry.parts("model")
SOLVED = [name for name, model in MODELS.items() if model.solves]
EACH = [name for name, model in MODELS.items() if model.emits == "each" and not (model.for_fields or model.solves)]
FIELDS = [name for name, model in MODELS.items() if model.for_fields]
LAST = [name for name, model in MODELS.items() if model.emits == "last"]
REGIMES = registry.parts("regime")
#: Those that feed symbols, and values.
FITTING = {
    "symbols": [name for name in REGIMES if name not in ("noisy_free_running", "error_forcing")],
    "values": list(REGIMES),
}
#: One regime of each way through the engine.
WAYS = ["teacher_forcing", "sparse_forcing", "parallel_scheduled_sampling", "data_as_demonstrator", "replay_buffer"]
LOOPED = [name for name, regime in REGIMES.items() if regime().feeder().looped and not regime().feeder().blends]


#: Distances are measured for these and, where a world goes on, a long closed loop is followed.
FULL = ("model=gru model.hidden=5", "model=shallow_plrnn model.hidden=5")


def mixed(world: str, model: str, regimes: list[str]) -> list:
    """Runs that differ in all that a group allows, and in regimes of which some take another way through the engine."""
    orbit = 100 if world == "values" and model in FULL else 0
    model += f" evaluation.orbit={orbit} evaluation.distances={str(model in FULL).lower()}"
    return kit.planned(
        world,
        f"{model} regime={','.join(regimes)} seed=0",
        f"{model} seed=1,1099511627776 training.lr=0.03 training.clip=0.01",
        f"{model} regime={regimes[-1]} seed=2",
        f"{model} regime=scheduled_sampling regime.schedule=constant regime.start=0.5 seed=1 training.clip=null",
        f"{model} regime=free_running training.weight_decay=0.1 seed=3",
    )


def sized(name: str, hidden: int) -> str:
    """The overrides of a model of this width, where it has one."""
    return f"model={name}" + (f" model.hidden={hidden}" if "hidden" in {f.name for f in fields(MODELS[name])} else "")


def alone(engine):
    kit.law_alone_and_in_a_group_are_the_same(engine, mixed("symbols", "model.hidden=3", WAYS))


def ends(engine):
    kit.law_the_ends_are_the_other_regimes(engine, "symbols", "model=hidden_recurrent model.hidden=3")


def diverging(engine):
    kit.law_a_diverging_run_is_recorded_and_alone(engine, "symbols")


def deaf(engine):
    kit.law_what_is_deaf_has_no_exposure_gap(engine, "symbols", WAYS)


def whole(engine):
    kit.law_the_table_is_whole(engine, "symbols")


CAUGHT = [
    (alone, broken.ReducesOverTheGroup),
    (alone, broken.CoinsOfTheGroup),
    (alone, broken.WeightsOfTheGroup),
    (kit.law_regimes_share_their_chance, broken.ChanceOfTheRegime),
    (kit.law_regimes_share_their_chance, broken.WeightsOfTheGroup),
    (ends, broken.MaskOfCoins),
    (diverging, broken.NeverStops),
    (diverging, broken.OneFallsAllFall),
    (kit.law_looking_changes_nothing, broken.ValidationTrains),
    (kit.law_silence_has_no_exposure_gap, broken.FreeWithoutSilence),
    (deaf, broken.FreeWithoutSilence),
    (whole, broken.ForcedTrainOnly),
]


@pytest.mark.parametrize(
    ("law", "engine"), tiered(CAUGHT, quick=lambda case: case[0] not in (alone, diverging)), ids=lambda x: x.__name__
)
def test_law_catches(law, engine):
    with pytest.raises((AssertionError, ValueError)):
        law(engine())


#: What is tried alone and in a group: every model, and the choices of the loop.
EVERY = [
    *(("symbols", sized(m, 5)) for m in EACH),
    *(("summary", sized(m, 5)) for m in LAST),
    *(("field", sized(m, 5)) for m in FIELDS),
    ("values", FULL[0]),
]
#: One recurrent model, one that looks back, those of fields; every other one is tried beside others in `test_engine.py`.
QUICK = [("symbols", sized(m, 5)) for m in ("output_recurrent", "transformer")] + [("field", sized(m, 5)) for m in FIELDS]
SHARED = (
    EVERY
    + [("values", sized(m, 1)) for m in EACH]
    + [("values", m) for m in FULL[1:]]
    + [("summary", sized(m, 1)) for m in LAST]
    + [(world, "model=output_recurrent model.order=3 model.hidden=5") for world in ("symbols", "values")]
    + [("symbols", "dtype=float64 model.hidden=5"), ("symbols", "feedback=argmax training.truncate=4 model.hidden=5")]
    + [("symbols", "feedback=expected gradient=every_3 model.hidden=5"), ("values", "task.predict=increment model.hidden=5")]
    + [("symbols", "training.batch=1 model.hidden=5 training.updates=6"), ("values", "training.batch=1 model.hidden=1")]
    + [("symbols", f"model.hidden=5 feedback={rule}") for rule in ("gumbel feedback.end=0.1", "straight_through", "none")]
    + [("symbols", "model.hidden=5 objective=professor_forcing objective.trust=0 objective.both=true")]
    + [("values", "model.hidden=5 objective=professor_forcing objective.hidden=3")]
)


@pytest.mark.parametrize(
    ("world", "model"),
    tiered(SHARED, quick=lambda case: case in QUICK),
    ids=lambda x: x.replace("model=", "").replace("model.", ""),
)
def test_a_run_alone_and_in_a_group_are_the_same(world, model):
    regimes = FITTING[world] if model == "model=gru model.hidden=5" else WAYS
    kit.law_alone_and_in_a_group_are_the_same(ENGINE, mixed(world, model, regimes))


@pytest.mark.parametrize("name", SOLVED)
def test_a_run_whose_readout_is_solved_is_the_same_alone_and_in_a_group(name):
    words = f"model={name} model.hidden=7 evaluation.orbit=0"
    forced = f"{words} regime=teacher_forcing seed=0,1,1099511627776"
    kit.law_alone_and_in_a_group_are_the_same(
        ENGINE, kit.planned("values", forced, f"{words} regime=noisy_forcing regime.noise=0.1,0.2 seed=0,1")
    )


@pytest.mark.parametrize(
    ("world", "objective"),
    tiered(
        [
            ("symbols", "policy_gradient objective.reward=match,likelihood"),
            ("symbols", "pushforward gradient=stop"),
            ("values", "pushforward gradient=stop"),
            ("symbols", "exact_expert objective.divergence=forward,jensen_shannon"),
            ("values", "exact_expert gradient=stop"),
            ("symbols", "distillation objective.labels=0,0.5 objective.teacher=TEACHER"),
            (
                "values",
                f"distillation gradient=stop task.transient={SMALL['transient']} objective.teacher=TEACHER",
            ),
        ],
        quick=lambda case: case in (("values", "pushforward gradient=stop"), ("values", "exact_expert gradient=stop")),
    ),
)
def test_a_run_alone_and_in_a_group_are_the_same_under_objectives_of_the_loop(world, objective):
    if "TEACHER" in objective:
        objective = objective.replace("TEACHER", teacher_file("hidden_markov" if world == "symbols" else "lorenz63"))
    looped = [name for name in LOOPED if name in FITTING[world]]
    kit.law_alone_and_in_a_group_are_the_same(ENGINE, mixed(world, f"model.hidden=3 objective={objective}", looped))


def test_a_run_alone_and_in_a_group_are_the_same_whatever_a_coin_decides_for():
    constant = "regime=scheduled_sampling regime.schedule=constant regime.start=0.3,0.7 seed=0,1,2"
    epochs, sequences = f"{constant} regime.coin=epoch regime.epoch=3", f"{constant} regime.coin=sequence"
    runs = kit.planned("symbols", f"model.hidden=3 {epochs}", f"model.hidden=3 {sequences}", "model.hidden=3 seed=0,1")
    assert sorted(len(group) for group in groups(runs, 64)) == [2, 6, 6]
    kit.law_alone_and_in_a_group_are_the_same(ENGINE, runs)


def test_a_measured_run_alone_and_in_a_group_are_the_same():
    adaptive = "regime=generalized_forcing regime.mode=adaptive regime.every=2 evaluation.orbit=0 seed=0,1,2"
    models = "model=gru,output_recurrent,shallow_plrnn model.hidden=5"
    kit.law_alone_and_in_a_group_are_the_same(ENGINE, kit.planned("values", f"{adaptive} {models}"))


def test_regimes_share_their_chance():
    kit.law_regimes_share_their_chance(ENGINE)


@pytest.mark.parametrize("model", tiered(EACH, quick=lambda model: model == "gru"))
def test_the_ends_are_the_other_regimes(model):
    kit.law_the_ends_are_the_other_regimes(ENGINE, "symbols", sized(model, 3))


def test_the_ends_are_the_other_regimes_for_values():
    kit.law_the_ends_are_the_other_regimes(ENGINE, "values", "model.hidden=3")


@pytest.mark.parametrize("world", ["symbols", "values", "summary"])
def test_a_diverging_run_is_recorded_and_alone(world):
    kit.law_a_diverging_run_is_recorded_and_alone(ENGINE, world)


def test_a_run_that_breaks_in_its_last_update_is_recorded():
    runs = kit.planned("values", "model.hidden=3 training.lr=1e39 training.updates=1 training.clip=null")
    (result,) = ENGINE(runs)
    assert result.record["status"] == "diverged"


def test_looking_changes_nothing():
    kit.law_looking_changes_nothing(ENGINE)


@pytest.mark.parametrize("world", tiered(["symbols", "values"], quick=lambda world: world == "symbols"))
def test_what_is_deaf_has_no_exposure_gap(world):
    """Error forcing is refused there: it moves the state of each step, and `direct` has none."""
    heard = [name for name in FITTING[world] if name != "error_forcing"]
    kit.law_what_is_deaf_has_no_exposure_gap(ENGINE, world, heard)


DEAF = (
    "regime=free_running training.window=4", "regime=free_running training.truncate=3 gradient=every_2",
    "regime=scheduled_sampling regime.coin=batch objective=huber", "regime=noisy_free_running training.levels=last",
    "evaluation.warmup=1 evaluation.horizon=20 dtype=float64",
)  # fmt: skip


def test_what_is_deaf_has_no_gap_in_any_measure_of_its_outputs():
    """Cut, windowed, weighted, disturbed, far beyond training: what is fed reaches no output."""
    runs = kit.planned("values", *(f"model=direct model.hidden=3 evaluation.orbit=0 {words}" for words in DEAF))
    with kit.unchecked():
        results = ENGINE(runs)
    for run, result in zip(runs, results, strict=True):
        series = {(s["split"], s["metric"], s["mode"]): s["values"] for s in result.record["series"]}
        assert len({metric for _, metric, _ in series}) > 5
        for (split, metric, _), values in series.items():
            assert values == series[split, metric, "forced"], f"{metric} on {split}: {run.label}"


def test_silence_has_no_exposure_gap():
    kit.law_silence_has_no_exposure_gap(ENGINE)


@pytest.mark.parametrize("world", kit.WORLDS)
def test_the_table_is_whole(world):
    kit.law_the_table_is_whole(ENGINE, world)


@pytest.mark.parametrize("law", [kit.law_identity_is_the_same_everywhere, kit.law_identity_knows_every_setting])
def test_identities(law):
    law(kit.Identities())


@pytest.mark.parametrize(
    ("law", "ids"),
    [
        (kit.law_identity_is_the_same_everywhere, broken.SaltedHash),
        (kit.law_identity_knows_every_setting, broken.ForgetsTheTraining),
    ],
)
def test_law_catches_an_identity(law, ids):
    with pytest.raises(AssertionError):
        law(ids())


def test_every_law_has_been_seen_to_fail():
    named = {law for name, law in vars(kit).items() if name.startswith("law_")}
    wrapped = {
        kit.law_alone_and_in_a_group_are_the_same, kit.law_the_ends_are_the_other_regimes,
        kit.law_a_diverging_run_is_recorded_and_alone, kit.law_the_table_is_whole,
        kit.law_identity_is_the_same_everywhere, kit.law_identity_knows_every_setting,
        kit.law_what_is_deaf_has_no_exposure_gap,
    }  # fmt: skip
    assert named == {law for law, _ in CAUGHT if law in named} | wrapped


def test_a_run_asked_for_twice_is_one_run_and_groups_hold_what_may_share():
    runs = kit.planned("symbols", "seed=0,1", "seed=1,2", "seed=0 training.updates=5", "seed=0 regime=free_running")
    assert len(runs) == 5
    pieces = groups(runs, 64)
    assert sorted(len(piece) for piece in pieces) == [1, 1, 3]
    assert sorted(run.id for piece in groups(runs, 2) for run in piece) == sorted(run.id for run in runs)
