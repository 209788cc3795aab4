"""Report on two studies: which is better over the conditions that both have, and what only one has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from freerun.analysis.figures import Drawn
from freerun.analysis.figures._style import bytes_of, style
from freerun.analysis.inference.labels import measure
from freerun.analysis.report import comparison, glossary, page
from freerun.analysis.report.answer_table import MOST, tally
from freerun.analysis.report.comparison_text import NOTE
from freerun.analysis.report.number_text import change, counted, number
from freerun.analysis.report.opening import of_studies
from freerun.analysis.report.section import Block, Grid, Section
from freerun.analysis.report.verdicts import CONFLICT, over_set
from freerun.analysis.tables.tidy import Tables
from freerun.io.writing import write_atomic

_CAPTION = (
    "Change of {a} from {b} in the headlines, condition by condition, running free and forced, with intervals at the level "
    "of the verdict. Above each panel stands on which side which of the two is better."
)
_ANSWER_NOTE = (
    "Change: of the task's first headline, running free, from the second study to the first, with its interval; or the "
    "lowest and the highest of several models. The words are over all headlines of the task."
)


def build(
    infos: tuple[Mapping[str, Any], Mapping[str, Any]], frames: tuple[Tables, Tables], folder: Path, *, on_paper: bool = False
) -> Path:
    """Write ``report_A_vs_B.html`` and ``report_A_vs_B.md`` into the folder of the first study, and its figure into `figures`.

    Args:
        infos: both studies, as they were asked for.
        frames: their tables.
        folder: of the first.
        on_paper: write the PDF too.

    Returns:
        The path of the HTML.

    Raises:
        ConfigError: if they have no condition in common, or the package that sets the PDF is missing.
        OSError: if the disk refuses.
    """
    a, b = (str(info["name"]) for info in infos)
    of = comparison.pairing(a, b, frames)
    headlines = of.table[of.table["own"]].reset_index(drop=True)
    name, target = comparison.file_name(a, b), folder / "figures"
    target.mkdir(parents=True, exist_ok=True)
    drawn = Drawn(name=f"compare_{name}", caption=_CAPTION.format(a=a, b=b))
    with style():
        for ending in ("svg", "png"):
            write_atomic(target / f"{drawn.name}.{ending}", bytes_of(of.figure, ending))
    clauses = ["budgets of training were not equal"] if any(said.startswith("Budgets") for said in of.remarks) else []
    differ = [said for said in of.remarks if said.startswith("In conditions of the same name")]
    clauses += ["settings differ that both have in common"] if differ else []
    content = {
        "info": {"name": name, "title": f"{a} against {b}", "question": _question(infos)},
        "opening": of_studies(headlines, min(of.a.margin, of.b.margin), (len(of.alone[0]), len(of.alone[1])), clauses),
        "answer": _answer(headlines),
    }
    return page.write(folder, f"report_{name}", content, _sections(of, infos), drawn.name, [drawn], on_paper=on_paper)


def _question(infos: Sequence[Mapping[str, Any]]) -> str:
    titles = [str(info.get("title") or info["name"]) for info in infos]
    return f"Where two studies trained the same, does {titles[0]} give other results than {titles[1]}?"


def _answer(headlines: pd.DataFrame) -> Grid:
    """At most one row a task and method; one row a method where these would be too many."""
    rows = headlines[headlines["level"] == "free"]
    lines = [_line(str(task), str(method), of) for (task, method), of in rows.groupby(["task_label", "setting"], sort=False)]
    verdict = f"{rows['regime_label'].iloc[0]} is"
    if len(lines) <= MOST:
        head = ("Task", "Measure", "Trained by", verdict, "Change", "Models", "Seeds")
        return Grid(title="", head=head, rows=lines, grouped=2, note=_ANSWER_NOTE)
    lines = [
        [str(method), str(of["task_label"].nunique()), tally(_words(of)), _seeds(of)]
        for method, of in rows.groupby("setting", sort=False)
    ]
    return Grid(title="", head=("Trained by", "Tasks", verdict, "Seeds"), rows=lines)


def _line(task: str, method: str, rows: pd.DataFrame) -> list[str]:
    first = rows[rows["metric"] == rows["metric"].iloc[0]]
    top: Mapping[Any, Any] = first.iloc[0].to_dict()
    changed = change(top["mean"], top["low"], top["high"], top["ratio"], "")
    if len(first) > 1:
        changed = f"{number(first['mean'].min())} to {number(first['mean'].max())}{' times' if top['ratio'] else ''}"
    named = measure(str(top["label"]), str(top["unit"]))
    return [task, named, method, tally(_words(rows)), changed, str(first["model_label"].nunique()), _seeds(rows)]


def _words(rows: pd.DataFrame) -> dict[str, int]:
    """How many conditions have which verdict over their headlines."""
    words: dict[str, int] = {}
    for _, of in rows.groupby(["task_label", "model_label", "setting"], sort=False):
        word = over_set([str(word) for word in of["verdict"]]) or CONFLICT
        words[word] = words.get(word, 0) + 1
    return words


def _seeds(rows: pd.DataFrame) -> str:
    few, many = int(rows["n"].min()), int(rows["n"].max())
    return str(few) if few == many else f"{few} to {many}"


def _sections(of: comparison.Pairing, infos: Sequence[Mapping[str, Any]]) -> list[Section]:
    lone = [
        Block(title=f"Only in {side.name}", points=list(names) or ["Nothing."])
        for side, names in zip((of.a, of.b), of.alone, strict=True)
    ]
    count = counted(
        of.table.loc[of.table["own"], ["task_label", "model_label", "setting"]].drop_duplicates().shape[0], "condition"
    )
    made = [(str(info["name"]), str(info.get("command") or "")) for info in infos]
    grid = page.comparisons_grid(of.table.assign(regime_label=of.a.name), {})
    return [
        Section(title="Findings", sentences=of.sentences),
        Section(title="What is not compared", sentences=[f"{count} are in both studies."], blocks=lone),
        glossary.section(),
        Section(title="Comparisons", tables=[grid] if grid else [], note=NOTE),
        Section(title="Provenance", tables=[Grid(title="", head=("Study", "Command"), rows=made)]),
    ]
