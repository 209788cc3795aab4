"""Tests of test parts that are dealt out by seed: shares apart, training the same, one line where they are too short."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from freerun.config.hydra.compose import experiments
from freerun.config.run_identity import canonical
from freerun.errors import ConfigError
from freerun.parts.tasks import _test_shares
from freerun.parts.tasks.series import Series
from freerun.parts.tasks.text import Text

LENGTH = 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A text whose every character tells its place, and a series of rows that do, in one piece and in four."""
    folder = tmp_path_factory.mktemp("shares")
    (folder / "text.txt").write_text("".join(chr(0x4E00 + at) for at in range(5000)))
    rows = pd.DataFrame({"value": np.sin(np.arange(5000.0)) + np.arange(5000) % 7})
    rows.to_csv(folder / "series.csv", index=False)
    many = pd.concat([rows[:1500].assign(name=name, value=rows["value"][:1500] + 10 * at) for at, name in enumerate("abcd")])
    many.to_csv(folder / "many.csv", index=False)
    return folder


def made(folder, kind, shares):
    if kind == "text":
        return Text(path=str(folder / "text.txt"), rare=1, train=0.5, validation=0.1, length=LENGTH, test_shares=shares)
    id_ = {"id": "name"} if kind == "many" else {}
    return Series(path=str(folder / f"{kind}.csv"), train=0.5, validation=0.1, length=LENGTH, longest_window=40,
                  test_shares=shares, **id_)  # fmt: skip


def places(task, seed, split="test"):
    """The windows of a seed, each by all that it holds."""
    part = task.build(seed, LENGTH).splits[split]
    whole = torch.cat([part.start[None], part.targets]).transpose(0, 1)
    return {tuple(np.round(window.flatten().tolist(), 4)) for window in whole}


@pytest.mark.parametrize("kind", ["text", "series", "many"])
def test_seeds_are_tested_on_shares_of_their_own(folder, kind):
    task, whole = made(folder, kind, 2), made(folder, kind, 1)
    if kind == "text":  # every character of its test part is unknown to the training part
        task.rare = whole.rare = 1
        task._alphabet = whole._alphabet = lambda points: ("?", *sorted(task.read()))
    shares = [places(task, seed) for seed in (0, 1, 2)]
    assert shares[0]
    assert not shares[0] & shares[1]
    assert shares[0] == shares[2]
    everything = places(whole, 0)
    assert len((shares[0] | shares[1]) & everything) > 0.4 * len(everything)
    assert places(whole, 1) == everything, "one share is the whole part for all"
    for split in ("train", "validation"):
        assert places(task, 0, split) == places(task, 1, split) == places(whole, 0, split)


@pytest.mark.parametrize("kind", ["text", "series"])
def test_the_data_of_a_share_have_a_name_of_their_own(folder, kind):
    names = [made(folder, kind, 2).build(seed, LENGTH).fingerprint for seed in (0, 1, 2)]
    assert names[0] == names[2] != names[1]
    assert made(folder, kind, 1).build(0, LENGTH).fingerprint == made(folder, kind, 1).content() not in names


@pytest.mark.parametrize("kind", ["text", "series"])
def test_a_part_that_is_too_short_is_refused_in_one_line(folder, kind):
    """Of 2000 steps, of which ten windows of twenty take 210."""
    made(folder, kind, 9).check(LENGTH)
    with pytest.raises(ConfigError, match=r"test_shares=10: a share .* has 200 of its 2000 steps.*test_shares=9 at most"):
        made(folder, kind, 10).check(LENGTH)
    with pytest.raises(ConfigError, match="give fewer, or leave it out"):
        made(folder, kind, 2).check(150)
    with pytest.raises(ConfigError, match="has 0 of its"):
        made(folder, "many", 5).check(LENGTH)


def test_a_chaotic_recording_and_shares_below_one_are_refused(folder):
    with pytest.raises(ConfigError, match="long orbits take it all"):
        Series(path=str(folder / "series.csv"), lyapunov_time=5.0, test_shares=2)
    with pytest.raises(ConfigError, match="test_shares must be at least 1"):
        Text(test_shares=0)


def test_it_is_no_part_of_an_identity_unless_it_is_on():
    said = [
        canonical(experiments(["task=text", "model=gru", "regime=teacher_forcing", *words], sweep=False)[0])["task"]
        for words in ([], ["task.test_shares=2"])
    ]
    assert "test_shares" not in said[0]
    assert said[1]["test_shares"] == 2


@pytest.mark.parametrize("seed", [0, 7, 2**40 + 1])
def test_shares_are_equal_stretches(seed):
    begin, end = _test_shares.share((10, 31), 4, seed)
    assert (begin, end) == (10 + 5 * (seed % 4), 15 + 5 * (seed % 4))
