"""Laws of the compiled engine: the numbers of the loop in PyTorch and of the textbook, and the same bits in any company."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path

import pytest
import torch

from freerun.engine import compiled
from freerun.engine.compiled import build, library, operation
from freerun.engine.compiled.coverage import CELLS, RULES, uncovered
from freerun.engine.compiled.library import NEEDS, Library
from freerun.engine.parameters import Parameters, Trained
from freerun.engine.rollout import Charge, Gradient, Request, rollout
from freerun.laws import backward
from freerun.laws import rollouts as kit
from freerun.laws.feedback import draws_for
from freerun.laws.toolkit import CLOSE, demand, gap, gradients, noise, same_bits, small, weights_of
from freerun.parts.feedback import one_hot
from freerun.parts.feedback.gumbel import Gumbel
from freerun.parts.feedback.mean import Mean
from freerun.parts.feedback.straight_through import Choice, StraightThrough
from freerun.parts.models.gru import GRU
from freerun.parts.models.hidden_recurrent import HiddenRecurrent
from freerun.parts.models.linear import Linear
from freerun.parts.models.lstm import LSTM
from freerun.parts.models.output_recurrent import OutputRecurrent
from freerun.parts.models.transformer import Transformer
from tiers import tiered

pytestmark = pytest.mark.skipif(library.library() is None, reason="the compiled engine is not built here (no C compiler)")

R = 3
MODELS = {cls.__name__: small(cls) for cls in CELLS if cls is not Transformer} | {"Linear without bias": Linear(bias=False)}
#: It returns no states, and forced it is the loop.
ATTENDING = Transformer(hidden=6, layers=2, heads=2, mlp=1)
ROLLED = MODELS | {"Transformer": ATTENDING}
RULES_TRIED = {cls.__name__: cls() for cls in RULES} | {
    "StraightThrough argmax": StraightThrough(choose=Choice.argmax, temperature=0.7),
    "Gumbel cold": Gumbel(temperature=0.5),
}
#: Steps, batch, exogenous inputs, outputs: from small to sizes that no vector divides, and beyond one stripe of the batch.
SIZES = ((1, 1, 0, 2), (5, 3, 2, 3), (9, 17, 1, 9))
CUTS = ((0, 0), (1, 0), (2, 0), (0, 3), (2, 3))
MASKS = ("forced", "ones", "free", "coins", "fractions", "prefix")
#: Relative to the largest number: sums of some hundred terms in another order.
OFF = {torch.float64: CLOSE, torch.float32: 2e-5}


def compiled_rollout(*model_and_weights, using=None, **given):
    return operation.compute(Request(*model_and_weights, **given), using)


def masked(name, steps, batch, dtype):
    coin = (noise(steps, R, batch, seed=5) > 0).to(dtype)
    prefix = torch.zeros_like(coin)
    prefix[: steps // 2] = 1
    known = {"ones": coin * 0 + 1, "free": coin * 0, "coins": coin, "fractions": coin * 0.5 + 0.25, "prefix": prefix}
    return known.get(name)


def case(model, rule, size, cut, mask, dtype):
    """The arguments of a rollout, and the tensors that a gradient is taken of."""
    steps, batch, extra, outputs = size
    fed = 0 if rule.silent else outputs
    truth = noise(steps + 1, R, batch, outputs, dtype=dtype)
    if rule.for_symbols:
        truth = one_hot(truth.argmax(-1), truth)
    start, truth = (part[..., :fed].clone().requires_grad_(rule.carries) for part in (truth[0], truth[1:]))
    inputs = noise(steps, R, batch, extra, seed=3, dtype=dtype).requires_grad_() if extra else None
    weights, uniform = weights_of(model, extra + fed, outputs, R, dtype), draws_for(rule, steps, R, batch, of=outputs, seed=9)
    given = {
        "truth": truth, "start": start, "feedback": rule, "mask": masked(mask, steps, batch, dtype), "inputs": inputs,
        "uniform": None if uniform is None else uniform.to(dtype), "gradient": Gradient(feedback=cut[0], state=cut[1]),
        "residual": noise(R, 1, outputs, seed=8, dtype=dtype) if isinstance(rule, Mean) else None,
    }  # fmt: skip
    leaves = {**weights, "truth": truth, "start": start, "inputs": inputs}
    return weights, given, {name: x for name, x in leaves.items() if x is not None and x.requires_grad and x.numel()}


def charged(result, replica=None):
    """A number that depends on all that a rollout returns; of one replica alone, as it is charged among the others."""
    parts = [(result.outputs, 1), (result.fed, 1), *((part, 0) for state in result.states for part in state)]
    total = 0
    for i, (part, axis) in enumerate(parts):
        charge = noise(*part.shape[:axis], R, *part.shape[axis + 1 :], seed=i, dtype=part.dtype)
        total = total + (part * (charge if replica is None else charge.narrow(axis, replica, 1))).sum()
    return total


def law_it_is_the_loop(roll, model, rule, size, *, cuts=CUTS, masks=MASKS, dtypes=OFF):
    """Value and gradient are those of the loop in PyTorch, whatever the mask and wherever the gradient is cut."""
    for dtype, cut, mask in itertools.product(dtypes, cuts, masks):
        weights, given, leaves = case(model, rule, size, cut, mask, dtype)
        if rule.silent and not size[2]:
            continue
        ours, theirs = roll(model, weights, **given), rollout(model, weights, **given)
        where = f"({type(model).__name__}, {rule}, {size}, cut {cut}, mask {mask}, {dtype})"
        demand(gap(ours.outputs, theirs.outputs) < OFF[dtype], f"outputs differ {where}")
        demand(gap(ours.fed, theirs.fed) < OFF[dtype], f"feeds differ {where}")
        slopes = [gradients(charged(found), list(leaves.values())) for found in (ours, theirs)]
        for name, a, b in zip(leaves, *slopes, strict=True):
            demand(gap(a, b) < OFF[dtype], f"d{name} is {gap(a, b):.1e} off {where}")


def law_states_are_the_loops(roll, model):
    """The states after every step, and the gradient through them, are those of the loop; an earlier rollout is gone on with."""
    weights, given, leaves = case(model, Mean(), (6, 3, 1, 3), (0, 4), "coins", torch.float64)
    ours, theirs = (rolled(model, weights, **given, states=True) for rolled in (roll, rollout))
    assert len(ours.states) == len(theirs.states) == 6
    for a, b in zip(ours.states, theirs.states, strict=True):
        assert len(a) == len(b)
        assert all(gap(x, y) < CLOSE for x, y in zip(a, b, strict=True))
    slopes = [gradients(charged(found), list(leaves.values())) for found in (ours, theirs)]
    assert all(gap(a, b) < CLOSE for a, b in zip(*slopes, strict=True))
    state = tuple(part.detach() for part in ours.states[2])
    rest = {name: given[name][3:].detach() for name in ("truth", "mask", "inputs")}
    later = roll(model, weights, **{**given, **rest, "start": ours.fed[2].detach(), "state": state, "gradient": Gradient()})
    demand(gap(later.outputs, ours.outputs[3:]) < CLOSE, "a rollout that goes on from a state is not the rest of the whole one")


def everything(roll, model, rule, dtype, size=(9, 17, 1, 5), **settings):
    """All tensors of a rollout and its gradient, by replica: ``[R ...]``."""
    weights, given, leaves = case(model, rule, size, (0, 4), "coins", dtype)
    return settle(roll, model, weights, given, leaves, **settings)


def settle(roll, model, weights, given, leaves, replica=None, **settings):
    result = roll(model, weights, **given, states=model is not ATTENDING, **settings)
    slopes = dict(zip(leaves, gradients(charged(result, replica), list(leaves.values())), strict=True))
    timed = [result.outputs, result.fed, *(part for state in result.states for part in state)]
    timed = [part if part.dim() == 3 else part.transpose(0, 1) for part in timed]
    return [*timed, *(x.transpose(0, 1) if name in ("truth", "inputs") else x for name, x in slopes.items())]


def law_same_bits_alone(roll, model, rule):
    """Each replica has the same bits alone as among others."""
    for dtype in OFF:
        weights, given, leaves = case(model, rule, (9, 17, 1, 5), (0, 4), "coins", dtype)
        together = settle(roll, model, weights, given, leaves)
        axis = {"truth": 1, "mask": 1, "inputs": 1, "uniform": 1, "start": 0, "residual": 0}
        for r in range(R):
            own = {k: v.narrow(axis[k], r, 1).detach().clone() if k in axis and v is not None else v for k, v in given.items()}
            own_weights = {k: v[r : r + 1].detach().clone().requires_grad_() for k, v in weights.items()}
            for name in ("truth", "start", "inputs"):
                own[name] = own[name].requires_grad_(given[name].requires_grad)
            alone = settle(roll, model, own_weights, own, {name: (own_weights | own)[name] for name in leaves}, replica=r)
            for a, b in zip(alone, together, strict=True):
                demand(same_bits(a[0].detach(), b[r].detach()), f"replica {r} of {type(model).__name__} has other bits alone")


def law_at_once_and_afterwards_are_the_same(
    roll, model, *, dtypes=OFF, sizes=SIZES[1:], cuts=(CUTS[0], CUTS[4]), masks=MASKS[:4]
):
    """The gradient of a squared error that comes with the rollout has the bits of the one that is taken of it afterwards."""
    for dtype, size, cut, mask in itertools.product(dtypes, sizes, cuts, masks):
        _, given, _ = case(model, Mean(), size, cut, mask, dtype)
        given = {name: x.detach() if isinstance(x, torch.Tensor) else x for name, x in given.items()}
        parameters = Parameters(model.shapes(size[2] + size[3], size[3]), [*range(R)], given["start"])
        targets, shares = noise(*given["truth"].shape, seed=6, dtype=dtype), noise(size[0], R, size[1], seed=7, dtype=dtype)
        at_once = roll(model, Trained(parameters), **given, charge=Charge(targets=targets, shares=shares))
        leaves = parameters.named(differentiable=True)
        result = roll(model, leaves, **given)
        losses = (result.outputs - targets).square().mean(-1)
        slopes = torch.autograd.grad(losses, list(leaves.values()), shares)
        where = f"({type(model).__name__}, {dtype}, {size}, cut {cut}, mask {mask})"
        afterwards = torch.cat([slope.reshape(R, -1) for slope in slopes], 1)
        demand(same_bits(at_once.gradient, afterwards), f"another gradient {where}")
        demand(same_bits(at_once.outputs, result.outputs.detach()), f"other outputs {where}")
        demand(same_bits(at_once.fed, result.fed.detach()), f"other feeds {where}")
        if at_once.losses is not None:
            demand(same_bits(at_once.losses, losses.detach()), f"other losses {where}")


@pytest.mark.parametrize("model", tiered(ROLLED, lambda name: name in ("GRU", "Linear", "Transformer")))
def test_at_once_and_afterwards_are_the_same(model):
    masks = ("ones", "free", "coins") if model == "Transformer" else MASKS[:4]
    law_at_once_and_afterwards_are_the_same(compiled_rollout, ROLLED[model], masks=masks)


def test_at_once_neither_threads_nor_the_width_of_the_vectors_change_a_bit():
    torch.set_num_threads(2)
    try:
        law_at_once_and_afterwards_are_the_same(compiled_rollout, GRU(hidden=3), sizes=SIZES[1:2], masks=("coins",))
    finally:
        torch.set_num_threads(1)
    for other in others():
        law_at_once_and_afterwards_are_the_same(with_fault(compiled_rollout, other), GRU(hidden=3), **FEW)


@pytest.mark.parametrize("what", ["truth", "states", "another shape"])
def test_what_is_not_of_the_weights_alone_is_not_computed_at_once(what):
    _, given, _ = case(GRU(hidden=3), Mean(), SIZES[1], CUTS[0], "coins", torch.float32)
    given = {name: x.detach() if isinstance(x, torch.Tensor) else x for name, x in given.items()}
    parameters = Parameters(GRU(hidden=3).shapes(5, 3), [*range(R)], given["start"])
    trained, targets = Trained(parameters), torch.zeros_like(given["truth"])
    shares = torch.ones(targets.shape[:-1])
    if what == "truth":
        given["truth"].requires_grad_()
    elif what == "another shape":
        targets, shares = targets[:1], shares[:1]
    charge = Charge(targets=targets, shares=shares)
    result = compiled_rollout(GRU(hidden=3), trained, **given, states=what == "states", charge=charge)
    assert result.gradient is None
    assert result.outputs.requires_grad


@pytest.mark.parametrize(
    ("model", "rule"),
    tiered([*itertools.product(MODELS, RULES_TRIED)], lambda pair: pair[0] == "GRU" or pair[1] in ("Mean", "Sample")),
)
def test_it_is_the_loop(model, rule):
    for size in SIZES:
        masks = MASKS if size[0] > 1 else ("free", "forced")
        law_it_is_the_loop(compiled_rollout, MODELS[model], RULES_TRIED[rule], size, masks=masks)


@pytest.mark.parametrize(
    ("rule", "size"),
    tiered([*itertools.product(RULES_TRIED, [*SIZES, (40, 3, 1, 3)])], lambda case: case == ("Mean", SIZES[1])),
)
def test_a_transformer_is_the_loop(rule, size):
    """Whether its memory fits a stripe of 64 bytes or not; forced, it is the loop itself."""
    masks = ("coins", "fractions", "free", "forced") if size[0] > 1 else ("free", "forced")
    law_it_is_the_loop(compiled_rollout, ATTENDING, RULES_TRIED[rule], size, cuts=((0, 0), (0, 3), (2, 3)), masks=masks)


@pytest.mark.parametrize(
    "model", [Transformer(hidden=4 * heads, layers=1, heads=heads, mlp=2) for heads in (1, 2)]
    + [Transformer(hidden=hidden, layers=3, heads=heads) for hidden, heads in ((16, 2), (16, 1), (40, 2))],
    ids=lambda model: f"{model.layers} layers, {model.heads} of {model.hidden // model.heads}",
)  # fmt: skip
def test_a_transformer_is_the_loop_whatever_its_sizes(model):
    """Widths of a head that the compiled code knows by number, and one that it does not.

    In double precision: rounding in single may put what is next to 0 on its other side, where its slope is another.
    """
    law_it_is_the_loop(
        compiled_rollout, model, Mean(), (21, 3, 1, 3), cuts=((0, 0), (2, 3)), masks=("coins",), dtypes=(torch.float64,)
    )


def test_what_a_transformer_keeps_grows_in_proportion_to_its_steps():
    kept = []
    for steps in (100, 1000):
        weights, given, _ = case(ATTENDING, Mean(), (steps, 3, 1, 3), (0, 0), "free", torch.float32)
        request = Request(ATTENDING, weights, **given)
        plan = operation._plan(request, given["inputs"], library.library())
        call = operation._call(plan, {}, list(weights.values()), True)
        kept.append(library.library().function("kept", "float32")(call))
    assert 9.9 < kept[1] / kept[0] < 10


@pytest.mark.parametrize("model", MODELS)
def test_states_are_the_loops(model):
    law_states_are_the_loops(compiled_rollout, MODELS[model])


@pytest.mark.parametrize(("model", "rule"), [*itertools.product(ROLLED, ["Mean", "Sample", "Gumbel"])])
def test_same_bits_alone_and_in_a_group(model, rule):
    law_same_bits_alone(compiled_rollout, ROLLED[model], RULES_TRIED[rule])


@pytest.mark.parametrize("model", tiered(ROLLED, lambda name: name in MODELS))
def test_the_gradient_is_the_textbooks(model):
    for horizon in (1, 2, 5):
        for rule in RULES_TRIED.values():
            if not rule.silent:
                backward.law_gradient_is_the_textbook_loops(compiled_rollout, ROLLED[model], horizon, rule)
    kit.law_ones_and_none_are_the_same(compiled_rollout, ROLLED[model])


LOOP = [
    kit.law_forced_entries_are_the_truth,
    kit.law_no_peeking,
    kit.law_entries_are_free_one_by_one,
    kit.law_silence_has_no_gap,
    backward.law_gradient_is_cut_in_the_right_place,
    backward.law_what_is_stopped_is_stopped_in_what_is_told,
    backward.law_the_prediction_is_charged,
]


@pytest.mark.parametrize("law", LOOP, ids=lambda law: law.__name__)
def test_the_laws_of_the_loop_hold(law):
    law(compiled_rollout)


# --- bits ---


@functools.cache
def others() -> list[Library]:
    """The libraries of this processor that promise the same bits as the one that is used."""
    folder, known = Path(compiled.__file__).parent, library.library()
    found = [Library(name, folder / build.file_name(name)) for name in build.sets()]
    able = [other for other in found if other.path.is_file() and NEEDS[other.instructions] <= library.processor_sets()]
    return [other for other in able if str(other) == str(known) and other != known]


@pytest.mark.parametrize("model", ROLLED)
def test_the_width_of_the_vectors_changes_no_bit(model):
    if not others():
        pytest.skip("there is no second library of the same arithmetic for this processor")
    for rule, dtype, size in itertools.product(("Mean", "Sample", "Gumbel"), OFF, ((9, 17, 1, 5), (40, 33, 2, 11))):
        first = everything(compiled_rollout, ROLLED[model], RULES_TRIED[rule], dtype, size)
        for other in others():
            second = everything(compiled_rollout, ROLLED[model], RULES_TRIED[rule], dtype, size, using=other)
            assert all(same_bits(a.detach(), b.detach()) for a, b in zip(first, second, strict=True)), (rule, dtype, size)


@pytest.mark.parametrize("model", ["GRU", "Transformer"])
def test_the_number_of_threads_changes_no_bit(model):
    one = everything(compiled_rollout, ROLLED[model], Mean(), torch.float32)
    for threads in (2, 3, 5):
        torch.set_num_threads(threads)
        try:
            many = everything(compiled_rollout, ROLLED[model], Mean(), torch.float32)
        finally:
            torch.set_num_threads(1)
        assert all(same_bits(a.detach(), b.detach()) for a, b in zip(one, many, strict=True)), threads


def test_without_a_gradient_nothing_is_kept_and_the_bits_are_the_same():
    for model in ROLLED.values():
        weights, given, _ = case(model, Mean(), (9, 17, 1, 5), (0, 0), "coins", torch.float32)
        with torch.no_grad():
            bare = compiled_rollout(model, weights, **given)
        whole = compiled_rollout(model, weights, **given)
        assert same_bits(bare.outputs, whole.outputs.detach())
        assert same_bits(bare.fed, whole.fed.detach())


def test_what_is_not_finite_stays_in_its_replica():
    for model in ROLLED.values():
        weights, given, _ = case(model, Mean(), (9, 17, 1, 5), (0, 0), "free", torch.float32)
        sound = compiled_rollout(model, weights, **given).outputs
        for value in (torch.nan, torch.inf):
            broken = {name: x.detach().clone() for name, x in weights.items()}
            broken["output.weight"][1, 0, 0] = value
            broken = {name: x.requires_grad_() for name, x in broken.items()}
            result = compiled_rollout(model, broken, **given).outputs
            assert not bool(result[:, 1].isfinite().all())
            assert same_bits(result[:, [0, 2]].detach(), sound[:, [0, 2]].detach())
            slopes = gradients(result.square().sum(), list(broken.values()))
            assert all(bool(slope[[0, 2]].isfinite().all()) for slope in slopes)
            assert not all(bool(slope[1].isfinite().all()) for slope in slopes)


# --- libraries with one fault each ---


@functools.cache
def broken(folder: Path, *faults: str):
    path = build.compiled(folder, "portable", "-O0", *(f"-D{fault}" for fault in faults))
    assert path is not None
    return Library("portable", path)


def with_fault(roll, fault_library):
    return functools.partial(roll, using=fault_library)


def loop_law(model, rule=None):
    return lambda roll: law_it_is_the_loop(
        roll, model, rule or Mean(), (5, 3, 2, 3), cuts=((0, 0), (2, 3)), masks=("coins", "free"), dtypes=(torch.float64,)
    )


FEW = {"dtypes": (torch.float64,), "sizes": SIZES[1:2], "masks": ("coins",)}
FAULTS = [
    ("BREAK_SIGN(x)=-(x)", loop_law(HiddenRecurrent(hidden=3))),
    ("BREAK_RESET(x)=all(0)", loop_law(GRU(hidden=3))),
    ("BREAK_RESET(x)=all(0)", lambda roll: backward.law_gradient_is_the_textbook_loops(roll, GRU(hidden=3), 5, Mean())),
    ("BREAK_FORGET(x)=all(0)", loop_law(LSTM(hidden=3))),
    ("BREAK_FEED(t)=(t)-((t)>0)", loop_law(GRU(hidden=3))),
    ("BREAK_FEED(t)=(t)-((t)>0)", kit.law_forced_entries_are_the_truth),
    ("BREAK_CUT(t)=(t)-((t)>0)", loop_law(HiddenRecurrent(hidden=3))),
    ("BREAK_CUT(t)=(t)-((t)>0)", backward.law_gradient_is_cut_in_the_right_place),
    ("BREAK_DRAW(t)=(t)-((t)>0)", loop_law(GRU(hidden=3), RULES_TRIED["Gumbel"])),
    ("BREAK_SOFT(x)=d", loop_law(GRU(hidden=3), RULES_TRIED["Expected"])),
    ("BREAK_GROUP(r)=0*(r)", lambda roll: law_same_bits_alone(roll, GRU(hidden=3), Mean())),
    ("BREAK_GROUP(r)=0*(r)", lambda roll: law_same_bits_alone(roll, ATTENDING, Mean())),
    ("BREAK_FORGET(x)=all(0)", lambda roll: law_states_are_the_loops(roll, LSTM(hidden=3))),
    ("BREAK_PAST(t)=(t)-((t)>0)", loop_law(ATTENDING)),
    ("BREAK_MEAN(x)=all(0)", loop_law(ATTENDING)),
    ("BREAK_SLOT(t)=(t)-((t)>0)", loop_law(ATTENDING)),
    ("BREAK_LOSS(x)=-(x)", lambda roll: law_at_once_and_afterwards_are_the_same(roll, GRU(hidden=3), **FEW)),
    ("BREAK_LOSS(x)=(x)/2", lambda roll: law_at_once_and_afterwards_are_the_same(roll, GRU(hidden=3), **FEW)),
]


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("libraries")


@pytest.mark.parametrize(
    ("fault", "law"), FAULTS, ids=[f"{fault.partition('(')[0]}-{i}" for i, (fault, _) in enumerate(FAULTS)]
)
def test_a_law_catches_a_fault(fault, law, folder):
    place = folder / fault.partition("(")[0]
    place.mkdir(exist_ok=True)
    with pytest.raises(AssertionError):
        law(with_fault(compiled_rollout, broken(place, fault)))


def test_without_a_fault_the_same_laws_hold(folder):
    place = folder / "sound"
    place.mkdir(exist_ok=True)
    for law in dict.fromkeys(law for _, law in FAULTS):
        law(with_fault(compiled_rollout, broken(place)))


# --- what is not covered ---


def test_what_is_not_covered_is_said_in_words():
    known = uncovered(GRU(), Mean(), "float32", "cpu")
    assert known is None

    class Own(GRU):
        pass

    assert uncovered(Own(), Mean(), "float32", "cpu") == "it has no cell Own"
    assert uncovered(GRU(layers=2), Mean(), "float32", "cpu") == "its cells have one layer, not 2"
    assert "not on cuda" in uncovered(GRU(), Mean(), "float32", "cuda")
    assert "not in bfloat16" in uncovered(GRU(), Mean(), "bfloat16", "cpu")
    assert "at one step, not at 2" in uncovered(OutputRecurrent(order=2), Mean(), "float32", "cpu")
    assert uncovered(OutputRecurrent(order=1), Mean(), "float32", "cpu") is None
    start = torch.zeros(1, 1, 1)
    state = (torch.zeros(1, 1, 64).requires_grad_(),)
    with pytest.raises(ValueError, match="takes no gradient of the state"):
        compiled_rollout(GRU(), {}, truth=start[None], start=start, feedback=Mean(), mask=None, state=state)
    with pytest.raises(ValueError, match="neither returns the states of a transformer nor goes on from one"):
        compiled_rollout(ATTENDING, {}, truth=start[None], start=start, feedback=Mean(), mask=None, states=True)
