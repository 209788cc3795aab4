"""Tests of the forms of a report: without records, on paper, and on two studies."""

import json
import re
import shutil

import pytest

from freerun.analysis import outputs, report
from freerun.analysis.figures import Drawn, Material
from freerun.analysis.report import pdf, report_data
from freerun.analysis.tables import tidy
from freerun.cli.main import dispatch
from freerun.errors import ConfigError, StoreError
from freerun.store import manifest
from freerun.store.results_folder import Place
from synthetic import grid, study, tree

PIXEL = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x01\x00\x00\x00\x01\x00"
DRAWING = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="40" height="20"/></svg>'
EXPERIMENTS = [tree(seed=0), tree(seed=1), tree("text")]


def sketch(tables, samples, folder, *_):
    """Figures of one pixel; that of orbits only where there are any to draw."""
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    kinds = {sample["kind"] for sample in samples.values()}
    shown = [("gap_by_model", False), *([("orbit_gru", True)] if "orbit" in kinds else []), ("text_samples", True)]
    for name, _ in shown:
        (folder / "figures" / f"{name}.png").write_bytes(PIXEL)
        (folder / "figures" / f"{name}.svg").write_bytes(DRAWING)
    return [Drawn(name=name, caption=f"What {name} shows.", sampled=sampled) for name, sampled in shown]


@pytest.fixture
def sketched(monkeypatch):
    """Figures that take no time."""
    monkeypatch.setattr(report.figures, "write", sketch)


