"""Ends of a command whose output nobody takes: the work is done, 0 means all done, and what is lost is said."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from freerun.store.records import Store
from tiers import tiered

RUNS = [
    "run", "-m", "task=markov", "model=gru", "task.sequences=16", "task.length=6", "evaluation.warmup=1", "model.hidden=2",
    "training.updates=2", "training.batch=2", "evaluation.metrics=[loss]", "launcher=inline", "launcher.group=1",
]  # fmt: skip
FREERUN = f"{sys.executable} -m freerun"


def shell(script: str, folder: Path) -> tuple[int, str, str]:
    done = subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", script], cwd=folder, capture_output=True, text=True, timeout=120
    )
    return done.returncode, done.stdout, done.stderr


def done(folder: Path) -> int:
    return len(list(Store(folder / "results" / ".store").runs()))


@pytest.mark.parametrize(
    ("ending", "code", "said"),
    tiered(
        [
            ("| head -1", 0, ""),
            (">&-", 0, ""),
            ("2>&-", 0, ""),
            (">&- 2>&- <&-", 0, ""),
            ("2> /dev/full", 0, ""),
            ("> /dev/full", 1, "freerun: what was said is lost: No space left on device; the work itself is not\n"),
        ],
        quick=lambda case: case[0] in (">&- 2>&- <&-", "> /dev/full"),
    ),
)
def test_a_sweep_is_done_whatever_happens_to_its_output(ending, code, said, tmp_path):
    end = shell(f"{FREERUN} {' '.join(RUNS)} seed=0,1,2 {ending}", tmp_path)
    assert (end[0], end[2]) == (code, said)
    assert done(tmp_path) == 3
    assert shell(f"{FREERUN} status", tmp_path)[1].count(" 3 ") == 2, "all runs are done"


@pytest.mark.parametrize("ending", ["2>&-", "2> /dev/full", ">&- 2>&-"])
def test_a_refusal_keeps_its_code_whatever_happens_to_its_line(ending, tmp_path):
    assert shell(f"{FREERUN} run task=nope {ending}", tmp_path)[0] == 2


def test_a_listing_that_is_cut_off_ends_well_and_one_that_cannot_be_written_does_not(tmp_path):
    assert shell(f"{FREERUN} list tasks | head -1", tmp_path)[::2] == (0, "")
    code, _, said = shell(f"{FREERUN} list tasks > /dev/full", tmp_path)
    assert code == 1
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (f"run task=markov --results {'a' * 300}", "File name too long"),
        (f"plan --results {'a/' * 3000}", "File name too long"),
        ("run task=text task.path=$(printf 'a\\xffb')", "is not UTF-8"),
        ("status $(printf '\\xff')", "is not UTF-8"),
        ("plan half.yaml", "half of a character"),
        ("run plugins=[leaves.py] task=markov", "GeneratorExit"),
        ("run plugins=[own.py] task=markov", "Own: bye"),
    ],
)
def test_what_is_no_text_no_name_or_no_error_of_a_part_is_one_line(words, says, tmp_path):
    (tmp_path / "half.yaml").write_text('title: "x\\uD800y"\ncases:\n  - task: markov\n')
    (tmp_path / "leaves.py").write_text("raise GeneratorExit\n")
    (tmp_path / "own.py").write_text("class Own(BaseException): pass\nraise Own('bye')\n")
    code, _, said = shell(f"{FREERUN} {words}", tmp_path)
    assert code == 2, said
    assert said.count("\n") == 1
    assert says in said
    assert not (tmp_path / "results").exists()
