"""Tests of the paper's table: its numbers, its marks, and names that must not break its format."""

import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from freerun.analysis.figures import Material
from freerun.analysis.report import paper_table, table_typesetting
from freerun.analysis.report.summary_table import full
from freerun.analysis.tables import tidy
from freerun.errors import ConfigError
from synthetic import grid, simulated, study, tree
from tiers import tiered

NASTY = r"""[a_b%c&d$e#f{g}h~i^j\k|l<m>*n"'`--o]"""
FRAME = (
    r"\documentclass{{article}}\usepackage{{booktabs}}\usepackage{{graphicx}}\usepackage[T1]{{fontenc}}"
    r"\begin{{document}}" "\n{}" r"\end{{document}}" "\n"
)  # fmt: skip


def checked(text):
    """A strict reader of the LaTeX we write: balanced, every special letter escaped, as many cells as columns."""
    assert text.isascii()
    lines = [line for line in text.splitlines() if not line.startswith("%")]
    body = "\n".join(lines)
    columns = len(re.search(r"\\begin\{tabular\}\{(l+)\}", body)[1])
    blocks = body.count(r"\multicolumn{7}{l}")
    assert body.count(r"\toprule") == body.count(r"\bottomrule") == body.count(r"\end{tabular}") == 1
    assert body.count(r"\midrule") == blocks >= 1
    depth = 0
    for letter in re.sub(r"\\.", "", body):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        assert depth >= 0
    assert depth == 0
    plain = re.sub(r"\\([a-zA-Z]+|[&%$#_{}\\])", "", body.replace("{!}{%", "")).replace("$-$", "").replace(r"$$", "")
    assert not re.search(r"[%#_^&]", plain.replace("&", "", body.count(" & "))), "a special letter is not escaped"
    assert set(re.findall(r"\\([a-zA-Z]+)", body)) <= {
        "begin", "end", "toprule", "midrule", "bottomrule", "textbf", "textsuperscript", "textdagger", "textbackslash",
        "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar", "textquotedbl", "times", "par",
        "footnotesize", "begingroup", "endgroup", "setlength", "tabcolsep", "noindent", "resizebox", "ifdim", "width",
        "linewidth", "else", "fi", "multicolumn", "textit", "smallskip", "textasciigrave", "textquotesingle",
    }  # fmt: skip
    for line in lines:
        assert not line.startswith(("[", "*")), "taken for an argument of the line break above"
        if line.endswith(r"\\") and not line.startswith(r"\multicolumn"):
            assert len(re.findall(r"(?<!\\)&", line)) == columns - 1
    return lines


def drawn(seeds=8, lost=()):
    errors = np.exp(0.1 * np.random.default_rng(0).normal(size=(1, 3, seeds, 2)))
    errors[:, 1] *= 0.5
    errors[:, 2] *= 2
    return simulated(errors, forced=errors / 4, metric="rmse", unit="u", lost=lost)


def test_the_numbers_are_those_of_the_summary(tmp_path):
    store, ids = study(tmp_path, grid(tasks=("lorenz63", "text"), seeds=3), {0: ("diverged", "x")})
    material = Material.of(tidy.frames(store, ids, "s"), {})
    wide, table = full(material), paper_table.tidy(material)
    for row in wide[wide["primary"]].to_dict("records"):
        for level in ("forced", "free", "gap"):
            of = table[(table["task"] == row["task_label"]) & (table["method"] == row["method"]) & (table["level"] == level)]
            np.testing.assert_array_equal(
                of[["mean", "low", "high"]].iloc[0], [row[level], row[f"{level}_low"], row[f"{level}_high"]]
            )
            assert tuple(of[["n", "diverged"]].iloc[0]) == (row["n"], row["diverged"])


def test_marks_follow_holm_and_the_best_mean_is_bold():
    table = paper_table.tidy(Material.of(drawn(), {})).set_index(["method", "level"])
    assert table.loc["regime 1", "mark"].tolist() == ["better", "better", ""]
    assert table.loc["regime 2", "mark"].tolist() == ["worse", "worse", ""]
    assert set(table.index[table["best"]]) == {("regime 1", "forced"), ("regime 1", "free")}
    survivors = paper_table.tidy(Material.of(drawn(lost=[(0, 1, 0)]), {})).set_index(["method", "level"])
    assert ("regime 1", "free") not in set(survivors.index[survivors["best"]]), "the best mean of seven runs of eight"
    few = paper_table.tidy(Material.of(drawn(seeds=2), {}))
    assert set(few["mark"]) == {""}, "two seeds give no interval"


