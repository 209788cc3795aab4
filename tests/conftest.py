"""Set-up of all tests: shapes are checked, players measured once, one thread, Ctrl-C can be tried."""

from __future__ import annotations

import importlib
import importlib.util
import signal
from pathlib import Path

import jaxtyping

import shapes

package = Path(importlib.util.find_spec("freerun").origin).parent


def annotated() -> list[str]:
    """The modules that state shapes, found by their text: `freerun` itself must not be imported before the hook is there."""
    files = [file for file in package.rglob("*.py") if "from jaxtyping import" in file.read_text(encoding="utf-8")]
    return sorted(".".join(file.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__") for file in files)


jaxtyping.jaxtyped = shapes.first_calls
with jaxtyping.install_import_hook(annotated(), "shapes.check"):
    for name in annotated():
        importlib.import_module(name)

import pytest  # noqa: E402
import torch  # noqa: E402

import kept_players  # noqa: E402
from freerun.parts import plugins, registry  # noqa: E402

torch.set_num_threads(1)
# A shell that starts tests in the background has them, and all that they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def shapes_checked_anew():
    shapes.begin_test()


@pytest.fixture(autouse=True)
def plugins_of_their_own():
    """The parts of plugins that a test loads go with it: a metric of theirs is measured in every run of the process."""
    parts, files = registry.plugin_parts, plugins._plugin_files
    before, read = {kind: dict(known) for kind, known in parts.items()}, dict(files)
    yield
    registry.plugin_parts, plugins._plugin_files = parts, files
    for named in registry.notebook_parts.values():
        named.clear()
    for kind, known in before.items():
        parts[kind].clear()
        parts[kind].update(known)
    files.clear()
    files.update(read)


@pytest.fixture(scope="session", autouse=True)
def players_once():
    with pytest.MonkeyPatch.context() as patch:
        kept_players.keep(patch)
        yield


@pytest.fixture
def players_anew(monkeypatch):
    kept_players.keep_none(monkeypatch)


@pytest.fixture
def undrawn(monkeypatch):
    """Reports and comparisons without figures: what they say does not hang on them, and to draw takes longer than all else."""
    from freerun.analysis import report
    from freerun.analysis.report import comparison

    monkeypatch.setattr(report.figures, "write", lambda *_: [])
    monkeypatch.setattr(comparison._comparison_figure, "draw", lambda *_: None)
    monkeypatch.setattr(comparison, "bytes_of", lambda *_: b"")
