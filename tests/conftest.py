"""Set-up of all tests: shapes are checked, players measured once, one thread, Ctrl-C can be tried."""

from __future__ import annotations

import importlib
import importlib.util
import signal
from pathlib import Path
from types import SimpleNamespace

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

from freerun.execution import group_measurement  # noqa: E402
from freerun.measurement import player_measurement  # noqa: E402
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


#: The records of players that were measured in this process, with their notes, by identity and by what measured them.
_players: dict[tuple, tuple] = {}


@pytest.fixture(scope="session", autouse=True)
def players_once():
    """Reference players are measured once a process, whatever store they are for: a record is a function of its identity."""

    def measured(*arguments):
        key = arguments[-1], player_measurement.measured
        if key not in _players:
            _players[key] = player_measurement.measured(*arguments)
        return _players[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(group_measurement, "player_measurement", SimpleNamespace(measured=measured))
        yield


@pytest.fixture
def players_anew(monkeypatch):
    """Here they are measured as often as a store lacks them."""
    monkeypatch.setattr(group_measurement, "player_measurement", player_measurement)


@pytest.fixture
def undrawn(monkeypatch):
    """Reports and comparisons without figures: what they say does not hang on them, and to draw takes longer than all else."""
    from freerun.analysis import report
    from freerun.analysis.report import comparison

    monkeypatch.setattr(report.figures, "write", lambda *_: [])
    monkeypatch.setattr(comparison._comparison_figure, "draw", lambda *_: None)
    monkeypatch.setattr(comparison, "bytes_of", lambda *_: b"")
