"""Tests of the laws in the engine: every part runs, alone and beside others."""

from __future__ import annotations

import pytest

from freerun.laws import engine as kit
from freerun.laws.register import MODULES, of
from freerun.laws.toolkit import small
from freerun.parts import plugins, registry
from laws.broken import engine as broken
from tiers import tiered

#: One metric of each manner of being measured; that every metric has its place in a record is seen with the metrics.
METRICS = ("loss", "recovery", "d_stsp", "fed_energy")
PARTS = [
    (kind, name) for kind in registry.KINDS for name in (METRICS if kind == "metric" else registry.parts(kind))
]  # fmt: skip
#: Long orbits, whose measures cost more than the laws, and texts.
LONG = (
    "d_stsp", "digits", "gram_text", "hyper_roessler", "kuramoto_sivashinsky", "lorenz63", "lorenz96", "mackey_glass",
    "roessler", "text", "thomas",
)  # fmt: skip
CAUGHT = [
    (kit.law_runs_two_updates, "APPLIES_TO_NOTHING", "metric", "is measured in no task"),
    (kit.law_runs_two_updates, "FITS_NOTHING", "objective", "fits no other part"),
    (kit.law_runs_two_updates, "BLOWS_UP", "model", "diverged"),
    (kit.law_is_the_same_alone_and_in_a_group, "SHARES_A_BIAS", "model", "from a run alone"),
]


@pytest.mark.parametrize(("kind", "name"), tiered(PARTS, quick=lambda case: case[1] not in LONG), ids=lambda x: x)
def test_law(kind, name):
    part = small(registry.get(kind, name))
    for law in of(kind, "engine"):
        law(part)


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "plugin_parts", {kind: {} for kind in registry.KINDS})
    monkeypatch.setattr(plugins, "_plugin_files", {})

    def load(name: str, kind: str):
        file = tmp_path / f"{name.lower()}.py"
        file.write_text(getattr(broken, name))
        plugins.load_plugin(str(file))
        return small(registry.get(kind, file.stem))

    return load


@pytest.mark.parametrize(
    ("law", "name", "kind", "says"),
    tiered(CAUGHT, quick=lambda case: case[1] != "APPLIES_TO_NOTHING"),
    ids=lambda x: getattr(x, "__name__", x),
)
def test_law_catches(law, name, kind, says, plugin):
    with pytest.raises(AssertionError, match=says):
        law(plugin(name, kind))


def test_a_part_that_fails_in_the_engine_fails_the_law(plugin):
    with pytest.raises(TypeError, match="JSON"):
        kit.law_runs_two_updates(plugin("SHOWS_TOO_MUCH", "task"))


def test_every_law_has_been_seen_to_fail():
    assert {law for law, *_ in CAUGHT} == {law.function for law in of("model", "engine")}


def test_the_register_knows_every_law_of_every_kind():
    """Each module of laws has laws of some kind, and each kind has laws of its own, of the engine, and no law twice."""
    seen = {}
    for kind in registry.KINDS:
        laws = of(kind)
        assert len({law.function for law in laws}) == len(laws)
        assert {law.function.__module__.rpartition(".")[2] for law in laws} >= {"engine"}
        assert all(law.text.endswith((".", ".)")) for law in laws)
        seen[kind] = {law.function.__module__.rpartition(".")[2] for law in laws}
    seen["figure"] = {law.function.__module__.rpartition(".")[2] for law in of("figure")}
    assert set().union(*seen.values()) == set(MODULES)
