"""Tests of the sources with an exact law: it is the law that is written down, for every prefix there is."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from freerun import GRU, Experiment
from freerun.config.evaluation_settings import Evaluation
from freerun.config.hydra.compose import experiments
from freerun.config.run_identity import canonical, from_canonical, identity
from freerun.errors import ConfigError
from freerun.laws import tasks as kit
from freerun.laws.toolkit import CLOSE
from freerun.parts.tasks._automata import AutomatonOracle, BranchingOracle
from freerun.parts.tasks._reber import LETTERS, REBER
from freerun.parts.tasks.automaton import EXAMPLE, Automaton
from freerun.parts.tasks.embedded_reber import EmbeddedReber
from freerun.parts.tasks.hidden_markov import HiddenMarkov
from freerun.parts.tasks.markov import TOLERANCE, Markov
from freerun.parts.tasks.reber import Reber
from freerun.parts.tasks.two_step import TwoStep
from freerun.random_streams import stream

THREE = [[0.9, 0.09, 0.01], [0.45, 0.5, 0.05], [1 / 3, 1 / 3, 1 / 3]]
PAIRS = [[0.5, 0.5], [0.9, 0.1], [0.2, 0.8], [0.0, 1.0]]  # order 2; after 11 always a 1
BRANCHING = "0 a 0 0.3, 0 a 1, 0 b 1 0.5, 1 b 0 0.25, 1 a 2 0.25, 1 c end, 2 b 1, 2 c end 0.125"


def every(size: int, steps: int) -> torch.Tensor:
    """All sequences there are, one a column."""
    return torch.tensor(list(itertools.product(range(size), repeat=steps))).T


def joint(oracle, block: torch.Tensor) -> torch.Tensor:
    """P(sequence) of every column, as the oracle says; a sequence that is over has no more factors."""
    truth = oracle(block)
    steps = truth.log_probs.gather(-1, block[..., None]).squeeze(-1)
    return torch.where(truth.ended, 0.0, steps).sum(0).exp()


def by_hand(task: Markov, first: list[float], sequence: tuple[int, ...]) -> float:
    """P(sequence): the first context's probability, summed over what the sequence leaves open, then row after row."""
    size, order, rows = task.alphabet_size, task.order, task.probabilities().tolist()
    if task.start is not None:
        sequence, begin = (*[task.start] * order, *sequence), 1.0
    else:
        contexts = list(itertools.product(range(size), repeat=order))
        known = sequence[:order]
        begin = math.fsum(p for p, context in zip(first, contexts, strict=True) if context[: len(known)] == known)
    for t in range(order, len(sequence)):
        row = 0
        for symbol in sequence[t - order : t]:
            row = row * size + symbol
        begin *= rows[row][sequence[t]]
    return begin


SOURCES = {
    "given": Markov(matrix=THREE),
    "started": Markov(matrix=THREE, start=2),
    "began": Markov(matrix=THREE, initial=[0, 0.25, 0.75]),
    "zeros": Markov(matrix=[[0, 1, 0], [0.5, 0, 0.5], [0, 1, 0]]),
    "second": Markov(matrix=PAIRS, initial=[0.5, 0, 0.5, 0]),
    "second-started": Markov(matrix=PAIRS, start=0),
    "drawn": Markov(order=2, alphabet_size=3),
    "third": Markov(order=3, alphabet_size=2, world=5, concentration=2.0),
    "none": Markov(order=0, alphabet_size=3),
}


@pytest.mark.parametrize("name", SOURCES)
def test_a_markov_oracle_multiplies_to_the_product_of_its_rows(name):
    task = SOURCES[name]
    oracle, first = task.build(0, 4).oracle, task.beginning().tolist() if task.start is None else []
    for steps in range(1, 6):
        block = every(task.alphabet_size, steps)
        wanted = torch.tensor([by_hand(task, first, tuple(column)) for column in block.T.tolist()], dtype=torch.float64)
        assert (joint(oracle, block) - wanted).abs().max() < CLOSE
        assert wanted.sum() == pytest.approx(1, abs=CLOSE)
        truth = oracle(block)
        assert not truth.ended.any()
        before = torch.tensor([by_hand(task, first, tuple(column)[:-1]) for column in block.T.tolist()])
        assert torch.equal(truth.inside[-1], before > 0), "inside means that the prefix is possible"


