"""Merging of the parts of a study: the whole as one sweep gives it, or a refusal before anything is written."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from freerun.cli.main import dispatch
from freerun.errors import ConfigError, StoreError
from freerun.io import container
from freerun.store import player_records, records
from freerun.store.claims import Claims
from freerun.store.records import Store, trained_run
from freerun.sweeps import merging

SMALL = [
    "task=adding", "model=sequence_to_one", "task.sequences=8", "task.length=4", "model.hidden=2", "training.updates=3",
    "training.batch=2", "training.log_every=1", "evaluation.sequences=4", "launcher=inline",
]  # fmt: skip
SIX = ["-m", *SMALL, "seed=range(3)", "training.lr=1e-3,1e-2", "--as", "six"]
PARTS = ["p1", "p2", "p3"]


def shard(folder: Path, number: int, *words: str) -> None:
    assert dispatch(["run", *(words or SIX), "--shard", f"{number}/3", "--results", str(folder)]) == 0


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Three parts of a sweep of six runs, and the sweep in one."""
    folder = tmp_path_factory.mktemp("done")
    for number, name in enumerate(PARTS, 1):
        shard(folder / name, number)
    assert dispatch(["run", *SIX, "--results", str(folder / "one")]) == 0
    return folder


@pytest.fixture
def desk(done, tmp_path, monkeypatch):
    """A copy of them, to work on."""
    shutil.copytree(done, tmp_path / "desk")
    monkeypatch.chdir(tmp_path / "desk")
    return tmp_path / "desk"


def merge(*folders: str) -> int:
    return dispatch(["merge", *(folders or PARTS), "--results", "all"])


