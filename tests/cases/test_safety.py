"""Data that once made the program do something: every case, each with further instances of its kind.

- `freerun retry NAME` on results that somebody has prepared; a plugin whose helper module is edited
- symbolic links at every path inside a store; `freerun report` where `results/NAME/figures` is a link
- `freerun clean` without arguments; a second study under an old name; `--out` that names something of the user's own
- a run that was killed on one kind of processor and continued on another
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch

from freerun import arithmetic
from freerun.analysis.tables import tidy
from freerun.cli.commands import clean
from freerun.cli.main import dispatch
from freerun.config.hydra.compose import experiments
from freerun.config.run_identity import identity
from freerun.errors import ConfigError, FreerunError, StoreError
from freerun.execution import checkpoint_origin, resume
from freerun.execution.planned_run import plan
from freerun.io import links
from freerun.parts import plugin_sources
from freerun.parts.models import gru
from freerun.parts.plugins import load_plugin
from freerun.store import claims, run_notes
from freerun.store.records import Store
from reliability import resume as kit
from synthetic import grid, study
from tiers import tiered

PRECIOUS = (
    "thesis.txt",
    "a.json",
    "model.safetensors",
    "x.checkpoint",
    ".n.host-1-2-3.tmp",
    "sub/deep.txt",
    "sub/d.json",
    "1.log",
)
COMMANDS = (
    ["status"], ["clean", "--yes"], ["clean", "--all", "--yes"], ["clean", "s", "--yes"], ["report", "s"], ["figures", "s"],
    ["table", "s"], ["retry", "s"], ["export", "s"], ["plan", "--as", "s", "task=markov", "model=gru", "-m"],
    ["merge", "results", "--results", "all"],
    ["run", "--as", "s", "--replace", "task=markov", "model=gru", "training.updates=1", "launcher=inline"],
)  # fmt: skip


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """Results of a small study, and a folder beside them that is nobody's business."""
    monkeypatch.chdir(tmp_path)
    wanted = grid(tasks=("markov",), seeds=2)
    _, ids = study(tmp_path / "results" / ".store", wanted)
    info = {"name": "s", "ids": ids, "planned": dict(zip(ids, wanted, strict=True)), "command": "freerun study s.yaml"}
    (tmp_path / "results/s").mkdir()
    (tmp_path / "results/s/study.json").write_text(json.dumps(info))
    for name in PRECIOUS:
        path = tmp_path / "outside" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("precious")
    return tmp_path


def outside(desk):
    return {
        path.relative_to(desk / "outside").as_posix(): path.read_bytes()
        for path in (desk / "outside").rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words[:3]))
@pytest.mark.parametrize("link", ["alive", "aside", "jobs", "queue", "index", "lock", "ab", "ab/record", "notes", ""])
def test_a_link_in_the_store_is_refused_by_every_command(link, words, desk):
    place = desk / "results/.store" / link
    if link == "":
        shutil.move(place, desk / "moved")
        place.parent.joinpath(".store").symlink_to(desk / "moved")
    else:
        place.parent.mkdir(exist_ok=True)
        shutil.rmtree(place, ignore_errors=True) if place.is_dir() else place.unlink(missing_ok=True)
        place.symlink_to(desk / "outside/a.json" if link in ("index", "lock", "ab/record") else desk / "outside")
    before = outside(desk)
    with pytest.raises(StoreError, match=r"\.store.*: is a link, and nothing outside the results is read, written or removed"):
        dispatch(words)
    assert outside(desk) == before == dict.fromkeys(PRECIOUS, b"precious")


@pytest.mark.parametrize("words", [words for words in COMMANDS if "s" in words], ids=lambda words: " ".join(words[:3]))
@pytest.mark.parametrize("link", ["", "figures", "study.json", "manifest.json"])
def test_a_link_in_the_folder_of_a_study_is_refused(link, words, desk):
    place = desk / "results/s" / link
    if link == "":
        shutil.move(place, desk / "outside/s")
        place.parent.joinpath("s").symlink_to(desk / "outside/s")
    else:
        place.unlink(missing_ok=True)
        place.symlink_to(desk / ("outside" if link == "figures" else "outside/a.json"))
    before = outside(desk)
    with pytest.raises(FreerunError, match=r"results/s.*: is a link"):
        dispatch(words)
    assert outside(desk) == before


