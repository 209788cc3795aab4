"""What a task owes: a world that is a function of its seed, whose splits share nothing and whose oracle tells the truth."""

from __future__ import annotations

import itertools
from dataclasses import fields

import torch

from freerun.laws import CLOSE, gap, symbols
from freerun.tasks import SPLITS, Data, Sequences, Task

#: Built worlds are looked at by many laws and changed by none.
_built: dict[tuple[str, int, int], Data] = {}


def built(task: Task, seed: int = 0, length: int = 12) -> Data:
    key = (f"{type(task)}{task}", seed, length)
    if key not in _built:
        _built[key] = task.build(seed, length)
    return _built[key]


def _tensors(part: Sequences) -> dict[str, torch.Tensor]:
    return {item.name: getattr(part, item.name) for item in fields(part) if getattr(part, item.name) is not None}


def same_part(a: Sequences, b: Sequences) -> bool:
    return all(torch.equal(x, y) for x, y in zip(_tensors(a).values(), _tensors(b).values(), strict=True))


def law_pure(task: Task) -> None:
    first, again = built(task), task.build(0, 12)
    for name in SPLITS:
        assert same_part(first.splits[name], again.splits[name]), f"two builds with one seed differ in {name}"
    assert first.fingerprint == again.fingerprint, "two builds with one seed have different fingerprints"


def law_seeds_make_worlds(task: Task) -> None:
    """Another seed is another world, also beyond 32 bits; a corpus (a task that reads a file) is the same for all seeds."""
    prints = {built(task, seed).fingerprint for seed in (0, 1, 2**40)}
    corpus = "path" in {item.name for item in fields(task)}
    assert len(prints) == (1 if corpus else 3), f"seeds 0, 1, 2**40 make {len(prints)} different worlds"


def law_shapes_are_as_documented(task: Task) -> None:
    for length in (12, 20):
        data = built(task, 0, length)
        assert set(data.splits) == set(SPLITS), f"splits are {sorted(data.splits)}"
        for part in data.splits.values():
            n, steps = len(part), length if task.emits == "each" else 1
            assert n > 0, "an empty split"
            assert part.weights.shape == (steps, n), f"weights {tuple(part.weights.shape)}, not [T N]"
            assert part.weights.dtype is torch.float32, f"weights are {part.weights.dtype}"
            if task.symbols:
                assert part.targets.shape == (steps, n), f"targets {tuple(part.targets.shape)}, not [T N]"
                assert part.targets.dtype is part.start.dtype is torch.int64, f"symbols are {part.targets.dtype}"
                assert part.start.shape == (n,), f"start {tuple(part.start.shape)}, not [N]"
                assert 0 <= int(part.targets.min()) <= int(part.targets.max()) < data.outputs, "a symbol outside the alphabet"
                assert -1 <= int(part.start.min()) <= int(part.start.max()) < data.outputs, "a start outside the alphabet"
            else:
                assert part.targets.shape == (steps, n, data.outputs), f"targets {tuple(part.targets.shape)}, not [T N Y]"
                assert part.start.shape == (n, data.outputs), f"start {tuple(part.start.shape)}, not [N Y]"
                assert part.targets.dtype is part.start.dtype is torch.float32, f"values are {part.targets.dtype}"
                assert bool(part.targets.isfinite().all()), "a value that is not finite"
            assert (part.inputs is None) == (data.inputs == 0), f"inputs claimed {data.inputs}"
            if part.inputs is not None:
                assert part.inputs.shape == (length, n, data.inputs), f"inputs {tuple(part.inputs.shape)}, not [T N X]"
            taken = part.take(torch.tensor([0, n - 1, 0]), 7)
            assert taken.steps() == 7, f"7 steps taken are {taken.steps()}"
            assert len(taken) == 3, f"3 sequences taken are {len(taken)}"