def kept(results, name, experiments=EXPERIMENTS, statuses=None):
    """A study under some results, with all it is made of."""
    _, ids = study(results / ".store", experiments, statuses)
    (results / name).mkdir(parents=True)
    info = {"name": name, "ids": ids, "planned": dict(zip(ids, experiments, strict=True)), "command": f"freerun study {name}"}
    (results / name / "study.json").write_text(json.dumps(info))
    return Place(results=results)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A study with its report, whose records are gone."""
    results = tmp_path_factory.mktemp("first") / "results"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report.figures, "write", sketch)
        outputs.of("s", kept(results, "s")).write_report()
    shutil.rmtree(results / ".store")
    return results


@pytest.fixture
def built(first, tmp_path, sketched):
    """A copy of it."""
    return Place(results=shutil.copytree(first, tmp_path / "results"))


def test_without_records_the_report_is_the_same_but_for_what_no_table_holds(built, capsys):
    folder = built.folder("s")
    before = {name: (folder / name).read_bytes() for name in ("report.md", "report.html", report_data.NAME)}
    assert b"orbit_gru" in before["report.md"]
    outputs.of("s", built).write_report()
    assert {name: (folder / name).read_bytes() for name in before} == before
    assert "there are no records of s: its report is built from the tables in" in capsys.readouterr().err
    digests = json.loads((folder / manifest.NAME).read_text())
    assert {"report.md", "report.html", report_data.NAME, "gaps.parquet"} <= set(digests["files"])
    assert not manifest.matches(folder, built.store, outputs.of("s", built).info)


def test_without_its_data_the_report_says_what_it_lacks(built, capsys):
    folder = built.folder("s")
    (folder / report_data.NAME).unlink()
    outputs.of("s", built).write_report()
    assert "it lacks what models wrote, orbits, and how long training took" in capsys.readouterr().err
    page = (folder / "report.md").read_text()
    assert "orbit_gru" not in page
    assert "## Samples" not in page
    assert "Training time" not in page
    (folder / report_data.NAME).write_text('{"samples": 3}')
    with pytest.raises(StoreError, match=r"report_data.json: cannot be read: .*; remove it to build the report"):
        outputs.of("s", built).write_report()


def test_tables_of_other_runs_are_not_taken_for_those_of_the_study(built):
    """Nor those of a study whose runs have failed since; what has neither records nor tables is refused as before."""
    folder = built.folder("s")
    info = json.loads((folder / "study.json").read_text())
    assert outputs.of("s", built).kept
    built.store.failures.note(info["ids"][0], "boom")
    assert not outputs.of("s", built).kept
    shutil.rmtree(built.results / ".store")
    other = {**info, "ids": [f"{7:016x}"], "planned": {f"{7:016x}": tree()}}
    (folder / "study.json").write_text(json.dumps(other))
    with pytest.raises(ConfigError, match="its run has no record"):
        outputs.of("s", Place(results=built.results))


def test_samples_are_kept_of_what_is_shown_alone(tmp_path):
    """Of one seed a condition, and of the kinds that the page has in words."""
    store, ids = study(tmp_path / "store", EXPERIMENTS)
    data, seconds = report_data.from_records(store, ids)
    assert len(data.samples) == len(ids)
    material = Material.of(tidy.frames(store, ids, "s"), data.samples)
    report_data.write(tmp_path, data, material)
    again = report_data.read(tmp_path)
    assert {sample["kind"] for sample in again.samples.values()} == {"text"}
    assert len(again.samples) == 1
    assert again.cost == data.cost
    assert len(report_data.by_condition(material, seconds)) == 2
    assert report_data.by_condition(material, {}) == []


def test_on_paper_it_begins_alike_and_nothing_of_it_is_obeyed(built, tmp_path):
    pytest.importorskip("typst", reason="the extra pdf is missing")
    outputs.of("s", built).write_report(on_paper=True)
    assert (built.folder("s") / "report.pdf").read_bytes().startswith(b"%PDF")
    hostile = '#read("/study.json") $x$ *b* \\ <l> @r [ ] // "'
    content = {
        "info": {"name": "s", "title": hostile, "question": hostile}, "opening": [hostile], "key": [], "answer": None,
        "sections": [],
    }  # fmt: skip
    assert pdf.pdf(content, tmp_path) == pdf.pdf(content, tmp_path)


def test_without_the_package_one_line_says_what_to_install(built, monkeypatch):
    monkeypatch.setattr(pdf.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"report.pdf takes the package typst, an extra: pip install 'freerun\[pdf\]'"):
        dispatch(["report", "s", "--results", str(built.results), "--pdf"])


def test_a_report_on_two_studies_says_which_is_better_and_what_only_one_has(tmp_path, sketched, capsys):
    experiments = grid(seeds=5)
    place = kept(tmp_path / "results", "a", experiments)
    more = [*experiments, *grid(models=("lstm",), seeds=2)]
    store, _ = study(tmp_path / "other", more)
    ids = [f"{number + 1:016x}" for number in range(len(more))]
    tables = tidy.frames(store, ids, "b")
    (place.results / "b").mkdir()
    tidy.write(tables, place.results / "b")
    info = {"name": "b", "ids": ids, "planned": dict(zip(ids, more, strict=True)), "command": "freerun study b"}
    (place.results / "b" / "study.json").write_text(json.dumps(info))
    assert dispatch(["report", "a", "b", "--results", str(place.results)]) == 0
    assert "report: " in (said := capsys.readouterr().out)
    assert "results/a/report_a_vs_b.html" in said
    page = (place.folder("a") / "report_a_vs_b.md").read_text()
    opening = page.split("![Figure 1](figures/compare_a_vs_b.png)")[0]
    assert "Over 5 seeds (repeated trainings), a " in opening
    assert "2 conditions of b are not in the other study" in opening.casefold()
    assert re.search(r"### Only in b\n\n- Lorenz-63, LSTM, teacher forcing\n- Lorenz-63, LSTM, scheduled sampling\n", page)
    assert "### Only in a\n\n- Nothing." in page
    assert (place.folder("a") / "figures" / "compare_a_vs_b.svg").is_file()
    assert "report_a_vs_b.html" in json.loads((place.folder("a") / manifest.NAME).read_text())["beside"]


def test_what_cannot_be_compared_is_refused(tmp_path):
    place = kept(tmp_path / "results", "a", grid(seeds=1))
    for words, why in ((["a", "a"], "the two are the same"), (["a", "b", "c"], "one study, or two that are compared; got 3")):
        with pytest.raises(ConfigError, match=why):
            dispatch(["report", *words, "--results", str(place.results)])
