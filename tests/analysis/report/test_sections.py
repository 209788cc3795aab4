"""Tests of the report's sections: the exposure bias, growth and recovery, results across tasks."""

import numpy as np
import pytest

from freerun.analysis import report
from freerun.analysis.figures import Material
from freerun.analysis.inference.random_effects import Summary
from freerun.analysis.report import across_tasks_section, cautions, companion_measures, error_growth_section, exposure_section
from freerun.analysis.report.number_text import RISK
from freerun.analysis.tables import tidy
from freerun.store.quantity import Quantity
from synthetic import grid, study

LENGTH = 8


def changed(folder, experiments, change, statuses=None):
    """A study whose records were changed before they were read."""
    store, ids = study(folder, experiments, statuses)
    for run in ids:
        if store.checksum(run):
            record = store.read(run)
            record.pop("weights", None)
            change(record, np.random.default_rng(int(run, 16)))
            store.write(record, None)
    return store, ids


def material(folder, experiments, change, statuses=None):
    store, ids = changed(folder, experiments, change, statuses)
    return Material.of(tidy.frames(store, ids, "s"), {})


def values(record, mode, name="rmse"):
    return next(each for each in record["series"] if (each["split"], each["mode"], each["metric"]) == ("test", mode, name))


def comparison(name, unit, numbers, first=0):
    return {"split": "test", "metric": name, "unit": unit, "first": first, "values": numbers, "low": None, "high": None}


def floored(share, name="chaos_floor"):
    """A floor that makes `share` of the gap."""

    def change(record, chance):
        forced, free = (np.array(values(record, mode)["values"]) for mode in ("forced", "free"))
        floor = forced + share * (1 + 0.01 * chance.normal()) * (free - forced)
        record["comparisons"].append(comparison(name, "attractor std", floor.tolist(), first=1))

    return change


def answered(factor):
    """A one-step error at own states `factor` times that at true ones, a drift floor, and the part of exposure."""

    def change(record, chance):
        floored(0.5, "drift_floor")(record, chance)
        record["comparisons"].append(comparison("exposure_part", "nats", [np.log(1.25)] * LENGTH, first=1))
        meant = Quantity(
            label="Own-state error", unit="attractor std", better="lower", range=(0.0, np.inf), scale="ratio",
            account="one-step error",
        )  # fmt: skip
        record["quantities"]["own_state_error"] = meant.written()
        for mode, times in (("forced", 1.0), ("free", factor)):
            errors = 0.01 * times * np.exp(0.01 * chance.normal(size=LENGTH))
            each = {"split": "test", "mode": mode, "metric": "own_state_error", "unit": "attractor std", "first": 1}
            record["series"].append({**each, "values": errors.tolist()})

    return change


def test_exposure_bias_is_the_one_step_error_at_own_states(tmp_path):
    for factor, words in (
        (2.0, "larger when the model is fed its own output, which is exposure bias, in 2"),
        (0.5, "smaller when the model is fed its own output in 2"),
    ):
        found = exposure_section.section(material(tmp_path / str(factor), grid(seeds=4), answered(factor)))
        assert found.sentences[0] == f"Of 2 conditions the one-step error is {words}, {RISK}."
        steps, parts = found.tables
        assert steps.rows[0][5].startswith("\N{MULTIPLICATION SIGN}2.0" if factor > 1 else "\N{MULTIPLICATION SIGN}0.50")
        assert parts.rows[0][5].startswith("\N{MULTIPLICATION SIGN}1.25")
        assert found.sentences[1].startswith(
            "On Lorenz-63, by teacher forcing, the free error exceeds the forced one by these factors,"
        )
        assert all(word in found.sentences[1] for word in ("accumulation", "exposure", "coherent drift"))
        assert len(found.sentences) == 2


def test_the_parts_multiply_to_the_free_error(tmp_path):
    found = exposure_section.section(material(tmp_path, grid(seeds=4), answered(1.0)))
    whole, *parts = (float(cell[1:].split(" ")[0]) for cell in found.tables[1].rows[0][3:7])
    assert np.prod(parts) == pytest.approx(whole, rel=0.02)


