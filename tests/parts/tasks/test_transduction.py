"""Tests of transduction: the answer follows from the source, letter by letter, and the oracle knows it of every prefix."""

from __future__ import annotations

import pytest
import torch

from freerun.errors import ConfigError
from freerun.parts.tasks.transduction import Rewrite, Transduction

FORMS = list(Rewrite)


def small(form: Rewrite) -> Transduction:
    """Sources of two letters; the transducer is one whose answers have two, three or four."""
    return Transduction(
        form=form, source_length=2, alphabet_size=2, sequences=16, world=5 if form is Rewrite.transducer else None
    )


def by_hand(task: Transduction, source: list[int]) -> list[int]:
    """The answer without its end, a letter after the other."""
    if task.form is not Rewrite.transducer:
        return source if task.form is Rewrite.copy else source[::-1]
    following, written = task.tables()
    state, answer = 0, []
    for letter in source:
        answer += [int(made) for made in written[state, letter] if made >= 0]
        state = following[state, letter]
    return answer


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.value)
def test_every_answer_follows_from_its_source_and_is_charged_to_its_end(form):
    task = Transduction(form=form, sequences=64)
    lengths = set()
    for part in task.build(0, task.length).splits.values():
        for column, weights in zip(part.targets.T.tolist(), part.weights.T.tolist(), strict=True):
            answer = by_hand(task, column[:8])
            lengths.add(len(answer))
            assert column[8:] == answer + [8] * (task.length - 8 - len(answer))
            assert weights == [0.0] * 8 + [1.0] * (len(answer) + 1) + [0.0] * (task.length - 9 - len(answer))
    assert (len(lengths) > 2) == (form is Rewrite.transducer), "one letter or two for each"


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.value)
def test_the_oracle_knows_the_next_letter_of_every_prefix(form):
    task = small(form)
    oracle, n, size, steps = task.build(0, task.length).oracle, 2, 2, task.length
    prefix = torch.cartesian_prod(*[torch.arange(3)] * steps).T
    truth = oracle(prefix)
    for k, column in enumerate(prefix.T.tolist()):
        for t in range(steps):
            before = column[:t]
            source, written = before[:n], before[n:]
            ended = size in before
            string = before[: before.index(size) + 1] if ended else before
            whole = [*by_hand(task, source), size] if len(source) == n and size not in source else []
            inside = size not in source and string[n:] == whole[: len(string) - n] if len(string) > n else size not in string
            assert bool(truth.inside[t, k]) == inside, (column, t)
            assert bool(truth.ended[t, k]) == ended
            if inside and not ended:
                chance = truth.log_probs[t, k].exp().tolist()
                expected = [0.5, 0.5, 0.0] if t < n else [float(letter == whole[len(written)]) for letter in range(3)]
                assert chance == pytest.approx(expected), (column, t)
            else:
                assert (truth.log_probs[t, k] == -torch.inf).all()


def test_a_transducer_belongs_to_the_world_or_to_the_seed():
    fixed, own = (Transduction(form=Rewrite.transducer, world_by_seed=by_seed) for by_seed in (False, True))
    assert all((a == b).all() for a, b in zip(fixed.tables(0), fixed.tables(1), strict=True))
    assert not all((a == b).all() for a, b in zip(own.tables(0), own.tables(1), strict=True))
    other = Transduction(form=Rewrite.transducer, world=1)
    assert not all((a == b).all() for a, b in zip(fixed.tables(0), other.tables(0), strict=True))


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"states": 2}, "states must be null where form=copy"),
        ({"form": Rewrite.reverse, "world": 1}, "world must be null where form=reverse"),
        ({"world_by_seed": True}, "world_by_seed must be false where form=copy"),
        ({"form": Rewrite.transducer, "states": 0}, "states must be at least 1"),
        ({"source_length": 1}, "source_length must be at least 2"),
        ({"length": 5}, "length must be 0 or 17"),
    ],
)
def test_what_does_not_go_together_is_refused(settings, rule):
    with pytest.raises(ConfigError, match=rule):
        Transduction(**settings)


def test_no_longer_window_than_the_longest_answer():
    with pytest.raises(ConfigError, match=r"task\.source_length=8: the longest answer ends at step 17"):
        Transduction().check(18)
    assert Transduction().own_warmup == 8
