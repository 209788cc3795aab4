"""Tests of the records of reference players: made beside the runs, once for each seed, and made again where they are lost."""

from __future__ import annotations

import msgspec
import pandas as pd
import pytest

from freerun.analysis.figures import Material
from freerun.analysis.report import paper_table, players_section
from freerun.analysis.tables import tidy
from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import Experiment
from freerun.config.training_settings import Training
from freerun.errors import CorruptRecord
from freerun.execution import group_measurement, group_runner
from freerun.execution.planned_run import plan
from freerun.io import container
from freerun.measurement import player_measurement
from freerun.parts.models.gru import GRU
from freerun.parts.tasks.errors_in_variables import ErrorsInVariables
from freerun.store import player_records, record_scan
from freerun.store.claims import Claims
from freerun.store.records import Store

pytestmark = pytest.mark.usefixtures("players_anew")


def planned(seeds=2, **evaluation):
    task, training = ErrorsInVariables(sequences=40, length=8), Training(updates=2, batch=4)
    asked = Evaluation(**{"sequences": 8, "metrics": ["rmse", "skill", "loss"], **evaluation})
    return plan(
        [
            Experiment(task=task, model=GRU(hidden=hidden), training=training, evaluation=asked, seed=seed)
            for seed in range(seeds)
            for hidden in (2, 3)
        ]
    )


def done(runs, store):
    for run in runs:
        group_runner.run_group([run], store, lambda *_: None, 0)


@pytest.fixture
def made(tmp_path):
    store, runs = Store(tmp_path / "store"), planned()
    store.open()
    done(runs, store)
    return store, runs


def files(store):
    return {path.name: path.read_bytes() for path in store.root.glob("*/*") if path.is_file()}


def test_there_is_one_record_for_each_seed_whatever_the_model(made):
    store, runs = made
    assert len({run.players for run in runs}) == 2
    assert {path.stem for path in store.root.glob("*/*.players")} == {run.players for run in runs}
    assert record_scan.missing(store, [run.id for run in runs]) == []
    read = store.whole(runs[0].id, store.body(runs[0].id), store.body(runs[0].trained))
    assert player_records.of(read) == runs[0].players, "whoever reads the record finds its players"


@pytest.mark.parametrize("damage", ["gone", "torn", "altered", "another's"])
def test_one_that_is_lost_is_made_again_with_the_same_bytes_and_no_run_is_touched(made, damage, monkeypatch):
    store, runs = made
    before, path = files(store), player_records.path(store, runs[0].players)
    if damage == "gone":
        path.unlink()
    elif damage == "another's":
        path.write_bytes(player_records.path(store, runs[2].players).read_bytes())
    else:
        content = path.read_bytes()
        path.write_bytes(content[:-9] if damage == "torn" else content[:-9] + b"x" + content[-8:])
    lost = [run.id for run in runs[:2]]
    assert record_scan.missing(store, [run.id for run in runs]) == lost
    claims = Claims(store)
    assert claims.take([run.id for run in runs]) == lost
    claims.release()
    monkeypatch.setattr(group_runner, "train", lambda *_: pytest.fail("a run was trained"))
    monkeypatch.setattr(group_measurement, "evaluate", lambda *_: pytest.fail("a run was measured"))
    done(runs[:1], store)
    assert files(store) == before
    assert record_scan.missing(store, [run.id for run in runs]) == []


def test_players_that_fail_mark_the_run_and_leave_no_half_of_it(tmp_path, monkeypatch):
    store, (run, *_) = Store(tmp_path / "store"), planned()
    store.open()

    def fails(*_):
        raise ArithmeticError("no player")

    monkeypatch.setattr(player_measurement, "measured", fails)
    group_runner.run_safely([run], store, lambda *_: None, 0)
    assert store.failures.reason(run.id) == "ArithmeticError: no player"
    assert store.has(run.trained)
    assert not store.has(run.id)


def test_what_is_measured_otherwise_has_players_of_its_own(made):
    store, runs = made
    others = planned(seeds=1, horizon=3)
    assert others[0].trained == runs[0].trained
    assert others[0].players not in {run.players for run in runs}
    done(others, store)
    frames = tidy.frames(store, [runs[0].id, others[0].id], "s")
    assert set(frames.players["run"]) == set(frames.runs["run"])