@pytest.mark.parametrize("name", ["given", "zeros", "drawn", "third", "none"])
def test_a_stationary_source_looks_the_same_at_every_step(name):
    task = SOURCES[name]
    order, size = task.order, task.alphabet_size
    steps = order + 3
    chances = joint(task.build(0, 4).oracle, every(size, steps)).reshape((size,) * steps)
    found = [chances.sum([d for d in range(steps) if not t <= d < t + order]).flatten() for t in range(4)]
    for window in found:
        assert (window - found[0]).abs().max() < CLOSE
        assert (window - torch.from_numpy(task.beginning())).abs().max() < CLOSE


@pytest.mark.parametrize(
    ("matrix", "wanted"),
    [
        ([[0.7, 0.3], [0.1, 0.9]], [0.25, 0.75]),
        ([[0, 1], [1, 0]], [0.5, 0.5]),
        ([[1, 0], [0.5, 0.5]], [1, 0]),
        ([[0.5, 0.25, 0.25], [0, 0, 1], [0, 0.5, 0.5]], [0, 1 / 3, 2 / 3]),
        (THREE, [100 / 123, 20 / 123, 3 / 123]),
        (PAIRS, [0, 0, 0, 1]),
    ],
    ids=["two", "periodic", "absorbed", "transient", "three", "second order"],
)
def test_the_stationary_distribution_has_its_closed_form(matrix, wanted):
    found = Markov(matrix=matrix).beginning()
    assert found == pytest.approx(wanted, abs=CLOSE)
    assert ((found == 0) == (np.array(wanted) == 0)).all(), "what is never returned to has probability 0, not 1e-17"


@pytest.mark.parametrize(("order", "size"), [(1, 7), (2, 4), (5, 2), (3, 6)])
def test_a_drawn_source_begins_in_the_leading_eigenvector_of_its_contexts(order, size):
    task = Markov(order=order, alphabet_size=size, world=3)
    probs = task.probabilities()
    chain = np.zeros((size**order, size**order))
    for context in itertools.product(range(size), repeat=order):
        for symbol in range(size):
            row, column = (int(np.ravel_multi_index(c, (size,) * order)) for c in (context, (*context[1:], symbol)))
            chain[row, column] += probs[row, symbol]
    values, vectors = np.linalg.eig(chain.T)
    vector = vectors[:, np.abs(values - 1).argmin()].real
    assert task.beginning() == pytest.approx(vector / vector.sum(), abs=1e-10)  # the eigenvector's own error


def test_the_orders_of_a_matrix_follow_from_its_rows():
    assert (Markov(matrix=PAIRS).order, Markov(matrix=PAIRS).alphabet_size) == (2, 2)
    assert Markov(matrix=[[0.25, 0.75]]).order == 0
    assert Markov(matrix=THREE).order == 1
    assert (Markov().order, Markov().alphabet_size) == (1, 4)


