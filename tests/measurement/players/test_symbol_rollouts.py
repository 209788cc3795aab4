"""Tests of the rollouts of players on symbols: what is made at once is what is made step by step, to the last bit."""

from __future__ import annotations

import pytest
import torch

from freerun.measurement.players import symbols
from freerun.measurement.players.symbols import players
from freerun.parts.feedback import one_hot
from freerun.parts.feedback.sample import drawn
from freerun.parts.tasks.embedded_reber import EmbeddedReber
from freerun.parts.tasks.gram_text import GramText
from freerun.parts.tasks.hidden_markov import HiddenMarkov
from freerun.parts.tasks.text import Text
from freerun.random_streams import stream

STEPS, WARMUP, COUNT = 24, 5, 9
TASKS = {
    "hidden_markov": HiddenMarkov(sequences=40, length=STEPS), "embedded_reber": EmbeddedReber(sequences=40, length=STEPS),
    "gram_text": GramText(), "text": Text(),
}  # fmt: skip


def by_steps(speak, targets, uniform, release):
    """The definition: at every step something is said, a symbol drawn of it, and from the release on fed."""
    said, outputs, picks = targets.clone(), [], []
    for t in range(len(said)):
        outputs.append(speak(said[:t].clone()))
        picks.append(drawn(outputs[t], uniform[t].double()))
        if t >= release:
            said[t] = picks[t]
    return torch.stack(outputs), torch.stack(picks), said


def law_rollouts_are_those_of_the_steps(name, player):
    task = TASKS[name]
    data = task.build(0, max(STEPS, task.length))
    part = data.splits["test"]
    sequences = part.take(torch.arange(COUNT), STEPS)
    seen = dict(zip(("forced", "free"), player.play(task, data, sequences, WARMUP, stream(0, "some"), None), strict=True))
    further = player.further(task, data, sequences, WARMUP, stream(0, "some"))
    fresh = task.build(0, max(STEPS, task.length))
    _, speak, uniform = player._prepared(task, fresh, sequences, WARMUP, stream(0, "some"))
    for rollout, release in ((seen["forced"], STEPS), (seen["free"], WARMUP), (further, WARMUP)):
        outputs, picks, said = by_steps(speak, sequences.targets, uniform, release)
        assert torch.equal(rollout.outputs, outputs)
        assert torch.equal(rollout.picks, picks)
        assert torch.equal(rollout.fed, one_hot(said, outputs))
        assert torch.equal(rollout.fed_symbols, rollout.fed.argmax(-1))


PLAYED = [
    pytest.param(name, player, id=f"{name}-{player.name}")
    for name, task in TASKS.items()
    for data in [task.build(0, max(STEPS, task.length))]
    for player in players()
    if player.applies(task, data)
]


@pytest.mark.parametrize(("name", "player"), PLAYED)
@pytest.mark.parametrize("at_once", [1, 500, symbols.AT_ONCE])
def test_rollouts_are_those_of_the_steps(name, player, at_once, monkeypatch):
    monkeypatch.setattr(symbols, "AT_ONCE", at_once)
    law_rollouts_are_those_of_the_steps(name, player)


@pytest.mark.parametrize("off", [-1, 1])
def test_draws_of_another_step_are_caught(off, monkeypatch):
    whole = symbols._picked
    monkeypatch.setattr(symbols, "_picked", lambda outputs, uniform: whole(outputs, uniform.roll(off, 0)))
    with pytest.raises(AssertionError):
        law_rollouts_are_those_of_the_steps("hidden_markov", symbols.Truth())
