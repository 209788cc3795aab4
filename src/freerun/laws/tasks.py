"""Laws of a task: a function of its seed, whose splits share nothing and whose oracle tells the truth."""

from __future__ import annotations

import itertools
import re
from dataclasses import fields

import numpy as np
import torch

from freerun.arithmetic import root
from freerun.errors import ConfigError, given
from freerun.laws.toolkit import CLOSE, Broken, demand, gap, only, symbols
from freerun.parts.tasks import SPLITS, Data, Sequences, Task

#: Built worlds are looked at by many laws and changed by none.
_built: dict[tuple[str, int, int], Data] = {}


def gives(task: Task, length: int) -> bool:
    """Whether a task can give windows of a length."""
    try:
        task.check(length)
    except ConfigError:
        return False
    return True


def lengths(task: Task) -> list[int]:
    """12 and 20 steps, where a task can give them, or else its own length."""
    return [length for length in (12, 20) if gives(task, length)] or [task.length]


def built(task: Task, seed: int = 0, length: int | None = None) -> Data:
    """The world of a seed, built once; the shortest of `lengths` by default."""
    length = lengths(task)[0] if length is None else length
    key = (f"{type(task)}{id(type(task))}{task}", seed, length)
    if key not in _built:
        _built[key] = task.build(seed, length)
    return _built[key]


def _tensors(part: Sequences) -> dict[str, torch.Tensor]:
    return {item.name: getattr(part, item.name) for item in fields(part) if getattr(part, item.name) is not None}


def same_part(a: Sequences, b: Sequences) -> bool:
    """Whether two parts are equal in every tensor."""
    tensors_a, tensors_b = _tensors(a), _tensors(b)
    return tensors_a.keys() == tensors_b.keys() and all(torch.equal(tensors_a[name], tensors_b[name]) for name in tensors_a)


def law_shapes_are_as_documented(task: Task) -> None:
    """Three splits, time first, of the types and widths that the task names, with symbols inside the alphabet.

    Cure: return tensors as `Sequences` describes them: targets [T N] or [T N Y], start [N] or [N Y], weights [T N], time first;
    `Data.outputs` is the number of symbols or the width of a value.
    """
    for length in lengths(task):
        data = built(task, 0, length)
        demand(set(data.splits) == set(SPLITS), f"the splits are {sorted(data.splits)}, not {sorted(SPLITS)}")
        demand(re.fullmatch("[0-9a-f]{64}", data.fingerprint) is not None, f"the fingerprint is {data.fingerprint!r}")
        for name, part in data.splits.items():
            _check_shapes(task, data, part, length, f"in {name}, for {length} steps")


def _check_shapes(task: Task, data: Data, part: Sequences, length: int, where: str) -> None:
    def shape(what: str, tensor: torch.Tensor, wanted: tuple[int, ...], letters: str, dtype: torch.dtype) -> None:
        demand(tensor.shape == wanted, f"{what} {tuple(tensor.shape)}, not {wanted} ({letters}) {where}")
        demand(tensor.dtype is dtype, f"{what} are {tensor.dtype}, not {dtype} {where}")

    def alphabet(what: str, tensor: torch.Tensor, first: int) -> None:
        low, high = int(tensor.min()), int(tensor.max())
        demand(first <= low <= high < data.outputs, f"{what} from {low} to {high}, not {first} .. {data.outputs - 1} {where}")

    n, steps = len(part), length if task.emits == "each" else 1
    demand(n > 0, f"no sequence at all {where}")
    shape("weights", part.weights, (steps, n), "T N", torch.float32)
    demand(bool(((part.weights == 0) | (part.weights == 1)).all()), f"a weight that is neither 0 nor 1 {where}")
    demand(length < task.length or bool((part.weights > 0).any()), f"no target counts {where}")
    if task.symbols:
        shape("targets", part.targets, (steps, n), "T N", torch.int64)
        shape("start", part.start, (n,), "N", torch.int64)
        alphabet("targets", part.targets, 0)
        alphabet("start", part.start, -1)
    else:
        shape("targets", part.targets, (steps, n, data.outputs), "T N Y", torch.float32)
        shape("start", part.start, (n, data.outputs), "N Y", torch.float32)
        demand(bool(part.targets.isfinite().all()), f"a target that is not finite {where}")
        demand(bool(part.start.isfinite().all()), f"a start that is not finite {where}")
    demand((part.inputs is None) == (data.inputs == 0), f"the width of the inputs is said to be {data.inputs} {where}")
    if part.inputs is not None:
        shape("inputs", part.inputs, (length, n, data.inputs), "T N X", torch.float32)
        demand(bool(part.inputs.isfinite().all()), f"an input that is not finite {where}")
    if part.ends is not None:
        shape("ends", part.ends, (n,), "N", torch.int64)
        demand(bool(((part.ends >= 0) & (part.ends < length)).all()), f"an end outside 0 .. {length - 1} {where}")
    shortened = min(7, length)
    taken = part.take(torch.tensor([0, n - 1, 0]), shortened)
    demand(taken.steps() == shortened, f"{shortened} steps taken are {taken.steps()} {where}")
    demand(len(taken) == 3, f"3 sequences taken are {len(taken)} {where}")


