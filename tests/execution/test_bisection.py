"""A failed group in halves: what is left of it, what is not, and the one run that is to blame."""

from __future__ import annotations

import pytest

from freerun.execution.bisection import halves
from freerun.store import claims
from freerun.store.records import Store

RUNS = [f"{number:016x}" for number in range(1, 8)]


class Records(Store):
    """A store in which the records of some runs are."""

    def has(self, run: str) -> bool:
        return run in self.recorded


@pytest.fixture
def store(tmp_path):
    made = Records(tmp_path / ".store")
    made.recorded = set()
    made.open()
    return made


def search(store: Store, runs: list[str], guilty: str) -> int:
    """Do a group of which one run is guilty, the others getting their records; how often a group was begun."""
    if guilty not in runs:
        store.recorded |= {*runs}
        return 1
    return 1 + sum(search(store, half, guilty) for half in halves(runs, store, "lost"))


@pytest.mark.parametrize("guilty", RUNS)
def test_the_guilty_run_alone_is_marked_and_all_others_are_done(guilty, store):
    tries = search(store, RUNS, guilty)
    assert [run for run in RUNS if store.failures.reason(run) is not None] == [guilty]
    assert [run for run in RUNS if not store.has(run)] == [guilty]
    assert tries <= 7  # itself, and two at each of three levels


def test_what_is_recorded_marked_or_done_by_another_process_is_left_alone(store):
    store.recorded.add(RUNS[0])
    store.failures.note(RUNS[1], "before")
    other = claims.Claims(store)
    other.take([RUNS[2]])
    assert halves(RUNS, store, "lost") == [RUNS[3:5], RUNS[5:]]
    assert [halves([run], store, "lost") for run in RUNS[:3]] == [[], [], []]
    assert [store.failures.reason(run) for run in RUNS[:4]] == [None, "before", None, None]
    other.release()


def test_one_that_is_left_over_of_a_group_is_tried_alone_before_it_is_marked(store):
    store.recorded.add(RUNS[0])
    assert halves(RUNS[:2], store, "lost") == [[RUNS[1]]]
    assert store.failures.reason(RUNS[1]) is None
    assert halves([RUNS[1]], store, "lost", log="said on the way") == []
    assert store.failures.reason(RUNS[1]) == "lost"
    assert store.path(RUNS[1]).with_suffix(".log").read_text() == "said on the way"


def test_a_process_that_has_claimed_its_group_takes_no_claim_or_old_mark_for_anothers(store):
    mine = claims.Claims(store)
    mine.take(RUNS[:2])
    store.failures.note(RUNS[0], "before")
    assert halves(RUNS[:2], store, "lost") == []
    assert halves(RUNS[:2], store, "lost", claimed=True) == [[RUNS[0]], [RUNS[1]]]
    assert halves([RUNS[0]], store, "lost", claimed=True) == []
    assert store.failures.reason(RUNS[0]) == "lost"
    mine.release()
