"""Is a run a function of its own settings, and of nothing else?"""

from __future__ import annotations

import itertools

import pytest

from freerun import catalog
from freerun.compose import experiments, presets
from freerun.errors import ConfigError
from freerun.grouping import groups, plan
from laws.broken import runs as broken
from laws.kit import runs as kit

ENGINE = kit.Engine()
EACH = [name for name, model in catalog.parts("model").items() if model.emits == "each"]
LAST = [name for name, model in catalog.parts("model").items() if model.emits == "last"]
REGIMES = list(catalog.parts("regime"))


def mixed(world: str, model: str) -> list:
    """Runs that may share a group and differ in all that a group allows."""
    return kit.planned(
        world,
        f"{model} regime={','.join(REGIMES)} seed=0",
        f"{model} seed=1,1099511627776 training.lr=0.03 training.clip=0.01",
        f"{model} regime=scheduled_sampling regime.schedule=constant regime.start=0.5 seed=1 training.clip=null",
        f"{model} regime=free_running training.weight_decay=0.1 seed=3",
    )


def alone(engine):
    kit.law_alone_and_in_a_group_are_the_same(engine, mixed("symbols", "model.hidden=3"))


def ends(engine):
    kit.law_the_ends_are_the_other_regimes(engine, "symbols", "model=hidden_recurrent model.hidden=3")


def diverging(engine):
    kit.law_a_diverging_run_is_recorded_and_alone(engine, "symbols")


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
    (whole, broken.ForcedTrainOnly),
]


@pytest.mark.parametrize(("law", "engine"), CAUGHT, ids=lambda x: x.__name__)
def test_law_catches(law, engine):
    with pytest.raises((AssertionError, ValueError)):
        law(engine())


@pytest.mark.parametrize(
    ("world", "model"),
    [(w, f"model={m} model.hidden={h}") for w in ("symbols", "values") for m in EACH for h in (1, 5)]
    + [("summary", f"model={m} model.hidden={h}") for m in LAST for h in (1, 5)]
    + [("symbols", "dtype=float64 model.hidden=5"), ("symbols", "feedback=argmax training.truncate=4 model.hidden=5")]
    + [("symbols", "feedback=expected gradient=every_3 model.hidden=5"), ("values", "task.predict=increment model.hidden=5")]
    + [("symbols", "training.batch=1 model.hidden=5 training.updates=6"), ("values", "training.batch=1 model.hidden=1")],
    ids=lambda x: x.replace("model=", "").replace("model.", ""),
)
def test_a_run_alone_and_in_a_group_are_the_same(world, model):
    kit.law_alone_and_in_a_group_are_the_same(ENGINE, mixed(world, model))


def test_regimes_share_their_chance():
    kit.law_regimes_share_their_chance(ENGINE)


@pytest.mark.parametrize("model", EACH)
def test_the_ends_are_the_other_regimes(model):
    kit.law_the_ends_are_the_other_regimes(ENGINE, "symbols", f"model={model} model.hidden=3")


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
    }  # fmt: skip
    assert named == {law for law, _ in CAUGHT if law in named} | wrapped


def test_a_run_asked_for_twice_is_one_run_and_groups_hold_what_may_share():
    runs = kit.planned("symbols", "seed=0,1", "seed=1,2", "seed=0 training.updates=5", "seed=0 regime=free_running")
    assert len(runs) == 5
    pieces = groups(runs, 64)
    assert sorted(len(piece) for piece in pieces) == [1, 1, 3]
    assert sorted(run.id for piece in groups(runs, 2) for run in piece) == sorted(run.id for run in runs)


# --- every combination is refused in one line, or runs ---

SMALL_WORLD = {"sequences": 12, "length": 12}
COMPOSED = [
    f"task={task} model={model} regime={regime} feedback={feedback}"
    for task, model, regime, feedback in itertools.product(
        [*catalog.parts("task"), *presets("task")], catalog.parts("model"), [*REGIMES, *presets("regime")],
        ["null", *catalog.parts("feedback")],
    )
]  # fmt: skip


def _tiny(choice: str) -> list[str]:
    task = choice.split()[0].removeprefix("task=")
    settings = next((cls for name, cls in catalog.parts("task").items() if task.startswith(name)), None).__dataclass_fields__
    small = [f"task.{name}={value}" for name, value in SMALL_WORLD.items() if name in settings]
    return [*kit.TINY[:-1], "training.updates=2", "model.hidden=2", *small, *choice.split()]


def _fits() -> list[str]:
    found = []
    for choice in COMPOSED:
        try:
            experiments(_tiny(choice), sweep=False)
        except ConfigError:
            continue
        found.append(choice)
    return found


def test_every_combination_composes_or_is_refused_in_one_line():
    refused = 0
    for choice in COMPOSED:
        try:
            experiments(_tiny(choice), sweep=False)
        except ConfigError as fault:
            refused += 1
            assert "\n" not in str(fault), choice
            assert "choose" in str(fault), f"{choice}: {fault}"
    assert 0 < refused < len(COMPOSED)


#: Every pair (task, feedback), (task, model), (model, feedback) and each regime and gradient is run at least once.
GRADIENTS = ("through", "stop", "every_2")


def _covering() -> list[str]:
    seen: set = set()
    chosen = []
    for i, choice in enumerate(_fits()):
        task, model, regime, feedback = choice.split()
        pairs = {(task, feedback), (task, model), (model, feedback), (model, regime), (feedback, regime)}
        if pairs - seen:
            seen |= pairs
            chosen.append(f"{choice} gradient={GRADIENTS[i % 3]}")
    return chosen


@pytest.mark.parametrize("choice", _covering())
def test_what_composes_runs_two_updates(choice):
    (result,) = ENGINE(plan(experiments(_tiny(choice), sweep=False)))
    assert result.record["status"] == "done"
    assert {p["update"] for p in result.record["curves"]} == {0, 1}
    assert result.record["series"]