@pytest.mark.parametrize("kind", tiered(paper_table.FORMATS, quick=lambda kind: kind == "latex"))
def test_every_format_is_written_and_the_bytes_are_the_same(tmp_path, kind):
    first, second = (paper_table.write(drawn(lost=[(0, 1, 0)]), tmp_path / name, kind).read_bytes() for name in "ab")
    assert first == second
    if kind == "parquet":
        assert len(pd.read_parquet(tmp_path / "a" / "table.parquet")) == 9
    elif kind == "latex":
        checked(first.decode())
        assert b"7 & 1 of 8 [0.00316, 0.527]" in first
    elif kind == "md":
        rows = first.decode().split("\n\n")[0].splitlines()
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1
        bold = {row.split(" | ")[2] for row in rows if "**" in row}
        assert bold == {"teacher forcing"}, "the better one of the two that lost no run"
        assert "numerically the best" in first.decode()


@pytest.mark.parametrize("kind", ["md", "latex"])
def test_names_break_no_format(tmp_path, kind):
    store, ids = study(tmp_path / "s", grid(tasks=(NASTY,), models=(NASTY,), regimes=("teacher_forcing", NASTY), seeds=3))
    text = paper_table.write(tidy.frames(store, ids, "s"), tmp_path, kind).read_text()
    if kind == "latex":
        checked(text)
    else:
        rows = text.split("\n\n")[0].splitlines()
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="LaTeX is not installed; the strict reader holds the table")
@pytest.mark.parametrize(
    "names", [(NASTY, r"\end{tabular}", "\N{LATIN SMALL LETTER O WITH DIAERESIS}\u4e2d$x_2$"), ("lorenz63",)]
)
def test_it_compiles_and_fits_the_page(tmp_path, names):
    experiments = grid(tasks=names, models=names, regimes=("teacher_forcing", *names), seeds=3)
    store, ids = study(tmp_path / "s", experiments, {0: ("diverged", "x")})
    text = paper_table.write(tidy.frames(store, ids, "s"), tmp_path, "latex").read_text()
    checked(text)
    (tmp_path / "page.tex").write_text(FRAME.format(text))
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout
    assert (tmp_path / "page.pdf").stat().st_size > 1000


def test_accents_are_kept_and_what_cannot_be_shown_is_a_question():
    assert table_typesetting.tex("R\N{LATIN SMALL LETTER O WITH DIAERESIS}ssler \u4e2d") == r"R\"{o}ssler ?"


@pytest.mark.parametrize("letter", ["%", "&", "#", "{", "^"])
def test_a_special_letter_that_slips_through_is_caught(tmp_path, monkeypatch, letter):
    monkeypatch.setitem(table_typesetting._LATEX, letter, letter)
    store, ids = study(tmp_path / "s", grid(tasks=(NASTY,), models=(NASTY,), seeds=3))
    with pytest.raises(AssertionError):
        checked(paper_table.write(tidy.frames(store, ids, "s"), tmp_path, "latex").read_text())


def test_undefined_is_said_and_never_0(tmp_path):
    store, ids = study(tmp_path / "s", grid(seeds=3), dict.fromkeys(range(3), ("diverged", "x")))
    text = paper_table.write(tidy.frames(store, ids, "s"), tmp_path, "md").read_text()
    assert "| undefined | undefined | undefined | 0 | 3 of 3 [0.292, 1.00] |" in text


def test_what_cannot_be_tabulated_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="did you mean 'latex'"):
        paper_table.write(drawn(), tmp_path, "latx")
    store, ids = study(tmp_path / "s", [tree()], {0: ("pending", "")})
    with pytest.raises(ConfigError, match="nothing to tabulate"):
        paper_table.write(tidy.frames(store, ids, "s", {ids[0]: tree()}), tmp_path, "md")