def law_the_horizon_does_not_move_training(task: Task) -> None:
    """What training takes, the first `task.length` steps, is the same whatever longer window the evaluation asks for."""
    near, far = (built(task, 0, task.length + extra).splits["train"] for extra in (0, 9))
    if task.emits == "last":  # its one target belongs to the whole window, so the two cannot differ
        return
    assert len(near) == len(far), f"there are {len(near)} or {len(far)} training sequences"
    index = torch.arange(len(near))[:: max(1, len(near) // 50)]
    assert same_part(near.take(index, task.length), far.take(index, task.length)), "a longer horizon changes training"


def _rows(part: Sequences) -> torch.Tensor:
    """All that a sequence consists of, one row a sequence."""
    pieces = [x for x in (part.targets, part.inputs) if x is not None]
    return torch.cat([x.float().transpose(0, 1).flatten(1) for x in pieces], 1)


def law_splits_share_nothing(task: Task) -> None:
    """No sequence of real values is in two splits. (Symbols repeat by chance; there the seeds of the splits must differ.)"""
    data = built(task)
    parts = {name: _rows(part) for name, part in data.splits.items()}
    for a, b in itertools.combinations(SPLITS, 2):
        count = min(len(parts[a]), len(parts[b]))
        assert not torch.equal(parts[a][:count], parts[b][:count]), f"{a} and {b} begin with the same sequences"
        if not task.symbols:
            shared = (parts[a][:, None] == parts[b][None]).all(-1).any()
            assert not shared, f"{a} and {b} share a sequence"


def law_training_is_the_same(a: Data, b: Data) -> None:
    """Two worlds whose test and validation parts differ have the same training part, scaling and alphabet, to the bit."""
    assert not same_part(a.splits["test"], b.splits["test"]), "the test parts do not differ: nothing is tested"
    assert same_part(a.splits["train"], b.splits["train"]), "the training part depends on the test part"
    assert (a.outputs, a.alphabet) == (b.outputs, b.alphabet), "the alphabet depends on the test part"
    for name in ("mean", "std", "residual"):
        x, y = getattr(a, name), getattr(b, name)
        assert (x is None) == (y is None)
        assert x is None or torch.equal(x, y), f"{name} depends on the test part"


def law_oracle_is_a_distribution(task: Task) -> None:
    """Where it is defined it sums to 1; on the world's own sequences it is defined until the end, and blind to what comes
    after.
    """
    data = built(task)
    if data.oracle is None:
        return
    prefix = data.splits["test"].targets
    truth = data.oracle(prefix)
    defined = truth.inside & ~truth.ended
    assert truth.log_probs.dtype is torch.float64
    assert gap(truth.log_probs.exp().sum(-1)[defined], torch.ones(int(defined.sum())).double()) < CLOSE, "does not sum to 1"
    assert bool(defined[data.splits["test"].weights > 0].all()), "a generated sequence is outside the support of its own source"
    for t in range(len(prefix)):
        other = prefix.clone()
        other[t:] = symbols(*other[t:].shape, of=data.outputs, seed=t)
        assert torch.equal(data.oracle(other).log_probs[t], truth.log_probs[t]), (
            f"row {t} of the oracle reads symbols from step {t} on"
        )


def law_oracle_is_calibrated(task: Task) -> None:
    """On fresh sequences each symbol comes, at each step, as often as the oracle says: within six standard errors."""
    data = built(task)
    if data.oracle is None:
        return
    part = data.splits["train"]
    truth, seen = data.oracle(part.targets), part.weights > 0
    p = torch.where(seen[..., None], truth.log_probs.exp(), 0.0)
    hits = torch.nn.functional.one_hot(part.targets, data.outputs) * seen[..., None]
    deviation = (hits - p).sum(1) / (p * (1 - p)).sum(1).clamp(min=1).sqrt()
    t, k = divmod(int(deviation.abs().argmax()), data.outputs)
    assert float(deviation.abs().max()) < 6, f"symbol {k} at step {t} is {deviation[t, k]:.1f} standard errors off the oracle"
    likely = p.gather(-1, part.targets[..., None]).squeeze(-1)[seen]
    assert bool((likely > 0).all()), "a symbol of probability 0 came"
