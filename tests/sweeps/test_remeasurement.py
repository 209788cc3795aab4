"""Measuring apart from training: another metric, another horizon trains nothing, and gives what training at once would give."""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import textwrap

import pandas as pd
import pytest

from freerun.cli.main import dispatch
from freerun.config import measurement_identity
from freerun.config.evaluation_settings import Evaluation
from freerun.engine.engine_choice import engine_of
from freerun.errors import ConfigError
from freerun.execution import group_runner, planned_run, time_estimate
from freerun.store.records import Store, trained_run
from freerun.sweeps import study
from tiers import tiered

SMALL = [
    "task=hidden_markov", "task.length=12", "model=gru", "model.hidden=4", "seed=0,1", "training.updates=6",
    "training.log_every=3", "evaluation.sequences=16", "launcher=inline",
]  # fmt: skip
MORE = """
    from dataclasses import dataclass

    from freerun.measurement.metrics import Metric
    from freerun.store.quantity import SHARE, Quantity


    @dataclass(kw_only=True)
    class Symbol(Metric):
        \"\"\"The share of a symbol among those that were fed.\"\"\"

        symbol: int = 0
        quantity = Quantity(label="Share of a symbol", unit="share", better="higher", range=SHARE)

        def applies(self, observed):
            return observed.has_oracle

        def measure(self, observed):
            return self.symbol + (observed.fed_symbols == self.symbol).double().mean(1)[observed.warmup :]
"""


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """The sweep as it is without further words, trained once for the tests of this file, which copy it."""
    folder = tmp_path_factory.mktemp("kept")
    with contextlib.chdir(folder):
        assert dispatch(["run", "-m", *SMALL, "--as", "small"]) == 0
    return folder / "results"


@pytest.fixture
def trained(folder, kept):
    """A folder with that sweep in it, done."""
    shutil.copytree(kept, folder / "results")
    return folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "share_of.py").write_text(textwrap.dedent(MORE))
    return tmp_path


@pytest.fixture
def untrainable(monkeypatch):
    """After it is called, training is a fault."""

    def forbid() -> None:
        def train(*_args, **_named):
            raise AssertionError("a run was trained")

        monkeypatch.setattr(group_runner, "train", train)

    return forbid


def sweep(*words, name="small"):
    assert dispatch(["run", "-m", *SMALL, *words, "--as", name]) == 0


def measure(*words):
    assert dispatch(["measure", *words, "launcher=inline"]) == 0


def records(folder, name):
    """The records of a study by trained run."""
    store = Store(folder / "results/.store")
    ids = json.loads((folder / f"results/{name}/study.json").read_text())["ids"]
    return {trained_run(run): store.read(run) for run in ids}


def numbers(folder, name):
    return {
        run: (record["series"], record["comparisons"], record["quantities"], record["sample"])
        for run, record in records(folder, name).items()
    }


def test_a_metric_of_a_plugin_is_added_without_training_and_changes_no_run(trained, untrainable, capsys):
    before = list(records(trained, "small"))
    untrainable()
    measure("small", "plugins=[share_of.py]")
    assert "2 runs, 0 done, 2 to do, 2 of them trained before, to be measured" in capsys.readouterr().out
    assert list(records(trained, "small")) == before
    gaps = pd.read_parquet(trained / "results/small/gaps.parquet")
    assert {"share_of", "loss"} <= set(gaps["metric"])
    assert set(pd.read_csv(trained / "results/small/runs.csv")["run"]) == set(before)


