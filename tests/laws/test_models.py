"""Is every model a step, repeated?"""

from __future__ import annotations

import pytest
import torch

from freerun.models.gru import GRU
from freerun.models.hidden_recurrent import HiddenRecurrent
from laws.broken import models as broken
from laws.kit import CLOSE, gap, gradients, noise, small, small_parts, weights_of
from laws.kit import models as kit

LAWS = [law for name, law in vars(kit).items() if name.startswith("law_")]
MODELS = small_parts("model")
CAUGHT = [
    (kit.law_unroll_is_the_step_repeated, broken.FastPathDiffers),
    (kit.law_unroll_is_the_step_repeated, broken.FastPathCutsTheGradient),
    (kit.law_causal, broken.SeesTheFuture),
    (kit.law_causal, broken.Deaf),
    (kit.law_memory_as_declared, broken.ClaimsNoMemory),
    (kit.law_rows_are_independent, broken.NormalisesOverTheBatch),
    (kit.law_rows_are_independent, broken.BroadcastsOneState),
    (kit.law_replicas_are_independent, broken.SharesWeights),
    (kit.law_state_carries_over_a_split, broken.StartsAgain),
    (kit.law_no_state_in_the_part, broken.KeepsState),
    (kit.law_start_is_zero, broken.StartsAtRandom),
    (kit.law_same_bits_alone_and_in_a_group, broken.PlainSigmoid),
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("hidden", [1, 5])
def test_law(law, name, hidden):
    law(small(type(MODELS[name]), hidden=hidden))


@pytest.mark.parametrize(("law", "part"), CAUGHT, ids=lambda x: x.__name__)
def test_law_catches(law, part):
    with pytest.raises(AssertionError):
        law(part(hidden=5))


def test_every_law_has_been_seen_to_fail():
    assert {law for law, _ in CAUGHT} == set(LAWS)


def _torch_layer(kind: type, r: int, inputs: int, hidden: int, parameters: dict[str, torch.Tensor]) -> torch.nn.Module:
    layer = kind(inputs, hidden, dtype=torch.float64)
    layer.load_state_dict({name: value[r].detach() for name, value in parameters.items()})
    return layer


def _as_torch(model, weights) -> tuple[type, dict[str, torch.Tensor]]:
    """Our weights under the names, and in the layout, of `torch.nn`."""
    turned = {name: value.transpose(1, 2) for name, value in weights.items()}
    own = {"weight_ih_l0": turned["input.weight"], "bias_ih_l0": weights["input.bias"][:, 0]}
    silent = torch.zeros(len(weights["input.bias"]), 1, model.hidden, dtype=torch.float64)[:, 0]
    if isinstance(model, GRU):
        own["weight_hh_l0"] = torch.cat([turned["gates.weight"], turned["candidate.weight"]], 1)
        own["bias_hh_l0"] = torch.cat([silent, silent, weights["candidate.bias"][:, 0]], 1)
        return torch.nn.GRU, own
    return torch.nn.RNN, own | {"weight_hh_l0": turned["recurrent.weight"], "bias_hh_l0": silent}


def law_equals_torch(model, hidden_of) -> None:
    weights = weights_of(model, 3, 2, 2)
    u = noise(6, 2, 4, 3)
    ours, (last,) = hidden_of(model, weights, u)
    kind, parameters = _as_torch(model, weights)
    for r in range(2):
        layer = _torch_layer(kind, r, 3, model.hidden, parameters)
        hidden, end = layer(u[:, r])
        outputs = hidden @ weights["output.weight"][r] + weights["output.bias"][r]
        assert gap(ours[:, r], outputs) < CLOSE, f"replica {r} differs from {kind.__name__} by {gap(ours[:, r], outputs):.1e}"
        assert gap(last[r], end[0]) < CLOSE
        (mine,) = gradients(ours[:, r].square().sum(), [weights["input.weight"]])
        outputs.square().sum().backward()
        assert gap(mine[r].T, layer.weight_ih_l0.grad) < CLOSE, "the gradient of the input weights differs from torch"


def _unroll(model, weights, u):
    return model.unroll(weights, u, model.start(2, 4, u[0]))


@pytest.mark.parametrize("model", [GRU(hidden=5), GRU(hidden=1), HiddenRecurrent(hidden=5), HiddenRecurrent(hidden=1)],
ids=repr)
def test_equals_the_layer_of_torch(model):
    law_equals_torch(model, _unroll)


def test_the_oracle_catches_swapped_gates():
    with pytest.raises(AssertionError):
        law_equals_torch(broken.SwappedGates(hidden=5), _unroll)