def test_symbols_of_a_given_source_come_as_often_as_its_rows_say():
    part = Markov(matrix=THREE, sequences=4000).build(0, 20).splits["train"]
    pairs = torch.stack([part.targets[:-1].flatten(), part.targets[1:].flatten()])
    for row, probs in enumerate(THREE):
        seen = pairs[1][pairs[0] == row]
        for symbol, p in enumerate(probs):
            assert abs(float((seen == symbol).double().mean()) - p) < 5 * math.sqrt(p * (1 - p) / len(seen))
    assert (part.start == -1).all()
    assert (Markov(matrix=THREE, start=1, sequences=4).build(0, 5).splits["test"].start == 1).all()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"matrix": [[1, 0], [0, 1]]}, "one stationary distribution"),
        ({"matrix": [[1, 0], [0.5]]}, "equally many"),
        ({"matrix": [0.5, 0.5]}, "equally many"),
        ({"matrix": []}, "equally many"),
        ({"matrix": [[0.5, 0.5 + 2 * TOLERANCE], [0, 1]]}, r"matrix\[0\] must sum to 1 within 1e-05"),
        ({"matrix": [[0, 1], [-0.5, 1.5]]}, r"matrix\[1\] must not hold a negative"),
        ({"matrix": [[0.5, 0.5]] * 3}, r"2\*\*order rows"),
        ({"matrix": THREE, "order": 2}, "null or 1"),
        ({"matrix": THREE, "alphabet_size": 4}, "null or 3"),
        ({"matrix": THREE, "world": 0}, "null beside a matrix"),
        ({"matrix": THREE, "world_by_seed": True}, "false beside a matrix"),
        ({"matrix": THREE, "concentration": 0.3}, "null beside a matrix"),
        ({"matrix": THREE, "start": 3}, "from 0 to 2"),
        ({"matrix": THREE, "start": 0, "initial": [1, 0, 0]}, "null where initial"),
        ({"initial": [0.5, 0.5]}, "4 probabilities"),
        ({"initial": [0.5, 0.5, 0.5, 0]}, "sum to 1"),
        ({"order": 6}, "1024 contexts"),
        ({"order": 10**9}, "1024 contexts"),
        ({"order": -1}, "not be negative"),
        ({"alphabet_size": 1}, "at least 2"),
        ({"concentration": 0.0}, "(0, 1e6]"),
    ],
    ids=str,
)
def test_what_is_no_markov_source_is_refused(settings, says):
    with pytest.raises(ConfigError, match=says.replace("(0", r"\(0").replace("6]", r"6\]")) as caught:
        Markov(**settings)
    assert len(str(caught.value)) <= 200
    assert "\n" not in str(caught.value)


def test_rows_with_six_decimals_are_rescaled():
    task = Markov(matrix=[[0.333333, 0.333333, 0.333333]] * 3)
    assert task.probabilities() == pytest.approx(np.full((3, 3), 1 / 3), abs=CLOSE)
    assert task.matrix == [[0.333333] * 3] * 3, "the setting stays what was written"


@pytest.mark.parametrize(("a", "p0", "p1"), [(0.5, 0.1, 0.9), (0.3, 0.2, 0.7), (1.0, 0.5, 0.25), (0.0, 0.0, 1.0)])
def test_two_step_is_its_closed_form(a, p0, p1):
    oracle = TwoStep(a=a, p0=p0, p1=p1, sequences=2).build(0, 2).oracle
    wanted = {(0, 0): (1 - a) * (1 - p0), (0, 1): (1 - a) * p0, (1, 0): a * (1 - p1), (1, 1): a * p1}
    block = every(2, 2)
    assert joint(oracle, block).tolist() == pytest.approx([wanted[tuple(x)] for x in block.T.tolist()], abs=CLOSE)
    second = oracle(block).log_probs[1].exp()[:, 1].tolist()
    possible = oracle(block).inside[1].tolist()
    for x, q, inside in zip(block.T.tolist(), second, possible, strict=True):
        assert inside == ((1 - a, a)[x[0]] > 0)
        assert not inside or q == pytest.approx((p0, p1)[x[0]], abs=CLOSE)
    longer = oracle(every(2, 4))
    assert not longer.ended[:2].any()
    assert (longer.ended | ~longer.inside)[2:].all(), "after two symbols it is over, if they were possible"


def test_two_step_has_two_steps():
    assert TwoStep().length == TwoStep(length=2).length == 2
    one, other = (identity(canonical(Experiment(task=TwoStep(length=n), model=GRU()))) for n in (0, 2))
    assert one == other
    for wrong in (1, 3, -1):
        with pytest.raises(ConfigError, match="length must be 2, or 0"):
            TwoStep(length=wrong)
    with pytest.raises(ConfigError, match="has 2 steps, 3 were asked for"):
        Experiment(task=TwoStep(), model=GRU(), evaluation=Evaluation(horizon=3))
    experiment = Experiment(task=TwoStep(), model=GRU())
    assert experiment.span == (0, 2)
    assert TwoStep(sequences=4).build(0, 2).splits["train"].targets.shape == (2, 4)
    with pytest.raises(ConfigError):
        TwoStep().build(0, 3)


def _paths(text: str) -> dict[str, list[tuple[str, str, float]]]:
    """The transitions of a text by state, read by hand; what has no probability shares what is left."""
    rows = [piece.split() for piece in text.split(",")]
    found: dict[str, list[tuple[str, str, float]]] = {}
    for state in dict.fromkeys(row[0] for row in rows):
        own = [row for row in rows if row[0] == state]
        left = 1 - sum(float(row[3]) for row in own if len(row) == 4)
        share = left / max(1, sum(len(row) == 3 for row in own))
        found[state] = [(row[1], row[2], float(row[3]) if len(row) == 4 else share) for row in own]
    return found


