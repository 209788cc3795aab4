"""Tests of the laws of models: every model is a step, repeated, and agrees with a reference."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from freerun.errors import ConfigError
from freerun.laws import dropout, release
from freerun.laws import models as kit
from freerun.laws.toolkit import CLOSE, gap, gradients, noise, small, small_parts, weights_of
from freerun.parts.models.convolution import Convolution
from freerun.parts.models.direct import Direct
from freerun.parts.models.encoder_decoder import Cell, EncoderDecoder
from freerun.parts.models.gru import GATES, GRU
from freerun.parts.models.hidden_recurrent import HiddenRecurrent
from freerun.parts.models.linear import Linear
from freerun.parts.models.lstm import LSTM
from freerun.parts.models.output_recurrent import OutputRecurrent
from freerun.parts.models.shallow_plrnn import ShallowPLRNN
from freerun.parts.models.stencil import Stencil
from freerun.parts.models.transformer import EPSILON, Transformer
from laws.broken import models as broken
from laws.runs import unchecked
from tiers import tiered

LAWS = [law for name, law in vars(kit).items() if name.startswith("law_")]
DROPOUT = [law for name, law in vars(dropout).items() if name.startswith("law_")]
RELEASE = [law for name, law in vars(release).items() if name.startswith("law_")]
MODELS = [
    small(type(model), hidden=hidden, layers=layers)
    for model in small_parts("model").values()
    for hidden, layers in ((1, 1), (5, 2), (16, 1))
]
OTHERS = [
    Linear(bias=False), Stencil(taps=1), Stencil(taps=3, offset=1, bias=True), ShallowPLRNN(hidden=5, latent=1),
    ShallowPLRNN(hidden=5, latent=3), Transformer(hidden=6, heads=2, layers=1, mlp=1),
    Transformer(hidden=4, heads=4, layers=3, mlp=1), OutputRecurrent(hidden=5, order=2), OutputRecurrent(hidden=5, order=4),
]  # fmt: skip
#: Models that tell the warm-up from what follows, with every cell in both places.
RELEASING = {
    repr(model): model
    for model in (
        Direct(hidden=1), Direct(hidden=5), EncoderDecoder(hidden=5, encoder_hidden=3),
        EncoderDecoder(hidden=3, encoder_hidden=5, cell=Cell.lstm, encoder=Cell.hidden_recurrent),
        EncoderDecoder(hidden=1, encoder_hidden=4, cell=Cell.hidden_recurrent, encoder=Cell.lstm),
        EncoderDecoder(hidden=4, encoder_hidden=1, cell=Cell.lstm, encoder=Cell.lstm),
    )
}  # fmt: skip
EACH = {repr(model): model for model in [*MODELS, *OTHERS]}
#: Models whose step is their `unroll`: at one size in the quick tier.
MADE_AT_ONCE = ("MinGRU", "LRU", "SelectiveSSM")
CAUGHT = [
    (kit.law_unroll_is_the_step_repeated, broken.FastPathDiffers),
    (kit.law_unroll_is_the_step_repeated, broken.FastPathCutsTheGradient),
    (kit.law_causal, broken.SeesTheFuture),
    (kit.law_causal, broken.Deaf),
    (kit.law_causal, broken.NoMask),
    (kit.law_what_follows_changes_nothing_before, broken.NoMask),
    (kit.law_what_follows_changes_nothing_before, broken.KnowsTheLength),
    (kit.law_unroll_is_the_step_repeated, broken.CacheLosesOne),
    (kit.law_state_carries_over_a_split, broken.ForgetsItsPlace),
    (kit.law_summary_has_one_width, broken.SummaryGrows),
    (kit.law_memory_as_declared, broken.ClaimsNoMemory),
    (kit.law_memory_as_declared, broken.ReadsOneTooFar),
    (kit.law_memory_as_declared, broken.KeepsInputs),
    (kit.law_memory_as_declared, broken.LosesTheOldest),
    (kit.law_rows_are_independent, broken.NormalisesOverTheBatch),
    (kit.law_rows_are_independent, broken.BroadcastsOneState),
    (kit.law_replicas_are_independent, broken.SharesWeights),
    (kit.law_state_carries_over_a_split, broken.StartsAgain),
    (kit.law_no_state_in_the_part, broken.KeepsState),
    (kit.law_start_is_zero, broken.StartsAtRandom),
    (kit.law_a_corrected_state_is_read_as_changed, broken.CorrectsTheCell),
    (kit.law_same_bits_alone_and_in_a_group, broken.PlainSigmoid),
    (release.law_released_unroll_is_the_step_repeated, broken.CountsFromEachCall),
    (release.law_the_warmup_is_read, broken.BeginsAnew),
    (release.law_behind_the_release_deaf_as_declared, broken.HearsItself),
    (release.law_behind_the_release_deaf_as_declared, broken.HearsNothing),
    (release.law_same_bits_behind_the_release, broken.PlainSigmoidBehind),
    (release.law_the_loop_releases_where_it_is_told, broken.NeverReleased),
    (release.law_the_loop_releases_where_it_is_told, broken.HearsItself),
    (dropout.law_dropping_unroll_is_the_step_repeated, broken.DropsStepByStepAlone),
    (dropout.law_each_draw_decides_for_its_own_row, broken.DropsForTheWholeBatch),
    (dropout.law_each_draw_decides_for_its_own_row, broken.DropsNothing),
    (dropout.law_nothing_is_dropped_unless_it_is_asked_for, broken.StaysInTraining),
]


def sized(name: str) -> bool:
    """Whether a model is tried by the quick tests: of those that tell the warm-up, or are made at once, one size."""
    many = EACH[name].releases or name.startswith(MADE_AT_ONCE)
    return not many or EACH[name].hidden == 5


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("name", tiered(EACH, quick=sized))
def test_law(law, name):
    if law is kit.law_same_bits_alone_and_in_a_group:  # hundreds of calls at sizes whose shapes the other laws check
        with unchecked():
            law(EACH[name])
    else:
        law(EACH[name])


@pytest.mark.parametrize(("law", "part"), CAUGHT, ids=lambda x: x.__name__)
def test_law_catches(law, part):
    with pytest.raises(AssertionError):
        law(part(hidden=5))


def test_the_smallest_counter_example_is_named():
    with pytest.raises(
        AssertionError, match=r"o_0 depends on an input after it \(inputs 1, outputs 1, 2 steps, batch 2, float64"
    ):
        kit.law_causal(broken.NoMask(hidden=5))


@pytest.mark.parametrize("law", RELEASE, ids=lambda law: law.__name__)
@pytest.mark.parametrize("name", tiered(RELEASING, quick=lambda name: RELEASING[name].hidden == 5))
def test_law_of_the_release(law, name):
    with unchecked():
        law(RELEASING[name])


@pytest.mark.parametrize("law", DROPOUT, ids=lambda law: law.__name__)
@pytest.mark.parametrize("kind", [GRU, LSTM, HiddenRecurrent])
def test_law_of_dropout(law, kind):
    for hidden, layers in ((1, 2), (5, 3)):
        law(kind(hidden=hidden, layers=layers, dropout=0.5))


def test_every_law_has_been_seen_to_fail():
    assert {law for law, _ in CAUGHT} == {*LAWS, *RELEASE, *DROPOUT}


def _torch_layers(kind: type, r: int, inputs: int, model, parameters: dict[str, torch.Tensor]) -> torch.nn.Module:
    layers = kind(inputs, model.hidden, model.layers, dtype=torch.float64)
    layers.load_state_dict({name: value[r].detach() for name, value in parameters.items()})
    return layers


def _as_torch(model, weights) -> tuple[type, dict[str, torch.Tensor]]:
    """Our weights under the names, and in the layout, of `torch.nn`."""
    kinds = {LSTM: (torch.nn.LSTM, _lstm), GRU: (torch.nn.GRU, _gru), HiddenRecurrent: (torch.nn.RNN, _rnn)}
    theirs, named = next(pair for ours, pair in kinds.items() if isinstance(model, ours))
    silent = weights["output.bias"].new_zeros(len(weights["output.bias"]), model.hidden)
    parameters = {}
    for number in range(model.layers):
        begin = f"{number}." if number else ""
        own = {name.removeprefix(begin): value for name, value in weights.items() if name.startswith(begin)}
        u, b, w, c = named(model, own, silent)
        parts = {"weight_ih": u.transpose(1, 2), "bias_ih": b, "weight_hh": w.transpose(1, 2), "bias_hh": c}
        parameters |= {f"{name}_l{number}": value for name, value in parts.items()}
    return theirs, parameters


def _lstm(model, weights, silent):
    inputs = weights["gates"].shape[1] - model.hidden - 1
    u, b, w = weights["gates"].split([inputs, 1, model.hidden], 1)
    return u, b[:, 0], w, silent.repeat(1, 4)


def _gru(model, weights, silent):
    u = torch.cat([weights[f"input.{gate}"] for gate in GATES], 2)
    w = torch.cat([weights[f"recurrent.{gate}"] for gate in GATES], 2)
    return u[:, :-1], u[:, -1], w, torch.cat([silent, silent, weights["recurrent.bias"][:, 0]], 1)


def _rnn(model, weights, silent):
    return weights["input.weight"], weights["input.bias"][:, 0], weights["recurrent.weight"], silent


def law_equals_torch(model, hidden_of) -> None:
    weights = weights_of(model, 3, 2, 2)
    u = noise(6, 2, 4, 3)
    ours, last = hidden_of(model, weights, u)
    kind, parameters = _as_torch(model, weights)
    for r in range(2):
        layer = _torch_layers(kind, r, 3, model, parameters)
        hidden, end = layer(u[:, r])
        outputs = hidden @ weights["output.weight"][r] + weights["output.bias"][r]
        assert gap(ours[:, r], outputs) < CLOSE, f"replica {r} differs from {kind.__name__} by {gap(ours[:, r], outputs):.1e}"
        ends = end if isinstance(end, tuple) else (end,)
        for place, theirs in enumerate(part[number] for number in range(model.layers) for part in ends):
            assert gap(last[place][r], theirs) < CLOSE
        mine = gradients(ours[:, r].square().sum(), list(weights.values()))
        _, named = _as_torch(model, dict(zip(weights, mine, strict=True)))
        outputs.square().sum().backward()
        for name, parameter in layer.named_parameters():
            if "bias_hh" not in name or kind is torch.nn.GRU:  # where torch has two biases and we one, both get its gradient
                ours_, theirs = named[name][r], parameter.grad
                if "bias_hh" in name:
                    ours_, theirs = ours_[-model.hidden :], theirs[-model.hidden :]
                assert gap(ours_, theirs) < CLOSE, f"the gradient of {name} is {gap(ours_, theirs):.1e} off torch"


def _unroll(model, weights, u):
    return model.unroll(weights, u, model.start(2, 4, u[0]))


SIZES = ((5, 1), (1, 1), (5, 2), (4, 3))
LAYERED = [kind(hidden=h, layers=k) for kind in (GRU, LSTM, HiddenRecurrent) for h, k in SIZES]


@pytest.mark.parametrize("model", LAYERED, ids=repr)
def test_equals_the_layer_of_torch(model):
    law_equals_torch(model, _unroll)


@pytest.mark.parametrize("kind", [broken.SwappedGates, broken.CellAndForgetSwapped])
def test_the_oracle_catches_swapped_gates(kind):
    with pytest.raises(AssertionError):
        law_equals_torch(kind(hidden=5), _unroll)


@pytest.mark.parametrize("kind", [broken.ReadsTheFirstLayer, broken.LayersSwapped])
def test_the_oracle_catches_layers_out_of_order(kind):
    with pytest.raises(AssertionError):
        law_equals_torch(kind(hidden=5, layers=2), _unroll)


# --- the other models against a reference of their own ---


def _decoder(model, weights, u, r):
    """A decoder built from `torch.nn.TransformerEncoderLayer`, for replica `r` of inputs ``[T R B I]``."""
    steps, size = len(u), model.hidden
    heads = model.heads or math.gcd(4, size)
    ahead = torch.nn.Transformer.generate_square_subsequent_mask(steps, dtype=torch.float64)
    place = [[(math.cos if c % 2 else math.sin)(t / 10000 ** ((c - c % 2) / size)) for c in range(size)] for t in range(steps)]
    x = torch.tensor(place, dtype=torch.float64) + u[:, r].transpose(0, 1) @ weights["input.weight"][r]
    x = x + weights["input.bias"][r]
    norm = torch.nn.RMSNorm(size, eps=EPSILON, elementwise_affine=False)
    for number in range(model.layers):
        layer = torch.nn.TransformerEncoderLayer(
            size, heads, model.mlp * size, dropout=0.0, batch_first=True, norm_first=True, bias=False, dtype=torch.float64
        )
        layer.norm1 = layer.norm2 = norm
        names = {
            "self_attn.in_proj_weight": "attend", "self_attn.out_proj.weight": "mix", "linear1.weight": "rise",
            "linear2.weight": "fall",
        }  # fmt: skip
        own = {theirs: weights[f"{number}.{ours}"][r].mT for theirs, ours in names.items()}
        x = torch.func.functional_call(layer, own, (x,), {"src_mask": ahead, "is_causal": True})
    return (norm(x) @ weights["output.weight"][r] + weights["output.bias"][r]).transpose(0, 1)


def _shallow(model, weights, u, r):
    """The formula, one sequence and one step at a time."""
    w = {name: value[r] for name, value in weights.items()}
    seen = w["decay"].shape[-1] - model.latent
    rows = []
    for b in range(u.shape[2]):
        latent, outputs = torch.zeros(model.latent).double(), []
        for t in range(len(u)):
            x, z = u[t, r, b, :-seen], torch.cat([u[t, r, b, -seen:], latent])
            bent = torch.clamp(w["bend.weight"].T @ z + w["bend.bias"][0], min=0)
            z = torch.diag(w["decay"][0]) @ z + w["mix.weight"].T @ bent + w["mix.bias"][0]
            z = z + (w["drive"].T @ x if len(x) else 0)
            latent = z[seen:]
            outputs.append(z[:seen])
        rows.append(torch.stack(outputs))
    return torch.stack(rows, 1)


def _rolled(model, weights, u, r):
    taps = weights["stencil.weight"][r, :, 0]
    shifted = [torch.from_numpy(np.roll(u[:, r].numpy(), model.offset - j, -1)) for j in range(model.taps)]
    constant = weights["stencil.bias"][r, 0] if model.bias else 0
    return sum(tap * field for tap, field in zip(taps, shifted, strict=True)) + constant


def _window(model, weights, u, r):
    """A network without any recurrence that reads a window: the input now, and the last feeds, zeros before the first step."""
    seen = weights["output.bias"].shape[-1]
    feeds = torch.cat([u.new_zeros(model.order - 1, u.shape[2], seen), u[:, r, :, -seen:]])
    rows = [torch.cat([u[t, r, :, :-seen], *feeds[t : t + model.order].flip(0)], -1) for t in range(len(u))]
    bent = torch.tanh(torch.stack(rows) @ weights["input.weight"][r] + weights["input.bias"][r])
    return bent @ weights["output.weight"][r] + weights["output.bias"][r]


def _convolved(model, weights, u, r):
    reach, shape, pad = model.kernel // 2, u[:, r].shape, torch.nn.functional.pad
    field = u[:, r].reshape(-1, 1, shape[-1])
    for name, size in (("wide", 1), ("narrow", model.width)):
        taps = weights[f"{name}.weight"][r].reshape(model.kernel, size, -1).permute(2, 1, 0)
        field = torch.nn.functional.conv1d(pad(field, (reach, reach), mode="circular"), taps, weights[f"{name}.bias"][r, 0])
        field = torch.clamp(field, min=0) if name == "wide" else field
    return field.reshape(shape)


def _regression(model, weights, u, r):
    constant = weights["output.bias"][r, 0] if model.bias else 0
    return torch.einsum("tbi,io->tbo", u[:, r], weights["output.weight"][r]) + constant


REFERENCES = [
    *((Transformer(hidden=h, heads=n, layers=k, mlp=m), _decoder, 3, 2)
      for h, n, k, m in ((8, None, 2, 4), (8, 1, 1, 1), (6, 3, 3, 2), (5, None, 2, 4), (1, None, 1, 4))),
    *((ShallowPLRNN(hidden=h, latent=n), _shallow, i, o) for h in (1, 5) for n in (0, 2) for i, o in ((1, 1), (4, 3))),
    *((Stencil(taps=k, offset=j, bias=b), _rolled, 5, 5)
      for k, j, b in ((2, 0, False), (3, 1, True), (1, 0, False), (7, 6, True))),
    *((OutputRecurrent(hidden=5, order=k), _window, i, o) for k in (1, 2, 4, 9) for i, o in ((1, 1), (3, 2))),
    *((Convolution(width=w, kernel=k), _convolved, 5, 5) for w, k in ((1, 1), (1, 3), (4, 3), (2, 5))),
    *((Linear(bias=b), _regression, i, o) for b in (True, False) for i, o in ((1, 1), (3, 2))),
]  # fmt: skip


def law_equals_a_reference(model, reference, inputs, outputs) -> None:
    weights, u = weights_of(model, inputs, outputs, 2), noise(6, 2, 4, inputs)
    ours, _ = _unroll(model, weights, u)
    for r in range(2):
        wanted = reference(model, weights, u, r)
        assert gap(ours[:, r], wanted) < CLOSE, f"{model} is {gap(ours[:, r], wanted):.1e} off its reference"
        leaves = list(weights.values())
        slopes = [gradients(x.square().sum(), leaves) for x in (ours[:, r], wanted)]
        for name, a, b in zip(weights, *slopes, strict=True):
            assert gap(a, b) < CLOSE, f"{model}: the gradient of {name} is {gap(a, b):.1e} off its reference"


@pytest.mark.parametrize(("model", "reference", "inputs", "outputs"), REFERENCES, ids=lambda x: getattr(x, "__name__", repr(x)))
def test_equals_a_reference(model, reference, inputs, outputs):
    law_equals_a_reference(model, reference, inputs, outputs)


@pytest.mark.parametrize(
    ("model", "reference", "inputs", "outputs"),
    [
        (broken.NoMask(hidden=5), _decoder, 3, 2), (broken.NotPeriodic(), _rolled, 5, 5), (broken.Mirrored(), _rolled, 5, 5),
        (broken.EndsAtTheBorder(), _convolved, 5, 5),
        (broken.ReadsTheInputAsState(hidden=5), _shallow, 4, 3), (broken.Bends(), _regression, 3, 2),
        (broken.OldestFirst(hidden=5, order=3), _window, 3, 2),
    ],
    ids=lambda x: type(x).__name__,
)  # fmt: skip
def test_the_reference_catches(model, reference, inputs, outputs):
    with pytest.raises(AssertionError):
        law_equals_a_reference(model, reference, inputs, outputs)


def test_one_value_fed_to_a_linear_model_without_a_constant_is_one_weight():
    weights = weights_of(Linear(bias=False), 1, 1)
    assert {name: tuple(value.shape) for name, value in weights.items()} == {"output.weight": (2, 1, 1)}


def test_a_model_says_whether_it_remembers():
    assert ShallowPLRNN(latent=0).memoryless
    assert not ShallowPLRNN(latent=1).memoryless


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: LSTM(hidden=0), "hidden must be at least 1, got 0"),
        (lambda: GRU(layers=0), "layers must be at least 1 and at most 1000, got 0"),
        (lambda: Transformer(hidden=0), "hidden must be at least 1, got 0"),
        (lambda: Transformer(layers=0), "layers must be at least 1, got 0"),
        (lambda: Transformer(mlp=0), "mlp must be at least 1, got 0"),
        (lambda: Transformer(hidden=10, heads=4), r"heads must divide hidden \(10\), got 4"),
        (lambda: Transformer(hidden=10, heads=0), r"heads must divide hidden \(10\), got 0"),
        (lambda: Transformer(hidden=10, heads=-2), r"heads must divide hidden \(10\), got -2"),
        (lambda: OutputRecurrent(order=0), "order must be at least 1, got 0"),
        (lambda: Direct(hidden=0), "hidden must be at least 1, got 0"),
        (lambda: EncoderDecoder(hidden=0), "hidden must be at least 1, got 0"),
        (lambda: EncoderDecoder(encoder_hidden=0), "encoder_hidden must be at least 1, got 0"),
        (lambda: ShallowPLRNN(hidden=0), "hidden must be at least 1, got 0"),
        (lambda: ShallowPLRNN(latent=-1), "latent must not be negative, got -1"),
        (lambda: Stencil(taps=0), "taps must be at least 1, got 0"),
        (lambda: Stencil(taps=2, offset=2), r"offset must lie in 0 \.\. taps - 1 = 1, got 2"),
        (lambda: Convolution(width=0), "width must be at least 1, got 0"),
        (lambda: Convolution(kernel=2), "kernel must be odd, got 2"),
        (lambda: Stencil(offset=-1), r"offset must lie in 0 \.\. taps - 1 = 1, got -1"),
    ],
)
def test_a_setting_out_of_range_is_refused(make, text):
    with pytest.raises(ConfigError, match=rf"^model\.{text}$"):
        make()


@pytest.mark.parametrize(
    ("model", "inputs", "outputs"),
    [
        (OutputRecurrent(order=2), 1, 2),
        (Direct(), 1, 2),
        *((kind(), *widths) for kind in (Stencil, Convolution) for widths in ((4, 3), (0, 0))),
        *((ShallowPLRNN(), *widths) for widths in ((2, 3), (0, 1))),
    ],
)
def test_widths_that_a_model_cannot_take_are_refused_in_one_line(model, inputs, outputs):
    with pytest.raises(ConfigError, match="choose") as found:
        model.shapes(inputs, outputs)
    assert "\n" not in str(found.value)
    assert len(str(found.value)) <= 200
