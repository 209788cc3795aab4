"""Exact distribution of the next letter of a probabilistic context-free grammar, after any prefix.

Symbols are rewritten to two symbols, one symbol, one letter or nothing. With what can be nothing taken out, two sums over the
letters w_1 .. w_j that were read say all:

    inner    I_ij(A) = P(A writes w_i+1 .. w_j)
    expected E_j(A)  = the sum over all leftmost derivations of w_1 .. w_j after which A comes next, of their probabilities

which are the inner and forward probabilities of Stolcke (1995, "An efficient probabilistic context-free parsing algorithm that
computes prefix probabilities", Computational Linguistics 21, 165, section 4), with the sums over chains of left corners and of
single symbols in closed form, as there and in Jelinek & Lafferty (1991, Computational Linguistics 17, 315):

    I_ij = R_U [ letter(w_j) if i = j - 1, and sum over k and A -> B C of p I_ik(B) I_kj(C) ],   R_U = (1 - U)^-1
    E_j  = [ sum over i and A -> B C of p E_i(A) I_ij(B), to C ] R_L,                            R_L = (1 - L)^-1

The next letter is a with a probability in proportion to E_j . letter(a), and the string is over in proportion to I_0j(S). Each
reading divides by the probability of what was read, so that no number becomes small.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from jaxtyping import Bool, Float, Int

from freerun.arithmetic import logarithm
from freerun.deferred_imports import torch
from freerun.parts.tasks import Truth
from freerun.parts.tasks._grammar_tables import Tables

#: Most numbers of the inner probabilities of sequences that are answered at once.
NUMBERS = 2**22


@dataclass(kw_only=True, eq=False)
class Chart:
    """What is known of some sequences after some letters; `read` takes one letter more.

    Attributes:
        tables: of the grammar.
        letters: read so far, ``[N]`` each.
        inner: I, ``[begin end N V]``, with room for more letters than were read.
        expected: E before every letter, ``[N V]`` each, and before the next.
        weights: of every next letter and of the end, ``[N K]`` each.
        inside, ended: ``[N]`` each.
    """

    tables: Tables
    letters: list[Int[torch.Tensor, " N"]] = field(default_factory=list)
    inner: Float[torch.Tensor, "b e N V"]
    expected: list[Float[torch.Tensor, "N V"]] = field(default_factory=list)
    weights: list[Float[torch.Tensor, "N K"]] = field(default_factory=list)
    inside: list[Bool[torch.Tensor, " N"]] = field(default_factory=list)
    ended: list[Bool[torch.Tensor, " N"]] = field(default_factory=list)

    @classmethod
    def empty(cls, grammar: Tables, count: int) -> Chart:
        """Return the chart of sequences of which nothing has been read."""
        size = len(grammar.nothing)
        chart = cls(tables=grammar, inner=torch.zeros(0, 1, count, size, dtype=torch.float64))
        over = grammar.nothing[0].expand(count)
        chart._await(grammar.corners[0].expand(count, -1), over, torch.zeros(count, dtype=torch.bool))
        return chart

    def common(self, prefix: Int[torch.Tensor, "T N"]) -> int:
        """Return the number of first letters that are those that were read."""
        pairs = enumerate(zip(self.letters, prefix, strict=False))
        return next((t for t, (mine, its) in pairs if not torch.equal(mine, its)), min(len(self.letters), len(prefix)))

    def back_to(self, steps: int) -> None:
        """Forget all but the first letters."""
        del self.letters[steps:]
        for kept in (self.expected, self.weights, self.inside, self.ended):
            del kept[steps + 1 :]

    def reserve(self, steps: int) -> None:
        """Make room for so many letters."""
        if (room := len(self.inner)) < steps:
            wider = self.inner.new_zeros(steps, steps + 1, *self.inner.shape[2:])
            wider[:room, : room + 1] = self.inner
            self.inner = wider

    def read(self, letter: Int[torch.Tensor, " N"]) -> None:
        """Take the next letter of every sequence."""
        grammar, end = self.tables, len(self.letters)
        ended = self.ended[-1] | (letter == grammar.write.shape[1] - 1)
        weight = self.weights[-1].gather(1, letter[:, None])
        scale = torch.where((weight > 0) & ~ended[:, None], 1 / weight, 0.0)
        inner, after = self.inner, end + 1
        self.letters.append(letter)
        for begin in range(end, -1, -1):
            if begin == end:
                span = grammar.write[:, letter].T * scale
            else:
                first, second = inner[begin, begin + 1 : after], inner[begin + 1 : after, after]
                both = (first[..., grammar.left] * second[..., grammar.right]).sum(0) * grammar.chances
                span = torch.zeros_like(first[0]).index_add_(1, grammar.above, both)
            inner[begin, after] = torch.where(self.expected[begin] > 0, span @ grammar.chains.T, 0.0)
        begun = torch.stack(self.expected)[..., grammar.above] * inner[:after, after][..., grammar.left]
        moved = torch.zeros_like(self.expected[0]).index_add_(1, grammar.right, begun.sum(0) * grammar.chances)
        over = torch.where(ended, 0.0, inner[0, after, :, 0])
        possible = torch.where(self.ended[-1], self.inside[-1], weight[:, 0] > 0)
        self._await(moved @ grammar.corners, over, ended, possible)

    def _await(
        self,
        expected: Float[torch.Tensor, "N V"],
        over: Float[torch.Tensor, " N"],
        ended: Bool[torch.Tensor, " N"],
        inside: Bool[torch.Tensor, " N"] | None = None,
    ) -> None:
        weights = expected @ self.tables.write
        weights[:, -1] = over
        self.expected.append(expected)
        self.weights.append(weights)
        self.inside.append(torch.ones_like(ended) if inside is None else inside)
        self.ended.append(ended)


class GrammarOracle:
    """A probabilistic context-free grammar as an oracle of the next letter.

    A prefix takes time that grows with the cube of its length. The first letters that are those of the prefix before, for all
    of its sequences, are not read again: who asks after every letter pays for each but once.
    """

    def __init__(self, grammar: Tables) -> None:
        self.grammar = grammar
        self._last: Chart | None = None

    def __call__(self, prefix: Int[torch.Tensor, "T N"]) -> Truth:
        """Row t is the distribution of y_t given ``prefix[:t]``. What follows the end is neither inside nor outside."""
        steps, count = prefix.shape
        at_once = max(1, NUMBERS // (steps * steps * len(self.grammar.nothing)))
        slabs = [self._answer(prefix[:, first : first + at_once]) for first in range(0, count, at_once)]
        if len(slabs) > 1:
            self._last = None  # it has but a part of the sequences
        rows = [torch.cat(parts, 1) for parts in zip(*slabs, strict=True)]
        return Truth(log_probs=rows[0], inside=rows[1], ended=rows[2])

    def _answer(self, prefix: Int[torch.Tensor, "T N"]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        read = prefix[:-1]
        chart = self._last
        if chart is None or chart.inner.shape[2] != prefix.shape[1]:
            chart = Chart.empty(self.grammar, prefix.shape[1])
        same = chart.common(read)
        chart.back_to(same)
        chart.reserve(len(read))
        for letter in read[same:]:
            chart.read(letter.clone())
        self._last = chart
        weights = torch.stack(chart.weights)
        total = weights.sum(-1, keepdim=True)
        probs = weights / torch.where(total > 0, total, 1.0)
        return logarithm(probs), torch.stack(chart.inside), torch.stack(chart.ended)
