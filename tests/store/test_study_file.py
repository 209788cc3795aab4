"""Tests of the study file: branches that runs share are written once, and read back as they were."""

from __future__ import annotations

import json

import pytest

from freerun.io.reading import NotPlain
from freerun.store.results_folder import Place, write_info
from freerun.store.study_file import NAME, folded, read
from freerun.sweeps.study import load

CASES = "cases:\n  - {task: [two_step, hidden_markov], model: gru, regime: [teacher_forcing, free_running], seed: range(4)}\n"


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(CASES)
    return load(str(path), [])


def test_a_study_is_read_back_as_it_was_with_its_keys_in_their_order(study, tmp_path):
    place = Place(results=tmp_path / "results")
    write_info(study, place)
    assert json.dumps(read(place.folder("small"))["planned"]) == json.dumps(study.info()["planned"])
    assert (place.folder("small") / NAME).stat().st_size < 0.5 * len(json.dumps(study.info()))


def test_a_file_that_repeats_every_branch_is_read_as_well(study, tmp_path):
    (tmp_path / NAME).write_text(json.dumps(study.info()))
    assert read(tmp_path)["planned"] == study.info()["planned"]


@pytest.mark.parametrize("number", [99, -1, True, 0.5, "0", None, [0]])
def test_a_branch_that_is_not_there_is_refused(study, tmp_path, number):
    content = folded(study.info())
    next(iter(content["planned"].values()))["task"] = number
    (tmp_path / NAME).write_text(json.dumps(content))
    with pytest.raises(NotPlain, match="a branch task that is none of its study's"):
        read(tmp_path)


def test_runs_share_no_branch_in_memory(study, tmp_path):
    (tmp_path / NAME).write_text(json.dumps(folded(study.info())))
    first, second, *_ = read(tmp_path)["planned"].values()
    first["training"]["updates"] = -1
    assert second["training"]["updates"] > 0
