"""Glossary of the report: what its words mean, in a sentence each, so that none has to be looked up in the method section."""

from __future__ import annotations

from freerun.analysis.report.section import Block, Section

_WORDS = (
    ("forced, free", "a model is fed the truth at every step (forced), or its own output after a start with the truth (free)"),
    ("lead, step", "how many steps ago the truth was last fed; at step 1 forced and free have seen the same"),
    ("exposure gap", "the error running free minus the error when forced, on the same sequences"),
    (
        "teacher forcing, free running, scheduled sampling",
        "what was fed in training: the truth; the model's own output; a mixture",
    ),
    ("condition", "one setting of everything but the seed: a task, a model, and how it was trained"),
    ("seed, n", "one training from its own random start; n is how many there are"),
    ("headline", "a measure by which a task is judged; there are several where one alone could be fooled"),
    ("[a, b]", "an interval: the range that holds the mean over all seeds there could be, with 95 % confidence"),
    (
        "better, worse",
        "the interval of the difference from the same model, task and seeds under the baseline excludes no change, by one "
        "headline at least, and no headline says the opposite",
    ),
    ("equivalent", "the difference is smaller than a margin that was declared before"),
    ("not distinguished", "neither: these seeds cannot tell, and more may"),
    ("baseline", "the way of training that the others are compared with: teacher forcing, where it was run"),
    ("p", "how often chance alone would show such a difference; corrected: raised, since many are looked at (Holm)"),
    ("player", "a source that needs no training: the truth, or one that was spoilt on purpose, such as a mean"),
    ("support", "what a source can write at all; after anything else it has no right answer"),
    ("geometric mean", "the mean of errors that differ by factors: of two errors, the root of their product"),
    ("diverged", "training ended in numbers that are no numbers, so that there is nothing to measure"),
)


def section() -> Section:
    """The words of every report."""
    return Section(
        title="Words", blocks=[Block(title="What they mean here", points=[f"{word}: {text}." for word, text in _WORDS])]
    )
