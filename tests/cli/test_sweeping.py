"""Tests of planning, watching, retrying, searching, exporting and cleaning, as they are typed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest

from freerun.cli.commands.completion import candidates
from freerun.cli.main import dispatch
from freerun.errors import ConfigError
from freerun.execution import launchers
from freerun.store import claims, manifest
from freerun.store.records import Store
from freerun.store.results_folder import Place
from tiers import tiered

TINY = ["task.sequences=16", "task.length=6", "evaluation.warmup=1", "model.hidden=2", "training.updates=2", "training.batch=2"]
PLUGIN = Path(__file__).parents[1] / "reliability" / "faulty.py"
STUDY = """
cases:
  - task.sequences: 16
    task.length: 6
    evaluation.warmup: 1
    model.hidden: 2
    training.updates: 2
    training.batch: 2
    regime: [teacher_forcing, free_running]
    seed: range(2)
"""


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "few.yaml").write_text(STUDY)
    return tmp_path


def said(capsys, *words):
    code = dispatch(list(words))
    return code, capsys.readouterr().out


def test_plan_trains_and_writes_nothing_and_knows_what_is_done(desk, capsys):
    code, out = said(capsys, "plan", "few.yaml", "--group", "1")
    assert code == 0
    assert "4 runs, 4 groups" in out
    assert "0 done, 4 pending" in out
    assert "rough guess" in out
    assert [path.name for path in desk.iterdir()] == ["few.yaml"]
    said(capsys, "run", "-m", *TINY, "seed=0,1", "launcher=inline")
    _, out = said(capsys, "plan", "few.yaml")
    assert "2 done, 2 pending" in out
    assert "from the times of earlier runs like these" in out


def test_a_run_that_takes_longer_is_planned_to_take_longer(desk, capsys):
    from freerun.execution import memory_estimate, time_estimate
    from freerun.sweeps import study as studies

    short, long = (studies.adhoc([*TINY[:-2], f"training.updates={n}"], sweep=False).runs[0] for n in (1000, 4000))
    costs = time_estimate.Costs()
    assert costs.seconds(long)[0] > 2 * costs.seconds(short)[0]
    small, large = (studies.adhoc([*TINY[:3], f"model.hidden={n}"], sweep=False).runs[0] for n in (8, 512))
    assert memory_estimate.memory(large) > 4 * memory_estimate.memory(small)
    assert memory_estimate.most_at_once(large, 32, memory_estimate.BASE + 3 * memory_estimate.memory(large)) == 3
    assert memory_estimate.most_at_once(large, 32, None) == 32


def test_a_plan_learns_nothing_from_odd_records(desk, capsys):
    assert said(capsys, "run", "-m", *TINY, "seed=range(8)", "launcher=inline")[0] == 0
    from freerun.io.container import wrapped
    from freerun.store.records import FORM, trained_run

    store = Store(desk / "results" / ".store")
    odd = [
        lambda r: r["experiment"]["task"].update(length=[1]), lambda r: r["experiment"].pop("training"),
        lambda r: r["experiment"]["training"].pop("batch"), lambda r: r["experiment"].update(device={}),
        lambda r: r["experiment"].update(model="gru"), lambda r: r["provenance"].update(evaluation_seconds="soon"),
        lambda r: r["provenance"].update(training_seconds=[]), lambda r: r.update(experiment=[]),
    ]  # fmt: skip
    for run, spoil in zip(sorted(map(trained_run, store.runs())), odd, strict=True):
        record = json.loads(store.body(run))
        spoil(record)
        body = json.dumps(record).encode()
        store.path(run).write_bytes(wrapped(body, FORM))
    code, out = said(capsys, "plan", "-m", *TINY, "seed=range(8,10)")
    assert code == 0
    assert "rough guess" in out


def test_groups_are_as_small_as_memory_wants_and_as_many_as_workers(desk):
    from freerun.sweeps import study as studies

    runs = studies.adhoc([*TINY, "seed=range(12)"], sweep=True).runs
    sizes = {name: [len(piece) for piece in launchers.choose(words, {})[0].pieces(runs)] for name, words in {
        "one": ["launcher.workers=1"], "three": ["launcher.workers=3"], "bounded": ["launcher.workers=1", "launcher.group=5"],
        "poor": ["launcher.workers=1", "launcher.memory=0.001"],
    }.items()}  # fmt: skip
    assert sizes == {"one": [12], "three": [6, 3, 3], "bounded": [5, 5, 2], "poor": [1] * 12}


def test_status_says_what_runs_and_why_something_failed(desk, capsys):
    words = [*TINY, f"plugins=[{PLUGIN}]", "regime=faulty", "regime.cause=nothing,exception", "launcher=inline"]
    assert said(capsys, "run", "-m", *words)[0] == 1
    (name,) = (path.name for path in (desk / "results").iterdir() if not path.name.startswith("."))
    code, out = said(capsys, "status")
    assert code == 0
    assert out.splitlines()[1].split() == [name, "2", "1", "0", "1", "0", "0", "0"]
    assert "a fault of this part in two lines" in out
    store = Place(results=desk / "results").store
    (failed,) = (run for run in json.loads((desk / "results" / name / "study.json").read_text())["ids"] if not store.has(run))
    mine = claims.Claims(store)
    assert mine.take([failed]) == [failed]
    mine.report({"update": 1, "updates": 2})
    mine._write()
    code, out = said(capsys, "status", name)
    assert out.splitlines()[1].split() == [name, "2", "1", "0", "0", "1", "0", "0"]
    assert "running: hidden_markov gru faulty regime.cause=exception seed 0 x 1, update 1 of 2" in out
    mine.release()


def test_retry_does_what_failed_and_nothing_else(desk, capsys):
    part = desk / "moody.py"
    part.write_text(
        "import os\nfrom freerun.parts.regimes.free_running import FreeRunning\n"
        "from freerun.parts.regimes import Regime\nimport torch\n"
        "class Moody(Regime):\n    def probability(self, update, updates):\n        return 0.0\n\n"
        "    def mask(self, coins, update, updates):\n        if os.path.exists('bad mood'):\n"
        "            raise RuntimeError('in a bad mood')\n        return torch.zeros_like(coins)\n"
    )
    (desk / "bad mood").touch()
    words = [*TINY, "plugins=[moody.py]", "regime=moody,teacher_forcing", "launcher=inline"]
    assert said(capsys, "run", "-m", *words)[0] == 1
    (name,) = (path.name for path in (desk / "results").iterdir() if not path.name.startswith("."))
    assert said(capsys, "retry", name, "launcher=inline")[0] == 1
    (desk / "bad mood").unlink()
    kept = {path: path.stat().st_mtime_ns for path in (desk / "results" / ".store").rglob("*.json")}
    code, _ = said(capsys, "retry", name, "launcher=inline")
    assert code == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert len(list(Store(desk / "results" / ".store").runs())) == 2
    assert "no run has failed" in said(capsys, "retry", name)[1]
    with pytest.raises(ConfigError, match="settings of the launcher and plugins"):
        dispatch(["retry", name, "seed=1"])


def test_a_search_goes_on_where_it_stopped_and_diverged_points_are_bad(desk, capsys):
    words = [*TINY[:-2], "training.updates=6", "training.clip=null", "seed=0,1", "launcher=inline", "--as", "s"]
    space = ["training.lr=choice(1e-3,1e38)", "model.hidden=range(2,9,2)"]
    words = [word for word in words if not word.startswith("model.hidden")]
    assert said(capsys, "search", *words, *space, "--trials", "3")[0] == 0
    first = pd.read_csv(desk / "results" / "s" / "trials.csv")
    kept = {path: path.stat().st_mtime_ns for path in (desk / "results" / ".store").rglob("*.json")}
    code, out = said(capsys, "search", *words, *space, "--trials", "8")
    trials = pd.read_csv(desk / "results" / "s" / "trials.csv")
    assert code == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert trials.head(3).equals(first) or trials.head(3)["runs"].tolist() == first["runs"].tolist()
    diverged = trials["training.lr"] > 1
    assert diverged.any()
    assert (~diverged).any()
    assert (trials["value"][diverged] == float("inf")).all()
    best = trials.loc[trials["value"].idxmin()]
    assert f"(trial {best['trial']})" in out
    runs = pd.read_csv(desk / "results" / "s" / "runs.csv")
    assert set(" ".join(trials["runs"]).split()) == set(runs["run"])
    assert {"done", "diverged"} == set(runs["status"])


def test_a_search_counts_points_and_knows_what_is_better_when_large(desk, capsys):
    words = ["search", *(word for word in TINY if not word.startswith("model.hidden")), "model.hidden=choice(2,3)"]
    words += ["launcher=inline", "--trials", "5", "--target", "accuracy,free,test"]
    found = {}
    for way, name in ([], "s"), (["--maximize"], "s"), (["--minimize"], "t"):
        assert said(capsys, *words, *way, "--as", name)[0] == 0
        trials = pd.read_csv(desk / "results" / name / "trials.csv")
        _, out = said(capsys, *words, *way, "--as", name)
        best = out[out.index("best of") :].splitlines()[0]
        assert trials["model.hidden"].tolist() in ([2, 3], [3, 2]), "no point is tried twice"
        assert "all 2 points have been tried" in out
        assert best.startswith("best of 2 points: "), out
        assert f"by one measure alone; freerun report {name} judges by every headline" in out
        found[" ".join(way)] = float(best.split("accuracy,free,test ")[1].split()[0])
        wanted = trials["value"].min() if way == ["--minimize"] else trials["value"].max()
        assert found[" ".join(way)] == pytest.approx(wanted, rel=1e-5)
    assert found[""] == found["--maximize"]
    assert said(capsys, *words, "--minimize")[0] == 0  # under a name of its own, with nothing left to train
    with pytest.raises(ConfigError, match="not allowed with"):
        dispatch([*words, "--maximize", "--minimize"])


RIGHT = """
from dataclasses import dataclass