def test_a_plan_charges_no_training_to_runs_that_are_trained(trained, monkeypatch, capsys):
    cost = time_estimate.Cost(updates=6, training=6000.0, update=None, logging=0.0, evaluation=7.0)
    monkeypatch.setattr(
        time_estimate,
        "_cost",
        lambda *_: (tuple(time_estimate._kinds(planned[0].tree, engine_of(planned[0].experiment).name)), cost),
    )
    planned = study.adhoc([word for word in SMALL if "launcher" not in word], sweep=True).runs
    capsys.readouterr()
    assert dispatch(["plan", "-m", *SMALL, "evaluation.horizon=20"]) == 0
    told = capsys.readouterr().out
    assert "0 done, 2 pending; 2 of them trained before, to be measured alone" in told
    assert "about 14 s of work" in told
    assert dispatch(["plan", "-m", *SMALL, "evaluation.horizon=20", "seed=0,1,2"]) == 0
    assert "about 1.67 h of work" in capsys.readouterr().out
    (run, *_), unknown = planned, time_estimate.Costs()
    assert unknown.seconds(run, trained=True)[0] < unknown.seconds(run)[0]


def test_a_sweep_with_a_plugin_s_metric_has_the_runs_of_one_without(trained, untrainable):
    untrainable()
    sweep("plugins=[share_of.py]", name="other")
    assert records(trained, "small").keys() == records(trained, "other").keys()


@pytest.mark.parametrize(
    "words",
    tiered(
        [
            ["evaluation.horizon=20"], ["evaluation.sequences=8"], ["evaluation.metrics=[loss,kl]"],
            ["plugins=[share_of.py]", "evaluation.share_of.symbol=1"],
        ],
        quick=lambda words: words == ["evaluation.horizon=20"],
    ),
    ids=["horizon", "sequences", "metrics", "setting"],
)  # fmt: skip
def test_what_is_measured_later_is_what_is_measured_at_once(folder, untrainable, words):
    sweep(*words, name="at_once")
    (folder / "results").rename(folder / "elsewhere")
    sweep()
    untrainable()
    measure("small", *words)
    later = numbers(folder, "small")
    (folder / "results").rename(folder / "first")
    (folder / "elsewhere").rename(folder / "results")
    assert later == numbers(folder, "at_once")


@pytest.mark.slow
@pytest.mark.parametrize("regime", ["data_as_demonstrator", "generalized_forcing_adaptive", "scheduled_sampling"])
def test_distances_to_training_need_what_the_feeder_remembers(folder, untrainable, regime):
    words = [
        "task=lorenz63", "task.sequences=64", "model=shallow_plrnn", f"regime={regime}", "seed=0,1", "training.updates=12",
        "task.length=30", "evaluation.warmup=5", "evaluation.sequences=16", "evaluation.orbit=0", "launcher=inline",
    ]  # fmt: skip
    assert dispatch(["run", "-m", *words, "evaluation.distances=true", "--as", "at_once"]) == 0
    (folder / "results").rename(folder / "elsewhere")
    assert dispatch(["run", "-m", *words, "--as", "small"]) == 0
    untrainable()
    measure("small", "evaluation.distances=true")
    later = numbers(folder, "small")
    (folder / "results").rename(folder / "first")
    (folder / "elsewhere").rename(folder / "results")
    at_once = numbers(folder, "at_once")
    assert any("mmd" in series["metric"] for series in next(iter(at_once.values()))[0])
    assert later == at_once


def test_what_is_known_is_taken_and_only_what_is_new_is_measured(trained, monkeypatch):
    from freerun.execution import group_measurement

    asked = []
    whole = group_measurement.evaluate

    def evaluate(group, lessons, metrics):
        asked.append(sorted(metrics))
        return whole(group, lessons, metrics)

    monkeypatch.setattr(group_measurement, "evaluate", evaluate)
    known = numbers(trained, "small")
    measure("small", "plugins=[share_of.py]")
    assert asked == [["share_of"]]
    measure("small", "metrics=[loss,share_of]", "plugins=[share_of.py]", "--as", "fewer")
    assert asked == [["share_of"]], "all of it was known"
    for run, (series, *_) in numbers(trained, "small").items():
        assert [each for each in series if each["metric"] != "share_of"] == known[run][0]
        assert {each["metric"] for each in numbers(trained, "fewer")[run][0]} == {"loss", "share_of"}


