"""The job of a paper's figure: done in an empty folder, it leaves the figure, its caption and its data."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest


@pytest.mark.slow
def test_a_figure_for_a_paper_is_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(Path(__file__).with_name("paper_figure.py")), run_name="job")
    assert (tmp_path / "gap.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "gap.txt").read_text().startswith("Gap on test sequences")
    header, *rows = (tmp_path / "gap.csv").read_text().splitlines()
    assert header.startswith("task,model,method,seed,metric,unit,step")
    assert {row.split(",")[0] for row in rows} == {"HMM"}
    assert {row.split(",")[2] for row in rows} == {"teacher forcing", "closed loop"}