def law_pure(task: Task) -> None:
    """Two builds with one seed are equal in every tensor and in the fingerprint.

    Cure: draw everything from `freerun.random_streams.stream(seed, "data", number)` inside `build`, never from a generator,
    clock or file of its own.
    """
    for length in lengths(task):
        first, second = built(task, 0, length), task.build(0, length)
        for name in SPLITS:
            demand(
                same_part(first.splits[name], second.splits[name]), f"two builds of {length} steps, seed 0, differ in {name}"
            )
        demand(first.fingerprint == second.fingerprint, f"two builds of {length} steps, seed 0, have different fingerprints")


def law_seeds_make_worlds(task: Task) -> None:
    """Another seed is another world, also beyond 32 bits; data from outside the settings may be the same for all seeds.

    Cure: hand the seed itself, uncut, to `stream(seed, "data", ...)`; data that do not depend on the seed are read from
    outside, and then `content` returns their SHA-256.
    """
    seeds = (0, 1, 2**32, 2**40)
    worlds = [built(task, seed) for seed in seeds]
    pairs = list(itertools.combinations(range(len(seeds)), 2))
    same = [all(same_part(worlds[i].splits[name], worlds[j].splits[name]) for name in SPLITS) for i, j in pairs]
    if task.content() is not None and all(same):
        return
    for (i, j), equal in zip(pairs, same, strict=True):
        demand(not equal, f"seeds {seeds[i]} and {seeds[j]} make the same world")
        if task.content() is None:
            demand(
                worlds[i].fingerprint != worlds[j].fingerprint, f"the worlds of seeds {seeds[i]} and {seeds[j]} have one name"
            )


def _further(task: Task) -> list[int]:
    """Steps beyond its own length that a task can give."""
    return [extra for extra in (1, 9) if gives(task, task.length + extra)]