def test_levels_are_those_of_the_metrics_on_the_same_sequences(made):
    store, runs = made
    frames = tidy.frames(store, [run.id for run in runs], "s", {run.id: run.tree for run in runs})
    assert list(frames.players["seed"].unique()) == [0, 1]
    assert list(frames.players["player"].cat.categories) == ["perfect forecast", "climatology", "mean", "persistence"]
    free = frames.players[(frames.players["mode"] == "free") & (frames.players["seed"] == 0)]
    rmse = free[free["metric"] == "rmse"].set_index(["player", "step"])["value"]
    part = ErrorsInVariables(sequences=40, length=8).build(0, 8).splits
    assert rmse["perfect forecast", 0] == 0
    mean = part["train"].targets.double().mean()
    chosen = player_measurement.spread(len(part["test"]), 8)
    errors = (part["test"].targets[:, chosen].double() - mean).square().mean(1).sqrt().mean()
    assert rmse["mean", 0] == pytest.approx(float(errors), rel=1e-6)
    assert rmse["persistence", 1] != rmse["persistence", 8]
    skill = free[(free["metric"] == "skill") & (free["step"] == 0)]
    assert len(skill) in (0, 4), "of every player, or of none"


def test_tables_do_not_depend_on_the_players_and_keep_them(made, tmp_path):
    store, runs = made
    ids = [run.id for run in runs]
    frames = tidy.frames(store, ids, "s")
    tidy.write(frames, tmp_path / "s")
    pd.testing.assert_frame_equal(tidy.read(tmp_path / "s").players, frames.players)
    for path in store.root.glob("*/*.players"):
        path.unlink()
    without = tidy.frames(store, ids, "s")
    assert without.players.empty
    for name in ("runs", "gaps", "compared", "quantities"):
        pd.testing.assert_frame_equal(getattr(without, name), getattr(frames, name))


def test_a_record_is_refused_that_is_none(made):
    store, runs = made
    path = player_records.path(store, runs[0].players)
    sound = msgspec.json.decode(container.unwrapped(path.read_bytes(), player_records.FORM))
    level = sound["levels"][0]
    for wrong in (
        {"players": "x"}, {"names": [*sound["names"], sound["names"][0]]}, {"names": []}, {"degenerate": ["nobody"]},
        {"levels": [level, level]}, {"levels": [{**level, "values": []}]}, {"levels": [{**level, "mode": "both"}]},
        {"levels": [{**level, "unit": "\x1b[2J"}]}, {"quantities": {"rmse": {"better": "who knows"}}},
    ):  # fmt: skip
        path.write_bytes(container.wrapped(msgspec.json.encode({**sound, **wrong}), player_records.FORM))
        with pytest.raises(CorruptRecord):
            player_records.read(store, runs[0].players)
    player_records.write(store, msgspec.convert({**sound, "quantities": msgspec.Raw(b"{}")}, player_records.Players))
    assert player_records.has(store, runs[0].players)


def test_players_stand_in_the_section_and_below_the_methods_of_the_paper_table(made):
    store, runs = made
    material = Material.of(tidy.frames(store, [run.id for run in runs], "s", {run.id: run.tree for run in runs}), {})
    section = players_section.section(material)
    *useless, judged = section.sentences
    assert judged == "Too few seeds for intervals: whether a method beats a player is not judged."
    assert useless == players_section.useless(material)
    assert useless[0].startswith(
        "Errors in variables. Worse than mean and persistence by every headline (means over 2 seeds): GRU"
    )
    names = ["perfect forecast", "climatology", "mean", "persistence"]
    assert [row[0] for row in section.tables[0].rows] == names
    table = paper_table.tidy(material)
    of_players = table["model"] == paper_table.PLAYERS
    assert list(dict.fromkeys(table.loc[of_players, "method"])) == names
    assert of_players.tolist() == sorted(of_players), "players stand below the methods"
    assert (table.loc[of_players, "runs"] == 0).all()


def test_with_three_seeds_it_is_judged_whom_a_method_beats(tmp_path):
    store, runs = Store(tmp_path / "store"), planned(seeds=3)
    store.open()
    done(runs, store)
    material = Material.of(tidy.frames(store, [run.id for run in runs], "s", {run.id: run.tree for run in runs}), {})
    useless = players_section.useless(material)
    sentences = [each for each in players_section.section(material).sentences if each not in useless]
    assert all("headline" in sentence for sentence in sentences)