def _chances(text: str, word: tuple[str, ...]) -> tuple[float, float]:
    """P(a string begins with `word`) and, of that, P(it is over), summed over all paths."""
    paths, first = _paths(text), text.split()[0]
    here = {first: 1.0}
    for letter in word:
        after: dict[str, float] = {}
        for state, p in here.items():
            for spelt, following, q in paths.get(state, []):
                if spelt == letter:
                    after[following] = after.get(following, 0.0) + p * q
        here = after
    return sum(here.values()), sum(p for state, p in here.items() if state not in paths)


@pytest.mark.parametrize(
    "text",
    [EXAMPLE, BRANCHING, "0 B 1, 1 T 2, 1 P 3 0.4, 2 E 4, 3 E 4", "x 1 y, x 0 x, y 0 x"],
    ids=["example", "branching", "brief", "golden mean"],
)
def test_an_automaton_equals_a_sum_over_all_its_paths(text):
    data = Automaton(transitions=text, sequences=2).build(0, 4)
    size = len(data.alphabet)
    for steps in range(1, 6):
        block = every(size, steps)
        truth = data.oracle(block)
        for n, column in enumerate(block.T.tolist()):
            word = tuple(data.alphabet[k] for k in column)
            before, over = _chances(text, word[:-1])
            live = any(_chances(text, word[:t])[1] > 0 for t in range(steps))
            assert bool(truth.ended[-1, n]) == live, word
            if live:
                continue
            assert over == 0
            assert bool(truth.inside[-1, n]) == (before > 0), word
            if before > 0:
                wanted = [_chances(text, (*word[:-1], letter))[0] / before for letter in data.alphabet]
                assert truth.log_probs[-1, n].exp().tolist() == pytest.approx(wanted, abs=CLOSE), word


def test_both_oracles_of_an_automaton_agree_where_letters_determine_states():
    machine, _ = Automaton().source()
    size = machine.probs.shape[1]
    same = replace(machine, letters=np.broadcast_to(np.arange(size), machine.probs.shape))
    assert isinstance(machine.oracle(), AutomatonOracle)
    assert isinstance(same.oracle(), BranchingOracle)
    block = every(size, 6)
    one, other = machine.oracle()(block), same.oracle()(block)
    assert torch.equal(one.ended, other.ended)
    assert torch.equal(one.inside, other.inside)
    assert (one.log_probs.exp() - other.log_probs.exp()).abs().max() < CLOSE
    a, b = (each.draw(stream(0, "test"), 12, 50) for each in (machine, same))
    assert torch.equal(a.targets, b.targets)


@pytest.mark.parametrize("task", [Automaton(transitions=BRANCHING, sequences=200, length=12)], ids=["branching"])
@pytest.mark.parametrize("law", [law for name, law in vars(kit).items() if name in {
    "law_pure", "law_shapes_are_as_documented", "law_the_horizon_does_not_move_training", "law_splits_share_nothing",
    "law_oracle_is_a_distribution", "law_oracle_is_calibrated",
}], ids=lambda law: law.__name__)  # fmt: skip
def test_an_automaton_with_branching_letters_keeps_the_laws(task, law):
    law(task)


class Even(Automaton):
    """An automaton whose oracle takes all branches for equally likely."""

    def build(self, seed, length):
        data = super().build(seed, length)
        return replace(data, oracle=Automaton(transitions="even a even, even b odd, odd b even, even . end").build(0, 2).oracle)


def test_an_oracle_that_forgets_the_probabilities_is_caught():
    with pytest.raises(AssertionError):
        kit.law_oracle_is_calibrated(Even(sequences=400))