from freerun.measurement.metrics import Metric, Quantity


@dataclass(kw_only=True)
class Right(Metric):
    quantity = Quantity(label="Symbols right", unit="share", better="{way}", range=(0, 1))
    per = "rollout"

    def applies(self, observed):
        return True

    def measure(self, observed):
        return observed.outputs.new_tensor([observed.experiment.training.lr]).double()
"""


def test_a_search_goes_the_way_that_a_plugins_metric_says_is_better(desk, capsys):
    words = ["search", *TINY, "training.lr=choice(0.001,0.01)", "launcher=inline", "--trials", "6", "--as"]
    for way, best in (("higher", "0.01"), ("lower", "0.001")):
        (desk / f"right_{way}.py").write_text(RIGHT.format(way=way))
        asked = [*words, way, f"plugins=[right_{way}.py]", "--target", f"right_{way},free,test"]
        code, out = said(capsys, *asked)
        assert code == 0
        assert f": training.lr={best}  right_{way},free,test {best} " in out
    (desk / "open.py").write_text(RIGHT.format(way="neither"))
    asked = [*words, "open", "plugins=[open.py]", "--target", "open,free,test"]
    with pytest.raises(ConfigError, match="of open neither more nor less is better; add --maximize or --minimize"):
        dispatch(asked)
    assert ": training.lr=0.01  open,free,test 0.01 " in said(capsys, *asked, "--maximize")[1]


def test_a_name_holds_one_search(desk, capsys):
    words = ["search", *TINY[:-2], TINY[-1], "launcher=inline", "--as", "s"]
    first, table = [*words, "training.updates=range(1,4)"], desk / "results" / "s" / "trials.csv"
    assert said(capsys, *first, "--trials", "3")[0] == 0
    kept = table.read_bytes()
    runs = len(list((desk / "results" / ".store").rglob("*.json")))
    for other in (
        [*first, "seed=1"], [*first, "--target", "kl,free,test"], [*words, "training.updates=range(1,5)"],
        [*words, "training.lr=interval(0.1,1)"],
    ):  # fmt: skip
        with pytest.raises(ConfigError, match="there is another search; choose another name"):
            dispatch([*other, "--trials", "1"])
    assert table.read_bytes() == kept
    assert len(list((desk / "results" / ".store").rglob("*.json"))) == runs
    assert "3 trials are there already" in said(capsys, *first, "--trials", "1")[1]
    (table.parent / "search.json").unlink()  # what it was of, nobody knows
    with pytest.raises(ConfigError, match="there is another search"):
        dispatch([*first, "--trials", "3"])
    table.unlink()
    with pytest.raises(ConfigError, match="there is a study"):
        dispatch([*first, "--trials", "3"])


@pytest.mark.parametrize(
    ("word", "kinds"),
    [
        ("model.hidden=interval(4,16)", {int}),
        ("model.hidden=tag(log,interval(4,64))", {int}),
        ("training.updates=interval(1e1, 2e1)", {int}),
        ("training.lr=interval(1,10)", {float}),
        ("regime.end=interval(0,1)", {float}),
        ("task.nothing=interval(1,2)", {float}),
    ],
)
def test_an_interval_is_of_the_kind_of_its_key(word, kinds):
    from freerun.config.hydra import search_space

    fixed = ["regime=scheduled_sampling", "seed=range(2)"]
    for parts in (["model=gru"], ["model=gru,linear"], ["model=null"]):
        _, axes = search_space.split([*fixed, *parts, word])
        (axis,) = (axis for axis in axes if not axis.choices)
        assert {type(axis.low), type(axis.high)} == kinds
        assert (axis.step == 1) == (kinds == {int})


def test_whole_numbers_are_searched_in_whole_numbers(desk, capsys):
    words = [*TINY[:3], *TINY[4:], "model.hidden=interval(2,4)", "training.lr=interval(1,2)", "launcher=inline"]
    assert said(capsys, "search", *words, "--trials", "3", "--as", "s")[0] == 0
    trials = pd.read_csv(desk / "results" / "s" / "trials.csv")
    assert trials["model.hidden"].dtype.kind == "i"
    assert set(trials["model.hidden"]) <= {2, 3, 4}
    assert (trials["training.lr"] % 1 != 0).all()


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--target", "nrmse,free,test"], "not measured on hidden_markov, which has accuracy, js, kl, loss, off_support, tv$"),
        (["--target", "acc_err,free,test"], "both modes side by side"),
        (["--target", "fed_mmd,free,train", "evaluation.distances=true"], "choose fed_mmd,forced,test or fed_mmd,free,test$"),
        (["task=markov", "--target", "validity,free,test"], "not measured on markov"),
    ],
)
def test_a_target_that_is_not_measured_is_refused_before_anything_is_trained(desk, words, parts):
    with pytest.raises(ConfigError, match=parts):
        dispatch(["search", *TINY, "training.lr=interval(0,1)", *words])
    assert [path.name for path in desk.iterdir()] == ["few.yaml"]


@pytest.mark.parametrize(
    "words",
    tiered(
        [
            ["task=embedded_reber"],
            ["task=lorenz63", "evaluation.orbit=100"],
            ["task=adding", "model=sequence_to_one"],
            ["evaluation.distances=true"],
        ],
        quick=lambda words: words[0] in ("task=embedded_reber", "task=lorenz63"),
    ),
    ids=" ".join,
)
def test_what_will_be_measured_is_known_without_training(desk, words):
    from freerun.config.hydra.compose import experiments
    from freerun.measurement.dry_run import measurable

    small = ["task.sequences=16", "model.hidden=2", "training.updates=2", "training.batch=2", "evaluation.sequences=4"]
    (experiment,) = experiments([*words, *small], sweep=False)
    assert dispatch(["run", *words, *small, "launcher=inline"]) == 0
    store = Store(desk / "results" / ".store")
    (run,) = store.runs()
    record = store.read(run)
    series = {(each["metric"], each["mode"], each["split"]) for each in record["series"]}
    compared = {(each["metric"], "compared", each["split"]) for each in record["comparisons"]}
    known = measurable(experiment)
    assert series <= known <= series | compared
    for place in (*compared - known, min(series)):  # what is measured on long orbits is looked for if it is asked for
        assert measurable(experiment, place) == {place}


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["seed=range(3)"], "nothing to search"),
        (["training.lr=interval(1,0)"], "goes up"),
        (["training.lr=tag(log,interval(0,1))"], "log scale"),
        (["model.hidden=range(0.5,3)"], "whole numbers"),
        (["model.hidden=interval(2,4.5)"], "whole number, and so are the ends"),
        (["training.lr=interval(0,1)", "--target", "nothing,free,test"], "unknown name 'nothing'"),
        (["training.lr=interval(0,1)", "--target", "kl,free,validation"], "the loss alone"),
        (["training.lr=interval(0,1)", "--target", "a,b,c,d"], "has the form"),
        (["training.lr=interval(0,1)", "--trials", "0"], "--trials"),
        (["name", "training.lr=interval(0,1)"], "key=value"),
    ],
)
def test_what_cannot_be_searched_is_refused(desk, words, parts):
    with pytest.raises(ConfigError, match=parts):
        dispatch(["search", *words])
    assert [path.name for path in desk.iterdir()] == ["few.yaml"]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["launcher=slrum"], "'slurm'"),
        (["launcher=local", "launcher.partition=x"], "unknown key"),
        (["launcher.workers=0"], "from 1"),
        (["launcher.workers=many"], "whole number"),
        (["launcher.time_limit=-1"], "positive"),
        (["launcher=inline", "launcher.workers=2"], "no worker"),
        (["launcher=slurm", "launcher.cluster=local", "launcher.partition=a;b"], "a word that sbatch takes"),
        (["launcher=slurm", "launcher.cluster=local", "launcher.wait=false"], "no queue"),
        (["launcher=local,slurm"], "unknown launcher"),
    ],
)
def test_wrong_launcher_settings_are_refused(desk, words, parts):
    with pytest.raises(ConfigError, match=parts):
        dispatch(["run", *TINY, *words])
    assert [path.name for path in desk.iterdir()] == ["few.yaml"]


def test_a_pool_takes_more_groups_than_it_has_processes(desk, capsys):
    pytest.importorskip("joblib")
    by = ["launcher=joblib", "launcher.workers=2", "launcher.group=1"]
    code, out = said(capsys, "run", "-m", *TINY, "seed=range(7)", *by, "--as", "seven")
    assert code == 0, out
    assert list(pd.read_csv("results/seven/runs.csv")["status"]) == 7 * ["done"]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("measured")
    (folder / "few.yaml").write_text(STUDY)
    here = Path.cwd()
    os.chdir(folder)
    try:
        assert dispatch(["run", "-m", *TINY, "regime=teacher_forcing,free_running", "seed=0,1", "launcher=inline"]) == 0
    finally:
        os.chdir(here)
    (name,) = (path.name for path in (folder / "results").iterdir() if not path.name.startswith("."))
    return folder, name


def test_an_export_is_every_number_once(measured, monkeypatch, capsys):
    folder, name = measured
    monkeypatch.chdir(folder)
    assert said(capsys, "export", name)[0] == 0
    assert said(capsys, "export", name, "--to", "csv")[0] == 0
    whole = pd.read_parquet(folder / "results" / name / "export.parquet")
    sizes = {
        table: len(pd.read_parquet(folder / "results" / name / f"{table}.parquet")) for table in ("curves", "gaps", "compared")
    }
    assert whole["table"].value_counts().to_dict() == sizes
    assert set(whole["run"]) == set(pd.read_csv(folder / "results" / name / "runs.csv")["run"])
    gaps = pd.read_parquet(folder / "results" / name / "gaps.parquet")
    mine = whole[whole["table"] == "gaps"]
    assert mine["value"].sum() == pytest.approx(gaps["value"].sum())
    for table, size in sizes.items():
        assert len(pd.read_csv(folder / "results" / name / "csv" / f"{table}.csv")) == size
    noted = json.loads((folder / "results" / name / "manifest.json").read_bytes())["beside"]
    assert {"export.parquet", "csv/runs.csv", "csv/gaps.csv"} <= set(noted)
    with pytest.raises(ConfigError, match="'parquet'"):
        dispatch(["export", name, "--to", "parkett"])


def test_an_export_to_tensorboard_can_be_read_by_it(measured, monkeypatch, capsys):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder, name = measured
    monkeypatch.chdir(folder)
    assert said(capsys, "export", name, "--to", "tensorboard", "--out", "board")[0] == 0
    gaps = pd.read_parquet(folder / "results" / name / "gaps.parquet").astype({"run": "str"})
    run = gaps["run"].iloc[0]
    events = EventAccumulator(str(folder / "board" / run))
    events.Reload()
    expected = gaps[(gaps["run"] == run) & (gaps["split"] == "test") & (gaps["mode"] == "free") & (gaps["metric"] == "loss")]
    found = {event.step: event.value for event in events.Scalars("test/free/loss")}
    assert found == pytest.approx(dict(zip(expected["step"], expected["value"], strict=True)), rel=1e-6)
    with pytest.raises(ConfigError, match="is there already"):
        dispatch(["export", name, "--to", "tensorboard", "--out", "board"])


def test_an_export_to_mlflow_can_be_read_by_it(measured, monkeypatch, capsys):
    pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    import warnings

    folder, name = measured
    monkeypatch.chdir(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert said(capsys, "export", name, "--to", "mlflow", "--out", "flow")[0] == 0
        from mlflow.tracking import MlflowClient

        client = MlflowClient(f"sqlite:///{folder}/flow/mlflow.db")
        (study,) = (each for each in client.search_experiments() if each.name == name)
        runs = client.search_runs([study.experiment_id])
    assert len(runs) == 4
    assert all("test/free/loss" in run.data.metrics for run in runs)


def test_clean_removes_a_study_but_not_what_another_one_uses(desk, capsys):
    said(capsys, "run", "-m", *TINY, "seed=0,1", "launcher=inline")
    (first,) = (path.name for path in (desk / "results").iterdir() if not path.name.startswith("."))
    said(capsys, "run", "-m", *TINY, "seed=1,2", "launcher=inline")
    (second,) = (path.name for path in (desk / "results").iterdir() if path.name not in (first, ".store"))
    assert "nothing was removed: add --yes" in said(capsys, "clean", first)[1]
    assert (desk / "results" / first).is_dir()
    assert said(capsys, "clean", first, "--yes")[0] == 0
    assert not (desk / "results" / first).exists()
    assert len(list(Store(desk / "results" / ".store").runs())) == 2
    assert said(capsys, "run", "-m", *TINY, "seed=1,2", "launcher=inline")[1].startswith(f"{second}: 2 runs, 2 done")


def test_lines_can_go_on_as_they_should():
    assert candidates("freerun st") == ["status", "study"]
    assert "task=lorenz63" in candidates("freerun run task=lor")
    assert candidates("freerun run task=lorenz63 task.rh") == ["task.rho="]
    assert candidates("freerun run launcher=slurm launcher.part") == ["launcher.partition="]
    assert candidates("freerun list re") == ["regimes"]
    assert candidates("freerun report fir") == ["first_look"]
    assert candidates("freerun completion z") == ["zsh"]
    assert candidates("freerun nonsense x") == []


def test_names_of_studies_that_only_have_results_are_offered_where_a_study_is_named(desk):
    for name in ("zebra", "zebra crossing", "zebra*"):
        (desk / "results" / name).mkdir(parents=True)
        (desk / "results" / name / "study.json").write_text("{}")
    for command in ("table", "figures", "paper", "report", "status", "retry", "export", "clean", "compare", "plan", "study"):
        assert candidates(f"freerun {command} ze") == ["zebra"], command
    assert candidates("freerun table --results elsewhere ze") == []
    assert candidates("freerun compare --study ze") == ["zebra"]
    assert candidates("freerun compare --study zebra free") == ["free_running"]
    assert candidates("freerun retry zebra training.l") == []
    (desk / "file").touch()
    assert candidates("freerun table --results file fi") == ["first_look"]


def test_a_plan_can_be_made_under_another_name(desk, capsys):
    from freerun.store import results_folder
    from freerun.sweeps import study as studies

    assert said(capsys, "plan", "few.yaml", "--as", "other")[1].startswith("other: 4 runs")
    place, few, others = Place(results=desk / "results"), studies.load("few.yaml", [], "other"), ["few.yaml", "seed=5,6,7"]
    results_folder.write_info(few, place)
    assert said(capsys, "plan", *others, "--as", "other")[1].count("--replace") == 0, "nothing was made of them"
    report = place.folder("other") / "report.md"
    report.write_text("# Other\n")
    manifest.write(report.parent, place.store, results_folder.read_info("other", place, started=False), [report])
    held = (
        "other holds a study of 4 other runs; --as NAME keeps both, --replace lets its tables and figures go (records stay)\n"
    )
    assert held in said(capsys, "plan", *others, "--as", "other")[1]
    with pytest.raises(ConfigError, match="--replace lets its tables and figures go"):
        dispatch(["study", *others, "--as", "other", "launcher=inline"])
    assert report.exists()
    assert said(capsys, "study", *others, *TINY[:6], "--as", "other", "--replace", "launcher=inline")[0] == 0
    assert "# Other" not in report.read_text()
    with pytest.raises(ConfigError, match="a name with --as"):
        dispatch(["plan", "-m", "few.yaml"])


def test_the_study_of_the_page_on_sweeps_has_as_many_runs_as_it_says(desk, capsys):
    page = (Path(__file__).parents[2] / "docs/sweeps.md").read_text()
    (name, text), *others = re.findall(r"```yaml\n# (\w+\.yaml)\n(.*?)```", page, re.DOTALL)
    assert not others
    (desk / name).write_text(text)
    (count,) = re.findall(rf"`freerun plan {name}` counts (\d+) runs", page)
    assert said(capsys, "plan", name)[1].startswith(f"{Path(name).stem}: {count} runs")
    assert said(capsys, "plan", name, "seed=range(2,10,4)")[1].startswith(f"{Path(name).stem}: {int(count) * 2 // 3} runs")


@pytest.fixture
def cluster(desk, monkeypatch):
    """A Slurm whose tasks stay in the queue."""
    (desk / "slurm").mkdir()
    monkeypatch.setenv("PATH", f"{Path(__file__).parents[1] / 'execution/launchers'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_SLURM", str(desk / "slurm"))
    monkeypatch.setenv("FAKE_SLURM_HOLD", "1")
    return desk


def test_what_is_queued_is_not_submitted_again(cluster, capsys):
    words = ["run", "-m", *TINY, "seed=0,1", "launcher=slurm", "launcher.wait=false", "launcher.group=1"]
    code, out = said(capsys, *words)
    assert code == 0
    assert "2 tasks are queued" in out
    (name,) = (path.name for path in (cluster / "results").iterdir() if not path.name.startswith("."))
    assert said(capsys, "status")[1].splitlines()[1].split() == [name, "2", "0", "0", "0", "0", "2", "0"]
    assert said(capsys, *words)[0] == 0
    assert len(list((cluster / "slurm").glob("*.sh"))) == 1
    for held in (cluster / "slurm").glob("*.held"):  # somebody has cancelled one of them
        held.rename(held.with_suffix(".pid"))
        held.with_suffix(".code").write_text("9")
        break
    assert "1 tasks are queued" in said(capsys, *words)[1] or len(list((cluster / "slurm").glob("*.sh"))) == 2


def test_a_cluster_is_asked_about_all_tasks_at_once_and_forgets_those_it_never_knew(cluster, monkeypatch):
    from freerun.execution.launchers import _queue as queue
    from freerun.execution.launchers import slurm

    asked = cluster / "asked"
    place = cluster / "bin"
    place.mkdir()
    (place / "sacct").write_text(f"#!/bin/sh\necho >> {asked}\necho 'JobID|State|NodeList'\necho '7_3|PENDING|None assigned'\n")
    (place / "sacct").chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")
    store = Place(results=cluster / "results").store
    store.open()
    names = [f"{number:016x}" for number in range(40)]
    for number, name in enumerate(names):
        queue.add(store, f"7_{number}", [name])
    launcher = slurm.Slurm()
    assert launcher.queued(store) == set(names)
    assert launcher.queued(store) == set(names)
    assert len(asked.read_text().splitlines()) == 1
    for path in (store.root / "queue").iterdir():
        os.utime(path, (time.time() - slurm.FORGOTTEN - 1,) * 2)
    (place / "sacct").rename(place / "sound")
    (place / "sacct").write_text("#!/bin/sh\nexit 1\n")
    (place / "sacct").chmod(0o755)
    assert launcher.queued(store) == set(names), "an accounting that does not answer says nothing about tasks"
    (place / "sound").replace(place / "sacct")
    assert launcher.queued(store) == {names[3]}
    assert [name for name, _ in queue.listed(store)] == ["7_3"]


def test_what_queued_tasks_need_is_not_cleaned_away(cluster, capsys, monkeypatch):
    from submitit.slurm.slurm import SlurmJob

    SlurmJob.watcher.clear()  # which knows the jobs of other stand-ins
    words = ["run", "-m", *TINY, "seed=0,1", "launcher=slurm", "launcher.wait=false", "launcher.group=1"]
    code, out = said(capsys, *words)
    assert (code, out.splitlines()[-1][:20]) == (0, "2 runs are queued: f")
    store = Place(results=cluster / "results").store
    (name,) = (path.name for path in (cluster / "results").iterdir() if not path.name.startswith("."))
    kept = {path for path in store.root.rglob("*") if path.suffix in (".plan", ".json", ".sh", ".pkl")}
    for how in (["--all"], ["--all", "--yes"], [name], [name, "--yes"]):
        with pytest.raises(ConfigError, match=r"^2 queued tasks need these files; wait, or cancel them \(scancel 1000\)$"):
            dispatch(["clean", *how])
    assert said(capsys, "clean", "--yes")[0] == 0  # which removes nothing of theirs
    assert kept == {path for path in store.root.rglob("*") if path.suffix in (".plan", ".json", ".sh", ".pkl")}
    assert re.search(r"^queued: 2 tasks, the oldest submitted (under 1|\d+) s ago$", said(capsys, "status")[1], re.MULTILINE)
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("PATH", "/nowhere")
        assert "ago; no Slurm here to ask" in said(capsys, "status")[1]
        with pytest.raises(ConfigError, match=r"no Slurm here to ask: if they are gone, remove .*queue$"):
            dispatch(["clean", "--all"])
    subprocess.run(["scancel", "1000"], check=True)
    for path in (store.root / "queue").iterdir():
        os.utime(path, (time.time() - 86400,) * 2)
    SlurmJob.watcher.clear()  # as the next command is a process of its own
    assert "queued:" not in said(capsys, "status")[1]
    assert said(capsys, "clean", "--all", "--yes")[0] == 0
    assert not (store.root / "jobs").exists()
    assert said(capsys, "clean", name, "--yes")[0] == 0


def test_what_was_handed_over_is_said_and_shown_by_the_same_command(cluster, capsys, monkeypatch):
    words = ["run", *TINY, "launcher=slurm", "launcher.wait=false"]
    assert said(capsys, *words)[1].endswith("the same command makes the tables when they have ended\n")
    assert said(capsys, "run", *TINY, "launcher=inline")[0] == 0  # as if the task had done it
    out = said(capsys, *words)[1]
    assert "queued" not in out
    assert "tables: " in out


def test_a_task_asks_for_the_memory_that_its_group_has(desk):
    from freerun.execution import memory_estimate
    from freerun.sweeps import study as studies

    runs = studies.adhoc([*TINY[:3], "model.hidden=512", "task.length=1000", "seed=range(64)"], sweep=True).runs
    one = memory_estimate.memory(runs[0])
    for words, memory in (([], 4.0), (["launcher.memory=2"], 2.0)):
        chosen = launchers.choose(["launcher=slurm", "launcher.cluster=local", "launcher.group=64", *words], {})[0]
        sizes = [len(piece) for piece in chosen.pieces(runs)]
        assert max(sizes) < 64
        assert memory_estimate.BASE + max(sizes) * one <= memory * 2**30 < memory_estimate.BASE + (max(sizes) + 1) * one
        assert chosen.memory == memory
    free = launchers.choose(["launcher=slurm", "launcher.cluster=local", "launcher.group=64", "launcher.memory=null"], {})[0]
    assert [len(piece) for piece in free.pieces(runs)] == [64]


def test_what_is_asked_of_sbatch(cluster, capsys):
    words = ["run", *TINY, "launcher=slurm", "launcher.wait=false", "launcher.account=12345", "launcher.qos=true"]
    assert said(capsys, *words)[0] == 0
    (script,) = (cluster / "slurm").glob("*.sh")
    asked = dict(re.findall(r"^#SBATCH --([\w-]+)=(.*)$", script.read_text(), re.MULTILINE))
    assert (asked["account"], asked["qos"], asked["mem"]) == ("12345", "true", "4GB")


def test_memory_and_cores_are_those_that_a_control_group_leaves(tmp_path, monkeypatch):
    from freerun.execution import machine

    group = tmp_path / "a" / "b"
    group.mkdir(parents=True)
    files = {
        "meminfo": "MemTotal: 9000 kB\nMemAvailable: 8000 kB\n", "cgroup": "4:memory:/x\n0::/a/b\n", "a/memory.max": "max\n",
        "a/cpu.max": "max 100000\n",
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    for name, path in (("MEMINFO", "meminfo"), ("MEMBERSHIP", "cgroup"), ("CONTROL", "")):
        monkeypatch.setattr(machine, name, tmp_path / path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))

    def within(memory=("max", "0", "0"), cpu="max 100000", inner=group):
        for name, text in zip(("memory.max", "memory.current", "memory.stat"), memory, strict=True):
            (inner / name).write_text(f"anon 5\ninactive_file {text}\n" if name == "memory.stat" else text)
        (inner / "cpu.max").write_text(cpu)
        return machine.available(), machine.cores()

    assert within() == (8000 * 1024, 64)
    assert within(("1000", "700", "0"), "200000 100000") == (300, 2)
    assert within(("1000", "700", "200"), "150000 100000") == (500, 2)
    assert within(("1000", "1200", "0"), "1000 100000") == (0, 1)
    within(("1000", "400", "0"), "300000 100000", tmp_path / "a")
    assert within(("2000", "300", "0"), "900000 100000") == (600, 3)  # the narrower is outside
    assert within(("nonsense", "", "0"), "") == (600, 3)


def test_a_job_that_dies_is_done_again_in_halves_and_what_others_do_is_left_to_them(desk):
    from freerun.execution.bisection import halves
    from freerun.sweeps import study as studies

    runs = studies.adhoc([*TINY, "seed=range(5)"], sweep=True).runs
    store = Place(results=desk / "results").store
    store.open()
    mine = claims.Claims(store)
    mine.take([runs[0].id])
    store.failures.note(runs[1].id, "before")
    ids = [run.id for run in runs]
    assert halves(ids, store, "lost") == [[ids[2]], [ids[3], ids[4]]]
    assert halves([ids[2]], store, "lost") == []
    assert store.failures.reason(runs[2].id) == "lost"
    assert store.failures.reason(runs[3].id) is None
    mine.release()


def test_a_reason_with_brackets_does_no_harm_on_a_terminal(desk):
    from freerun.execution.progress import Bars
    from freerun.sweeps import study as studies

    runs = studies.adhoc([*TINY], sweep=False).runs
    with Bars([runs]) as bars:
        bars.started(0, runs)
        bars.advanced(0, {"update": 1, "validation_forced_loss": 1.0, "validation_free_loss": 1.0})
        bars.finished(0, "closing [/b] tag [a, b]")


@pytest.mark.slow
def test_the_main_job_takes_the_place_of_kept_results_that_are_of_other_runs(desk, capsys):
    """`make study` on a clone whose kept results are of another text, as that of another release of Python."""
    top = Path(__file__).parents[2]
    job = subprocess.run(["make", "--dry-run", "-C", str(top), "-o", ".venv/.ready", "study"], capture_output=True, text=True)
    (words,) = re.findall(r"/freerun (study first_look\b.*)", job.stdout)
    small = [*TINY, "launcher=inline", "task=hidden_markov", "model=gru"]
    assert said(capsys, *words.split(), *small, "seed=0,1")[0] == 0
    report = desk / "results/first_look/report.md"
    before = report.read_text()
    with pytest.raises(ConfigError, match="--replace lets its tables and figures go"):
        dispatch(["study", "first_look", *small, "seed=5"])
    assert report.read_text() == before
    assert said(capsys, *words.split(), *small, "seed=5")[0] == 0
    assert report.read_text() != before
