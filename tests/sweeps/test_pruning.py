"""Tests of pruned trials: who goes on, what the others are called and cost, and that interruptions change nothing."""

from __future__ import annotations

import itertools
import json
import random

import pandas as pd
import pytest

from freerun.analysis import outputs
from freerun.analysis.figures import Material
from freerun.analysis.report import tuning_section
from freerun.cli.main import dispatch
from freerun.config.training_settings import Training
from freerun.errors import ConfigError, OutOfTime
from freerun.execution import launchers
from freerun.store.records import Store
from freerun.store.results_folder import Place
from freerun.sweeps.search import pruning

pytest.importorskip("optuna")

STUDY = """
tune:
  axes: {training.lr: [0.03, 1e-6, 0.1, 1e-5, 0.01, 1e-4]}
  seeds: range(100,102)
  pruner: halving
cases:
  - task: lorenz63
    task.sequences: 16
    task.length: 8
    evaluation.warmup: 2
    evaluation.horizon: 4
    evaluation.sequences: 4
    evaluation.orbit: 0
    model: gru
    model.hidden: 3
    training.updates: 36
    training.log_every: 4
    training.batch: 2
    training.decay: constant
    regime: [teacher_forcing, free_running]
    seed: range(2)
"""
STOPS = (5, 13, 36)


def prepare(folder, patch):
    patch.chdir(folder)
    (folder / "pruned.yaml").write_text(STUDY)
    patch.setattr(outputs.Products, "write_report_if_needed", lambda self: None)  # which takes most of the time
    return folder


@pytest.fixture
def desk(tmp_path, monkeypatch):
    return prepare(tmp_path, monkeypatch)


#: One of the two methods, which is enough where it is not they that are compared.
ONE = "regime=free_running"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The study of one method, in groups as large as can be, and without a break."""
    with pytest.MonkeyPatch.context() as patch:
        folder = prepare(tmp_path_factory.mktemp("whole"), patch)
        assert study(ONE, "--group", "32") == 0
    return folder


def study(*words):
    return dispatch(["study", "pruned.yaml", *words, "launcher=inline"])


def tuned(desk, results="results"):
    return json.loads((desk / results / "pruned" / "study.json").read_text())["tuned"]


def timeless(desk, results="results"):
    """What was tuned, without what differs from one machine's hour to another: the seconds."""
    told = tuned(desk, results)
    return {**told, "methods": [{**method, "seconds": None} for method in told["methods"]]}


