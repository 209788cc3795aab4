"""Initial biases of recurrent models beside torch's: one where torch adds two, with half the variance, as they say."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from freerun import GRU, LSTM, HiddenRecurrent
from freerun.parts.layers import initial_weights

H = 400
#: How many biases there are two of in torch and one here: not those of a GRU's candidate, which has two here too.
MODELS = [(GRU, torch.nn.GRU, 2 * H), (LSTM, torch.nn.LSTM, 4 * H), (HiddenRecurrent, torch.nn.RNN, H)]


def biases(model: type) -> np.ndarray:
    weights = initial_weights(model(hidden=H).shapes(3, 3), [0])
    if model is GRU:
        return np.concatenate([weights[f"input.{gate}"][0, -1] for gate in ("reset", "keep")])
    return weights["gates"][0, 3] if model is LSTM else weights["input.bias"][0, 0]


@pytest.mark.parametrize(("model", "of_torch", "rows"), MODELS, ids=lambda x: getattr(x, "__name__", None))
def test_one_bias_has_half_the_variance_of_torchs_two(model, of_torch, rows):
    """Uniform values: of n of them the variance is within 4 * .9 / sqrt(n) of what it should be."""
    torch.manual_seed(0)
    theirs = of_torch(3, H)
    added = (theirs.bias_ih_l0 + theirs.bias_hh_l0)[:rows].detach().numpy()
    ours = biases(model)
    assert len(ours) == rows
    assert ours.var() * 3 * H == pytest.approx(1, abs=3.6 / rows**0.5)
    assert added.var() * 3 * H == pytest.approx(2, abs=2 * 4.7 / rows**0.5)
    assert "half the variance, 1/(3 H) against 2/(3 H)" in sys.modules[model.__module__].__doc__.replace("\n", " ")


def test_the_candidate_of_a_gru_has_two_biases_as_in_torch():
    weights = initial_weights(GRU(hidden=H).shapes(3, 3), [0])
    for bias in (weights["input.new"][0, -1], weights["recurrent.bias"][0, 0]):
        assert bias.var() * 3 * H == pytest.approx(1, abs=3.6 / H**0.5)
