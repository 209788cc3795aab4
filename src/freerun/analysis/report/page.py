"""Page of the report, in HTML and Markdown: two templates; everything that comes from outside is escaped."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from freerun.analysis.figures import Drawn
from freerun.analysis.figures._figure_data import Sample
from freerun.analysis.inference.interquartile_mean import LEAST
from freerun.analysis.inference.labels import measure, merged, with_end
from freerun.analysis.inference.power import assessed
from freerun.analysis.inference.replicates import CELL
from freerun.analysis.inference.simultaneous import OPEN
from freerun.analysis.report import pdf
from freerun.analysis.report.number_text import UNDEFINED, change, measured, number, span
from freerun.analysis.report.section import Block, Grid, Section, placed
from freerun.analysis.report.verdicts import needed
from freerun.errors import StoreError
from freerun.io.writing import write_atomic

#: Pixels of the screen for a point of a figure in print.
_ENLARGED = 1.75
#: Where a PNG file says how wide it is.
_WIDTH = slice(16, 20)
#: Where an SVG says how wide it is.
_POINTS = re.compile(rb'<svg [^>]*?width="([0-9.]+)pt"')
_SPECIAL = re.compile(r"([\\`*_|~])")
#: How many strings of a grammar are shown for each condition.
_STRINGS = 5
#: A cell of so many letters is not broken into lines.
_SHORT = 36
#: Rows of a table in Markdown, whose pages are read on a screen and cannot fold them.
MOST_ROWS = 40


def write(
    folder: Path,
    name: str,
    answer: Mapping[str, Any],
    sections: Sequence[Section],
    key: str,
    drawn: Sequence[Drawn],
    *,
    on_paper: bool = False,
) -> Path:
    """Write a page as ``NAME.html`` and ``NAME.md``, and as ``NAME.pdf`` where it shall be on paper.

    Args:
        folder: where to, with the figures in `figures`.
        name: of the files.
        answer: `info`, `opening` and `answer`, as `html` takes them.
        sections: what stands below the contents.
        key: the name of the figure that opens the page; "" for none.
        drawn: all figures.
        on_paper: with the PDF.

    Returns:
        The path of the HTML.

    Raises:
        ConfigError: if it shall be on paper, and the package that sets it is missing.
        OSError: if the disk refuses.
    """
    path = folder / f"{name}.html"
    linked = [{**vars(figure), "path": f"figures/{figure.name}"} for figure in drawn]
    first, parts = placed(key, sections, linked)
    content = {**answer, "key": first, "sections": parts}
    if on_paper:
        write_atomic(folder / f"{name}.pdf", pdf.pdf(content, folder))
    write_atomic(folder / f"{name}.md", markdown(content).encode())
    first, parts = placed(key, sections, [_embedded(folder, figure) for figure in drawn])
    write_atomic(path, html({**answer, "key": first, "sections": parts}).encode())
    return path


def _embedded(folder: Path, drawn: Drawn) -> dict[str, Any]:
    """Return a figure as a picture within the page, enlarged from print to screen."""
    path = folder / "figures" / f"{drawn.name}.png"
    kind, image, points = _png(path) if path.is_file() else _svg(path.with_suffix(".svg"))
    return {
        "name": drawn.name,
        "width": round(_ENLARGED * points),
        "caption": drawn.caption,
        "data": f"data:image/{kind};base64,{base64.b64encode(image).decode()}",
    }


def _png(path: Path) -> tuple[str, bytes, float]:
    """The type of a picture with 200 pixels to the inch, its bytes, and its width in points."""
    image = path.read_bytes()
    return "png", image, int.from_bytes(image[_WIDTH]) * 72 / 200


def _svg(path: Path) -> tuple[str, bytes, float]:
    """The same of an SVG, which is what a folder keeps of a figure that tables cannot draw."""
    image = path.read_bytes()
    wide = _POINTS.search(image)
    if wide is None:
        raise StoreError(f"{path}: says no width; remove it")
    return "svg+xml", image, float(wide[1])


def html(content: Mapping[str, Any]) -> str:
    """The page as HTML: self-contained, no script, no network.

    Args:
        content: `info` (name, title, question), `opening` (sentences), `key` (the figure that opens the page, in a list that
            may be empty), `answer` (a short table, or None), `sections`.
    """
    return _environment().get_template("report.html.j2").render(content)


def markdown(content: Mapping[str, Any]) -> str:
    """The same page as Markdown, with links to the figures; of a table that is too long to be read, its first `MOST_ROWS`."""
    return _environment().get_template("report.md.j2").render(content, most_rows=MOST_ROWS)


def levels_grid(table: pd.DataFrame) -> Grid | None:
    """Every condition with both levels, the gap and the runs lost; None where there is no condition.

    Args:
        table: what `summary_table.full` gives.
    """
    rows = summary_rows(table)
    names = ("task_label", "measure", "model_label", "method", "forced", "free", "gap", "n", "lost", "iqm", "steps")
    head = ("Task", "Measure", "Model", "Regime", "Forced", "Free", "Gap", "n", "Lost", "Free, middle half", "Steps")
    marked = frozenset(place for place, row in enumerate(rows) if row["some_lost"])
    return Grid(title="", head=head, rows=_cells(rows, names), grouped=2, marked=marked) if rows else None


def comparisons_grid(compared: pd.DataFrame, chosen: Mapping[tuple[str, str, str], str]) -> Grid | None:
    """The paired comparisons, every measure and level; None where there are none."""
    rows = [{**row, "regime_label": merged(row["regime_label"], row["setting"])} for row in comparison_rows(compared, chosen)]
    names = (
        "task_label", "measure", "level", "model_label", "regime_label", "baseline", "change", "n", "hedges", "delta",
        "improved", "p", "holm", "p_signs", "verdict", "needed",
    )  # fmt: skip
    head = (
        "Task", "Measure", "Level", "Model", "Regime", "Against", "Change", "n", "Size", "Order",
        "Improved", "p", "p, corrected", "p, sign flips", "Verdict", "Seeds needed",
    )  # fmt: skip
    title = f"{len(rows)} paired comparisons"
    return Grid(title=title, head=head, rows=_cells(rows, names), grouped=3) if rows else None


def _cells(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[list[str]]:
    return [[str(row[name]) for name in names] for row in rows]


def summary_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of the summary table, in words."""
    rows = []
    for row in table.to_dict("records"):
        known = isinstance(row.get("metric"), str)
        levels = {
            name: measured(row[name], row[f"{name}_low"], row[f"{name}_high"]) if known else UNDEFINED
            for name in ("forced", "free", "gap")
        }
        partial = known and row["steps"] < row["horizon"]
        names = {name: str(row[name]) for name in CELL}
        names["method"] = with_end(names["method"], row["end"], row["chosen"])
        named = measure(row["label"], row["unit"]) if known else ""
        steps = (f"{row['steps']:.0f} of {row['horizon']:.0f}" if partial else "all") if known and row["n"] else ""
        levels["iqm"] = _middle(row) if known else ""
        rows.append({**names, **levels, "n": str(row["n"]), "steps": steps, "measure": named, **_lost(row)})
    return rows


