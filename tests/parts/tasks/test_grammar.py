"""Tests of grammars: the exact next letter is that of all derivations, strings end, and what is no grammar is refused."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict

import numpy as np
import pytest
import torch

from freerun.errors import ConfigError
from freerun.laws.toolkit import CLOSE
from freerun.parts.tasks import _grammar_oracle
from freerun.parts.tasks._grammar_oracle import GrammarOracle
from freerun.parts.tasks._grammar_rules import END, rules
from freerun.parts.tasks._grammar_tables import inverse, tables
from freerun.parts.tasks.grammar import Grammar

#: Left recursion, ambiguity, chains of single symbols, symbols that write nothing, and words that are shared.
GRAMMARS = {
    "nested": "S -> a S b [0.3] | c",
    "mirror": "S -> a S a [0.15] | b S b [0.15] | a | b",
    "left": "S -> S a [0.3] | b",
    "ambiguous": "S -> S S [0.2] | a [0.5] | b",
    "chains": "S -> A [0.6] | B c, A -> B [0.3] | a, B -> A [0.2] | S b [0.1] | b",
    "nothing": "S -> A B A [0.4] | B, A -> [0.3] | a | B [0.2], B -> b [0.6] | A A [0.1] | ",
    "brackets": "S -> ( S ) S [0.1] | < S > S [0.08] | ",
}
#: Derivations that are less probable than this are left out of the sums below; their share is less than `LOST`.
LEAST, LOST = 1e-7, 3e-3


def derived(source) -> dict[tuple[str, ...], float]:
    """The probabilities of strings, of all leftmost derivations but the least probable."""
    start, *_ = source.symbols
    found, todo = defaultdict(float), [((), (start,), 1.0)]
    while todo:
        written, left, chance = todo.pop()
        while left and left[0] not in source.symbols:
            written, left = (*written, left[0]), left[1:]
        if not left:
            found[(*written, END)] += chance
            continue
        for share, right in source.symbols[left[0]]:
            if chance * share > LEAST:
                todo.append((written, right + left[1:], chance * share))
    return found


@pytest.mark.parametrize("name", GRAMMARS)
def test_the_next_letter_is_that_of_all_derivations(name):
    """Probabilities of all prefixes of up to four letters, to what the derivations that are left out have together."""
    source = rules(GRAMMARS[name], "rules", lines=False)
    strings = derived(source)
    lost = 1 - math.fsum(strings.values())
    assert 0 <= lost < LOST
    letters = (*source.letters, END)
    prefixes = defaultdict(float)
    for string, chance in strings.items():
        for end in range(5):
            prefixes[string[:end]] += chance if end <= len(string) else 0
    block = torch.tensor(list(itertools.product(range(len(letters)), repeat=4))).T
    truth = GrammarOracle(tables(source))(block)
    joint = torch.where(truth.ended, 0.0, truth.log_probs.gather(-1, block[..., None]).squeeze(-1)).cumsum(0).exp()
    for n, column in enumerate(block.T.tolist()):
        words = tuple(letters[k] for k in column)
        size = words.index(END) + 1 if END in words else 4
        wanted = prefixes.get(words[:size], 0.0)
        assert wanted - CLOSE <= joint[size - 1, n] <= wanted + lost, (words, wanted)
        possible = [prefixes.get(words[:t], 0.0) > 0 for t in range(size)]
        assert truth.inside[:size, n].tolist() == possible
        assert truth.ended[:, n].tolist() == [t >= size for t in range(4)] if END in words else not truth.ended[:, n].any()


def test_an_ambiguous_grammar_counts_its_trees():
    """S -> S S | a (Stolcke 1995, section 4.5): a string of n letters has as many trees as the (n - 1)th Catalan number."""
    q = 0.3
    oracle = GrammarOracle(tables(rules(f"S -> S S [{q}] | a", "rules", lines=False)))
    whole = [math.comb(2 * n - 2, n - 1) / n * (1 - q) ** n * q ** (n - 1) for n in range(1, 40)]
    truth = oracle(torch.zeros(40, 1, dtype=torch.int64))
    over = truth.log_probs[1:, 0, 1].exp()
    left = np.array([1 - math.fsum(whole[:n]) for n in range(39)])
    assert np.abs(over.numpy()[:30] - (np.array(whole) / left)[:30]).max() < 1e-9


def test_a_long_prefix_keeps_its_digits():
    """After 130 letters of probability 1/400 each a number of double precision would be 0."""
    written = " | ".join(f"l{k}" for k in range(400))
    oracle = GrammarOracle(tables(rules(f"S -> L S [0.99] | L, L -> {written}", "rules", lines=False)))
    truth = oracle(torch.arange(130)[:, None])
    assert truth.inside.all()
    assert truth.log_probs[-1, 0].exp().tolist() == pytest.approx([0.99 / 400] * 400 + [0.01])


def test_a_prefix_that_goes_on_is_answered_as_if_it_were_new():
    """Bit for bit, whatever was asked before: longer, shorter, other letters, other sequences; in slabs too."""
    data = Grammar(sequences=40).build(0, 12)
    prefix = data.splits["test"].targets
    other = prefix.clone()
    other[5:] = prefix[5:].flip(1)
    for asked in (prefix[:3], prefix[:4], prefix, prefix[:7], other, prefix[:, :6], other):
        fresh, kept = GrammarOracle(data.oracle.grammar)(asked), data.oracle(asked)
        for a, b in ((fresh.log_probs, kept.log_probs), (fresh.inside, kept.inside), (fresh.ended, kept.ended)):
            assert torch.equal(a, b)


def test_many_sequences_are_answered_in_slabs(monkeypatch):
    data = Grammar(sequences=40).build(0, 12)
    prefix = data.splits["test"].targets
    whole = GrammarOracle(data.oracle.grammar)(prefix)
    monkeypatch.setattr(_grammar_oracle, "NUMBERS", 7 * 12 * 12 * len(data.oracle.grammar.nothing))
    for _ in range(2):
        parts = data.oracle(prefix)
        assert (parts.log_probs.exp() - whole.log_probs.exp()).abs().max() < CLOSE
        assert torch.equal(parts.inside, whole.inside)
        assert torch.equal(parts.ended, whole.ended)


def test_paths_of_a_matrix_are_summed():
    matrix = np.array([[0.1, 0.5, 0.0], [0.2, 0.0, 0.3], [0.0, 0.0, 0.6]])
    assert np.abs(inverse(matrix) - np.linalg.inv(np.eye(3) - matrix)).max() < CLOSE
    assert inverse(matrix)[2, 0] == 0


def test_the_default_grammar_needs_a_stack():
    """The verb that must come is that of the last open noun, whatever was closed between; no number of last words says it."""
    data = Grammar(sequences=20).build(0, 20)
    place = {word: number for number, word in enumerate(data.alphabet)}
    for noun, own, outer, verb in (("dog", "chases", "dogs", "run"), ("dogs", "chase", "dog", "runs")):
        for depth in (1, 3, 5):
            words = [outer, "that", *[noun, "that"] * (depth - 1), noun, *[own] * depth, verb, END]
            prefix = torch.tensor([place[word] for word in words])[:, None]
            chance = data.oracle(prefix).log_probs[:, 0].exp()
            assert chance[-2, place[verb]] == 1
            assert chance[-1, place[END]] == 1


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("S -> S S [0.5] | a", "largest eigenvalue .* is 1, not below 1"),
        ("S -> A a, A -> b A", "largest eigenvalue .* is 1"),
        ("S -> A, A -> S [0.999] | B, B -> A | A a [0.9]", "largest eigenvalue"),
        ("S -> a [0.5] | b [0.4]", "the probabilities of 'S' must sum to 1"),
        ("S -> a [1.0] | b", "leave nothing"),
        ("S -> a [2]", r"a number in \(0, 1\] in brackets"),
        ("S -> a [x] | b", r"a number in \(0, 1\] in brackets"),
        ("S -> a, T -> b", "'T' is never reached"),
        ("S T -> a", "must be SYMBOL -> WORDS"),
        ("S -> a -> b", "must be SYMBOL -> WORDS"),
        ("S a", "must be SYMBOL -> WORDS"),
        ("", "at least one rule"),
        ("S -> a | b, S -> a", "'a' is there already, in rule 1"),
        ("S -> a .", "'.' is the letter that says that a string is over"),
        ("S -> A [0.5] | , A -> ", "at least one letter"),
        (f"S -> {'a ' * 600}", "600 words on the right of arrows"),
        ("S -> [0.5] a", "without brackets"),
    ],
)
def test_what_is_no_grammar_is_refused(text, rule):
    with pytest.raises(ConfigError, match=rf"task\.rules.*{rule}"):
        Grammar(rules=text)


def test_rules_have_one_spelling_and_a_file_holds_them_too(tmp_path):
    written = Grammar(rules="S -> a  S b [.3]|c, S->d [0.2]\n# a comment, S -> e\nS ->")
    assert written.rules == "S -> a S b [0.3] | c | d [0.2] | "
    assert Grammar(rules=written.rules).rules == written.rules
    file = tmp_path / "own.txt"
    file.write_text("# nested\nS -> a S b [0.3]\nS -> c | d [0.2] |\n", encoding="utf-8")
    own = Grammar(file=str(file), sequences=20)
    assert own.source() == written.source()
    assert own.content() is not None
    file.write_text("S -> b\n\nS -> a [7]\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"line 3 'S -> a \[7\]'"):
        own.source()
