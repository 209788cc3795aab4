"""Cases of a search over parts and settings of theirs: a setting goes with those of the searched parts that have it."""

from __future__ import annotations

import csv

import pytest

from freerun.cli.main import main
from freerun.config.hydra import search_space
from freerun.config.hydra.compose import experiments
from freerun.errors import ConfigError
from freerun.sweeps.search import samplers

BOTH = "regime=choice(teacher_forcing,scheduled_sampling)"
END = {"teacher_forcing": [], "scheduled_sampling": ["regime.end"]}
RATE = {"teacher_forcing": ["training.lr"], "scheduled_sampling": ["training.lr"]}
#: A search, how many points it has (None for no end of them), and which keys the points of each choice have beside it.
SPACES = {
    "an interval": ([BOTH, "regime.end=interval(0.1,0.5)"], None, END),
    "a list": ([BOTH, "regime.end=choice(0.1,0.5)"], 3, END),
    "a range, and a key of all": (
        ["model=gru,transformer", "model.heads=range(1,3)", "model.hidden=choice(4,8)"],
        6,
        {"gru": ["model.hidden"], "transformer": ["model.heads", "model.hidden"]},
    ),
    "settings of each": (
        ["regime=noisy_forcing,scheduled_sampling", "regime.noise=choice(0.1,0.2,0.3)", "regime.end=choice(0.1,0.5)"],
        5,
        {"noisy_forcing": ["regime.noise"], "scheduled_sampling": ["regime.end"]},
    ),
    "nothing of the kind": ([BOTH, "training.lr=choice(1e-3,1e-2)"], 4, RATE),
}  # fmt: skip


@pytest.mark.parametrize("name", samplers.NAMES)
@pytest.mark.parametrize("space", SPACES)
def test_a_searched_setting_goes_with_the_searched_parts_that_have_it(space, name):
    words, size, keys = SPACES[space]
    fixed, axes = search_space.split(words)
    if name == "grid" and size is None:
        with pytest.raises(ConfigError, match="a grid has lists and ranges"):
            samplers.made(name, axes, 0, maximize=False, asked_by="search")
        return
    sampler = samplers.made(name, axes, 0, maximize=False, asked_by="search")
    points = []
    while batch := sampler.ask(2 if size else min(2, 12 - len(points))):
        sampler.tell([float(len(point)) for point in batch])
        points += batch
    assert (sampler.size, len(points)) == (size, size or 12)
    assert len({tuple(point.items()) for point in points}) == len(points), "none is tried twice"
    part = axes[0].key
    assert {point[part] for point in points} == set(keys)
    for point in (*points, *search_space.examples(axes)):
        assert [key for key in point if key != part] == keys[point[part]]
        experiments(search_space.words_of(point, fixed), sweep=True)
    again = samplers.made(name, axes, 0, maximize=False, asked_by="search")
    assert again.ask(2) == points[:2], "the same search asks for the same points"


def test_a_fixed_setting_goes_with_the_searched_parts_that_have_it():
    for words, kept in {
        (BOTH, "regime.end=0.25"): {"teacher_forcing": [], "scheduled_sampling": ["regime.end=0.25"]},
        ("model=gru,transformer", "model.heads=2", "seed=0"): {"gru": ["seed=0"], "transformer": ["model.heads=2", "seed=0"]},
        (BOTH.replace("teacher", "noisy"), "regime.noise=1"): {"noisy_forcing": ["regime.noise=1"], "scheduled_sampling": []},
    }.items():  # fmt: skip
        fixed, axes = search_space.split(words)
        for point in search_space.examples(axes):
            choice = point[axes[0].key]
            assert search_space.words_of(point, fixed) == [*kept[choice], f"{axes[0].key}={choice}"]
        assert len(search_space.notes(fixed, axes)) == 1
    for words in ([BOTH, "regime.edn=0.25"], [BOTH, "regime.edn=interval(0,1)"], ["model=gru,lstm", "model.heads=1,2"]):
        with pytest.raises(ConfigError, match="none of"):
            search_space.split(words)


@pytest.mark.slow
def test_a_conditional_search_is_run_and_its_table_has_a_gap_where_a_part_has_no_such_setting(tmp_path, capsys):
    tiny = "task=hidden_markov task.sequences=16 task.length=6 evaluation.warmup=1 evaluation.sequences=4 model.hidden=2"
    words = ["search", BOTH, "regime.end=choice(0.1,0.5)", *tiny.split(), "training.updates=2", "training.batch=2"]
    with pytest.raises(SystemExit) as end:
        main([*words, "launcher=inline", "--as", "both", "--sampler", "grid", "--results", str(tmp_path)])
    out, err = capsys.readouterr()
    assert (end.value.code, "all 3 points have been tried" in out) == (0, True), err
    assert "note: regime.end: regime=scheduled_sampling alone has it" in err
    with open(tmp_path / "both" / "trials.csv", newline="") as file:
        rows = [(row["regime"], row["regime.end"]) for row in csv.DictReader(file)]
    assert rows == [("teacher_forcing", ""), ("scheduled_sampling", "0.1"), ("scheduled_sampling", "0.5")]
