"""Tests of studies in Python: loaded by name or folder, narrowed, tabulated, drawn, compared; each run had back."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import freerun
from freerun import Evaluation, Experiment, FreeRunning, HiddenMarkov, OutputRecurrent, Study, TeacherForcing, Training
from freerun.analysis import outputs
from freerun.analysis.report import exposure_gap
from freerun.cli.main import dispatch
from freerun.errors import ConfigError
from freerun.store.results_folder import Place
from synthetic import simulated

KEPT = Path(__file__).resolve().parents[2] / "results"


@pytest.fixture(scope="module")
def kept():
    """A study whose records are not there: its tables are."""
    return freerun.load("exact_expert", KEPT)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A study with records and weights."""
    folder = tmp_path_factory.mktemp("small")
    words = ["task=hidden_markov", "task.length=12", "task.sequences=16", "model=gru", "model.hidden=3", "training.updates=2"]
    words += ["regime=teacher_forcing,free_running", "seed=0,1", "evaluation.sequences=4", "launcher=inline"]
    assert dispatch(["run", "-m", *words, "--results", str(folder), "--as", "small"]) == 0
    return folder


def test_a_study_is_loaded_by_its_name_or_its_folder(small):
    study = freerun.load("small", small)
    assert repr(study).splitlines() == [
        "Study small: 4 runs, 4 done", "task    hidden_markov", "model   gru", "regime  teacher_forcing, free_running",
    ]  # fmt: skip
    other = freerun.load(small / "small")
    for name in ("runs", "curves", "gaps", "compared", "players", "budgets"):
        pd.testing.assert_frame_equal(getattr(study, name), getattr(other, name))
    assert set(study.gaps["mode"]) == {"forced", "free"}


def test_without_records_the_tables_of_the_folder_are_read(kept, tmp_path):
    assert len(kept) == 60
    assert set(kept.summary()["n"]) == {10}
    with pytest.raises(ConfigError, match=r"has no weights in .*; train it first"):
        next(iter(kept)).model()
    with pytest.raises(ConfigError, match="study 'exact_exprt': nothing under"):
        freerun.load("exact_exprt", KEPT)


def test_some_runs_have_the_tables_of_a_study_of_them(small):
    """With the reference players of their worlds, whichever run these stood beside."""
    whole = freerun.load("small", small)
    some = whole.select(regime="free_running", seed=[0, 1])
    assert set(some.runs["regime"]) == {"free_running"}
    words = ["task=hidden_markov", "task.length=12", "task.sequences=16", "model=gru", "model.hidden=3", "training.updates=2"]
    words += ["regime=free_running", "seed=0,1", "evaluation.sequences=4", "launcher=inline"]
    assert dispatch(["run", "-m", *words, "--results", str(small), "--as", "free"]) == 0
    alone = freerun.load("free", small)
    assert len(alone.players)
    for name in ("curves", "gaps", "compared", "players", "budgets"):
        ours, theirs = (getattr(of, name).drop(columns="study", errors="ignore") for of in (some, alone))
        pd.testing.assert_frame_equal(ours.astype(str), theirs.astype(str), check_column_type=False, obj=name)
    pd.testing.assert_frame_equal(some.summary(), alone.summary())


def test_a_selection_by_any_setting_keeps_what_has_it(kept):
    expert = kept.select({"objective.divergence": ["forward"]}, regime=["free_running", "teacher_forcing"])
    assert set(expert.runs["objective"]) == {"exact_expert"}
    assert len(expert) == 20
    assert set(expert.gaps["run"].astype(str)) == set(expert.runs["run"].astype(str))
    assert len(kept) == 60, "the study itself stays as it is"


def test_settings_of_a_study_in_one_text_are_refused():
    with pytest.raises(ConfigError, match=r"^Study 'training.updates=10': settings are a dictionary[^\n]*$"):
        Study("first_look", "training.updates=10")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"regim": "free_running"}, "select 'regim': no such setting; did you mean 'regime'?"),
        ({"regime": "sparse_forcing"}, "select regime='sparse_forcing': no run has it; there is teacher_forcing, scheduled"),
        ({"regime": "free_running", "objective": "cross_entropy", "seed": 11}, "select seed=11: no run has it"),
    ],
)
def test_what_cannot_be_selected_is_said_in_one_line(kept, asked, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        kept.select(**asked)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda _: freerun.load(3), "load 3: must be the name of a study, or the path of its folder"),
        (lambda study: study.select("gru"), "select 'gru': must be settings by name, such as"),
        (lambda study: study.figure("gap_by_model", labels=3), "labels 3: must be new labels by those that figures show"),
        (lambda study: study.compare("gru", 3), "compare takes two settings of this study, or another study alone"),
        (
            lambda study: freerun.figures.ranking(study, widht=3),
            "figure ranking: 'widht': no such option; did you mean 'width'?",
        ),
        (lambda _: freerun.figures.ranking(3), "figure ranking: must be of a study, or of tables, got 3"),
    ],
)
def test_what_is_of_the_wrong_kind_is_said_in_one_line(kept, ask, said):
    with pytest.raises(ConfigError, match=f"^{re.escape(said)}[^\n]*$"):
        ask(kept)


