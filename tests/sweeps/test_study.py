"""Tests of studies, as real processes: done once, the same bytes again, resumed after kills and Ctrl-C."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from freerun.analysis import figures
from freerun.analysis.figures import Material
from freerun.analysis.tables import tidy
from freerun.cli.main import dispatch
from freerun.config.presets import presets
from freerun.sweeps import study as studies

STUDY = """
title: A tiny study
cases:
  - task: [hidden_markov, embedded_reber]
    model: gru
    regime: [teacher_forcing, free_running]
    seed: range(3)
    task.sequences: 64
    task.length: 12
    model.hidden: 4
    training.updates: {updates}
    training.batch: 4
    training.log_every: 5
    evaluation.sequences: 8
"""


def start(*words: str, cwd: Path) -> subprocess.Popen[str]:
    alone = ["--workers", "1"] if words[0] in ("study", "run") else []  # a worker more costs a start of torch
    command = [sys.executable, "-m", "freerun", *words, *alone]
    return subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def freerun(*words: str, cwd: Path) -> tuple[int, str, str]:
    process = start(*words, cwd=cwd)
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


def digests(folder: Path, *patterns: str) -> dict[str, str]:
    found = [path for pattern in patterns for path in folder.glob(pattern)]
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in found}


def records(folder: Path) -> list[Path]:
    return sorted(folder.glob("results/.store/[0-9a-f][0-9a-f]/*-*.json"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "tiny.yaml").write_text(STUDY.format(updates=60))
    code, out, err = freerun("study", "tiny.yaml", cwd=folder)
    assert code == 0, err
    assert "12 runs, 0 done, 12 to do" in out
    assert out.rstrip().endswith("results/tiny/report.html")
    return folder


@pytest.mark.slow
def test_a_second_time_changes_nothing_and_all_is_a_function_of_the_records_and_tidy(undisturbed):
    before = digests(undisturbed / "results", "tiny/**/*.*", ".store/**/*.json")
    code, out, _ = freerun("study", "tiny.yaml", cwd=undisturbed)
    assert code == 0
    assert "12 runs, 12 done, 0 to do" in out
    assert digests(undisturbed / "results", "tiny/**/*.*", ".store/**/*.json") == before

    folder = undisturbed / "results" / "tiny"
    before = digests(folder, "*.*", "figures/*")
    tables = {f"{name}.parquet" for name in ("runs", "curves", "gaps", "compared", "budgets")}
    assert {*tables, "runs.csv", "report.html", "report.md"} <= set(before)
    assert {path.suffix for path in (folder / "figures").iterdir()} == {".svg", ".png"}
    for path in [*folder.glob("*.csv"), *folder.glob("*.parquet"), *folder.glob("report.*"), *folder.glob("figures/*")]:
        path.unlink()
    assert freerun("report", "tiny", cwd=undisturbed)[0] == 0
    assert digests(folder, "*.*", "figures/*") == before

    import pandas as pd

    gaps, runs = pd.read_parquet(folder / "gaps.parquet"), pd.read_parquet(folder / "runs.parquet")
    assert len(runs) == 12
    assert (pd.read_parquet(folder / "budgets.parquet")[["updates", "steps", "products"]] > 0).all(axis=None)
    assert set(runs["status"]) == {"done"}
    cells = gaps.groupby(["run", "metric"])[["split", "mode"]].apply(lambda part: len(part.drop_duplicates()))
    assert set(cells) == {4}, "the 2 x 2 table of a run and metric must be whole"
    assert not gaps.duplicated(["run", "split", "mode", "metric", "step"]).any()


#: Studies whose figures are drawn from their kept tables by a test of their own (tests/test_results.py).
KEPT = {path.parent.name for path in (Path(__file__).parents[2] / "results").glob("*/study.json")}


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("name", presets("study"))
def test_every_study_composes_and_runs_two_updates(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["seed=0", "training.updates=2", "evaluation.sequences=4", "--as", "short", "launcher=inline"]
    if studies.load(name, []).tune is not None:  # by two points on one seed
        words += ["tune.axes.training.lr=0.001,0.01", "tune.seeds=1000"]
        words += ["task.sequences=16"] if name == "curricula" else ["model=gru"]  # whose models have settings of their own
    assert dispatch(["study", name, *words]) == 0
    assert "failed" not in capsys.readouterr().out
    assert (tmp_path / "results/short/report.html").is_file()
    made = [json.loads(path.read_bytes())["ids"] for path in tmp_path.glob("results/short*/study.json")]
    assert len(records(tmp_path)) == len({run for ids in made for run in ids})
    if name not in KEPT:
        assert list(figures.draw(Material.of(tidy.read(tmp_path / "results/short"), {})))


@pytest.mark.slow
@pytest.mark.parametrize("how", ["driver", "group"])
def test_killed_and_started_again_gives_the_same_bytes(how, undisturbed, tmp_path):
    (tmp_path / "tiny.yaml").write_text(STUDY.format(updates=60))
    process = start("study", "tiny.yaml", cwd=tmp_path)
    deadline = time.monotonic() + 120
    while len(records(tmp_path)) < 3 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert process.poll() is None, "the study ended before it could be killed"
    if how == "driver":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    done = len(records(tmp_path))
    assert done >= 3
    code, _, err = freerun("study", "tiny.yaml", cwd=tmp_path)
    assert code == 0, err
    tables = ("tiny/*.csv", "tiny/*.parquet")
    assert digests(tmp_path / "results", *tables) == digests(undisturbed / "results", *tables)
    assert not list((tmp_path / "results").rglob("*.tmp"))


@pytest.mark.slow
def test_control_c_keeps_what_is_done_and_the_same_command_goes_on(tmp_path):
    (tmp_path / "tiny.yaml").write_text(STUDY.format(updates=400))
    process = start("study", "tiny.yaml", cwd=tmp_path)
    while len(records(tmp_path)) < 3 and process.poll() is None:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.count("\n") == 1
    assert "interrupted" in err
    kept = {path.name for path in records(tmp_path)}
    code, out, _ = freerun("study", "tiny.yaml", "training.updates=400", cwd=tmp_path)
    assert code == 0
    assert f"12 runs, {len(kept)} done, {12 - len(kept)} to do" in out


@pytest.mark.slow
def test_a_torn_record_is_set_aside_and_its_run_done_again(undisturbed):
    victim = records(undisturbed)[5]
    content = victim.read_bytes()
    victim.write_bytes(content[: len(content) // 2])
    tables = digests(undisturbed / "results", "tiny/*.csv", "tiny/*.parquet")
    code, out, _ = freerun("study", "tiny.yaml", cwd=undisturbed)
    assert code == 0
    assert "12 runs, 11 done, 1 to do" in out
    assert json.loads(victim.read_bytes().partition(b"\n")[2])["run"] == victim.stem
    assert digests(undisturbed / "results", "tiny/*.csv", "tiny/*.parquet") == tables
    assert list((undisturbed / "results/.store/aside").iterdir())


PLUGIN = '''
from dataclasses import dataclass

import torch

from freerun.parts.regimes import Regime


@dataclass(kw_only=True)
class EveryOther(Regime):
    """The truth at every `period`-th step."""

    period: int = 2

    def probability(self, update, updates):
        return 1 / self.period

    def mask(self, coins, update, updates):
        steps = torch.arange(len(coins))[:, None]
        return (steps % self.period == 0).to(coins.dtype).expand_as(coins)
'''


@pytest.mark.slow
def test_a_regime_outside_the_package_runs_by_its_name(tmp_path):
    (tmp_path / "every_other.py").write_text(PLUGIN)
    words = ["run", "-m", "plugins=[every_other.py]", "regime=every_other,teacher_forcing", "regime.periods=3"]
    code, _, err = freerun(*words, cwd=tmp_path)
    assert code == 2
    assert "regime.periods" in err, "neither has such a setting"
    words = [
        "run",
        "plugins=[every_other.py]",
        "regime=every_other",
        "regime.period=3",
        "training.updates=3",
        "task.sequences=16",
    ]
    code, out, err = freerun(*words, cwd=tmp_path)
    assert code == 0, err
    assert "every other" in out
    (measurement,) = records(tmp_path)
    record = measurement.with_name(measurement.stem.partition("-")[0] + ".json")
    tree = json.loads(record.read_bytes().partition(b"\n")[2])["experiment"]["regime"]
    assert (tree["name"], tree["period"]) == ("every_other", 3)
    assert tree["source"] == hashlib.sha256(PLUGIN.encode()).hexdigest()


@pytest.mark.slow
def test_a_diverged_run_is_counted_and_the_study_goes_on(tmp_path):
    words = ["run", "-m", "task=lorenz63", "model=gru", "training.lr=1e-3,1e38", "training.clip=null", "training.updates=4"]
    code, _, err = freerun(*words, "task.sequences=16", "evaluation.horizon=5", "evaluation.sequences=4", cwd=tmp_path)
    assert code == 0, err
    import pandas as pd

    (path,) = tmp_path.glob("results/run-*/runs.csv")
    runs = pd.read_csv(path).set_index("training.lr")
    assert runs["status"].to_dict() == {1e-3: "done", 1e38: "diverged"}
    assert "not finite at update" in runs["reason"][1e38]


@pytest.mark.slow
def test_a_worker_that_dies_costs_its_group_alone(tmp_path):
    (tmp_path / "deadly.py").write_text(PLUGIN.replace("EveryOther", "Deadly").replace(
        "        steps =", "        import os, signal\n        os.kill(os.getpid(), signal.SIGKILL)\n        steps ="
    ))  # fmt: skip
    words = ["run", "-m", "plugins=[deadly.py]", "regime=deadly,teacher_forcing", "seed=0,1", "training.updates=3"]
    code, _, err = freerun(*words, "task.sequences=16", cwd=tmp_path)
    assert code == 1
    lines = [line for line in err.splitlines() if line.startswith("failed: ")]
    assert len(lines) == 2
    assert all("SIGKILL" in line for line in lines)
    assert len(records(tmp_path)) == 2
    import pandas as pd

    (path,) = tmp_path.glob("results/run-*/runs.csv")
    assert sorted(pd.read_csv(path)["status"]) == ["done", "done", "failed", "failed"]


@pytest.mark.slow
def test_an_error_in_a_part_is_one_line(tmp_path):
    (tmp_path / "faulty.py").write_text(
        PLUGIN.replace("        steps =", "        raise RuntimeError('no\\nmask')\n        steps =")
    )
    words = ["run", "plugins=[faulty.py]", "regime=faulty", "training.updates=3", "task.sequences=16"]
    code, _, err = freerun(*words, cwd=tmp_path)
    assert code == 1
    assert "RuntimeError: no mask" in err
    assert err.count("\n") == 1


@pytest.mark.slow
def test_a_faulty_part_costs_its_own_runs_alone(tmp_path):
    (tmp_path / "beyond.py").write_text(
        PLUGIN.replace("EveryOther", "Beyond").replace("(steps % self.period == 0)", "(steps + 2)")
    )
    words = ["run", "-m", "plugins=[beyond.py]", "regime=beyond,free_running", "training.updates=2", "task.sequences=16"]
    code, _, err = freerun(*words, cwd=tmp_path)
    assert code == 1
    assert "the mask of Beyond must lie in [0, 1]" in err
    assert err.count("\n") == 1
    assert len(records(tmp_path)) == 1


METRIC = '''
from dataclasses import dataclass

from freerun.measurement.metrics import Metric, Quantity


@dataclass(kw_only=True)
class Spread(Metric):
    """The spread of the outputs."""

    quantity = Quantity(label="Spread", unit="scaled", better="neither", range=(0, float("inf")))

    def applies(self, observed):
        return True

    def measure(self, observed):
        return observed.outputs[observed.warmup :].double().std((1, 2))
'''


def measured(folder: Path) -> set[str]:
    """The metrics of a study."""
    import pandas as pd

    return set(pd.read_parquet(folder / "gaps.parquet")["metric"])


@pytest.mark.slow
def test_a_metric_of_the_users_own_is_measured_also_on_runs_that_were_done_without_it(tmp_path):
    (tmp_path / "spread.py").write_text(METRIC)
    words = ["run", "training.updates=2", "task.sequences=16"]
    assert freerun(*words, cwd=tmp_path)[0] == 0
    code, _, err = freerun(*words, "plugins=[spread.py]", cwd=tmp_path)
    assert code == 0, err
    assert sum("spread" in measured(path) for path in tmp_path.glob("results/run-*")) == 1


@pytest.mark.slow
def test_a_study_file_names_plugins_beside_itself(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "every_other.py").write_text(PLUGIN)
    (tmp_path / "mine" / "spread.py").write_text(METRIC)
    text = "plugins: [every_other.py, spread.py]\ncases:\n  - {regime: every_other, training.updates: 2, task.sequences: 16}\n"
    (tmp_path / "mine" / "own.yaml").write_text(text)
    code, out, err = freerun("study", "mine/own.yaml", cwd=tmp_path)
    assert code == 0, err
    assert "every other" in out
    assert "spread" in measured(tmp_path / "results/own")


def test_two_spellings_of_one_run_are_one_and_the_user_is_told(capsys):
    asked = studies.adhoc(["task=hidden_markov", "gradient=through,stop", "seed=0,1"], sweep=True)
    assert len(asked.runs) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        "note: gradient=stop: feedback=sample carries no gradient, so that the run is that of gradient=through (2 times)"
    )
    studies.adhoc(["task=hidden_markov", "gradient=through"], sweep=False)
    assert not capsys.readouterr().err
