"""Yardstick of encoder and decoder: a source is copied and reversed without a fault by who has read it, and only by who has."""

from __future__ import annotations

from unittest import mock

import pytest
import torch

from freerun.parts.models.encoder_decoder import EncoderDecoder
from yardsticks.learned import learned

pytestmark = pytest.mark.slow

#: 1,296 sources of four letters of six, of which training sees 1,024 draws: some 700, so that near half of the test is new.
WORDS = [
    "task=transduction", "task.source_length=4", "task.alphabet_size=6", "task.sequences=1024", "model=encoder_decoder",
    "model.hidden=48", "model.encoder_hidden=48", "regime=teacher_forcing", "training.lr=0.01", "training.updates=400",
    "training.keep=watched", "training.watch=validation_free_exact_match", "evaluation.metrics=[exact_match]",
]  # fmt: skip


def right(*words):
    """The share of whole answers that are right, by split and mode."""
    ((_, record, _),) = learned([*WORDS, *words])
    return {(s["split"], s["mode"]): s["values"][0] for s in record["series"]}


@pytest.mark.parametrize("form", ["copy", "reverse"])
def test_nearly_every_answer_is_right(form):
    found = right(f"task.form={form}")
    assert found["train", "free"] > 0.97
    assert found["test", "free"] > 0.9, "sources that training has not seen are among them"


def test_a_decoder_that_is_told_nothing_of_the_source_cannot():
    """It knows the last letter of a source, which it is fed, and guesses three of four."""
    begun = EncoderDecoder.begun

    def nothing(self, weights, read):
        return begun(self, weights, torch.zeros_like(read))

    with mock.patch.object(EncoderDecoder, "begun", nothing):
        assert right("task.form=reverse", "training.updates=150")["test", "free"] < 0.1
