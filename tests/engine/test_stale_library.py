"""Tests that a compiled library is used only where it is of the source that is installed, and is refused in one line else."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest

from freerun.config.hydra.compose import jobs, of_jobs
from freerun.engine.compiled import build, library
from freerun.engine.engine_choice import engine_of, obstacle
from freerun.errors import ConfigError

KNOWN = library.library()
pytestmark = pytest.mark.skipif(KNOWN is None, reason="the compiled engine is not built here (no C compiler)")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of its own for the library, which the process looks at anew."""
    monkeypatch.setattr(library, "FOLDER", tmp_path)
    shutil.copy(KNOWN.path, tmp_path)
    library.library.cache_clear()
    yield tmp_path
    library.library.cache_clear()


@pytest.fixture
def source(tmp_path_factory, monkeypatch):
    """A source of its own."""
    copy = tmp_path_factory.mktemp("installed") / "source"
    shutil.copytree(build.SOURCE, copy)
    monkeypatch.setattr(build, "SOURCE", copy)
    return copy


def experiment():
    (made,) = of_jobs(jobs(["task=lorenz63", "model=gru"], sweep=False))
    return made


def refusal():
    with pytest.raises(ConfigError) as caught:
        library.library()
    text = str(caught.value)
    assert "\n" not in text
    assert "run: python -m freerun.engine.compiled.build, or choose engine=reference" in text
    return text


def test_the_library_of_this_source_is_used(folder):
    assert library.library().path == folder / KNOWN.path.name


@pytest.mark.parametrize("change", ["a line more", "a file more", "a file less"])
def test_a_library_of_another_source_is_refused(change, folder, source):
    if change == "a line more":
        path = source / "cells.h"
        path.write_text(path.read_text() + "\n/* changed */\n")
    elif change == "a file more":
        (source / "more.h").write_text("")
    else:
        (source / "cells.h").unlink()
    assert "built from another source" in refusal()
    for name in ("auto", "compiled"):
        with pytest.raises(ConfigError, match="built from another source"):
            engine_of(experiment(), name)
    with pytest.raises(ConfigError, match="built from another source"):
        obstacle(experiment())
    assert engine_of(experiment(), "reference").name == "reference", "who does not ask for it is not kept from working"


@pytest.mark.parametrize("other", ["switches", "machine", "system", "instructions"])
def test_a_library_of_other_switches_or_of_another_machine_is_refused(other, folder, monkeypatch):
    if other == "switches":
        monkeypatch.setattr(build, "SWITCHES", (*build.SWITCHES, "-ffast-math"))
    elif other == "machine":
        name = "AMD64" if len(build.sets()) > 1 else "other"
        monkeypatch.setattr(build, "platform", SimpleNamespace(machine=lambda: name))
    elif other == "system":
        monkeypatch.setattr(build, "sys", SimpleNamespace(platform="other"))
    elif KNOWN.instructions == "portable":
        pytest.skip("this processor has one instruction set")
    else:
        (folder / KNOWN.path.name).rename(folder / build.file_name("portable"))
    assert "built from another source" in refusal()


def test_a_library_without_a_mark_is_refused(folder):
    path = folder / KNOWN.path.name
    path.write_bytes(path.read_bytes().replace(b"freerun rollout made of", b"freerun rollout made ot"))
    assert "built from another source" in refusal()
    path.write_bytes(b"")
    assert "built from another source" in refusal()


def test_a_library_that_cannot_be_loaded_is_refused(folder):
    (folder / KNOWN.path.name).write_text(build.mark(KNOWN.instructions))
    assert "cannot be loaded: " in refusal()


def test_a_build_makes_it_good(folder, source):
    path = source / "cells.h"
    path.write_text(path.read_text() + "\n/* changed */\n")
    assert build.compiled(folder, KNOWN.instructions) == folder / KNOWN.path.name
    assert library.library().path == folder / KNOWN.path.name


def test_a_build_without_a_compiler_leaves_no_library_of_another_source(folder, source, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    assert build.build(folder) == []
    assert library.library() is not None, "what is of this source stays"
    library.library.cache_clear()
    (source / "cells.h").unlink()
    assert build.build(folder) == []
    assert library.library() is None
    assert "was not built" in obstacle(experiment())
