"""Tests of tuned studies: one budget for every method, seeds of their own, fresh runs with what was chosen, paired by seed."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pandas as pd
import pytest

from freerun.analysis import outputs
from freerun.analysis.figures import Material, expected_best
from freerun.analysis.inference import tuning_tables
from freerun.analysis.report import paper_table, tuning_section
from freerun.cli.main import dispatch
from freerun.config.run_identity import canonical
from freerun.errors import ConfigError, FreerunError, given
from freerun.execution.training_work import work
from freerun.io.reading import NotPlain
from freerun.store import study_file
from freerun.store.records import Store
from freerun.store.results_folder import Place
from freerun.sweeps.search import tuned_study
from freerun.sweeps.study import load

CASES = """
cases:
  - task.sequences: 16
    task.length: 6
    evaluation.warmup: 1
    evaluation.sequences: 4
    evaluation.orbit: 0
    model: [gru, output_recurrent]
    model.hidden: 2
    training.updates: 6
    training.batch: 2
    training.decay: constant
    regime: [teacher_forcing, free_running]
    seed: range(3)
"""
REPORT = outputs.Products.write_report_if_needed
TUNE = "tune:\n  axes: {training.lr: [1e-6, 0.03, 0.1]}\n  seeds: range(100,102)\n  metric: loss\n"


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.yaml").write_text(CASES)
    (tmp_path / "tuned.yaml").write_text(TUNE + CASES)
    monkeypatch.setattr(outputs.Products, "write_report_if_needed", lambda self: None)  # which takes most of the time
    return tmp_path


@pytest.fixture
def reporting(desk, monkeypatch):
    """The same, where studies come with their reports."""
    monkeypatch.setattr(outputs.Products, "write_report_if_needed", REPORT)
    return desk


def study(*words):
    return dispatch(["study", *words, "launcher=inline"])


def info(desk, name="tuned"):
    return json.loads((desk / "results" / name / "study.json").read_text())


def test_every_method_has_the_same_budget_and_runs_with_the_best_of_its_own_trials(reporting, capsys):
    desk = reporting
    assert study("tuned.yaml") == 0
    told, store = info(desk), Store(desk / "results" / ".store")
    assert len(told["ids"]) == 12
    assert len(told["tuned"]["methods"]) == 4
    for method in told["tuned"]["methods"]:
        assert [trial["settings"] for trial in method["trials"]] == [{"training.lr": each} for each in ("1e-06", "0.03", "0.1")]
        for trial in method["trials"]:
            losses = []
            for run in trial["runs"]:
                record = store.read(run)
                assert record["experiment"]["seed"] in (100, 101)
                losses += [p["value"] for p in record["curves"] if p["quantity"] == "validation_free_loss"][-1:]
            assert trial["value"] == pytest.approx(math.fsum(losses) / 2)
        best = min(method["trials"], key=lambda trial: trial["value"])
        assert method["chosen"] == best["settings"]
        assert len(method["runs"]) == 3
        for run in method["runs"]:
            experiment = store.read(run)["experiment"]
            assert experiment["training"]["lr"] == float(best["settings"]["training.lr"])
            assert experiment["seed"] in range(3)
        assert method["updates"] == 3 * 2 * 6
        assert method["steps"] == 3 * 2 * 6 * 2 * 6
        assert method["seconds"] > 0
    table = pd.read_csv(desk / "results" / "tuned" / "tuned.csv", dtype={"training.lr": str})
    assert table["trials"].tolist() == [3] * 4
    assert table["training.lr"].tolist() == [method["chosen"]["training.lr"] for method in told["tuned"]["methods"]]
    assert table["updates"].tolist() == [36] * 4
    assert len(pd.read_parquet(desk / "results" / "tuned" / "tuning_trials.parquet")) == 12
    page = (desk / "results" / "tuned" / "report.md").read_text()
    assert "How was each method tuned?" in page
    at_ends = sum(method["chosen"]["training.lr"] != "0.03" for method in told["tuned"]["methods"])
    assert page.count(" (an end) |") == at_ends
    said = capsys.readouterr().out
    assert (f"note: tuning. Of {at_ends} of 4 methods" in said) == (at_ends > 0)
    assert "equation 7" in page
    assert (desk / "results" / "tuned" / "figures" / "expected_best.svg").exists()
    kept = {path: path.stat().st_mtime_ns for path in (desk / "results" / ".store").rglob("*.json")}
    assert study("tuned.yaml") == 0
    assert "as before: nothing has changed" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in kept} == kept, "the same command trains nothing twice"


def differing(desk, monkeypatch):
    """The tuned study, in which free running has one rate chosen and teacher forcing another."""
    from freerun.sweeps.search import tuned_study

    def best(trials, target):
        free = any("free" in name for name in [trials[0].forced])
        return trials[1 if free else 2]

    make = tuned_study.TunedStudy._judge

    def judged(self, method, store):
        make(self, method, store)
        for trial in method.trials:
            object.__setattr__(trial, "forced", method.name)

    monkeypatch.setattr(tuned_study.TunedStudy, "_judge", judged)
    monkeypatch.setattr(tuned_study, "best", best)
    assert study("tuned.yaml") == 0
    return outputs.of("tuned", Place(results=desk / "results")).frames


@pytest.mark.slow
def test_methods_are_paired_by_seed_whatever_was_chosen_for_them(reporting, monkeypatch, capsys):
    desk = reporting
    from freerun.analysis.inference.paired_differences import against_baseline
    from freerun.analysis.report.verdicts import comparisons

    frames = differing(desk, monkeypatch)
    rates = frames.runs.groupby("regime")["training.lr"].unique().map(list).to_dict()
    assert rates == {"free_running": [0.03], "teacher_forcing": [0.1]}
    material = Material.of(frames, {})
    assert material.methods() == ["teacher forcing", "free running"]
    table = comparisons(material)
    assert set(table["n"]) == {3}
    assert set(zip(table["model_label"], table["regime_label"], strict=True)) == {
        ("GRU", "free running"), ("Output-recurrent", "free running"),
    }  # fmt: skip
    assert set(material.chosen.values()) == {"lr=0.03", "lr=0.1"}
    paper = paper_table.tidy(material)
    assert set(paper.loc[paper["model"] != paper_table.PLAYERS, "chosen"]) == {"lr=0.03", "lr=0.1"}
    assert set(paper.loc[paper["model"] == paper_table.PLAYERS, "chosen"]) == {""}
    page = (desk / "results" / "tuned" / "report.md").read_text()
    assert "| GRU | free running (lr=0.03) | teacher forcing (lr=0.1) |" in page
    without = Material.of(replace(frames, tuned=None), {})
    steps = without.steps
    assert against_baseline(steps, without.runs.set_index("run"), quantities=without.quantities).empty, (
        "where nobody says that it was tuned, a learning rate is a setting as any other, and keeps methods apart"
    )
    capsys.readouterr()
    assert dispatch(["compare", "teacher_forcing", "free_running", "--study", "tuned"]) == 0
    assert "also differ in training.lr (0.1 against 0.03)" in capsys.readouterr().out


def test_a_tuned_setting_that_differs_within_a_condition_is_never_pooled(desk):
    from freerun.analysis.inference.replicates import conditions

    assert study("plain.yaml", "training.lr=0.03,0.1", "model=gru", "regime=teacher_forcing", "--as", "two") == 0
    runs = outputs.of("two", Place(results=desk / "results")).frames.runs
    assert conditions(runs, ("training.lr",))["method"].nunique() == 2
    assert conditions(runs[runs["training.lr"] == 0.1], ("training.lr",))["method"].nunique() == 1


@pytest.mark.parametrize("sampler", ["random", "optuna"])
def test_samplers_have_methods_tried_at_as_many_points_of_their_own_axes(desk, sampler):
    words = ["tune.axes.regime.end=0,0.25,0.5", f"tune.sampler={sampler}", "tune.trials=3", "model=gru"]
    assert study("tuned.yaml", "regime=teacher_forcing,scheduled_sampling", "seed=0,1", *words) == 0
    methods = info(desk)["tuned"]["methods"]
    assert [len(method["trials"]) for method in methods] == [3, 3]
    for method, axes in zip(methods, (["training.lr"], ["training.lr", "regime.end"]), strict=True):
        points = [tuple(trial["settings"].items()) for trial in method["trials"]]
        assert len(set(points)) == 3
        assert all([key for key, _ in point] == axes for point in points)


#: Parallel scheduled sampling runs over its data twice.
BUDGET = ["tune.sampler=random", "tune.axes.training.lr=interval(0.01,0.1)"]
TWO = ["model=gru", "regime=teacher_forcing,parallel_scheduled_sampling", "seed=0"]


def budgets(*words):
    """How many trials each of the two methods has, and what one takes: runs of two seeds."""
    methods = given(tuned_study.of(load("tuned.yaml", TWO), [*BUDGET, *words])).methods
    return [(method.budget, 2 * work(method.run.experiment).products) for method in methods]


def law_every_method_uses_up_its_budget(found, budget):
    """It takes no more, and one more trial would not fit in."""
    for trials, each in found:
        assert trials * each <= budget < (trials + 1) * each


def test_a_budget_of_products_buys_fewer_trials_of_what_rolls_out_more(desk, capsys):
    (_, each), _ = budgets("tune.trials=3")
    found = budgets(f"tune.products={4.5 * each}")
    assert [trials for trials, _ in found] == [4, 2]
    law_every_method_uses_up_its_budget(found, 4.5 * each)
    assert dispatch(["plan", "tuned.yaml", *TWO, *BUDGET, f"tune.products={4.5 * each}"]) == 0
    assert "2 to 4 trials of each" in capsys.readouterr().out


def test_as_many_trials_of_each_are_no_budget_of_products(desk):
    found = budgets("tune.trials=3")
    with pytest.raises(AssertionError):
        law_every_method_uses_up_its_budget(found, 3.5 * found[0][1])


def test_a_report_says_where_methods_have_other_numbers_of_trials():
    assert tuning_section._trials([{"trials": 3}, {"trials": 3}]) == "3"
    assert tuning_section._trials([{"trials": 4}, {"trials": 2}]).startswith("2 to 4 (as many as fit into one budget")


def test_a_report_says_of_which_methods_an_end_of_what_was_tried_was_chosen():
    tuned = {"axes": {"training.lr": "0.1,0.001,0.01", "model.hidden": "2,4", "regime.schedule": "linear,exponential,inverse"}}
    row = {"task": "T", "model": "M", "model.hidden": "4", "regime.schedule": "linear"}
    inner, low, high = ({**row, "method": f"m{rate}", "training.lr": rate} for rate in ("0.01", "0.001", "0.1"))
    assert tuning_section._edges(tuned, [inner]) == ""
    assert tuning_section._edges(tuned, [inner, {**inner, "training.lr": None}]) == "", "one that does not have the setting"
    some = tuning_section._edges(tuned, [inner, low, high])
    assert some.endswith("may lie beyond: T M m0.001 (training.lr=0.001) and T M m0.1 (training.lr=0.1).")
    many = tuning_section._edges(tuned, [inner, *[low] * 7])
    assert many.startswith("Of 7 of 8 methods the value that was chosen is the smallest or the largest that was tried")


@pytest.mark.slow
def test_what_trials_took_is_counted_in_steps_and_products(desk):
    (_, each), _ = budgets("tune.trials=3")
    assert study("tuned.yaml", *TWO, *BUDGET, f"tune.products={2.5 * each}") == 0
    methods = info(desk)["tuned"]["methods"]
    assert [len(method["trials"]) for method in methods] == [2, 1]
    assert [(method["steps"], method["products"]) for method in methods] == [(2 * 2 * 6 * 2 * 6, 2 * each)] * 2
    assert pd.read_csv(desk / "results" / "tuned" / "tuned.csv")["products"].tolist() == [2 * each] * 2


def test_a_study_is_tuned_if_the_command_says_so(desk, capsys):
    assert (
        study("plain.yaml", "--tune", "model=gru", "tune.seeds=7", "tune.axes.training.lr=0.01,0.02", "tune.mode=forced") == 0
    )
    told = info(desk, "plain")["tuned"]
    assert (told["axes"], told["mode"], told["seeds"]) == ({"training.lr": "0.01,0.02"}, "forced", [7])
    assert info(desk, "plain")["command"].endswith("--tune tune.seeds=7 tune.axes.training.lr=0.01,0.02 tune.mode=forced")
    capsys.readouterr()
    assert dispatch(["plan", "plain.yaml", "--tune"]) == 0
    out = capsys.readouterr().out
    assert "4 methods, 4 trials of each on 3 seeds" in out
    assert "plain.tuning: 48 runs" in out
    assert dispatch(["plan", "tuned.yaml", "tune.sampler=optuna", "tune.trials=3"]) == 0
    assert dispatch(["status", "plain.tuning"]) == 0, "the trials are a study like any other"


@pytest.mark.slow
def test_results_of_another_tuning_are_replaced_only_if_asked_to(desk, capsys):
    words = ["tuned.yaml", "model=gru", "regime=free_running", "seed=0,1"]
    assert study(*words) == 0
    assert dispatch(["table", "tuned.tuning"]) == 0
    assert study(*words) == 0, "the same tuning replaces nothing"
    other = [*words, "tune.axes.training.lr=0.01,0.02"]
    before = info(desk)
    store = Store(desk / "results" / ".store")
    runs = len(list(store.runs()))
    with pytest.raises(ConfigError, match=r"holds results of methods that were tuned otherwise; .*--replace lets"):
        study(*other)
    assert dispatch(["plan", *other]) == 0
    assert "note: results/tuned: holds results of methods that were tuned otherwise" in capsys.readouterr().out
    assert (info(desk), len(list(store.runs()))) == (before, runs), "nothing was trained"
    assert study(*other, "--replace") == 0
    assert info(desk)["tuned"]["axes"] == {"training.lr": "0.01,0.02"}
    assert len(info(desk, "tuned.tuning")["ids"]) == 4


@pytest.mark.slow
def test_a_measurement_of_a_tuned_study_knows_what_was_chosen(desk):
    assert study("tuned.yaml", "model=gru") == 0
    assert dispatch(["measure", "tuned", "evaluation.horizon=2", "--as", "near", "launcher=inline"]) == 0
    assert info(desk, "near")["tuned"] == info(desk)["tuned"]
    frames = outputs.of("near", Place(results=desk / "results")).frames
    assert Material.of(frames, {}).chosen
    methods = [{**method, "runs": ["0" * 16]} for method in frames.tuned["methods"]]
    strange = replace(frames, tuned={**frames.tuned, "methods": methods})
    assert tuning_tables.frames(strange) == {}, "a method of which there is no run is left out"
    assert tuning_section.section(Material.of(strange, {})) is None
    assert expected_best.draw(Material.of(strange, {})) == {}


def test_what_was_kept_of_a_trial_may_be_tuned_and_a_file_may_leave_all_to_the_defaults(desk, capsys):
    (desk / "usual.yaml").write_text("tune:\n" + CASES)
    assert dispatch(["plan", "usual.yaml"]) == 0
    assert "4 methods, 4 trials of each on 3 seeds" in capsys.readouterr().out
    assert dispatch(["plan", "tuned.yaml", "tune.axes.training.keep=last,best"]) == 0
    assert "4 methods, 6 trials of each on 2 seeds" in capsys.readouterr().out


@pytest.mark.slow
def test_settings_are_chosen_by_the_headline_of_one_step_that_a_task_has_on_validation(desk, capsys):
    """By the free loss what collapses would be chosen: the exact source pays for every other way to go on."""
    one_model = CASES.replace("[gru, output_recurrent]", "gru")
    other_task = one_model.replace("\ncases:\n  - ", "  - task: lorenz63\n    ")
    (desk / "both.yaml").write_text(TUNE.replace("  metric: loss\n", "") + one_model + other_task)
    assert dispatch(["plan", "both.yaml"]) == 0
    told = capsys.readouterr().out
    assert "hidden_markov: chosen is what is best in one_step_error,compared,validation" in told
    assert "lorenz63: chosen is what is best in worst_one_step,compared,validation" in told
    assert study("both.yaml", "regime=teacher_forcing") == 0
    tuned, store = info(desk, "both")["tuned"], Store(desk / "results" / ".store")
    names = ["one_step_error", "worst_one_step"]
    assert [method["target"]["metric"] for method in tuned["methods"]] == names
    for method in tuned["methods"]:
        for trial in method["trials"]:
            rows = [row for run in trial["runs"] for row in store.read(run)["comparisons"]]
            assert [row["split"] for row in rows] == ["validation"] * 2
            assert trial["value"] == pytest.approx(math.fsum(row["values"][0] for row in rows) / 2)
        assert method["chosen"] == min(method["trials"], key=lambda trial: trial["value"])["settings"]
    material = Material.of(outputs.of("both", Place(results=desk / "results")).frames, {})
    assert material.tables.gaps["split"].isin(["train", "test"]).all(), "the study itself is measured on the test split"
    section = given(tuning_section.section(material))
    assert "the smallest one_step_error, compared, on validation; or, as the task has it, the smallest" in section.sentences[0]
    assert section.tables[0].head[6:8] == ("Chosen by", "Value")
    labels = [axes.get_ylabel() for axes in expected_best.draw(material)[""].axes]
    assert [name for label in labels for name in names if name in label] == names


@pytest.mark.slow
def test_by_the_free_loss_the_rate_that_has_learned_least_would_be_chosen(desk):
    words = ["model.hidden=16", "task.sequences=2048", "task.length=30", "training.updates=300", "training.batch=32"]
    words += [
        "evaluation.sequences=64",
        "evaluation.warmup=8",
        "model=gru",
        "regime=teacher_forcing",
        "seed=0",
        "tune.seeds=100",
    ]
    words += ["tune.metric=one_step_error", "tune.axes.training.lr=0.0003,0.01"]
    assert study("tuned.yaml", *words) == 0
    (method,) = info(desk)["tuned"]["methods"]
    little, much = method["trials"]
    assert method["chosen"] == {"training.lr": "0.01"}
    assert much["value"] < 0.6 * little["value"]
    store, losses = Store(desk / "results" / ".store"), []
    for trial in (little, much):
        (run,) = trial["runs"]
        losses += [point["value"] for point in store.read(run)["curves"] if point["quantity"] == "validation_free_loss"][-1:]
    assert losses[0] < losses[1] - 0.05


def test_a_file_that_says_what_cannot_be_of_its_tuning_is_damaged(tmp_path):
    trial = {"settings": {"a": "1"}, "runs": [], "value": 1.0, "state": "1", "lost": False, "pruned": False, "updates": 1}
    method = {"runs": [], "chosen": {"a": "1"}, "trials": [trial], "updates": 1, "steps": 1, "products": 9.0, "seconds": 1.0}
    tuned = {
        "axes": {"a": "1,2"}, "sampler": "grid", "pruner": "none", "metric": "loss", "mode": "free", "split": "validation",
        "maximize": False, "seeds": [1], "methods": [method],
    }  # fmt: skip
    pruned = {**method, "trials": [{**trial, "value": None, "pruned": True}]}
    changes = [{}, {"methods": []}, {"methods": [{**method, "chosen": {"a": "2"}}]}, {"methods": [pruned]}, {"pruner": "magic"}]
    for number, change in enumerate(changes):
        (tmp_path / study_file.NAME).write_text(json.dumps({"ids": [], "planned": {}, "tuned": {**tuned, **change}}))
        if number == 0:
            assert study_file.read(tmp_path)["tuned"] == tuned
            older = {name: value for name, value in method.items() if name != "products"}
            (tmp_path / study_file.NAME).write_text(
                json.dumps({"ids": [], "planned": {}, "tuned": {**tuned, "methods": [older]}})
            )
            assert study_file.read(tmp_path)["tuned"]["methods"][0]["products"] == 0
        else:
            with pytest.raises(NotPlain):
                study_file.read(tmp_path)


def test_where_every_trial_diverges_nothing_is_chosen(desk):
    with pytest.raises(FreerunError, match="gru teacher_forcing and 1 more: no trial has a finite one_step_error,comp"):
        study("plain.yaml", "--tune", "model=gru", "tune.axes.training.lr=1e38,2e38", "tune.seeds=9", "training.clip=null")


@pytest.mark.slow
def test_where_a_run_of_a_trial_fails_nothing_is_chosen_and_the_same_command_comes_to_what_it_would_have(desk, capsys):
    """The methods would not have had as many trials, and another choice would have other runs than are there."""
    from freerun.execution import group_runner

    words, run_group, failing = ["tuned.yaml", "model=gru", "seed=0", "--group", "1"], group_runner.run_group, [True]

    def at_times(runs, *given, **named):
        if failing and (runs[0].tree["training"]["lr"], runs[0].tree["regime"]["name"]) == (0.1, "free_running"):
            raise ValueError("no such luck")
        return run_group(runs, *given, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(group_runner, "run_group", at_times)
        with pytest.raises(FreerunError, match=r"^tuned\.tuning: 2 of its runs failed, so what is best is not"):
            study(*words)
        said = capsys.readouterr()
        assert "gru free_running, trial 2: training.lr=0.1  failed" in said.out
        assert said.err.count("failed: ") == 2
        assert not (desk / "results" / "tuned").exists(), "nothing is trained by a choice among fewer trials"
        failing.clear()
        assert study(*words) == 0
    told = info(desk)["tuned"]["methods"]
    assert study(*words, "--results", "whole") == 0
    whole = json.loads((desk / "whole" / "tuned" / "study.json").read_text())["tuned"]["methods"]
    assert [{**method, "seconds": 0} for method in told] == [{**method, "seconds": 0} for method in whole]


def test_methods_of_other_objectives_or_widths_have_names_of_their_own_and_the_same_budget(desk):
    """Two names that are one hid that a method has fewer points than another."""
    words = ["model=gru", "regime=teacher_forcing", "seed=0"]
    tune = ["tune.axes.objective.divergence=forward,reverse", "tune.sampler=random", "tune.trials=4"]
    for objectives in ("exact_expert,cross_entropy", "cross_entropy,exact_expert"):
        with pytest.raises(ConfigError, match=r"trials=4: .*objective=cross_entropy has only 3 points.*at most 3"):
            tuned_study.of(load("tuned.yaml", [*words, f"objective={objectives}"]), tune)
    widths = given(tuned_study.of(load("tuned.yaml", ["model=gru", "regime=teacher_forcing", "model.hidden=2,4"])))
    names = [f"hidden_markov gru teacher_forcing model.hidden={hidden}" for hidden in (2, 4)]
    assert [method.name for method in widths.methods] == names


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["plain.yaml", "tune.trials=3"], "study plain is not tuned; add --tune"),
        (["tuned.yaml", "tune.seeds=2,3"], "2 is a seed of the study"),
        (["tuned.yaml", "tune.trials=2"], "trials=2: the grid has 3 points"),
        (["tuned.yaml", "tune.trials=4", "tune.sampler=random"], "has only 3 points, and all have the same budget"),
        (["tuned.yaml", "tune.sampler=random"], "trials: must say how many points random tries"),
        (["tuned.yaml", "model=gru", *BUDGET, "tune.products=1"], "one trial of .* takes"),
        (["tuned.yaml", "model=gru", *BUDGET, "tune.products=many"], "must be a number above 0"),
        (["tuned.yaml", "model=gru", *BUDGET, "tune.products=-1"], "must be a number above 0"),
        (["tuned.yaml", "model=gru", *BUDGET, "tune.products=1e9", "tune.trials=3"], "in place of trials"),
        (["tuned.yaml", "model=gru", *BUDGET, "tune.products=1e9", "tune.pruner=halving"], "that is pruned takes fewer"),
        (["tuned.yaml", "tune.products=1e9"], "a grid is tried whole"),
        (["tuned.yaml", "tune.sampler=random", "tune.products=1e9"], "has only 3 points"),
        (
            ["tuned.yaml", "model=gru", *BUDGET, "tune.axes.training.updates=12,24", "tune.products=1e6"],
            "tune settings that change nothing",
        ),
        (["tuned.yaml", "tune.sampler=bayes"], "sampler=.*did you mean|choose"),
        (["tuned.yaml", "tune.trails=3"], "unknown key .*tune.trials"),
        (["tuned.yaml", "tune.axes.task.length=6,8"], "errors on two tasks cannot be compared"),
        (["tuned.yaml", "tune.axes.model=gru,lstm"], "another part is another method"),
        (["tuned.yaml", "tune.axes.evaluation.horizon=2,3"], "is of what is measured"),
        (["tuned.yaml", "tune.axes.training.lr=0.1"], "one value is no choice|nothing to search"),
        (["tuned.yaml", "tune.axes.training.lr=0.1,0.10"], "named twice; name each value once"),
        (["tuned.yaml", "tune.axes.regime.nothing=1,2"], "regime.nothing"),
        (["tuned.yaml", "tune.axes.regime.end=0,0.5", "regime=teacher_forcing,scheduled_sampling"], "all have the same budget"),
        (["tuned.yaml", "training.lr=0.1,0.2"], "training.lr: the study sweeps over it"),
        (["tuned.yaml", "tune.metric=worst_one_step,valid_time"], "worst_one_step, valid_time: not measured on hidden"),
        (["tuned.yaml", "tune.metric=kl", "tune.mode=compared"], "kl is of one mode"),
        (["tuned.yaml", "tune.metric=one_step_error", "tune.mode=free"], "both modes side by side, .*error,compared,val"),
        (["tuned.yaml", "tune.metric=one_step_eror"], "tune: one_step_eror,validation: unknown name .*one_step_error"),
        (["tuned.yaml", "tune.metric=kl", "tune.pruner=halving"], "by the loss on validation alone; choose metric: loss"),
        (["tuned.yaml", "tune.axes.training.lr=interval(0.1,1)"], "a grid has lists and ranges"),
    ],
)  # fmt: skip
def test_what_cannot_be_tuned_is_refused_before_anything_is_trained(desk, words, parts):
    with pytest.raises(ConfigError, match=parts):
        study(*words)
    assert not (desk / "results").exists()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("tune: 3\n", "must be a mapping"),
        ("tune: {axis: {training.lr: [1, 2]}}\n", "unknown key .*axes"),
        ("tune: {axes: {training.lr: {a: 1}}}\n", "must be a list of values"),
        ("tune: {axes: {}}\n", "must name at least one key"),
        ("tune: {trials: many}\n", "must be a whole number"),
        ("tune: {mode: [free]}\n", "mode: must be text"),
        ("tune: {metric: [1]}\n", "metric: must be a name, or a list of names"),
    ],
)
def test_a_file_that_asks_for_no_tuning_is_refused(desk, text, parts):
    (desk / "odd.yaml").write_text(text + CASES)
    with pytest.raises(ConfigError, match=parts):
        study("odd.yaml")


def test_a_job_and_its_experiment_are_one():
    """The runs of a study are made job by job, which its tuning takes apart and puts together again."""
    from freerun.config.hydra.compose import experiments, jobs, of_jobs

    words = ["task=lorenz63", "regime=scheduled_sampling,free_running", "seed=range(2)", "training.lr=0.1,0.2"]
    whole = [canonical(each) for each in experiments(words, sweep=True)]
    assert [canonical(each) for each in of_jobs(jobs(words, sweep=True))] == whole