@only(lambda task: task.emits == "each" and bool(_further(task)), "tasks that can give longer windows")
def law_the_horizon_does_not_move_training(task: Task) -> None:
    """What training takes, the first `task.length` steps, is the same whatever longer window the evaluation asks for.

    Cure: draw step after step, with time as the first axis of every draw, so that a longer window begins with the same numbers.
    """
    near = built(task, 0, task.length).splits["train"]
    for extra in _further(task):
        far, case = built(task, 0, task.length + extra).splits["train"], f"{task.length} + {extra} steps"
        demand(len(near) == len(far), f"there are {len(near)} training sequences, for {case} {len(far)}")
        index = torch.arange(len(near))[:: max(1, len(near) // 50)]
        demand(same_part(near.take(index, task.length), far.take(index, task.length)), f"windows of {case} change training")


def _rows(part: Sequences) -> torch.Tensor:
    """Targets and inputs of every sequence, one row a sequence."""
    pieces = [piece for piece in (part.targets, part.inputs) if piece is not None]
    return torch.cat([piece.float().transpose(0, 1).flatten(1) for piece in pieces], 1)


def law_splits_share_nothing(task: Task) -> None:
    """No sequence of real values is in two splits. (Symbols repeat by chance; there the splits must not begin alike.)

    Cure: give each split a stream of its own, `stream(seed, "data", number)`; cut a recording into parts before it is cut into
    windows.
    """
    data = built(task)
    parts = {name: _rows(part) for name, part in data.splits.items()}
    for a, b in itertools.combinations(SPLITS, 2):
        count = min(len(parts[a]), len(parts[b]))
        demand(not torch.equal(parts[a][:count], parts[b][:count]), f"{a} and {b} begin with the same {count} sequences")
        if not task.symbols:
            for n, row in enumerate(parts[b]):
                shared = (parts[a] == row).all(-1)
                if bool(shared.any()):
                    demand(False, f"sequence {n} of {b} is sequence {int(shared.float().argmax())} of {a}")


def law_training_is_the_same(a: Data, b: Data) -> None:
    """Two worlds whose test and validation parts differ have the same training part, scaling and alphabet, to the bit.

    Cure: take scaling, alphabet and whatever else is fitted from the training split alone.
    """
    demand(not same_part(a.splits["test"], b.splits["test"]), "the test parts do not differ: nothing is tested")
    demand(same_part(a.splits["train"], b.splits["train"]), "the training part depends on the test part")
    demand((a.outputs, a.alphabet) == (b.outputs, b.alphabet), "the alphabet depends on the test part")
    for name in ("mean", "std", "residual"):
        value_a, value_b = getattr(a, name), getattr(b, name)
        demand((value_a is None) == (value_b is None), f"{name} is there or not, depending on the test part")
        demand(value_a is None or torch.equal(value_a, value_b), f"{name} depends on the test part")


def _has_oracle(task: Task) -> bool:
    return built(task).oracle is not None


@only(_has_oracle, "tasks with an oracle")
def law_oracle_is_a_distribution(task: Task) -> None:
    """Where it is defined the oracle sums to 1; on the world's own sequences it is defined, and blind to what comes after.

    Cure: return `log_probs` that sum to 1 at each step, computed from the symbols before that step alone, and `inside` true on
    all that the task itself draws.
    """
    data = built(task)
    oracle = given(data.oracle)
    part = data.splits["test"]
    prefix = part.targets
    truth = oracle(prefix)
    demand(truth.log_probs.dtype is torch.float64, f"log_probs are {truth.log_probs.dtype}, not torch.float64")
    wanted = (*prefix.shape, data.outputs)
    demand(truth.log_probs.shape == wanted, f"log_probs {tuple(truth.log_probs.shape)}, not {wanted} (T N K)")
    defined = truth.inside & ~truth.ended
    sums = truth.log_probs.exp().sum(-1)
    for t in range(len(prefix)):
        at = defined[t]
        off = gap(sums[t][at], torch.ones(int(at.sum())).double())
        demand(off < CLOSE, f"the distribution at step {t} does not sum to 1, by {off:.1e}")
        lost = (part.weights[t] > 0) & ~at
        case = f"sequence {int(lost.float().argmax())} of the test part"
        demand(not bool(lost.any()), f"{case} is outside the support of its own source at step {t}")
        altered = prefix.clone()
        altered[t:] = symbols(*altered[t:].shape, of=data.outputs, seed=t)
        row = oracle(altered).log_probs[t]
        demand(torch.equal(row, truth.log_probs[t]), f"row {t} of the oracle reads symbols from step {t} on")


@only(_has_oracle, "tasks with an oracle")
def law_oracle_is_calibrated(task: Task) -> None:
    """On fresh sequences each symbol comes, at each step, as often as the oracle says: within six standard errors.

    Cure: draw and answer by one and the same table of probabilities; check the index of the step: row t answers for symbol t,
    given those before it.
    """
    data = built(task)
    oracle = given(data.oracle)
    part = data.splits["train"]
    truth, seen = oracle(part.targets), part.weights > 0
    p = torch.where(seen[..., None], truth.log_probs.exp(), 0.0)
    likely = p.gather(-1, part.targets[..., None]).squeeze(-1)
    impossible = seen & (likely == 0)
    t, n = divmod(int(impossible.float().argmax()), impossible.shape[1])
    came = f"symbol {int(part.targets[t, n])} came at step {t} of training sequence {n}, where it has probability 0"
    demand(not bool(impossible.any()), came)
    hits = torch.nn.functional.one_hot(part.targets, data.outputs) * seen[..., None]
    deviation = (hits - p).sum(1) / root((p * (1 - p)).sum(1).clamp(min=1))
    t, k = divmod(int((deviation.abs() >= 6).float().argmax()), data.outputs)
    off = f"{float(deviation[t, k]):.1f} standard errors off the oracle"
    demand(float(deviation.abs().max()) < 6, f"symbol {k} at step {t} is {off}, over {len(part)} sequences")


#: For a task whose true step has no derivative by complex states.
_REMEDY = "set `analytic = False` in its class if it is not meant to"


@only(lambda task: task.analytic and task.remembers == 1, "tasks whose true step has an exact derivative")
def law_the_true_step_has_the_derivative_of_its_differences(task: Task) -> None:
    """By the complex step: that of central differences, at states of the training data, and the step itself stays the same.

    Cure: write `onward` without absolute values, comparisons, real parts or casts to float, or set `analytic = False`.
    """
    data = built(task)
    mean, std = (1.0 if x is None else x.double().numpy() for x in (data.mean, data.std))
    rows = data.splits["train"].start[:3].double().numpy() * std + (0.0 if data.mean is None else mean)
    for j in range(min(3, rows.shape[1])):
        size = 1e-5 * max(1.0, float(np.abs(rows).max()))
        ahead, back = rows.copy(), rows.copy()
        ahead[:, j] += size
        back[:, j] -= size
        wanted = (task.onward(ahead[None]) - task.onward(back[None])) / (2 * size)
        moved = rows.astype(np.complex128)
        moved[:, j] += 1e-30j
        try:
            after = task.onward(moved[None])
        except TypeError as fault:
            raise Broken(f"the true step does not take complex states ({fault}); {_REMEDY}") from None
        demand(bool(np.iscomplexobj(after)), f"the true step of complex states is real: it takes parts of them; {_REMEDY}")
        same = float(np.abs(after.real - task.onward(rows[None])).max()) / (1 + float(np.abs(after.real).max()))
        demand(same < 1e-13, f"the true step of complex states is another by {same:.1e}")
        off = float(np.abs(after.imag / 1e-30 - wanted).max()) / (1 + float(np.abs(wanted).max()))
        demand(off < 1e-6, f"the derivative by coordinate {j} is {off:.1e} off that of differences; {_REMEDY}")
