"""Numbers in the READMEs of studies: each is found again in the kept tables, as it is printed.

A README ends with a comment that says where its numbers come from, a line each:

    <!-- numbers
    .0571 [.0552, .0589] = compared metric=one_step_error split=test objective=cross_entropy regime=teacher_forcing: interval
    -->

Left of ``=`` the numbers as the text has them, in its order; then a table of results/NAME (`gaps`, `compared`, `players`,
`curves`, `expected_best`), the rows by their columns or by the settings of their runs, and what is made of the seeds:
``mean``, ``interval`` (mean, low, high), ``median``, ``max``, ``min``, ``count``, ``elsewhere`` (seeds beyond 1.3 times the
median); with ``minus`` and a second choice of rows it is of the differences by seed, with ``over`` of the ratios. Rows of
several steps are averaged for each seed first. ``exact`` in place of a table, with its arguments in place of rows, is a
closed form; ``[NAME]`` before the table names another study than that of the README; ``covers`` and a second choice ask how
many intervals of single runs hold the other value (``share``). A number of the answer that is in no line must be a setting of
the study, or stand in its prediction.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from freerun.analysis.inference.confidence_intervals import mean_interval
from yardsticks import exact

TOP = Path(__file__).resolve().parents[1]
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.\d+|\.\d+|\d+(?= %))")
BLOCK = re.compile(r"<!-- numbers\n(.*?)-->", re.DOTALL)
LINE = re.compile(
    r"(?P<numbers>.+?) = (?:\[(?P<study>\w+)\] )?(?P<table>\w+) (?P<rows>[^:]*?)"
    r"(?: (?P<beside>minus|over|covers) (?P<other>[^:]*))?: (?P<made>\w+)"
)
MADE = {
    "mean": np.mean, "median": np.median, "max": np.max, "min": np.min, "count": len,
    "elsewhere": lambda values: (values > 1.3 * np.median(values) + 1e-3).sum(),
}  # fmt: skip


@dataclass(frozen=True)
class Page:
    """A README with a block of numbers; its study is that of its folder."""

    path: Path

    @property
    def study(self) -> str:
        return self.path.parent.name

    @property
    def text(self) -> str:
        return BLOCK.sub("", self.path.read_text(encoding="utf-8"))

    @property
    def answer(self) -> str:
        return self.text[self.text.index("**Answer") :] if "**Answer" in self.text else self.text

    @property
    def lines(self) -> list[re.Match[str]]:
        (block,) = BLOCK.findall(self.path.read_text(encoding="utf-8"))
        found = [(line, LINE.fullmatch(line)) for line in block.splitlines() if line]
        assert all(match for _, match in found), [line for line, match in found if match is None]
        return [match for _, match in found if match]


PAGES = [
    Page(path)
    for path in sorted([*TOP.glob("experiments/*/README.md"), TOP / "results/README.md"])
    if path.exists() and BLOCK.search(path.read_text(encoding="utf-8"))
]


@cache
def rows_of(study: str, table: str, metric: str) -> pd.DataFrame:
    """The rows of a metric with the settings of their runs beside them."""
    folder = TOP / "results" / study
    frame, runs = pd.read_parquet(folder / f"{table}.parquet"), pd.read_parquet(folder / "runs.parquet")
    frame = frame[frame["metric"].astype("str") == metric] if metric else frame
    frame = frame.astype({name: "str" for name in frame.columns if isinstance(frame[name].dtype, pd.CategoricalDtype)})
    if table in ("players", "expected_best"):
        return frame
    return frame.merge(runs[["run", *runs.columns.difference(frame.columns)]], on="run")


def chosen_rows(study: str, table: str, words: str) -> pd.DataFrame:
    """The rows that the words choose."""
    metric = re.search(r"metric=(\S+)", words)
    frame = rows_of(study, table, metric[1] if metric else "")
    chosen = np.ones(len(frame), dtype=bool)
    for key, value in re.findall(r"(\S+?)=(\S+)", words):
        assert key in frame, f"{table} of {study} has no column {key}"
        column = frame[key]
        if value == "null":
            same = column.isna()
        elif pd.api.types.is_float_dtype(column):
            same = column == float(value)
        else:
            same = column.astype(str) == value.replace("~", " ")
        chosen &= same.to_numpy(dtype=bool, na_value=False)
        assert chosen.any(), f"no row of {table} of {study} is left at {key}={value} of: {words}"
    return frame.loc[chosen, [name for name in ("run", "seed", "step", "value", "low", "high") if name in frame]]


def by_seed(study: str, table: str, words: str) -> pd.Series:
    """The mean value of each seed over the rows that the words choose."""
    frame = chosen_rows(study, table, words)
    if table == "expected_best":  # of trials, over whose seeds the target is averaged
        assert len(frame) == 1, f"several methods are chosen by: {words}"
        return frame["value"]
    if table == "players":  # one for all the runs that it stands beside
        return frame.groupby("seed")["value"].mean()
    means = frame.groupby(["run", "seed"], observed=True)["value"].mean().droplevel("run")
    assert not means.index.has_duplicates, f"several conditions are chosen by: {words}"
    return means


def covered(study: str, table: str, words: str, other: str) -> float:
    """The share of the intervals of single runs, beyond the first step, that hold the value of the other rows."""
    estimates, exact_values = (chosen_rows(study, table, each).set_index(["seed", "step"]) for each in (words, other))
    both = estimates[["low", "high"]].join(exact_values["value"], how="inner").query("step > 1")
    return float(((both["low"] <= both["value"]) & (both["value"] <= both["high"])).mean())


def exactly(words: str) -> list[float]:
    """A closed form of `yardsticks.exact`, by the name of the world and its arguments."""
    world, *settings = words.split()
    given = dict(word.split("=") for word in settings)
    if world == "two_step":
        return [exact.two_step_error(0.1, (0.02, 0.9), float(given["eps"]), given["gradient"], given.get("prefixes", "true"))]
    if world == "adding":
        return [exact.adding_rmse()]
    curve = {"errors_in_variables": exact.errors_in_variables_rmse, "stencil": exact.stencil_rmse}[world]
    return [float(curve(float(given["value"]), given["regime"], given["mode"])[int(given["step"]) - 1])]


def made(line: re.Match[str], study: str) -> list[float]:
    if line["table"] == "exact":
        return exactly(line["rows"])
    study = line["study"] or study
    if line["beside"] == "covers":
        return [covered(study, line["table"], line["rows"], line["other"])]
    values = by_seed(study, line["table"], line["rows"])
    if line["other"]:
        others = by_seed(study, line["table"], line["other"])
        values = values / others if line["beside"] == "over" else values - others
        assert values.notna().all()
    array = values.to_numpy()
    if line["made"] == "interval":
        interval = mean_interval(array)
        return [interval.mean, interval.low, interval.high]
    return [float(MADE[line["made"]](array))]


def printed_as(text: str, value: float) -> bool:
    """Whether a number was rounded to a text, or to one unit of its last place beside it on a tie."""
    digits = len(text.partition(".")[2])
    return abs(float(text) - value) <= 0.5000001 * 10**-digits


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.study)
def test_every_traced_number_is_what_the_tables_say(page):
    for line in page.lines:
        texts, values = NUMBER.findall(line["numbers"]) or re.findall(r"\d+", line["numbers"]), made(line, page.study)
        assert len(texts) == len(values), line[0]
        for text, value in zip(texts, values, strict=True):
            assert printed_as(text, value), f"{line[0]}: {text} is printed, the tables say {value:.6g}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.study)
def test_every_number_of_an_answer_is_traced_or_a_setting_or_predicted(page):
    traced = [text for line in page.lines for text in NUMBER.findall(line["numbers"])]
    settings = TOP / "conf/study" / f"{page.study}.yaml"
    given = page.text.removesuffix(page.answer) + (settings.read_text() if settings.exists() else "")
    known = {float(text) for text in (*traced, *NUMBER.findall(given))} | {0.05, 95.0, 5.0}
    assert not [text for text in NUMBER.findall(page.answer) if float(text) not in known]
    assert not [text for text in traced if text not in page.text], "traced, and not in the text"


def test_a_wrong_number_is_found(tmp_path):
    assert printed_as(".0571", 0.05714)
    assert not printed_as(".0571", 0.05716)
    assert printed_as("-1.0", -1.04)
    folder = tmp_path / "exact_expert"
    folder.mkdir()
    line = "{} = compared metric=one_step_error split=test objective=cross_entropy regime=teacher_forcing: mean"
    for number, good in ((".0571", True), (".0572", False)):
        (folder / "README.md").write_text(f"**Answer.** It is {number}.\n<!-- numbers\n{line.format(number)}\n-->\n")
        page = Page(folder / "README.md")
        (traced,) = page.lines
        assert printed_as(number, *made(traced, page.study)) is good