def by_hand(values, *, maximize=False):
    """Asynchronous successive halving as Li et al. (2020) have it: how far each trial comes, of its values by rung."""
    ends = []
    before = [[] for _ in values[0]]
    for of_trial in values:
        for rung, value in enumerate(of_trial):
            signed = -value if maximize else value
            before[rung].append(signed)
            best = sorted(before[rung])[: max(1, len(before[rung]) // 3)]
            if signed > best[-1]:
                break
        else:
            rung = len(of_trial)
        ends.append(rung)
    return ends


@pytest.mark.parametrize("maximize", [False, True])
def test_the_rule_is_that_of_asynchronous_halving_in_whatever_order_trials_are_trained(maximize):
    draw = random.Random(0)
    for _ in range(20):
        values = [[draw.random(), draw.random()] for _ in range(30)]
        expected = by_hand(values, maximize=maximize)
        for batch in (1, 4, 30):
            rule, ends = pruning.Halving(maximize=maximize), [2] * len(values)
            for start in range(0, len(values), batch):
                numbers = list(range(start, min(start + batch, len(values))))
                for rung in (0, 1):
                    going = [number for number in numbers if rule.goes_on(number, rung, values[number][rung])]
                    ends[start : start + batch] = [
                        rung if number in numbers and number not in going else ends[number]
                        for number in range(start, min(start + batch, len(values)))
                    ]
                    numbers = going
            assert ends == expected
    assert 0 < expected.count(2) < 15
    assert 0 < expected.count(1) < 15


def test_rungs_are_a_ninth_and_a_third_of_the_updates_just_after_a_logged_one():
    assert pruning.rungs(Training(updates=2000), "x") == [201, 601]
    assert pruning.rungs(Training(updates=36, log_every=4), "x") == list(STOPS[:2])
    assert pruning.rungs(Training(updates=9, log_every=1), "x") == [2, 4]
    assert pruning.rungs(Training(updates=4000, stop=2000), "x") == [201, 601]
    for updates, every in itertools.product(range(9, 200, 7), range(1, 20)):
        if updates // 9 >= every:
            first, second = pruning.rungs(Training(updates=updates, log_every=every), "x")
            assert every < first < second < updates
            assert (first - 1) % every == (second - 1) % every == 0


def test_hopeless_trials_end_early_are_said_to_and_are_never_chosen(desk, capsys):
    assert study() == 0
    out, store = capsys.readouterr().out, Store(desk / "results" / ".store")
    for method in tuned(desk)["methods"]:
        trials = method["trials"]
        values = [_value(store, trial["runs"]) for trial in trials]
        assert [trial["updates"] for trial in trials if not trial["pruned"]] == [36] * sum(not t["pruned"] for t in trials)
        assert {trial["updates"] for trial in trials if trial["pruned"]} <= set(STOPS[:2])
        assert any(trial["pruned"] for trial in trials)
        for trial, value in zip(trials, values, strict=True):
            if trial["pruned"]:
                assert trial["value"] is None
                assert trial["state"] == f"pruned after {trial['updates']} of 36 updates, at {value:.6g}"
                assert f"{' '.join(f'{k}={v}' for k, v in trial['settings'].items())}  {trial['state']}" in out
            else:
                assert trial["value"] == pytest.approx(value)
        finished = [trial for trial in trials if not trial["pruned"]]
        assert method["chosen"] == min(finished, key=lambda trial: trial["value"])["settings"]
        assert method["updates"] == sum(2 * trial["updates"] for trial in trials) < 2 * 6 * 36
        assert method["steps"] == method["updates"] * 2 * 8
        assert 0 < method["seconds"] < 1000
    trials = pd.read_csv(desk / "results" / "pruned" / "tuning_trials.csv")
    assert trials.loc[trials["pruned"], "value"].isna().all()
    assert trials.loc[trials["pruned"], "state"].str.startswith("pruned after ").all()
    assert trials["pruned"].sum() == pd.read_csv(desk / "results" / "pruned" / "tuned.csv")["pruned"].sum() > 0
    assert set(pd.read_csv(desk / "results" / "pruned" / "expected_best.csv")["estimator"]) == {"best so far"}
    assert not list(store.root.rglob("*.checkpoint")), "nothing goes on any more"
    kept = {path: path.stat().st_mtime_ns for path in store.root.rglob("*.json")}
    assert study() == 0
    assert {path: path.stat().st_mtime_ns for path in store.root.rglob("*.json")} == kept, "nothing is trained twice"


def _value(store, runs):
    """The mean over the runs of a trial of their last free loss on validation."""
    losses = []
    for run in runs:
        curve = [point for point in store.read(run)["curves"] if point["quantity"] == "validation_free_loss"]
        losses.append(curve[-1]["value"])
    return sum(losses) / len(losses)


@pytest.mark.slow
def test_a_trial_that_comes_to_the_end_has_the_bits_of_one_that_nobody_judged(desk, whole):
    assert study(ONE, "tune.pruner=none", "tune.metric=loss") == 0
    pruned, plain = Store(whole / "results" / ".store"), Store(desk / "results" / ".store")
    went_on = 0
    for method, same in zip(tuned(whole)["methods"], tuned(desk)["methods"], strict=True):
        for trial, other in zip(method["trials"], same["trials"], strict=True):
            if trial["pruned"]:
                continue
            assert (trial["runs"], trial["value"]) == (other["runs"], other["value"])
            for run in trial["runs"]:
                assert pruned.read(run)["curves"] == plain.read(run)["curves"]
                assert pruned.read(run)["provenance"]["resumed_from"] == list(STOPS[:2])
                went_on += 1
    assert went_on >= 2


@pytest.mark.slow
def test_an_interrupted_tuning_comes_to_the_same_result(desk, whole, monkeypatch):
    stops = 0
    while one_group(monkeypatch, ONE, "--group", "4") == OutOfTime.code:
        stops += 1
        assert stops < 100
        assert dispatch(["table", "pruned.tuning"]) == 0, "whoever looks at the trials meanwhile holds nothing up"
    assert stops > 4, "it was stopped on every rung"
    assert timeless(desk) == timeless(whole)


@pytest.mark.slow
def test_a_tuning_comes_to_the_same_result_whatever_trains_together(desk, whole):
    assert study(ONE, "--group", "1", "--results", "alone") == 0
    assert dispatch(["study", "pruned.yaml", ONE, "--results", "workers", "--group", "3", "--workers", "2"]) == 0
    assert timeless(desk, "alone") == timeless(whole) == timeless(desk, "workers")


def one_group(monkeypatch, *words):
    """The same command, whose time is over when it has begun one group."""
    looks = itertools.count(1)
    with monkeypatch.context() as patch:
        patch.setattr(launchers.Launcher, "over", property(lambda self: next(looks) > 2))
        try:
            return study(*words)
        except OutOfTime as fault:
            return fault.code


@pytest.mark.slow
def test_a_run_that_is_killed_between_two_rungs_goes_on(desk, whole, monkeypatch):
    from freerun.execution.resume import Keeper

    keep = Keeper.keep

    def killed(self, trainer, update):
        keep(self, trainer, update)
        if update == 20:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "keep", killed)
        with pytest.raises(KeyboardInterrupt):
            study(ONE, "launcher.checkpoint=10")
    assert study(ONE, "launcher.checkpoint=10") == 0
    assert timeless(desk) == timeless(whole)
    store = Store(desk / "results" / ".store")
    resumed = [store.read(run)["provenance"]["resumed_from"] for run in store.runs()]
    assert [5, 13, 20] in resumed


def test_a_trial_that_diverges_on_a_rung_is_lost_and_not_pruned(desk):
    assert study(ONE, "tune.axes.training.lr=1e38,0.03,2e38,1e-6", "training.clip=null") == 0
    (method,) = tuned(desk)["methods"]
    assert [trial["lost"] for trial in method["trials"]] == [True, False, True, False]
    assert [trial["pruned"] for trial in method["trials"]][:3] == [False] * 3
    assert [trial["updates"] for trial in method["trials"]][:3] == [5, 36, 5], "it does not go on to diverge again"
    assert method["chosen"] == {"training.lr": "0.03"}


@pytest.mark.slow
def test_optuna_chooses_points_and_prunes_them(desk):
    words = [
        "tune.sampler=optuna",
        "tune.trials=9",
        "tune.axes.training.lr=tag(log,interval(1e-6,1e-1))",
        ONE,
    ]
    assert study(*words) == 0
    first = timeless(desk)
    assert study(*words, "--results", "again") == 0
    assert timeless(desk, "again") == first
    (method,) = first["methods"]
    assert len(method["trials"]) == 9
    assert any(trial["pruned"] for trial in method["trials"])


def test_a_plan_says_that_the_first_rung_is_what_is_known(desk, capsys):
    assert dispatch(["plan", "pruned.yaml"]) == 0
    out = capsys.readouterr().out
    assert "2 methods, 6 trials of each on 2 seeds, the first of which are counted here" in out
    assert "pruned.tuning: 24 runs" in out


@pytest.mark.slow
def test_the_report_says_what_was_pruned(whole):
    frames = outputs.of("pruned", Place(results=whole / "results")).frames
    shown = tuning_section.section(Material.of(frames, {}))
    assert any("pruned by asynchronous successive halving" in sentence for sentence in shown.sentences)
    chosen, best = shown.tables
    assert dict(zip(chosen.head, chosen.rows[0], strict=True))["Pruned"] == str(
        sum(trial["pruned"] for trial in tuned(whole)["methods"][0]["trials"])
    )
    assert best.title.startswith("The best so far, by the number of trials")
    assert "which draws n of the trials" not in shown.note


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["tune.pruner=hyperband"], "pruner=.*halving"),
        (["tune.split=test"], "by the loss on validation alone"),
        (["tune.axes.training.updates=36,72"], "training.updates: .*after as many updates each"),
        (["training.log_every=10"], "logs its validation loss every 10; set training.log_every to 4 or less"),
        (["training.updates=8"], "train it longer"),
    ],
)
def test_what_cannot_be_judged_early_is_refused_before_anything_is_trained(desk, words, parts):
    with pytest.raises(ConfigError, match=parts):
        study(*words)
    assert not (desk / "results").exists()
