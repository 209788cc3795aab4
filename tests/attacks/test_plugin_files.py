"""Files of plugins: their code runs because a user names them, never because a file of the results does."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from freerun.config.hydra.compose import experiments
from freerun.config.run_identity import identity
from freerun.errors import ConfigError
from freerun.execution.planned_run import plan
from freerun.parts import plugin_sources
from freerun.parts.plugins import load_plugin

PART = '''
"""A regime that leaves a trace when it is loaded."""
from dataclasses import dataclass
from freerun.parts.regimes import Regime
open({trace!r}, "a").close()

@dataclass(kw_only=True)
class Prepared(Regime):
    """Coins."""
    def probability(self, update, updates):
        return 0.5
    def mask(self, coins, update, updates):
        return (coins < 0.5).to(coins.dtype)
'''
TINY = [
    "task=markov", "model=gru", "model.hidden=4", "training.updates=3", "task.sequences=16", "evaluation.sequences=4",
    "evaluation.metrics=[loss]",
]  # fmt: skip


def freerun(*words, cwd):
    done = subprocess.run([sys.executable, "-P", "-m", "freerun", *words], cwd=cwd, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def prepared(tmp_path):
    """Results that somebody else has made: a study that wants a plugin of its own folder, with a plan that names it."""
    root = tmp_path / "results"
    trace, part = root / "prepared/ran", root / "prepared/prepared.py"
    part.parent.mkdir(parents=True)
    part.write_text(PART.format(trace=str(trace)))
    (run,) = plan(experiments(TINY, sweep=False))
    tree = {**run.tree, "regime": {"name": "prepared", "source": plugin_sources.digest(part.read_bytes(), part)}}
    run_id = f"{identity(tree)}{run.id[16:]}"
    about = {"name": "prepared", "title": "", "question": "", "command": "x", "overrides": [], "ids": [run_id]}
    (root / "prepared/study.json").write_text(json.dumps({**about, "planned": {run_id: tree}}))
    folder = root / ".store" / run_id[:2]
    folder.mkdir(parents=True)
    metrics = dict(run.measurement.metrics)
    text = {"plugins": [str(part)], "experiment": tree, "metrics": metrics, "train": True}
    (folder / f"{run_id}.plan").write_text(json.dumps(text))
    return tmp_path, trace, part


@pytest.mark.parametrize(
    "words",
    [
        ["retry"],
        ["report"],
        ["status"],
        ["measure"],
        ["table"],
        ["figures"],
        ["export"],
        ["plan"],
        ["study"],
        ["compare", "--study"],
    ],
)
def test_results_of_somebody_else_run_nothing(words, prepared):
    folder, trace, _ = prepared
    code, _, err = freerun(*words, "prepared", cwd=folder)
    assert not trace.exists(), "a file of the results was run"
    assert code in ((0,) if words == ["status"] else (2,)), err
    if words == ["retry"]:
        assert err.count("\n") == 1
        assert "its plugin is not named, or has changed; add plugins=[" in err


def test_a_plugin_runs_when_the_command_names_it_and_then_in_the_worker_too(prepared):
    folder, trace, part = prepared
    code, out, err = freerun("retry", "prepared", f"plugins=[{part}]", "--workers", "1", cwd=folder)
    assert code == 0, err
    assert trace.exists()
    assert "prepared" in out


def test_a_plugin_that_is_named_and_has_changed_is_another_one(prepared):
    folder, _, part = prepared
    part.write_text(part.read_text() + "\n# changed\n")
    code, _, err = freerun("retry", "prepared", f"plugins=[{part}]", cwd=folder)
    assert code == 2
    assert "its plugin is not named, or has changed" in err


HELPED = (
    PART.replace("return 0.5", "return P")
    .replace("import Regime\n", "import Regime\n{line}\n")
    .replace("coins < 0.5", "coins < P")
)
#: How a plugin can import what is its user's own, and where that lies.
HELPERS = {
    "from helper import P": "helper.py",
    "import pair.one\nP = pair.one.P": "pair/one.py",
    "from pair.one import P": "pair/one.py",
    "from outer import P": "inner.py",
    "def late():\n    from helper import P\n    return P\nP = late()": "helper.py",
}


def written(folder, line, value):
    for name in ("helper.py", "pair/one.py", "inner.py"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"P = {value}\n")
    (folder / "pair/__init__.py").touch()
    (folder / "outer.py").write_text("from inner import P\n")
    (folder / "helped.py").write_text(HELPED.format(trace=str(folder / "ran"), line=line))
    return folder / "helped.py"


@pytest.mark.parametrize("line", HELPERS, ids=lambda line: line.splitlines()[0])
def test_what_a_plugin_imports_of_its_users_own_belongs_to_its_digest(line, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(plugin_sources, "_imported", {})
    file = written(tmp_path, line, 0.5)
    before = plugin_sources.digest(file.read_bytes(), file)
    assert plugin_sources.digest(file.read_bytes(), file) == before
    (tmp_path / HELPERS[line]).write_text("P = 0.25\n")
    assert plugin_sources.digest(file.read_bytes(), file) != before


@pytest.mark.slow
def test_a_helper_that_is_edited_makes_another_run(tmp_path):
    """And is there in the driver and in the worker, beside the plugin, whatever folder the command is given in."""
    (tmp_path / "parts").mkdir()
    runs = []
    for value in (0.5, 0.25):
        written(tmp_path / "parts", "from helper import P", value)
        words = ["run", *TINY, "plugins=[parts/helped.py]", "regime=helped", "--workers", "1", "--as", f"p{value}"]
        code, _, err = freerun(*words, cwd=tmp_path)
        assert code == 0, err
        runs.append(json.loads((tmp_path / f"results/p{value}/study.json").read_text())["ids"])
    assert runs[0] != runs[1]


def test_a_helper_that_changed_since_it_was_imported_is_said_and_not_taken_for_the_new_one(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(plugin_sources, "_imported", {})
    file = written(tmp_path, "from helper import P", 0.5)
    load_plugin(str(file))
    (tmp_path / "helper.py").write_text("P = 0.25\n")
    with pytest.raises(ConfigError, match=r"helper\.py has changed since this process imported it; start Python anew"):
        load_plugin(str(file))
    del sys.modules["helper"]


@pytest.mark.parametrize(
    "line",
    [
        "import sys\nsys.path.insert(0, {folder!r})\nfrom hidden import P",
        "import sys, importlib\nsys.path.insert(0, {folder!r})\nP = importlib.import_module('hid' + 'den').P",
    ],
)
def test_a_helper_that_cannot_be_seen_beforehand_is_refused_by_name(line, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/hidden.py").write_text("P = 0.5\n")
    file = tmp_path / "helped.py"
    file.write_text(HELPED.format(trace=str(tmp_path / "ran"), line=line.format(folder=str(tmp_path / "elsewhere"))))
    with pytest.raises(ConfigError, match="imports hidden in a way that cannot be seen beforehand"):
        load_plugin(str(file))
    sys.modules.pop("hidden", None)


def test_a_plugin_without_helpers_keeps_the_digest_of_its_file(tmp_path):
    import hashlib

    source = b"import os\nimport numpy.linalg\nfrom torch import nn\nimport freerun\nimport no_such_module\n"
    assert plugin_sources.digest(source, tmp_path / "alone.py") == hashlib.sha256(source).hexdigest()
    assert plugin_sources.digest(b"not python (", tmp_path / "alone.py") == hashlib.sha256(b"not python (").hexdigest()
