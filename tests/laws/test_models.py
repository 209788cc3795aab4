"""Is every model a step, repeated?"""

from __future__ import annotations

import pytest
import torch

from freerun.laws import CLOSE, gap, gradients, noise, small, small_parts, weights_of
from freerun.laws import models as kit
from freerun.models.gru import GATES, GRU
from freerun.models.hidden_recurrent import HiddenRecurrent
from laws.broken import models as broken

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
@pytest.mark.parametrize("hidden", [1, 5, 16])
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
    silent = weights["output.bias"].new_zeros(len(weights["output.bias"]), model.hidden)
    if isinstance(model, GRU):
        u = torch.cat([weights[f"input.{gate}"] for gate in GATES], 2)
        w = torch.cat([weights[f"recurrent.{gate}"] for gate in GATES], 2)
        c = torch.cat([silent, silent, weights["recurrent.bias"][:, 0]], 1)
        return torch.nn.GRU, _named(u[:, :-1], u[:, -1], w, c)
    bias = weights["input.bias"][:, 0]
    return torch.nn.RNN, _named(weights["input.weight"], bias, weights["recurrent.weight"], silent)


def _named(u, b, w, c) -> dict[str, torch.Tensor]:
    return {"weight_ih_l0": u.transpose(1, 2), "bias_ih_l0": b, "weight_hh_l0": w.transpose(1, 2), "bias_hh_l0": c}


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
        mine = gradients(ours[:, r].square().sum(), list(weights.values()))
        _, named = _as_torch(model, dict(zip(weights, mine, strict=True)))
        outputs.square().sum().backward()
        for name, parameter in layer.named_parameters():
            if name != "bias_hh_l0" or kind is torch.nn.GRU:  # where torch has two biases and we one, both get its gradient
                ours_, theirs = named[name][r], parameter.grad
                if name == "bias_hh_l0":
                    ours_, theirs = ours_[-model.hidden :], theirs[-model.hidden :]
                assert gap(ours_, theirs) < CLOSE, f"the gradient of {name} is {gap(ours_, theirs):.1e} off torch"


def _unroll(model, weights, u):
    return model.unroll(weights, u, model.start(2, 4, u[0]))


@pytest.mark.parametrize(
    "model", [GRU(hidden=5), GRU(hidden=1), HiddenRecurrent(hidden=5), HiddenRecurrent(hidden=1)], ids=repr
)
def test_equals_the_layer_of_torch(model):
    law_equals_torch(model, _unroll)


def test_the_oracle_catches_swapped_gates():
    with pytest.raises(AssertionError):
        law_equals_torch(broken.SwappedGates(hidden=5), _unroll)