def _middle(row: Mapping[Any, Any]) -> str:
    """The interquartile mean of the free error; nothing where it would be the mean again, or has no interval."""
    if row["n"] < LEAST or not math.isfinite(row["free_iqm"]):
        return ""
    return measured(row["free_iqm"], row["free_iqm_low"], row["free_iqm_high"])


def _lost(row: Mapping[Any, Any]) -> dict[str, Any]:
    """How many runs of a condition have no result, and why."""
    parts = [f"{row[name]} {name}" for name in ("diverged", "failed", "pending") if row[name]]
    share = f"{row['diverged'] + row['failed']} of {row['runs'] - row['pending']} {span(row['lost_low'], row['lost_high'])}"
    return {"lost": f"{share}: {', '.join(parts)}" if parts else share, "some_lost": bool(parts)}


def comparison_rows(compared: pd.DataFrame, chosen: Mapping[tuple[str, str, str], str]) -> list[dict[str, str]]:
    """The paired comparisons, in words.

    Args:
        compared: the comparisons.
        chosen: what was tuned of each condition, in words.
    """
    rows = []
    for row in compared.to_dict("records"):
        names = {
            name: str(row[name])
            for name in ("task_label", "model_label", "regime_label", "baseline", "setting", "level", "verdict")
        }
        for name in ("regime_label", "baseline"):
            cell = (names["task_label"], names["model_label"], merged(names[name], names["setting"]))
            names[name] = merged(names[name], chosen.get(cell, ""))
        changed = change(row["mean"], row["low"], row["high"], row["ratio"], "")
        numbers = {name: number(row[name]) for name in ("p", "holm", "p_signs", "hedges", "delta")}
        numbers["needed"] = needed(row["needed"], "pair" if row["paired"] else "run") if row["verdict"] == OPEN else ""
        numbers["improved"] = measured(row["improved"], row["improved_low"], row["improved_high"])
        rows.append({**names, **numbers, "n": str(row["n"]), "change": changed, "measure": measure(row["label"], row["unit"])})
    return rows