def test_reber_given_as_transitions_is_reber():
    text = ", ".join(f"{a} {letter} {b}" for a, moves in REBER.items() for letter, b in moves.items())
    data, built = Automaton(transitions=text, sequences=2).build(0, 2), Reber(sequences=2).build(0, 2)
    letters = stream(0, "test").integers(0, len(LETTERS), (8, 2000))
    letters[:, :500] = Reber(sequences=500).build(1, 8).splits["train"].targets
    block = torch.from_numpy(letters)
    renamed = torch.tensor([data.alphabet.index(letter) for letter in LETTERS])
    begun = torch.cat([torch.full((1, 2000), data.alphabet.index("B")), renamed[block]])
    one, other = built.oracle(block), data.oracle(begun)
    assert torch.equal(one.inside[1:], other.inside[2:])
    assert torch.equal(one.ended[1:], other.ended[2:])
    assert torch.equal(one.log_probs, other.log_probs[1:][..., renamed])
    assert one.inside[-1].sum() > 500 > one.ended[-1].sum() > 50


def test_reber_strings_end_with_the_probability_of_their_paths():
    """The shortest string, BTXSE, has four branches, and all strings of up to 20 letters have 0.9994 of the probability."""
    part = Reber(sequences=4000).build(0, 20).splits["train"]
    lengths = part.weights.sum(0)
    ended = part.targets[-1] == LETTERS.index("E")
    wanted: dict[int, float] = {}
    here = {1: 1.0}
    for step in range(1, 21):
        after: dict[int, float] = {}
        for state, p in here.items():
            for following in REBER[state].values():
                after[following] = after.get(following, 0.0) + p / len(REBER[state])
        wanted[step] = after.pop(7, 0.0)
        here = after
    assert min(step for step, p in wanted.items() if p > 0) == 4
    assert wanted[4] == 2 * 0.5**3
    for step, p in wanted.items():
        assert abs(float(((lengths == step) & ended).double().mean()) - p) < 5 * math.sqrt(p * (1 - p) / 4000) + 1e-12, step
    assert (part.targets[part.weights == 0] == LETTERS.index("E")).all()


def test_the_last_two_letters_say_where_reber_stands():
    """Which is why it is a control: no memory beyond an order-2 source is needed."""
    machine = Reber(sequences=2).build(0, 2).oracle
    part = Reber(sequences=3000).build(0, 20).splits["train"]
    states, seen = machine.states(part.targets), part.weights > 0
    where: dict[tuple[int, int], set[int]] = {}
    fed = torch.cat([part.start[None], part.targets])
    for t in range(1, 20):
        for n in torch.nonzero(seen[t]).flatten().tolist():
            where.setdefault((int(fed[t - 1, n]), int(fed[t, n])), set()).add(int(states[t, n]))
    assert all(len(states) == 1 for states in where.values())


def test_the_strings_of_the_embedded_grammar_are_what_they_were():
    """The first study's data: SHA-256 over all splits at the default settings."""
    recorded = {0: "e48d9856cd20fd0036fa5b22ca7fa7057de9eda9376c52f3737d4b251dbd424c",
                1: "fbb46395f7c5f721c3011806d16f67c9086f229e2e670f6d6688e565dd9a3246"}  # fmt: skip
    for seed, wanted in recorded.items():
        assert EmbeddedReber().build(seed, 25).fingerprint == wanted


def test_padding_repeats_the_letter_that_ended_a_string():
    data = Automaton(transitions="0 a 0, 0 x end 0.2, 0 y end 0.2", sequences=100).build(0, 12)
    part = data.splits["train"]
    for n in range(100):
        word, counts = part.targets[:, n].tolist(), part.weights[:, n].tolist()
        size = int(sum(counts))
        assert counts == [1.0] * size + [0.0] * (12 - size)
        if size < 12:
            assert data.alphabet[word[size - 1]] in ("x", "y")
            assert set(word[size - 1 :]) == {word[size - 1]}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "at least one transition"),
        ("# only a comment", "at least one transition"),
        ("0 a 1, 0 a", "transition 2 '0 a': must be FROM LETTER TO"),
        ("0 a 1 0.5 x", "got 5 words"),
        ("0 a 0, 0 b 0 many", "transition 2 '0 b 0 many': the probability"),
        ("0 a 0, 0 b 0 nan", "the probability must be a number in"),
        ("0 a 0, 0 b 0 0", "leave it out"),
        ("0 a 0, 0 b 0 1.5", "the probability must be a number in"),
        ("0 a 0, 0 b 0 1", "leave nothing for 1 other"),
        ("0 a 0 0.5, 0 b 0 0.6", "must sum to 1 within 1e-05, got 1.1"),
        ("0 a 0 0.6, 0 b 0 0.6, 0 c 0", "sum to 1.2"),
        ("0 a 0, 1 b 0", "state '1' is never reached"),
        ("0 a 0", "at least 2 letters"),
        ("0 a 1, 0 a 1, 1 b 0", "the same transition as transition 1"),
        ("0 a 1, 0 a 2, 2 b 0", "the same string can be over"),
        ("0 a 0, 0 b " + "x" * 40, "at most 32 characters"),
    ],
)
def test_what_is_no_automaton_is_refused_with_its_place(text, says):
    with pytest.raises(ConfigError, match=says) as caught:
        Automaton(transitions=text)
    assert len(str(caught.value)) <= 200
    assert "\n" not in str(caught.value)


