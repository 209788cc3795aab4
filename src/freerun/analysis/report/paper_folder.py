r"""Folder for a paper: vector figures, tables, the data behind them, and LaTeX that shows them all.

paper.tex     a fragment with every figure and table as a float, for ``\input``
main.tex      a page that compiles it
figures/      NAME.pdf, in the width and the fonts of the venue
tables/       NAME.tex, booktabs with caption and label
data/         NAME.csv, the values that a figure shows, or the numbers of a table
command.txt   what made it
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from freerun.analysis import figures
from freerun.analysis.figures import Drawn, Material, Paper
from freerun.analysis.figures._style import StudyFigure
from freerun.analysis.report import paper_table
from freerun.analysis.report.number_text import listed
from freerun.analysis.report.paper_table_note import note
from freerun.analysis.report.summary_table import full
from freerun.analysis.report.table_typesetting import latex_float, tex
from freerun.analysis.tables.tidy import csv_bytes
from freerun.errors import ConfigError
from freerun.io.suggestions import nearest
from freerun.io.text import brief, one_line
from freerun.io.writing import write_atomic

#: The tallest figure that a page has room for beside its caption, in inches, and the most rows of a table there.
_TALLEST, _ROWS = 6.5, 42
#: Of so many floats on, LaTeX is told to set those that it has, for it can keep few.
_FLOATS = 6
_CAPTION = (
    "{measure}: forced and free error on test sequences and the gap between them, by task, model and method{part}. Means over "
    "seeds with 95 % intervals."
)
_MAIN = r"""\documentclass[10pt%s]{article}
\usepackage[T1]{fontenc}
\usepackage{textcomp,booktabs,graphicx,times}
\usepackage[textwidth=%gin,textheight=9in,columnsep=0.25in]{geometry}
\begin{document}
\input{paper}
\end{document}
"""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a folder is to hold.

    Attributes:
        figures: names of figures, or of kinds of them; none for all.
        rows: the methods and models of the tables; none for all.
        metrics: the measures of the tables, a table each; none for the own error of each task.
        command: the command line.
    """

    figures: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    command: str = "freerun paper"


