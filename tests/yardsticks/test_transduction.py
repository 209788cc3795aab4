"""Yardstick of encoder and decoder: sources that training has not seen are copied and reversed, by who has read them alone."""

from __future__ import annotations

from functools import cache
from itertools import product
from unittest import mock

import pytest
import torch

from freerun.config.hydra.compose import experiments
from freerun.engine.replicas import Group
from freerun.engine.training import train
from freerun.parts.models.encoder_decoder import EncoderDecoder
from freerun.parts.tasks import Sequences
from laws.runs import unchecked
from yardsticks.learned import over_seeds

pytestmark = pytest.mark.slow

LETTERS, LENGTH, SEEDS = 6, 4, 4
#: 1,296 sources of four letters of six, of which training sees 1,024 draws: some 700, so that near half of them are new.
WORDS = [
    "task=transduction", f"task.source_length={LENGTH}", f"task.alphabet_size={LETTERS}", "task.sequences=1024",
    "model=encoder_decoder", "model.hidden=48", "model.encoder_hidden=48", "regime=teacher_forcing", "training.lr=0.01",
    "evaluation.metrics=[exact_match]",
]  # fmt: skip
SOURCES = torch.tensor(list(product(range(LETTERS), repeat=LENGTH))).T


def number(sources: torch.Tensor) -> torch.Tensor:
    """The place of each source ``[n N]`` among all of them."""
    return sum(LETTERS ** (LENGTH - 1 - place) * letter for place, letter in enumerate(sources))


@cache
def right(form: str, updates: int) -> list[float]:
    """The share of the sources that training has not seen whose whole answer is right, of each seed."""
    words = [*WORDS, f"task.form={form}", f"training.updates={updates}", f"training.log_every={updates}"]
    runs = [experiments([*words, f"seed={seed}"], sweep=False)[0] for seed in range(SEEDS)]
    data = {run.seed: run.task.build(run.seed, run.task.length) for run in runs}
    group = Group(runs, data)
    with unchecked():
        train(group)
    answers = torch.from_numpy(data[0].oracle.answers(SOURCES.numpy()))
    targets = torch.cat([SOURCES, answers])[:, None].expand(-1, SEEDS, -1).contiguous()
    every = Sequences(targets=targets, start=torch.full(targets.shape[1:], -1), weights=torch.ones(targets.shape))
    with torch.no_grad():
        said = group.roll(group.weights(), every, group.release(len(targets), targets.shape[-1]), None).outputs.argmax(-1)
    whole = (said == targets)[LENGTH:].all(0).double()
    shares = []
    for seed, answered in enumerate(whole):
        new = torch.ones(len(answered), dtype=torch.bool)
        new[number(data[seed].splits["train"].targets[:LENGTH])] = False
        assert new.sum() > len(new) / 3
        shares.append(float(answered[new].mean()))
    return shares


@pytest.mark.parametrize("form", ["copy", "reverse"])
def test_nearly_every_answer_to_a_new_source_is_right(form):
    """In all seeds, and in the mean over seeds within its interval; by chance one in 1,296 would be."""
    shares = right(form, 600)
    assert min(shares) > 0.95, shares
    assert over_seeds(shares).low > 0.95, shares


def test_a_decoder_that_is_told_nothing_of_the_source_cannot():
    """It knows the last letter of a source, which it is fed, and guesses three of four."""
    begun = EncoderDecoder.begun

    def nothing(self, weights, read):
        return begun(self, weights, torch.zeros_like(read))

    with mock.patch.object(EncoderDecoder, "begun", nothing):
        assert max(right("reverse", 150)) < 0.1