def test_what_the_one_step_error_leaves_out_is_said(tmp_path):
    def left(record, chance):
        answered(0.5)(record, chance)
        where = {"conditioned": "prefixes inside", "left_out": "outside"}
        meant = Quantity(label="TV", unit="probability", better="lower", account="one-step error", **where)
        share = Quantity(label="Outside", unit="share", better="lower")
        record["quantities"] |= {"own_state_error": meant.written(), "outside": share.written()}
        for each in record["series"]:
            if each["metric"] == "own_state_error":
                each["unit"] = "probability"
        for mode, value in (("forced", 0.0), ("free", 0.25)):
            each = {"split": "test", "mode": mode, "metric": "outside", "unit": "share", "first": 1}
            record["series"].append({**each, "values": [value] * LENGTH})

    found = exposure_section.section(material(tmp_path, grid(seeds=4), left))
    said = "over prefixes inside (what the source can write at all) alone; of those that the models make themselves 25 % lie"
    assert said in found.sentences[1]


def test_a_chaos_floor_alone_shows_no_exposure_bias(tmp_path):
    """What lies above what the world makes of the first error alone was once called that."""
    found = exposure_section.section(material(tmp_path, grid(seeds=4), floored(0.25)))
    assert found.tables == []
    assert found.sentences == [
        "On Lorenz-63 no one-step error against the true answer is measured, so only the whole difference, free minus forced, "
        "is known, and no part of it is shown to be exposure bias."
    ]
    assert found.figure == "chaos_floor"


def test_where_nothing_is_fed_back_there_is_no_section(tmp_path):
    assert exposure_section.section(material(tmp_path, grid(tasks=("adding",)), lambda *_: None)) is None


def test_without_a_floor_there_is_a_caution(tmp_path):
    store, ids = study(tmp_path / "s", grid())
    report.build(tmp_path, store, {"name": "s", "ids": ids})
    assert "In a chaotic system every error grows by itself" in (tmp_path / "report.md").read_text()


def exponential(record, chance):
    rate = 0.3 + 0.01 * chance.normal()
    values(record, "free")["values"] = (0.01 * np.exp(rate * np.arange(1, LENGTH + 1))).tolist()


def test_growth_is_a_measured_claim(tmp_path):
    found = error_growth_section.section(material(tmp_path, grid(seeds=4), exponential))
    assert found.sentences[0] == "From the release on the free error grows exponentially in 2 of 2 conditions."
    assert "Lorenz-63, RMSE free, teacher forcing: GRU: grows exponentially, by a factor e in 3." in found.sentences[1]
    assert found.tables[0].rows[0][4] == "exponential"


def test_the_best_of_some_forms_is_no_law(tmp_path):
    """An error that grows ever more slowly is fitted by some form; that it misses the first steps is said beside it."""

    def slowing(record, chance):
        errors = np.exp(-6 + 4 * np.log(np.arange(1, LENGTH + 1)) + 0.01 * chance.normal())
        errors[1::3] *= 3
        values(record, "free")["values"] = errors.tolist()

    found = error_growth_section.section(material(tmp_path, grid(seeds=4), slowing))
    assert "That is the form that fits best and no law: in 2 it misses the mean error of some step by" in found.sentences[0]
    assert float(found.tables[0].rows[0][-2]) > 1.25


