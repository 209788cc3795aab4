"""Tests of the report: it begins with the truth, keeps everything, and lets nothing in or out."""

import math
import re

import numpy as np
import pandas as pd
import pytest

from freerun.analysis import report
from freerun.analysis.figures import Material
from freerun.analysis.report import gap_findings, training_finish
from freerun.analysis.report.number_text import change, number
from freerun.analysis.report.page import escaped, fence
from freerun.analysis.report.summary_table import full
from freerun.analysis.report.verdicts import comparisons, verdict
from freerun.analysis.tables import tidy
from freerun.cli.terminal import show_results
from synthetic import grid, simulated, study, tree


def built(folder, experiments, statuses=None, tilt=None, **info):
    """A report; `tilt` maps a regime to a factor on its free errors."""
    store, ids = study(folder / "store", experiments, statuses)
    for run in ids if tilt else ():
        record = store.read(run)
        record.pop("weights", None)
        for series in record["series"]:
            if series["mode"] == "free":
                factor = tilt.get(record["experiment"]["regime"]["name"], 1)
                series["values"] = [factor * value for value in series["values"]]
        store.write(record, None)
    path = report.build(folder / "out", store, {"name": "s", "ids": ids, **info})
    return path.read_text(), (folder / "out" / "report.md").read_text()


def summary(markdown):
    """The lines of the table of results."""
    return [line for line in markdown.split("## Results")[1].split("\n## ")[0].splitlines() if line.startswith("|")]


@pytest.mark.parametrize(("factor", "word"), [(0.1, "better"), (10, "worse")])
@pytest.mark.usefixtures("undrawn")
def test_it_says_who_wins_and_teacher_forcing_may(tmp_path, factor, word):
    html, markdown = built(tmp_path, grid(seeds=6), tilt={"scheduled_sampling": factor})
    for page in (html, markdown):
        assert f"Scheduled sampling against teacher forcing: {word} on Lorenz-63 (GRU)." in page


@pytest.mark.usefixtures("undrawn")
def test_a_study_in_which_teacher_forcing_wins_says_so(tmp_path):
    pages = built(tmp_path, grid(tasks=("lorenz63", "lorenz96"), seeds=6), tilt={"scheduled_sampling": 10})
    said = "Teacher forcing wins against scheduled sampling on Lorenz-63 (GRU) and Lorenz-96 (GRU)"
    assert all(said in page for page in pages)


@pytest.mark.usefixtures("undrawn")
def test_where_teacher_forcing_does_not_win_nothing_says_so(tmp_path):
    assert not any("wins" in page for page in built(tmp_path, grid(seeds=8), tilt={"scheduled_sampling": 0.1}))


@pytest.mark.usefixtures("undrawn")
def test_the_middle_half_of_the_seeds_has_a_column(tmp_path):
    _, markdown = built(tmp_path, grid(seeds=5))
    head, _, row = (line.split(" | ") for line in summary(markdown)[:3])
    assert "[" in row[head.index("Free, middle half")]
    few = summary(built(tmp_path / "few", grid(seeds=2))[1])[2].split(" | ")
    assert few[head.index("Free, middle half")] == ""


@pytest.mark.usefixtures("undrawn")
def test_what_is_not_distinguished_says_what_it_would_take(tmp_path):
    _, markdown = built(tmp_path, grid(seeds=3))
    plain = markdown.replace("\N{NO-BREAK SPACE}", " ")
    words = r"Not distinguished in 1 comparison, with 3 pairs of seeds: .* takes \d+ pairs to find .* in 4 of 5 such studies\."
    assert re.search(words, plain)
    assert re.search(r"not distinguished for GRU \(.*, would take \d+ pairs\)", plain)
    assert "What these comparisons could have shown" in markdown


@pytest.mark.usefixtures("undrawn")
def test_it_says_when_no_difference_is_shown(tmp_path):
    _, markdown = built(tmp_path, grid(seeds=3))
    assert "Scheduled sampling against teacher forcing: not distinguished on Lorenz-63 (GRU)." in markdown


