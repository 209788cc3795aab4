"""Quick tier of the soak test, in a process of its own: it forks, which a test runner should not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).with_name("soak.py")
ROWS = {
    "crashes": 100, "crashes_of_workers": 10, "kills": 20, "refusals": 50, "sweeps": 2, "writers": 2, "instant": 10,
    "causes": 8, "orders": 20, "merges": 20, "checkpoints": 200,
    "links": 28, "moves": 20, "pipes": 18, "forks": 6,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("row", ROWS)
def test_row(row):
    done = subprocess.run([sys.executable, str(SOAK), "--only", row], capture_output=True, text=True, timeout=880)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["cases"], found["failed"]) == (pytest.approx(ROWS[row], abs=1), 0)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_detector_fails_on_a_broken_part():
    done = subprocess.run([sys.executable, str(SOAK), "--broken"], capture_output=True, text=True, timeout=880)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("caught: ") == 15
