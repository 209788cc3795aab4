"""Tests of what stands in the report's tables: each measure at its own step, the end of a schedule, what was lost."""

import numpy as np

from freerun.analysis.figures import Material
from freerun.analysis.report import page, paper_table
from freerun.analysis.report.summary_table import full, short
from freerun.analysis.report.verdicts import comparisons
from freerun.analysis.tables import tidy
from synthetic import grid, study, tree


def material(folder, experiments, change, statuses=None):
    """A study whose records were changed before they were read."""
    store, ids = study(folder, experiments, statuses)
    for run in ids:
        if store.checksum(run):
            record = store.read(run)
            record.pop("weights", None)
            change(record, np.random.default_rng(int(run, 16)))
            store.write(record, None)
    return Material.of(tidy.frames(store, ids, "s"), {})


def comparison(name, unit, numbers, first=0):
    return {"split": "test", "metric": name, "unit": unit, "first": first, "values": numbers, "low": None, "high": None}


def own_metric(name="nearness", part="companion"):
    """A measure of a plugin, one value for each step, beside those of the task."""

    def change(record, chance):
        for series in [each for each in record["series"] if each["metric"] == "loss"]:
            halved = [
                each / (1 + (record["experiment"]["regime"]["name"] == "scheduled_sampling")) for each in series["values"]
            ]
            record["series"].append({**series, "metric": name, "unit": "hops", "values": halved})
        record["quantities"][name] = {"label": "Nearness", "unit": "hops", "better": "lower", "part": part}

    return change


def test_a_measure_of_a_plugin_stands_in_the_report_and_is_compared(tmp_path):
    """With a value for each step, beside the task's own error: not only those of whole rollouts."""
    of = material(tmp_path, grid(seeds=3), own_metric())
    assert "Nearness" in set(full(of)["label"])
    assert {"free", "forced"} == set(comparisons(of).query("metric == 'nearness'")["level"])
    assert set(of.primary.values()) == {"rmse"}


def test_a_mere_diagnostic_stays_in_the_tables(tmp_path):
    of = material(tmp_path, grid(seeds=3), own_metric(part="diagnostic"))
    assert "Nearness" not in set(full(of)["label"])
    assert "nearness" in set(of.whole["metric"].astype("str"))


def test_the_end_of_a_schedule_stands_in_every_table(tmp_path):
    """Where it does not differ, so that no label has it, and once alone where it does."""
    ends = ((0.25,), (0.25, 0.5))
    for number, swept in enumerate(ends):
        runs = [tree(regime="scheduled_sampling", regime__end=end, seed=s) for end in swept for s in range(3)]
        folder = tmp_path / str(number)
        of = material(folder, [*grid(regimes=("teacher_forcing",)), *runs], lambda record, chance: None)
        said = {row["method"] for row in page.summary_rows(full(of))}
        assert said == {"teacher forcing", *(f"scheduled sampling (end={end})" for end in swept)}
        store, ids = study(folder / "again", runs[:3])
        text = paper_table.write(tidy.frames(store, ids, "s"), folder, "md").read_text()
        assert "scheduled sampling (end=0.25)" in text


def test_a_method_of_which_every_run_is_lost_stays_in_the_tables(tmp_path):
    """Under the error of its task, beside the others, with its count."""
    experiments = grid(regimes=("teacher_forcing", "free_running"))
    lost = dict.fromkeys(range(3, 6), ("diverged", "x"))
    of = material(tmp_path / "a", experiments, lambda record, chance: None, lost)
    shown = [(row["measure"], row["method"], row["lost"]) for row in page.summary_rows(full(of))]
    assert shown[:2] == [
        ("RMSE (attractor std)", "teacher forcing", "0 of 3 [0, 0.708]"),
        ("RMSE (attractor std)", "free running", "3 of 3 [0.292, 1.00]: 3 diverged"),
    ]
    assert list(short(full(of))["regime"]) == ["teacher forcing", "free running"]
    store, ids = study(tmp_path / "b", experiments, lost)
    text = paper_table.write(tidy.frames(store, ids, "s"), tmp_path, "md").read_text()
    assert "| Lorenz-63: RMSE (attractor std) | GRU | free running | undefined | undefined | undefined | 0 | 3 of 3" in text