@pytest.mark.usefixtures("undrawn")
def test_findings_begin_shortly_and_what_they_rest_on_stands_further_down(tmp_path):
    """Regimes that do the same are one sentence; what a reader needs to judge the words moves and is not lost."""
    regimes = ("teacher_forcing", "free_running", "scheduled_sampling")
    tasks = ("hidden_markov", "lorenz63", "lorenz96", "text")
    _, markdown = built(tmp_path, grid(tasks=tasks, regimes=regimes, seeds=6), tilt=dict.fromkeys(regimes[1:], 10))
    opening = markdown.split("## Findings")[1].split("\n### ")[0].strip().split("\n\n")
    assert len(opening) <= 4
    assert len(" ".join(opening)) < 1100
    assert "rest on 8 comparisons by single headlines, running free, seed by seed over 6 seeds" in opening[-1]
    assert "Free running and scheduled sampling against teacher forcing: worse on" in opening[1]
    for words, section in (
        ("Better means better by at least one headline", "Comparisons"), ("Teacher forcing wins against", "Comparisons"),
        ("The widest gap as a ratio", "Results"), ("the one continuation that is in the data", "Results"),
    ):  # fmt: skip
        assert words in markdown.split(f"## {section}\n")[1].split("\n## ")[0], words
        assert words not in " ".join(opening)


@pytest.mark.usefixtures("undrawn")
def test_findings_without_a_comparison_have_the_levels(tmp_path):
    _, markdown = built(tmp_path, [tree("adding", seed=seed) for seed in range(3)])
    opening = markdown.split("## Findings")[1].split("\n### ")[0].strip()
    assert re.match(r".+, \S+ trained by teacher forcing, free: .+ \[.+\].* on Adding problem \(3 seeds", opening)


@pytest.mark.usefixtures("undrawn")
def test_below_three_seeds_it_gives_no_interval(tmp_path):
    _, markdown = built(tmp_path, grid(seeds=2))
    assert "fewer than three seeds" in markdown
    assert "Too few seeds for an interval" in markdown


@pytest.mark.usefixtures("undrawn")
def test_lost_runs_are_counted_and_named(tmp_path):
    _, markdown = built(tmp_path, grid(seeds=3), {0: ("diverged", "loss not finite at update 7"), 4: ("failed", "boom")})
    assert "1 of 3 for GRU, teacher forcing" in markdown
    assert "loss not finite at update 7" in markdown
    assert "boom" in markdown


@pytest.mark.parametrize("status", ["pending", "failed"])
def test_without_any_result_it_says_so(tmp_path, status):
    html, _ = built(tmp_path, grid(seeds=1), {0: (status, ""), 1: (status, "")})
    assert {"pending": "No run of this study has finished yet", "failed": "has a result: 2 failed of 2"}[status] in html


def test_the_page_is_self_contained_and_escaped(tmp_path):
    html, markdown = built(
        tmp_path, grid(tasks=("text",), seeds=1), title="<script>alert(1)</script>", question="[x](javascript:1) & | `",
        command="freerun study <s>",
    )  # fmt: skip
    assert "<script" not in html
    assert "<script" not in re.sub(r"```.*?```", "", markdown, flags=re.DOTALL)
    assert "](javascript" not in markdown
    assert re.search(r"default-src 'none'", html)
    assert not re.search(r"""(src|href)\s*=\s*["'](?!data:|#)""", html)
    assert not re.search(r"url\(|@import|<link|<iframe|\son[a-z]+\s*=", html)


def test_the_same_records_give_the_same_bytes(tmp_path):
    store, ids = study(tmp_path / "store", grid(tasks=("text",), seeds=1))
    info = {"name": "s", "ids": ids}
    pages = [report.build(tmp_path / name, store, info).parent for name in "ab"]
    files = [sorted(path.relative_to(page) for path in page.rglob("*") if path.is_file()) for page in pages]
    assert files[0] == files[1]
    assert all((pages[0] / name).read_bytes() == (pages[1] / name).read_bytes() for name in files[0])


def test_a_gap_stands_beside_both_levels_in_the_summary(tmp_path):
    store, ids = study(tmp_path, [*grid(tasks=("lorenz63", "text")), tree("adding")])
    table, _ = report.summary(tidy.frames(store, ids, "s"))
    assert {"forced", "free", "gap", "n", "diverged", "failed"} <= set(table.columns)
    np.testing.assert_array_equal(table["gap"].notna(), table["forced"].notna() & table["free"].notna())
    assert len(table) == 5


@pytest.mark.parametrize(
    ("low", "high", "holm", "equivalent", "said"),
    [
        (0.5, 0.9, 0.04, False, "better"),
        (0.5, 1.1, 0.06, False, "not distinguished"),
        (0.96, 0.99, 0.04, True, "equivalent"),
        (float("nan"), float("nan"), float("nan"), False, "no verdict"),
    ],
)
def test_a_verdict_is_one_of_four_words(low, high, holm, equivalent, said):
    row = {"mean": 0.7, "low": low, "high": high, "holm": holm, "ratio": True, "better": "lower", "equivalent": equivalent}
    row |= {"lost": 0.0, "first_lost": 0.0}
    assert verdict(row) == said
    assert verdict({**row, "better": "neither"}) == "no verdict"