def files(folder: Path) -> dict[str, str]:
    """The digest of every file."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != "lock")
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def test_a_run_that_two_places_did_is_taken_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for place in ("p1", "p2"):  # with updates that nothing is logged after, which are timed
        assert dispatch(["run", *SMALL, "training.updates=6", "training.log_every=5", "--as", "one", "--results", place]) == 0
    here, there = (Store(Path(place) / ".store") for place in ("p1", "p2"))
    (run, *_) = here.runs()
    told = here.read(trained_run(run))["provenance"], there.read(trained_run(run))["provenance"]
    assert "update_seconds" in told[0]
    assert told[0] != told[1]
    assert merge("p1", "p2") == 0
    assert files(tmp_path / "all/.store").keys() == files(tmp_path / "p1/.store").keys()


def identities(folder: str) -> list[str]:
    return sorted(path.stem for path in Path(folder).glob(".store/??/*.json"))


def rewritten(folder: str, run: str, change) -> None:
    """Change a record, and write it as a record is written."""
    store = Store(Path(folder) / ".store")
    record = json.loads(store.body(run))
    change(record)
    body = json.dumps(record, sort_keys=True, separators=(",", ":")).encode()
    store.path(run).write_bytes(container.wrapped(body, records.FORM))


def shared(change) -> tuple[str, str]:
    """A part that holds what another one holds, but for a change; a trained run and its measurement."""
    shutil.copytree("p1", "p4")
    run = next(run for run in identities("p4") if "-" in run)
    change(trained_run(run), run)
    return trained_run(run), run


def test_what_is_merged_is_what_one_sweep_gives(desk, capsys):
    before = files(desk)
    assert merge() == 0
    assert "six: 6 runs, 6 done\nfreerun report six --results all makes" in capsys.readouterr().out
    assert {name: digest for name, digest in files(desk).items() if not name.startswith("all/")} == before, "a part was changed"
    assert dispatch(["table", "six", "--results", "all"]) == 0
    merged, swept = files(desk / "all/six"), files(desk / "one/six")
    assert {"study.json", "gaps.parquet", "runs.parquet", "players.parquet", "runs.csv"} < set(merged)
    assert {name: digest for name, digest in merged.items() if name != "manifest.json"} == {
        name: digest for name, digest in swept.items() if name != "manifest.json"
    }
    assert sorted(path.name for path in Path("all").iterdir()) == [".store", "six"]
    weights = [name for name in files(desk / "all/.store") if name.endswith(".safetensors")]
    assert len(weights) == 6
    whole = files(desk / "all")
    assert merge() == 0
    assert "0 records taken, 12 there before" in capsys.readouterr().out
    assert files(desk / "all") == whole


def test_what_is_missing_is_said_and_the_same_command_as_ever_does_it(desk, capsys):
    store = Store(desk / "p2/.store")
    lost = next(run for run in identities("p2") if "-" in run)
    store.path(lost).unlink()
    assert merge("p1", "p2") == 1
    said = capsys.readouterr()
    assert "six: 6 runs, 3 done, 3 pending" in said.out
    assert said.err.splitlines() == [
        "missing of six: part 2 of 3: 1 of its 2 runs not done", "missing of six: part 3 of 3: is not there, 2 runs",
    ]  # fmt: skip
    assert dispatch(["run", *SIX, "--results", "all"]) == 0
    assert "six: 6 runs, 3 done, 3 to do, 1 of them trained before" in capsys.readouterr().out
    assert files(desk / "all/six") == files(desk / "one/six")


def test_a_part_may_come_later(desk, capsys):
    assert merge("p1", "p3") == 1
    assert merge("p2") == 0
    assert "4 records taken, 0 there before\nsix: 6 runs, 6 done\n" in capsys.readouterr().out


@pytest.mark.parametrize("first", ["p1", "p4"])
def test_time_and_place_make_no_other_record(first, desk):
    def change(trained, measured):
        there = {"finished": "2020-01-01T00:00:00+00:00", "machine": "Linux moon", "processor": "x", "commit": "abc"}
        spent = {"training_seconds": 9.0, "updates_per_second": 9.0, "group_size": 7, "resumed_from": [1]}
        rewritten("p4", trained, lambda record: record["provenance"].update(there | spent))
        rewritten("p4", measured, lambda record: record["provenance"].update(evaluation_seconds=9.0))

    trained, _ = shared(change)
    assert merge(first, *{"p1", "p4"}.difference({first}), "p2", "p3") == 0
    kept = Store(desk / "all/.store").path(trained).read_bytes()
    assert kept == Store(desk / first / ".store").path(trained).read_bytes(), "the one that comes first is kept"


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("measured", "series"), ("trained", "curves"), ("arithmetic", "arithmetic"), ("torch", "versions"),
        ("engine", "engine"), ("data", "data"), ("players", "reference players"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("there", [False, True])
def test_two_records_of_one_run_that_differ_are_refused_and_nothing_is_written(there, what, words, desk):
    def change(trained, measured):
        if what == "measured":
            rewritten("p4", measured, lambda record: record["series"][0]["values"].__setitem__(0, 0.5))
        elif what == "trained":
            rewritten("p4", trained, lambda record: record["curves"][0].update(value=0.5))
        elif what == "torch":
            rewritten("p4", trained, lambda record: record["provenance"]["versions"].update(torch="0"))
        elif what == "players":
            path = next(Path("p4/.store").glob("??/*.players"))
            body = container.unwrapped(path.read_bytes(), player_records.FORM)
            path.write_bytes(container.wrapped(body + b" ", player_records.FORM))
        else:
            rewritten("p4", trained, lambda record: record["provenance"].update({what: "another"}))

    run, measured = shared(change)
    if there:
        merge("p1", "p2")
    before = files(desk)
    with pytest.raises(StoreError, match=f"differ(?: in {words})?.*nothing was merged") as refusal:
        merge("p3", "p4") if there else merge("p1", "p2", "p4")
    name = {"measured": measured, "players": words}.get(what, run)
    assert str(refusal.value).startswith(name)
    assert ("all" if there else "p1") + "/.store" in str(refusal.value)
    assert "p4/.store" in str(refusal.value)
    assert files(desk) == before
    assert (desk / "all").exists() == there


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("kind", ["trained", "measured", "weights"])
def test_a_damaged_record_is_left_out_and_told_or_taken_from_elsewhere(kind, desk, capsys):
    measured = next(run for run in identities("p1") if "-" in run)
    path = Store(desk / "p1/.store").path(measured if kind == "measured" else trained_run(measured))
    damage(path.with_suffix(".safetensors") if kind == "weights" else path)
    broken = files(desk / "p1")
    assert merge() == 1
    said = capsys.readouterr()
    assert said.err.count("damaged, left out: p1/.store/") == 1
    assert "missing of six: part 1 of 3: 1 of its 2 runs not done" in said.err
    assert files(desk / "p1") == broken
    assert (trained_run(measured) in identities("all")) == (kind == "measured")
    assert merge("one") == 0
    capsys.readouterr()
    assert dispatch(["status", "six", "--results", "all"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split()[:3] == ["six", "6", "6"]


@pytest.mark.parametrize("kind", ["trained", "weights"])
def test_a_damaged_record_of_the_destination_is_put_right(kind, desk):
    assert merge() == 0
    run = trained_run(identities("p2")[0])
    path = Store(desk / "all/.store").path(run)
    damage(path.with_suffix(".safetensors") if kind == "weights" else path)
    broken = path.read_bytes()
    assert merge() == 0
    store = Store(desk / "all/.store")
    assert store.has(run)
    assert [aside.read_bytes() for aside in (store.root / "aside").glob("*")] == ([broken] if kind == "trained" else [])
    assert store.weights(run).keys() == Store(desk / "p2/.store").weights(run).keys()


def test_what_is_unfinished_comes_too(desk, capsys):
    """Why a run has failed, the checkpoint it goes on from, its plan, and what nobody was told."""
    store = Store(desk / "p1/.store")
    measured = next(run for run in identities("p1") if "-" in run)
    run = trained_run(measured)
    for name in (measured, run):
        store.path(name).unlink()
    store.failures.note(measured, "no such luck")
    store.failures.log(measured, "a long story")
    for suffix in (".checkpoint", ".plan"):
        store.path(run).with_suffix(suffix).write_text(suffix)
    (store.root / "notes").mkdir()
    (store.root / "notes" / run).write_text("begins anew")
    assert merge() == 1
    assert "six: 6 runs, 5 done, 1 failed" in capsys.readouterr().out
    there = Store(desk / "all/.store")
    assert there.failures.reason(measured) == "no such luck"
    assert there.path(measured).with_suffix(".log").read_text() == "a long story"
    assert [there.path(run).with_suffix(suffix).read_text() for suffix in (".checkpoint", ".plan")] == [".checkpoint", ".plan"]
    assert (there.root / "notes" / run).read_text() == "begins anew"
    assert merge("one") == 0, "a record forgets the failure"
    assert there.failures.reason(measured) is None


def test_records_of_two_arithmetics_are_told(desk, capsys):
    for run in identities("p2"):
        rewritten("p2", run, lambda record: record["provenance"].update(arithmetic="an abacus"))
    assert merge() == 0
    said = capsys.readouterr().err
    assert said.startswith("note: these records are of 2 arithmetics, whose bits may differ: an abacus; torch")


def another(desk: Path, number: int = 2, **changes) -> None:
    """Write another study file into a part."""
    path = desk / f"p{number}/six.part{number}of3/study.json"
    info = json.loads(path.read_text())
    info["part"]["whole"].update(changes)
    path.write_text(json.dumps(info))


def link(desk: Path) -> None:
    (desk / "p2/.store/zz").symlink_to(desk / "p1")


def of_other_runs(desk: Path) -> None:
    shutil.rmtree(desk / "p2")
    shard(desk / "p2", 2, *SIX[:-1], "six", "training.updates=2")


def newer(desk: Path) -> None:
    path = Store(desk / "p2/.store").path(identities("p2")[0])
    path.write_bytes(path.read_bytes().replace(b'"format": 1', b'"format": 9', 1))


REFUSED = {
    "twice": (lambda desk: None, [*PARTS, "./p1"], ConfigError, "p1: is given twice"),
    "destination": (lambda desk: None, [*PARTS, "all"], ConfigError, "all: is where the results go"),
    "nothing": (lambda desk: None, ["p1", "nowhere"], ConfigError, "nowhere: there are no results here$"),
    "a study": (lambda desk: None, ["p1/six.part1of3"], ConfigError, r"no results here; is it p1\?"),
    "outer": (lambda desk: (desk / "p3").rename(desk / "results"), ["."], ConfigError, r"no results here; is it results\?"),
    "renamed": (
        lambda desk: (desk / "p2/six.part2of3").rename(desk / "p2/mine"), PARTS, ConfigError,
        "mine: holds part 2 of 3 of a study, whose folder has to be named NAME.part2of3",
    ),
    "other runs": (of_other_runs, PARTS, ConfigError, "'six': p1/six.part1of3 and p2/six.part2of3 have other runs"),
    "other title": (lambda desk: another(desk, title="Seven"), PARTS, ConfigError, "have another title; nothing was merged"),
    "other margin": (lambda desk: another(desk, margin=0.5), PARTS, ConfigError, "have another margin; nothing was merged"),
    "link": (link, PARTS, StoreError, "p2/.store/zz: is a link"),
    "newer": (newer, PARTS, StoreError, r"a newer Freerun wrote it \(record 9, here 1\); update Freerun"),
    "no study": (
        lambda desk: [(desk / "all/six").mkdir(parents=True), (desk / "all/six/thesis.txt").touch()], PARTS, ConfigError,
        "all/six: holds files but no study.json",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_merged_is_refused_in_one_line_and_nothing_is_written(case, desk):
    prepare, folders, kind, words = REFUSED[case]
    prepare(desk)
    before = files(desk)
    with pytest.raises(kind, match=words):
        merge(*folders)
    assert files(desk) == before
    assert not (desk / "all/.store").exists()


def test_a_study_of_other_runs_under_the_name_is_refused(desk):
    assert dispatch(["run", *SIX[:-1], "six", "training.updates=2", "--results", "all"]) == 0
    before = files(desk)
    with pytest.raises(ConfigError, match=r"study 'six': all/six and p1/six\.part1of3 have other runs; nothing was merged"):
        merge()
    assert files(desk) == before


def test_a_part_that_is_at_work_is_refused(desk):
    with Claims(Store(desk / "p2/.store")).presence(), pytest.raises(StoreError, match=r"p2/\.store: a sweep is at work here"):
        merge()
    assert merge() == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda part: part.update(number=4), lambda part: part.update(of=1), lambda part: part["parts"].append(1),
        lambda part: part["parts"].__setitem__(0, 0), lambda part: part["parts"].reverse(), lambda part: part.update(of=10**9),
        lambda part: part["whole"].update(part=json.loads(json.dumps(part))), lambda part: part["whole"]["ids"].reverse(),
    ],
)  # fmt: skip
def test_a_study_file_that_cannot_be_a_part_is_damaged(change, desk):
    path = desk / "p2/six.part2of3/study.json"
    info = json.loads(path.read_text())
    change(info["part"])
    path.write_text(json.dumps(info))
    with pytest.raises(ConfigError, match=r"p2/six\.part2of3/study\.json: damaged"):
        merge()
    assert not (desk / "all").exists()


def test_a_record_that_changes_while_it_is_merged_is_not_taken(desk, monkeypatch):
    survey = merging.merging.survey
    run = identities("p2")[0]

    def and_then(*given):
        seen = survey(*given)
        rewritten("p2", run, lambda record: record["provenance"].update(training_seconds=1e6))
        return seen

    monkeypatch.setattr(merging.merging, "survey", and_then)
    with pytest.raises(StoreError, match="has changed since it was looked at; run the same command again"):
        merge()
    assert run not in identities("all")
    monkeypatch.undo()
    monkeypatch.chdir(desk)
    assert merge() == 0


def test_an_interrupted_merge_goes_on(desk, monkeypatch):
    """Wherever it stops: no record is there without its weights, and the same command ends as it would have."""
    write, count = records.write_atomic, 0
    for last in range(1, 100):
        count = 0

        def stop(path, content, last=last):
            nonlocal count
            count += 1
            if count > last:
                raise KeyboardInterrupt
            write(path, content)

        monkeypatch.setattr(merging.merging, "write_atomic", stop)
        try:
            merge()
            break
        except KeyboardInterrupt:
            store = Store(desk / "all/.store")
            assert all(store.has(run) for run in identities("all"))
    assert 3 < last < 99
    assert identities("all") == identities("one")
    assert {path.suffix for path in Path("all/.store").glob("??/*")} == {".json", ".safetensors", ".players"}


def test_runs_that_are_measured_anew_in_parts_are_merged_too(desk, capsys):
    for number, name in enumerate(PARTS, 1):
        words = ["evaluation.sequences=8", "--as", "wide", "launcher=inline", "--results", name]
        assert dispatch(["measure", f"six.part{number}of3", *words]) == 0
    assert "wide, part 3 of 3: 2 runs, 2 done" in capsys.readouterr().out
    assert merge() == 0
    said = capsys.readouterr().out
    assert "six: 6 runs, 6 done" in said
    assert "wide: 6 runs, 6 done" in said
    words = ["measure", "six", "evaluation.sequences=8", "--as", "wide", "launcher=inline"]
    assert dispatch([*words, "--results", "one"]) == 0
    assert files(desk / "all/wide")["study.json"] == files(desk / "one/wide")["study.json"]
    other = json.loads(Path("p1/six.part1of3/study.json").read_text())
    other["part"]["parts"].reverse()  # divided otherwise than it would be here
    whole = other["part"]["whole"]
    other["ids"] = [run for run, number in zip(whole["ids"], other["part"]["parts"], strict=True) if number == 1]
    other["planned"] = {run: whole["planned"][run] for run in other["ids"]}
    Path("one/six.part1of3").mkdir()
    Path("one/six.part1of3/study.json").write_text(json.dumps(other))
    assert dispatch(["measure", "six.part1of3", *words[2:3], "--as", "turned", "launcher=inline", "--results", "one"]) == 0
    measured = json.loads(Path("one/turned.part1of3/study.json").read_text())["ids"]
    assert list(map(trained_run, measured)) == list(map(trained_run, other["ids"]))
    with pytest.raises(ConfigError, match=r"six\.part1of3: is a part of a study already; leave out --shard"):
        dispatch(["measure", "six.part1of3", "--shard", "1/2", "--results", "p1"])
    assert dispatch([*words[:3], "--as", "other", "launcher=inline", "--shard", "1/2", "--results", "one"]) == 0
    assert "other, part 1 of 2: 3 runs, 3 done" in capsys.readouterr().out
