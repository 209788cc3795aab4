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
    assert (place.folder("small") / NAME).stat().st_size < 0.4 * len(json.dumps(study.info()))


def test_a_file_that_repeats_every_branch_is_read_as_well(study, tmp_path):
    (tmp_path / NAME).write_text(json.dumps(study.info()))
    assert read(tmp_path)["planned"] == study.info()["planned"]


@pytest.mark.parametrize("number", [99, -1, True, 0.5, "0", None, [0]])
def test_a_branch_that_is_not_there_is_refused(study, tmp_path, number):
    content = folded(study.info())
    content["conditions"][0]["task"] = number
    (tmp_path / NAME).write_text(json.dumps(content))
    with pytest.raises(NotPlain, match="a branch task that is none of its study's"):
        read(tmp_path)


@pytest.mark.parametrize(
    "entry", [[99, 0], [-1, 0], [0], [0, 1, 2], [0, 0.5], [True, 0], [0, None], ["0", 0], 0, None, "0", []]
)
def test_a_condition_that_is_not_there_is_refused(study, tmp_path, entry):
    content = folded(study.info())
    content["planned"][next(iter(content["planned"]))] = entry
    (tmp_path / NAME).write_text(json.dumps(content))
    with pytest.raises(NotPlain):
        read(tmp_path)


@pytest.mark.parametrize("seed", [0, 7, "0", True])
def test_a_condition_has_no_seed_of_its_own(study, tmp_path, seed):
    content = folded(study.info())
    content["conditions"][0]["seed"] = seed
    (tmp_path / NAME).write_text(json.dumps(content))
    with pytest.raises(NotPlain, match="a condition that is none of its study's"):
        read(tmp_path)


def test_files_of_before_there_were_conditions_are_read(study, tmp_path):
    """As Freerun wrote them: each run with the numbers of its branches."""
    content = folded(study.info())
    conditions = content.pop("conditions")
    content["planned"] = {run: {**conditions[number], "seed": seed} for run, (number, seed) in content["planned"].items()}
    (tmp_path / NAME).write_text(json.dumps(content))
    assert json.dumps(read(tmp_path)["planned"]) == json.dumps(study.info()["planned"])


def test_runs_share_no_branch_in_memory(study, tmp_path):
    (tmp_path / NAME).write_text(json.dumps(folded(study.info())))
    first, second, *_ = read(tmp_path)["planned"].values()
    first["training"]["updates"] = -1
    assert second["training"]["updates"] > 0
