"""Tests of the margin of a study: it is declared in its file, kept beside its results, and decides in the verdicts."""

import json

import pytest

from freerun.analysis.outputs import Products
from freerun.errors import ConfigError
from freerun.io.reading import NotPlain
from freerun.store.results_folder import Place
from freerun.store.study_file import NAME, read
from freerun.sweeps.study import load

CASES = "cases:\n  - task: two_step\n    model: gru\n    regime: teacher_forcing\n    seed: range(2)\n"


def loaded(folder, margin):
    path = folder / "small.yaml"
    path.write_text(margin + CASES)
    return load(str(path), [])


def test_a_margin_is_kept_with_the_study(tmp_path):
    assert loaded(tmp_path, "margin: 0.1\n").info()["margin"] == 0.1
    assert "margin" not in loaded(tmp_path, "").info()


@pytest.mark.parametrize("margin", ["0", "1", "-0.1", "much", "true", "[0.05]", ".nan"])
def test_what_is_no_share_is_refused(tmp_path, margin):
    with pytest.raises(ConfigError, match="margin must be a number between 0 and 1"):
        loaded(tmp_path, f"margin: {margin}\n")


def test_it_reaches_the_tables_and_a_spoiled_one_is_not_believed(tmp_path):
    info = loaded(tmp_path, "margin: 0.1\n").info()
    place = Place(results=tmp_path / "results")
    folder = place.folder("small")
    folder.mkdir(parents=True)
    (folder / NAME).write_text(json.dumps(info))
    assert Products(place=place, info=read(folder)).frames.margin == 0.1
    (folder / NAME).write_text(json.dumps({**info, "margin": 7}))
    with pytest.raises(NotPlain, match="margin"):
        read(folder)
