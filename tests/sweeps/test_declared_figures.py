"""Tests of the figures that a study declares: kept beside its results, drawn alone, refused before training where unknown."""

import json
from dataclasses import replace

import pytest

import freerun
from freerun.analysis import figures
from freerun.analysis.outputs import Products
from freerun.analysis.tables import tidy
from freerun.cli.main import main
from freerun.errors import ConfigError
from freerun.io.reading import NotPlain
from freerun.store.results_folder import Place
from freerun.store.study_file import NAME, read
from freerun.sweeps.study import load
from synthetic import grid, study

CASES = "cases:\n  - task: two_step\n    model: gru\n    regime: [teacher_forcing, free_running]\n    seed: range(2)\n"


def written(folder, declared):
    path = folder / "small.yaml"
    path.write_text(declared + CASES)
    return path


def loaded(folder, declared):
    return load(str(written(folder, declared)), [])


def test_figures_are_kept_with_the_study_and_reach_its_tables(tmp_path):
    info = loaded(tmp_path, "figures: [closed_loop, orbit]\n").info()
    assert "figures" not in loaded(tmp_path, "").info()
    place = Place(results=tmp_path / "results")
    folder = place.folder("small")
    folder.mkdir(parents=True)
    (folder / NAME).write_text(json.dumps(info))
    assert Products(place=place, info=read(folder)).frames.figures == ["closed_loop", "orbit"]
    (folder / NAME).write_text(json.dumps({**info, "figures": []}))
    with pytest.raises(NotPlain, match="figures"):
        read(folder)


@pytest.mark.parametrize("declared", ["closed_loop", "[]", "[3]", "{closed_loop: 1}"])
def test_what_is_no_list_of_names_is_refused(tmp_path, declared):
    with pytest.raises(ConfigError, match="figures must be a list of names"):
        loaded(tmp_path, f"figures: {declared}\n")


@pytest.mark.parametrize("command", ["study", "plan"])
def test_an_unknown_figure_is_refused_before_anything_is_trained(tmp_path, monkeypatch, capsys, command):
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path, "figures: [closed_lop]\n")
    with pytest.raises(SystemExit) as end:
        main([command, str(path)])
    assert end.value.code == 2
    assert "closed_lop" in (said := capsys.readouterr().err)
    assert "closed_loop" in said
    assert not (tmp_path / "results").exists()
    with pytest.raises(ConfigError, match="did you mean 'closed_loop'"):
        freerun.Study(str(path))


def test_only_declared_figures_are_drawn_and_one_without_data_is_said(tmp_path, capsys):
    store, ids = study(tmp_path / "store", grid())
    tables = replace(tidy.frames(store, ids, "s"), figures=["closed_loop", "forecast"])
    drawn = figures.write(tables, {}, tmp_path, ["svg"])
    assert [one.name for one in drawn] == ["closed_loop"]
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["closed_loop.svg"]
    assert "note: figure forecast: these runs have nothing to show in it" in capsys.readouterr().err