def test_one_run_is_had_by_its_settings_or_its_identity(small):
    study = freerun.load("small", small)
    run = study.run(regime="free_running", seed=1)
    assert repr(run) == f"Run {run.id}: hidden_markov gru free_running, seed 1, done"
    assert study.run(run.id).id == study.run(run.id[:8]).id == run.id
    assert run.experiment.regime == FreeRunning()
    assert run.experiment.seed == 1
    assert set(run.gaps["run"].astype(str)) == {run.id}
    assert run.model().generate(2, 5).shape == (5, 2)
    assert [one.id for one in study] == list(study.runs["run"])
    with pytest.raises(ConfigError, match="run 'regime=free_running': 2 of 4 runs; select one by its settings and its seed"):
        study.run(regime="free_running")
    with pytest.raises(ConfigError, match="run 'zz': 0 of 4 runs"):
        study.run("zz")


def test_an_experiment_of_a_run_can_be_run_again_and_is_the_same_run(small):
    run = next(iter(freerun.load("small", small)))
    before = {path: path.stat().st_mtime_ns for path in small.rglob("*.json")}
    tables = freerun.run([run.experiment], small)
    assert list(tables.runs["run"]) == [run.id]
    assert {path: path.stat().st_mtime_ns for path in small.rglob("*.json")} == before


def test_figures_are_drawn_by_name_of_the_runs_that_are_left(kept):
    some = kept.select(objective="exact_expert")
    figure = some.figure("gap_by_model")
    words = " ".join(text.get_text() for axes in figure.axes for text in (*axes.texts, axes.title))
    assert words
    with pytest.raises(ConfigError, match=r"figure 'gap_by_modell': these runs have none; did you mean 'gap_by_model'\?"):
        some.figure("gap_by_modell")


def test_two_sides_are_compared_and_the_comparison_is_kept(small):
    found = freerun.load("small", small).compare("free_running", "teacher_forcing")
    assert found.sentences
    assert len(found.table)
    assert found.path.is_relative_to(small)
    assert repr(found).startswith("\n".join(found.sentences))
    assert "<table" in found._repr_html_()
    with pytest.raises(ConfigError, match="compare takes two settings of this study, or another study alone"):
        freerun.load("small", small).compare("free_running")


def test_what_was_run_from_python_is_found_again(tmp_path):
    """A run of `freerun.run` belongs to no study; its experiment is its name."""
    experiment = Experiment(
        task=HiddenMarkov(sequences=16, length=8), model=OutputRecurrent(hidden=3), regime=TeacherForcing(),
        training=Training(updates=2, batch=2), evaluation=Evaluation(warmup=2, sequences=4),
    )  # fmt: skip
    freerun.run([experiment], tmp_path)
    with pytest.raises(ConfigError, match="nothing under"):
        freerun.load("python", tmp_path)


def tiny(**settings):
    return Experiment(
        task=HiddenMarkov(sequences=16, length=12), model="gru", training=Training(updates=2, batch=2),
        evaluation=Evaluation(warmup=2, sequences=4, metrics=["tv", "loss"]), **settings,
    )  # fmt: skip


def test_a_study_is_made_of_experiments_and_trains_nothing_before_it_is_told_to(tmp_path):
    study = Study([tiny(regime=regime) for regime in ("teacher_forcing", "free_running")], name="mine", results=tmp_path)
    assert repr(study).splitlines()[0] == "Study mine: 2 runs, 0 done, 2 pending"
    assert study.experiments[1].regime == FreeRunning()
    plan = study.plan()
    assert (plan.runs, plan.groups, plan.states["pending"]) == (2, 2, 2)
    assert repr(plan).startswith("mine: 2 runs, 2 groups; nothing is trained by this command\n0 done, 2 pending\nto do")
    assert "<td" in plan._repr_html_()
    assert not list(tmp_path.iterdir())
    assert Study(tiny(), results=tmp_path).name.startswith("run-"), "one experiment will do, and a name is not needed"


