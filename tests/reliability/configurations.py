"""Bad configurations: every one is refused with one line, at once, and nothing is written.

`cases` are the kept lines of `attacks/overrides.txt` and words made from keys, values and the places where they go wrong.
"""

from __future__ import annotations

import io
import os
import random
import time
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

from freerun.io.text import CHOICES
from reliability.watched import watched

KEPT = Path(__file__).parents[1] / "attacks" / "overrides.txt"
#: Characters of the line, and seconds of processor time.
LINE, SECONDS = 200, 1.0
KEYS = (
    "seed", "task", "model", "regime", "feedback", "objective", "gradient", "device", "dtype", "training.lr",
    "training.updates", "training.decay", "evaluation.horizon", "evaluation.distances", "task.length", "model.hidden",
)  # fmt: skip
#: Values that no key takes.
VALUES = (
    "{_target_:os.system,_args_:[echo PWNED]}", "[[[[1]]]]", "${oc.env:HOME}", "${seed}", "???", "{a:{b:1}}", "range(10**9)",
    "range(0,1e15)", "shuffle(range(0,1e15))", "interval(0,1)", "glob(zz*)", "'", "[1", "1]", "{a:", "()", "f(x)", "$x$", "<b>",
    "\\input{x}", "'${oc.env:HOME}'", "../../etc/passwd", "\x00", "\x1b[2J", "\ud800", "1e400", "${oc.decode:${oc.env:HOME}}",
)  # fmt: skip


def cases(seed: int, count: int) -> list[list[str]]:
    """Command lines that are wrong; the kept ones first."""
    chance = random.Random(seed)
    kept = [["task=lorenz63", line] for line in KEPT.read_text().splitlines()]
    chance.shuffle(kept)
    made = [_made(chance) for _ in range(count)]
    half = count // 2
    return [
        ["run", "--cfg", "job", *(["-m"] if chance.random() < 0.5 else []), *words] for words in (kept[:half] + made)[:count]
    ]


def _made(chance: random.Random) -> list[str]:
    key, value, size = chance.choice(KEYS), chance.choice(VALUES), chance.choice((30, 3_000, 30_000, 100_000))
    kinds = (
        [f"{key}={value}"],
        [f"{key}=[{value},{value}]"],
        [f"{key}={{a:{value}}}"],
        [f"{key}{chance.choice('@/~+.')}x={chance.choice((value, '1'))}"],
        [f"{chance.choice(('~', '+', '++', 'hydra.', 'hydra/'))}{key}x=1"],
        [f"seed={chance.choice('9x[{(')}" * 1 + chance.choice("9[{(") * size],
        [f"seed={'1,' * size}1"] if size > 30_000 else [f"seed=[{'1,' * size}1]"],
        [f"{key}={chr(39) * size}"],
        [f"{'a.' * size}b=1"],
        [f"{'k' * size}=1"],
        [f"training.lr={'1' * max(size, 500)}"],
        [f"seed={value}"] * 3,
        [f"seed={'x' * (size // 40 + 1)}"] * 40,
    )
    return ["task=lorenz63", *chance.choice(kinds)]


def check(words: list[str], folder: Path) -> None:
    """The law: exit code 2, one line, of 200 characters before a list of choices, within a second, nothing written."""
    from freerun.cli.main import main

    folder.mkdir(parents=True, exist_ok=True)
    before, out, err = sorted(folder.rglob("*")), io.StringIO(), io.StringIO()
    code, began = None, time.process_time()
    with watched(folder), chdir(folder), redirect_stdout(out), redirect_stderr(err):
        try:
            main(words)
        except SystemExit as end:
            code = end.code
    spent, said = time.process_time() - began, err.getvalue()
    shown = " ".join(words)[:120].encode("ascii", "backslashreplace").decode()
    assert code == 2, f"{shown}: exit code {code}, {said[:200]}"
    assert said.count("\n") == 1, f"{shown}: {said.count(chr(10))} lines"
    assert said.endswith("\n"), f"{shown}: no line"
    size = len(said[:-1].partition(CHOICES)[0])
    assert size <= LINE, f"{shown}: {size} characters"
    assert said[:-1].isprintable(), f"{shown}: a character that a terminal obeys"
    assert not out.getvalue(), f"{shown}: something on standard output"
    assert spent < SECONDS, f"{shown}: {spent:.1f} s"
    assert sorted(folder.rglob("*")) == before, f"{shown}: something was written"
    assert os.environ.get("PWNED") is None