def power_grid(compared: pd.DataFrame) -> Grid | None:
    """What each family of comparisons could have shown, by the pairs they have; None where no comparison has three seeds."""
    table = assessed(compared)
    rows = [
        [
            str(row["family"]), f"{row['comparisons']} of {row['tested']}", str(row["seeds"]), number(row["detectable"]),
            str(row["seeds_for_one"]),
        ]
        for row in table.to_dict("records")
    ]  # fmt: skip
    title = (
        "What these comparisons could have shown, each held against all others of its family (detectable: the difference, in "
        "standard deviations from seed to seed, that is found in 4 of 5 studies; seeds for 1 sd: those that find one of a "
        "standard deviation)"
    )
    head = ("Family", "Comparisons", "Pairs", "Detectable", "Seeds for 1 sd")
    return Grid(title=title, head=head, rows=rows) if rows else None


def sample_blocks(samples: Mapping[str, list[Sample]]) -> list[Block]:
    """What the models wrote: a block for each prompt of a text, and for the strings of a grammar."""
    blocks: list[Block] = []
    texts = samples.get("text", [])
    for task in dict.fromkeys(sample.task for sample in texts):
        of_task = [sample for sample in texts if sample.task == task]
        for number_ in range(min(len(sample.content["lines"]) for sample in of_task)):
            first = of_task[0].content["lines"][number_]
            lines = [("truth", first["prompt"], first["truth"])]
            lines += [(f"{s.model}, {s.method}", first["prompt"], s.content["lines"][number_]["generated"]) for s in of_task]
            blocks.append(Block(title=f"{task}, prompt {number_ + 1}", lines=_aligned(lines)))
    strings = samples.get("strings", [])
    for task in dict.fromkeys(sample.task for sample in strings):
        lines = [
            (f"{s.model}, {s.method}", "valid    " if line["valid"] else "not valid", f" {line['text']}")
            for s in strings
            if s.task == task
            for line in s.content["lines"][:_STRINGS]
        ]
        blocks.append(Block(title=f"{task}, generated strings", lines=_aligned(lines)))
    return blocks


def _aligned(lines: list[tuple[str, str, str]]) -> list[dict[str, str]]:
    width = max((len(head) for head, _, _ in lines), default=0) + 2
    return [{"head": head.ljust(width), "before": _visible(before), "after": _visible(after)} for head, before, after in lines]


def _visible(text: str) -> str:
    """Control characters made visible, so that a line stays a line."""
    shown = text.replace("\n", "\N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}")
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in shown)


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("freerun.analysis.report", ""),
        autoescape=select_autoescape(("html.j2",)), undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    made.filters["md"] = escaped
    made.filters["fence"] = fence
    made.filters["short"] = lambda text: len(text) <= _SHORT
    return made


def escaped(text: object) -> str:
    """Text as Markdown shows it literally, on one line."""
    safe = _SPECIAL.sub(r"\\\1", " ".join(str(text).split()))
    return safe.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("](", "]\\(")


def fence(lines: list[dict[str, str]]) -> str:
    """A fence longer than any that stands in the text."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line["before"] + line["after"])), default=0)
    return "`" * max(3, longest + 1)