def test_a_metric_with_other_settings_is_measured_anew(folder):
    sweep("plugins=[share_of.py]")
    first = numbers(folder, "small")
    measure("small", "plugins=[share_of.py]", "evaluation.share_of.symbol=1")
    for run, (series, *_) in numbers(folder, "small").items():
        changed = [one["metric"] for one, other in zip(series, first[run][0], strict=True) if one != other]
        assert set(changed) == {"share_of"}
    assert "evaluation.share_of.symbol" in pd.read_csv(folder / "results/small/runs.csv")


def test_a_run_that_is_measured_in_two_ways_is_trained_once_and_called_by_both(folder, monkeypatch):
    trained = []
    whole = group_runner.train
    monkeypatch.setattr(group_runner, "train", lambda group, *rest: trained.append(group.seeds) or whole(group, *rest))
    sweep("evaluation.horizon=10,20")
    assert trained == [[0, 1]]
    runs = pd.read_csv(folder / "results/small/runs.csv")
    assert len(runs) == 4
    assert runs["run"].is_unique
    assert runs["run"].str[:16].nunique() == 2
    assert (runs["run"].str[17:] == runs["measurement"]).all()


def test_two_measurements_on_other_lengths_are_of_the_same_training(folder):
    """Training sees sequences of `task.length`, however far a forecast is measured."""
    sweep("evaluation.horizon=10", name="near")
    near = {run: record["curves"] for run, record in records(folder, "near").items()}
    (folder / "results").rename(folder / "first")
    sweep("evaluation.horizon=40", name="far")
    assert {run: record["curves"] for run, record in records(folder, "far").items()} == near


def test_a_measurement_of_other_weights_is_set_aside(trained):
    store = Store(trained / "results/.store")
    run = json.loads((trained / "results/small/study.json").read_text())["ids"][0]
    other = {name: value + 1 for name, value in store.weights(run).items()}
    assert store.has(run)
    record = store.read(trained_run(run))
    del record["weights"]
    store.write(record, other)
    assert not store.has(run)
    assert list((store.root / "aside").glob(f"{run}.*"))