def test_one_automaton_written_in_two_ways_is_one_run():
    ways = ("0 a 0, 0 b 1 0.50, 1 b 0", "# b in pairs\n0   a 0 | 0 b 1 .5\n1 b 0\n")
    one, other = (identity(canonical(Experiment(task=Automaton(transitions=way), model=GRU()))) for way in ways)
    assert one == other
    assert Automaton(transitions=ways[1]).transitions == "0 a 0, 0 b 1 0.5, 1 b 0"


def test_an_automaton_in_a_file_is_known_by_what_the_file_holds(tmp_path):
    file = tmp_path / "even.txt"
    file.write_text("# b in pairs\n" + EXAMPLE.replace(", ", "\n"))
    task = Automaton(file=str(file), sequences=50)
    assert task.build(0, 12).fingerprint == Automaton(sequences=50).build(0, 12).fingerprint
    tree = canonical(Experiment(task=task, model=GRU()))
    assert len(tree["task"]["content"]) == 64
    assert from_canonical(tree).task == task
    file.write_text(EXAMPLE.replace("0.1", "0.2"))
    with pytest.raises(ConfigError, match="changed"):
        from_canonical(tree)
    file.write_text("0 a 0\n\n0 b\n")
    with pytest.raises(ConfigError, match=r"even.txt: line 3 '0 b'"):
        Automaton(file=str(file))
    file.write_bytes(b"0 a 0\xff")
    with pytest.raises(ConfigError, match="not UTF-8 at byte 5"):
        Automaton(file=str(file))
    with pytest.raises(ConfigError, match="No such file"):
        Automaton(file=str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="null where a file"):
        Automaton(file=str(file), transitions=EXAMPLE)


def test_presets_are_sources():
    (three,), (golden,) = (experiments([f"task={name}"], sweep=False) for name in ("markov_three", "golden_mean"))
    assert (three.task.matrix, three.task.start) == (THREE, 0)
    part = golden.task.build(0, 25).splits["train"]
    assert not (part.targets[1:] & part.targets[:-1]).any()
    assert part.weights.min() == 1


class OracleOfAnother(HiddenMarkov):
    """Every seed has a source of its own, and the oracle of the first."""

    def build(self, seed, length):
        return replace(super().build(seed, length), oracle=super().build(0, length).oracle)


def law_every_seed_has_its_own_oracle(task):
    """What a seed drew is likelier by its own oracle than by that of another seed."""
    data = [task.build(seed, 20) for seed in (0, 1)]
    for seed in (0, 1):
        drawn = data[seed].splits["test"].targets
        own, other = (each.oracle(drawn).log_probs.gather(-1, drawn[..., None]).mean() for each in (data[seed], data[1 - seed]))
        assert own > other + 0.1
        again = task.build(seed, 20)
        assert torch.equal(again.splits["test"].targets, drawn)


@pytest.mark.parametrize("task", [HiddenMarkov(sequences=64, world_by_seed=True), Markov(sequences=64, world_by_seed=True)])
def test_with_a_world_for_every_seed_each_has_its_own_oracle(task):
    law_every_seed_has_its_own_oracle(task)


@pytest.mark.parametrize("task", [HiddenMarkov(sequences=64), OracleOfAnother(sequences=64, world_by_seed=True)])
def test_one_source_for_all_and_an_oracle_of_another_are_caught(task):
    with pytest.raises(AssertionError):
        law_every_seed_has_its_own_oracle(task)
