"""Stores of earlier versions are read as they are, or told of in one line; they are never misread.

`generation_3` holds what version 7a9fe65 left: a study of two runs (errors in variables, linear, 6 updates), and one whose only
run was killed before it had a record.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from freerun.cli.main import dispatch
from freerun.config.run_identity import GENERATION, UNDIVIDED, identity, older_generation, trained
from freerun.errors import ConfigError, StoreError
from tiers import tiered

OLD = Path(__file__).parent / "generation_3"
WORDS = [
    "task=errors_in_variables", "model=linear", "seed=range(2)", "training.updates=6", "training.log_every=3", "task.length=5",
    "evaluation.sequences=8",
]  # fmt: skip


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A results folder as version 7a9fe65 left it, under the working folder."""
    shutil.copytree(OLD, tmp_path / "results")
    (tmp_path / "results/store").rename(tmp_path / "results/.store")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "results"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_records_are_read_with_the_numbers_that_they_hold(results, capsys):
    assert dispatch(["status"]) == 0
    assert "small     2     2" in capsys.readouterr().out
    assert dispatch(["table", "small"]) == 0
    gaps = pd.read_parquet(results / "small/gaps.parquet")
    held = []
    for path in sorted((results / ".store").glob("*/*.json")):
        record = json.loads(path.read_text(encoding="utf-8").splitlines()[1])
        held += [value for series in record["series"] for value in series["values"] if value is not None]
    assert len(held) == 80
    assert sorted(gaps["value"].dropna()) == sorted(map(float, np.array(held, dtype=np.float32))), "in single precision"


def test_the_same_command_says_that_runs_are_trained_anew_and_why(results, capsys):
    before = contents(results / ".store")
    assert dispatch(["run", "-m", *WORDS, "launcher=inline", "--as", "small"]) == 0
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note:")]
    assert len(said) == 1
    assert "holds a study of 2 runs of generation 3 of Freerun, whose numbers are others" in said[0]
    after = contents(results / ".store")
    assert before.items() <= after.items(), "an old record has changed"
    assert len(list((results / ".store").glob("*/*.json"))) == 2 + 4, "two runs, and a measurement of each"


def test_planning_says_the_same(results, capsys):
    assert dispatch(["plan", "-m", *WORDS, "--as", "small"]) == 0
    assert "runs of generation 3 of Freerun" in capsys.readouterr().out


def test_what_was_left_to_do_names_the_command_that_does_it(results):
    with pytest.raises(
        ConfigError, match="its runs are of generation 3 of Freerun, and this version has to train them anew; run: freerun"
    ):
        dispatch(["retry", "torn"])


def test_a_generation_is_told_by_the_identity():
    tree = {"task": {"name": "x"}, "evaluation": {"warmup": 1, "horizon": 2}}
    assert older_generation(identity(tree), tree) is None

    def known(number):
        described = tree if number <= UNDIVIDED else trained(tree)
        text = json.dumps({"generation": number, **described}, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    assert [older_generation(known(number), tree) for number in range(1, GENERATION)] == list(range(1, GENERATION))
    assert older_generation("0" * 16, tree) is None


def newer(results: Path, pattern: str) -> dict[str, bytes]:
    """Some files of a store as a newer Freerun would write them; all that the results hold then."""
    for path in sorted((results / ".store").glob(f"*/{pattern}")):
        path.write_bytes(path.read_bytes().replace(b'"format": 1,', b'"format": 2,', 1))
    return {name: held for name, held in contents(results).items() if not name.endswith(("lock", "index"))}


@pytest.mark.parametrize("pattern", tiered(["*.json", "*-*.json", "*.players"], quick=lambda pattern: pattern == "*-*.json"))
def test_what_a_newer_version_wrote_is_not_damaged_and_stays_where_it_is(pattern, tmp_path, monkeypatch):
    """Its records had been set aside, to be trained anew, and its tables written over with none, with exit code 0."""
    monkeypatch.chdir(tmp_path)
    words = ["run", "-m", *WORDS, "launcher=inline", "--as", "s"]
    assert dispatch(words) == 0
    before = newer(tmp_path / "results", pattern)
    for line in ("table s", "report s", "retry s", "measure s", "merge results --results m", "export s"):
        with pytest.raises(StoreError, match=r"a newer Freerun wrote it \(.*, here 1\); update Freerun") as fault:
            dispatch(line.split())
        assert fault.value.code == 3
    with pytest.raises(StoreError, match="a newer Freerun wrote it"):
        dispatch(words)
    after = {name: held for name, held in contents(tmp_path / "results").items() if not name.endswith(("lock", "index"))}
    assert after == before
