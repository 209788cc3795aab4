"""Quick tier of the soak test, in a process of its own: it forks, which a test runner should not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from reliability.soak import rows

SOAK = Path(__file__).with_name("soak.py")
#: Rows that share a process, and so its imports, its plan and the sweep that nothing happened to.
TOGETHER = (
    ("crashes", "crashes_of_workers", "kills", "sweeps", "instant"),
    ("refusals", "moves", "merges", "links", "writers", "checkpoints"),
    ("causes", "forks"),
    ("orders", "pipes"),
)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("names", TOGETHER, ids="-".join)
def test_rows(names):
    done = subprocess.run([sys.executable, str(SOAK), "--only", *names], capture_output=True, text=True, timeout=880)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {row["row"]: (row["cases"], row["failed"]) for row in map(json.loads, done.stdout.splitlines())}
    assert found == {name: (pytest.approx(rows()[name].quick, abs=1), 0) for name in names}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_detector_fails_on_a_broken_part():
    done = subprocess.run([sys.executable, str(SOAK), "--broken"], capture_output=True, text=True, timeout=880)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("caught: ") == 15