def write(name: str, material: Material, asked: Asked, folder: Path) -> Iterator[str]:
    """Write the folder; yield a line on each thing that it holds. The same tables give the same bytes.

    Args:
        name: of the study.
        material: of its runs, with the paper that it is for.
        asked: what the folder is to hold.
        folder: made where it is missing.

    Raises:
        ConfigError: if there is no such figure, row or measure, or the folder holds other things; nothing is written then.
        OSError: if the disk refuses.
    """
    _demand_own(folder)
    tables = dict(_tables(material, asked))
    drawn = _drawn(material, asked.figures)
    for part in ("figures", "tables", "data"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    floats = []
    for one, figure in drawn:
        path = folder / "figures" / f"{one.name}.pdf"
        figures.save(figure, path)
        write_atomic(folder / "data" / f"{one.name}.csv", csv_bytes(figure.data))
        width, height = (float(side) for side in figure.get_size_inches())
        floats.append(_figure_float(name, one, width, height, material.paper))
        scaled = f" ({height:.1f} in tall, scaled to the page: --select fewer tasks or models)" if height > _TALLEST else ""
        yield f"figure: {path}{scaled}"
    for metric, table in tables.items():
        path = folder / "tables" / f"{metric}.tex"
        write_atomic(path, "\n".join(_table_floats(name, metric, table, material)).encode())
        write_atomic(folder / "data" / f"{metric}.csv", csv_bytes(table))
        floats.append(f"\\input{{\\freerunfolder/tables/{metric}}}\n")
        yield f"table: {path}"
    write_atomic(folder / "paper.tex", _fragment(floats).encode())
    two = ",twocolumn" if material.paper.column < material.paper.page else ""
    main = folder / "main.tex"
    if not main.exists() or _own_main(main.read_text(encoding="utf-8", errors="replace")):
        write_atomic(main, (_MAIN % (two, material.paper.page)).encode())
    else:
        yield f"note: {main} was changed by hand, and stays as it is"
    write_atomic(folder / "command.txt", f"{asked.command}\n".encode())
    yield f"paper: {folder}/paper.tex; main.tex compiles it"


def _demand_own(folder: Path) -> None:
    """Refuse a folder that holds something and was not made here."""
    if not folder.is_dir():
        return
    command = folder / "command.txt"
    made_here = command.is_file() and command.read_text(encoding="utf-8", errors="replace").startswith("freerun paper")
    if not made_here and any(folder.iterdir()):
        raise ConfigError(f"{one_line(folder, 120)}: is a folder with other things in it; name a new one, --out FOLDER")


def _own_main(text: str) -> bool:
    """Whether a file that compiles the folder is as it was written, for whatever widths."""
    return re.fullmatch(re.escape(_MAIN).replace("%s", "[^\\]]*").replace("%g", "[0-9.]+"), text) is not None


def _drawn(material: Material, names: Sequence[str]) -> list[tuple[Drawn, StudyFigure]]:
    drawn = list(figures.draw(material, list(names or figures.parts())))
    for name in names:
        if not any(figures.is_of(one.name, name) for one, _ in drawn):
            raise figures.unknown(name)
    return drawn


def _tables(material: Material, asked: Asked) -> Iterator[tuple[str, pd.DataFrame]]:
    """The tables by the names of their files."""
    known = list(dict.fromkeys(full(material)["metric"].dropna()))
    for metric in asked.metrics or (None,):
        if metric is not None and metric not in known:
            raise ConfigError(f"--metrics {brief(metric)}: no table of these runs has it; {nearest(metric, known)}")
        table = paper_table.tidy(material, metric)
        if table.empty:
            raise ConfigError("no run of this study has a measurement yet: there is nothing for a paper")
        yield (metric or "results"), _rows(table, asked.rows)


def _rows(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The rows of some methods and models, each still compared with its own baseline, whether that is a row or not."""
    kept = pd.Series(True, index=table.index)
    wanted: dict[str, set[str]] = {}
    for name in names:
        column, label = _row_named(name, table)
        wanted.setdefault(column, set()).add(label)
    for column, labels in wanted.items():
        kept &= table[column].isin(labels)
    if not kept.any():
        raise ConfigError(f"--rows {listed([brief(name) for name in names])}: no row of the table is of all of these")
    return table[kept].reset_index(drop=True)


def _row_named(name: str, table: pd.DataFrame) -> tuple[str, str]:
    """In which column a name stands, and the label there; a regime may be typed with underscores."""
    for column in ("method", "model"):
        for label in table[column].unique():
            if _plain(label) == _plain(name):
                return column, str(label)
    known = [str(label) for column in ("method", "model") for label in table[column].unique()]
    raise ConfigError(f"--rows {brief(name)}: no method or model of the table is called so; {nearest(name, known)}")


def _plain(name: str) -> str:
    return name.casefold().replace("_", " ").strip()


def _figure_float(study: str, one: Drawn, width: float, height: float, paper: Paper) -> str:
    environment = "figure" if width <= paper.column else "figure*"
    size = f"[height={_TALLEST:g}in]" if height > _TALLEST else "[width=\\linewidth]" if width > paper.page else ""
    return (
        f"\\begin{{{environment}}}[tp]\n\\centering\n\\includegraphics{size}{{\\freerunfolder/figures/{one.name}.pdf}}\n"
        f"\\caption{{{tex(one.caption)}}}\\label{{{_label('fig', study, one.name)}}}\n\\end{{{environment}}}\n"
    )


def _label(kind: str, study: str, name: str) -> str:
    return f"{kind}:{_slug(study)}-{_slug(name)}"


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "x"


def _table_floats(study: str, metric: str, table: pd.DataFrame, material: Material) -> Iterator[str]:
    """The table in floats that fit a page each, the note below the last."""
    pages = list(_pages(table))
    environment = "table*" if material.paper.column < material.paper.page else "table"
    for number, page in enumerate(pages):
        first = page.dropna(subset=["metric"])
        measure = "Error of each task" if metric == "results" else str(first["label"].iloc[0]) if len(first) else metric
        part = f", part {number + 1} of {len(pages)}" if len(pages) > 1 else ""
        suffix = f"{metric}-{number + 1}" if number else metric
        below = note(table, material) if number == len(pages) - 1 else ""
        caption = material.of_split(_CAPTION.format(measure=measure, part=part))
        yield latex_float(page, caption, _label("tab", study, suffix), environment, below)


def _pages(table: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The rows in parts of at most `_ROWS` lines, the lines of a method together, those of a task where they have room."""
    keys = ["task", "model", "method"]
    lines = table[keys].drop_duplicates()
    page: list[tuple[str, str, str]] = []
    room = _ROWS
    for _, of_task in lines.groupby("task", sort=False):
        rows = list(of_task.itertuples(index=False, name=None))
        if page and len(rows) + 1 > room:
            yield _of_lines(table, page)
            page, room = [], _ROWS
        while len(rows) + 1 > _ROWS:
            yield _of_lines(table, rows[: _ROWS - 1])
            rows = rows[_ROWS - 1 :]
        page, room = [*page, *rows], room - len(rows) - 1
    if page:
        yield _of_lines(table, page)


def _of_lines(table: pd.DataFrame, lines: Sequence[tuple[str, str, str]]) -> pd.DataFrame:
    where = pd.MultiIndex.from_frame(table[["task", "model", "method"]]).isin(lines)
    return table[where].reset_index(drop=True)


def _fragment(floats: Sequence[str]) -> str:
    """Every float, with a page of their own now and then, so that LaTeX need not keep more than it can."""
    lines = [
        "% \\usepackage[T1]{fontenc} \\usepackage{textcomp,booktabs,graphicx}",
        "% From another folder: \\newcommand{\\freerunfolder}{PATH/OF/THIS/FOLDER}\\input{PATH/OF/THIS/FOLDER/paper}",
        "\\providecommand{\\freerunfolder}{.}",
        "",
    ]
    for number, one in enumerate(floats, start=1):
        lines += [one, *(["\\clearpage", ""] if number % _FLOATS == 0 else [])]
    return "\n".join(lines)
