"""Tests that a demanded engine which does not cover a run refuses a whole sweep, in one line, before anything is begun."""

from __future__ import annotations

import re

import pytest

from freerun import api
from freerun.cli.main import dispatch, main
from freerun.config.hydra.compose import jobs, of_jobs
from freerun.engine import engine_choice
from freerun.engine.compiled.library import library
from freerun.errors import ConfigError
from freerun.execution.launchers.inline import Inline

SMALL = [
    "task=lorenz63", "training.updates=2", "training.batch=2", "training.log_every=1", "evaluation.sequences=2",
    "evaluation.orbit=0",
]  # fmt: skip
BOTH = [*SMALL, "model=gru,shallow_plrnn", "seed=0,1"]
WHY = r"it has no cell ShallowPLRNN; choose engine=auto or engine=reference"
FIRST = r"the first of them lorenz63 shallow_plrnn teacher_forcing"
pytestmark = pytest.mark.skipif(library() is None, reason="the compiled engine is not built here (no C compiler)")


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(engine_choice.VARIABLE, raising=False)
    cases = (
        "cases:\n  - "
        + "\n    ".join(word.replace("=", ": ") for word in [*SMALL, "seed=0"])
        + "\n    model: [gru, shallow_plrnn]\n"
    )
    (tmp_path / "some.yaml").write_text(cases)
    yield tmp_path
    engine_choice.use(None)


def begun(desk):
    """What a sweep leaves of studies, plans, claims and records; the open store itself is none of it."""
    results = desk / "results"
    return [path for path in results.rglob("*") if path.is_file() and path.name not in ("lock", "alive")]


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (["run", "-m", *BOTH], "2 of 4 runs"),
        (["run", "-m", *BOTH, "launcher=inline"], "2 of 4 runs"),
        (["study", "some.yaml"], "1 of 2 runs"),
        (["plan", "-m", *BOTH], "2 of 4 runs"),
        (["search", *SMALL, "seed=0", "model=gru,shallow_plrnn", "training.lr=1e-4,1e-3", "--sampler", "grid"], "1 of 2"),
        (["study", "some.yaml", "--tune", "tune.axes.training.lr=1e-4,1e-3", "tune.trials=2", "tune.sampler=grid"], "runs"),
    ],
)  # fmt: skip
def test_nothing_is_begun(words, count, desk, capsys):
    with pytest.raises(ConfigError, match=rf"^engine=compiled cannot do .*{count}.*{FIRST}.* seed \d+: {WHY}$"):
        dispatch([*words, "engine=compiled"])
    assert not begun(desk)


def test_the_environment_is_named_where_it_demands_the_engine(desk, monkeypatch):
    monkeypatch.setenv(engine_choice.VARIABLE, "compiled")
    with pytest.raises(
        ConfigError, match=rf"^FREERUN_ENGINE=compiled cannot do lorenz63 shallow_plrnn teacher_forcing seed 0: {WHY}$"
    ):
        dispatch(["run", *SMALL, "model=shallow_plrnn", "seed=0"])
    with pytest.raises(ConfigError, match=r"^FREERUN_ENGINE=compiled cannot do "):
        api.run(of_jobs(jobs([*SMALL, "model=shallow_plrnn", "seed=0"], sweep=False)))
    monkeypatch.setenv(engine_choice.VARIABLE, "fast")
    with pytest.raises(ConfigError, match=r"^FREERUN_ENGINE must be one of"):
        dispatch(["run", *SMALL, "seed=0"])
    assert not begun(desk)


def test_the_line_is_all_that_is_said(desk, capfd):
    with pytest.raises(SystemExit, match="2"):
        main(["run", "-m", *BOTH, "engine=compiled"])
    out, err = capfd.readouterr()
    assert not out
    assert re.fullmatch(rf"freerun: engine=compiled cannot do 2 of 4 runs, {FIRST} seed 0: {WHY}\n", err)


@pytest.mark.slow
def test_what_is_done_needs_no_engine_and_what_is_covered_is_done(desk, capsys):
    assert dispatch(["run", "-m", *BOTH, "launcher=inline", "engine=auto"]) == 0
    assert dispatch(["run", "-m", *BOTH, "launcher=inline", "engine=compiled"]) == 0
    assert "4 done, 0 to do" in capsys.readouterr().out
    assert dispatch(["run", *SMALL, "model=gru", "seed=7", "launcher=inline", "engine=compiled"]) == 0


def test_a_retry_and_a_measurement_are_refused_too(desk):
    assert dispatch(["run", "-m", *BOTH, "launcher=inline", "--as", "both"]) == 0
    before = set(begun(desk))
    with pytest.raises(ConfigError, match=rf"{FIRST}.*{WHY}"):
        dispatch(["measure", "both", "evaluation.horizon=3", "engine=compiled"])
    for record in (desk / "results" / ".store").rglob("*.json"):
        record.write_text("torn")
    assert set(begun(desk)) == before
    with pytest.raises(ConfigError, match=rf"{FIRST}.*{WHY}"):
        dispatch(["retry", "both", "engine=compiled"])


def test_a_cluster_is_asked_what_it_covers_and_not_what_stands_here(monkeypatch):
    """The library of a node is the node's: here only the runs themselves are looked at."""
    covered, other = (plan_of(f"model={model}") for model in ("gru", "shallow_plrnn"))
    monkeypatch.setattr(engine_choice, "library", lambda: None)
    with pytest.raises(ConfigError, match="it was not built when Freerun was installed"):
        Inline(engine="compiled").demand_engine(covered)
    monkeypatch.setattr(Inline, "here", False)
    Inline(engine="compiled").demand_engine(covered)
    Inline(engine="auto").demand_engine(other)
    with pytest.raises(ConfigError, match=WHY):
        Inline(engine="compiled").demand_engine(other)


def plan_of(word):
    from freerun.execution.planned_run import plan

    return plan(list(of_jobs(jobs([*SMALL, word], sweep=False))))