def test_a_study_is_made_of_a_file_or_a_name(tmp_path, small, capsys):
    (tmp_path / "two.yaml").write_text(
        "title: Two\ncases:\n  - {task: hidden_markov, model: gru, seed: range(2), regime: [teacher_forcing, free_running]}\n"
    )
    study = Study(tmp_path / "two.yaml", {"training.updates": [3, 4]}, seed=range(3), results=tmp_path)
    assert (study.name, study.info["title"], len(study)) == ("two", "Two", 12)
    assert sorted(study.runs["training.updates"].unique()) == [3, 4]
    assert len(Study("path_star", {"task.form": ["forward"]}, seed=0, results=tmp_path)) == 1
    assert dispatch(["run", "--cfg", "job", "task=markov", "model=gru"]) == 0
    (tmp_path / "job.yaml").write_text(capsys.readouterr().out)
    assert list(Study(tmp_path / "job.yaml", seed=[1, 2], results=tmp_path).runs["seed"]) == [1, 2]
    again = Study("small", results=small)
    assert set(again.runs["run"]) == set(freerun.load("small", small).runs["run"])
    assert set(again.runs["status"]) == {"done"}


@pytest.mark.parametrize(
    ("asked", "settings", "said"),
    [
        ("firstlook", {}, "study 'firstlook': unknown study; did you mean 'first_look'?"),
        ([], {}, "Study: holds no experiment"),
        ([3], {}, "an experiment or a list of them is wanted, got 3 in the list"),
        (3, {}, "an experiment or a list of them is wanted, got 3"),
        ([tiny()], {"seed": 3}, "Study 'seed=3': is for the name or the file of a study; experiments say it themselves"),
        ([tiny()], {"tune": {}}, "Study 'tune': is for the name or the file of a study"),
        ([tiny()], {"name": "../x"}, "a name is letters, digits"),
        ("path_star", {"sed": 3}, "unknown key 'sed'; did you mean 'seed'"),
        ("path_star", {"tune": {"trils": 3}}, "tune: unknown key 'trils'; did you mean 'trials'?"),
        ("path_star", {"tune": 3}, "tune: must be a mapping with the keys"),
    ],
)
def test_what_makes_no_study_is_said_in_one_line(asked, settings, said, tmp_path):
    with pytest.raises(ConfigError, match=re.escape(said)):
        Study(asked, results=tmp_path, **settings)


def test_some_runs_are_looked_at_and_not_trained(small):
    some = freerun.load("small", small).select(regime="free_running")
    for act in (some.train, some.plan, lambda: some.extend(3), lambda: some.measure(horizon=3)):
        with pytest.raises(ConfigError, match=r"these are some runs of small; Study\(selection.experiments, name=...\) is"):
            act()
    with pytest.raises(ConfigError, match=r"these are some runs of small; give it a name of its own, report\(NAME\)"):
        some.report()
    assert [one.seed for one in some.experiments] == [0, 1]


def test_results_of_other_runs_are_not_replaced_unasked(small):
    other = Study(tiny(seed=9), name="small", results=small)
    outputs.of("small", Place(results=small)).write_tables()
    with pytest.raises(ConfigError, match=r"holds a study of 4 other runs; --as NAME keeps both"):
        other.train()
    assert len(freerun.load("small", small)) == 4


def test_a_report_is_a_page_that_shows_itself(tmp_path):
    for name in ("report.html", "report.md"):
        (tmp_path / name).write_text("<p>the answer</p>")
    page = freerun.ReportPage(folder=tmp_path)
    assert repr(page) == f"Report {tmp_path / 'report.html'}"
    assert Path(page) == page.path
    assert page.markdown.is_file()
    shown = page._repr_html_()
    assert shown.startswith("<iframe srcdoc=")
    assert "sandbox" in shown
    assert "<script" not in shown


def test_the_table_of_a_paper_is_a_frame_and_a_file(small, tmp_path):
    study = freerun.load("small", small)
    frame = study.table(tmp_path / "t.tex")
    assert {"task", "model", "method", "level", "mean", "low", "high"} <= set(frame.columns)
    assert "tabular" in (tmp_path / "t.tex").read_text()
    with pytest.raises(ConfigError, match=r"t.txt: must end in .md, .tex, .csv, .parquet"):
        study.table(tmp_path / "t.txt")


def test_the_exposure_gap_is_the_one_step_error_at_own_prefixes_minus_that_at_true_ones(kept):
    gap = kept.exposure_gap()
    assert len(gap) == 6
    assert set(gap["n"]) == {10}
    assert set(gap["note"]) == {""}
    for row in gap.to_dict("records"):
        rows = kept.gaps[(kept.gaps["metric"] == row["metric"]) & (kept.gaps["split"] == "test")]
        assert row["gap_low"] <= row["gap"] <= row["gap_high"]
        assert row["gap"] == pytest.approx(row["free"] - row["forced"])
        assert len(rows)
    by_method = kept.select(regime="teacher_forcing", objective="cross_entropy")
    rows = by_method.gaps.query(f"metric == '{gap['metric'][0]}' and split == 'test'").astype({"mode": "str", "run": "str"})
    levels = rows.groupby(["mode", "run"])["value"].mean().groupby("mode").mean()
    (row,) = by_method.exposure_gap().to_dict("records")
    assert (row["forced"], row["free"]) == pytest.approx((levels["forced"], levels["free"]))


