"""Tests of the laws of tasks: a world is what it says, and what is known about it is true."""

from __future__ import annotations

import itertools
import math
from unittest import mock

import numpy as np
import pytest
import torch

from freerun.errors import ConfigError
from freerun.laws import tasks as kit
from freerun.laws.register import of
from freerun.laws.toolkit import CLOSE, small, variants
from freerun.parts.tasks.adding import Adding
from freerun.parts.tasks.embedded_reber import LETTERS, REBER, EmbeddedReber
from freerun.parts.tasks.hidden_markov import HiddenMarkov
from freerun.parts.tasks.lorenz63 import Lorenz63, Predict
from freerun.parts.tasks.text import UNKNOWN, Text
from freerun.random_streams import stream
from laws.broken import tasks as broken

LAWS = of("task", "tasks")
TASKS = variants("task")
CAUGHT = [
    (kit.law_pure, broken.GlobalChance),
    (kit.law_seeds_make_worlds, broken.ShortSeeds),
    (kit.law_seeds_make_worlds, broken.OneName),
    (kit.law_shapes_are_as_documented, broken.WrongShape),
    (kit.law_the_horizon_does_not_move_training, broken.MovesWithTheHorizon),
    (kit.law_splits_share_nothing, broken.OneSplit),
    (kit.law_splits_share_nothing, broken.SharesOneOrbit),
    (kit.law_oracle_is_a_distribution, broken.OracleSeesTheAnswer),
    (kit.law_oracle_is_a_distribution, broken.OracleIsUnnormalised),
    (kit.law_oracle_is_calibrated, broken.OracleForgets),
    (kit.law_the_true_step_has_the_derivative_of_its_differences, broken.TakesSizes),
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_law(law, task):
    law(task)


@pytest.mark.parametrize(("law", "task"), CAUGHT, ids=lambda x: x.__name__)
def test_law_catches(law, task):
    with pytest.raises(AssertionError):
        law(small(task))


def test_every_law_has_been_seen_to_fail():
    assert {law for law, _ in CAUGHT} == {law.function for law in LAWS}


def _two_flows(cls: type) -> tuple:
    """The same training orbits, other test and validation orbits."""

    def build(shift: float):
        class Shifted(cls):
            def orbits(self, noise, length):
                noise = noise.copy()
                noise[self.sequences :] += shift
                return super().orbits(noise, length)

        return Shifted(sequences=24, predict=Predict.increment, transient=0.0).build(0, 12)

    return build(0.0), build(0.5)


def _two_texts(cls: type, folder) -> tuple:
    head = "abcdefgh" * 30
    for name, tail in (("a", "abcd" * 15), ("b", "wxyz" * 15)):
        (folder / name).write_text(head + tail)
    return tuple(cls(path=str(folder / name), rare=1).build(0, 12) for name in "ab")


def test_the_test_part_does_not_touch_training(tmp_path):
    kit.law_training_is_the_same(*_two_flows(Lorenz63))
    kit.law_training_is_the_same(*_two_texts(Text, tmp_path))


@pytest.mark.parametrize("fault", [broken.ScalesByEverything, broken.AlphabetOfEverything])
def test_the_law_catches_a_leak_from_the_test_part(fault, tmp_path):
    worlds = _two_flows(fault) if issubclass(fault, Lorenz63) else _two_texts(fault, tmp_path)
    with pytest.raises(AssertionError):
        kit.law_training_is_the_same(*worlds)


def test_the_forward_recursion_equals_a_sum_over_all_hidden_paths():
    task = HiddenMarkov(states=3, alphabet_size=3, sequences=4)
    initial, transition, emission = task.matrices()

    def joint(seen: tuple[int, ...]) -> float:
        total = 0.0
        for path in itertools.product(range(3), repeat=len(seen)):
            moves = [initial[path[0]], *(transition[a, b] for a, b in itertools.pairwise(path))]
            total += math.prod(moves) * math.prod(emission[s, y] for s, y in zip(path, seen, strict=True))
        return total

    oracle = task.build(0, 4).oracle
    for prefix in itertools.product(range(3), repeat=4):
        found = oracle(torch.tensor(prefix)[:, None]).log_probs.exp()[:, 0]
        for t in range(4):
            base = joint(prefix[:t]) if t else 1.0
            wanted = [joint((*prefix[:t], k)) / base for k in range(3)]
            assert np.abs(found[t].numpy() - wanted).max() < CLOSE, f"prefix {prefix[:t]}"


def test_the_hidden_markov_source_starts_in_its_stationary_state():
    initial, transition, emission = HiddenMarkov().matrices()
    assert np.abs(initial @ transition - initial).max() < CLOSE
    for rows in (transition, emission):
        assert np.abs(rows.sum(1) - 1).max() < CLOSE
        assert (rows > 0).all()


def _walk(word: str) -> list[set[str]]:
    """The admissible letters after each prefix of an embedded Reber string, by walking the published graph by hand."""
    answers, inner, phase, choice = [], 0, "choice", ""
    for letter in [*word, ""]:
        allowed = {"choice": set("TP"), "inner": set(REBER.get(inner, {})), "same": {choice}, "end": {"E"}}.get(phase, set())
        answers.append(allowed)
        if letter not in allowed:
            phase = "outside"
        elif phase == "choice":
            choice, phase = letter, "inner"
        elif phase == "inner":
            inner = REBER[inner][letter]
            phase = "same" if inner == 7 else "inner"
        else:
            phase = "end" if phase == "same" else "ended"
    return answers


def test_the_reber_oracle_agrees_with_walking_the_graph():
    oracle = EmbeddedReber(sequences=2).build(0, 4).oracle
    letters = stream(0, "test").integers(0, len(LETTERS), (12, 300))
    good = EmbeddedReber(sequences=60).build(1, 12).splits["train"]
    spoiled = good.targets.clone()
    spoiled[5] = (spoiled[5] + 1) % len(LETTERS)
    for block in (torch.from_numpy(letters), good.targets, spoiled):
        truth = oracle(block)
        for n in range(block.shape[1]):
            word = "".join(LETTERS[k] for k in block[:, n])
            for t, allowed in enumerate(_walk(word)[: len(block)]):
                if truth.ended[t, n]:
                    break
                assert bool(truth.inside[t, n]) == bool(allowed), f"B{word[:t]}"
                wanted = [1 / len(allowed) if letter in allowed else 0.0 for letter in LETTERS]
                assert truth.log_probs[t, n].exp().tolist() == pytest.approx(wanted, abs=CLOSE), f"B{word[:t]}"


def test_every_reber_string_ends_as_it_began_and_a_spoiled_one_is_outside():
    part = EmbeddedReber(sequences=200).build(0, 40).splits["train"]
    ended = 0
    for n in range(200):
        word = "".join(LETTERS[k] for k, w in zip(part.targets[:, n], part.weights[:, n], strict=True) if w > 0)
        if word.endswith("E") and len(word) < 40:
            ended += 1
            assert word[-2] == word[0], f"B{word}"
            assert word[0] in "TP", f"B{word}"
    assert ended > 150
    oracle = EmbeddedReber(sequences=2).build(0, 4).oracle
    swapped = torch.tensor([[LETTERS.index(c)] for c in "TBPVVEPE"])  # began with T, came back with P
    assert oracle(swapped).inside[:, 0].tolist() == [True] * 7 + [False]


def test_halving_the_integration_step_of_lorenz63_changes_nothing_visible():
    """200 steps of .02 are 3.6 Lyapunov times: an error at the first step grows about 40-fold. Fourth order at a step of .004
    leaves below 1e-3 of the attractor's width (about 8); halving it gains a factor of 16."""
    noise = stream(0, "test").normal(size=(20, 3))
    start = Lorenz63().orbits(noise, 1)[0]
    inverse = (start - np.array([0.0, 0.0, 23.5])) / np.array([8.0, 9.0, 8.5])
    coarse, fine, finest = (Lorenz63(substeps=n, transient=0.0).orbits(inverse, 200) for n in (5, 10, 20))
    assert np.abs(coarse - fine).max() < 8e-3
    early = slice(1, 20)  # where no orbit has yet passed the saddle, which makes errors of any order large
    ratio = np.abs(coarse - fine)[early].mean() / np.abs(fine - finest)[early].mean()
    assert ratio == pytest.approx(16, rel=0.15)


def test_a_lorenz63_orbit_follows_its_equations():
    """Central differences are of second order: an error of dt^2 / 6 times a third derivative of a few ten thousand."""
    dt = 0.001
    x = Lorenz63(dt=dt, transient=0.5).orbits(stream(1, "test").normal(size=(5, 3)), 30)
    slope = (x[2:] - x[:-2]) / (2 * dt)
    a, b, c = x[1:-1, :, 0], x[1:-1, :, 1], x[1:-1, :, 2]
    wanted = np.stack([10 * (b - a), a * (28 - c) - b, a * b - 8 / 3 * c], -1)
    assert np.abs(slope - wanted).max() < 0.05


def test_the_lyapunov_time_of_lorenz63():
    assert Lorenz63().lyapunov_steps() == pytest.approx(55.2, abs=0.2)  # three standard errors of the exponent
    assert Lorenz63(dt=0.01).lyapunov_steps() == pytest.approx(110.4, abs=0.1)


def test_lorenz63_is_scaled_by_its_training_part_and_increments_have_unit_spread():
    data = Lorenz63(sequences=64, predict=Predict.increment).build(0, 30)
    part = data.splits["train"]
    whole = torch.cat([part.start[None], part.targets])
    assert whole.mean((0, 1)).abs().max() < 1e-4  # float32
    assert (whole.std((0, 1), correction=0) - 1).abs().max() < 1e-4
    scaled = whole.diff(dim=0) / data.residual
    assert (scaled.std((0, 1), correction=0) - 1).abs().max() < 1e-4
    assert Lorenz63(sequences=4).build(0, 3).residual is None


def test_text_windows_never_cross_a_split(tmp_path):
    """In a text whose characters are all different, a character tells its position."""
    file = tmp_path / "text"
    file.write_text("".join(chr(0x4E00 + i) for i in range(1000)), encoding="utf-8")
    task = Text(path=str(file), rare=1)
    with mock.patch.object(Text, "_alphabet", lambda self, text: (UNKNOWN, *sorted(self.read()))):
        data = task.build(0, 10)
    seen = {name: {*part.targets.flatten().tolist(), *part.start.tolist()} for name, part in data.splits.items()}
    assert seen["train"] == set(range(1, 801))
    assert seen["validation"] == set(range(801, 901))
    assert seen["test"] == set(range(901, 1001))
    first = data.splits["test"].take(torch.tensor([0]), 10)
    assert [first.start[0].item(), *first.targets[:, 0].tolist()] == list(range(901, 912))


def test_the_alphabet_is_that_of_the_training_part_and_the_rest_is_unknown(tmp_path):
    file = tmp_path / "text"
    file.write_text("aabb" * 100 + "c" + "aabbz" * 20, encoding="utf-8")
    data = Text(path=str(file), rare=2).build(0, 5)
    assert data.alphabet == (UNKNOWN, "a", "b")
    assert set(data.splits["test"].targets.unique().tolist()) == {0, 1, 2}
    assert Text().build(0, 5).outputs > 50


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file"), (b"", "empty"), (b"abc\xff\xfe", "not UTF-8 at byte 3")],
    ids=["missing", "empty", "bytes"],
)
def test_an_unreadable_text_is_refused(tmp_path, content, reason):
    file = tmp_path / "text"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=reason):
        Text(path=str(file))
    with pytest.raises(ConfigError):
        Text(path=str(tmp_path))


def test_a_text_that_is_too_short_is_refused(tmp_path):
    file = tmp_path / "text"
    file.write_text("a" * 100)
    with pytest.raises(ConfigError, match="shortest split"):
        Text(path=str(file)).build(0, 10)


def test_answering_1_to_the_adding_problem_scores_a_sixth():
    """The variance of a sum of two uniform numbers; 5 standard errors of 20,000 squared deviations (variance 7/180)."""
    part = Adding(sequences=20_000).build(0, 20).splits["train"]
    error = float((part.targets.double() - 1).square().mean())
    assert abs(error - 1 / 6) < 5 * math.sqrt(7 / 180 / 20_000)


def test_the_answer_of_the_adding_problem_is_the_sum_of_the_marked_numbers():
    part = Adding(sequences=50).build(0, 9).splits["train"]
    numbers, marks = part.inputs.double().unbind(-1)
    assert torch.equal(marks.sum(0), torch.full((50,), 2.0).double())
    assert torch.equal(marks[:4].sum(0), torch.ones(50).double())
    assert ((numbers * marks).sum(0) - part.targets[0, :, 0]).abs().max() < 1e-6  # float32