def test_a_rate_of_few_seeds_says_so_and_is_not_that_of_the_true_system(tmp_path):
    """Fresh errors at every step let an error grow faster than the exponent, whatever the model does."""

    def rated(record, _):
        rate = None if record["experiment"]["seed"] else 0.2
        for name, label, floor, value in (
            ("rate", "Growth rate", "exponent_true", rate), ("exponent", "Largest exponent", "exponent_true", 0.02),
            ("exponent_true", "Largest exponent, truth", None, 0.02),
        ):  # fmt: skip
            record["comparisons"].append(comparison(name, "1/step", [value]))
            meant = Quantity(label=label, unit="1/step", better="neither", floor=floor, part="diagnostic")
            record["quantities"][name] = meant.written()

    found = error_growth_section.section(material(tmp_path, grid(seeds=4), rated))
    said = {sentence.split(" (1/step)")[0].split(", ")[-1]: sentence for sentence in found.sentences}
    assert "GRU 0.200 (of 1 of 4 seeds)" in said["Growth rate"]
    assert "for scale, Largest exponent, truth: 0.0200; fresh errors at every step" in said["Growth rate"]
    assert said["Largest exponent"].endswith("beside it, Largest exponent, truth: 0.0200.")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (-0.2, "lies below 0 (self-recovery) in 2"),
        (0.2, "lies above 0 (incremental distortion) in 2"),
        (0.0, "has an interval that includes 0 in 2"),
    ],
)
def test_recovery_is_said(tmp_path, change, words):
    def recovered(record, chance):
        value = change + 0.01 * (chance.integers(2) * 2 - 1 if change else record["experiment"]["seed"] - 1.5)
        record["comparisons"].append(comparison("recovery_change", "nats", [value]))

    found = error_growth_section.section(material(tmp_path, grid(tasks=("hidden_markov",), seeds=4), recovered))
    assert f"goes on from: {words} (Hidden Markov 2) of 2 conditions." in found.sentences[-1]


def test_a_change_that_is_shown_by_its_own_interval_alone_says_so(tmp_path):
    def slight(record, _):
        noise = (-1.2, -0.5, 0.4, 1.3)[record["experiment"]["seed"]]
        record["comparisons"].append(comparison("recovery_change", "nats", [0.2 + 0.1 * noise]))

    found = error_growth_section.section(material(tmp_path, grid(tasks=("hidden_markov",), seeds=4), slight))
    assert "lies above 0 (incremental distortion) in 2" in found.sentences[-1]
    tasks = ("hidden_markov", "embedded_reber")
    found = error_growth_section.section(material(tmp_path / "more", grid(tasks=tasks, seeds=4), slight))
    assert found.sentences[-1].endswith(f"Each by its own 95 % interval; 0 are shown {RISK}.")


def tilted(factors, spread=0.0):
    """Free errors times a factor for each regime, with its own chance by seed and task."""

    def change(record, chance):
        factor = factors.get(record["experiment"]["regime"]["name"], 1)
        for each in record["series"]:
            if each["mode"] == "free":
                each["values"] = (factor * np.exp(spread * chance.normal()) * np.array(each["values"])).tolist()

    return change


TASKS = ("lorenz63", "hidden_markov", "embedded_reber", "text", "adding", "task6")


def test_what_holds_over_tasks_is_said(tmp_path):
    change = tilted({"scheduled_sampling": 0.1, "free_running": 0.01})
    regimes = ("teacher_forcing", "scheduled_sampling", "free_running")
    found = across_tasks_section.section(material(tmp_path, grid(tasks=TASKS, regimes=regimes, seeds=3), change))
    assert "Over 6 tasks free running has the best mean rank of 3 methods, 1.00" in found.sentences[0]
    assert found.tables[0].rows[0][1] == "free running 1.00, scheduled sampling 2.00, teacher forcing 3.00"
    assert found.sentences[1].endswith(": an effect on an average task, which a new one need not have.")
    assert found.tables[1].rows[0][0] == "scheduled sampling"
    assert found.figure == "ranking"


def test_what_differs_from_task_to_task_holds_over_none(tmp_path):
    found = across_tasks_section.section(material(tmp_path, grid(tasks=TASKS, seeds=3), tilted({}, spread=0.3)))
    assert "no difference between them is shown" in found.sentences[0]
    assert "no effect on an average task is shown" in found.sentences[1]