def test_a_users_own_link_to_a_file_is_no_harm(desk):
    (desk / "results/s/paper.txt").symlink_to(desk / "outside/thesis.txt")
    assert dispatch(["table", "s"]) == 0
    assert dispatch(["clean", "s", "--yes"]) == 0
    assert outside(desk) == dict.fromkeys(PRECIOUS, b"precious")


def test_the_folder_of_all_results_may_be_a_link(desk):
    """A user puts results on a larger disk: what is in there is the store, and all of it is inside."""
    shutil.move(desk / "results", desk / "large")
    (desk / "results").symlink_to(desk / "large")
    assert dispatch(["table", "s"]) == 0


def every_kind_of_file(store):
    """The paths of a store that has every kind of file, and files deeper than any of its own."""
    run = next(store.glob("*/*.json")).with_suffix("")
    files = [run.with_suffix(f".{kind}") for kind in ("safetensors", "checkpoint", "plan", "failed", "log", "players")]
    files += [store / name for name in ("lock", "index", ".probe.host-1-2-3.tmp", "alive/1.json", "alive/.now.host-1-2-3.tmp")]
    files += [store / name for name in ("aside/x.0.json", "notes/x", "queue/1.json", "jobs/1.sh", "jobs/12/deep/1.log")]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return sorted(store.rglob("*"))


@pytest.mark.parametrize("leads", ["outside", "to itself", "nowhere"])
def test_a_link_at_every_path_of_a_store_is_refused(leads, desk):
    store = desk / "results/.store"
    paths = every_kind_of_file(store)
    assert len(paths) > 25
    for path in paths:
        kept = path.with_name(f"{path.name}.kept")
        path.rename(kept)
        target = desk / ("outside" if kept.is_dir() else "outside/thesis.txt")
        path.symlink_to({"outside": target, "to itself": path, "nowhere": desk / "nowhere"}[leads])
        with pytest.raises(StoreError, match=rf"{path.name}: is a link, and nothing outside"):
            Store(store)
        path.unlink()
        kept.rename(path)
    Store(store)
    assert outside(desk) == dict.fromkeys(PRECIOUS, b"precious")