def test_numbers_in_words():
    assert [number(x) for x in (float("nan"), 0.0, 0.01234, -1234.5)] == ["undefined", "0", "0.0123", "\N{MINUS SIGN}1.23e+03"]
    assert (
        change(0.5, 0.25, 1.0, True, "")
        == "\N{MINUS SIGN}50\N{NO-BREAK SPACE}% [\N{MINUS SIGN}75\N{NO-BREAK SPACE}%, +0.0\N{NO-BREAK SPACE}%]"
    )


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((1e-8, 5e-9, 2e-8), "\N{MULTIPLICATION SIGN}1.00e\N{MINUS SIGN}08 [5.00e\N{MINUS SIGN}09, 2.00e\N{MINUS SIGN}08]"),
        ((0.9, 0.001, 810.0), "\N{MULTIPLICATION SIGN}0.900 [0.00100, 810]"),
        ((2.0, math.nan, math.nan), "\N{MULTIPLICATION SIGN}2.00"),
        ((0.93, math.nan, math.nan), "\N{MINUS SIGN}7.0\N{NO-BREAK SPACE}%"),
    ],
)
def test_a_factor_stands_where_per_cent_say_nothing(numbers, words):
    """A hundred millionth is not the same as a thousandth, and -100 % is both."""
    assert change(*numbers, True, "") == words


def test_markdown_is_escaped_and_fenced():
    assert escaped("a|b_<c>\n`d`") == "a\\|b\\_&lt;c&gt; \\`d\\`"
    assert fence([{"before": "", "after": "a ```` b"}]) == "`````"


NAMES = {"task_label": "t", "model_label": "m", "method": "r"}


def curves(updates):
    rows = [
        {**NAMES, "quantity": name, "update": update, "value": 2.0 - update / 1000}
        for name in ("validation_forced_loss", "validation_free_loss")
        for update in updates
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("updates", "said"),
    [
        ((0, 99), "known is only the change from update 0 to 99, over 100 % of"),
        ((0, 100, 149), "known is only the change from update 100 to 149, over 33 % of"),
        (range(0, 800, 100), "Over the last 14 % of the updates"),
        (range(0, 1001, 10), "Over the last 10 % of the updates"),
    ],
)
def test_the_end_of_training_is_as_long_as_the_logged_points_make_it(updates, said):
    runs = pd.DataFrame([{**NAMES, "training.updates": max(updates) + 1, "training.decay": "constant"}])
    found = training_finish.finish(curves(updates), runs)
    assert said in found["sentence"]
    assert found["rows"][0]["updates"].startswith(f"{[u for u in updates if u <= 0.9 * max(updates)][-1]} to {max(updates)} (")


def test_on_the_terminal_a_gap_is_the_difference_of_its_levels(tmp_path, capsys):
    chance = np.random.default_rng(0)
    free = np.exp(chance.normal(size=(1, 1, 5, 2)))
    table, _ = report.summary(simulated(free, forced=free * np.exp(chance.normal(size=free.shape)), metric="rmse", unit="u"))
    assert table["log"].all()
    np.testing.assert_allclose(table["free"] - table["forced"], table["gap"])
    show_results(table)
    assert "gap = free - forced" in capsys.readouterr().out


def test_no_gap_is_called_the_widest_where_there_is_none():
    forced = np.exp(0.1 * np.random.default_rng(0).normal(size=(1, 1, 5, 2)))
    for factor, said in ((0.5, "No free error on a ratio scale is above its forced one"), (2.0, "The widest gap as a ratio")):
        table = full(Material.of(simulated(factor * forced, forced=forced, metric="rmse", unit="u"), {}))
        assert said in " ".join(gap_findings.details(table))


@pytest.mark.parametrize(("metric", "unit"), [("rmse", "u"), ("loss", "nats"), ("accuracy", "share")])
@pytest.mark.parametrize("sign", [1, -1])
def test_effect_sizes_point_the_same_way(metric, unit, sign):
    levels = 0.5 + 0.01 * np.random.default_rng(0).normal(size=(1, 2, 6, 2))
    levels[:, 1] += 0.2 * sign
    (row,) = (
        comparisons(Material.of(simulated(levels, metric=metric, unit=unit), {})).query("level == 'free'").to_dict("records")
    )
    good = sign if metric == "accuracy" else -sign
    assert np.sign(row["hedges"]) == np.sign(row["delta"]) == np.sign(row["improved"] - 0.5) == good
