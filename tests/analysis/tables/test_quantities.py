"""Quantities of a study: from its records, or, where a record is older than that, from what metrics declare."""

import json
from dataclasses import replace

import msgspec
import numpy as np
import pandas as pd
import pytest

from freerun.analysis.figures import Material
from freerun.analysis.inference.mean_ranks import votes
from freerun.analysis.report import comparison, paper_table, task_findings
from freerun.analysis.report.summary_table import full
from freerun.analysis.report.verdicts import comparisons
from freerun.analysis.tables import player_table, quantities, run_table, tidy
from freerun.analysis.tables.quantities import Quantities, declared
from freerun.errors import StoreError
from freerun.store.player_records import Level, Players
from freerun.store.quantity import Quantity
from freerun.store.record_index import extracts
from synthetic import grid, study, tree

SHARE_PRICE = Quantity(
    label="Share price", unit="share price", better="higher", range=(0.0, 9000.0), part="headline", floor=7.0
)


def rewritten(store, ids, change):
    for run in ids:
        record = store.read(run)
        record.pop("weights", None)
        change(record)
        store.write(record, None)


def gained(quantity):
    """A metric of a plugin beside the others, with what it means."""

    def change(record):
        first = record["series"][0]
        for split, mode in (("test", "forced"), ("test", "free")):
            each = {"split": split, "mode": mode, "metric": "gain", "unit": quantity.unit, "first": 1}
            record["series"].append({**each, "values": [float(i) for i in range(len(first["values"]))]})
        record["quantities"]["gain"] = quantity.written()

    return change


def test_a_metric_that_nobody_knows_means_what_its_record_says(tmp_path):
    store, ids = study(tmp_path, grid(tasks=("lorenz63", "text"), seeds=2))
    rewritten(store, ids, gained(SHARE_PRICE))
    frames = tidy.frames(store, ids, "s")
    found = Quantities(frames.quantities).of("gain", "share price")
    assert (found.label, found.better, found.range) == ("Share price", "higher", (0.0, 9000.0))  # once guessed to be (0, 1)
    # A headline whose floor is known comes before the loss of a text; on values RMSE was there first.
    assert Material.of(frames, {}).primary == {"Lorenz-63": "rmse", "Text": "gain"}


def test_what_players_alone_have_is_known_too(tmp_path):
    """Where a measure is undefined for every model, or its unit says of how many sequences it is, no run has that unit."""
    store, ids = study(tmp_path, grid(seeds=2))
    level = {"player": "truth", "mode": "free", "steps": [0], "values": [1.0]}
    levels = [Level(metric="gain", unit="share price", **level), Level(metric="rmse", unit="of 3 sequences", **level)]
    said = msgspec.Raw(json.dumps({"gain": SHARE_PRICE.written()}).encode())
    record = Players(players="0" * 16, names=["truth"], degenerate=[], best="truth", levels=levels, quantities=said)
    frames = tidy.frames(store, ids, "s")
    players = [(record, frames.runs.iloc[0])]
    known = Quantities(quantities.table(extracts(store, ids, run_table.outcome), players))
    assert list(known.where(player_table.frame(players), "label")) == ["Share price", known.of("rmse", "attractor std").label]


def test_report_and_comparison_judge_a_plugins_metric_the_way_it_says(tmp_path):
    for better, winner, loser in (
        ("higher", "Scheduled sampling", "Teacher forcing"),
        ("lower", "Teacher forcing", "Scheduled sampling"),
    ):

        def change(record, better=better):
            gained(replace(SHARE_PRICE, better=better))(record)
            for each in record["series"][-2:]:
                more = record["experiment"]["regime"]["name"] == "scheduled_sampling"
                each["values"] = [5.0 + more * (1 + 0.1 * record["experiment"]["seed"]) for _ in each["values"]]

        store, ids = study(tmp_path / better, grid(tasks=("text",), seeds=7))
        rewritten(store, ids, change)
        frames = tidy.frames(store, ids, "s")
        material = Material.of(frames, {})
        rows = comparisons(material)
        (row,) = rows[(rows["metric"] == "gain") & (rows["level"] == "free")].to_dict("records")
        assert (row["verdict"], row["better"], row["label"]) == (
            "better" if better == "higher" else "worse",
            better,
            "Share price",
        )
        wanted = 1 if better == "higher" else -1
        assert (np.sign(row["hedges"]), row["delta"], row["improved"]) == (wanted, wanted, max(0, wanted))
        (said,) = [each for each in task_findings.by_task(material, full(material), rows)[0]["points"] if "price free:" in each]
        assert f"Share price free: {'better' if wanted > 0 else 'worse'} for GRU" in said
        ranks = ranking_of(material)
        assert ranks[winner.lower()] < ranks[loser.lower()]
        best = paper_table.tidy(material).query("best and level == 'free'")["method"]
        assert list(best.str.lower()) == [winner.lower()]
        found = comparison.in_study("scheduled_sampling", "teacher_forcing", frames, tmp_path / better)
        assert f"{winner.lower()} is better than {loser.lower()} in its one condition" in found.sentences[0].lower()


def ranking_of(material):
    (row,) = votes(material.whole, material.headlines, material.runs, quantities=material.quantities).to_dict("records")
    return row


def test_the_table_is_the_same_from_the_index_and_from_disk(tmp_path):
    store, ids = study(tmp_path / "store", grid(tasks=("lorenz63", "text"), seeds=2))
    first = tidy.frames(store, ids, "s")
    tidy.write(first, tmp_path / "s")
    for again in (tidy.frames(store, ids, "s"), tidy.read(tmp_path / "s")):
        pd.testing.assert_frame_equal(first.quantities, again.quantities)
        assert vars(Quantities(first.quantities)) == vars(Quantities(again.quantities))


def test_a_record_from_before_means_what_its_metrics_declare(tmp_path):
    store, ids = study(tmp_path / "store", grid(tasks=("lorenz63", "text", "hidden_markov"), seeds=2))
    rewritten(store, ids, gained(SHARE_PRICE))
    rewritten(store, ids, lambda record: record.pop("quantities"))
    frames = tidy.frames(store, ids, "s")
    meant = Quantities(frames.quantities)
    assert meant.of("rmse", "attractor std") == declared("rmse", "attractor std")
    assert meant.of("accuracy", "share").better == "higher"
    unknown = meant.of("gain", "share price")
    assert (unknown.label, unknown.better, unknown.part) == ("gain", "neither", "diagnostic")
    assert Material.of(frames, {}).primary == {"Lorenz-63": "rmse", "Text": "loss", "Hidden Markov": "kl"}
    tidy.write(frames, tmp_path / "s")
    (tmp_path / "s" / "quantities.parquet").unlink()
    assert vars(Quantities(tidy.read(tmp_path / "s").quantities)) == vars(meant)


def test_records_that_contradict_each_other_are_told_of(tmp_path):
    store, ids = study(tmp_path, [tree(seed=seed) for seed in (0, 1)] + [tree(task="text")])
    rewritten(store, ids[:2], gained(SHARE_PRICE))
    other = Quantity(label="Share price", unit="share price", better="lower")
    rewritten(store, ids[2:], gained(other))
    with pytest.raises(StoreError, match="metric gain: some records say better=higher, others lower"):
        Quantities(tidy.frames(store, ids, "s").quantities)