@pytest.mark.parametrize("leads", ["outside", "itself", "nowhere"])
def test_the_study_file_that_is_a_link_is_named_by_status(leads, desk, capsys):
    path = desk / "results/s/study.json"
    path.unlink()
    path.symlink_to({"outside": desk / "outside/a.json", "itself": path, "nowhere": desk / "nowhere"}[leads])
    assert dispatch(["status"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[-1].split() == ["s", "damaged"]
    assert "study.json: is a link, and nothing outside the results is read" in said.err
    assert said.err.count("\n") == 1


def test_links_are_found_to_the_depth_that_files_have(tmp_path):
    (tmp_path / "store/ab").mkdir(parents=True)
    links.demand_none(tmp_path / "store")
    links.demand_none(tmp_path / "nowhere")
    (tmp_path / "store/inside").symlink_to(tmp_path / "store/ab")
    links.demand_none(tmp_path / "store")
    (tmp_path / "store/ab/x.json").symlink_to("/etc/passwd")
    with pytest.raises(StoreError, match=r"x\.json: is a link"):
        Store(tmp_path / "store")


# ---------------------------------------------------------------------- clean


@pytest.mark.parametrize("words", [[], ["--all"], ["s"]], ids=["left over", "all", "a study"])
def test_clean_lists_what_it_would_remove_and_removes_nothing_before_yes(words, desk, monkeypatch, capsys):
    monkeypatch.setattr(clean, "SHOWN", 100)
    store = desk / "results/.store"
    every_kind_of_file(store)
    (store / "alive/1.json").unlink()
    (store / "queue/1.json").unlink()
    before = {path: path.read_bytes() for path in desk.rglob("*") if path.is_file()}
    assert dispatch(["clean", *words]) == 0
    said = capsys.readouterr().out
    assert {path: path.read_bytes() for path in desk.rglob("*") if path.is_file()} == before
    assert said.endswith("nothing was removed: add --yes\n")
    listed = {desk / "results" / line.strip() for line in said.splitlines() if line.startswith("  ")}
    assert dispatch(["clean", *words, "--yes"]) == 0
    assert {path for path in before if not path.exists()} == listed & set(before) != set()
    assert all((desk / "outside" / name).exists() for name in PRECIOUS)


def test_clean_while_a_sweep_is_at_work_is_refused(desk):
    mine = claims.Claims(Store(desk / "results/.store"))
    mine.take(["ef" + "0" * 14])
    for words in ([], ["s"], ["--all"]):
        with pytest.raises(StoreError, match="at work"):
            dispatch(["clean", *words, "--yes"])
    mine.release()


@pytest.mark.parametrize("words", [[""], ["  "], ["s", "--all"], ["s", ""], ["../s"], ["."]])
def test_clean_of_nothing_is_refused(words, desk):
    with pytest.raises(ConfigError, match=r"clean takes the name of a study, or no name|a name is letters|does not take ''"):
        dispatch(["clean", "--yes", *words])
    assert (desk / "results/s/study.json").exists()


TRAINS = ["task=markov", "model=gru", "training.updates=1", "launcher=inline", "--as", "s"]
OTHERS = {
    "run": ["run", *TRAINS], "sweep": ["run", "-m", *TRAINS, "seed=7,8"], "study": ["study", "few.yaml", *TRAINS[2:]],
    "search": ["search", *TRAINS, "training.lr=0.1,0.2", "--target", "loss,forced,test"],
}  # fmt: skip


@pytest.mark.parametrize("words", OTHERS.values(), ids=OTHERS)
def test_a_second_study_under_an_old_name_erases_nothing(words, desk):
    (desk / "few.yaml").write_text("cases:\n  - {task: markov, model: gru, seed: 7}\n")
    assert dispatch(["table", "s"]) == 0
    before = {path: path.read_bytes() for path in (desk / "results").rglob("*") if path.is_file() and path.name != "lock"}
    assert len(before) > 10
    with pytest.raises(ConfigError, match=r"--replace lets its tables and figures go|choose another name"):
        dispatch(words)
    assert {path: path.read_bytes() for path in before if path.exists()} == before


# ---------------------------------------------------------------------- what --out names is the user's own

OWN = {
    "own data for Parquet": (["export", "s", "--out", "outside/own"], b"date,load\n2021-01-01,5\n"),
    "own data for a table": (["table", "s", "--out", "outside/own.csv"], b"date,load\n2021-01-01,5\n"),
    "a text for LaTeX": (["table", "s", "--out", "outside/own.tex"], b"My thesis\n"),
    "one of the files of a folder": (["export", "s", "--to", "csv", "--out", "outside"], b"date,load\n"),
    "a folder with other things": (["paper", "s", "--out", "outside"], None),
    "a pipe": (["table", "s", "--out", "outside/own.md"], "pipe"),
    "a folder of that name": (["table", "s", "--out", "outside/own.md"], "folder"),
}  # fmt: skip


@pytest.mark.parametrize("what", tiered(OWN, quick=lambda what: OWN[what][0][0] != "table" or "LaTeX" in what))
def test_what_out_names_is_not_overwritten_where_it_is_something_else(what, desk):
    words, content = OWN[what]
    path = desk / ("outside/gaps.csv" if words[-1] == "outside" else words[-1])
    if content == "pipe":
        os.mkfifo(path)
    elif content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    before = outside(desk)
    with pytest.raises(ConfigError, match=r"something else|no plain file|other things in it"):
        dispatch(words)
    assert outside(desk) == before


WRITTEN = [["export", "s", "--out", "e"], ["table", "s", "--out", "t.tex"], ["export", "s", "--to", "csv", "--out", "c"]]


@pytest.mark.parametrize("words", tiered(WRITTEN, quick=lambda words: words[0] == "export"))
def test_what_freerun_wrote_before_or_is_empty_is_written_anew(words, desk):
    if words[-1] != "c":
        (desk / words[-1]).touch()
    assert [dispatch(words), dispatch(words)] == [0, 0]


@pytest.mark.slow  # the refusals of a paper are tried above
def test_a_paper_that_was_written_before_is_written_anew_and_what_compiles_it_stays_as_it_was_changed(desk, capsys):
    words = ["paper", "s", "gap_by_model", "--out", "p"]
    assert [dispatch(words), dispatch([*words, "--venue", "icml"])] == [0, 0]
    assert "twocolumn" in (desk / "p/main.tex").read_text()
    assert "changed by hand" not in capsys.readouterr().out
    (desk / "p/main.tex").write_text("mine")
    assert dispatch(words) == 0
    assert "main.tex was changed by hand" in capsys.readouterr().out
    assert (desk / "p/main.tex").read_text() == "mine"


# ---------------------------------------------------------------------- plugins


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


def real(*words, cwd):
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
    code, _, err = real(*words, "prepared", cwd=folder)
    assert not trace.exists(), "a file of the results was run"
    assert code in ((0,) if words == ["status"] else (2,)), err
    if words == ["retry"]:
        assert err.count("\n") == 1
        assert "its plugin is not named, or has changed; add plugins=[" in err


def test_a_plugin_runs_when_the_command_names_it_and_then_in_the_worker_too(prepared):
    folder, trace, part = prepared
    code, out, err = real("retry", "prepared", f"plugins=[{part}]", "--workers", "1", cwd=folder)
    assert code == 0, err
    assert trace.exists()
    assert "prepared" in out


def test_a_plugin_that_is_named_and_has_changed_is_another_one(prepared):
    folder, _, part = prepared
    part.write_text(part.read_text() + "\n# changed\n")
    code, _, err = real("retry", "prepared", f"plugins=[{part}]", cwd=folder)
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
        code, _, err = real(*words, cwd=tmp_path)
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


#: What a plugin may do for all else in the process as it is loaded, what is said of it, and how it is seen.
SHARED = {
    "torch.set_default_dtype(torch.float64)": ("torch's default type", torch.get_default_dtype),
    "torch.set_num_threads(3)": ("torch's threads", torch.get_num_threads),
    "torch.set_grad_enabled(False)": ("whether torch keeps gradients", torch.is_grad_enabled),
    "os.chdir('/')": ("the working folder for all runs; begin paths at __file__", Path.cwd),
    "os.environ['OMP_NUM_THREADS'] = '7'": ("OMP_NUM_THREADS in the environment", lambda: os.environ.get("OMP_NUM_THREADS")),
    "from freerun.parts.models.gru import GRU; GRU.step = lambda *rest: None": (
        "freerun.parts.models.gru.GRU.step for all runs; derive a part of your own", lambda: gru.GRU.step,
    ),
    "from freerun.parts.models import gru; gru.torch = None": ("freerun.parts.models.gru.torch", lambda: gru.torch),
    "torch.tanh = torch.sigmoid": ("torch.tanh", lambda: torch.tanh),
    "builtins.sum = max": ("builtins.sum", lambda: sum),
    "from freerun.parts.registry import plugin_parts; plugin_parts['model']['gru'] = 1": (
        "freerun.parts.registry.plugin_parts", lambda: gru,
    ),
    "from freerun.parts.registry import KINDS; KINDS['model'] = ('x', 'y')": ("freerun.parts.registry.KINDS", lambda: gru),
    "from freerun.parts.registry import builtin_parts; builtin_parts('model')['gru'] = 1": ("TypeError", lambda: gru),
    "from freerun.parts.registry import builtin_parts; builtin_parts('model').pop('gru')": ("AttributeError", lambda: gru),
}  # fmt: skip


@pytest.mark.parametrize("line", SHARED)
def test_a_plugin_changes_nothing_for_runs_that_do_not_know_of_it(line, tmp_path):
    """Whose settings, and so whose identities, would be what they were: other numbers would be kept under the same name."""
    words, seen = SHARED[line]
    before, file = seen(), tmp_path / "own.py"
    file.write_text(f"import builtins, os, torch\n{line}\n{PART.format(trace=str(tmp_path / 'ran'))}")
    with pytest.raises(ConfigError, match=r"^plugins=.*own\.py: ") as refusal:
        load_plugin(str(file))
    assert words in str(refusal.value)
    assert seen() == before


@pytest.mark.parametrize(
    "line",
    [
        "np.seterr(all='raise')",
        "sys.stdout = None",
        "sys.setrecursionlimit(90)",
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
        "signal.signal(signal.SIGINT, print)",
    ],
)
def test_what_a_plugin_changes_that_changes_no_number_is_put_back(line, tmp_path):
    """As libraries do when they are imported."""

    def seen():
        return np.geterr(), sys.stdout, sys.getrecursionlimit(), *map(signal.getsignal, (signal.SIGTERM, signal.SIGINT))

    before, file = seen(), tmp_path / "own.py"
    seeds = "import random, signal, sys, torch, numpy as np\nrandom.seed(0); np.random.seed(0); torch.manual_seed(0)"
    file.write_text(f"{seeds}\n{line}\n{PART.format(trace=str(tmp_path / 'ran'))}")
    load_plugin(str(file))
    assert seen() == before


LATE = {
    "training": "torch.set_default_dtype(torch.float64)",
    "the folder": "os.chdir('/')",
    "gradients": "torch.set_grad_enabled(False)",
}


@pytest.mark.slow  # what is done as a file is loaded is tried above
@pytest.mark.parametrize("what", LATE)
def test_a_part_that_changes_what_all_runs_share_while_it_runs_fails_alone(what, desk, capsys):
    """The run beside it, of a built-in part, has the bits that it has alone."""
    late = PART.format(trace="ran").replace("        return (coins", f"        {LATE[what]}\n        return (coins")
    (desk / "late.py").write_text(f"import os, torch\n{late}")
    words = ["run", *TINY, "launcher=inline"]
    seen = torch.get_default_dtype(), Path.cwd(), torch.is_grad_enabled()
    assert dispatch([*words, "regime=teacher_forcing", "--as", "alone", "--results", "alone"]) == 0
    assert dispatch([*words, "-m", "plugins=[late.py]", "regime=late,teacher_forcing", "--as", "both"]) == 1
    assert "a part of this run changes " in capsys.readouterr().err
    assert (torch.get_default_dtype(), Path.cwd(), torch.is_grad_enabled()) == seen
    (alone,), both = list(Store(desk / "alone/.store").runs()), Store(desk / "results/.store")
    assert both.read(alone)["series"] == Store(desk / "alone/.store").read(alone)["series"]


WORKS_IN_PLACE = {
    "what it is fed": ("model", "GRU", "step(self, weights, x, state)", "x.mul_(0.5)", "step(weights, x, state)"),
    "its state": ("model", "GRU", "step(self, weights, x, state)", "state[0].add_(1)", "step(weights, x, state)"),
    "the outputs": ("feedback", "Mean", "__call__(self, outputs, *rest)", "outputs.mul_(0.5)", "__call__(outputs, *rest)"),
}


CASES_IN_PLACE = [(what, name) for what in WORKS_IN_PLACE for name in ("own", "sound")]


@pytest.mark.parametrize(("what", "name"), tiered(CASES_IN_PLACE, quick=lambda case: case == ("what it is fed", "own")))
def test_a_model_or_a_feedback_that_works_in_place_is_refused(what, name, desk, capsys):
    """The truth was another for whoever looked at it next; what does not work in place is run."""
    kind, base, head, line, call = WORKS_IN_PLACE[what]
    text = f"from dataclasses import dataclass\nfrom freerun import {base}\n@dataclass(kw_only=True)\nclass Own({base}):\n"
    first = line if name == "own" else "pass"
    (desk / f"{name}.py").write_text(f'{text}    """Own."""\n    def {head}:\n        {first}\n        return super().{call}\n')
    words = ["run", "task=lorenz63", "task.sequences=8", "task.length=6", "evaluation.warmup=2", "evaluation.horizon=8"]
    words += ["evaluation.sequences=4", "model.hidden=2", "training.updates=2", "launcher=inline", "--as", name]
    code = dispatch([*words, f"plugins=[{name}.py]", f"{kind}={name}", "evaluation.metrics=[rmse]"])
    said = capsys.readouterr().err
    assert (code, f"Own changes {what} in place" in said) == ((1, True) if name == "own" else (0, False)), said


IN_PLACE = """
from dataclasses import dataclass
from freerun.measurement.metrics import Comparison, Metric
from freerun.store.quantity import Quantity
@dataclass(kw_only=True)
class Own({base}):
    "Works in place."
    per = "rollout"
    quantity = Quantity(label="Own", unit="share", better="lower")
    def applies(self, observed): return {applies}
    def measure(self, observed):
        for seen in (observed, observed.forced or observed):
            seen.outputs.mul_(3)
            seen.targets.numpy()[...] = 0
            if seen.orbit is not None:
                seen.orbit.made.zero_()
        return observed.outputs.double().mean()[None]
"""


@pytest.mark.parametrize(
    ("base", "applies"),
    tiered([("Metric", "True"), ("Comparison", "observed.forced is not None")], quick=lambda case: case[0] == "Metric"),
)
def test_a_metric_that_works_in_place_is_in_no_other_number(base, applies, desk):
    """Of the run, and of the players beside it; an error that was made in place of an output was in all that came after."""
    (desk / "own.py").write_text(IN_PLACE.format(base=base, applies=applies))
    words = ["run", "task=lorenz63", "task.sequences=8", "task.length=6", "evaluation.warmup=2", "evaluation.horizon=8"]
    words += ["evaluation.sequences=4", "evaluation.orbit=100", "model.hidden=2", "training.updates=2", "launcher=inline"]
    held = {}
    for name, more in {"alone": ["rmse,loss,d_stsp"], "beside": ["own,rmse,loss,d_stsp", "plugins=[own.py]"]}.items():
        assert dispatch([*words, f"evaluation.metrics=[{more[0]}]", *more[1:], "--results", name, "--as", "s"]) == 0
        tables = tidy.read(desk / name / "s")
        held[name] = [
            frame[frame["metric"] != "own"].drop(columns="run").reset_index(drop=True)
            for frame in (tables.gaps, tables.players)
        ]
    for alone, beside in zip(*held.values(), strict=True):
        assert len(alone) > 20
        assert alone.astype(str).equals(beside.astype(str))


# ---------------------------------------------------------------------- another processor


#: What is another where a run goes on: the instruction set of the kernels, of the matrix products, of the compiled engine.
PROCESSORS = {
    "kernels": {"arithmetic": "torch AVX512, MKL COMPATIBLE"},
    "matrix products": {"arithmetic": "torch AVX2, MKL AVX512"},
    "compiled engine": {"engine": "compiled, avx512f"},
    "machine": {"machine": "Linux aarch64"},
    "nothing": {},
}


@pytest.mark.parametrize("what", tiered(PROCESSORS, quick=lambda what: what in ("kernels", "nothing")))
def test_a_run_that_goes_on_on_another_processor_begins_anew_and_says_so(what, tmp_path):
    runs, calm, rough = next(iter(kit.cases(0, 1))).runs(), Store(tmp_path / "calm"), Store(tmp_path / "rough")
    calm.open()
    kit.trained(runs, calm, 0)
    here = checkpoint_origin.made
    with mock.patch.object(resume, "made", lambda group: {**here(group), **PROCESSORS[what]}):
        kit.killed(runs, rough)
    kit.trained(runs, rough, 0 if PROCESSORS[what] else 2)
    assert all(kit.left(calm, run.id) == kit.left(rough, run.id) for run in runs)
    made = [rough.read(run.id)["provenance"] for run in runs]
    assert [each["resumed_from"] for each in made] == [[] if PROCESSORS[what] else [6]] * len(runs)
    told = run_notes.take(rough, [run.id for run in runs])
    assert sum(told.values()) == (len(runs) if PROCESSORS[what] else 0)
    assert all(value in text for text in told for value in PROCESSORS[what].values())
    assert all(each["arithmetic"] == str(arithmetic.in_force()) and each["processor"] for each in made)
