"""Delayed recall: a bound on what an output-recurrent model can remember under teacher forcing.

A cue, one of K symbols, is shown at the first step; during L blanks the target is one constant symbol; then a signal asks for
the cue (after Goodfellow, Bengio & Courville 2016, section 10.2.1). With `control` the target repeats the cue at every step.

The bound. A model whose only memory is what is fed back knows at the last step nothing but the signal and the blank that was
fed, so that its answer is one distribution q for all cues and it is right with probability sum_c q(c) / K <= 1/K. Exactly:

- under teacher forcing accuracy at the last step is at most 1/K in expectation, whatever the weights;
- running freely with discrete feedback (sample, argmax) the probability that the *whole* sequence is right (`exact_match`) is
  at most 1/K. The last step alone is not bounded: a model may speak the cue where it should be silent, and pay for it there;
- with real-valued feedback (expected, gumbel) a freely running model can smuggle the cue through the blanks in small
  amplitudes of what it feeds back while its most probable symbol is the blank: no bound holds.

With `control` the cue itself is fed at every step, and such a model reaches 1; a hidden-recurrent one reaches 1 in both. With
`echo` the cue is the first target too, so that it is fed once: a model that reads what was fed back at the last k steps, and
nothing else of the past, then reaches 1 if k > blanks, and the bound holds for it if not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from freerun.deferred_imports import torch
from freerun.errors import ConfigError, require
from freerun.parts.settings import LATER
from freerun.parts.tasks import SPLITS, Data, Sequences, Task
from freerun.random_streams import stream


@dataclass(kw_only=True)
class DelayedRecall(Task):
    """A cue, blanks, and the cue again: a bound for models whose only memory is their feedback.

    The cue and the signal to recall come from outside, as unit vectors of width K + 1; the symbols are the K cues and the
    blank. Every step is charged, the answer is the last. There are only K different sequences, so all splits share them: this
    task shows no generalization gap.

    Attributes:
        cues: K, the number of cues.
        blanks: L, steps between the cue and its recall.
        control: the target repeats the cue instead of the blank, so that it is fed along.
        echo: the first target repeats the cue, those after it do not, so that it is fed once.
        sequences: number of training sequences; validation and test have half as many each.
        length: 0 for the natural one, blanks + 2.
    """

    answers: ClassVar[bool] = True
    default_feedback: ClassVar[str] = "argmax"

    cues: int = 4
    blanks: int = 10
    control: bool = False
    echo: bool = field(default=False, metadata=LATER)
    sequences: int = 1024
    length: int = 0

    def __post_init__(self) -> None:
        require(self.cues >= 2, "cues", self.cues, "be at least 2")
        require(self.blanks >= 1, "blanks", self.blanks, "be at least 1")
        require(not (self.echo and self.control), "echo", self.echo, "be false where control repeats the cue at every step")
        require(self.sequences >= 2, "sequences", self.sequences, "be at least 2")
        natural = self.blanks + 2
        require(self.length in (0, natural), "length", self.length, f"be 0 or {natural} (blanks + 2; set task.blanks instead)")
        self.length = natural

    def check(self, length: int) -> None:
        if length > self.length:
            raise ConfigError(
                f"task.blanks={self.blanks}: the answer is due at step {self.length}, evaluation.warmup + evaluation.horizon "
                f"must not be more, got {length}"
            )

    def build(self, seed: int, length: int) -> Data:
        self.check(length)
        counts = {"train": self.sequences, "validation": self.sequences // 2, "test": self.sequences // 2}
        splits = {}
        for number, name in enumerate(SPLITS):
            cue = torch.from_numpy(stream(seed, "data", number).integers(0, self.cues, counts[name]))
            splits[name] = self._sequences(cue, length)
        return Data(splits=splits, inputs=self.cues + 1, outputs=self.cues + 1)

    def _sequences(self, cue: torch.Tensor, length: int) -> Sequences:
        steps, count = self.length, len(cue)
        targets = cue.repeat(steps, 1)
        if not self.control:
            targets[int(self.echo) : -1] = self.cues
        inputs = torch.zeros(steps, count, self.cues + 1)
        inputs[0, torch.arange(count), cue] = 1
        inputs[-1, :, self.cues] = 1
        return Sequences(
            targets=targets[:length],
            start=torch.full((count,), -1, dtype=torch.int64),
            weights=torch.ones(min(length, steps), count),
            inputs=inputs[:length],
        )
