"""Tests of a study's outputs: whose files they are, and what is said of a damaged record."""

from __future__ import annotations

import json
import pathlib

import pytest

from freerun.analysis import figures, outputs
from freerun.analysis.report import paper_table
from freerun.cli.main import dispatch
from freerun.errors import ConfigError
from freerun.parts import registry
from freerun.store import manifest, record_index, results_folder
from freerun.store.records import Store
from freerun.sweeps import study as studies
from synthetic import grid, record, study


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.setattr(record_index, "SETTLED", 0.0)
    monkeypatch.chdir(tmp_path)
    experiments = grid(tasks=("lorenz63", "embedded_reber"), seeds=3)
    store, ids = study(tmp_path / "results" / ".store", experiments)
    folder = tmp_path / "results" / "s"
    folder.mkdir()
    info = {"name": "s", "ids": ids, "planned": dict(zip(ids, experiments, strict=True)), "command": "freerun study s.yaml"}
    (folder / "study.json").write_text(json.dumps(info))
    return results_folder.Place(results=tmp_path / "results"), store, ids


def replaced_by(overrides, place):
    asked = studies.adhoc(overrides, sweep=True, alias="s")
    results_folder.make_way(asked, place, replace=True)
    return asked


def test_what_was_made_of_other_runs_goes_and_nobody_elses_files(made):
    place, _, _ = made
    results = outputs.of("s", place)
    results.write_tables()
    with outputs.writing(results.folder):
        (results.folder / "figures").mkdir()
        for kind in ("md", "latex"):
            paper_table.write(results.frames, results.folder, kind)
    built = [results.folder / "report.md", results.folder / "figures" / "orbit.png"]
    for path in built:
        path.write_text(path.name)
    manifest.write(results.folder, place.store, results.info, built)
    assert manifest.matches(results.folder, place.store, results.info)
    own = {"notes.txt": "mine", "figures/mine.png": "mine", "table.md": "| mine |"}  # the last one put right by hand
    for name, text in own.items():
        (results.folder / name).write_text(text)
    outside = place.results.parent / "outside.txt"
    outside.write_text("x")
    (results.folder / "link.txt").symlink_to(outside)
    assert manifest.matches(results.folder, place.store, results.info)  # what is not the report's does not matter to it
    with pytest.raises(ConfigError, match=r"s holds a study of 12 other runs; --as NAME keeps both, --replace lets its tables"):
        results_folder.make_way(studies.adhoc(["seed=7,8"], sweep=True, alias="s"), place)
    assert built[0].exists()
    replaced_by(["seed=7,8"], place)
    left = {path.relative_to(results.folder).as_posix() for path in results.folder.rglob("*") if path.is_file()}
    assert left == {*own, "study.json", "link.txt"}
    assert all((results.folder / name).read_text() == text for name, text in own.items())
    assert outside.exists()


def test_a_figure_that_is_drawn_no_more_goes_when_the_report_is_built_again(made):
    place, store, _ = made
    folder = place.folder("s")
    for name in ("a.png", "b.png", "mine.png"):
        (folder / name).write_text(name)
    manifest.write(folder, store, outputs.of("s", place).info, [folder / "a.png", folder / "b.png"])
    manifest.write(folder, store, outputs.of("s", place).info, [folder / "b.png"])
    assert sorted(path.name for path in folder.glob("*.png")) == ["b.png", "mine.png"]


def test_a_name_in_a_manifest_is_not_followed(made):
    place, _, _ = made
    victim = place.results / "victim"
    victim.write_text("x")
    digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    names = {"../victim": digest, str(victim): digest, "study.json": digest}
    (place.folder("s") / manifest.NAME).write_text(json.dumps({"stamp": "", "files": names, "beside": names}))
    manifest.remove_made(place.folder("s"))
    assert victim.exists()
    assert (place.folder("s") / "study.json").exists()


def test_a_study_that_grows_keeps_what_was_made(made, capsys):
    place, _, ids = made
    results = outputs.of("s", place)
    results.write_tables()
    asked = studies.adhoc(["seed=7"], sweep=True, alias="s")
    grown = studies.Study(name="s", runs=asked.runs, command="")
    info = json.loads((results.folder / "study.json").read_text())
    tree = asked.runs[0].tree
    (results.folder / "study.json").write_text(json.dumps({**info, "ids": [grown.ids[0]], "planned": {grown.ids[0]: tree}}))
    results_folder.make_way(grown, place)
    assert (results.folder / "runs.csv").exists()
    assert capsys.readouterr().out == ""
    assert ids


