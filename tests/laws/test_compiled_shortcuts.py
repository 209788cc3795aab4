"""Laws of what the compiled engine computes for parts and measures: numpy's bits, or nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from freerun.engine import engine_choice, shortcuts
from freerun.engine.compiled import build, library, smoothing
from freerun.engine.compiled.library import LENGTHS, NEEDS, Library
from freerun.measurement.statistics import text_distance
from freerun.parts import shortcuts as installed
from freerun.parts.ngrams import NgramModel
from freerun.parts.tasks._flows import STRETCH
from freerun.parts.tasks.hyper_roessler import HyperRoessler
from freerun.parts.tasks.lorenz63 import Lorenz63
from freerun.parts.tasks.lorenz96 import Lorenz96
from freerun.parts.tasks.roessler import Roessler
from freerun.parts.tasks.thomas import Thomas

pytestmark = pytest.mark.skipif(library.library() is None, reason="the compiled engine is not built here (no C compiler)")

FLOWS = {
    "lorenz63": Lorenz63(), "other settings": Lorenz63(sigma=9.5, rho=31.0, beta=2.5),
    "lorenz96": Lorenz96(points=7, forcing=9.0), "roessler": Roessler(a=0.21), "hyper_roessler": HyperRoessler(),
}  # fmt: skip


@pytest.fixture(autouse=True)
def numpy_alone(monkeypatch):
    """Parts compute by themselves, but where a test asks for the compiled engine."""
    monkeypatch.setattr(installed, "steps", None)
    monkeypatch.setattr(installed, "following", None)
    monkeypatch.setattr(engine_choice, "_told", [])  # whatever an earlier test has told this process
    monkeypatch.delenv(engine_choice.VARIABLE, raising=False)


def using(monkeypatch, found):
    for module in (shortcuts, text_distance):
        monkeypatch.setattr(module, "used", lambda: found)


def begun(of, count):
    return of.begin(np.random.default_rng(0).normal(size=(count, of.numbers())), of.coarsest)


def law_steps_are_numpys(of, counts=(1, 16, 37), steps=40):
    for count in counts:
        state = begun(of, count)
        before = state.copy()
        taken = shortcuts.steps(of, state, 0.7 * of.coarsest, steps)
        assert taken is not None
        assert np.array_equal(taken, of.run(state, 0.7 * of.coarsest, steps))
        assert np.array_equal(state, before), "the states that were given are changed"


def law_following_is_numpys(order=6, symbols=9):
    chance = np.random.default_rng(order)
    spoken = chance.choice(symbols, size=(300, 4), p=chance.dirichlet(np.full(symbols, 0.3)))
    for first in (0, 2):
        model = NgramModel(spoken, order, symbols, first)
        for said in range(order + 2):
            before = chance.integers(0, symbols, (said, 70))
            before[:, :35] = spoken[10 : 10 + said, chance.integers(0, 4, 35)]
            assert np.array_equal(shortcuts.following(model, before, model.table.chances), model.distribution(before))
            if model.tabled:
                rows = chance.normal(size=model.table.chances.shape)
                assert np.array_equal(shortcuts.following(model, before, rows), model.looked_up(before, rows))


def law_distances_are_numpys(monkeypatch, found, symbols=5):
    chance = np.random.default_rng(1)
    true, made = (chance.choice(symbols, size=(12, 24, 3), p=chance.dirichlet(np.ones(symbols))) for _ in range(2))
    using(monkeypatch, None)
    alone = text_distance.distances(true, made, symbols, 2)
    using(monkeypatch, found)
    assert text_distance.distances(true, made, symbols, 2) == alone


def libraries():
    """Every library that this processor can run."""
    sets = library.processor_sets()
    return [
        Library(name, library.FOLDER / build.file_name(name))
        for name in build.sets()
        if NEEDS[name] <= sets and (library.FOLDER / build.file_name(name)).is_file()
    ]


@pytest.mark.parametrize("found", libraries(), ids=lambda found: found.instructions)
def test_they_give_the_bits_of_numpy(found, monkeypatch):
    using(monkeypatch, found)
    for of in FLOWS.values():
        law_steps_are_numpys(of)
    for order, symbols in ((1, 4), (2, 84), (6, 9), (LENGTHS, 3)):
        law_following_is_numpys(order, symbols)
    law_distances_are_numpys(monkeypatch, found)


def test_a_model_whose_table_has_no_room_for_long_contexts(monkeypatch):
    monkeypatch.setattr("freerun.parts.ngrams.TABLED", 9 * 8 * 40)
    law_following_is_numpys()


def test_a_broken_library_is_caught(tmp_path, monkeypatch):
    faults = ("BREAK_STEP(x)=(x)*1.0000000000000002", "BREAK_KNOWN(x)=1", "BREAK_MIXED(x)=(x)+1")
    path = build.compiled(tmp_path, "portable", "-O0", *(f"-D{fault}" for fault in faults))
    assert path is not None
    broken = Library("portable", path)
    using(monkeypatch, broken)
    monkeypatch.setattr("freerun.parts.ngrams.TABLED", 9 * 8 * 40)
    with pytest.raises(AssertionError):
        law_steps_are_numpys(FLOWS["lorenz63"])
    with pytest.raises(AssertionError):
        law_following_is_numpys()
    with pytest.raises(AssertionError):
        law_distances_are_numpys(monkeypatch, broken)


def test_many_threads_give_the_same_bits():
    state = begun(FLOWS["lorenz63"], 50)
    alone = shortcuts.steps(FLOWS["lorenz63"], state, 0.01, 30)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        assert np.array_equal(shortcuts.steps(FLOWS["lorenz63"], state, 0.01, 30), alone)
    finally:
        torch.set_num_threads(before)


def test_a_lost_orbit_ends_the_run_at_the_same_step(monkeypatch):
    state = np.array([[1e150, 1.0, 1.0], [1.0, 1.0, 1.0]])
    with np.errstate(over="ignore", invalid="ignore"):
        alone = FLOWS["lorenz63"].run(state, 0.02, STRETCH + 200)
        assert np.array_equal(alone, FLOWS["lorenz63"].run(state, 0.02, STRETCH), equal_nan=True)
        monkeypatch.setattr(installed, "steps", shortcuts.steps)
        assert np.array_equal(FLOWS["lorenz63"].run(state, 0.02, STRETCH + 200), alone, equal_nan=True)


def test_what_is_not_covered_is_left_to_the_part():
    class Slower(Lorenz63):
        def slope(self, state):
            return 0.5 * super().slope(state)

    class Euler(Lorenz63):
        def step(self, state, h):
            return state + h * self.slope(state)

    class Renamed(Lorenz63):
        pass

    state = begun(Lorenz63(), 3)
    assert shortcuts.steps(Slower(), state, 0.01, 5) is None
    assert shortcuts.steps(Euler(), state, 0.01, 5) is None
    assert shortcuts.steps(Thomas(), state, 0.01, 5) is None, "numpy's sine has other bits than the library's"
    assert shortcuts.steps(Lorenz63(), state.astype(np.complex128), 0.01, 5) is None
    assert shortcuts.steps(Lorenz63(), state.astype(np.float32), 0.01, 5) is None
    assert shortcuts.steps(Renamed(), state, 0.01, 5) is not None
    high = NgramModel(np.arange(60).reshape(20, 3) % 2, LENGTHS + 1, 2)
    assert shortcuts.following(high, np.zeros((3, 2), np.int64), high.table.chances) is None


def test_the_reference_engine_takes_no_shortcut(monkeypatch):
    monkeypatch.setattr(engine_choice, "_told", ["reference"])
    assert shortcuts.steps(Lorenz63(), begun(Lorenz63(), 3), 0.01, 5) is None
    low = NgramModel(np.zeros((5, 1), np.int64), 2, 2)
    assert shortcuts.following(low, np.zeros((3, 2), np.int64), low.table.chances) is None
    monkeypatch.setattr(smoothing, "smoothed", lambda *_: pytest.fail("smoothed by the library"))
    text_distance.distances(*np.random.default_rng(0).integers(0, 3, (2, 8, 12, 2)), 3)


def test_who_trains_installs_them():
    shortcuts.install()
    assert installed.steps is shortcuts.steps
    assert installed.following is shortcuts.following
