"""Cases of classes from a notebook: what was defined in no file is run from Python, known by its source, and named later."""

from __future__ import annotations

import linecache
import sys
import types

import pytest

import freerun
from freerun import GRU, Evaluation, Experiment, HiddenMarkov, TeacherForcing, Training
from freerun.analysis import outputs
from freerun.cli.main import main
from freerun.config.run_identity import canonical, identity
from freerun.errors import ConfigError
from freerun.execution import launchers, plan_files
from freerun.execution.launchers.inline import Inline
from freerun.execution.planned_run import plan
from freerun.parts import registry
from freerun.store.results_folder import Place
from freerun.sweeps import sweep
from freerun.sweeps.study import Study

IMPORTS = """
from dataclasses import dataclass
import numpy as np
import torch
import freerun
from freerun.measurement.metrics import Metric
"""
REGIME = """
@dataclass(kw_only=True)
class Alternating(freerun.Regime):
    \"\"\"The truth at every other step.\"\"\"

    def probability(self, update, updates):
        return 0.5

    def mask(self, coins, update, updates):
        return (torch.arange(len(coins))[:, None] % 2 == 0).to(coins.dtype).expand_as(coins)
"""
MODEL = """
@dataclass(kw_only=True)
class Halved(freerun.GRU):
    \"\"\"A GRU of whose output half is taken.\"\"\"

    def step(self, *given):
        output, state = super().step(*given)
        return output / 2, state
"""
TASK = """
@dataclass(kw_only=True)
class Short(freerun.HiddenMarkov):
    \"\"\"A hidden Markov chain, as it is.\"\"\"

    def build(self, *given):
        return super().build(*given)
"""
METRIC = """
from freerun.measurement.metrics.loss import Loss

@dataclass(kw_only=True)
class Scaled(Loss):
    \"\"\"The loss, multiplied.\"\"\"

    factor: float = 2.0

    def measure(self, seen):
        return self.factor * super().measure(seen)
"""


class Notebook:
    """A process in which classes are defined cell by cell."""

    def __init__(self, monkeypatch) -> None:
        self._module = types.ModuleType("__main__")
        self._cells = 0
        monkeypatch.setitem(sys.modules, "__main__", self._module)
        self.cell(IMPORTS)

    def cell(self, text: str) -> Notebook:
        """Run a cell, whose text a traceback can show, as one of a notebook."""
        self._cells += 1
        file = f"<cell {id(self)} {self._cells}>"
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        exec(compile(text, file, "exec"), vars(self._module))
        return self

    def __getattr__(self, name: str):
        return getattr(self._module, name)


@pytest.fixture
def notebook(monkeypatch):
    return Notebook(monkeypatch)


def made(evaluation=None, seed=0, **parts) -> Experiment:
    task = parts.pop("task", None) or HiddenMarkov(sequences=16, length=6)
    training = Training(updates=2, batch=2, log_every=1)
    evaluation = evaluation or Evaluation(warmup=1, sequences=4, metrics=["loss"])
    return Experiment(
        task=task,
        training=training,
        evaluation=evaluation,
        seed=seed,
        **{"model": GRU(hidden=2), "regime": TeacherForcing(), **parts},
    )


def run_identity(experiment: Experiment) -> str:
    return identity(canonical(experiment))


def refused(make) -> str:
    with pytest.raises(ConfigError) as fault:
        make()
    assert "\n" not in str(fault.value)
    return str(fault.value)