def test_an_effect_on_an_average_task_need_not_hold_on_a_new_one():
    """The mean of six tasks is above 0 and one of them is below: that holds over no tasks."""
    known = {"mean": 0.2, "tau": 0.2, "share": 0.9, "tasks": 6, "high": 0.3, "new_high": 0.9}
    said = across_tasks_section._shown(Summary(low=0.1, new_low=-0.5, **known))
    assert said == "an effect on an average task, which a new one need not have"
    assert across_tasks_section._shown(Summary(low=0.1, new_low=0.05, **known)) == "an effect on an average task"
    assert across_tasks_section._shown(Summary(low=-0.1, new_low=-0.5, **known)) == "no effect on an average task is shown"


def test_two_tasks_hold_nothing(tmp_path):
    assert across_tasks_section.section(material(tmp_path, grid(tasks=TASKS[:2], seeds=3), tilted({}))) is None


def everything(record, chance):
    floored(0.5)(record, chance)
    answered(1.5)(record, chance)
    record["comparisons"] += [
        comparison(name, "nats", [float(chance.random())]) for name in ("d_stsp", "d_stsp_floor", "d_flow", "recovery_change")
    ]


def test_below_three_seeds_no_section_has_an_interval(tmp_path):
    of = material(tmp_path, grid(seeds=2), everything)
    for each in (exposure_section, error_growth_section):
        found = each.section(of)
        assert not any(
            "[" in text for text in [*found.sentences, *(cell for of in found.tables for row in of.rows for cell in row)]
        )


def test_what_is_blind_to_time_reversal_stands_beside_what_is_not(tmp_path):
    of = material(tmp_path, grid(seeds=3), everything)
    assert companion_measures.blind(of) == [
        "Between an orbit and the same orbit run backwards in time these are 0: state-space divergence, as published; the "
        "displacement distance is not, so read them together."
    ]
    said = {row["measure"] for row in companion_measures.rows(of)}
    assert {
        "State-space divergence, as published (blind to the direction of time)",
        "Displacement distance (sees the direction of time)",
    } <= said


def test_every_section_stands_on_both_pages_with_its_figure(tmp_path):
    store, ids = changed(tmp_path / "s", grid(tasks=("lorenz63", "task2", "task3"), seeds=3), lambda record, chance: (
        everything(record, chance) if record["experiment"]["task"]["name"] == "lorenz63" else None
    ))  # fmt: skip
    html = report.build(tmp_path, store, {"name": "s", "ids": ids}).read_text()
    markdown = (tmp_path / "report.md").read_text()
    for title, figure in (
        ("How much of the gap is exposure bias?", "chaos_floor"), ("Does the error accumulate?", "error_growth"),
        ("What holds over tasks?", "ranking"),
    ):  # fmt: skip
        assert title in html
        assert markdown.index(f"## {title}") < markdown.index(f"figures/{figure}.svg")
        assert f'<figure id="{figure}">' in html
    numbers = [int(part.split("]")[0]) for part in markdown.split("![Figure ")[1:]]
    assert numbers == list(range(1, len(numbers) + 1))
    assert "Not distinguished in" in markdown
    assert "<th>Seeds for 1 sd" in html


def test_the_report_says_whether_seeds_share_a_drawn_source(tmp_path):
    """Through records and tables: of three seeds of hidden_markov, by their settings alone; of a flow nothing is drawn."""
    said = {}
    for name, experiments in {
        "one": grid(tasks=("hidden_markov",), task__world=0),
        "own": grid(tasks=("hidden_markov",), task__world=0, task__world_by_seed=True),
        "few": grid(tasks=("hidden_markov",), task__world=0, seeds=2),
        "none": grid(),
    }.items():
        found = material(tmp_path / name, experiments, lambda *_: None)
        (task, metric), *_ = found.primary.items()
        said[name] = [sentence for sentence in cautions.cautions(found, task, metric) if "source" in sentence]
    assert ["All seeds have the same source (task.world=0)" in sentence for sentence in said["one"]] == [True]
    assert ["source of its own" in sentence for sentence in said["own"]] == [True]
    assert said["few"] == said["none"] == []