def test_the_exposure_gap_by_lead_is_that_of_each_step_and_none_at_the_release(kept):
    """Levels and gap of a step are the means over seeds of just that step, the interval Student's t of its differences."""
    by_lead, over = kept.exposure_gap(by="lead"), kept.exposure_gap()
    assert set(by_lead.columns) == {*over.columns, "step"} - {"gap_p"}
    assert not by_lead.duplicated(["task", "model", "regime", "step"]).any()
    assert (by_lead.loc[by_lead["step"] == 1, ["gap", "gap_low", "gap_high"]] == 0).all(axis=None)
    means = by_lead.groupby(["task", "model", "regime"], observed=True)[["forced", "free", "gap"]].mean()
    np.testing.assert_allclose(means, over.set_index(["task", "model", "regime"])[["forced", "free", "gap"]], rtol=1e-9)
    one = kept.select(regime="free_running", objective="cross_entropy")
    last = one.exposure_gap(by="lead").iloc[-1]
    rows = one.gaps.astype({"mode": "str", "run": "str"})
    rows = rows[(rows["metric"] == last["metric"]) & (rows["split"] == "test") & (rows["step"] == last["step"])]
    levels = rows.pivot_table(index="run", columns="mode", values="value")
    apart = levels["free"] - levels["forced"]
    half = stats.t.ppf(0.975, len(apart) - 1) * apart.std() / len(apart) ** 0.5
    assert (last["gap"], last["gap_high"] - last["gap"]) == pytest.approx((apart.mean(), half))


def test_an_exposure_gap_by_lead_of_a_ratio_is_of_geometric_means():
    free = np.exp(np.random.default_rng(0).normal(size=(1, 1, 4, 3)))
    tables = simulated(free, forced=free / 2, metric="rmse", unit="attractor std")
    by_lead = exposure_gap(replace(tables, quantities=tables.quantities.assign(account="one-step error")), "lead")
    assert list(by_lead["log"]) == [True] * 3
    np.testing.assert_allclose(by_lead[["factor", "factor_low", "factor_high"]], 2)
    np.testing.assert_allclose(by_lead["free"], np.exp(np.log(free[0, 0]).mean(0)))
    np.testing.assert_allclose(by_lead["gap"], by_lead["free"] / 2)


def test_where_the_truth_does_not_answer_the_exposure_gap_says_so():
    free = np.exp(np.random.default_rng(0).normal(size=(1, 2, 3, 2)))
    for by in ("condition", "lead"):
        gap = exposure_gap(simulated(free, forced=free / 2), by)
        assert len(gap) == 2
        assert gap[["forced", "free", "gap"]].isna().all(axis=None)
        assert gap["note"].str.startswith("no error at each step against the true answer is measured on this task").all()
    with pytest.raises(ConfigError, match="exposure_gap by='leed': unknown; did you mean 'lead'"):
        exposure_gap(simulated(free), "leed")


def test_a_study_is_measured_anew_under_another_name(small):
    study = freerun.load("small", small)
    shorter = study.measure(horizon=3, metrics=["tv", "loss"], name="shorter")
    assert shorter.name == "shorter"
    assert set(shorter.gaps["metric"]) == {"tv", "loss"}
    assert shorter.gaps["step"].max() == 3
    assert set(shorter.runs["run"]) == set(study.runs["run"])
    with pytest.raises(ConfigError, match=r"unknown key 'evaluation\.horizn'; did you mean"):
        study.measure(horizn=3)


def test_every_object_shows_itself_in_short(small):
    study = freerun.load("small", small)
    run = study.run(regime="free_running", seed=1)
    model, tables = run.model(), study.tables
    nodes = (run.experiment.model, run.experiment.task, run.experiment.training, run.experiment.evaluation)
    for shown in (study, run, model, tables, run.experiment, *nodes):
        text, page = repr(shown), shown._repr_html_()
        assert len(text) < 1200
        assert "object at 0x" not in text
        assert page.count("<table") == page.count("</table") > 0
    assert repr(tables).splitlines()[1].split()[:3] == ["runs", "4", "rows:"]
    assert repr(model).splitlines()[0].startswith("TrainedModel: GRU(hidden=3), HiddenMarkov(")
    assert "FreeRunning()" in run._repr_html_()
    assert '<td style="text-align:left">cosine</td>' in run.experiment.training._repr_html_()
    assert study.figure("gap_by_model")._repr_png_().startswith(b"\x89PNG")