def test_runs_without_weights_are_told_of_and_not_trained(trained, untrainable, capsys):
    for path in (trained / "results/.store").glob("*/*.safetensors"):
        path.unlink()
        break
    untrainable()
    assert dispatch(["measure", "small", "evaluation.horizon=20", "launcher=inline"]) == 0
    said = capsys.readouterr()
    assert "note: 1 run is not trained, and cannot be measured; freerun retry small trains what is left" in said.err
    assert (pd.read_csv(trained / "results/small/runs.csv")["status"] == "done").sum() == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["training.lr=0.1"], "measure takes evaluation.KEY=VALUE, metrics and plugins"),
        (["evaluation.warmup=2"], "the warm-up is part of training"),
        (["metrics=[los]"], "unknown metric los; did you mean 'loss'"),
        (["metrics=loss"], "must be a list of names"),
        (["evaluation.loss.x=1"], "has no settings"),
        (["evaluation.valid_time.treshold=1"], "did you mean 'threshold'"),
        (["evaluation.valid_time.threshold=-1"], "must be positive"),
        (["evaluation.valid_time.threshold=a"], "must be a number"),
        (["evaluation.horizon=1,2"], "several values make a sweep"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(trained, words, said):
    with pytest.raises(ConfigError) as fault:
        dispatch(["measure", "small", *words])
    assert said in str(fault.value)
    assert "\n" not in str(fault.value)


def test_the_order_of_names_and_settings_by_default_are_no_difference():
    spelt = Evaluation(metrics=["tv", "loss", "tv"], settings={"valid_time": {"threshold": 0.4}})
    assert spelt == Evaluation(metrics=["loss", "tv"])


def test_an_older_study_says_that_its_runs_are_trained_anew(folder):
    info = {
        "name": "old", "title": "", "question": "", "command": "freerun study old", "overrides": [],
    }  # fmt: skip
    from freerun.config import run_identity
    from synthetic import tree

    experiment = tree()
    run = run_identity._digits({"generation": 4, **experiment})
    (folder / "results/old").mkdir(parents=True)
    (folder / "results/old/study.json").write_text(json.dumps({**info, "ids": [run], "planned": {run: experiment}}))
    with pytest.raises(ConfigError, match="its runs are of generation 4 of Freerun, and this version has to train them anew"):
        dispatch(["measure", "old", "evaluation.horizon=3"])


@pytest.mark.usefixtures("players_anew")
def test_retry_makes_lost_players_again_and_leaves_those_of_another_version(trained, untrainable, monkeypatch, capsys):
    untrainable()
    players = {path: path.read_bytes() for path in trained.rglob("*.players")}
    assert len(players) == 2
    for path in players:
        path.unlink()
    with monkeypatch.context() as patched:
        for module in (measurement_identity, planned_run):
            patched.setattr(module, "MEASURING", measurement_identity.MEASURING + 1)
        capsys.readouterr()
        assert dispatch(["retry", "small", "launcher=inline"]) == 0
        assert "no run has failed" in capsys.readouterr().out
    assert dispatch(["retry", "small", "launcher=inline"]) == 0
    assert {path: path.read_bytes() for path in trained.rglob("*.players")} == players


PICKY = """
    from dataclasses import dataclass

    from freerun.measurement.metrics import Metric
    from freerun.store.quantity import Quantity


    @dataclass(kw_only=True)
    class Width(Metric):
        \"\"\"The width of a model, which no reference player has.\"\"\"

        quantity = Quantity(label="Width", unit="units", better="neither")

        def applies(self, observed):
            return True

        def measure(self, observed):
            if observed.experiment.model.hidden == 1:
                raise SystemExit("no model")
            return observed.outputs.new_ones(len(observed.outputs) - observed.warmup)
"""


def test_a_plugin_s_metric_that_fails_on_players_alone_costs_no_run_and_is_said_once(folder, capsys):
    sweep(name="plain")
    (folder / "width.py").write_text(textwrap.dedent(PICKY))
    capsys.readouterr()
    sweep("plugins=[width.py]")
    notes = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]
    (note,) = notes
    assert "metric width fails on 10 of 10 reference players" in note
    assert "SystemExit: no model (2 runs)" in note
    assert "width" in set(pd.read_parquet(folder / "results/small/gaps.parquet")["metric"])
    players = {name: pd.read_parquet(folder / f"results/{name}/players.parquet") for name in ("plain", "small")}
    pd.testing.assert_frame_equal(*(table.drop(columns="study") for table in players.values()))
    sweep("plugins=[width.py]")
    assert "note" not in capsys.readouterr().err


@pytest.mark.usefixtures("players_anew")
@pytest.mark.slow
@pytest.mark.parametrize(("lose", "command"), [*itertools.product(["gone", "damaged"], ["retry", "study"])])
def test_what_is_done_for_lost_players_is_said(folder, untrainable, command, lose, capsys):
    """Runs of two regimes share their players: the first makes them, and no other sweep is said to."""
    settings = ", ".join(word.replace("=", ": ") for word in SMALL if not word.startswith(("seed", "launcher")))
    (folder / "two.yaml").write_text(f"cases:\n  - {{{settings}, seed: 0, regime: [teacher_forcing, free_running]}}\n")
    assert dispatch(["study", "two.yaml", "launcher=inline"]) == 0
    (players,) = folder.rglob("*.players")
    content = players.read_bytes()
    untrainable()
    if lose == "gone":
        players.unlink()
    else:
        players.write_bytes(content[:-9])
    capsys.readouterr()
    assert dispatch([command, "two" if command == "retry" else "two.yaml", "launcher=inline"]) == 0
    said = capsys.readouterr().out
    assert ("two: 1 record of reference players to do again\n" in said) == (command == "retry")
    (line,) = [line for line in said.splitlines() if line.startswith("[")]
    assert line.startswith("[1/1]")
    assert line.endswith("reference players")
    assert players.read_bytes() == content


def test_runs_that_were_trained_before_are_said_to_be_measured(trained, untrainable, capsys):
    untrainable()
    capsys.readouterr()
    assert dispatch(["measure", "small", "evaluation.horizon=3", "launcher=inline"]) == 0
    assert "measured, trained before" in capsys.readouterr().out
