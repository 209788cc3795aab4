"""Typesetting of the table of a paper: Markdown, and LaTeX that compiles whatever the names are."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from freerun.analysis.inference.labels import measure, with_end
from freerun.analysis.report.number_text import UNDEFINED, number, span
from freerun.analysis.report.page import escaped
from freerun.analysis.report.summary_table import LEVELS

BETTER, WORSE = "*", "\N{DAGGER}"
_HEAD = ("Model", "Method", "Forced", "Free", "Gap", "n", "Lost")
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    '"': r"\textquotedbl{}", "\N{MINUS SIGN}": "$-$", BETTER: r"\textsuperscript{*}", WORSE: r"\textsuperscript{\textdagger}",
    "\N{MULTIPLICATION SIGN}": r"$\times$", "\N{SUPERSCRIPT TWO}": r"\textsuperscript{2}",
    "\N{SUPERSCRIPT THREE}": r"\textsuperscript{3}", "\N{NO-BREAK SPACE}": "~",
    "`": r"\textasciigrave{}", "'": r"\textquotesingle{}",
}  # fmt: skip
#: Accents that can be put on a letter, by the name of the combining character.
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": ".", "\u0308": '"',
    "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c", "\u0328": "k",
}  # fmt: skip


def markdown(table: pd.DataFrame, note: str) -> str:
    """The table in Markdown, the task in its first column."""
    head = _head(table)
    lines = [["Task, error", *head], ["---"] * (len(head) + 1)]
    for heading, rows in _blocks(table):
        for names, cells, counts in rows:
            shown = [f"**{escaped(text)}**" if bold else escaped(text) for text, bold in cells]
            lines.append([escaped(heading), *map(escaped, names), *shown, *map(escaped, counts)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{escaped(note)}\n"


def latex(table: pd.DataFrame, note: str) -> str:
    """The table in LaTeX; its first line says which packages it needs, booktabs above all."""
    return (
        "% \\usepackage{booktabs} \\usepackage{graphicx} \\usepackage[T1]{fontenc}\n"
        f"\\begingroup\\footnotesize\\setlength{{\\tabcolsep}}{{3pt}}\\noindent\n{tabular(table)}\n% Note.\n"
        f"\\par\\smallskip\\noindent\n{tex(note)}\\par\n\\endgroup\n"
    )


def latex_float(table: pd.DataFrame, caption: str, label: str, environment: str = "table", note: str = "") -> str:
    """The table as a float with its caption above and a label to refer to.

    Args:
        table: the rows.
        caption: in plain words.
        label: of letters, digits, colons and hyphens.
        environment: ``table``, or ``table*`` across two columns.
        note: what stands below, in plain words.
    """
    below = f"\\par\\smallskip\\noindent\\parbox{{\\linewidth}}{{\\scriptsize {tex(note)}}}\n" if note else ""
    return (
        f"\\begin{{{environment}}}[tp]\n\\centering\\footnotesize\\setlength{{\\tabcolsep}}{{3pt}}\n"
        f"\\caption{{{tex(caption)}}}\\label{{{label}}}\n{tabular(table)}{below}\\end{{{environment}}}\n"
    )


def tabular(table: pd.DataFrame) -> str:
    """The table alone, no wider than the line."""
    head = _head(table)
    width = len(head)
    lines = [" & ".join(tex(cell) for cell in head) + r" \\"]
    for heading, rows in _blocks(table):
        lines += [r"\midrule", rf"\multicolumn{{{width}}}{{l}}{{\textit{{{tex(heading)}}}}} \\"]
        above = None
        for (model, *names), cells, counts in rows:
            shown = [rf"\textbf{{{tex(text)}}}" if bold else tex(text) for text, bold in cells]
            first = tex(model) if model != above else ""
            lines.append(" & ".join([first, *map(tex, names), *shown, *map(tex, counts)]) + r" \\")
            above = model
    body = "\n".join(lines)
    return (
        "\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%\n"
        f"\\begin{{tabular}}{{{'l' * width}}}\n\\toprule\n{body}\n\\bottomrule\n\\end{{tabular}}}}\n"
    )


def _head(table: pd.DataFrame) -> tuple[str, ...]:
    """The heads of the columns; where rows have several baselines, there is one that says against which each is marked."""
    return (*_HEAD[:2], "Against", *_HEAD[2:]) if _several(table) else _HEAD


def _several(table: pd.DataFrame) -> bool:
    return bool(table["baseline"].dropna().nunique() > 1)


_Row = tuple[tuple[str, ...], list[tuple[str, bool]], tuple[str, str]]


def _blocks(table: pd.DataFrame) -> Iterator[tuple[str, list[_Row]]]:
    """For each task its heading and its lines: the names, the levels and whether they are bold, and the counts."""
    several = _several(table)
    for task, of_task in table.groupby("task", sort=False):
        known = of_task.dropna(subset=["metric"])
        head = measure(str(known["label"].iloc[0]), str(known["unit"].iloc[0])) if len(known) else "no measurement"
        rows: list[_Row] = []
        for (model, method), of_method in of_task.groupby(["model", "method"], sort=False):
            by_level = {row["level"]: row for row in of_method.to_dict("records")}
            first = next(iter(by_level.values()))
            named = with_end(str(method), first["end"], first.get("chosen", ""))
            against = [row["baseline"] for row in by_level.values() if isinstance(row["baseline"], str)]
            names = (str(model), named, *([next(iter(against), "")] if several else []))
            rows.append((names, [_cell(by_level[level]) for level in LEVELS], _counts(first)))
        yield f"{task}: {head}", rows


def _cell(row: Mapping[Any, Any]) -> tuple[str, bool]:
    """The words of a cell, and whether they are bold."""
    mark = {"better": BETTER, "worse": WORSE, "": ""}[row["mark"]]
    mean = number(row["mean"])
    return (mean if mean == UNDEFINED else f"{mean}{mark} {span(row['low'], row['high'])}".strip()), bool(row["best"])


def _counts(row: Mapping[Any, Any]) -> tuple[str, str]:
    """How many seeds have a result, and how many runs of those that ended have none, with the interval of their share.

    Of a reference player there are no runs.
    """
    lost, ended = int(row["diverged"] + row["failed"]), int(row["runs"] - row["pending"])
    share = f"{lost} of {ended} {span(row['lost_low'], row['lost_high'])}".strip()
    return str(int(row["n"])), share if row["runs"] else ""


def tex(text: str) -> str:
    """Text as LaTeX shows it literally; a letter that it cannot show is a question mark."""
    shown = "".join(_letter(letter) for letter in text).replace("--", "-{}-")
    return f"{{}}{shown}" if shown.startswith("[") else shown  # after a line break it would be a length


def _letter(letter: str) -> str:
    if letter in _LATEX:
        return _LATEX[letter]
    if letter.isascii():
        return letter if letter.isprintable() else "?"
    parts = unicodedata.normalize("NFD", letter)
    if len(parts) == 2 and parts[1] in _ACCENTS and parts[0].isascii() and parts[0].isalpha():
        return rf"\{_ACCENTS[parts[1]]}{{{parts[0]}}}"
    return "?"
