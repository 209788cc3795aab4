"""The public names: explicit, in step with the registry, imported late, and seen by type checkers."""

from __future__ import annotations

import inspect
import os
import pydoc
import re
import subprocess
import sys
from dataclasses import fields
from enum import Enum
from pathlib import Path

import pytest

import freerun
from freerun.deferred_imports import exports
from freerun.parts import registry

PACKAGE = Path(freerun.__file__).parent
STUB = PACKAGE / "__init__.pyi"


def promised() -> dict[str, object]:
    """What a user or the author of a part needs: experiments, `run`, `load`, every built-in part, named choices, base classes.

    Metrics are named by their users and made by the program alone, so that their authors' classes are all of them there is.
    """
    from freerun import api
    from freerun.config.experiment import Evaluation, Experiment, Training
    from freerun.measurement.metrics import Comparison
    from freerun.parts.tasks._flows import Flow
    from freerun.store.quantity import Quantity

    parts = [part for kind in registry.KINDS if kind != "metric" for part in registry.builtin_parts(kind).values()]
    settings = [item for part in [*parts, Training, Evaluation] for item in fields(part)]
    choices = [type(item.default) for item in settings if isinstance(item.default, Enum)]
    bases = [*map(registry.base, registry.KINDS), Comparison, Flow, Quantity]
    python = [getattr(api, name) for name in api.__all__]
    promises = [*python, Experiment, Training, Evaluation, *parts, *choices, *bases]
    return {each.__name__.rpartition(".")[2]: each for each in promises}


def out_of_step(homes: dict[str, str]) -> dict[str, str]:
    """The names that are promised and not exported, exported and not promised, or exported from another module."""
    wanted = {name: getattr(each, "__module__", "freerun.api") for name, each in promised().items()}  # `figures` is a module
    return dict(homes.items() ^ wanted.items())


def test_what_is_exported_is_what_is_promised():
    assert out_of_step(exports(STUB)) == {}
    assert set(freerun.__all__) == promised().keys()


def test_a_part_that_is_not_exported_or_no_longer_there_is_found(tmp_path):
    text, line = STUB.read_text(), "from freerun.parts.models.gru import GRU as GRU\n"
    (tmp_path / "less.pyi").write_text(text.replace(line, ""))
    assert out_of_step(exports(tmp_path / "less.pyi")) == {"GRU": "freerun.parts.models.gru"}
    (tmp_path / "more.pyi").write_text(line.replace("GRU", "Gone") + text)
    assert out_of_step(exports(tmp_path / "more.pyi")) == {"Gone": "freerun.parts.models.gru"}
    (tmp_path / "moved.pyi").write_text(text.replace("models.gru", "models.lstm"))
    assert "GRU" in out_of_step(exports(tmp_path / "moved.pyi"))


def test_every_line_of_the_stub_is_one_export():
    lines = [line for line in STUB.read_text().splitlines()[1:] if line]
    found = [re.fullmatch(r"from freerun\.[\w.]+ import (\w+) as \1", line) for line in lines if line != "__version__: str"]
    assert all(found)
    assert len(found) == len(freerun.__all__) == len(set(freerun.__all__))


def test_a_name_is_the_class_that_the_registry_knows():
    assert {name: getattr(freerun, name) for name in freerun.__all__} == promised()


@pytest.mark.parametrize("name", ["Task", "Flow", "Model", "Regime", "Feedback", "Objective", "Metric"])
def test_help_of_a_base_class_says_what_each_of_its_settings_means(name):
    base = getattr(freerun, name)
    _, _, shown = (inspect.getdoc(base) or "").partition("Attributes:\n")
    said = {each for names in re.findall(r"^    (\w+(?:, \w+)*): ", shown, re.MULTILINE) for each in names.split(", ")}
    inherited = {each for parent in base.__mro__[1:] for each in vars(parent).get("__annotations__", {})}
    assert set(base.__annotations__) - inherited <= said <= {*base.__annotations__, *inherited, "coin"}
    assert shown.split("\n")[0] in pydoc.plain(pydoc.render_doc(base))


def test_a_star_imports_all_of_them():
    names: dict[str, object] = {}
    exec("from freerun import *", names)
    del names["__builtins__"]
    assert names == promised()


@pytest.mark.parametrize("use", ["import freerun", "from freerun.cli.main import main; main()"])
def test_windows_gets_one_clear_line(use, tmp_path):
    code = f"import sys; sys.platform = 'win32'; sys.argv = ['freerun', 'list']; {use}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("freerun: Windows is not supported; Freerun runs on Linux and macOS")
    told = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.ps1 = '>>> '\n{code}"], capture_output=True, text=True, cwd=tmp_path
    )
    assert "RuntimeError: freerun: Windows is not supported" in told.stderr  # which leaves a prompt open


def test_what_there_is_not_is_an_attribute_error():
    assert not hasattr(freerun, "Lorenz64")
    with pytest.raises(ImportError, match="Lorenz64"):
        exec("from freerun import Lorenz64")


