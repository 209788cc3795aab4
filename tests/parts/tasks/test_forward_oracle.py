"""Tests of the oracle of hidden Markov models: an answer is the same whatever it was asked before."""

from __future__ import annotations

import pytest
import torch

from freerun.parts.tasks.hidden_markov import ForwardOracle, HiddenMarkov
from freerun.random_streams import stream

TASK, STEPS, COUNT = HiddenMarkov(), 11, 6


def asked():
    """Prefixes in turn: grown by a symbol, cut, parted at the first, a middle and the last symbol, of one string in many."""
    whole = torch.from_numpy(stream(0, "prefixes").integers(0, TASK.alphabet_size, (STEPS, COUNT)))
    yield from (whole[:t] for t in range(1, STEPS + 1))
    yield from (whole[:3], whole)
    for place in (0, 5, STEPS - 1):
        other = whole.clone()
        other[place, 2] = (other[place, 2] + 1) % TASK.alphabet_size
        yield from (other, whole)
    yield from (whole[:, :4], whole[:, :1], whole)
    changed = whole.clone()
    yield changed
    changed[4] = (changed[4] + 1) % TASK.alphabet_size  # in its place, after it was asked
    yield changed


def law_no_answer_depends_on_what_was_asked_before(kind=ForwardOracle):
    matrices = TASK.matrices(3)
    oracle = kind(*matrices)
    for prefix in asked():
        found, wanted = oracle(prefix), ForwardOracle(*matrices)(prefix)
        assert torch.equal(found.log_probs, wanted.log_probs)


def test_no_answer_depends_on_what_was_asked_before():
    law_no_answer_depends_on_what_was_asked_before()


class KeepsTooMuch(ForwardOracle):
    def _beliefs(self, prefix):
        last, beliefs = self._last
        return list(beliefs) if last.shape[1:] == prefix.shape[1:] and len(last) else super()._beliefs(prefix)


class KeepsWhatIsGiven(ForwardOracle):
    def __call__(self, prefix):
        found = super().__call__(prefix)
        self._last = prefix, self._last[1]
        return found


@pytest.mark.parametrize("kind", [KeepsTooMuch, KeepsWhatIsGiven])
def test_beliefs_of_another_prefix_are_caught(kind):
    with pytest.raises(AssertionError):
        law_no_answer_depends_on_what_was_asked_before(kind)