def test_a_class_defined_in_a_notebook_is_run_and_done_once(notebook, tmp_path):
    notebook.cell(REGIME + MODEL).cell(TASK).cell(METRIC)
    plain = freerun.run([made()], tmp_path)
    evaluation = Evaluation(warmup=1, sequences=4, metrics=["loss", notebook.Scaled(factor=3.0)])
    mine = [
        made(regime=notebook.Alternating()),
        made(model=notebook.Halved(hidden=2)),
        made(task=notebook.Short(sequences=16, length=6)),
        made(evaluation),
    ]
    tables = freerun.run(mine, tmp_path)
    assert list(tables.runs["status"]) == ["done"] * 4
    assert [tables.runs[key][number] for number, key in enumerate(("regime", "model", "task"))] == [
        "Alternating",
        "Halved",
        "Short",
    ]
    assert tables.runs["run"][3].partition("-")[0] == plain.runs["run"][0].partition("-")[0], "a metric trains nothing"
    values = {
        name: list(of["value"])
        for name, of in tables.gaps[tables.gaps["run"] == tables.runs["run"][3]].groupby("metric", observed=True)
    }
    assert values["Scaled"] == [pytest.approx(3 * value) for value in values["loss"]]
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
    freerun.run(mine, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")} == before
    everything = freerun.run([made(Evaluation(warmup=1, sequences=4))], tmp_path)
    assert "Scaled" not in everything.gaps["metric"].unique(), "measured only where it stands"


def test_a_metric_that_was_changed_is_another_measurement_of_the_same_run(notebook):
    def planned():
        return plan([made(Evaluation(warmup=1, sequences=4, metrics=["loss", notebook.Scaled(factor=3.0)]))])[0]

    notebook.cell(METRIC)
    first = planned()
    notebook.cell(METRIC.replace("self.factor *", "self.factor + "))
    assert (planned().trained == first.trained, planned().id == first.id) == (True, False)
    for wrong in (["loss", notebook.Scaled(), notebook.Scaled(factor=3.0)], ["Scaled", notebook.Scaled()]):
        assert "stands there twice" in refused(lambda metrics=wrong: Evaluation(metrics=metrics))


#: A cell with a function `offset` that a class uses, in whose place of N stands one number or another.
USED = {
    "a function": "def offset():\n    return N\n",
    "a function that a function calls": "def inner(): return N\ndef offset(): return inner()\n",
    "a value": "SHIFT = N\ndef offset():\n    return SHIFT\n",
    "an array": "SHIFT = np.arange(3.) * N\ndef offset():\n    return SHIFT[1]\n",
    "numbers in a mapping": "SHIFT = {'a': [N, 2]}\ndef offset():\n    return SHIFT['a'][0]\n",
    "a default": "M = N\ndef offset(by=M):\n    return by\nM = 5\n",
    "a class": "class Holder:\n    def at(self): return N\ndef offset(): return Holder().at()\n",
    "what a decorator holds": """
def by(n):
    def made(f):
        def of(): return f() + n
        return of
    return made
W = N
@by(W)
def offset(): return 0
""",
    "a lambda": "offset = lambda: N\n",
}  # fmt: skip
USING = REGIME.replace("% 2 == 0", "% 2 == offset()")


@pytest.mark.parametrize("what", USED)
def test_a_changed_source_is_another_run(what, notebook):
    found = []
    for number in (0, 1, 0):
        notebook.cell(USED[what].replace("N", str(number))).cell(USING)
        found.append(run_identity(made(regime=notebook.Alternating())))
    assert found[0] == found[2] != found[1]
    notebook.cell("other = 3\ndef unused():\n    return 7\n")
    assert run_identity(made(regime=notebook.Alternating())) == found[0], "what it does not use is no part of it"


def test_the_text_of_the_class_its_bases_and_what_is_put_into_it_belong_to_its_identity(notebook, tmp_path, monkeypatch):
    def known() -> str:
        return run_identity(made(regime=notebook.Alternating()))

    found = [notebook.cell(REGIME) and known()]
    found += [notebook.cell(REGIME.replace("== 0", "== 1")) and known()]
    found += [notebook.cell("def mask(self, coins, update, updates):\n    return coins\nAlternating.mask = mask\n") and known()]
    base = REGIME.replace("class Alternating", "class Base")
    derived = "class Alternating(Base):\n    def probability(self, update, updates):\n        return 0.5\ndel Base\n"
    found += [notebook.cell(base).cell(derived) and known()]
    found += [notebook.cell(base.replace("== 0", "== 1")).cell(derived) and known()]
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_steps.py").write_text("def offset():\n    return 0\n")
    found += [notebook.cell("from own_steps import offset\n").cell(USING) and known()]
    (tmp_path / "own_steps.py").write_text("def offset():\n    return 1\n")
    assert "own_steps.py has changed" in refused(known)
    assert len(set(found)) == len(found)


WITHIN = "def make():\n" + REGIME.replace("\n", "\n    ") + "\n    return Alternating\nAlternating = make()"
TAKEN = REGIME.replace("Alternating", "teacher_forcing") + "Alternating = teacher_forcing\n"
ODD = "class Odd: pass\nodd = Odd()\n" + USING.replace("offset()", "odd.x")
REFUSED = {
    "no source": ("", lambda n: exec(REGIME, vars(sys.modules["__main__"])), "no method whose source is at hand"),
    "inside of a function": (WITHIN, None, "inside of something else"),
    "a name that is taken": (TAKEN, None, "there is a regime of this name"),
    "an object that no source describes": (ODD, None, "odd, a Odd"),
    "a text that is not what was run": ("", lambda n: n.cell(REGIME) and _rewritten(), "is not what was run"),
}


def _rewritten() -> None:
    file = sys.modules["__main__"].Alternating.mask.__code__.co_filename
    linecache.cache[file] = (1, None, REGIME.replace("% 2", "% 3").splitlines(keepends=True), file)


@pytest.mark.parametrize("why", REFUSED)
def test_a_class_whose_source_says_nothing_is_refused_in_one_line(why, notebook):
    cell, act, words = REFUSED[why]
    notebook.cell(cell)
    if act is not None:
        act(notebook)
    said = refused(lambda: made(regime=notebook.Alternating()))
    assert words in said
    assert "plugins=[FILE.py]" in said or "another one" in said


def test_a_class_that_was_defined_anew_is_made_again(notebook):
    old = notebook.cell(REGIME).Alternating()
    experiment = made(regime=old)
    before = run_identity(experiment)
    notebook.cell(REGIME.replace("== 0", "== 1"))
    assert run_identity(experiment) == before, "it is what it was, as long as nobody uses the other"
    assert "defined anew" in refused(lambda: made(regime=old))
    assert run_identity(made(regime=notebook.Alternating())) != before
    assert "defined anew" in refused(lambda: canonical(experiment))


def test_a_launcher_with_other_processes_says_to_put_it_in_a_file(notebook, tmp_path):
    notebook.cell(MODEL + METRIC)
    measured = Evaluation(warmup=1, sequences=4, metrics=[notebook.Scaled()])
    for experiment in (made(model=notebook.Halved(hidden=2)), made(measured)):
        for name, launcher in launchers.known().items():
            if name != "inline":
                said = refused(lambda e=experiment, k=launcher: freerun.run([e], tmp_path, launcher=k()))
                assert "known to this process alone" in said
                assert "plugins=[FILE.py]" in said
    assert not list(tmp_path.rglob("*.plan"))


def test_a_record_of_a_class_from_a_notebook_is_reported_and_retry_says_what_is_missing(
    notebook, tmp_path, monkeypatch, capsys
):
    notebook.cell(REGIME + METRIC)
    evaluation = Evaluation(warmup=1, sequences=4, metrics=["loss", notebook.Scaled()])
    runs = plan([made(evaluation, seed, regime=notebook.Alternating()) for seed in (0, 1)])
    place = Place(results=tmp_path)
    assert sweep.do(Study(name="mine", runs=runs, command="python"), place, Inline()) == {}
    plan_files.write(place.store, runs[:1])
    plan_file = place.store.path(runs[0].id).with_suffix(plan_files.SUFFIX)
    planned = plan_file.read_bytes()
    for named in registry.notebook_parts.values():
        named.clear()
    Notebook(monkeypatch)  # another process, which knows nothing of them
    assert set(outputs.of("mine", place).frames.runs["regime"]) == {"Alternating"}
    for words in (["table", "mine"], ["status", "mine"], ["export", "mine", "--to", "csv"]):
        with pytest.raises(SystemExit) as end:
            main([*words, "--results", str(tmp_path)])
        assert end.value.code == 0, capsys.readouterr()
    for run in (runs[0].id, runs[0].trained):
        place.store.path(run).unlink()
    for with_plan, said in {True: ["Alternating", "Scaled", "notebook", "plugins=[Scaled.py]"], False: ["Alternating"]}.items():
        plan_file.write_bytes(planned) if with_plan else plan_file.unlink()
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(["retry", "mine", "--results", str(tmp_path)])
        err = capsys.readouterr().err
        assert (end.value.code, err.count("\n")) == (2, 1)
        assert not [word for word in said if word not in err], err
