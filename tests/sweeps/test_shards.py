"""Division of a study into parts for several machines: every run in one part, balanced, the same wherever it is divided."""

from __future__ import annotations

import json
import math
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freerun.cli.main import dispatch
from freerun.errors import ConfigError
from freerun.execution.time_estimate import Costs
from freerun.store.records import trained_run
from freerun.sweeps import shards, study
from freerun.sweeps.shards import Shard

SMALL = [
    "task=adding", "model=sequence_to_one", "task.sequences=8", "task.length=4", "model.hidden=2", "training.updates=3",
    "training.batch=2", "evaluation.sequences=4", "launcher=inline",
]  # fmt: skip


@cache
def pool() -> study.Study:
    """Runs of several costs, some of which are measured in two ways."""
    sizes = ["model.hidden=4,32", "training.updates=20,2000", "evaluation.horizon=6,200"]
    return study.adhoc(
        ["task=hidden_markov", "model=gru", "regime=teacher_forcing,free_running", "seed=range(3)", *sizes], sweep=True
    )


@given(st.lists(st.floats(0.01, 1e4), max_size=60), st.integers(1, 12))
def test_every_piece_is_in_one_part_and_no_part_has_much_more_than_another(costs, of):
    numbers = shards.assigned(costs, of)
    assert len(numbers) == len(costs)
    assert set(numbers) <= set(range(1, of + 1))
    loads = [
        math.fsum(cost for cost, number in zip(costs, numbers, strict=True) if number == part) for part in range(1, of + 1)
    ]
    assert max(loads) <= math.fsum(costs) / of + max(costs, default=0) + 1e-6
    assert len({*numbers}) == min(of, len(costs))


@settings(max_examples=25, deadline=None)
@given(st.sets(st.integers(0, 47), min_size=1), st.integers(1, 9))
def test_the_parts_of_a_study_are_the_whole_and_have_no_run_in_common(chosen, of):
    runs = [pool().runs[number] for number in sorted(chosen)]
    whole = study.Study(name="whole", runs=runs, command="freerun study whole")
    parts = [shards.part(whole, Shard(number, of)) for number in range(1, of + 1)]
    assert sorted(run for part in parts for run in part.ids) == sorted(whole.ids)
    assert all([run for run in whole.ids if run in part.ids] == part.ids for part in parts)
    trained = [{trained_run(run) for run in part.ids} for part in parts]
    assert sum(map(len, trained)) == len(set.union(*trained)), "a run is trained in two parts"
    assert sum(map(bool, trained)) == min(of, len(set.union(*trained))), "a part has nothing to do though there are runs"
    cost: dict[str, float] = {}
    for run in runs:
        cost[run.trained] = max(cost.get(run.trained, 0), Costs().seconds(run)[0])
    loads = [sum(cost[run] for run in part) for part in trained]
    mean = sum(loads) / of
    assert max(loads) <= mean + max(mean, *cost.values()) + 1e-9


def test_groups_stay_together_as_long_as_every_part_has_one():
    runs = study.adhoc(["task=hidden_markov", "model=gru,lstm", "seed=range(4)"], sweep=True).runs
    numbers = shards.divided(runs, 2)
    assert len({*numbers[:4]}) == len({*numbers[4:]}) == 1
    assert numbers[0] != numbers[4]


@pytest.mark.parametrize("command", [["study", "first_look"], ["run", "seed=0"], ["plan"], ["measure", "first_look"]])
@pytest.mark.parametrize("text", ["0/5", "6/5", "5", "a/5", "2/", "/5", "2/0", "-1/5", "2/5/1", "1/100001", "²/5", "1.0/2", ""])
def test_a_wrong_part_is_refused_in_one_line(text, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"--shard: must be I/N, two whole numbers with 1 <= I <= N"):
        dispatch([*command, f"--shard={text}"])
    assert list(tmp_path.iterdir()) == []


def test_a_part_is_a_study_of_its_own_and_says_which(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["-m", *SMALL, "seed=range(4)", "--as", "four", "--shard"]
    assert dispatch(["run", *words, "2/3"]) == 0
    said = capsys.readouterr().out
    assert "four, part 2 of 3: 1 run, 1 done\n" in said
    assert "freerun merge" in said
    folder = tmp_path / "results/four.part2of3"
    assert [path.name for path in folder.iterdir()] == ["study.json"], "tables of a part were made as if it were the whole"
    assert json.loads((folder / "study.json").read_text())["title"] == "four (part 2 of 3)"
    assert dispatch(["run", *words, "1/3"]) == 0
    assert len(json.loads((tmp_path / "results/four.part1of3/study.json").read_text())["ids"]) == 2, (
        "what is done has changed it"
    )
    assert dispatch(["plan", *words, "2/3"]) == 0
    assert "four.part2of3: 1 run, 1 group" in capsys.readouterr().out
    assert dispatch(["run", *words, "3/3"]) == 0
    assert dispatch(["run", *words[:-1]]) == 0, "on one disk the study itself needs no merge"
    assert "four: 4 runs, 4 done, 0 to do" in capsys.readouterr().out


def test_a_part_that_has_nothing_to_do_ends_well(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert dispatch(["run", *SMALL, "seed=0", "--as", "one", "--shard", "2/2"]) == 0
    assert "one, part 2 of 2: 0 runs\n" in capsys.readouterr().out


def test_a_part_that_has_failed_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def fail(*given):
        raise ValueError("no such luck")

    monkeypatch.setattr("freerun.execution.group_runner.run_group", fail)
    assert dispatch(["run", "-m", *SMALL, "seed=0,1", "--as", "two", "--shard", "1/2"]) == 1
    said = capsys.readouterr()
    assert "two, part 1 of 2: 1 run, 1 failed\n" in said.out
    assert "no such luck" in said.err