def test_names_are_listed_and_parts_imported_without_anything_heavy(tmp_path):
    code = """
import sys
import freerun
assert {"Lorenz63", "Lorenz96", "Experiment", "run", "Task", "__version__"} <= set(dir(freerun)), dir(freerun)
assert not {"torch", "pandas", "hydra", "numpy"} & set(sys.modules), "dir"
assert not [name for name in sys.modules if name.startswith("freerun.") and "parts" in name], "parts"
freerun.Lorenz63(), freerun.GRU(), freerun.ScheduledSampling(), freerun.Training()
assert not {"torch", "pandas", "hydra"} & set(sys.modules), "parts"
freerun.figures.gap_over_lead, freerun.load
assert "torch" not in sys.modules, "figures"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_arithmetic_is_chosen_before_torch_is_imported_by_a_name(tmp_path):
    code = """
import os, sys

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            print(os.environ.get("MKL_CBWR"))

sys.meta_path.insert(0, Watch())
from freerun import *
Lorenz63(sequences=4).build(0, 50)
"""
    bare = {key: value for key, value in os.environ.items() if not key.startswith(("MKL", "ATEN", "FREERUN"))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=bare)
    assert (done.returncode, done.stdout) == (0, "COMPATIBLE\n"), done.stderr


#: Scripts of a user, each with what a type checker has to say: the line, the code and a piece of the message.
SCRIPTS = {
    "right.py": (
        """
import freerun
from freerun import Experiment, FreeRunning, Lorenz63, OutputRecurrent, Predict, Regime, ScheduledSampling, Schedule, Training

regimes: list[Regime] = [freerun.TeacherForcing(), FreeRunning(), ScheduledSampling(schedule=Schedule.linear, end=0.5)]
experiments = [
    Experiment(
        task=Lorenz63(dt=0.01, predict=Predict.increment),
        model=OutputRecurrent(hidden=64),
        regime=regime,
        training=Training(updates=10, clip=None),
        seed=seed,
    )
    for regime in regimes
    for seed in range(3)
]
print(freerun.run(experiments).gaps.empty, freerun.__version__.upper())
""",
        [],
    ),
    "part.py": (
        """
from dataclasses import dataclass

import torch

from freerun import Regime


@dataclass(kw_only=True)
class Even(Regime):
    period: int = 2

    def probability(self, update: int, updates: int) -> float:
        return 1 / self.period

    def mask(self, coins: torch.Tensor, update: int, updates: int) -> torch.Tensor:
        return torch.ones_like(coins)


Even(period=3)
""",
        [],
    ),
    "star.py": ("from freerun import *\n\nLorenz63(dt=0.01)\nLorenz63(dtt=0.01)\n", [(4, "call-arg", '"dtt"')]),
    "misspelt.py": ("from freerun import Lorenz63\n\nLorenz63(dtt=0.01)\n", [(3, "call-arg", '"dtt" for "Lorenz63"')]),
    "text.py": ('from freerun import Lorenz63\n\nLorenz63(dt="small")\n', [(3, "arg-type", '"str"; expected "float"')]),
    "swapped.py": (
        "from freerun import GRU, Experiment, Lorenz63\n\nExperiment(task=GRU(), model=Lorenz63())\n",
        [(3, "arg-type", 'expected "Task | str"'), (3, "arg-type", 'expected "Model | str"')],
    ),
    "unknown.py": ("from freerun import Lorenz64\n", [(1, "attr-defined", '"Lorenz64"')]),
    "result.py": (
        "import freerun\n\ntables: int = freerun.run([])\n", [(3, "assignment", 'expression has type "Tables"')],
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def said(tmp_path_factory, pytestconfig):
    """What `mypy --strict` says of each script: (line, code, message)."""
    folder = tmp_path_factory.mktemp("scripts")
    for name, (code, _) in SCRIPTS.items():
        (folder / name).write_text(code.lstrip("\n"))
    # As for an installed package: only what is wrong in the scripts is said.
    words = ["--strict", "--config-file=", "--follow-imports=silent", "--no-pretty", "--no-error-summary"]
    cache = pytestconfig.cache.mkdir("mypy")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *words, "--cache-dir", str(cache), *SCRIPTS],
        cwd=folder, env=os.environ | {"MYPYPATH": str(PACKAGE.parent)}, capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found: dict[str, list[tuple[int, str, str]]] = {name: [] for name in SCRIPTS}
    for line in done.stdout.splitlines():
        if ": note: " in line:
            continue
        file, number, text, code = re.fullmatch(r"([\w.]+):(\d+): error: (.*)  \[([\w-]+)\]", line).groups()
        found[file].append((int(number), code, text))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", list(SCRIPTS))
def test_a_type_checker_sees_what_is_right_and_what_is_wrong(name, said):
    wanted = SCRIPTS[name][1]
    assert len(said[name]) == len(wanted), said[name]
    for (line, code, piece), found in zip(wanted, said[name], strict=True):
        assert (line, code) == found[:2]
        assert piece in found[2]


def test_the_package_says_that_it_is_typed():
    assert (PACKAGE / "py.typed").is_file()
    assert inspect.signature(freerun.Lorenz63).parameters["dt"].kind is inspect.Parameter.KEYWORD_ONLY
