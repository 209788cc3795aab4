"""Are the results that the repository keeps those of the studies that it describes?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from freerun.analysis.tables import tidy
from freerun.sweeps.study import load

RESULTS = Path(__file__).parent.parent / "results"
KEPT = sorted(path.parent.name for path in RESULTS.glob("*/study.json"))


@pytest.mark.parametrize("name", KEPT)
def test_kept_results_are_those_of_the_study_as_it_stands(name):
    """The same runs, by identity (settings, and the generation of the engine), each with an end that is told.

    Runs on data from outside are only counted: the text that comes with Python differs from release to release.
    """
    planned = load(name, []).runs
    kept = json.loads((RESULTS / name / "study.json").read_text())["ids"]
    assert len(kept) == len(planned)
    for ours, run in zip(kept, planned, strict=True):
        assert ours == run.id or "content" in run.tree["task"], run.label
    runs = tidy.read(RESULTS / name).runs
    assert list(runs["run"]) == kept
    assert set(runs["status"]) <= {"done", "diverged"}


def test_something_is_kept():
    assert {"first_look", "path_star", "flipped_classroom"} <= set(KEPT)