def test_damaged_records_are_told_of_until_they_are_done_again(made, capsys, monkeypatch):
    place, store, ids = made
    outputs.of("s", place).write_tables()
    assert capsys.readouterr().err == ""
    altered, emptied = ids[1], ids[4]
    sound = store.read(emptied)
    store.path(altered).write_bytes(store.path(altered).read_bytes().replace(b'"done"', b'"dome"'))
    store.path(emptied).write_bytes(b"")
    line = f"freerun: 2 damaged records were set aside in {place.store.root}/aside; freerun retry s does those runs again\n"
    for words in (["table", "s"], ["export", "s"], ["status", "s"], ["status"]):
        assert dispatch(words) == 0
        assert capsys.readouterr().err == line.replace(str(place.results), "results"), words
    assert len(list((store.root / "aside").glob("*.json"))) == 2
    store.write(sound, None)
    assert outputs.of("s", place).frames.runs["status"].tolist().count("done") == len(ids) - 1
    assert "1 damaged record was" in capsys.readouterr().err
    store.write(record(altered, outputs.of("s", place).info["planned"][altered]), None)
    assert len(outputs.of("s", place).frames.runs)
    monkeypatch.setattr(Store, "has", lambda *_: pytest.fail("a sound record was looked at again"))
    assert len(outputs.of("s", place).frames.runs)
    assert capsys.readouterr().err == ""


def test_one_damaged_study_does_not_hide_the_others_and_can_be_removed(made, capsys):
    place, store, ids = made
    for name in ("x", "y"):
        (place.results / name).mkdir()
        (place.results / name / "study.json").write_text("[]")
    assert dispatch(["status"]) == 0
    said = capsys.readouterr()
    rows = {tuple(line.split()[:2]) for line in said.out.splitlines()[1:]}
    assert rows == {("s", str(len(ids))), ("x", "damaged"), ("y", "damaged")}
    assert said.err.count("\n") == 2
    assert "freerun clean x --yes" in said.err
    with pytest.raises(ConfigError, match="freerun clean x --yes"):
        dispatch(["status", "x"])
    for name in ("x", "y"):
        assert dispatch(["clean", name, "--yes"]) == 0
        assert not (place.results / name).exists()
    assert len(list(store.runs())) == len(ids)


def test_a_study_without_a_measurement_has_no_table_and_says_why(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    experiments = grid(seeds=2)[:2]
    store, ids = study(tmp_path / "results" / ".store", experiments, dict.fromkeys(range(2), ("pending", "")))
    store.failures.note(ids[0], "boom")
    (tmp_path / "results" / "s").mkdir()
    info = {"ids": ids, "planned": dict(zip(ids, experiments, strict=True))}
    (tmp_path / "results" / "s" / "study.json").write_text(json.dumps(info))
    assert dispatch(["table", "s", "--format", "latex"]) == 0
    assert "no run has a measurement (1 failed, 1 pending); freerun status s says why" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="did you mean 'latex'"):
        dispatch(["table", "s", "--format", "latx"])
    store.failures.forget(ids[0])
    with pytest.raises(ConfigError, match=r"freerun retry s$"):
        dispatch(["report", "s"])


def test_settings_of_a_study_are_compared_from_the_command_line(made, tmp_path, capsys):
    place, _, _ = made
    experiments = [each for lr in (0.1, 0.01) for each in grid(seeds=3, training__lr=lr)]
    study(place.results / ".store", experiments)
    ids = [f"{number + 1:016x}" for number in range(len(experiments))]
    info = {"name": "s", "ids": ids, "planned": dict(zip(ids, experiments, strict=True)), "command": "c"}
    (place.results / "s" / "study.json").write_text(json.dumps(info))
    assert dispatch(["compare", "training.lr=1e-1", "training.lr=1e-2", "--study", "s"]) == 0
    assert "better" in capsys.readouterr().out
    assert (place.results / "s" / "compare_training.lr_1e-1_vs_training.lr_1e-2.md").exists()


@pytest.mark.parametrize("sides", [("training.lr=1e-3", "training.lr=1e-2"), ("gru", "lstm")])
def test_without_a_study_the_remedy_is_said(made, sides):
    with pytest.raises(ConfigError, match="add --study NAME to compare within one"):
        dispatch(["compare", *sides])


FIGURE = """from matplotlib.figure import Figure
CAPTION = "Runs of every method, counted."
def draw(material):
    figure = Figure()
    figure.subplots().bar(material.methods(), material.runs["method"].value_counts(sort=False))
    return {"": figure}
"""


def test_a_figure_of_ones_own_is_in_the_report_also_of_a_study_that_has_not_changed(made, monkeypatch, capsys):
    place, _, _ = made
    monkeypatch.setattr(registry, "plugin_figures", {})
    monkeypatch.setattr(figures, "parts", lambda: dict(registry.plugin_figures))  # no other figure, which costs seconds
    pathlib.Path("counted.py").write_text(FIGURE)
    with pytest.raises(
        ConfigError, match=r"--plugin 'counted\.py': figures of your own are in the report of one study, not of"
    ):
        dispatch(["report", "s", "t", "--plugin", "counted.py"])
    assert dispatch(["report", "s", "--plugin", "counted.py"]) == 0
    results = outputs.of("s", place)
    assert "Runs of every method, counted." in (results.folder / "report.md").read_text()
    assert (results.folder / "figures" / "counted.svg").is_file()
    built = []
    monkeypatch.setattr(outputs.Products, "write_report", lambda self: built.append(self.name))
    results.write_report_if_needed()
    assert built == ["s"], "the figure may have changed, though no record has"
    registry.plugin_figures.clear()
    results.write_report_if_needed()
    assert built == ["s"]
    assert "as before" in capsys.readouterr().out
