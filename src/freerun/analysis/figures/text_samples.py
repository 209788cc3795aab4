"""Figure of text samples: what each model writes after the release.

Of reference players the truth stands in it, as the first line of each block. What the others write is not kept: their records
hold numbers alone, and a table none of their texts. The other figures have their numbers.
"""

from __future__ import annotations

from functools import cache
from itertools import groupby
from unicodedata import bidirectional

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

from freerun.analysis.figures._figure_data import LOST_MARK, Material, Sample
from freerun.analysis.figures._looks import Look
from freerun.analysis.figures._style import GREY, StudyFigure, figure
from freerun.analysis.figures._venues import PAGE, Paper, points

PLACE = 6
#: It shows what runs keep beside their numbers.
SAMPLES = True
CAPTION = (
    "Text written in closed loop. Grey: the prompt, which is fed; first line of each block: how the text goes on; "
    "below: what each model writes. Line breaks are shown as \N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}. The "
    "smallest seed of the study."
)
_PROMPTS, _LETTERS, _POINTS, _LINE = 2, 118, 6.5, 0.135
_MONO = "DejaVu Sans Mono"
#: The share of letters that the font may lack.
_STRANGE = 0.02


def draw(material: Material) -> dict[str, StudyFigure]:
    """One figure for each task that shows text in letters of the font; others stand in the report's table of samples alone."""
    samples = material.samples.get("text", [])
    groups = {task: list(of_task) for task, of_task in groupby(samples, key=lambda sample: sample.task)}
    groups = {task: of_task for task, of_task in groups.items() if _legible(of_task)}
    look = material.looks
    gone = material.lost()
    return {
        (f"{number}" if number else ""): _page(of_task, look, gone[gone["task_label"] == task], material.paper)
        for number, (task, of_task) in enumerate(groups.items())
    }


def _legible(samples: list[Sample]) -> bool:
    """Whether the font has all but a few of the letters that are shown, and writes them in their own direction."""
    shown = "".join(line[key] for sample in samples for line in sample.content["lines"] for key in ("prompt", "truth"))
    letters = [letter for letter in shown if letter != "\N{REPLACEMENT CHARACTER}" and not letter.isspace()]
    strange = sum(ord(letter) not in _known() or bidirectional(letter) in ("R", "AL") for letter in letters)
    return strange <= _STRANGE * len(letters)


@cache
def _known() -> frozenset[int]:
    """The letters of the font."""
    return frozenset(get_font(findfont(FontProperties(family=_MONO))).get_charmap())


def _page(samples: list[Sample], look: dict[str, Look], lost: pd.DataFrame, paper: Paper) -> StudyFigure:
    prompts = min(_PROMPTS, *(len(sample.content["lines"]) for sample in samples))
    heads = [f"{sample.model}, {sample.method}" for sample in samples]
    margin = max(len(head) for head in [*heads, "truth"]) + 2
    longest = max(len(line["prompt"]) for line in samples[0].content["lines"][:prompts])
    width = paper.between(paper.page)
    letters = int(_LETTERS * width / PAGE)
    above = margin > letters // 2  # no room for names beside the text: they stand in lines of their own
    margin = 1 if above else margin
    room = min(longest, (letters - margin) // 3)
    height = _LINE * (prompts * ((len(samples) + 1) * (1 + above) + 1) + len(lost)) + 0.2
    made = figure(width, height / points(1.0))
    made.set_layout_engine("none")
    y = height - 0.15
    for number in range(prompts):
        prompt, truth = (samples[0].content["lines"][number][key] for key in ("prompt", "truth"))
        rows = [("truth", "black", prompt, truth)]
        rows += [
            (head, look[sample.method].colour, prompt, sample.content["lines"][number]["generated"])
            for head, sample in zip(heads, samples, strict=True)
        ]
        for head, colour, before, after in rows:
            if above:
                _text(made, 0.01, y / height, head, colour)
                y -= _LINE
            _row(made, y / height, (margin, room, letters), ("" if above else head, before, after), colour)
            y -= _LINE
        y -= _LINE
    for row in lost.to_dict("records"):
        said = f"{row['model_label']}, {row['method']}: {LOST_MARK} {row['lost']} of {row['ended']} runs"
        _text(made, 0.01, y / height, said, look[row["method"]].colour)
        y -= _LINE
    made.data = pd.DataFrame(
        [
            {"task": one.task, "model": one.model, "method": one.method, "seed": one.seed, **line}
            for one in samples
            for line in one.content["lines"][:prompts]
        ]
    )
    return made


def _row(made: Figure, y: float, room: tuple[int, int, int], words: tuple[str, str, str], colour: str) -> None:
    """One line: the name, the end of the prompt and what follows, in the letters that each has room for."""
    (margin, prompt, letters), (head, before, after) = room, words
    before = printable(before)[len(before) - prompt if len(before) > prompt else 0 :]
    after = printable(after)[: max(20, letters - margin - prompt)]
    step = 0.602 * _POINTS / 72 / made.get_figwidth()
    seam = 0.01 + (margin + prompt) * step
    _text(made, 0.01, y, head, colour)
    _text(made, seam, y, before, GREY, "right")
    _text(made, seam, y, after, colour)


def _text(made: Figure, x: float, y: float, text: str, colour: str, side: str = "left") -> None:
    made.text(x, y, text, color=colour, family=_MONO, fontsize=_POINTS, va="center", ha=side)


def printable(text: str) -> str:
    """The text in letters that the font has, line breaks made visible."""
    known = _known()
    shown = text.replace("\n", "\N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}").replace("\t", " ")
    return "".join(letter if ord(letter) in known else "\N{REPLACEMENT CHARACTER}" for letter in shown)
