"""Is a run a function of its own settings, and of nothing else?"""

from __future__ import annotations

import copy
import itertools

import pytest

from freerun import catalog
from freerun.compose import experiments, presets
from freerun.config import Evaluation, Experiment, Training
from freerun.errors import ConfigError
from freerun.grouping import groups, plan
from freerun.laws import small, variants
from laws import runs as kit
from laws.broken import runs as broken

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

GRADIENTS = ("through", "stop", "every_2")
TASKS = variants("task")
COMBINATIONS = list(itertools.product(TASKS, catalog.parts("model"), [None, *catalog.parts("feedback")]))


def _experiment(number: int) -> Experiment:
    """One combination of task, model and feedback; regimes, schedules and gradients take turns."""
    task, model, feedback = COMBINATIONS[number]
    regimes = list(variants("regime").values())
    span = {} if TASKS[task].emits == "last" else {"warmup": 2, "horizon": 7}
    return Experiment(
        task=copy.copy(TASKS[task]), model=small(catalog.get("model", model), hidden=2), regime=regimes[number % len(regimes)],
        feedback=feedback and catalog.get("feedback", feedback)(), gradient=GRADIENTS[number % 3],
        training=Training(updates=2, batch=2, log_every=1), evaluation=Evaluation(sequences=3, **span),
    )  # fmt: skip


def _refusals() -> dict[int, str]:
    found = {}
    for number in range(len(COMBINATIONS)):
        try:
            _experiment(number)
        except ConfigError as fault:
            found[number] = str(fault)
    return found


REFUSED = _refusals()


def test_an_impossible_combination_is_refused_in_one_line_that_names_a_choice():
    for number, text in REFUSED.items():
        assert "\n" not in text, COMBINATIONS[number]
        assert "choose" in text, f"{COMBINATIONS[number]}: {text}"
    assert 0 < len(REFUSED) < len(COMBINATIONS)


@pytest.mark.parametrize(
    "number", sorted(set(range(len(COMBINATIONS))) - set(REFUSED)), ids=lambda n: "-".join(str(x) for x in COMBINATIONS[n])
)
def test_what_composes_runs_two_updates(number):
    (result,) = ENGINE(plan([_experiment(number)]))
    assert result.record["status"] == "done"
    assert {p["update"] for p in result.record["curves"]} == {0, 1}
    assert result.record["series"]


@pytest.mark.parametrize("key", ["task", "regime", "model"])
def test_every_preset_runs_two_updates(key):
    for name in presets(key):
        _, *small_run = kit.TINY
        (result,) = ENGINE(
            plan(experiments([*small_run, "training.updates=2", "model.hidden=2", f"{key}={name}"], sweep=False))
        )
        assert result.record["status"] == "done", name
